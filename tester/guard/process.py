"""What a process keeps for itself, beside the modules of a user: limits, paths, filters, settings.

A run that changes one of these changes the runs after it. Libraries change some when they are
imported, so only what the text of the user's modules asks for is the user's doing. Logging is not
among them: who logs what decides nothing.

    settings = Settings()               # before the run
    ...
    changes = settings.changed(modules)
"""

from __future__ import annotations

import _locale
import _thread
import builtins
import copyreg
import gc
import linecache
import sys
import warnings
from collections.abc import Sequence
from itertools import product
from types import ModuleType
from typing import Any, Final

from tester.guard import recursion
from tester.guard.modules import Change

_WORDS: Final = {
    "the recursion limit": ("setrecursionlimit",),
    "the most digits of an int": ("set_int_max_str_digits",),
    "sys.path": ("sys.path", "path.append", "path.insert", "path.extend"),
    "sys.meta_path": ("meta_path",),
    "the filters of warnings": (
        *("simplefilter", "filterwarnings", "resetwarnings"),
        "warnings.filters",
    ),
    "the builtins": ("builtins",),
    "the locale": ("setlocale",),
    "the default context of decimals": ("DefaultContext",),
    "the default timeout of sockets": ("setdefaulttimeout",),
    "the longest field of csv": ("field_size_limit",),
    "the switch interval of threads": ("setswitchinterval",),
    "the stack size of threads": ("stack_size",),
    "the thresholds of the garbage collector": ("set_threshold",),
    "the callbacks of the garbage collector": ("gc.callbacks", "callbacks.append"),
    "the tracking of coroutines": ("set_coroutine_origin_tracking_depth",),
    "the hooks of asynchronous generators": ("set_asyncgen_hooks",),
    "the registry of copyreg": ("copyreg.pickle", "dispatch_table", "copyreg"),
}
"""What there is, and of which words one stands in the text of whoever changes it, likely first."""


def _now() -> tuple[Any, ...]:
    """All of it, in that order. It is asked around every run, so it makes few calls."""
    modules = sys.modules
    context = timeout = field = None
    if "decimal" in modules:
        context = repr(modules["decimal"].DefaultContext)
    if "_socket" in modules:
        timeout = modules["_socket"].getdefaulttimeout()
    if "_csv" in modules:
        field = modules["_csv"].field_size_limit()
    return (
        recursion.limit(),
        sys.get_int_max_str_digits(),
        [*sys.path],
        [*sys.meta_path],
        [*warnings.filters],
        {**builtins.__dict__},
        _locale.setlocale(_locale.LC_ALL),  # what locale.setlocale calls
        context,
        timeout,
        field,
        sys.getswitchinterval(),
        _thread.stack_size(),
        gc.get_threshold(),
        [*gc.callbacks],
        sys.get_coroutine_origin_tracking_depth(),
        sys.get_asyncgen_hooks(),
        {**copyreg.dispatch_table},
    )


class Settings:
    """What the process keeps now; make it and ask it outside `guard.installed`."""

    def __init__(self) -> None:
        self._then = _now()

    def changed(self, modules: Sequence[ModuleType]) -> list[Change]:
        """What has changed since, and which line of these modules may have done it."""
        now = _now()
        if now == self._then:
            return []
        pairs = zip(_WORDS, self._then, now, strict=True)
        found = [_change(what, old, new, modules) for what, old, new in pairs if old != new]
        return [change for change in found if change is not None]


def _change(what: str, old: Any, new: Any, modules: Sequence[ModuleType]) -> Change | None:
    for word, module in product(_WORDS[what], modules):
        file = getattr(module, "__file__", None) or ""
        for number, line in enumerate(linecache.getlines(file), 1):
            if word in line:
                how = f" from {old!r} to {new!r}" if isinstance(new, int | float | str) else ""
                return Change(
                    module.__name__,
                    what,
                    file,
                    number,
                    f"{what} outlives the run, which changed it{how}: every run in this process "
                    "has the same; leave it as it is, or put it back",
                )
    return None
