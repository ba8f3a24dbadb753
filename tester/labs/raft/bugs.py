"""Bugs of a Raft, which its suite must notice, and variants that are none."""

from typing import Final

from tester.labs.patch import Catalogue, Patch
from tester.labs.raft import (
    bugs_apply,
    bugs_elections,
    bugs_log,
    bugs_rare,
    bugs_reports,
    solution_actor,
    solution_loops,
)

CORE = "raft/core.py"
SHELL = "raft/raft.py"

TIMER = "        self._timer: asyncio"
STEP = "        ready = self._step(Request(args))\n"
OUTBOX = """\
        self._outbox: asyncio.Queue[ApplyMsg] = asyncio.Queue()
        self._spawn(self._deliver())
"""
START = """\
    async def start(self, command: bytes) -> tuple[int, int, bool]:
        async with self._lock:
            await asyncio.sleep(0)
            return self._started(command)

    def _started("""
GET_STATE = """\
    async def get_state(self) -> tuple[int, bool]:
        async with self._lock:
            return self._state()

    def _state(self)"""
SNAPSHOT = """\
    async def snapshot(self, index: int, data: bytes) -> None:
        async with self._lock:
            await asyncio.sleep(0)
            self._compact(index, data)

    def _compact("""
DELIVER = """\
    async def _deliver(self) -> None:
        while True:
            message = await self._outbox.get()
            await asyncio.sleep(0.001)
            await self._apply.put(message)

    async def _call("""

APPEND_AND_SEND = """\
        for peer in self.peers:
            self._maybe_send_append(peer)
        self._advance_commit()
"""
TAKE_SNAPSHOT = "        self._drive(Snapshot(index, data))\n"
TAKE_SNAPSHOT_LATER = """\
        loop = asyncio.get_running_loop()
        _ = loop.call_later(0.03, self._compact, index, data)

    def _compact(self, index: int, data: bytes) -> None:
        if not self._killed:
            self._drive(Snapshot(index, data))
"""

BUGS: Final = (*bugs_elections.BUGS, *bugs_log.BUGS, *bugs_apply.BUGS, *bugs_reports.BUGS)

VARIANTS: Final = (
    Patch(
        "is_patient",
        "The election timeouts are longer.",
        SHELL,
        (("ELECTION_MS: Final = 300, 600", "ELECTION_MS: Final = 500, 900"),),
    ),
    Patch(
        "halves",
        "After a refusal the leader tries the middle of what is possible.",
        CORE,
        (
            (
                "last = self.log.find_conflict_by_term(reply.hint_index, reply.hint_term)",
                "last = (prev - 1 + progress.match) // 2",
            ),
        ),
    ),
    Patch(
        "says_nothing", "It has no `describe()`.", SHELL, (("def describe(", "def _describe("),)
    ),
    Patch(
        "saves_always",
        "It saves at each step.",
        SHELL,
        (("        if ready.save:\n", "        if True:\n"),),
    ),
    Patch(
        "guarded",
        "The methods are `async def`, and take a lock.",
        SHELL,
        (
            (TIMER, "        self._lock = asyncio.Lock()\n" + TIMER),
            (
                "    def start(",
                START,
            ),
            (
                "    def get_state(self)",
                GET_STATE,
            ),
            (
                "    def snapshot(",
                SNAPSHOT,
            ),
        ),
    ),
    Patch(
        "applies_in_a_task",
        "A task of its own delivers what is committed.",
        SHELL,
        (
            (TIMER, OUTBOX + TIMER),
            (
                "                self._apply.put_nowait(message)\n",
                "                self._outbox.put_nowait(message)\n",
            ),
            (
                "    async def _call(",
                DELIVER,
            ),
        ),
    ),
    Patch(
        "sends_at_once",
        "Each command is sent at once, whatever is under way.",
        CORE,
        (
            (
                "replicating and progress.match + 1 == progress.next <= self.log.last_index",
                "replicating and progress.next <= self.log.last_index",
            ),
        ),
    ),
    Patch(
        "answers_slowly",
        "Handlers take a few milliseconds.",
        SHELL,
        ((STEP, "        await asyncio.sleep(random.randint(0, 3) / 1_000)\n" + STEP),),
    ),
    Patch(
        "sends_with_heartbeats",
        "Commands wait for the next heartbeat, and go out together.",
        CORE,
        (
            (APPEND_AND_SEND, "        self._advance_commit()\n"),
            (
                "        self._advance_commit()\n        self._maybe_send_append(peer)\n",
                "        self._advance_commit()\n",
            ),
        ),
    ),
    Patch(
        "never_syncs",
        "It takes what was saved for safe, as a solution of the course does.",
        SHELL,
        (("await self._persister.sync()", "pass"),),
    ),
    Patch(
        "compacts_later",
        "A snapshot of the service's is taken over a little later, by a timer.",
        SHELL,
        ((TAKE_SNAPSHOT, TAKE_SNAPSHOT_LATER),),
    ),
    Patch(
        "takes_turns",
        "The election timeouts of the servers follow each other, and never meet.",
        SHELL,
        (
            (
                "random.randint(*ELECTION_MS)",
                "ELECTION_MS[0] + 70 * self._core.me + random.randint(0, 60)",
            ),
        ),
    ),
)

CATALOGUE: Final = Catalogue(
    (*BUGS, *bugs_rare.BUGS, *solution_loops.BUGS),
    (*VARIANTS, *solution_actor.SOLUTIONS, *solution_loops.SOLUTIONS),
)
