"""What a run leaves behind: coroutines that still wait, and asynchronous generators half used."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import warnings
from collections.abc import AsyncGenerator, Iterator
from typing import Any, Final, Protocol

from tester.engine import current

_PATIENCE: Final = 16
"""How many awaits a coroutine may pass in its `finally` and `except` blocks while it ends."""


class Suspended(Protocol):
    """A coroutine, or what else a task can run."""

    def close(self) -> None:
        """Raise GeneratorExit where it waits."""


def end(coro: Suspended) -> None:
    """End a suspended coroutine; what its code still does, or raises, is void.

    To be called inside the node: there an await suspends, also one in a `finally`; `close()` then
    fails, and is asked again. A coroutine that outlives that, such as

        while True:
            try: await asyncio.sleep(1)
            except: pass

    must never meet Python's own finalizer. That runs outside any loop, where each await fails at
    once: the code above would spin for ever, in a garbage collection or at the exit of the
    process. A reference that nobody gives back keeps the finalizer away.
    """
    interrupt = None
    for _ in range(_PATIENCE):
        try:
            coro.close()
        except KeyboardInterrupt as pressed:
            interrupt = pressed
        except BaseException:  # noqa: BLE001, S112 - the run is over and has its verdict
            continue
        else:
            break
    else:
        import ctypes  # some Pythons are built without; most runs do without

        running, current.node = current.node, None  # which may not reach around Python
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(coro))
        current.node = running
    if interrupt is not None:
        raise interrupt


@contextlib.contextmanager
def generators_close_in_tasks() -> Iterator[None]:
    """An asynchronous generator that loses its last user is closed in a task, as in asyncio.

    Python by itself would run the generator's `finally` on the spot, and fail at an await in it.
    One that loses it where no node's code runs, or after the run, is dropped as it is.
    """
    running = True

    def close(generator: AsyncGenerator[Any, Any]) -> None:
        loop = asyncio._get_running_loop()
        if running and loop is not None and current.node is not None:
            _ = loop.create_task(generator.aclose())  # the loop keeps it

    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=None, finalizer=close)
    try:
        yield
    finally:
        running = False
        sys.set_asyncgen_hooks(*hooks)


@contextlib.contextmanager
def unheeded() -> Iterator[None]:
    """Say nothing of coroutines never awaited and of errors in finalizers."""
    hook, sys.unraisablehook = sys.unraisablehook, _ignore
    warn, warnings._warn_unawaited_coroutine = warnings._warn_unawaited_coroutine, _ignore  # type: ignore[attr-defined]
    try:
        yield
    finally:
        sys.unraisablehook = hook
        warnings._warn_unawaited_coroutine = warn  # type: ignore[attr-defined]


def _ignore(_: object) -> None:
    """Do nothing."""
