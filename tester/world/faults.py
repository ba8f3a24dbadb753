"""The vocabulary of faults: what a nemesis can do to nodes, links, clocks, disks and messages.

    @simulate(faults=[faults.crash, faults.partition, faults.duplicates])

Each is a `Kind`; `docs/faults.md` shows them all. A kind of your own is a function that takes a
`Strike`, does something, and returns how to undo it, with `@kind` before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from labrpc.conditions import Ratio
from labrpc.errors import TesterError
from tester.engine.node import Node
from tester.engine.stream import ONLY_ON_RECORD
from tester.guard import caller
from tester.world.nemesis import Kind, Strike, Undo
from tester.world.nodes import Member

_ARMED: Final = 4
"""One site of `maybe` in this many is armed in a run."""
_FIRES: Final = (1, 4)
"""How often an armed site fires."""


def kind(strike: Callable[[Strike], Undo | None]) -> Kind:
    """Make a kind of fault of a function; it has the function's name."""
    return Kind(strike.__name__, strike)


def maybe(site: str) -> bool:
    """A fault of your own: nearly always False, and now and then True, when it would hurt.

        if maybe("slow-apply"):
            await asyncio.sleep(1)

    For code on nodes; a test asks `sim.maybe`. In each run a quarter of the sites are armed, on
    each node anew, and an armed site fires one time in four. Outside a run it never does.
    """
    machine = caller.node()
    if not isinstance(machine, Node):
        return False
    if not site or not site.isascii() or " " in site:
        raise TesterError(f"expected a name for maybe in ASCII without spaces, got {site!r}")
    stream = machine.choices.stream(f"maybe/{machine.name}/{site}")
    armed = stream.record[0] if stream.record else stream.below(_ARMED)
    index = len(stream.record)
    if not stream.chance(*(_FIRES if armed == _ARMED - 1 else ONLY_ON_RECORD)):
        return False
    short = f"maybe({site!r})"
    machine.outbox.append(("fault", stream.name, index, f"{short} on {machine.name}", short))
    return True


# -- nodes --------------------------------------------------------------------------------------


def _restart(node: Member) -> Undo:
    """Restart the node at the end, if it is still down from this strike."""
    place = node.place
    return lambda: node.restart() if node.down and node.place is place else None


@kind
def crash(strike: Strike) -> Undo | None:
    """A node loses what it had in memory, and restarts; its disk keeps all that was written."""
    node = strike.server()
    if node is None:
        return None
    strike.blame(f"the crash of {node.name}", "crash")
    node.crash()
    return _restart(node)


@kind
def crash_in_handler(strike: Strike) -> Undo | None:
    """A node crashes when it has handled a request and before it answers, and restarts."""
    node = strike.server()
    if node is None:
        return None
    lost = strike.one_of(range(4))
    handled: list[Undo] = []

    def on_crash(rpc: int) -> None:
        strike.blame(f"the crash of {node.name} while it handled #{rpc}", "crash in a handler")
        handled.append(_restart(node))

    call_off = node.crash_in_handler(lost, on_crash)
    return lambda: handled[0]() if handled else call_off()


@kind
def power_failure(strike: Strike) -> Undo | None:
    """A node crashes, and its disk loses its last writes, of those that were not synced."""
    node = strike.server()
    if node is None:
        return None
    lost = strike.one_of(range(node.store.unsynced + 1))
    what = f" ({lost} {'write' if lost == 1 else 'writes'} lost)" if lost else ""
    strike.blame(f"the power failure of {node.name}{what}", "power failure")
    node.crash(lost)
    return _restart(node)


@kind
def stop(strike: Strike) -> Undo | None:
    """A node is shut down, its objects' kill() is called, and it restarts."""
    node = strike.server()
    if node is None:
        return None
    strike.blame(f"the shutdown of {node.name}", "shutdown")
    node.stop()
    return _restart(node)


@kind
def pause(strike: Strike) -> Undo | None:
    """A node stands still for a while: messages wait for it, and its timers are late."""
    node = strike.server()
    if node is None:
        return None
    strike.blame(f"the pause of {node.name}", "pause")
    node.pause()
    return node.resume


@kind
def skew(strike: Strike) -> Undo | None:
    """A node's wall clock is set ahead, or back."""
    node = strike.server()
    if node is None:
        return None
    ahead_ms = strike.one_of((1_000, -1_000, 60_000, -60_000, 100, -100))
    strike.blame(f"the wrong clock of {node.name}", "wrong clock")
    node.skew(ahead_ms=ahead_ms)
    return node.skew


@kind
def drift(strike: Strike) -> Undo | None:
    """A node's clocks and timers run fast, or slow."""
    node = strike.server()
    if node is None:
        return None
    ppm = strike.one_of((100_000, -100_000, 1_000_000, -500_000))
    pace = "fast" if ppm > 0 else "slow"
    strike.blame(f"the {pace} clock of {node.name}", f"{pace} clock")
    node.skew(drift_ppm=ppm)
    return node.skew


