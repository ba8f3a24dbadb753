"""Isolated runs of a submission: its nodes in processes shut in, everything else in this one.

    with Isolation("kvsrv", handed.files) as isolated:
        if not isolated.refusal:
            for seed in seeds:
                result = isolated.run("test_unreliable_net", seed)

This process never imports, evaluates or unpickles anything of the submission, and holds the seeds,
the network, the history and the checker. One isolation at a time in a process; for several cores,
several processes.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from tester.engine import current
from tester.engine.choices import Choices, Replayed, Seeded
from tester.grading import kernel, launch
from tester.grading.library import named
from tester.grading.lines import shown
from tester.grading.node import Order
from tester.grading.printed import Heard
from tester.grading.processor import Processor
from tester.grading.remote import Broken, RemoteNode, order_of
from tester.grading.sandbox import HIGHEST, Enforced, Limits
from tester.grading.usage import Account
from tester.grading.zygote import Ready, Setup
from tester.guard import guard
from tester.labs import LABS
from tester.labs.suite import tests_of
from tester.report.page.document import Document
from tester.report.page.from_run import of_run
from tester.report.story import headline, render_story
from tester.search.diagnosis import Diagnosis, diagnose
from tester.search.watched import watch
from tester.workers.processes import descendants, end_descendants, processes
from tester.workers.wire import plain
from tester.world import submission
from tester.world.failure import HandlerCrashed, Misused, Undecided
from tester.world.pipe import framed
from tester.world.run import Outcome, run
from tester.world.scenario import Scenario

SLOTS: Final = 1_000
"""Processes of one run have numbers below this; a later one takes the number of one long ended."""
_LONGEST: Final = 3_000
"""Characters of a sentence."""


class Kind(StrEnum):
    """What came of a seed. Only the first is a pass."""

    PASSED = "passed"
    FAILED = "failed"
    """The run went wrong: a verdict of the test, the checker, or the simulation."""
    CRASHED = "crashed"
    """The process of a node ended, or did what no node does."""
    TIMED_OUT = "timed out"
    """The process of a node got stuck."""
    UNDECIDED = "undecided"
    """The checker's budget was spent before it knew."""


class SeedResult(msgspec.Struct, frozen=True):
    """What came of one seed of one test."""

    test: str
    seed: int
    kind: Kind
    error: str
    """The name of what it failed with: "NotLinearizable"; "" for a pass."""
    sentence: str
    """What it failed with, in words; "" for a pass."""
    digest: str
    """Equal to that of the same run in one process, unless the submission tampered with it."""
    rpcs: int
    ops: int
    steps: int
    virtual_us: int


class MachineFault(Exception):
    """The machine, or the grader, is at fault: what was under way has no result.

    `details` are for whoever looks after the machine: a traceback, with its paths.
    """

    def __init__(self, sentence: str, details: str = "") -> None:
        super().__init__(sentence)
        self.details = details


class NothingToTell(Exception):
    """A seed that failed has passed when it was run again: one sentence about it."""


