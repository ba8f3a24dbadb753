"""The clocks and calendars that a simulated node reads in place of the machine's own.

Everything is derived from one integer, the node's virtual microseconds since the start of the
run, so the `_ns` forms are exact and no float decides anything. A run starts at 2000-01-01
00:00:00 UTC on every wall clock and at 0 on every other clock; every calendar is UTC, so that no
machine's time zone leaks in.

Functions here take `(machine, real, *arguments)`: the node that asks, and what it asked for.
"""

from __future__ import annotations

import calendar
import datetime
import os
import time
from collections.abc import Callable
from typing import Any

from tester.engine.current import CurrentNode
from tester.guard.caller import node

EPOCH_US = 946_684_800_000_000  # 2000-01-01T00:00:00Z, in microseconds of Unix time
_SECOND = 1_000_000
_WALL_CLOCKS = frozenset(
    getattr(time, name) for name in ("CLOCK_REALTIME", "CLOCK_TAI") if hasattr(time, name)
)

_date = datetime.date
_datetime = datetime.datetime
_utc = datetime.UTC
_epoch = _datetime(2000, 1, 1, tzinfo=_utc)
_gmtime, _asctime = time.gmtime, time.asctime


class Stopped:
    """A clock that stands at the start of a run: for code that no node runs, where there is no
    other clock.
    """

    ahead_us = 0

    def time_us(self) -> int:
        return 0


stopped: Stopped | None = None
"""What answers where no node asks; None: the real clocks do."""


def asks() -> CurrentNode | Stopped | None:
    """Whose clock is read: the running node's, or the one that stands; None: the machine's."""
    return node() or stopped


def wall_us(machine: CurrentNode | Stopped) -> int:
    """Microseconds of Unix time by the node's wall clock, which may be set wrong."""
    return EPOCH_US + machine.time_us() + machine.ahead_us


def _time(machine: CurrentNode | Stopped, real: object) -> float:
    return wall_us(machine) / _SECOND


def _time_ns(machine: CurrentNode | Stopped, real: object) -> int:
    return wall_us(machine) * 1000


def _monotonic(machine: CurrentNode | Stopped, real: object) -> float:
    return machine.time_us() / _SECOND


def _monotonic_ns(machine: CurrentNode | Stopped, real: object) -> int:
    return machine.time_us() * 1000


def _clock_gettime(machine: CurrentNode | Stopped, real: object, clk_id: int, /) -> float:
    return (wall_us(machine) if clk_id in _WALL_CLOCKS else machine.time_us()) / _SECOND


def _clock_gettime_ns(machine: CurrentNode | Stopped, real: object, clk_id: int, /) -> int:
    return (wall_us(machine) if clk_id in _WALL_CLOCKS else machine.time_us()) * 1000


