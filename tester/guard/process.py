"""What a process keeps for itself, beside the modules of a user: limits, paths, filters, settings.

A run that changes one of these changes the runs after it. Libraries change some when they are
imported, so only what the text of the user's modules asks for is the user's doing. Logging is not
among them: who logs what decides nothing.

    settings = Settings()               # before the run
    ...
    changes = settings.changed(modules)
"""

from __future__ import annotations

import builtins
import linecache
import sys
import warnings
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Final, NamedTuple

from tester.guard.modules import Change


class _Setting(NamedTuple):
    what: str
    """What a sentence calls it."""
    now: Callable[[], Any]
    words: tuple[str, ...]
    """Of which one stands in the text of whoever changes it."""


def _of(module: str, ask: Callable[[Any], Any]) -> Callable[[], Any]:
    """What a module says, if somebody has imported it."""

    def now() -> Any:
        found = sys.modules.get(module)
        return None if found is None else ask(found)

    return now


_SETTINGS: Final = (
    _Setting("the recursion limit", sys.getrecursionlimit, ("setrecursionlimit",)),
    _Setting("the switch interval", sys.getswitchinterval, ("setswitchinterval",)),
    _Setting("sys.path", lambda: [*sys.path], ("sys.path", "path.append", "path.insert")),
    _Setting("sys.meta_path", lambda: [*sys.meta_path], ("meta_path",)),
    _Setting("the trace function", sys.gettrace, ("settrace", "set_trace")),
    _Setting("the profile function", sys.getprofile, ("setprofile",)),
    _Setting(
        "the filters of warnings",
        lambda: [*warnings.filters],
        ("simplefilter", "filterwarnings", "resetwarnings", "warnings.filters"),
    ),
    _Setting("the builtins", lambda: dict(vars(builtins)), ("builtins",)),
    _Setting("the locale", _of("locale", lambda it: it.setlocale(it.LC_ALL)), ("setlocale",)),
    _Setting(
        "the default context of decimals",
        _of("decimal", lambda it: repr(it.DefaultContext)),
        ("DefaultContext",),
    ),
    _Setting(
        "the default timeout of sockets",
        _of("socket", lambda it: it.getdefaulttimeout()),
        ("setdefaulttimeout",),
    ),
    _Setting(
        "the thresholds of the collector",
        _of("gc", lambda it: it.get_threshold()),
        ("set_threshold",),
    ),
    _Setting("the most digits of an int", sys.get_int_max_str_digits, ("set_int_max_str_digits",)),
)


class Settings:
    """What the process keeps now; make it and ask it outside `guard.installed`."""

    def __init__(self) -> None:
        self._then = [setting.now() for setting in _SETTINGS]

    def changed(self, modules: Sequence[ModuleType]) -> list[Change]:
        """What has changed since, and which line of these modules may have done it."""
        return [
            change
            for setting, then in zip(_SETTINGS, self._then, strict=True)
            if then != (now := setting.now()) and (change := _change(setting, modules, then, now))
        ]


def _change(
    setting: _Setting, modules: Sequence[ModuleType], then: Any, now: Any
) -> Change | None:
    for module in modules:
        file = getattr(module, "__file__", None) or ""
        for number, line in enumerate(linecache.getlines(file), 1):
            if any(word in line for word in setting.words):
                how = f" from {then!r} to {now!r}" if isinstance(now, int | float | str) else ""
                return Change(
                    module.__name__,
                    setting.what,
                    file,
                    number,
                    f"{setting.what} outlives the run, which changed it{how}: every run in this "
                    "process has the same; leave it as it is, or put it back",
                )
    return None
