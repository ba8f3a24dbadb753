"""An app that counts how often map is called."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from mapreduce.apps.machine import Machine

# This module is the same for everybody: no submission replaces it.
__fixed__ = True


class JobCount:
    """Each map call leaves a mark, and takes two to five seconds."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._calls = 0

    async def map(self, file: str, contents: str) -> Iterable[tuple[str, str]]:
        """("a", "x")."""
        self._calls += 1
        await self._machine.disk.write(f"mr-job-{self._machine.name}-{self._calls}", b"")
        await asyncio.sleep((2_000 + self._machine.below(3_000)) / 1_000)
        return [("a", "x")]

    async def reduce(self, key: str, values: Sequence[str]) -> str:
        """The number of marks."""
        return str(len(await self._machine.disk.names("mr-job-")))