def _calendar(
    machine: CurrentNode | Stopped, real: object, seconds: float | None = None, /
) -> time.struct_time:
    return _gmtime(wall_us(machine) // _SECOND if seconds is None else seconds)


def _ctime(machine: CurrentNode | Stopped, real: object, seconds: float | None = None, /) -> str:
    return _asctime(_calendar(machine, real, seconds))


def _asctime_now(machine: CurrentNode | Stopped, real: Callable[..., str], *t: Any) -> str:
    return real(*t or (_calendar(machine, real),))


def _strftime_now(
    machine: CurrentNode | Stopped, real: Callable[..., str], form: str, /, *t: Any
) -> str:
    return real(form, *t or (_calendar(machine, real),))


def _mktime(machine: CurrentNode | Stopped, real: object, t: time.struct_time, /) -> float:
    return float(calendar.timegm(t))


def _times(machine: CurrentNode | Stopped, real: object) -> os.times_result:
    busy = machine.time_us() / _SECOND
    return os.times_result((busy, 0.0, 0.0, 0.0, busy))


CLOCKS: dict[str, dict[str, Callable[..., Any]]] = {
    "time": {
        "time": _time,
        "time_ns": _time_ns,
        "monotonic": _monotonic,
        "monotonic_ns": _monotonic_ns,
        "perf_counter": _monotonic,
        "perf_counter_ns": _monotonic_ns,
        "process_time": _monotonic,
        "process_time_ns": _monotonic_ns,
        "thread_time": _monotonic,
        "thread_time_ns": _monotonic_ns,
        "clock_gettime": _clock_gettime,
        "clock_gettime_ns": _clock_gettime_ns,
        "localtime": _calendar,
        "gmtime": _calendar,
        "ctime": _ctime,
        "asctime": _asctime_now,
        "strftime": _strftime_now,
        "mktime": _mktime,
    },
    "os": {"times": _times},
}


ZONE = {"timezone": 0, "altzone": 0, "daylight": 0, "tzname": ("UTC", "UTC")}
"""What `time` says of the machine's time zone."""


def _stands_for(cls: type) -> type | None:
    real: type | None = vars(cls).get("_stands_for")
    return real


class _StandIn(type):
    """The type of the stand-ins for `date` and `datetime`, and of what derives from them.

    A stand-in only ever makes, and recognises, instances of the real type: a value is the same
    in and out of a run.
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        real = _stands_for(cls)
        return super().__call__(*args, **kwargs) if real is None else real(*args, **kwargs)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _stands_for(cls) or ()) or super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _stands_for(cls) or ()) or super().__subclasscheck__(subclass)

    # Equal to the type it stands for, so that a table keyed by type finds both.
    def __eq__(cls, other: object) -> bool:
        return other is cls or other is _stands_for(cls)

    def __hash__(cls) -> int:
        return type.__hash__(_stands_for(cls) or cls)


def _now(machine: CurrentNode | Stopped) -> datetime.datetime:
    return _epoch + datetime.timedelta(microseconds=wall_us(machine) - EPOCH_US)


def stand_ins() -> tuple[type, type]:
    """Make what `datetime.date` and `datetime.datetime` mean during a run.

    The real ones are C types, whose methods cannot be replaced, so their names are rebound to
    these. When no node's code asks, the real type answers.
    """

    def really(real: type, cls: type, method: str) -> Any:
        found = next(vars(base)[method] for base in real.__mro__ if method in vars(base))
        return found.__get__(None, cls)

    class date(_date, metaclass=_StandIn):
        _stands_for = _date

        @classmethod
        def today(cls) -> Any:
            if (machine := asks()) is None:
                return really(_date, cls, "today")()
            now = _now(machine)
            return cls(now.year, now.month, now.day)

        @classmethod
        def fromtimestamp(cls, timestamp: float, /) -> Any:
            if asks() is None:
                return really(_date, cls, "fromtimestamp")(timestamp)
            then = _datetime.fromtimestamp(timestamp, _utc)
            return cls(then.year, then.month, then.day)

    class datetime_(_datetime, metaclass=_StandIn):
        _stands_for = _datetime

        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            if (machine := asks()) is None:
                return really(_datetime, cls, "now")(tz)
            now = _now(machine)
            now = now.replace(tzinfo=None) if tz is None else now.astimezone(tz)
            return cls.combine(now.date(), now.timetz())

        @classmethod
        def today(cls) -> Any:
            return really(_datetime, cls, "today")() if asks() is None else cls.now()

        @classmethod
        def utcnow(cls) -> Any:
            return really(_datetime, cls, "utcnow")() if asks() is None else cls.now()

        @classmethod
        def fromtimestamp(cls, timestamp: float, tz: datetime.tzinfo | None = None) -> Any:
            real = really(_datetime, cls, "fromtimestamp")
            if tz is not None or asks() is None:
                return real(timestamp, tz)
            return real(timestamp, _utc).replace(tzinfo=None)

    fakes: tuple[type, type] = (date, datetime_)
    for fake, real in zip(fakes, (_date, _datetime), strict=True):
        fake.__name__ = fake.__qualname__ = real.__name__
        fake.__module__, fake.__doc__ = real.__module__, real.__doc__
    return fakes


def is_stand_in(cls: type) -> bool:
    """Say whether a class is a stand-in, or derives from one."""
    return isinstance(cls, _StandIn)


def methods(fake: type) -> dict[str, Any]:
    """The class methods of a stand-in, for a class that derives from the real type."""
    return {name: value for name, value in vars(fake).items() if isinstance(value, classmethod)}
