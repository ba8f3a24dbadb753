"""Bugs of a replicated key/value server and of its clerk, and variants that are none."""

from dataclasses import replace
from typing import Final

from tester.labs.kvraft.bugs_beside import BESIDE
from tester.labs.kvraft.bugs_leases import GET, LEADER_LEASE, LEASES, LOCAL, MAKE
from tester.labs.kvraft.solutions import SOLUTIONS
from tester.labs.patch import Catalogue, Patch
from tester.labs.rsm import shared

SERVER, CLERK, GROUP = "kvraft/server.py", "kvraft/client.py", "kvraft/group.py"
RSM, CORE = "kvraft/rsm.py", "raft/core.py"
BASIC, SPEED, CONCURRENT = "test_basic_4b", "test_speed_4b", "test_concurrent_4b"
UNRELIABLE, ONE_PARTITION = "test_unreliable_4b", "test_one_partition_4b"
PARTITIONS = "test_many_partitions_many_clients_4b"
PERSIST_UNRELIABLE = "test_persist_concurrent_unreliable_4b"
SNAPSHOT_RPC, SIZE, RECOVER = (
    "test_snapshot_rpc_4c",
    "test_snapshot_size_4c",
    "test_snapshot_recover_4c",
)
CRASHES, NO_PROOF = "test_leader_crashes", "test_wrong_leader_is_no_proof"
EVERY_ANSWER, LONG = "test_every_answer", "test_no_majority_for_long"
DIFFERENT, READS = "test_snapshots_at_different_times", "test_reads_while_leaders_change"

OWN_MACHINE = """\
        self._machine = KVMachine()
        self._rsm = RSM(peers, me, persister, maxraftstate, self._machine)
"""
PUT = "        err, reply = await self._rsm.submit(KV_REQUEST.encode(request))\n"
MAYBE = """\
        if tried and reply.err is Err.VERSION:
            return Err.MAYBE  # an earlier try may have used this version up
"""
MOVE_ON = """\
                tried = True
                self._leader = (self._leader + 1) % len(self._ends)
"""

