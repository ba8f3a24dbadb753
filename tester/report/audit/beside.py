"""The servers of a group side by side at one moment: their terms, votes and logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tester.report.audit.group import voter
from tester.report.audit.servers import NONE, Servers, State
from tester.report.broken import Broken
from tester.report.width import WIDTH
from tester.world.events import Return
from tester.world.failure import printable
from tester.world.history import seconds
from tester.world.run import Outcome

_ENTRIES: Final = 6
"""How many entries of the logs are shown."""
_COMMANDS: Final = (12, 8, 5)
"""How many characters of a command are shown: as many as there is room for."""
_SERVERS: Final = 5
"""The largest group of which all servers are shown."""
_BEFORE: Final = 3
"""Entries before the one that matters."""

_Row = tuple[str, State | None]


def side_by_side(outcome: Outcome, broken: Broken) -> str:
    """A table of the servers at the moment a rule was broken; "" if they describe no logs."""
    servers = Servers(outcome)
    if not servers.names or not servers.times:
        return ""
    rows = _rows(servers, broken)
    states = [state for _, state in rows if state is not None]
    if not any(state.describes for state in states):
        return ""
    indexes = _window(states, broken.index)
    for longest in _COMMANDS:
        commands = _commands(outcome, broken.place, longest)
        lines = _table(rows, indexes, commands)
        if all(len(line) <= WIDTH for line in lines):
            break
    while len(indexes) > 1 and any(len(line) > WIDTH for line in lines):
        far = 0 if broken.index is None or broken.index > indexes[0] + indexes[-1] >> 1 else -1
        del indexes[far]
        lines = _table(rows, indexes, commands)
    head = f"The servers at {seconds(moment(outcome, broken))} s"
    if indexes:
        head += ", with the term and command of each entry of their logs"
    return "\n".join([f"{head}:", *lines])


def moment(outcome: Outcome, broken: Broken) -> int:
    """When a rule was broken, or seen broken, in microseconds."""
    time_us: int = outcome.trace[broken.place][0]
    if broken.seen is None:
        return time_us
    seen = (one.time_us for one in outcome.observations if one.place == broken.seen)
    return max(time_us, next(seen, time_us))


def _table(
    rows: Sequence[_Row], indexes: Sequence[int], commands: Mapping[tuple[int, int], str]
) -> list[str]:
    """One line a server; servers that are alike share one."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for label, state in rows:
        alike.setdefault(tuple(_cells(state, indexes, commands)), []).append(label)
    table = [("server", "term", "vote", "commit", "applied", *map(str, indexes))]
    table += [(", ".join(labels), *cells) for cells, labels in alike.items()]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["    " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in table]


def _rows(servers: Servers, broken: Broken) -> list[_Row]:
    place = broken.place
    restarts = [name for name, starts in servers.starts.items() if place in starts]
    if restarts:
        name = restarts[0]
        after = next(
            (s for s in servers.during(name, place, len(servers.times)) if s.term >= 0), None
        )
        last = after and servers.after(name, servers.event(name, after))
        woken = last if last is not None and last.life == (after.life if after else 0) else after
        return [(f"{name} before", servers.before(name, place)), (f"{name} after", woken)]
    chosen: Sequence[str] = servers.names
    if len(chosen) > _SERVERS and broken.servers:
        chosen = broken.servers
    return [(name, _now(servers, name, place, broken.seen)) for name in chosen[: _SERVERS + 2]]


def _now(servers: Servers, name: str, place: int, seen: int | None) -> State | None:
    """How a server is after an event, or when a rule was seen broken; None if it is down."""
    downs = [at for at in servers.downs[name] if at <= place]
    starts = [at for at in servers.starts[name] if at <= place]
    if downs and max(downs) > max(starts, default=NONE):
        return None
    if seen is not None:
        return servers.before(name, seen)
    return servers.after(name, min(place, len(servers.times) - 1))


def _window(states: Sequence[State], index: int | None) -> list[int]:
    """The indexes to show: those around the one that matters, or the last ones."""
    described = [state for state in states if state.describes]
    last = max((state.last for state in described), default=0)
    first = max(1, min((state.base for state in described), default=0))
    if last < 1:
        return []
    end = last if index is None else min(last, max(index, 1) + _ENTRIES - _BEFORE - 1)
    start = max(first, end - _ENTRIES + 1)
    return [*range(start, min(last, start + _ENTRIES - 1) + 1)]


def _cells(
    state: State | None, indexes: Sequence[int], commands: Mapping[tuple[int, int], str]
) -> list[str]:
    if state is None:
        return ["down", "", "", "", *("" for _ in indexes)]
    term = f"{state.term}, leads" if state.leads else str(max(state.term, 0))
    if not state.describes:
        return [term, "", "", str(state.applied), *("" for _ in indexes)]
    commit = "" if state.commit == NONE else str(state.commit)
    vote = voter(state.vote) if state.vote_term == state.term else "none"
    cells = [term, vote, commit, str(state.applied)]
    for index in indexes:
        found = state.term_at(index)
        if index <= state.base:
            cells.append("snap")
        elif found is None:
            cells.append("-")
        else:
            cells.append(f"{found} {commands.get((index, found), '')}".strip())
    return cells


def _commands(outcome: Outcome, until: int, longest: int) -> dict[tuple[int, int], str]:
    """The command at each index in each term, as `start` answered."""
    found: dict[tuple[int, int], str] = {}
    ops = outcome.history.ops
    for at, event in enumerate(outcome.events):
        if at > until:
            break
        if not isinstance(event, Return) or ops[event.op].method != "start":
            continue
        op = ops[event.op]
        result = op.result
        if isinstance(result, list | tuple) and len(result) == 3 and result[2] is True:
            found[result[0], result[1]] = _text(op.args[0] if op.args else b"", longest)
    return found


def _text(command: object, longest: int) -> str:
    if not isinstance(command, bytes):
        return ""
    text = printable(command[:longest].decode("utf-8", "backslashreplace"))
    return text if len(command) <= longest else f"{text[: longest - 2]}.."
