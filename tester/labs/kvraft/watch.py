"""The safety of replicated state machines and of the store on them, watched while they run.

All replicas must apply the same requests in the same order, and give the same replies: they are in
the same state then. No leader shares its term. The run ends at the event that shows otherwise.
What a replica tells (see `tester.labs.kvraft.replica`):

    started                                a new incarnation, which has applied nothing
    state     term, leads                  of its Raft: see `tester.labs.raft.safety`
    logged    rpc, index, term             a command of a client has got its place in the log
    applied   number, request, reply       the machine has applied so many requests, this one last
    packed    number                       the machine has made a snapshot of so many
    handed    index                        the Raft gets a snapshot that covers the log up to there
    restored  number                       the machine has taken over a snapshot of so many
    answered  request, reply               a submission has returned OK
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec

from kvsrv.rpc import Err, Version
from linearizability.verdict import counted
from tester.labs.kvraft.replica import DEC
from tester.labs.kvraft.verdicts import (
    AcknowledgedPutLost,
    AppliedInAMinority,
    AppliedTwice,
    NotApplied,
    ReplicasDiverged,
)
from tester.labs.raft.safety import Safety
from tester.labs.raft.verdicts import AppliedOutOfOrder, StateMachineSafetyViolated
from tester.labs.witness import describe_get, describe_put, short
from tester.world.failure import printable
from tester.world.history import seconds
from tester.world.invariants import Monitor
from tester.world.probe import Count, words
from tester.world.simulation import Simulation

# It observes the code under test: see tester.guard.origin.
__harness__ = True

words(
    {
        "started": tuple[()],
        "logged": tuple[Count, Count, Count],
        "applied": tuple[Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)], bytes, bytes],
        "packed": tuple[Count],
        "handed": tuple[Count],
        "restored": tuple[Count],
        "answered": tuple[bytes, bytes],
    }
)


_FOR_A_READER = frozenset({"packed", "handed"})
"""What breaks no rule by itself: a story tells it of a snapshot that a replica began from."""


class _Applied(NamedTuple):
    """A request, what the first replica that applied it replied, which one that was, and when."""

    request: bytes
    reply: bytes
    who: str
    us: int


class Watch(Monitor):
    """Hears the replicas of a group, and raises the verdict when they contradict each other.

    With `once`, each request is submitted only once, and so it may be applied only once.
    """

    def __init__(self, sim: Simulation, names: Sequence[str], *, once: bool = False) -> None:
        self.leaders = Safety(sim, names)
        self._sim = sim
        self._names = names
        self._numbers = {name: i for i, name in enumerate(names)}
        self._once: set[bytes] | None = set() if once else None
        self._log: list[_Applied] = []
        self.applied = [0] * len(names)
        """How many requests each replica has applied, those of its snapshots included."""
        self._replies: list[dict[bytes, bytes]] = [{} for _ in names]
        """What each replica has itself replied, in its present incarnation, if that is asked."""
        self._receivers: dict[str, Callable[..., None]] = {
            "logged": self._logged,
            "applied": self._has_applied,
            "restored": self._restored,
            "answered": self._answered,
        }

    @property
    def total(self) -> int:
        """How many requests the replica has applied that has applied most."""
        return len(self._log)

    def hear(self, node: str, what: str, *data: Any) -> None:
        """Take note of what a replica tells: see the top of this module."""
        server = self._numbers[node]
        if what == "started":
            self.applied[server] = 0
            self._replies[server].clear()
        if what in self._receivers:
            self._receivers[what](server, *data)
        elif what not in _FOR_A_READER:
            self.leaders.hear(node, what, *data)

    def _logged(self, server: int, rpc: int, index: int, term: int) -> None:
        self._sim.say(self._names[server], f"logs #{rpc} as entry {index} of term {term}", rpc)

    def _has_applied(self, server: int, number: int, request: bytes, reply: bytes) -> None:
        who = self._names[server]
        self.applied[server] = number
        if self._once is not None:
            self._replies[server][request] = reply
        if number > len(self._log):
            self._check_new(who, number, request)
            self._log.append(_Applied(request, reply, who, self._sim.virtual_us))
            return
        first = self._log[number - 1]
        if first.request != request:
            raise StateMachineSafetyViolated(
                f"{who} applied {shown(request)} as request {number}, where {first.who} applied "
                f"{shown(first.request)} {_at(first.us)}: all replicas apply the same requests in "
                "the same order, each once",
                moments=[first.us],
            )
        if first.reply != reply and first.reply and reply:
            raise ReplicasDiverged(
                f"{who} has applied the same {counted(number, 'request')} as {first.who}, and "
                f"replied to the last one, {shown(request)}, with {shown(reply)}, where "
                f"{first.who} replied {shown(first.reply)} {_at(first.us)}: they are in "
                "different states",
                moments=[first.us],
            )

    def _check_new(self, who: str, number: int, request: bytes) -> None:
        if self._once is None:
            return
        if request in self._once:
            before = next(i for i, one in enumerate(self._log, 1) if one.request == request)
            raise AppliedTwice(
                f"{who} applied {shown(request)} as request {number}, and it was request {before} "
                "already: it was submitted once",
                moments=[self._log[before - 1].us],
            )
        self._once.add(request)
        if request.startswith(DEC):
            raise AppliedInAMinority(
                f"{who} applied {shown(request)}, which was submitted to a leader that no "
                "majority could hear, and had to be forgotten when they could"
            )

    def _restored(self, server: int, number: int) -> None:
        who, before = self._names[server], self.applied[server]
        if number < before:
            raise AppliedOutOfOrder(
                f"{who} had applied {counted(before, 'request')}, and took over a snapshot "
                f"of {number}: a snapshot never moves a replica backwards"
            )
        if number > len(self._log):
            raise ReplicasDiverged(
                f"{who} took over a snapshot of {counted(number, 'request')}, and no replica "
                f"has applied more than {len(self._log)}"
            )
        self.applied[server] = number

    def _answered(self, server: int, request: bytes, reply: bytes) -> None:
        who = self._names[server]
        known = self._replies[server].get(request)
        if known is None:
            raise NotApplied(
                f"{who} answered {shown(request)} with OK, and had not applied it: it may yet be "
                "lost"
            )
        if known != reply:
            raise NotApplied(
                f"{who} answered {shown(request)} with {shown(reply)}, and its machine replied "
                f"{shown(known)}: the answer is another request's"
            )


class _Value(NamedTuple):
    """What a key holds at a version, as somebody was told; who that was, and when."""

    value: str
    said: str
    us: int


class Acknowledged:
    """What the clerks of a versioned store were told, all of which must be true together.

    The check of the history says so in the end; this says it at once, and of what is commonest: a
    version that was reached is never missed again, and has one value.
    """

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._latest: dict[str, tuple[Version, _Value]] = {}
        self._put: dict[tuple[str, Version], _Value] = {}
        self._values: dict[tuple[str, Version], _Value] = {}

    def latest(self, key: str) -> tuple[Version, _Value] | None:
        """The highest version that a key is known to have reached by now, and who says so."""
        return self._latest.get(key)

    def put(self, client: str, key: str, value: str, version: Version, err: Err) -> None:
        """A put was answered."""
        if err is not Err.OK:
            return
        said = f"{client}'s {describe_put(key, value, version, err)}"
        now = _Value(value, said, self._sim.virtual_us)
        before = self._put.setdefault((key, version), now)
        if before is not now:
            raise AcknowledgedPutLost(
                f"{said}, and so was {before.said} {_at(before.us)}: one version can be replaced "
                "only once, so one of them is lost",
                moments=[before.us],
            )
        self._found(key, version + 1, now)

    def got(
        self,
        client: str,
        key: str,
        got: tuple[str, Version, Err],
        before: tuple[Version, _Value] | None,
    ) -> None:
        """A get was answered that was called when `before` was the latest."""
        value, version, err = got
        said = f"{client}'s {describe_get(key, got)}"
        if before is not None and version < before[0]:
            known = before[1]
            raise AcknowledgedPutLost(
                f"{said}, but before it was called the key had reached version {before[0]}: "
                f"{known.said} {_at(known.us)}",
                moments=[known.us],
            )
        if err is Err.OK:
            self._found(key, version, _Value(value, said, self._sim.virtual_us))

    def _found(self, key: str, version: Version, now: _Value) -> None:
        known = self._values.setdefault((key, version), now)
        if known.value != now.value:
            raise AcknowledgedPutLost(
                f"{now.said}, but {known.said} {_at(known.us)}: version {version} of {key!r} is "
                f"{short(known.value)} and {short(now.value)}",
                moments=[known.us],
            )
        if key not in self._latest or version > self._latest[key][0]:
            self._latest[key] = version, now


def shown(data: bytes) -> str:
    """A request or a reply for a reader: as plain data, if that is what it is."""
    try:
        text = repr(msgspec.msgpack.decode(data))
    except (msgspec.DecodeError, ValueError):
        text = repr(data)
    text = printable(text)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _at(us: int) -> str:
    return f"at {seconds(us)} s"
