"""The test layer of the MapReduce lab: a job with its coordinator and workers, and who watches.

    @simulate()
    async def test_crashes(sim: Simulation) -> None:
        await Job(sim, "wc", faults=[CRASH]).run()

Workers are the nodes w0, w1, and so on. Whoever crashes starts again a second later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Annotated, Any, Final, Protocol, cast

import msgspec

from linearizability.verdict import counted
from mapreduce.api import OUTPUT, App, decode, encode
from mapreduce.sequential import sequential
from tester.labs.mapreduce.corpus import BOOKS
from tester.labs.mapreduce.difference import Reference
from tester.labs.mapreduce.seat import APPS, STALLS_MS, UNLUCKY, Seat
from tester.labs.mapreduce.verdicts import (
    ExitedEarly,
    PartialOutput,
    TaskRepeated,
    TooSlow,
    WrongOutput,
)
from tester.labs.mapreduce.worker_faults import WorkerFaults
from tester.world.failure import TooManyRpcs
from tester.world.probe import words
from tester.world.simulation import Simulation

# It observes the code under test: see tester.guard.origin.
__harness__ = True

words(
    {
        "maps": tuple[str],
        "reduces": tuple[str],
        "returned": tuple[()],
        "crashes": tuple[()],
        "stalls": tuple[Annotated[int, msgspec.Meta(ge=0, lt=STALLS_MS)]],
    }
)

N_REDUCE: Final = 10
DONE_S: Final = 60
"""In what time a job is done if nothing happens to anybody: many times what it takes."""
LOSSY_S: Final = 240
"""The same where replies get lost: each that brings a task costs ten seconds, and some are lost
time and again."""
RETURN_S: Final = 60
"""In what time the workers return once it is done."""
LINGER_S: Final = 1
"""The coordinator goes so long after the job is done."""
CALLS_PER_S: Final = 100
"""More often than that no worker calls; it has no need to."""
PATIENCE_S: Final = 10
"""A task is handed out again so long after it was handed out, and not before."""
LATEST_S: Final = 15
"""By then it must have been: whoever has nothing to do asks again within a second."""
BEGINS_MS: Final = 7_000
QUICK_US: Final = 1_000_000
"""Many times what a worker takes to count the words of a file."""
COORDINATOR: Final = "coordinator"

TIMED: Final = frozenset({"mtiming", "rtiming", "jobcount"})
"""Apps whose output depends on who does what when."""
TWINS: Final = {UNLUCKY: "nocrash"}
"""Apps that are compared with the sequential run of another."""


def is_output(name: str) -> bool:
    """Whether a file is an output file; what begins like one is a worker's own affair."""
    return name.removeprefix(OUTPUT).isdigit() and name.startswith(OUTPUT)


class Coordinated(Protocol):
    """How a test calls a coordinator."""

    def done(self) -> bool:
        """Whether the whole output is there."""
        ...


