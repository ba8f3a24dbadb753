"""The lines of a story: what happened in a run, one event a line, from its trace."""

from __future__ import annotations

import textwrap
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import msgspec

from tester.report import values
from tester.world.failure import Failure
from tester.world.history import seconds
from tester.world.run import Entry

_LOSSES: Final = {
    "request lost": "no reply: the network lost the request",
    "unreachable": "no reply: no server could be reached",
    "server dead": "no reply: the server was gone",
}
_HELD_UP: Final = "no reply in time: the request is still on its way"
_AFTERMATH: Final = {
    "reply lost": ", and the network lost the reply",
    "server dead": ", and the server was gone before it could say so",
}


Groups = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Line:
    """One line: when, on which node, what; and the operation it belongs to, if any."""

    time_us: int
    who: str
    what: str
    op: int | None
    rpc: int | None = None
    """The RPC it tells of, if it does."""
    is_state: bool = False
    """Whether it tells what has become of a server, which the run was told."""
    is_death: bool = False
    """Whether it tells what a background task died of."""

    @property
    def is_message(self) -> bool:
        """Whether it tells of a message on its way, and not of what was done or happened."""
        return self.what.startswith(" ")

    @property
    def is_arrival(self) -> bool:
        """Whether it tells only that a message has arrived, as was to be expected."""
        return self.what.endswith(" arrives")

    def answers(self, call: Line) -> bool:
        """Whether it ends, and repeats, the operation that another line begins."""
        return self.op == call.op is not None and self.what.startswith(f"{call.what} -> ")

    def likewise(self, before: Line | None) -> Line:
        """This line, shorter, if it tells of the long message that the line before it told of."""
        number, _, said = self.what.lstrip().partition(" ")
        if before is None or self.rpc is None or len(str(self)) <= WIDTH:
            return self
        if before.time_us != self.time_us or not before.what.endswith(f" {said}"):
            return self
        return replace(self, what=f"    {number} likewise")

    @property
    def is_unreachable(self) -> bool:
        """Whether it is the end of an RPC that reached nobody."""
        return self.what.endswith(_LOSSES["unreachable"])

    def __str__(self) -> str:
        start = f"{seconds(self.time_us):>8}  {self.who:<7} "
        if len(start) + len(self.what) <= WIDTH:
            return start + self.what
        inside = " " * (len(self.what) - len(self.what.lstrip()) + 4)
        return textwrap.fill(
            self.what,
            WIDTH,
            initial_indent=start,
            subsequent_indent=" " * len(start) + inside,
            break_on_hyphens=False,
        )


WIDTH: Final = 80
"""Columns of a story."""

HEADER: Final = f"{'time':>8}  {'who':<7} what happened"


def _groups(groups: Groups, one_way: bool) -> str:
    """Who is on which side: `s0 | s1, s2`, or whom s0 does not reach."""
    sides = [", ".join(group) for group in groups]
    return f"what {sides[0]} sends to {sides[1]} is lost" if one_way else " | ".join(sides)


