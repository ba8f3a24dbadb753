"""What processes use: the CPU time of a node, and the memory that the grader holds for nodes."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

AT_ONE_INSTANT: Final = 64 << 20
"""Bytes that a node may be sent in one step: more than any node can say in one."""
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_SAID: Final = 16 << 30
"""Bytes that all nodes of one run may say together: several times what a run may send at all."""
_HELD: Final = 384 << 20
"""Bytes of memory that the grader may have in use while nodes talk; to digest the end of a run, it
may need as much again."""
_BETWEEN_LOOKS: Final = 16 << 20
"""Bytes that nodes say between looks at the grader's memory."""


def cpu_time(pid: int) -> tuple[float, bool]:
    """Seconds of CPU time that a process has used, and whether it waits for something."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:  # there is no /proc, or not yet such a process
        return 0.0, True
    state, *rest = stat[stat.rindex(b")") + 2 :].split()
    return (int(rest[10]) + int(rest[11])) / _TICKS, state not in b"RD"


def resident() -> int:
    """Bytes of memory that this process has in use; 0 if the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * _PAGE
    except OSError:
        return 0


def weight(data: Iterable[Any]) -> int:
    """Bytes of all texts and byte strings in something, however often they are in it."""
    total = 0
    for part in data:
        kind = type(part)
        if kind is bytes or kind is str:
            total += len(part)
        elif kind is int or part is None:
            continue
        elif isinstance(part, Mapping):
            total += weight(part.keys()) + weight(part.values())
        elif isinstance(part, bytes | str):
            total += len(part)
        elif isinstance(part, Iterable):
            total += weight(part)
    return total


class Account:
    """Counts what the nodes of a run say, and looks at what the grader holds of it.

    Messages under way, files, and results stay in the grader's memory, so a limit on each of them
    would not limit their sum. Memory is looked at, and not added up, for that includes whatever
    else may be kept; it takes far more than a run of any lab needs to come near the limit.
    """

    def __init__(self, most: int = _HELD) -> None:
        self._most = most
        self._said = 0
        self._next_look = _BETWEEN_LOOKS

    def count(self, size: int) -> str:
        """Count bytes; what is too much, to follow "The process of node n", or ""."""
        self._said += size
        if self._said > _SAID:
            return "flooded its pipe with more than anybody asks"
        if self._said >= self._next_look:
            self._next_look = self._said + _BETWEEN_LOOKS
            if resident() > self._most:
                _give_back()
                if resident() > self._most:
                    return (
                        f"flooded the grader: messages under way, files and results of the run "
                        f"take more than {self._most >> 20} MB together"
                    )
        return ""


def _give_back() -> None:
    """Return memory to the system that nothing uses: of earlier runs, or kept by C's library."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):  # only the GNU library has this
        ctypes.CDLL(None).malloc_trim(0)
