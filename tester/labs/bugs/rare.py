"""Bugs of all labs that the tests of the course do not notice: ours, beside them, must."""

from typing import Final

from tester.labs.bugs.patch import Patch

KV_SERVER, KV_CLERK = "kvsrv/server.py", "kvsrv/client.py"
DEDUP_SERVER, DEDUP_CLERK = "kvsrv/dedup/server.py", "kvsrv/dedup/client.py"
LOCK, CORE, LOG = "lock/lock.py", "raft/core.py", "raft/log.py"
IMPORT_ASYNCIO = ("from kvsrv.rpc", "import asyncio\n\nfrom kvsrv.rpc")

INSTALL = "        self._table[args.key] = (args.value, version + 1)\n"
INSTALL_IN_TWO_STEPS = """\
        self._table[args.key] = (args.value, version)
        await asyncio.sleep(0)
        self._table[args.key] = (args.value, version + 1)
"""
PUT_AGAIN = """\
            repeated = True
            await asyncio.sleep(0.1)
"""
TEN_TRIES = """\
            tries += 1
            if tries == 10:
                return Err.MAYBE
"""
PUT_IF_NEW = "        if self._is_new(args):\n            self._table[args.key] = args.value\n"
PUT = "        self._is_new(args)\n        self._table[args.key] = args.value\n"
REMEMBER = "        self._last[args.client] = args.request\n"
FORGET = """\
        _ = self._last.pop(args.client, None)
        if len(self._last) >= 100:
            del self._last[next(iter(self._last))]
"""
APPEND_IF_NEW = "        if self._is_new(args):\n            old"
APPEND_IF_ANYTHING = """\
        if args.value == "":
            return AppendReply("")
        if self._is_new(args):
            old"""
WRITE_APPEND = "        args = self._write(key, arg)\n"
ASK_APPEND = """\
        while (reply := await self._end.call(KVServer.append, args)) is None:
            await asyncio.sleep(0.1)
"""
EVERY_TENTH_TIME = """\
            tries += 1
            if tries % 10 == 0:
                args = self._write(key, arg)
"""
ASKED = "        asked = False\n"
LOOK_AT_THE_CLOCK = """\
        asked = False
        seen = None
        now = asyncio.get_running_loop().time
"""
IF_FREE = '            if holder == "":\n'
IF_FREE_OR_LATE = """\
            if version != seen:
                seen, since = version, now()
            if holder == "" or now() - since > 1:
"""

KVSRV: Final = (
    Patch(
        "takes_versions_of_the_future",
        "A put at a higher version than the key has succeeds, too.",
        KV_SERVER,
        (("if version != args.version", "if version > args.version"),),
        killed_by=("test_many_keys_reliable",),
        seeds=1,
    ),
    Patch(
        "misses_what_is_empty",
        "A key whose value is empty is taken for one that is missing.",
        KV_SERVER,
        (("if args.key not in self._table:", 'if self._table.get(args.key, ("",))[0] == "":'),),
        killed_by=("test_many_keys_reliable",),
        seeds=1,
    ),
    Patch(
        "puts_in_two_steps",
        "A get may run between the installation of a value and that of its version.",
        KV_SERVER,
        (
            IMPORT_ASYNCIO,
            ("    def put(", "    async def put("),
            (INSTALL, INSTALL_IN_TWO_STEPS),
        ),
        killed_by=("test_get_and_put_reliable",),
    ),
    Patch(
        "loses_its_patience",
        "The clerk asks ten times, and then says ErrMaybe.",
        KV_CLERK,
        (
            ("        repeated = False\n", "        repeated = False\n        tries = 0\n"),
            (PUT_AGAIN, PUT_AGAIN + TEN_TRIES),
        ),
        killed_by=("test_outage",),
        seeds=1,
    ),
    Patch(
        "resend_says_maybe",
        "A put that was resent and succeeded is answered ErrMaybe.",
        KV_CLERK,
        (
            (
                "if reply.err is Err.VERSION and repeated",
                "if reply.err is not Err.NO_KEY and repeated",
            ),
        ),
        killed_by=("test_outage",),
        seeds=1,
    ),
)

DEDUP: Final = (
    Patch(
        "executes_every_copy_of_a_put",
        "The server executes a put as often as it arrives: it may undo what others have written.",
        DEDUP_SERVER,
        ((PUT_IF_NEW, PUT),),
        killed_by=("test_unreliable_one_key_put", "test_forgotten_client"),
    ),
    Patch(
        "forgets_clients",
        "The server remembers the last hundred clients only.",
        DEDUP_SERVER,
        ((REMEMBER, FORGET + REMEMBER),),
        killed_by=("test_forgotten_client",),
        seeds=1,
    ),
    Patch(
        "appends_nothing_for_nothing",
        "An append of an empty text is answered with an empty text.",
        DEDUP_SERVER,
        ((APPEND_IF_NEW, APPEND_IF_ANYTHING),),
        killed_by=("test_any_text",),
        seeds=1,
    ),
    Patch(
        "loses_its_patience",
        "The clerk asks ten times, and then gives the append a new number.",
        DEDUP_CLERK,
        (
            (
                WRITE_APPEND + ASK_APPEND,
                "        tries = 0\n" + WRITE_APPEND + ASK_APPEND + EVERY_TENTH_TIME,
            ),
        ),
        killed_by=("test_forgotten_client",),
        seeds=1,
    ),
    Patch(
        "names_that_are_not_unique",
        "Clerks choose one of 65 536 names.",
        DEDUP_CLERK,
        (("secrets.randbits(62)", "secrets.randbits(16)"),),
        killed_by=("test_forgotten_client",),
    ),
)

LOCKS: Final = (
    Patch(
        "leases",
        "Acquire takes the lock away from a holder that has kept it for a second.",
        LOCK,
        ((ASKED, LOOK_AT_THE_CLOCK), (IF_FREE, IF_FREE_OR_LATE)),
        killed_by=("test_held_for_long",),
        seeds=1,
    ),
    Patch(
        "goes_by_the_first_letter",
        "Locks whose names begin with the same letter are one.",
        LOCK,
        (("self._name = name", "self._name = name[:1]"),),
        killed_by=("test_reliable_names",),
        seeds=1,
    ),
)

RAFT: Final = (
    Patch(
        "takes_half_for_a_majority",
        "Two of four servers elect a leader, and commit.",
        CORE,
        (("self.majority = size // 2 + 1", "self.majority = (size + 1) // 2"),),
        killed_by=("test_half_is_no_majority",),
        seeds=1,
    ),
    Patch(
        "installs_into_a_wrong_log",
        "What follows a snapshot stays, also if the log is wrong where the snapshot ends.",
        LOG,
        (
            (
                "        if self.agrees(index, term):\n            self.compact",
                "        if self.base <= index <= self.last_index:\n            self.compact",
            ),
        ),
        killed_by=("test_snapshot_into_wrong_log",),
    ),
)
