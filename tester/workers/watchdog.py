"""The watchdog: it decides whether a silent worker is stuck or out of memory; `worker` ends it.

An infinite loop uses CPU time, however busy the machine is. A worker that waits for something
outside uses none and is ended after a longer limit of real time.
"""

from __future__ import annotations

import resource
import sys
from enum import Enum
from typing import Final

from tester.workers.processes import Process, descendants, processes
from tester.world import exhaustion

FENCE: Final = 10
"""A worker may be silent for this many times its limit, in real time."""
LOADING: Final = 3
"""It may use this many times its limit to import a submission, which may import numpy."""
OURS: Final = 10
"""It may use this many times its limit in our code, such as the checker, which has limits."""
_AFTER_S: Final = 0.5
_EVERY_S: Final = 0.25
_GROWTH: Final = 64 << 20
"""Bytes: a silent worker that has grown by more than this is out of memory rather than stuck."""


class Finding(Enum):
    """What is wrong with a worker that is silent."""

    BUSY = "busy"
    """It has used up its CPU time."""
    GROWING = "growing"
    """It has used up its CPU time, and its memory grows."""
    WAITING = "waiting"
    """It has been silent for too long in real time."""


class Watchdog:
    """Looks at a worker, and at what it has started, while it says nothing."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.quiet_s = 0.0
        """Real seconds since the worker last said something."""
        self.busy = [pid]
        """Its processes, the busiest first: isolated nodes have some of their own."""
        self.allowed_s = 0
        """The limit in seconds at the last look."""
        self._factor = 1
        self._look_at = _AFTER_S
        self._before: dict[int, Process] | None = None
        self.squeezed = False
        """Whether its memory has been limited to what it has."""

    def heard(self) -> None:
        """The worker has said something."""
        if self._before is not None:
            self._before = None
            self._look_at = _AFTER_S
            self._factor = 1
        self.quiet_s = 0.0

    def look(self, passed_s: float, limit_s: int) -> Finding | None:
        """Look whether it is at its limit; `passed_s`: real seconds since the last look."""
        self.quiet_s += passed_s
        if self.quiet_s < self._look_at:
            return None
        self._look_at = self.quiet_s + _EVERY_S
        now = self._processes()
        if self._before is None:
            self._before = now
        used = {pid: one.cpu_s - self._was(pid).cpu_s for pid, one in now.items()}
        self.busy = sorted(used, key=used.__getitem__, reverse=True) or [self._pid]
        self.allowed_s = self._factor * limit_s
        if sum(used.values()) >= self.allowed_s:
            pid = self.busy[0]
            grown = now[pid].resident - self._was(pid).resident
            # What took all there is before the first look grows no more.
            growing = grown > _GROWTH or self.squeezed or _is_near_limit(pid)
            return Finding.GROWING if growing else Finding.BUSY
        self.allowed_s *= FENCE
        return Finding.WAITING if self.quiet_s >= self.allowed_s else None

    def is_ours(self) -> bool:
        """Allow it more time, because it is in our code; returns False if that was done before."""
        granted = self._factor < OURS
        self._factor = max(OURS, self._factor)
        return granted

    def squeeze(self) -> bool:
        """Make its next allocation fail, so that it reports what grows; returns whether it can."""
        if self.squeezed or sys.platform != "linux":
            return False
        self.squeezed = True
        self._factor += 1
        pid = self.busy[0]
        if _is_near_limit(pid):
            return False  # it is at its limit as it is, and takes no notice
        try:
            _, hard = resource.prlimit(pid, resource.RLIMIT_DATA)
            resource.prlimit(pid, resource.RLIMIT_DATA, (exhaustion.used(pid), hard))
        except OSError:  # it has gone, or is not ours to limit
            return False
        return True

    def _processes(self) -> dict[int, Process]:
        among = processes()
        found = descendants(self._pid, among)
        found += [among[self._pid]] if self._pid in among else []
        return {process.pid: process for process in found}

    def _was(self, pid: int) -> Process:
        assert self._before is not None
        return self._before.get(pid) or Process(pid, 0, 0, 0.0, 0, ended=False)


def _is_near_limit(pid: int) -> bool:
    try:
        return sys.platform == "linux" and exhaustion.is_near_limit(pid)
    except OSError:  # it has gone, or is not ours to look at
        return False