class _Teller:
    """Walks the trace once; knows which RPC belongs to which operation, and how each ended."""

    def __init__(self, trace: Sequence[Entry]) -> None:
        self._trace = trace
        self._fates = {
            entry[2]: entry[1]
            for entry in trace
            if entry[1] in {"reply", "reply lost", "request lost", "unreachable", "server dead"}
        }
        self._arrives = {entry[2]: entry[0] for entry in trace if entry[1] == "deliver"}
        self._answers = {entry[2]: entry[0] for entry in reversed(trace) if entry[1] == "answer"}
        self._open: dict[int, tuple[str, str]] = {}  # op -> (client, text)
        self._sent: dict[int, tuple[str, int | None]] = {}  # rpc -> (end, op)
        self._delivered: dict[int, int] = {}
        self._servers: dict[int, str] = {}
        self._answered: set[int] = set()

    def lines(self) -> Iterable[Line]:
        for at, entry in enumerate(self._trace):
            time_us, kind, *rest = entry
            found = getattr(self, f"_{kind.replace(' ', '_')}")(at, time_us, *rest)
            if found is not None:
                who, what, op = found
                rpc = rest[0] if what.startswith("    #") else None
                yield Line(time_us, who, what, op, rpc, kind == "does")

    def _call(self, at: int, t: int, op: int, client: str, method: str, payload: bytes) -> Any:
        text = values.operation(method, msgspec.msgpack.decode(payload))
        self._open[op] = client, text
        return client, text, op

    def _return(self, at: int, t: int, op: int, payload: bytes) -> Any:
        client, text = self._open.pop(op)
        return client, f"{text} -> {values.result(msgspec.msgpack.decode(payload))}", op

    def _unheard(self, at: int, t: int, op: int, payload: bytes) -> Any:
        client, text, _ = self._return(at, t, op, payload)
        return client, f"{text}, but its caller had given up", op

    def _send(self, at: int, t: int, rpc: int, end: str, method: str, payload: bytes) -> Any:
        name, _, _ = end.partition(".")  # a clerk of several servers has an end to each: c0.s1
        mine = [op for op, (client, _) in self._open.items() if client.split(".")[0] == name]
        op = mine[-1] if mine else None
        self._sent[rpc] = end, op
        return end, f"    #{rpc} {method}({values.message(payload)})", op

    def _deliver(self, at: int, t: int, rpc: int, server: str) -> Any:
        self._servers[rpc] = server
        count = self._delivered[rpc] = self._delivered.get(rpc, 0) + 1
        op = self._sent[rpc][1]
        if count > 1:
            return server, f"    #{rpc} arrives again: the network had copied it", op
        if rpc in self._answered:
            return server, f"    #{rpc} arrives late: its caller had given up", op
        if self._answers.get(rpc) == t:
            return None  # handled in one go: one line is enough
        return server, f"    #{rpc} arrives", op

    def _answer(self, at: int, t: int, rpc: int, payload: bytes) -> Any:
        aftermath = "" if rpc in self._answered else _AFTERMATH.get(self._fates.get(rpc, ""), "")
        return (
            self._servers[rpc],
            f"    #{rpc} {values.reply(payload)}{aftermath}",
            self._sent[rpc][1],
        )

    def _lost(self, t: int, rpc: int, how: str) -> Any:
        self._answered.add(rpc)
        end, op = self._sent[rpc]
        held_up = how == "request lost" and self._arrives.get(rpc, -1) >= t
        return end, f"    #{rpc} {_HELD_UP if held_up else _LOSSES[how]}", op

    def _reply(self, at: int, t: int, rpc: int) -> Any:
        self._answered.add(rpc)

    def _reply_lost(self, at: int, t: int, rpc: int) -> Any:
        self._answered.add(rpc)

    def _request_lost(self, at: int, t: int, rpc: int) -> Any:
        return self._lost(t, rpc, "request lost")

    def _unreachable(self, at: int, t: int, rpc: int) -> Any:
        return self._lost(t, rpc, "unreachable")

    def _server_dead(self, at: int, t: int, rpc: int) -> Any:
        return self._lost(t, rpc, "server dead")

    def _crash(self, at: int, t: int, node: str) -> Any:
        return node, "crashes", None

    def _stop(self, at: int, t: int, node: str) -> Any:
        return node, "is stopped", None

    def _restart(self, at: int, t: int, node: str) -> Any:
        return node, "restarts", None

    def _cut_short(self, at: int, t: int, node: str, rpc: int) -> Any:
        return node, f"has handled #{rpc}, and before it answers:", None

    def _disk_loss(self, at: int, t: int, node: str, lost: int) -> Any:
        what = "the last write" if lost == 1 else f"the last {lost} writes"
        return node, f"the disk loses {what}: not synced", None

    def _pause(self, at: int, t: int, node: str) -> Any:
        return node, "stands still", None

    def _resume(self, at: int, t: int, node: str) -> Any:
        return node, "goes on", None

    def _skew(self, at: int, t: int, node: str, ahead_ms: int, drift_ppm: int) -> Any:
        wrong = []
        if ahead_ms:
            how = "ahead" if ahead_ms > 0 else "behind"
            wrong.append(f"is {seconds(abs(ahead_ms) * 1_000)} s {how}")
        if drift_ppm:
            how = "gains" if drift_ppm > 0 else "loses"
            wrong.append(f"{how} {seconds(abs(drift_ppm))} s a second")
        return node, f"its clock {' and '.join(wrong) or 'is right again'}", None

    def _slow_disk(self, at: int, t: int, node: str, extra_ms: int) -> Any:
        return node, f"a sync takes {extra_ms} ms longer" if extra_ms else "syncs as usual", None

    def _cut(self, at: int, t: int, groups: Groups, one_way: bool) -> Any:
        return "network", f"is cut: {_groups(groups, one_way)}", None

    def _heal(self, at: int, t: int, groups: Groups, one_way: bool) -> Any:
        return "network", f"heals: {_groups(groups, one_way)}", None

    def _weather(self, at: int, t: int, name: str, begins: bool) -> Any:
        how = "from here on" if begins else "no more"
        return "network", f"{how} {name.replace('_', ' ')}", None

    def _fault(self, at: int, t: int, stream: str, index: int, what: str, kind: str) -> Any:
        """What other entries do not tell: a `maybe` of the user's own that came true."""
        if not what.startswith("maybe("):
            return None
        site, _, node = what.rpartition(" on ")
        return node, f"{site} comes true", None

    def _does(self, at: int, t: int, node: str, what: str, rpc: int | None = None) -> Any:
        return node, what, None if rpc is None else self._sent[rpc][1]

    def _note(self, at: int, t: int, text: str) -> Any:
        return "test", " ".join(text.splitlines()), None

    def _end(self, at: int, t: int, kind: str) -> Any:
        return None


def lines(trace: Sequence[Entry], died: Sequence[Failure] = ()) -> list[Line]:
    """Every line of a run's story; what background tasks died of stands where they did."""
    told = list(_Teller(trace).lines())
    for line in sorted(_deaths(died), key=lambda line: line.time_us):
        at = bisect_right(told, line.time_us, key=lambda line: line.time_us)
        told.insert(at, line)
    return told


def _deaths(died: Sequence[Failure]) -> Iterable[Line]:
    """A line for each place where tasks died of one thing: when the first of them did."""
    first: dict[tuple[Any, ...], Failure] = {}
    for failure in died:
        if failure.time_us is not None:
            known = first.setdefault((failure.node, failure.kind, failure.frames[-1:]), failure)
            if failure.time_us < cast(int, known.time_us):
                first[failure.node, failure.kind, failure.frames[-1:]] = failure
    for failure in first.values():
        said = failure.message.splitlines()[:1]
        what = f"a task raised {': '.join([failure.kind, *said])}"
        yield Line(cast(int, failure.time_us), failure.node, what, None, is_death=True)
