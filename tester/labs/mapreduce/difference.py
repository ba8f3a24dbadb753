"""How an output file differs from what it should be, and which input file that is due to."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, Final

from mapreduce.api import App, decode, output, partition

_LONGEST: Final = 40
_MOST: Final = 2
"""How many differences are named."""

Groups = dict[str, dict[str, list[str]]]
"""The values of each key, by the file they come from."""


def at_once(coro: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that awaits nothing to its end."""
    try:
        _ = coro.send(None)
    except StopIteration as end:
        return end.value
    coro.close()
    raise AssertionError("expected a coroutine that awaits nothing")


class Reference:
    """What the sequential run of an app gives for some files, and what it is made of."""

    def __init__(
        self, app: App | None, inputs: Mapping[str, str], wanted: Mapping[str, bytes]
    ) -> None:
        self.wanted = wanted
        """The output files."""
        self._app = app
        self._inputs = inputs
        self._n_reduce = len(wanted)

    def difference(self, name: str, data: bytes) -> str | None:
        """What is wrong with an output file, as a sentence without its end; None: nothing."""
        if name not in self.wanted:
            return (
                f"{name} is no output file: those of {self._n_reduce} reduce tasks are "
                f"{output(0)} to {output(self._n_reduce - 1)}"
            )
        found, wanted = decode(data).splitlines(), decode(self.wanted[name]).splitlines()
        if sorted(found) == sorted(wanted):
            return None
        wrong = list(self._wrong(found, dict(map(_parted, wanted))))
        if not wrong:
            return f"{name} has other lines than it should have"
        rest = len(wrong) - _MOST
        more = f", and {rest} more {'line is' if rest == 1 else 'lines are'} wrong"
        more = more if rest > 0 else ""
        said = f"in {name}, {' and '.join(wrong[:_MOST])}{more}"
        return said + self._due_to(dict(map(_parted, found)), name)

    def _wrong(self, found: Iterable[str], wanted: Mapping[str, str]) -> Iterable[str]:
        seen: dict[str, str] = {}
        for line in found:
            key, value = _parted(line)
            if key in seen:
                yield f"{_short(key)} is on more than one line"
            elif key not in wanted:
                yield self._foreign(key)
            elif value != wanted[key]:
                yield f"{_short(key)} has {_short(value)}, expected {_short(wanted[key])}"
            seen[key] = value
        for key, value in wanted.items():
            if key not in seen:
                yield f"{_short(key)} is missing, expected {_short(value)}"

    def _foreign(self, key: str) -> str:
        home = output(partition(key, self._n_reduce))
        if any(key == _parted(line)[0] for line in decode(self.wanted[home]).splitlines()):
            return f"there is {_short(key)}, which belongs into {home}"
        return f"there is {_short(key)}, which no map emits"

    def _due_to(self, found: Mapping[str, str], name: str) -> str:
        """Which input file was left out, or counted twice, if that explains all of it."""
        if self._app is None:
            return ""
        groups: Groups = {}
        for file, contents in self._inputs.items():
            for key, value in at_once(self._app.map(file, contents)):
                if output(partition(key, self._n_reduce)) == name:
                    groups.setdefault(key, {}).setdefault(file, []).append(value)
        for times, how in ((0, "left out"), (2, "counted twice")):
            for file in self._inputs:
                if self._with(groups, file, times) == found:
                    return f": it is what comes out if {file} is {how}"
        return ""

    def _with(self, groups: Groups, file: str, times: int) -> dict[str, str]:
        """The output if one file had been mapped this many times."""
        assert self._app is not None
        made = {}
        for key, of in groups.items():
            values = [
                value
                for source, values in of.items()
                for value in values * (times if source == file else 1)
            ]
            if values:
                made[key] = at_once(self._app.reduce(key, values))
        return made


def _parted(line: str) -> tuple[str, str]:
    key, _, value = line.partition(" ")
    return key, value


def _short(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 4]}...'"
