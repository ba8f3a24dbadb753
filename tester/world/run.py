"""A run: one call, a pure function of a scenario and its choices."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Final, Self

from labrpc.errors import NotAMessage, TesterError
from linearizability import Verdict as Checked
from tester.engine.choices import Choices, Replayed, Seeded
from tester.engine.errors import SharedState, Stuck
from tester.engine.trace import Entry
from tester.guard import audit, guard
from tester.guard.modules import Change, state_of
from tester.guard.process import Settings
from tester.guard.watched import Watched
from tester.world import check
from tester.world.coverage import Coverage
from tester.world.events import TraceEvent, read
from tester.world.execution import Execution, Observation, Sender
from tester.world.failure import (
    Failure,
    HandlerCrashed,
    InvariantViolated,
    Misused,
    NonDeterministic,
    NotLinearizable,
    ProcessDied,
    Unawaited,
    Undecided,
    first,
    user_frames,
)
from tester.world.history import History
from tester.world.interruption import interruption
from tester.world.operation import WrongResult
from tester.world.scenario import Scenario, SimulatedTest, code_under_test, own_module
from tester.world.simulation import Simulation
from tester.world.spectator import Spectator
from tester.world.submission import BadSubmission

__all__ = ["Entry", "Outcome", "Scenario", "repeat", "run"]


@dataclass(frozen=True)
class Outcome:
    """The result of a run."""

    verdict: str
    """`pass`, `fail`, `unknown`, or `misuse`: the code under test cannot be loaded."""
    error: BaseException | None
    """The exception it failed with: a Verdict, or what the test itself raised."""
    digest: str
    """Equal for equal runs, in any process."""
    rpcs: int
    ops: int
    virtual_us: int
    steps: int
    """Callbacks run, on all nodes together."""
    peers: int
    """How many nodes were servers."""
    figures: dict[str, list[int]]
    """What the test has reported: see `Simulation.figure`."""
    reached: dict[str, bool]
    """Whether it came to what the test calls `Simulation.sometimes`."""
    choices: Choices
    history: History
    trace: list[Entry]
    """Every event of the run, if the run was asked to keep them: see `tester.world.events`."""
    senders: Mapping[int, Sender]
    """Who sent each RPC, if the run kept its trace."""
    observations: Sequence[Observation]
    """What probes told of the code beside them, if the run kept its trace."""
    checked: Checked | None
    """What the linearizability checker said, if it was asked."""
    leaked_state: list[Change]
    """What the run changed that outlives it: module-level state, or settings of the process."""
    died: Sequence[Failure]
    """The errors of background tasks that were never awaited."""
    unawaited: Sequence[Unawaited]
    """Calls that were never awaited; known if the run failed and kept its trace."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """What parts of the workload were cut down to, by name: see `Simulation.at_most`."""

    @functools.cached_property
    def events(self) -> list[TraceEvent]:
        """The trace with names for its fields, in the same places."""
        return read(self.trace)

    @property
    def kind(self) -> str:
        """The name of what it failed with; "" for a pass."""
        return _kind(self.error)

    @property
    def saying(self) -> str:
        """The verdict as the end of a sentence: "passes", "fails with Deadlock"."""
        return "passes" if self.error is None else f"fails with {self.kind}"

    def failing_with(self, error: BaseException) -> Self:
        """This outcome, failed by something about the run rather than in it."""
        return replace(self, verdict="fail", error=error)

    @property
    def where(self) -> tuple[str, ...]:
        """The user's innermost line that raised it, if one did, or the invariant violated."""
        error = self.error
        if isinstance(error, InvariantViolated):
            return (error.name,)
        if isinstance(error, HandlerCrashed | Misused):
            frames = error.failure.frames
        else:
            frames = () if error is None else user_frames(error)
        return (f"{frames[-1].file}:{frames[-1].line}",) if frames else ()


def run(
    scenario: Scenario,
    choices: Choices,
    *,
    keep_trace: bool = False,
    spectator: Spectator | None = None,
    coverage: Coverage | None = None,
) -> Outcome:
    """Run the scenario once with these choices. Never raises for what the code under test does.

    Seed 0 is audited: all modules are watched, and no two nodes may hold the same object. A
    `spectator` sees what nodes of this process hold, and say. `coverage` reads this run's trace.
    """
    return _run(scenario, choices, keep_trace=keep_trace, spectator=spectator, coverage=coverage)


