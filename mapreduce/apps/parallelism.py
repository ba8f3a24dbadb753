"""Apps that see how many workers map, or reduce, at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from mapreduce.apps.machine import Machine

# This module is the same for everybody: no submission replaces it.
__fixed__ = True


async def _at_once(machine: Machine, phase: str) -> int:
    """Leave a mark for a second; returns how many marks there were at the beginning."""
    mark = f"mr-worker-{phase}-{machine.name}"
    await machine.disk.write(mark, b"")
    marks = await machine.disk.names(f"mr-worker-{phase}-")
    await asyncio.sleep(1)
    await machine.disk.remove(mark)
    return len(marks)


class MapParallelism:
    """Emits for each map call who it was, when, and how many mapped at that time."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def map(self, file: str, contents: str) -> Iterable[tuple[str, str]]:
        """("times-w0", "0.25") and ("parallel-w0", "2"); it takes a second."""
        start = asyncio.get_running_loop().time()
        n = await _at_once(self._machine, "map")
        name = self._machine.name
        return [(f"times-{name}", f"{start:.3f}"), (f"parallel-{name}", str(n))]

    async def reduce(self, key: str, values: Sequence[str]) -> str:
        """All values in order."""
        return " ".join(sorted(values))


class ReduceParallelism:
    """Ten keys; the value of each is how many reduced at that time."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def map(self, file: str, contents: str) -> Iterable[tuple[str, str]]:
        """Each letter from a to j, once."""
        return [(letter, "1") for letter in "abcdefghij"]

    async def reduce(self, key: str, values: Sequence[str]) -> str:
        """The number of workers that reduce now; it takes a second."""
        return str(await _at_once(self._machine, "reduce"))
