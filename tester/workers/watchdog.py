"""The watchdog: it judges whether a worker is stuck or short of memory; `worker` ends it.

CPU time passes in an infinite loop, however busy the machine is, and does not pass in a wait. The
outer fence is real time: a worker that waits for something outside would wait for ever.
"""

from __future__ import annotations

import resource
import sys
from enum import Enum
from typing import Final

from tester.workers.processes import Process, descendants, processes
from tester.world import exhaustion

FENCE: Final = 10
"""A worker may be silent for so many times its limit in real time,"""
LOADING: Final = 3
"""use so many times its limit to import a submission, which may import numpy,"""
OURS: Final = 10
"""and so many times where our code is at work, such as the checker: that has limits of its own."""
_AFTER_S: Final = 0.5
_EVERY_S: Final = 0.25
_GROWTH: Final = 64 << 20
"""Bytes: what takes so much more while it is silent is short of memory rather than of time."""


class Finding(Enum):
    """What is wrong with a worker that is silent."""

    BUSY = "busy"
    """It has used up its CPU time."""
    GROWING = "growing"
    """It has, and takes more and more memory."""
    WAITING = "waiting"
    """It has been silent for so long that whatever it waits for will not come."""


class Watchdog:
    """Looks at a worker, and at what it has started, while it says nothing."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.quiet_s = 0.0
        """Real seconds since the worker last said something."""
        self.busy = [pid]
        """Its processes, the busiest first: isolated nodes have some of their own."""
        self.allowed_s = 0
        """Seconds that it was allowed, when it was found to be at its limit."""
        self._factor = 1
        self._look_at = _AFTER_S
        self._before: dict[int, Process] | None = None
        self.squeezed = False
        """Whether it gets no more memory."""

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
        """Our code is at work, not theirs; whether it may go on."""
        granted = self._factor < OURS
        self._factor = max(OURS, self._factor)
        return granted

    def squeeze(self) -> bool:
        """Have its next allocation fail, so that it says itself what grows; whether it may."""
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