BUGS: Final = (
    Patch(
        "reads_what_it_has",
        "A server answers reads from its own table, whoever leads.",
        SERVER,
        ((MAKE, OWN_MACHINE), (GET, f"        return {LOCAL}\n")),
        killed_by=(ONE_PARTITION, CONCURRENT),
        seeds=2,
    ),
    Patch(
        "reads_while_it_believes_that_it_leads",
        "A leader answers reads from its table, and may have been deposed.",
        SERVER,
        (
            (MAKE, OWN_MACHINE),
            (
                GET,
                f"""\
        if not self._rsm.raft.get_state()[1]:
            return GetReply("", 0, Err.WRONG_LEADER)
        return {LOCAL}
""",
            ),
            ("from kvsrv.rpc import", "from kvsrv.rpc import Err,"),
        ),
        killed_by=(ONE_PARTITION, READS),
        seeds=10,
    ),
    Patch(
        "knows_no_key_when_it_does_not_lead",
        "A server that does not lead answers a read with ErrNoKey.",
        SERVER,
        (
            ('GetReply("", 0, err)', 'GetReply("", 0, Err.NO_KEY)'),
            ("from kvsrv.rpc import", "from kvsrv.rpc import Err,"),
        ),
        killed_by=(BASIC,),
    ),
    Patch(
        "answers_puts_without_a_majority",
        "A put is answered when Raft has taken it, by what the table of the leader says.",
        SERVER,
        (
            (MAKE, OWN_MACHINE),
            (
                PUT,
                """\
        _, _, leads = self._rsm.raft.start(
            ENTRY.encode(Entry(0, 0, KV_REQUEST.encode(request)))
        )
        if not leads:
            return PutReply(Err.WRONG_LEADER)
        version = self._machine.apply(KV_REQUEST.encode(KVRequest(args.key))).version
        err, reply = Err.OK, PutReply(Err.OK if version == args.version else Err.VERSION)
""",
            ),
            ("from kvsrv.rpc import", "from kvsrv.rpc import Err,"),
            ("import RSM\n", "import ENTRY, RSM, Entry\n"),
        ),
        killed_by=(CONCURRENT, PARTITIONS),
    ),
    replace(shared.NEVER_LEAVES_A_DEAD_LEADER, killed_by=(CRASHES, ONE_PARTITION), seeds=2),
    Patch(
        "stays_with_the_first_server",
        "The clerk waits until the server it asked first leads.",
        GROUP,
        ((MOVE_ON, "                tried = True\n"),),
        killed_by=(BASIC, CRASHES),
        seeds=10,
    ),
    Patch(
        "sure_that_nothing_happened",
        "The clerk says ErrVersion though an earlier try may have happened.",
        CLERK,
        ((MAYBE, ""),),
        killed_by=(UNRELIABLE, PERSIST_UNRELIABLE),
    ),
    Patch(
        "takes_wrong_leader_for_a_proof",
        "The clerk takes ErrWrongLeader for a proof that nothing happened, and waits for replies.",
        GROUP,
        (
            ("                tried = True\n", "                tried |= reply is None\n"),
            ("PATIENCE_MS: Final = 300", "PATIENCE_MS: Final = 10_000"),
        ),
        killed_by=(NO_PROOF,),
    ),
    Patch(
        "says_version_for_no_key",
        "A put at a version of a missing key is answered with ErrVersion.",
        SERVER,
        (
            ("import GetArgs, GetReply, PutArgs", "import Err, GetArgs, GetReply, PutArgs"),
            (
                PUT,
                PUT
                + """\
        if isinstance(reply, PutReply) and reply.err is Err.NO_KEY:
            return PutReply(Err.VERSION)
""",
            ),
        ),
        killed_by=(EVERY_ANSWER,),
        seeds=1,
    ),
    Patch(
        "takes_empty_for_missing",
        "A key that holds an empty text is answered with ErrNoKey.",
        SERVER,
        (
            ("import GetArgs, GetReply, PutArgs", "import Err, GetArgs, GetReply, PutArgs"),
            (
                "        return reply if isinstance(reply, GetReply) else",
                """\
        if isinstance(reply, GetReply) and not reply.value:
            return GetReply("", 0, Err.NO_KEY)
        return reply if isinstance(reply, GetReply) else""",
            ),
        ),
        killed_by=(EVERY_ANSWER,),
        seeds=1,
    ),
    Patch(
        "doubts_that_there_is_no_key",
        "The clerk says ErrMaybe for a put to a missing key that it has sent twice.",
        CLERK,
        ((MAYBE, MAYBE.replace("is Err.VERSION", "in (Err.VERSION, Err.NO_KEY)")),),
        killed_by=(EVERY_ANSWER,),
    ),
    Patch(
        "gives_up_at_last",
        "A clerk that has had no answer for ten seconds says ErrMaybe.",
        CLERK,
        (
            ("from collections.abc", "import asyncio\nfrom collections.abc"),
            (
                """\
        reply, tried = await self._group.ask(KVServer.put, PutArgs(key, value, version))
""",
                """\
        try:
            async with asyncio.timeout(10):
                reply, tried = await self._group.ask(KVServer.put, PutArgs(key, value, version))
        except TimeoutError:
            return Err.MAYBE
""",
            ),
        ),
        killed_by=(LONG,),
        seeds=1,
    ),
    Patch(
        "doubts_what_it_must_know",
        "The clerk says ErrMaybe though it has asked only once.",
        CLERK,
        ((MAYBE, MAYBE.replace("tried and ", "")),),
        killed_by=(BASIC, CONCURRENT),
    ),
    Patch(
        "takes_version_for_success",
        "The clerk says OK where an earlier try may have happened.",
        CLERK,
        ((MAYBE, MAYBE.replace("Err.MAYBE", "Err.OK")),),
        killed_by=(UNRELIABLE, PERSIST_UNRELIABLE),
    ),
    Patch(
        "puts_at_a_later_version",
        "The clerk reads the version when it asks again, and puts at that one.",
        CLERK,
        (
            (
                MAYBE,
                """\
        if tried and reply.err is Err.VERSION:
            _, version, _ = await self.get(key)
            return await self.put(key, value, version)
""",
            ),
        ),
        killed_by=(UNRELIABLE, PERSIST_UNRELIABLE),
    ),
    Patch(
        "ends_keys_at_a_zero",
        "A key ends before its first character 0, as a text of C does.",
        SERVER,
        (
            (
                "KV_REQUEST.encode(KVRequest(args.key))",
                'KV_REQUEST.encode(KVRequest(args.key.split("\\0")[0]))',
            ),
            ("KVRequest(args.key, args.value", 'KVRequest(args.key.split("\\0")[0], args.value'),
        ),
        killed_by=("test_similar_texts",),
        seeds=1,
    ),
    replace(shared.MAKES_NO_SNAPSHOT, killed_by=(SIZE,), seeds=1),
    replace(shared.MAKES_SNAPSHOTS_ALWAYS, killed_by=(BASIC,), seeds=1),
    replace(shared.SKIPS_AFTER_A_SNAPSHOT, killed_by=(SNAPSHOT_RPC,)),
    replace(shared.STARTS_WITHOUT_ITS_SNAPSHOT, killed_by=(RECOVER,), seeds=1),
    Patch(
        "goes_back_to_old_snapshots",
        "A snapshot that covers less than what was applied moves the server backwards.",
        CORE,
        ((" and index > self.commit:", ":"),),
        killed_by=(DIFFERENT,),
        seeds=50,
    ),
    Patch(
        "waits_for_a_heartbeat",
        "A leader sends what it was given with its next heartbeat.",
        CORE,
        (
            (
                "        for peer in self.peers:\n            self._maybe_send_append(peer)\n",
                "",
            ),
        ),
        killed_by=(SPEED,),
        seeds=1,
    ),
)