class Job:
    """One job, from its first worker to its last."""

    def __init__(
        self,
        sim: Simulation,
        app: str,
        *,
        workers: int = 3,
        faults: Sequence[str] = (),
        files: Sequence[str] | Mapping[str, str] = tuple(BOOKS),
        n_reduce: int = N_REDUCE,
    ) -> None:
        self.sim = sim
        given = files if isinstance(files, Mapping) else {file: BOOKS[file] for file in files}
        self.inputs = dict(given)
        self.calls: list[tuple[int, str, str, str]] = []
        """(when, by whom, "mapped", file) of each call of map; of reduce, "reduced" and a key."""
        self.done = False
        self.workers: list[str] = []
        self.returned: set[str] = set()
        self._app = app
        self._first = workers
        self._n_reduce = n_reduce
        self._faults = WorkerFaults(sim, faults, self._crash, self._silence)
        self._reference: Reference | None = None
        self._started_us = 0
        self._coordinator = sim.node(COORDINATOR)
        self._asked: Coordinated | None = None

    async def run(self) -> None:
        """Do the job, and check what must hold of every job."""
        await self.start()
        await self.finish()

    async def start(self) -> None:
        """Have the coordinator and the first workers begin."""
        sim, submission = self.sim, self.sim.submission
        _ = submission.function("mapreduce.worker", "worker")  # what is wrong is said here
        sim.files.put({name: encode(text) for name, text in self.inputs.items()})
        await self._prepare()
        sim.files.witness = self
        coordinator = submission.get("mapreduce.coordinator", "Coordinator")
        files = list(self.inputs)
        made = self._coordinator.make(
            coordinator, files, self._n_reduce, like=Coordinated, name=COORDINATOR
        )
        self._coordinator.serve(made)
        self._asked = cast(Coordinated, made)
        self._started_us = sim.virtual_us
        self.hire(self._first)

    async def _prepare(self) -> None:
        """Find out what must come out of it."""
        name = TWINS.get(self._app, self._app)
        if name in TIMED:
            return
        app = APPS[name](cast(Any, None))
        wanted = await sequential(app, self.inputs.items(), self._n_reduce)
        pure: App | None = None if name == "early_exit" else app
        self._reference = Reference(pure, self.inputs, wanted)

    def hire(self, n: int) -> None:
        """Have more workers begin."""
        for number in range(len(self.workers), len(self.workers) + n):
            name = f"w{number}"
            node = self.sim.node(name)
            self.workers.append(name)
            self.sim.listen(name, partial(self._hear, name))
            end = node.end(name, COORDINATOR)
            _ = node.make(Seat, self._app, name, end, node.files, node.probe, name=name)

    async def finish(self) -> None:
        """Wait until the job is done and all workers have returned, and look at the output."""
        await self._until_done()
        before = self.outputs()
        self._check_complete("the coordinator said that the job is done")
        await asyncio.sleep(LINGER_S)
        self._coordinator.crash()
        await self._until_returned()
        if self.outputs() != before:
            raise ExitedEarly("the output has changed after the coordinator said it was done")

    async def finish_without(self, *workers: str) -> None:
        """Finish the job though some workers hang for ever, which are down at the end."""
        await self._until_done()
        for worker in workers:
            self.sim.node(worker).crash()
        await self.finish()

    def outputs(self) -> dict[str, bytes]:
        """The output files as they are now."""
        files = self.sim.files.contents
        return {name: files[name] for name in sorted(files) if is_output(name)}

    def lines(self) -> dict[str, str]:
        """The output as it is now: the value of each key."""
        lines = "".join(map(decode, self.outputs().values())).splitlines()
        return {key: value for key, _, value in (line.partition(" ") for line in lines)}

    # -- waiting ----------------------------------------------------------------------------------

    async def _until_done(self) -> None:
        asked = cast(Any, self._asked)
        while not await asked.done():
            self._check_calls()
            calm_us = self.sim.virtual_us - max(self._started_us, self._faults.over_us)
            most = DONE_S if self.sim.network.conditions.reliable else LOSSY_S
            if calm_us > most * 1_000_000:
                raise self.sim.livelock(
                    f"nothing has happened to any worker for {most} s, and the job is not done: "
                    f"{self._what_is_left()}"
                )
            await asyncio.sleep(1)
        self.done = True

    def _what_is_left(self) -> str:
        """What a job that is not done lacks: input files that nobody mapped, or output files."""
        mapped = {what for _, _, how, what in self.calls if how == "mapped"}
        if unmapped := [name for name in self.inputs if name not in mapped]:
            return f"nobody has mapped {_counted(unmapped)}"
        missing = [] if self._reference is None else list(self._reference.wanted)
        left = [name for name in missing if name not in self.outputs()]
        if not left:
            return "all output files are there"
        return f"{_counted(left)} {'is' if len(left) == 1 else 'are'} missing"

    async def _until_returned(self) -> None:
        since = self.sim.virtual_us
        while left := [name for name in self.workers if self._is_at_work(name)]:
            self._check_calls()
            since = max(since, self._faults.over_us)
            if self.sim.virtual_us - since > RETURN_S * 1_000_000:
                raise self.sim.livelock(
                    f"the job has been done for {RETURN_S} s, the coordinator has gone, and "
                    f"{', '.join(left)} {'has' if len(left) == 1 else 'have'} not returned"
                )
            await asyncio.sleep(1)

    def _is_at_work(self, name: str) -> bool:
        return name not in self.returned and not self.sim.node(name).down

    def _check_calls(self) -> None:
        """Fail if the workers call more often than anybody must who waits."""
        seconds = (self.sim.virtual_us - self._started_us) // 1_000_000 + 1
        tasks = len(self.inputs) + self._n_reduce
        most = CALLS_PER_S * len(self.workers) * seconds + 10 * tasks
        if self.sim.rpcs > most:
            raise TooManyRpcs(
                f"{self.sim.rpcs} RPCs in {seconds} s by {counted(len(self.workers), 'worker')}, "
                f"and {most} are allowed: a worker with nothing to do is to wait before it asks "
                "again"
            )

    def check_done_once(self) -> None:
        """Fail if a file was mapped twice, or a key reduced: right where nobody was silent."""
        first: dict[tuple[str, str], tuple[int, str]] = {}
        for time_us, who, how, what in self.calls:
            if (how, what) in first:
                when, whom = first[how, what]
                raise self._repeated(f"{what} was {how} by {whom}", when, time_us, who)
            first[how, what] = time_us, who

    def _repeated(self, did: str, first_us: int, again_us: int, who: str) -> TaskRepeated:
        again = f"by {who} at {again_us / 1_000_000:.3f} s"
        return TaskRepeated(
            f"{did} at {first_us / 1_000_000:.3f} s, and {again}: a task is handed out again only "
            "when it has not been finished for 10 s",
            moments=(first_us, again_us),
        )

    async def begins(self, *workers: str) -> str:
        """Wait until one of these workers begins to map, for a few seconds at most; which one."""
        before = len(self.calls)
        for _ in range(BEGINS_MS):
            for _, who, how, _ in self.calls[before:]:
                if how == "mapped" and who in workers:
                    return who
            await asyncio.sleep(0.001)
        return workers[0]

    async def check_pace(self, idle: Sequence[str], seconds: int) -> None:
        """Wait; fail if one of these workers, who have nothing to do, asks seldom.

        Right also is a call that is left open; and a call takes time.
        """
        before = {worker: self.sim.network.traffic(worker).sent for worker in idle}
        await asyncio.sleep(seconds)
        for worker, sent in before.items():
            now = self.sim.network.traffic(worker)
            if now.sent - sent < seconds - 2 and now.sent == now.answered + now.unanswered:
                raise TooSlow(
                    f"{worker} had nothing to do, and the number of its calls in {seconds} s was "
                    f"{now.sent - sent}: it is to ask again within a second, or to leave a call "
                    "open"
                )

    def check_hand_outs(self, hung: Sequence[str]) -> None:
        """Fail if a file was mapped again too early or late, or after somebody had finished that.

        Right where these workers hang from their last call on, and all others are quick.
        """
        begun: dict[str, list[tuple[int, str]]] = {}
        for time_us, who, how, what in self.calls:
            if how == "mapped":
                begun.setdefault(what, []).append((time_us, who))
        earliest = self._started_us + PATIENCE_S * 1_000_000  # nobody had a task before the job
        for what, times in begun.items():
            for (first, who), (again, other) in pairwise(times):
                finished = who not in hung and again - first > QUICK_US
                if finished or again < earliest:
                    raise self._repeated(f"{what} was mapped by {who}", first, again, other)
                if again - first > LATEST_S * 1_000_000:
                    raise TooSlow(
                        f"{who}, who hangs, began to map {what} at {first / 1e6:.3f} s, and "
                        f"nobody else began it before {again / 1e6:.3f} s: the next worker that "
                        f"asks {PATIENCE_S} s later is to get it",
                        moments=(first, again),
                    )

    # -- what is seen -----------------------------------------------------------------------------

    def before(self, node: str, method: str, name: str, other: str) -> int:
        """See Witness."""
        if method == "write" and is_output(name):
            self.sim.say(node, f"writes {name}")
            raise PartialOutput(
                f"{node} writes {name} under this name, and until it has done so others find half "
                "of it: write a file of another name, and rename it"
            )
        return self._faults.before(node, method, name, other)

    def after(self, node: str, method: str, name: str, other: str) -> None:
        """See Witness."""
        if method == "rename" and is_output(other):
            self.sim.say(node, f"completes {other}")
        if method == "rename" and is_output(other) and self._reference is not None:
            wrong = self._reference.difference(other, self.sim.files.contents[other])
            if wrong is not None:
                raise WrongOutput(f"{node} has renamed {name} to {other}; {wrong}")
        self._faults.after(node)

    def _hear(self, who: str, what: str, *data: Any) -> None:
        if what == "maps":
            self.sim.say(who, f"maps {data[0]}")
            self.calls.append((self.sim.virtual_us, who, "mapped", data[0]))
        elif what == "reduces":
            self.calls.append((self.sim.virtual_us, who, "reduced", data[0]))
        elif what == "returned":
            self.sim.say(who, "returns")
            self._returned(who)
        elif self._app != UNLUCKY:
            raise AssertionError(f"{who} reports that its app {what}, and {self._app} never does")
        elif what == "crashes":
            self._faults.passes(1)
            self.sim.after(0, partial(self._crash, who))
        else:
            self._faults.disturbed.add(who)
            self._faults.passes(data[0] // 1_000 + 1)

    def _returned(self, who: str) -> None:
        if not self.done and who in self._faults.disturbed and self._incomplete() is not None:
            # Who has slept for long may take the coordinator for the one who was silent.
            self.sim.after(0, partial(self._crash, who))
            return
        self._check_complete(f"{who} has returned")
        self.returned.add(who)

    def _check_complete(self, said: str) -> None:
        wrong = self._incomplete()
        if wrong is not None:
            raise ExitedEarly(f"{said}, and {wrong}")

    def _incomplete(self) -> str | None:
        """What is missing of the output; None: nothing."""
        if self._reference is None:
            return None
        found = self.outputs()
        for name, data in self._reference.wanted.items():
            if name not in found and data:
                return f"there is no {name}"
            wrong = self._reference.difference(name, found.get(name, b""))
            if wrong is not None:
                return wrong
        return None

    # -- faults -----------------------------------------------------------------------------------

    def _crash(self, name: str) -> None:
        node = self.sim.node(name)
        if not node.down:
            node.crash()
            self.sim.after(1_000_000, partial(self._restart, name))

    def _restart(self, name: str) -> None:
        node = self.sim.node(name)
        if node.down and not self.done:
            node.restart()

    def _silence(self, name: str, seconds: int) -> None:
        node = self.sim.node(name)
        node.pause()
        self.sim.after(seconds * 1_000_000, node.resume)


def _counted(names: Sequence[str]) -> str:
    """A name, or how many there are and which is the first."""
    return names[0] if len(names) == 1 else f"{len(names)} files (the first is {names[0]})"
