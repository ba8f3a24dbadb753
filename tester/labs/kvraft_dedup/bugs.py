"""Bugs of a replicated store that executes each write once, and variants that are none."""

from dataclasses import replace
from typing import Final

from tester.labs.patch import Catalogue, Patch
from tester.labs.rsm import shared

SERVER, CLERK, GROUP = "kvraft/dedup/server.py", "kvraft/dedup/client.py", "kvraft/group.py"
RSM = "kvraft/rsm.py"
BASIC, CONCURRENT, UNRELIABLE = "test_basic_4a", "test_concurrent_4a", "test_unreliable_4a"
ONE_KEY, ONE_PARTITION = "test_unreliable_one_key_4a", "test_one_partition_4a"
SIZE = "test_snapshot_size_4b"
NEXT, DIFFERENT = "test_next_leader_knows", "test_snapshots_at_different_times"
FORGOTTEN = "test_forgotten_client"

MAKE = "        self._rsm = RSM(peers, me, persister, maxraftstate, AppendMachine())\n"
MACHINE = "AppendMachine())"
CLASS = "\n\nclass KVServer:\n"
GET = '        return await self._execute(AppendRequest("get", args.key))\n'
APPEND = 'AppendRequest("append", args.key, args.value, args.client, args.number)'
EXECUTE = "        err, value = await self._rsm.submit(APPEND_REQUEST.encode(request))\n"
ASK = "        self._group = Group(ends, LEADER_MS)\n"


def _machine(body: str) -> tuple[tuple[str, str], ...]:
    """The edits that give the server a machine with these methods."""
    return (
        (MACHINE, "Machine())"),
        (CLASS, f"\n\nclass Machine(AppendMachine):\n{body}{CLASS}"),
    )


