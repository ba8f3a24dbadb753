"""Invariants: what must hold of the objects on nodes after each of their steps, or at some time.

An `Observer` on the node of each object tells what its `describe()` returns, whenever that has
changed by the end of a step. What is asked of it is asked here, on the test's side of the border.
A `Monitor` judges what happens instead: it hears all that the probes of its objects' nodes tell.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec

from labrpc.errors import NotAMessage, TesterError
from tester.engine.scheduler import Place
from tester.world.arguments import expect_plain
from tester.world.failure import InvariantViolated, Verdict, message, printable, user_frames
from tester.world.group import Group
from tester.world.history import seconds
from tester.world.nodes import Remote
from tester.world.probe import Probe

DESCRIBED: Final = "describe()"
"""What an observer tells: this, whose description it is, and the description."""

State = Mapping[str, Any]
Condition = Callable[[Mapping[str, State]], bool]
"""Is asked of the descriptions of all objects that are up, by their names."""


class Monitor:
    """What must hold of what happens on nodes, where `describe()` would come too late.

        class Ordered(Monitor):
            def __init__(self) -> None:
                self._last: dict[str, int] = {}

            def hear(self, node: str, what: str, *data: Any) -> None:
                if what == "applied":
                    assert data[0] == self._last.get(node, 0) + 1
                    self._last[node] = data[0]

    One object stands for the rule in one run, and remembers what it has heard.
    """

    def hear(self, node: str, what: str, *data: Any) -> None:
        """A probe on a node has called `Probe.report(what, *data)`; calls come in their order.

        It asserts what must hold, or raises a `Verdict` of its own, with which the run fails then.
        """
        raise NotImplementedError


_SHOWN: Final = 160
"""At most this many characters of a description are shown."""


# -- on the node ----------------------------------------------------------------------------------


class Observer:
    """Tells what an object of its node says of itself."""

    stands_for: ClassVar = "what an invariant looks at"

    def __init__(self, probe: Probe, target: Any, key: str) -> None:
        self._name = type(target).__name__
        describe = getattr(target, "describe", None)
        if describe is None or inspect.iscoroutinefunction(describe):
            what = "none" if describe is None else "an `async def`"
            raise TesterError(
                f"{self._name}.describe: expected a plain method that returns a dict, for an "
                f"invariant to look at, got {what}"
            )
        self._describe = describe
        self._key = key
        self._probe = probe
        self._reported = b""
        probe.after_each_step(self._look)

    def _look(self) -> None:
        described = self._describe()
        if type(described) is not dict or not all(type(name) is str for name in described):
            raise NotAMessage(
                f"{self._name}.describe(): expected a dict whose keys are str, got {described!r}"
            )
        try:
            payload = msgspec.msgpack.encode(described)
        except Exception:  # of msgspec, on what is in it; which has better words
            expect_plain(described, f"{self._name}.describe()")
            raise
        if payload != self._reported:
            expect_plain(described, f"{self._name}.describe()")
            self._reported = payload
            self._probe.report(DESCRIBED, self._key, payload)


# -- on the test's side ---------------------------------------------------------------------------


class Watch:
    """A condition, and the objects it is asked of."""

    def __init__(self, name: str, condition: Condition, objects: Sequence[Remote]) -> None:
        self.name = name
        self.held = False
        """Whether it has ever held."""
        self._condition = condition
        nodes = [one._member.name for one in objects]
        self.objects = {
            one._member.name if nodes.count(one._member.name) == 1 else one._key: one
            for one in objects
        }

    def holds(self, states: Mapping[str, State]) -> tuple[bool, str]:
        """Whether it holds, and what its author says of it if not."""
        said = ""
        try:
            holds = self._condition(states)
        except Verdict:
            raise
        except AssertionError as error:
            holds, said = False, message(error).partition("\n")[0]
        except Exception as error:  # noqa: BLE001 - the user's, whatever it is
            raise _unanswered(self.name, error, shown(states)) from None
        if type(holds) is not bool:
            raise TesterError(f"{self.name!r}: expected True or False, got {holds!r}")
        self.held = self.held or holds
        return holds, said


class Invariants:
    """All that is asked of the objects of a run."""

    def __init__(self) -> None:
        self.reached: dict[str, bool] = {}
        """What is to be reached in some run, and whether it was in this one."""
        self._always: list[Watch] = []
        self._names: set[str] = set()
        """Those of what must always hold."""
        self._watches: dict[str, list[Watch]] = {}
        self._states: dict[str, tuple[Place, State]] = {}

    def watch(
        self, name: str, condition: Condition, objects: Sequence[Any], now_us: int, *, always: bool
    ) -> tuple[Watch, list[Remote]]:
        """Ask a condition from now on; returns those objects that nobody has looked at before."""
        if isinstance(condition, Monitor):
            raise TesterError(
                f"{name!r}: a Monitor says what must always hold; give it to sim.always, and a "
                "function of what objects describe to the others"
            )
        if not callable(condition):
            raise TesterError(
                f"{name!r}: expected a function of what objects describe, got {condition!r}"
            )
        remotes = list(dict.fromkeys(_remotes(name, objects)))
        made = Watch(name, condition, remotes)
        unseen = [remote for remote in remotes if remote._key not in self._watches]
        for remote in remotes:
            self._watches.setdefault(remote._key, []).append(made)
        if always:
            self._take(name)
            self._always.append(made)
        if not unseen:
            self._ask(made, "when it is first asked", now_us)
        return made, unseen

    def monitor(self, name: str, objects: Sequence[Any]) -> list[str]:
        """Take note of what must always hold of what happens; returns the nodes where it does."""
        nodes = dict.fromkeys(remote._member.name for remote in _remotes(name, objects))
        self._take(name)
        return list(nodes)

    def _take(self, name: str) -> None:
        if name in self._names:
            raise TesterError(f"there is an invariant {name!r} already; give each its own name")
        self._names.add(name)

    def states(self, watch: Watch) -> dict[str, State]:
        """The descriptions of those objects of a watch that are up."""
        found = {}
        for name, remote in watch.objects.items():
            place, state = self._states.get(remote._key, (None, {}))
            if not remote._member.down and place is remote._member.place:
                found[name] = state
        return found

    def hear(self, remote: Remote, payload: bytes, now_us: int) -> None:
        """An object is described anew."""
        place = remote._member.place
        self._states[remote._key] = place, msgspec.msgpack.decode(payload)
        for watch in self._watches[remote._key]:
            self._ask(watch, f"after a step of {remote._member.name}", now_us)

    def _ask(self, watch: Watch, when: str, now_us: int) -> None:
        """Ask a condition, unless one of its objects is about to be described.

        That is so at the instant at which it is built, or built again: its condition need not
        reckon with it.
        """
        states = self.states(watch)
        for name, remote in watch.objects.items():
            if not (name in states or remote._member.down or remote._member.paused):
                return
        holds, said = watch.holds(states)
        if watch.name in self.reached:
            self.reached[watch.name] |= holds
        if holds or watch not in self._always:
            return
        why = f" ({printable(said)})" if said else ""
        raise InvariantViolated(
            watch.name,
            f"{watch.name!r} does not hold{why} {when}, at {seconds(now_us)} s: {shown(states)}",
        )


@dataclass(frozen=True, slots=True)
class Heard:
    """What the probes of a node tell a monitor, and what is wrong if it objects."""

    name: str
    monitor: Monitor
    node: str
    now_us: Callable[[], int]

    def __call__(self, what: str, *data: Any) -> None:
        try:
            self.monitor.hear(self.node, what, *data)
        except (Verdict, TesterError):
            raise
        except AssertionError as error:
            said = message(error).partition("\n")[0]
            why = f" ({printable(said)})" if said else ""
            raise InvariantViolated(
                self.name,
                f"{self.name!r} does not hold{why} at what {self.node} reported, at "
                f"{seconds(self.now_us())} s: {_reported(what, data)}",
            ) from None
        except Exception as error:  # noqa: BLE001 - the user's, whatever it is
            reported = f"what {self.node} reported: {_reported(what, data)}"
            raise _unanswered(self.name, error, reported) from None


def _unanswered(name: str, error: Exception, of: str) -> TesterError:
    """The verdict on an invariant that raises what is no answer."""
    frames = user_frames(error)
    at = f"{frames[-1].file}:{frames[-1].line}: " if frames else ""
    return TesterError(
        f"{at}{name!r} could not be asked: it raised {type(error).__name__}: {message(error)}, "
        f"of {of}"
    )


def _reported(what: str, data: Sequence[Any]) -> str:
    text = ", ".join(map(repr, (what, *data)))
    return printable(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def shown(states: Mapping[str, State]) -> str:
    """Descriptions as the end of a sentence."""
    texts = []
    for name, state in states.items():
        text = ", ".join(f"{key}={value!r}" for key, value in state.items())
        texts.append(f"{name} ({text if len(text) <= _SHOWN else f'{text[:_SHOWN]}...'})")
    return printable(", ".join(texts)) or "none of its objects is up"


def _remotes(name: str, objects: Sequence[Any]) -> list[Remote]:
    found: list[Remote] = []
    for one in objects:
        found += one.peers if isinstance(one, Group) else [one]
    for remote in found:
        if not isinstance(remote, Remote):
            raise TesterError(
                f"{name!r}: expected groups, and objects on nodes as `make`, `serve` and `clerk` "
                f"return them, got {remote!r}"
            )
    if not found:
        raise TesterError(f"{name!r} is asked of no object: give those whose describe() is meant")
    return found