def _run(
    scenario: Scenario,
    choices: Choices,
    *,
    keep_trace: bool = False,
    watch: bool = False,
    notes_returns: bool = False,
    spectator: Spectator | None = None,
    coverage: Coverage | None = None,
) -> Outcome:
    """Run it, perhaps once more to see what went wrong; both ways to look closer are slow.

    With `watch`, the state of the test's own module is compared around every step of a node. With
    `notes_returns`, a failure names the line that returned what cannot travel.
    """
    here = scenario.start_node is None
    modules = code_under_test(scenario) if here else []
    audited = here and _is_audited(scenario, choices)
    state, settings = state_of(modules), Settings()
    watched = _watched(scenario, modules, watch=watch, audited=audited)
    eyes = spectator, coverage
    execution = _execution(scenario, choices, keep_trace, notes_returns, watched, *eyes)
    sim = execution.sim
    checked: Checked | None = None
    error: BaseException | None = None
    with guard.installed(modules) as refusals, guard.collector_off():
        try:
            execution.run(functools.partial(scenario.function, sim))
            if audited:
                audit.check_sharing(execution.hosted(), modules)
            if scenario.model is not None:
                most = scenario.limits.configurations
                checked = check.check_history(scenario.model, sim.history, most)
                check.judge(checked)
        except BaseException as raised:  # noqa: BLE001 - pytest's own outcomes are among them
            if (outside := interruption(raised)) is not None:
                execution.terminate()
                raise outside from None
            error = first(raised)
            if checked is None:
                checked, error = _rather(scenario, sim, error)
        peers, error = sim.peers, _close(execution, error, refusals)
        execution.trace.add((sim.virtual_us, "end", _kind(error)))
        digest = execution.trace.digest()  # before the collector looks at all that it lets go of
    changes = [*state.changed(), *settings.changed(modules)]
    error = error or _shared_state(scenario, choices, changes)
    if keep_trace and here and not notes_returns:
        error = _with_its_return(scenario, choices, error)
    return Outcome(
        verdict=_verdict(error),
        error=error,
        digest=digest,
        rpcs=sim.network.rpc_total,
        ops=sim.history.completed,
        virtual_us=sim.virtual_us,
        steps=sim.steps,
        peers=peers,
        figures=sim.figures,
        reached=sim.reached,
        choices=choices,
        history=sim.history,
        trace=execution.trace.entries,
        senders=execution.senders,
        observations=execution.observations,
        checked=checked,
        leaked_state=changes,
        died=execution.reports.died,
        unawaited=execution.reports.unawaited if error is not None else (),
        sizes=sim.sizes,
    )


def _close(
    execution: Execution, error: BaseException | None, refusals: Sequence[BaseException]
) -> BaseException | None:
    """Close the execution; returns the error of the run, of closing, or one that was swallowed."""
    try:
        execution.close()
    except ProcessDied as died:
        error = error or died
    return error or next(iter([*refusals, *execution.reports.refused]), None)


def _execution(
    scenario: Scenario,
    choices: Choices,
    keep_trace: bool,
    notes_returns: bool,
    watched: Watched | None,
    spectator: Spectator | None,
    coverage: Coverage | None,
) -> Execution:
    return Execution(
        choices,
        network=scenario.network,
        limits=scenario.limits,
        keep_trace=keep_trace or spectator is not None,
        notes_returns=notes_returns,
        isolated=scenario.isolated and spectator is None,
        start_node=scenario.start_node,
        watched=watched,
        faults=scenario.faults,
        schedule=scenario.schedule,
        spectator=spectator,
        read=None if coverage is None else coverage.take,
    )


def _watched(
    scenario: Scenario, modules: list[ModuleType], *, watch: bool, audited: bool
) -> Watched | None:
    """The modules whose state is looked at around steps of a node."""
    own = own_module(scenario)
    if audited:
        return Watched(modules, every_step=False)
    return Watched([own], every_step=True) if watch and own is not None else None


def _is_audited(scenario: Scenario, choices: Choices) -> bool:
    """Whether a run pays for a closer look at what nodes share: one seed of the light tests."""
    source = choices.source
    first = isinstance(source, Seeded) and source.seed == 0
    return first and scenario.weight == 1 and not scenario.isolated


