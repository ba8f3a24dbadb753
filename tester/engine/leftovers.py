"""What a run leaves behind: suspended coroutines and asynchronous generators."""

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
    """Close a suspended coroutine; what its code still does or raises has no effect.

    Call it inside the node: there an await suspends, even one in a `finally`, in which case
    `close()` fails and is called again. A coroutine that survives that, such as

        while True:
            try: await asyncio.sleep(1)
            except: pass

    must never be finalized by Python. Finalizers run outside any loop, where each await fails at
    once: the code above would loop forever, in a garbage collection or at exit. A reference that
    is never released prevents the finalizer from running. What finalizers do, and that `close()`
    fails with "coroutine ignored GeneratorExit", is from PEP 342 and PEP 492.
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
    """Close an asynchronous generator that is no longer referenced in a task, as asyncio does.

    Without the hook of PEP 525, Python runs the generator's `finally` at once and fails at an
    await in it. One that is released where no node's code runs, or after the run, is dropped.
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
def finalizers_reported() -> Iterator[None]:
    """Report what a finalizer raises to the loop whose code let go of the object.

    Python can raise it nowhere, and only prints it: see `sys.unraisablehook`.
    """
    before = sys.unraisablehook

    def report(unraisable: sys.UnraisableHookArgs) -> None:
        loop = asyncio._get_running_loop()
        if loop is None or current.node is None:
            before(unraisable)
        else:
            loop.call_exception_handler({"exception": unraisable.exc_value})

    sys.unraisablehook = report
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextlib.contextmanager
def silent_finalizers() -> Iterator[None]:
    """Suppress errors in finalizers, and warnings of coroutines never awaited.

    The latter have no hook but a private function of `warnings`: bugs.python.org/issue32591.
    """
    hook, sys.unraisablehook = sys.unraisablehook, _ignore
    warn, warnings._warn_unawaited_coroutine = warnings._warn_unawaited_coroutine, _ignore  # type: ignore[attr-defined]
    try:
        yield
    finally:
        sys.unraisablehook = hook
        warnings._warn_unawaited_coroutine = warn  # type: ignore[attr-defined]


def _ignore(_: object) -> None:
    """Do nothing."""