@kind
def slow_disk(strike: Strike) -> Undo | None:
    """Each sync of a node's disk takes long."""
    node = strike.server()
    if node is None:
        return None
    strike.blame(f"the slow disk of {node.name}", "slow disk")
    node.slow_disk(strike.one_of((100, 10, 1_000)))
    return node.slow_disk


# -- links --------------------------------------------------------------------------------------


@kind
def partition(strike: Strike) -> Undo | None:
    """The nodes fall into two groups of any size, and no message passes between them."""
    names = strike.everybody()
    if len(names) < 2:
        return None
    some = strike.some_of(names)
    strike.blame(f"the partition of {_names(some)} from the rest", "partition")
    return _cut(strike, some, [name for name in names if name not in some])


@kind
def one_way(strike: Strike) -> Undo | None:
    """What some nodes send does not reach the others, though they hear them; or the reverse."""
    names = strike.everybody()
    if len(names) < 2:
        return None
    some = strike.some_of(names)
    rest = [name for name in names if name not in some]
    deaf = strike.one_of((False, True))
    how = "deaf" if deaf else "mute"
    strike.blame(f"the one-way partition that made {_names(some)} {how}", f"{how} node")
    groups = (rest, some) if deaf else (some, rest)
    made = strike.links.cut(groups, one_way=True)
    return lambda: strike.links.restore(made)


@kind
def ring(strike: Strike) -> Undo | None:
    """The nodes form a ring, in some order, and each talks to its two neighbours only."""
    names = strike.everybody()
    if len(names) < 4:
        return None
    order = strike.shuffled(names)
    strike.blame(f"the ring of {_names(order)}", "ring")
    return _cut(strike, *zip(order, [*order[1:], order[0]], strict=True))


@kind
def isolate(strike: Strike) -> Undo | None:
    """A server is cut from all others."""
    node = strike.server()
    if node is None:
        return None
    strike.blame(f"the isolation of {node.name}", "isolation")
    return _cut_off(strike, node.name)


@kind
def isolate_leader(strike: Strike) -> Undo | None:
    """The leader is cut from all others: see `leader` of `Simulation.nemesis`."""
    name = strike.leader()
    if name is None or name not in strike.everybody():
        return None
    strike.blame(f"the isolation of the leader {name}", "isolated leader")
    return _cut_off(strike, name)


@kind
def swizzle(strike: Strike) -> Undo | None:
    """Some nodes are cut off, one after the other, and come back in another order.

    FoundationDB's swizzle-clog: each order in which nodes lose and find each other is tried.
    """
    names = strike.everybody()
    if len(names) < 2:
        return None
    some = strike.some_of(names)
    strike.blame(f"the swizzle of {_names(some)}", "swizzle")
    step_us = strike.for_us // (2 * len(some))
    undo: dict[str, Undo] = {}

    def lose(name: str) -> None:
        undo[name] = _cut_off(strike, name)

    def find(name: str) -> None:
        _ = undo[name]()

    for at, name in enumerate(some):
        strike.after(at * step_us, partial(lose, name))
    for at, name in enumerate(strike.shuffled(some)):
        strike.after((len(some) + at + 1) * step_us, partial(find, name))
    return None


def _cut(strike: Strike, *groups: Sequence[str]) -> Undo:
    links = strike.links
    made = links.cut(groups)
    return lambda: links.restore(made)


def _cut_off(strike: Strike, name: str) -> Undo:
    return _cut(strike, [name], [other for other in strike.everybody() if other != name])


def _names(names: Sequence[str]) -> str:
    """Names in a sentence: "s0", "s0 and s1", "s0, s1, s2 and 4 more"."""
    shown = list(names) if len(names) <= 4 else [*names[:3], f"{len(names) - 3} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


# -- messages -----------------------------------------------------------------------------------


def _condition(name: str, **changes: int | Ratio) -> Kind:
    def strike(strike: Strike) -> Undo | None:
        strike.conditions.change(name, **changes)
        return lambda: strike.conditions.restore(name)

    return Kind(name, strike, condition=True)


losses: Final = _condition("losses", request_loss=(1, 10), reply_loss=(1, 10), request_delay_ms=26)
"""One request in ten is lost, and one reply in ten."""
duplicates: Final = _condition("duplicates", duplicate=(1, 5))
"""One request in five arrives twice."""
late_requests: Final = _condition("late_requests", late=(1, 10))
"""One request in ten arrives up to two seconds after its caller has given up."""
long_reordering: Final = _condition("long_reordering", reply_hold=(2, 3))
"""Two replies in three are held back, for 200 to 2 199 ms."""
long_delays: Final = _condition("long_delays", request_delay_ms=500, unreachable_ms=6_999)
"""Requests take up to half a second longer, and calls that reach no server up to 7 seconds."""


ALL: Final = (
    *(crash, crash_in_handler, power_failure, stop, pause, skew, drift, slow_disk),
    *(partition, one_way, ring, isolate, isolate_leader, swizzle),
    *(losses, duplicates, late_requests, long_reordering, long_delays),
)
"""Every kind. For servers that keep what they must on their disks."""