def _shared_state(
    scenario: Scenario, choices: Choices, changes: list[Change]
) -> SharedState | None:
    """What to say of module-level state that a run changed, if code on a node changed any.

    A test may keep what it likes in its own module; servers and clerks that stand beside it may
    not. Which of them it was, another run of the same choices tells, watched step by step.
    """
    own = own_module(scenario)
    for change in changes:
        if own is None or change.module != own.__name__:
            return SharedState(f"{change.file}:{change.line}: {change.sentence}")
    if not changes or not _is_new(scenario.function, changes):
        return None
    error = _run(scenario, Choices(Replayed(choices.record())), watch=True).error
    return error if isinstance(error, SharedState) else None


def _with_its_return(
    scenario: Scenario, choices: Choices, error: BaseException | None
) -> BaseException | None:
    """What went wrong, with the line that returned what cannot travel, if that is what it was.

    Which return matters is known only now, so all of them are watched in another run of the seed.
    """
    if not isinstance(error, HandlerCrashed | Misused) or error.failure.shown:
        return error
    if error.failure.kind not in _CANNOT_TRAVEL:
        return error
    source = choices.source if isinstance(choices.source, Seeded) else Replayed(choices.record())
    again = _run(scenario, Choices(source), keep_trace=True, notes_returns=True).error
    if not isinstance(again, HandlerCrashed | Misused):
        return error
    return again if replace(again.failure, returned=None) == error.failure else error


_MORE: Final = 3
"""How often a nondeterministic seed is run again, to see whether it keeps differing."""
_CANNOT_TRAVEL: Final = frozenset({NotAMessage.__name__, WrongResult.__name__})
_excused: set[tuple[SimulatedTest, tuple[str, ...]]] = set()


def _is_new(test: SimulatedTest, changes: list[Change]) -> bool:
    """Whether a test changes these things for the first time, so that it is worth asking who."""
    key = test, tuple(change.name for change in changes)
    if key in _excused:
        return False
    _excused.add(key)
    return True


def repeat(scenario: Scenario, seed: int, failing: Outcome) -> Outcome:
    """Run a seed again with its trace, for its story.

    If this run differs from `failing`, the outcome is NonDeterministic.
    """
    again = run(scenario, scenario.choices(seed), keep_trace=True)
    if isinstance(failing.error, SharedState):  # the second run finds what the first left behind
        return again.failing_with(failing.error)
    if again.digest == failing.digest:
        return again
    if failing.leaked_state:
        change = failing.leaked_state[0]
        why = (
            f"The first run left something behind: {change.file}:{change.line}: {change.sentence}"
        )
    elif any(run(scenario, scenario.choices(seed)).digest != again.digest for _ in range(_MORE)):
        why = (
            "It goes yet another way each time: the code comes by a real clock, by randomness "
            "that is not the node's, or by the address of an object, as in the order of a set"
        )
    else:
        why = (
            "From then on it goes the same way each time: an earlier run left something behind, "
            "in a class, a default argument, a cache or a file"
        )
    return again.failing_with(
        NonDeterministic(
            f"seed {seed} failed with {failing.kind}, and when it is run again it {again.saying}. "
            f"{why}"
        )
    )


def _rather(
    scenario: Scenario, sim: Simulation, error: BaseException
) -> tuple[Checked | None, BaseException]:
    """What the test found, or why: an impossible history explains what looks wrong after it."""
    wrong = isinstance(error, AssertionError) and not isinstance(error, Stuck | Undecided)
    if scenario.model is None or not wrong:
        return None, error
    checked = None
    try:
        checked = check.check_history(scenario.model, sim.history, scenario.limits.configurations)
        check.judge(checked)
    except NotLinearizable as deeper:
        return checked, deeper
    except (Undecided, TesterError):  # a model that raises is told of once the test passes
        return None, error
    return None, error


def _kind(error: BaseException | None) -> str:
    if isinstance(error, HandlerCrashed | Misused):
        return error.failure.kind
    return "" if error is None else type(error).__name__


def _verdict(error: BaseException | None) -> str:
    if error is None:
        return "pass"
    if isinstance(error, Undecided):
        return "unknown"
    if isinstance(error, BadSubmission):
        return "misuse"
    return "fail"
