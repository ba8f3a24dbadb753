"""The processes of this machine: parents, use of CPU and memory, and how to end a whole tree.

On Linux /proc lists them, and a process can adopt all its descendants, however often they fork and
whatever sessions they open: see `keep_descendants`. Elsewhere `ps` lists them, and a descendant
that opens a session of its own and whose parent ends is not found any more.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

_PROC: Final = "/proc"
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_GET_CHILD_SUBREAPER: Final = 37
_ROUNDS: Final = 1_000
"""The most searches for processes that were started while others were being ended."""
_QUIET: Final = 5
"""The searches end after this many in a row that find none."""


OWN: Final[set[int]] = set()
"""The children in process groups of their own that this process ends itself."""


class Process(NamedTuple):
    """A process, as the system sees it."""

    pid: int
    parent: int
    group: int
    cpu_s: float
    """Seconds of CPU time that it has used."""
    resident: int
    """Bytes of memory that it holds."""
    ended: bool
    """Whether it has ended but has not been waited for: a zombie."""


def processes() -> dict[int, Process]:
    """All processes, by their numbers."""
    if sys.platform != "linux":
        return by_ps()
    found = {}
    for name in os.listdir(_PROC):  # noqa: PTH208 - less than half of what it takes with pathlib
        if not name.isdecimal():
            continue
        try:
            stat = _read(f"{_PROC}/{name}/stat")
        except OSError:  # it has gone meanwhile
            continue
        # The name, in brackets, may hold anything.
        state, parent, group, *rest = stat[stat.rindex(b")") + 2 :].split()
        found[int(name)] = Process(
            pid=int(name),
            parent=int(parent),
            group=int(group),
            cpu_s=(int(rest[8]) + int(rest[9])) / _TICKS_PER_S,
            resident=int(rest[18]) * _PAGE,
            ended=state in b"ZX",
        )
    return found


def _read(file: str) -> bytes:
    """A small file of the system; a worker is looked at often, and so is every process then."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        return os.read(descriptor, 4_096)
    finally:
        os.close(descriptor)


def by_ps() -> dict[int, Process]:
    """All processes, where there is no /proc: POSIX has `ps` everywhere."""
    columns = [f"-o{column}=" for column in ("pid", "ppid", "pgid", "time", "rss", "stat")]
    listed = subprocess.run(["ps", "-A", *columns], capture_output=True, text=True, check=True)
    found = {}
    for line in listed.stdout.splitlines():
        pid, parent, group, time, kilobytes, state, *_ = line.split()
        found[int(pid)] = Process(
            int(pid), int(parent), int(group), seconds(time), int(kilobytes) << 10, "Z" in state
        )
    return found


def seconds(time: str) -> float:
    """Seconds of what `ps` shows as [[days-]hours:]minutes:seconds."""
    days, _, clock = time.rpartition("-")
    total = 0.0
    for part in clock.split(":"):
        total = 60 * total + float(part)
    return total + 86_400 * int(days or 0)


def descendants(root: int, among: dict[int, Process]) -> list[Process]:
    """All children of `root`, their children, and so on."""
    children: dict[int, list[Process]] = {}
    for process in among.values():
        children.setdefault(process.parent, []).append(process)
    found = list(children.get(root, ()))
    for process in found:  # which grows meanwhile
        found += children.get(process.pid, ())
    return found


def end_descendants(root: int) -> None:
    """Kill all descendants of a process, but not the process itself."""
    _end(lambda: descendants(root, processes()))


def end_orphans() -> None:
    """Kill and wait for the processes that this one has adopted: see `keep_descendants`.

    They are its children in other process groups, except for those in OWN.
    """
    this, group = os.getpid(), os.getpgrp()
    kept = {this, *OWN}

    def orphans() -> list[Process]:
        among = processes()
        found = [
            process
            for process in among.values()
            if process.parent == this and process.group != group and process.pid not in kept
        ]
        return [*found, *(below for one in found for below in descendants(one.pid, among))]

    _end(orphans)
    for process in orphans():  # what has ended by now is forgotten; the others have been killed
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.pid, 0)


def _end(find: Callable[[], list[Process]]) -> None:
    """Stop each process that is found until there are no new ones, and then kill them all.

    One that forks and exits all the time may be missed, but its ended parents are found.
    """
    seen: set[int] = set()
    quiet = 0
    for _ in range(_ROUNDS):
        found = find()
        new = [process for process in found if process.pid not in seen]
        _signal(new, signal.SIGSTOP)
        seen.update(process.pid for process in new)
        quiet = 0 if new else quiet + 1
        if not seen or quiet == _QUIET:
            break
    _signal(find(), signal.SIGKILL)


def _signal(processes: Iterable[Process], number: int) -> None:
    for process in processes:
        if not process.ended:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, number)


def keep_descendants(*, keep: bool = True) -> bool:
    """Adopt descendants whose parents end, or stop doing so; returns whether it was so before.

    It works on Linux only, where it is called a child subreaper.
    """
    if sys.platform != "linux":
        return False
    before = ctypes.c_int()
    _prctl(_PR_GET_CHILD_SUBREAPER, ctypes.addressof(before))
    _prctl(_PR_SET_CHILD_SUBREAPER, int(keep))
    return bool(before.value)


def end_with_parent() -> None:
    """Have the system kill this process when its parent ends, whatever it is doing."""
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), 0, 0, 0)
