"""Bugs of a replicated state machine, which its suite must notice, and variants that are none."""

from dataclasses import replace
from typing import Final

from tester.labs.patch import Catalogue, Patch
from tester.labs.rsm import shared

RSM = "kvraft/rsm.py"
BASIC, PARTITION, REPLAY = "test_basic_4a", "test_leader_partition_4a", "test_restart_replay_4a"
CONCURRENT, SHUTDOWN, SNAPSHOT = "test_concurrent_4a", "test_shutdown_4a", "test_snapshot_4c"
LAGGARD = "test_laggard_gets_a_snapshot"
FORGETS = "test_forgets_requests_that_are_over"
LONG = "test_minority_for_long"
DIFFERENT = "test_snapshots_at_different_times"

WAIT = "            return await waiter.answer\n"
TAKE = """\
                self._apply(message.command_index, ENTRY.decode(message.command))
                await self._compact()
"""
WAKE = """\
        mine = entry.number if entry.origin == self._origin else 0
        if mine in self._waiters:
            self._waiters[mine].give(Err.OK, reply)
        if (expected := self._numbers.get(index, mine)) != mine:
            self._waiters[expected].give(Err.WRONG_LEADER)  # another leader has filled its place
"""
FORGET = """\
            del self._waiters[number]
            if self._numbers.get(waiter.index) == number:
                del self._numbers[waiter.index]
"""
CHECK = "            if self._term_check is None or self._term_check.done():\n"
KILL_RAFT = "        killed: object = self.raft.kill()\n"
TELL_ALL = f"""\
        for waiter in self._waiters.values():
            waiter.give(Err.WRONG_LEADER)
{KILL_RAFT}"""
GIVE = "            self._waiters[mine].give(Err.OK, reply)\n"
ONCE_MORE = "            reply = self._machine.apply(entry.request)\n"
APPLY = "    def _apply(self, index: int, entry: Entry) -> None:\n"
START = "        self._number = 0\n"
APPLIED = "        reply = self._machine.apply(entry.request)\n"
ALL_APPLIED = """\
        reply: Any = [self._machine.apply(one) for one in BATCH.decode(entry.request)]
"""
CODEC = "SNAPSHOT: Final = codec(Snapshot)\n"
INSTALL = "                self._restore(message.snapshot)\n"
MAKE = """\
            data = SNAPSHOT.encode(Snapshot(self._applied, self._machine.snapshot()))
            await _result(self.raft.snapshot(self._applied, data))
"""
BATCH = """\
    async def submit(self, request: bytes) -> tuple[Err, R | None]:
        answer: asyncio.Future[tuple[Err, R | None]] = (
            asyncio.get_running_loop().create_future()
        )
        self._batch.append((request, answer))
        if len(self._batch) == 1:
            self._sender = asyncio.get_running_loop().create_task(self._send())
        return await answer

    async def _send(self) -> None:
        await asyncio.sleep(0.002)
        batch, self._batch = self._batch, []
        err, replies = await self._submit(BATCH.encode([request for request, _ in batch]))
        for at, (_, answer) in enumerate(batch):
            if not answer.done():
                answer.set_result((err, None if replies is None else replies[at]))

    async def _submit(self, request: bytes) -> tuple[Err, list[R] | None]:
"""
IN_BACKGROUND = """\
            if self._writing is None or self._writing.done():
                data = SNAPSHOT.encode(Snapshot(self._applied, self._machine.snapshot()))
                self._writing = asyncio.get_running_loop().create_task(
                    self._write(self._applied, data)
                )

    async def _write(self, index: int, data: bytes) -> None:
        await asyncio.sleep(0.03)
        if not self._killed:
            await _result(self.raft.snapshot(index, data))
"""

