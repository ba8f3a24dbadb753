"""Who asks: the node whose code runs on the thread of the run, and what it is refused."""

from __future__ import annotations

import sys
from _thread import get_ident
from typing import Final, NoReturn

from tester.engine import current
from tester.engine.current import CurrentNode
from tester.engine.errors import OutsideWorld

thread: int | None = None
"""The thread of the active run; None while there is none."""

_DEBUGGERS: Final = frozenset(
    {"bdb", "pdb", "ipdb", "pudb", "pydevd", "_pydevd_bundle", "_pydev_bundle", "debugpy"}
)


def node() -> CurrentNode | None:
    """Return the node whose code is running on this thread, if any is."""
    return current.node if get_ident() == thread else None


def packages() -> list[str]:
    """Name the top-level packages on the stack, nearest first, above the engine that runs them."""
    names: list[str] = []
    frame = sys._getframe(1).f_back
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if name.startswith("tester.engine.") and names:
            break
        if not name.startswith(("tester.engine.", "tester.guard.")):
            names.append(name.partition(".")[0])
        frame = frame.f_back
    return names


def is_debugger() -> bool:
    """Say whether a debugger asks, which may ask for anything: `breakpoint()` works on a node."""
    return not _DEBUGGERS.isdisjoint(packages())


def is_debuggers(module: str) -> bool:
    """Say whether a module is a debugger's."""
    return module.partition(".")[0] in _DEBUGGERS


def is_stdlib(depth: int) -> bool:
    """Say whether the standard library asks: the code of the frame so far above this call."""
    name = str(sys._getframe(depth).f_globals.get("__name__"))
    return name.partition(".")[0] in sys.stdlib_module_names


def refuse(machine: CurrentNode, call: str, why: str, instead: str) -> NoReturn:
    """Refuse a call to code on a node; the run fails even if that code swallows the error."""
    error = OutsideWorld(f"node {machine.name}: {call} {why}; {instead}")
    current.refusals.append(error)
    raise error