BUGS: Final = (
    Patch(
        "table_not_in_the_snapshot",
        "A snapshot holds the values, and not what was executed of whom.",
        SERVER,
        _machine("""\
    def snapshot(self) -> bytes:
        server = AppendMachine()
        server._server._table = self._server._table
        return server.snapshot()
"""),
        killed_by=(NEXT, DIFFERENT),
        seeds=20,
    ),
    Patch(
        "table_lost_on_restart",
        "What was executed of whom is not restored.",
        SERVER,
        _machine("""\
    def restore(self, data: bytes) -> None:
        super().restore(data)
        self._server._last.clear()
        self._server._answer.clear()
"""),
        killed_by=(NEXT, DIFFERENT),
        seeds=20,
    ),
    Patch(
        "forgets_silent_clients",
        "What was executed of a client is forgotten after 300 requests of others.",
        SERVER,
        _machine("""\
    def __init__(self) -> None:
        super().__init__()
        self._requests = 0
        self._latest: dict[int, int] = {}

    def apply(self, request: bytes) -> str:
        self._requests += 1
        client = APPEND_REQUEST.decode(request).client
        self._latest[client] = self._requests
        for other in [one for one, at in self._latest.items() if at < self._requests - 300]:
            del self._latest[other]
            self._server._last.pop(other, None)
            self._server._answer.pop(other, None)
        return super().apply(request)
"""),
        killed_by=(FORGOTTEN,),
        seeds=1,
    ),
    Patch(
        "answers_not_in_the_snapshot",
        "A snapshot holds the numbers of what was executed, and no answers.",
        SERVER,
        _machine("""\
    def restore(self, data: bytes) -> None:
        super().restore(data)
        self._server._answer.clear()
"""),
        killed_by=(DIFFERENT, NEXT),
        seeds=40,
    ),
    Patch(
        "table_keyed_by_number",
        "Writes are known by their numbers, whoever the client is.",
        SERVER,
        ((APPEND, APPEND.replace("args.client", "0")),),
        killed_by=(CONCURRENT, ONE_KEY),
        seeds=1,
    ),
    Patch(
        "table_keyed_by_key",
        "Writes are known by the key and the number.",
        SERVER,
        ((APPEND, APPEND.replace("args.client", "len(args.key)")),),
        killed_by=(ONE_KEY,),
        seeds=1,
    ),
    Patch(
        "each_server_remembers_for_itself",
        "The leader knows what it has executed itself, and the next one does not.",
        SERVER,
        (
            (MAKE, MAKE + "        self._done: dict[tuple[int, int], Reply] = {}\n"),
            (
                EXECUTE,
                """\
        key = request.client, request.number
        if request.client and key in self._done:
            return self._done[key]
        anew = AppendRequest(
            request.method, request.key, request.value, secrets.randbits(62), 1
        )
        err, value = await self._rsm.submit(APPEND_REQUEST.encode(anew))
        if err is Err.OK:
            self._done[key] = Reply(err, value or "")
""",
            ),
            ("from collections", "import secrets\nfrom collections"),
            ("from labrpc", "from kvsrv.rpc import Err\nfrom labrpc"),
        ),
        killed_by=(NEXT,),
        seeds=5,
    ),
    Patch(
        "answers_a_repetition_too_soon",
        "A write that is repeated is answered although the first copy is still under way.",
        SERVER,
        (
            (MAKE, MAKE + "        self._seen: dict[int, int] = {}\n"),
            (
                EXECUTE,
                """\
        if request.client and self._seen.get(request.client, 0) >= request.number:
            return Reply(Err.OK, "")
        if request.client and self._rsm.raft.get_state()[1]:
            self._seen[request.client] = request.number
"""
                + EXECUTE,
            ),
            ("from labrpc", "from kvsrv.rpc import Err\nfrom labrpc"),
        ),
        killed_by=(ONE_KEY, UNRELIABLE),
        seeds=5,
    ),
    Patch(
        "executes_every_copy",
        "A write is executed as often as it stands in the log.",
        SERVER,
        (
            (APPEND, APPEND.replace("args.client, args.number", "secrets.randbits(62), 1")),
            ("from collections", "import secrets\nfrom collections"),
        ),
        killed_by=(ONE_KEY, UNRELIABLE),
        seeds=5,
    ),
    Patch(
        "executes_every_copy_of_a_put",
        "A put is executed as often as it stands in the log, and may undo what others wrote.",
        SERVER,
        _machine("""\
    def apply(self, request: bytes) -> str:
        answer = super().apply(request)
        it = APPEND_REQUEST.decode(request)
        if it.method == "put":
            self._server._table[it.key] = it.value
        return answer
"""),
        killed_by=("test_unreliable_one_key_put",),
        seeds=10,
    ),
    Patch(
        "remembers_eight_clients",
        "What was executed of a client is forgotten when eight others have written.",
        SERVER,
        _machine("""\
    def apply(self, request: bytes) -> str:
        answer = super().apply(request)
        it = APPEND_REQUEST.decode(request)
        if it.number:
            last = self._server._last
            last[it.client] = last.pop(it.client)
            if len(last) > 8:
                del last[next(iter(last))]
        return answer
"""),
        killed_by=("test_unreliable_one_key_put",),
        seeds=10,
    ),
    Patch(
        "gives_up_at_last",
        "A clerk that has had no answer for ten seconds takes its append for done.",
        CLERK,
        (
            ("import secrets\n", "import asyncio\nimport secrets\n"),
            (
                """\
        reply, _ = await self._group.ask(KVServer.append, self._write(key, arg))
        return reply.value
""",
                """\
        try:
            async with asyncio.timeout(10):
                reply, _ = await self._group.ask(KVServer.append, self._write(key, arg))
        except TimeoutError:
            return ""
        return reply.value
""",
            ),
        ),
        killed_by=("test_no_majority_for_long",),
        seeds=1,
    ),
    Patch(
        "answers_with_what_is_there",
        "A repetition is answered with the value the key has by now.",
        SERVER,
        _machine("""\
    def apply(self, request: bytes) -> str:
        it = APPEND_REQUEST.decode(request)
        if it.number and it.number <= self._server._last.get(it.client, 0):
            return self._server._table.get(it.key, "")
        return super().apply(request)
"""),
        killed_by=(ONE_KEY, NEXT),
        seeds=5,
    ),
    Patch(
        "one_answer_for_all_clients",
        "The machine remembers the answer to one append only, whoever asked.",
        SERVER,
        _machine("""\
    def apply(self, request: bytes) -> str:
        answer = super().apply(request)
        client = APPEND_REQUEST.decode(request).client
        if client:
            for other in [c for c in self._server._answer if c != client]:
                del self._server._answer[other]
        return answer
"""),
        killed_by=(ONE_KEY,),
        seeds=10,
    ),
    Patch(
        "a_new_number_for_each_try",
        "The clerk numbers each try of a write.",
        CLERK,
        (
            (ASK, "        self._group = Anew(ends, LEADER_MS)\n"),
            (
                "\n\nclass Clerk:\n",
                '''

class Anew(Group):
    """Numbers each try."""

    numbers = 0

    async def _try(self, method, args):  # type: ignore[no-untyped-def]
        if isinstance(args, WriteArgs):
            self.numbers += 1
            args = WriteArgs(args.key, args.value, args.client, self.numbers)
        return await super()._try(method, args)


class Clerk:
''',
            ),
        ),
        killed_by=(ONE_KEY, UNRELIABLE),
        seeds=5,
    ),
    Patch(
        "reads_what_it_has",
        "A server answers reads from its own table, whoever leads.",
        SERVER,
        (
            (
                MAKE,
                "        self._machine = AppendMachine()\n"
                + MAKE.replace("AppendMachine()", "self._machine"),
            ),
            (
                GET,
                """\
        request = AppendRequest("get", args.key)
        return Reply(Err.OK, self._machine.apply(APPEND_REQUEST.encode(request)))
""",
            ),
            ("from labrpc", "from kvsrv.rpc import Err\nfrom labrpc"),
        ),
        killed_by=(BASIC, ONE_PARTITION),
        seeds=2,
    ),
    replace(shared.NEVER_LEAVES_A_DEAD_LEADER, killed_by=(NEXT,), seeds=2),
    replace(shared.MAKES_NO_SNAPSHOT, killed_by=(SIZE,), seeds=1),
    replace(shared.SKIPS_AFTER_A_SNAPSHOT, killed_by=("test_snapshot_rpc_4b",)),
)

