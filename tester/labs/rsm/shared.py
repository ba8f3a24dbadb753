"""Patches of a replica and of its clerk that the catalogues of several labs have."""

from typing import Final

from tester.labs.patch import Patch

RSM, GROUP = "kvraft/rsm.py", "kvraft/group.py"

INSTALL = "                self._restore(message.snapshot)\n"
MOVE_ON = """\
                tried = True
                self._leader = (self._leader + 1) % len(self._ends)
"""
SUBMIT = "    async def submit(self, request: bytes) -> tuple[Err, R | None]:\n"

MAKES_NO_SNAPSHOT: Final = Patch(
    "makes_no_snapshot",
    "The limit of the Raft state is ignored.",
    RSM,
    (("if 0 < 3 * self._maxraftstate", "if 10**9 < 3 * self._maxraftstate"),),
)
MAKES_SNAPSHOTS_ALWAYS: Final = Patch(
    "makes_snapshots_always",
    "Snapshots are made although nobody wants any.",
    RSM,
    (("if 0 < 3 * self._maxraftstate", "if 3 * self._maxraftstate"),),
)
STARTS_WITHOUT_ITS_SNAPSHOT: Final = Patch(
    "starts_without_its_snapshot",
    "After a restart the machine is empty, and the log begins after the snapshot.",
    RSM,
    (("        if data := persister.read_snapshot():\n", '        if data := b"":\n'),),
)
SKIPS_AFTER_A_SNAPSHOT: Final = Patch(
    "skips_after_a_snapshot",
    "The request that follows an installed snapshot is not applied.",
    RSM,
    ((INSTALL, INSTALL + "                _ = await self._queue.get()\n"),),
)
TAKES_A_SNAPSHOT_FOR_AN_ANSWER: Final = Patch(
    "takes_a_snapshot_for_an_answer",
    "A request is answered when a snapshot covers its place in the log, whatever stood there.",
    RSM,
    (
        (
            INSTALL,
            INSTALL
            + """\
                for waiter in self._waiters.values():
                    if 0 < waiter.index <= message.snapshot_index:
                        waiter.give(Err.OK)
""",
        ),
    ),
)
NEVER_LEAVES_A_DEAD_LEADER: Final = Patch(
    "never_leaves_a_dead_leader",
    "The clerk keeps asking a server that does not answer.",
    GROUP,
    (
        (
            MOVE_ON,
            """\
                tried = True
                if reply is not None:
                    self._leader = (self._leader + 1) % len(self._ends)
""",
        ),
    ),
)

ONE_TASK_PER_REQUEST: Final = Patch(
    "one_task_per_request",
    "Each submission is a task of its own, which outlives its caller.",
    RSM,
    (
        (
            SUBMIT,
            """\
    async def submit(self, request: bytes) -> tuple[Err, R | None]:
        return await asyncio.shield(
            asyncio.get_running_loop().create_task(self._submit(request))
        )

    async def _submit(self, request: bytes) -> tuple[Err, R | None]:
""",
        ),
    ),
)
ASKS_BY_CHANCE: Final = Patch(
    "asks_by_chance",
    "A clerk asks a random server next.",
    GROUP,
    (("(self._leader + 1) % len(self._ends)", "random.randrange(len(self._ends))"),),
)