READ_INDEX = f"""\
        raft = self._rsm.raft
        term, leads = raft.get_state()
        if leads and self._term == term and await self._leads_still(term):
            return {LOCAL}
        err, reply = await self._rsm.submit(KV_REQUEST.encode(KVRequest(args.key)))
        if err is Err.OK and raft.get_state() == (term, True):
            self._term = term  # it has applied all that earlier terms have committed
        return reply if isinstance(reply, GetReply) else GetReply("", 0, err)

    async def term(self, args: GetArgs) -> GetReply:
        \"\"\"A leader asks which term it is here.\"\"\"
        return GetReply("", self._rsm.raft.get_state()[0], Err.OK)

    async def _leads_still(self, term: int) -> bool:
        \"\"\"Whether no later leader can have been elected yet: a majority knows of none.\"\"\"
        others = [end for i, end in enumerate(self._peers) if i != self._me]
        asked = [
            asyncio.get_running_loop().create_task(end.call(KVServer.term, GetArgs("")))
            for end in others
        ]
        known = 1
        while asked and known <= len(self._peers) // 2:
            done, pending = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            asked = [task for task in asked if task in pending]
            for task in done:
                reply = task.result()
                known += reply is not None and reply.version <= term
        for task in asked:
            task.cancel()
        return known > len(self._peers) // 2
"""

VARIANTS: Final = (
    Patch(
        "read_index",
        "A leader that a majority has just confirmed answers reads from its table.",
        SERVER,
        (
            (
                MAKE,
                OWN_MACHINE + "        self._peers, self._me, self._term = peers, me, -1\n",
            ),
            (GET, READ_INDEX),
            ("from kvsrv.rpc import", "from kvsrv.rpc import Err,"),
            ("from collections", "import asyncio\nfrom collections"),
        ),
    ),
    LEADER_LEASE,
    Patch(
        "snapshots_in_background",
        "A snapshot is handed to Raft some time after it was made.",
        RSM,
        (
            (
                "        self._number = 0\n",
                "        self._number = 0\n        self._writing: Any = None\n",
            ),
            (
                """\
            data = SNAPSHOT.encode(Snapshot(self._applied, self._machine.snapshot()))
            await _result(self.raft.snapshot(self._applied, data))
""",
                """\
            if self._writing is None or self._writing.done():
                data = SNAPSHOT.encode(Snapshot(self._applied, self._machine.snapshot()))
                self._writing = asyncio.get_running_loop().create_task(
                    self._write(self._applied, data)
                )

    async def _write(self, index: int, data: bytes) -> None:
        await asyncio.sleep(0.02)
        await _result(self.raft.snapshot(index, data))
""",
            ),
        ),
    ),
    shared.ONE_TASK_PER_REQUEST,
    Patch(
        "has_no_patience_limit",
        "The clerk waits for each server for as long as that takes.",
        GROUP,
        (("PATIENCE_MS: Final = 300", "PATIENCE_MS: Final = 600_000"),),
    ),
    Patch(
        "starts_anywhere",
        "A clerk begins with a server by chance, and goes on from there.",
        GROUP,
        (("        self._leader = 0\n", "        self._leader = random.randrange(len(ends))\n"),),
    ),
    shared.ASKS_BY_CHANCE,
    Patch(
        "answers_after_a_while",
        "A server that is asked for what it cannot do now waits a little before it says so.",
        SERVER,
        (
            (
                PUT,
                PUT + "        if err is not Err.OK:\n            await asyncio.sleep(0.02)\n",
            ),
            ("from kvsrv.rpc import", "from kvsrv.rpc import Err,"),
            ("from collections", "import asyncio\nfrom collections"),
        ),
    ),
)

CATALOGUE: Final = Catalogue((*BUGS, *BESIDE, *LEASES), (*VARIANTS, *SOLUTIONS))
