"""An app that now and then takes its worker down, or up to ten seconds; and its calm twin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mapreduce.apps.machine import Machine

# This module is the same for everybody: no submission replaces it.
__fixed__ = True


class NoCrash:
    """What a run of `Crash` must come to."""

    async def map(self, file: str, contents: str) -> Iterable[tuple[str, str]]:
        """Four pairs: the file, the lengths of its name and contents, and a constant."""
        return [
            ("a", file),
            ("b", str(len(file))),
            ("c", str(len(contents))),
            ("d", "xyzzy"),
        ]

    async def reduce(self, key: str, values: Sequence[str]) -> str:
        """All values in order."""
        return " ".join(sorted(values))


class Crash(NoCrash):
    """The worker may crash or stall before each map and reduce."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def map(self, file: str, contents: str) -> Iterable[tuple[str, str]]:
        """See NoCrash."""
        await self._machine.crash_or_stall()
        return await super().map(file, contents)

    async def reduce(self, key: str, values: Sequence[str]) -> str:
        """See NoCrash."""
        await self._machine.crash_or_stall()
        return await super().reduce(key, values)
