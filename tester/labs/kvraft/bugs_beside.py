"""Bugs of servers and clerks that answer by what they know beside the log."""

from dataclasses import replace
from typing import Final

from tester.labs.patch import Patch
from tester.labs.rsm import shared

SERVER, CLERK = "kvraft/server.py", "kvraft/client.py"

MAKE = "        self._rsm = RSM(peers, me, persister, maxraftstate, KVMachine())\n"
GET = "        err, reply = await self._rsm.submit(KV_REQUEST.encode(KVRequest(args.key)))\n"
PUT = "        err, reply = await self._rsm.submit(KV_REQUEST.encode(request))\n"

BESIDE: Final = (
    replace(
        shared.TAKES_A_SNAPSHOT_FOR_AN_ANSWER,
        killed_by=("test_puts_behind_a_snapshot",),
        seeds=1,
    ),
    Patch(
        "answers_reads_from_a_cache",
        "A leader answers a read as it answered the last one, until it is asked for a put.",
        SERVER,
        (
            (MAKE, MAKE + "        self._cache: dict[str, GetReply] = {}\n"),
            (
                GET,
                f"""\
        if args.key in self._cache and self._rsm.raft.get_state()[1]:
            return self._cache[args.key]
{GET}\
        if isinstance(reply, GetReply):
            self._cache[args.key] = reply
""",
            ),
            (PUT, f"{PUT}        self._cache.pop(args.key, None)\n"),
        ),
        killed_by=("test_concurrent_4b",),
    ),
    Patch(
        "compares_versions_before_the_log",
        "A leader refuses a put by the version that its own table has, and logs only the others.",
        SERVER,
        (
            (
                MAKE,
                """\
        self._machine = KVMachine()
        self._rsm = RSM(peers, me, persister, maxraftstate, self._machine)
""",
            ),
            (
                PUT,
                f"""\
        if not self._rsm.raft.get_state()[1]:
            return PutReply(Err.WRONG_LEADER)
        found = self._machine.apply(KV_REQUEST.encode(KVRequest(args.key)))
        if found.version != args.version:
            return PutReply(Err.VERSION if found.version else Err.NO_KEY)
{PUT}""",
            ),
            ("from kvsrv.rpc import", "from kvsrv.rpc import Err,"),
        ),
        killed_by=("test_one_partition_4b", "test_leader_crashes"),
    ),
    Patch(
        "reads_whether_it_has_happened",
        "A clerk in doubt reads the key, and says ErrVersion if it has another value by then.",
        CLERK,
        (
            (
                "            return Err.MAYBE  # an earlier try may have used this version up\n",
                """\
            found, _, _ = await self.get(key)
            return Err.OK if found == value else Err.VERSION
""",
            ),
        ),
        killed_by=("test_unreliable_4b",),
    ),
)