class Isolation:
    """A submission that is shut in; its processes end with the `with` block."""

    def __init__(
        self,
        lab: str,
        files: Mapping[str, bytes],
        *,
        granted: Iterable[str] = (),
        limits: Limits | None = None,
        level: int = HIGHEST,
    ) -> None:
        """`files`: see `tester.grading.handed`. `granted`: see `reference_of`."""
        self.lab = lab
        self.limits = limits or Limits()
        self.enforced = Enforced()
        """What shuts its nodes in: it belongs into the result."""
        self.notes: tuple[str, ...] = ()
        """What was handed in and is not used."""
        self.refusal = ""
        """Why the submission cannot be run at all; "": it can."""
        self.missed: tuple[str, ...] = ()
        """What it asked of the labs and is not there: the reference's files, for one."""
        self._files = files
        self._granted = tuple(granted)
        self._level = level
        self._tests = tests_of(LABS[lab].suite)
        self._named = named(_packages())
        self._closing = contextlib.ExitStack()
        self._slot = 0
        self._swept = True
        """Whether no process of a node has been started since all were ended."""
        self._retired: list[socket.socket] = []
        """The sockets of processes whose run is over, which closing would wake."""
        self._account = Account()
        self._choices: Choices | None = None
        self._processor = Processor()
        self.keeps_choices = False
        self.heard: list[tuple[str, Heard]] | None = None
        self._hung: Broken | None = None
        """What a process did that had to be waited for, while a failure was shrunk."""

    # -- its life ---------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        if sys.platform != "linux":
            raise MachineFault("isolated nodes need Linux")
        with contextlib.ExitStack() as opened:
            self._start(opened)
            self._closing = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.close()

    def _start(self, opened: contextlib.ExitStack) -> None:
        self._line, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # A file without a name: nothing of it stays, whoever is killed.
        errors = opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - as all of these
        self._errors = errors.fileno()
        opened.callback(self._line.close)
        self._process = launch.zygote(its.fileno(), self._errors)
        its.close()
        opened.callback(self._end)
        opened.callback(self._processor.leave)
        setup = Setup(
            self.lab,
            _packages(),
            self._files,
            self._granted,
            self.limits,
            self._level,
            first_user(),
        )
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
            pipe.write(framed(msgspec.msgpack.encode(setup)))
        ready = msgspec.msgpack.decode(self._heard(), type=Ready)
        self.enforced, self.notes = ready.enforced, ready.notes
        opened.enter_context(guard.standing())
        self._inspect()

    def _end(self) -> None:
        end_descendants(self._process.pid)
        self._process.kill()
        self._process.wait()

    def _inspect(self) -> None:
        """Find out whether the submission fits the lab, in a process like that of a node."""
        try:
            node = self._spawn("", False, "", 0, Choices(Seeded(0)))
            said = node.inspected()
        except Broken as broken:
            self.refusal = _line(str(broken))
        else:
            self.refusal, self.missed = _line(said.refusal), tuple(map(_line, said.missed))
        if self._sweep() and not self.refusal:
            self.refusal = "importing the submission left processes behind"

    # -- running ----------------------------------------------------------------------------------

    @property
    def tests(self) -> dict[str, Scenario]:
        """The tests of the lab, by name, in order."""
        return dict(self._tests)

    def run(self, test: str, seed: int) -> SeedResult:
        """Run one seed of a test. Raises MachineFault, after which it has to be begun anew."""
        return self._result(test, seed, self._run(test, seed))

    def story(self, test: str, seed: int, command: str) -> str:
        """The story of a failing seed for its author; `command` runs it again.

        It begins with the seed. Raises what `diagnosis` does.
        """
        found = self.diagnosis(test, seed)
        return plain(render_story(seed, found.outcome, command, found.explanation))

    def diagnosis(self, test: str, seed: int) -> Diagnosis:
        """Run a failing seed again, shrink it, and find which faults it needs: many runs.

        Raises MachineFault, and NothingToTell if it passes.
        """
        self.keeps_choices = True
        try:
            outcome = self._run(test, seed)
            if outcome.error is None:
                raise NothingToTell("not deterministic: it failed, and run again it passed")
            if isinstance(outcome.error, Broken):  # no shorter run is looked for: it takes seconds
                return Diagnosis(seed, outcome, None)
            with self._active():
                return diagnose(self._scenario(test), seed, outcome)
        finally:
            self.keeps_choices = False
            self._hung = None
            self._sweep()

    def printed(self, test: str, found: Diagnosis) -> str:
        """The last lines that were logged and printed in a run that was diagnosed.

        "" if there are none, or if the run goes another way when somebody listens. Raises
        MachineFault.
        """
        self.heard = []
        try:
            with self._active():
                record = found.outcome.choices.record()
                again = run(self._scenario(test), Choices(Replayed(record)))
            if isinstance(again.error, MachineFault):
                raise again.error
            return shown(self.heard) if again.digest == found.outcome.digest else ""
        finally:
            self.heard = None
            self._sweep()

    def document(self, test: str, found: Diagnosis, command: str) -> Document:
        """The page of a run that was diagnosed; its nodes cannot be looked into."""
        self.keeps_choices = True
        try:
            with self._active():
                return of_run(
                    found.seed,
                    found.outcome,
                    partial(watch, self._scenario(test), looks=False),
                    command=command,
                    source=f"{self.lab} {test}",
                    explanation=found.explanation,
                )
        finally:
            self.keeps_choices = False
            self._sweep()

    def _scenario(self, test: str) -> Scenario:
        scenario = self._tests[test]
        how = scenario.schedule, bool(scenario.faults) or not scenario.network.reliable
        return replace(scenario, start_node=partial(self._spawn, *how))

    def _run(self, test: str, seed: int) -> Outcome:
        if self.refusal:
            raise ValueError(f"the submission cannot be run: {self.refusal}")
        with self._active():
            outcome = run(self._scenario(test), Choices(Seeded(seed)))
        left = self._sweep()
        if isinstance(outcome.error, MachineFault):
            raise outcome.error
        if isinstance(outcome.error, MemoryError):  # one of the submission's is a Failure
            raise MachineFault("the grader ran out of memory") from outcome.error
        if left and outcome.error is None:
            error = Broken("left", f"The submission left {left} processes behind")
            return outcome.failing_with(error)
        return outcome

    @contextlib.contextmanager
    def _active(self) -> Iterator[None]:
        """Inside, runs of this process know the submission's classes by name only."""
        with submission.instead(self._named):
            yield

    def _result(self, test: str, seed: int, outcome: Outcome) -> SeedResult:
        return SeedResult(
            test=test,
            seed=seed,
            kind=_kind(outcome.error),
            error=_line(outcome.kind),
            sentence=_sentence(outcome),
            digest=outcome.digest,
            rpcs=outcome.rpcs,
            ops=outcome.ops,
            steps=outcome.steps,
            virtual_us=outcome.virtual_us,
        )

    # -- the processes ----------------------------------------------------------------------------

    def _spawn(
        self, schedule: str, disturbed: bool, name: str, incarnation: int, choices: Choices
    ) -> RemoteNode:
        """Start the process of a node; those of an earlier run end."""
        caller, current.node = current.node, None
        try:
            order = order_of(
                self.lab,
                name,
                incarnation,
                choices,
                schedule=schedule,
                disturbed=disturbed,
                keep_trace=self.keeps_choices,
                listens=self.heard is not None,
            )
            return self._spawned(order, choices)
        except OSError as error:
            raise MachineFault(f"no process can be started: {error}") from error
        finally:
            current.node = caller

    def _spawned(self, order: Order, choices: Choices) -> RemoteNode:
        if self._hung is not None:
            raise self._hung
        if choices is not self._choices:
            self._sweep()
            self._choices, self._account = choices, Account()
            self._processor.stay(partial(self._say, "move"))
        slot = self._slot = (self._slot + 1) % SLOTS
        self._swept = False
        ours, its = socket.socketpair()
        try:
            request = msgspec.msgpack.encode(("spawn", slot))
            with its:
                self._asking(lambda: socket.send_fds(self._line, [request], [its.fileno()]))
            # Whether there is such a process is found out when it is asked for something.
            return RemoteNode(self, slot, ours, order, choices)
        except BaseException:
            ours.close()
            raise

    def reap(self, slot: int) -> None:
        """See Keeper."""
        self._ask("reap", slot)

    def collect(self, slot: int) -> int | None:
        """See Keeper. Raises MachineFault if there never was such a process."""
        found: int | str | None = self._ask("collect", slot)
        if isinstance(found, str):
            raise MachineFault(f"no process can be started: {found}")
        return found

    def hung(self, broken: Broken) -> None:
        """See Keeper. To shrink a failure takes hundreds of runs: one that hangs is the last."""
        if self.keeps_choices:
            self._hung = broken

    def retire(self, line: socket.socket) -> None:
        """See Keeper."""
        self._retired.append(line)

    def number(self, slot: int) -> int:
        """See Keeper: the zygote may number processes otherwise than we do."""
        wanted: int = self._ask("number", slot)
        known = [one.pid for one in descendants(self._process.pid, processes())]
        return next((pid for pid in known if kernel.inner_number(pid) == wanted), 0)

    def count(self, size: int) -> str:
        """See Keeper."""
        return self._account.count(size)

    def _sweep(self) -> int:
        """End all processes of nodes; how many there were that nobody had started."""
        self._slot = 0
        self._choices = None
        if self._swept:
            return 0
        self._swept = True
        self._processor.loosen()
        left: int = self._ask("sweep", 0)
        for line in self._retired:
            line.close()
        self._retired.clear()
        return left

    def _ask(self, what: str, slot: int) -> Any:
        """What the zygote says to a request."""
        self._say(what, slot)
        return msgspec.msgpack.decode(self._heard())

    def _say(self, what: str, number: int) -> None:
        self._asking(lambda: self._line.send(msgspec.msgpack.encode((what, number))))

    def _asking(self, say: Any) -> None:
        try:
            say()
        except (BrokenPipeError, ConnectionResetError):
            raise self._fault() from None

    def _heard(self) -> bytes:
        try:
            data = self._line.recv(1 << 20)
        except ConnectionResetError:
            data = b""
        if not data:
            raise self._fault()
        return data

    def _fault(self) -> MachineFault:
        status = self._process.wait()
        said = os.pread(self._errors, 1 << 16, 0).decode(errors="replace").strip()
        last = said.rpartition("\n")[2]
        return MachineFault(
            f"the process that starts nodes ended, with status {status}: {last}", said
        )