BUGS: Final = (
    Patch(
        "answers_before_commit",
        "A request is answered as soon as Raft has taken it.",
        RSM,
        ((WAIT, "            waiter.give(Err.OK)\n" + WAIT),),
        killed_by=(BASIC,),
        seeds=1,
    ),
    Patch(
        "waits_for_a_deposed_leader",
        "Who waits is never told that leadership was lost.",
        RSM,
        ((CHECK, "            if False:\n"),),
        killed_by=(PARTITION,),
        seeds=1,
    ),
    Patch(
        "wakes_whoever_has_the_index",
        "A request is answered when its index is applied, whatever stands there.",
        RSM,
        (
            (
                WAKE,
                """\
        if (number := self._numbers.get(index, 0)) in self._waiters:
            self._waiters[number].give(Err.OK, reply)
""",
            ),
        ),
        killed_by=(PARTITION,),
    ),
    Patch(
        "knows_requests_by_number_alone",
        "A request of another server is taken for that of the same number here.",
        RSM,
        (("entry.number if entry.origin == self._origin else 0", "entry.number"),),
        killed_by=(PARTITION, DIFFERENT),
        seeds=20,
    ),
    Patch(
        "counts_anew_after_a_restart",
        "After a restart a server takes its old requests for those that are under way.",
        RSM,
        (("secrets.randbits(62)", "me"),),
        killed_by=(REPLAY,),
        seeds=10,
    ),
    Patch(
        "waits_when_it_is_killed",
        "A shutdown leaves those waiting who wait.",
        RSM,
        ((TELL_ALL, KILL_RAFT),),
        killed_by=(SHUTDOWN,),
        seeds=2,
    ),
    replace(shared.MAKES_NO_SNAPSHOT, killed_by=(SNAPSHOT, FORGETS), seeds=1),
    replace(shared.MAKES_SNAPSHOTS_ALWAYS, killed_by=("test_basic_4a",), seeds=1),
    replace(shared.STARTS_WITHOUT_ITS_SNAPSHOT, killed_by=(SNAPSHOT,), seeds=1),
    Patch(
        "ignores_installed_snapshots",
        "A snapshot that Raft delivers is not taken over.",
        RSM,
        ((INSTALL, "                pass\n"),),
        killed_by=(LAGGARD,),
    ),
    replace(shared.SKIPS_AFTER_A_SNAPSHOT, killed_by=(LAGGARD,)),
    Patch(
        "snapshot_between_check_and_apply",
        "A snapshot is said to cover the request that is about to be applied.",
        RSM,
        (
            (
                TAKE,
                """\
                self._applied = message.command_index
                await self._compact()
                self._apply(message.command_index, ENTRY.decode(message.command))
""",
            ),
        ),
        killed_by=(SNAPSHOT,),
    ),
    Patch(
        "snapshot_covers_one_too_few",
        "What a snapshot holds last is applied to it once more.",
        RSM,
        (("raft.snapshot(self._applied, data)", "raft.snapshot(self._applied - 1, data)"),),
        killed_by=(SNAPSHOT,),
    ),
    replace(shared.TAKES_A_SNAPSHOT_FOR_AN_ANSWER, killed_by=(FORGETS,), seeds=1),
    Patch(
        "takes_a_timeout_for_an_answer",
        "A request that has waited for five seconds is taken for done.",
        RSM,
        (
            (
                WAIT,
                """\
            try:
                async with asyncio.timeout(5):
                    return await waiter.answer
            except TimeoutError:
                return Err.OK, None
""",
            ),
        ),
        killed_by=(LONG,),
        seeds=1,
    ),
    Patch(
        "answers_with_the_latest_reply",
        "Who waits is told what the machine has replied last, when its turn comes.",
        RSM,
        (
            (START, START + "        self._latest: Any = None\n"),
            (APPLIED, APPLIED.replace("reply =", "reply = self._latest =")),
            (
                WAIT,
                """\
            err, _ = await waiter.answer
            return err, self._latest
""",
            ),
        ),
        killed_by=(CONCURRENT,),
        seeds=1,
    ),
    Patch(
        "locks_itself_out",
        "submit holds the lock that the reader of the apply queue needs to answer it.",
        RSM,
        (
            (START, START + "        self._lock = asyncio.Lock()\n"),
            (WAIT, "            async with self._lock:\n    " + WAIT),
            (
                TAKE,
                "                async with self._lock:\n"
                + "".join(f"    {line}\n" for line in TAKE.splitlines()),
            ),
        ),
        killed_by=(BASIC,),
        seeds=1,
    ),
    Patch(
        "forgets_no_request",
        "What is over is kept with those who wait.",
        RSM,
        ((FORGET, "            pass\n"),),
        killed_by=(FORGETS,),
        seeds=1,
    ),
    Patch(
        "applies_its_own_only",
        "A server applies what was submitted to it, and skips what was submitted to others.",
        RSM,
        ((APPLY, APPLY + "        if entry.origin != self._origin:\n            return\n"),),
        killed_by=(BASIC, REPLAY),
        seeds=1,
    ),
    Patch(
        "applies_twice_when_it_leads",
        "The server that has submitted a request applies it once more to get the reply.",
        RSM,
        ((GIVE, ONCE_MORE + GIVE),),
        killed_by=(BASIC, CONCURRENT),
        seeds=1,
    ),
    Patch(
        "submits_again_by_itself",
        "A request whose leader was deposed is submitted once more, though it may have happened.",
        RSM,
        (
            (
                "    async def submit(self, request: bytes) -> tuple[Err, R | None]:\n",
                """\
    async def submit(self, request: bytes) -> tuple[Err, R | None]:
        for _ in range(20):
            answer = await self._submit(request)
            if answer[0] is Err.OK:
                return answer
            await asyncio.sleep(0.1)
        return answer

    async def _submit(self, request: bytes) -> tuple[Err, R | None]:
""",
            ),
        ),
        killed_by=("test_leaders_come_and_go", DIFFERENT),
        seeds=40,
    ),
)

VARIANTS: Final = (
    Patch(
        "batches",
        "Requests that come within two milliseconds share an entry of the log.",
        RSM,
        (
            (START, START + "        self._batch: list[Any] = []\n"),
            ("    async def submit(self, request: bytes) -> tuple[Err, R | None]:\n", BATCH),
            (APPLIED, ALL_APPLIED),
            (CODEC, CODEC + "BATCH: Final = codec(list[bytes])\n"),
        ),
    ),
    Patch(
        "snapshots_in_background",
        "A snapshot is handed to Raft some time after it was made.",
        RSM,
        (
            (START, START + "        self._writing: asyncio.Task[None] | None = None\n"),
            (MAKE, IN_BACKGROUND),
        ),
    ),
    shared.ONE_TASK_PER_REQUEST,
    Patch(
        "knows_no_kill",
        "It has no `kill()`: those who wait are frozen with their server.",
        RSM,
        (("    def kill(self)", "    def _kill(self)"),),
    ),
    Patch(
        "looks_at_the_term_seldom",
        "Who waits for a deposed leader is told after up to half a second.",
        RSM,
        (("TERM_CHECK_MS: Final = 50", "TERM_CHECK_MS: Final = 500"),),
    ),
    Patch(
        "checks_the_term_of_each_entry",
        "Whoever waits for an index is given up when a later term fills it, at once.",
        RSM,
        (
            (
                "        self._applied = index\n",
                """\
        self._applied = index
        for number in [n for at, n in self._numbers.items() if at < index]:
            self._waiters[number].give(Err.WRONG_LEADER)
""",
            ),
        ),
    ),
)

CATALOGUE: Final = Catalogue(BUGS, VARIANTS)