VARIANTS: Final = (
    Patch(
        "is_patient",
        "A clerk waits for half a second before it asks another server.",
        CLERK,
        (("LEADER_MS: Final = 80", "LEADER_MS: Final = 500"),),
    ),
    Patch(
        "small_clients",
        "Clients are named by fewer bits.",
        CLERK,
        (("secrets.randbits(62)", "secrets.randbits(48)"),),
    ),
    Patch(
        "numbers_from_a_hundred_on",
        "A clerk counts its requests from another number on, in steps of two.",
        CLERK,
        (
            ("        self._number = 0\n", "        self._number = 100\n"),
            ("        self._number += 1\n", "        self._number += 2\n"),
        ),
    ),
    Patch(
        "remembers_answers_beside_the_log",
        "A leader answers a repetition from what it has executed, without another entry.",
        SERVER,
        (
            (
                MAKE,
                "        self._machine = AppendMachine()\n"
                + MAKE.replace("AppendMachine()", "self._machine"),
            ),
            (
                EXECUTE,
                """\
        server = self._machine._server
        if request.number and server._last.get(request.client) == request.number:
            return Reply(Err.OK, server._answer.get(request.client, ""))
"""
                + EXECUTE,
            ),
            ("from labrpc", "from kvsrv.rpc import Err\nfrom labrpc"),
        ),
    ),
    shared.ASKS_BY_CHANCE,
    Patch(
        "keeps_its_pace",
        "A clerk pauses for the same time after each round.",
        GROUP,
        (("PAUSE_MS: Final = 10, 320", "PAUSE_MS: Final = 50, 50"),),
    ),
)

CATALOGUE: Final = Catalogue(BUGS, VARIANTS)