def first_user() -> int:
    """The number of the first of the users that nodes of this process's are; there are SLOTS."""
    return 1_000_000_000 + os.getpid() % 1_000_000 * SLOTS


def _packages() -> tuple[str, ...]:
    """The import packages of the labs."""
    classes = [cls for lab in LABS.values() for cls in lab.classes]
    return tuple(sorted({cls.module.partition(".")[0] for cls in classes}))


def _sentence(outcome: Outcome) -> str:
    error = outcome.error
    if error is None:
        return ""
    if isinstance(error, Broken):
        return _line(str(error))
    said = headline(outcome)
    if isinstance(error, HandlerCrashed | Misused) and error.failure.message not in said:
        said += f": {error.failure.message}"
    return _line(said)


def _line(text: str) -> str:
    """What somebody else has said, as one line that does nothing to a terminal."""
    return " ".join(plain(text[:_LONGEST]).split())


def _kind(error: BaseException | None) -> Kind:
    if error is None:
        return Kind.PASSED
    if isinstance(error, Broken):
        return Kind.TIMED_OUT if error.what in ("stuck", "silent") else Kind.CRASHED
    return Kind.UNDECIDED if isinstance(error, Undecided) else Kind.FAILED


def run_isolated(
    lab: str,
    test: str,
    seeds: Sequence[int],
    files: Mapping[str, bytes],
    *,
    granted: Iterable[str] = (),
    limits: Limits | None = None,
    level: int = HIGHEST,
) -> Iterator[SeedResult]:
    """Run seeds of one test, for whoever needs nothing else; see `Isolation`."""
    with Isolation(lab, files, granted=granted, limits=limits, level=level) as isolated:
        for seed in seeds:
            yield isolated.run(test, seed)
