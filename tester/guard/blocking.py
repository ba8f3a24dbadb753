"""Refuses calls that wait in the thread: on a node they would stop the whole simulation.

A call that need not wait is harmless and allowed: a lock that is free, a queue that has an item,
an event that is set. The standard library takes such locks itself, for example in logging.
"""

from __future__ import annotations

import _thread
import queue
import select
import selectors
import socket
import sys
import sysconfig
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, NoReturn

from tester.engine.current import CurrentNode
from tester.guard.caller import node, refuse

_STOPS: Final = "stops the whole node"
_STDLIB: Final = sysconfig.get_path("stdlib")
_INSTEAD: Final = (
    ("queue.", "use asyncio.Queue"),
    ("multiprocessing.", "use asyncio.Queue"),
    ("threading.Event", "use asyncio.Event"),
    ("threading.Condition", "use asyncio.Condition"),
    ("threading.Semaphore", "use asyncio.Semaphore"),
    ("threading.Barrier", "use asyncio.Barrier"),
    ("threading.", "use asyncio.Lock"),
    ("concurrent.futures", "start a task and await it: asyncio.create_task(...)"),
)


def blocked(machine: CurrentNode, own: str = "") -> NoReturn:
    """Refuse the call by which code on a node came to wait; `own` names it where none stands."""
    call = _call(sys._getframe(1)) or own
    instead = next((advice for start, advice in _INSTEAD if call.startswith(start)), "use asyncio")
    refuse(machine, call, _STOPS, instead)


def _call(frame: FrameType | None) -> str:
    """Name the call of the standard library that the user made and that waits in `frame`."""
    found = ""
    while frame is not None:
        file, module = frame.f_code.co_filename, str(frame.f_globals.get("__name__"))
        if not module.startswith("tester.guard."):
            if not file.startswith(_STDLIB) or file.startswith(sysconfig.get_path("purelib")):
                break
            public = (part for part in module.split(".") if not part.startswith("_"))
            name = f"{'.'.join(public)}.{frame.f_code.co_qualname}"
            if not module.startswith(("threading", "queue", "concurrent.", "multiprocessing.")):
                break
            found = name.removesuffix(".__enter__")
        frame = frame.f_back
    return found


def _wait(machine: CurrentNode, real: Callable[..., Any], *args: Any, **kwargs: Any) -> NoReturn:
    blocked(machine, f"{real.__module__}.{real.__qualname__}")


WAITS: dict[str, dict[str, Callable[..., Any]]] = {
    # Event, Semaphore, Barrier, Queue and Future wait by a Condition, if they must at all.
    "threading:Condition": {"wait": _wait},
    "threading:Thread": {"join": _wait},
    "multiprocessing.queues:Queue": {"get": _wait},
    "multiprocessing.connection:_ConnectionBase": {"recv": _wait, "recv_bytes": _wait},
}


class Lock:
    """A `threading.Lock` that code on a node has: the real one, except that it never waits."""

    __slots__ = ("__weakref__", "_real")

    def __init__(self, real: Any) -> None:
        self._real = real

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """See threading.Lock."""
        machine = node()
        if machine is None or not blocking or timeout == 0:
            return bool(self._real.acquire(blocking, timeout))
        if not self._real.acquire(False):
            blocked(machine, "threading.Lock.acquire")
        return True

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self._real.release()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class SimpleQueue:
    """A `queue.SimpleQueue` that code on a node has: the real one, except that it never waits."""

    __slots__ = ("__weakref__", "_real")

    def __init__(self, real: Any) -> None:
        self._real = real

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """See queue.SimpleQueue."""
        machine = node()
        if machine is None or not block:
            return self._real.get(block, timeout)
        try:
            return self._real.get_nowait()
        except queue.Empty:
            blocked(machine, "queue.SimpleQueue.get")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class Refused:
    """An object of the real machine that code on a node holds, and may do nothing with."""

    __slots__ = ("_real", "_what")

    def __init__(self, real: Any) -> None:
        self._real = real
        self._what = f"{type(real).__module__.lstrip('_')}.{type(real).__qualname__}"

    def __getattr__(self, name: str) -> Any:
        machine = node()
        if machine is not None and not name.startswith("__"):
            what, why = f"{self._what}.{name}", "is about the real machine"
            refuse(machine, what, why, "machines talk by RPC: await end.call(Server.method, args)")
        return getattr(self._real, name)


OBJECTS: Final[dict[type, Callable[[Any], Any]]] = {
    type(_thread.allocate_lock()): Lock,
    queue.SimpleQueue: SimpleQueue,
    socket.socket: Refused,
    selectors.DefaultSelector: Refused,
    selectors.SelectSelector: Refused,
    **({type(select.poll()): Refused} if hasattr(select, "poll") else {}),
    **{getattr(select, name): Refused for name in ("epoll", "kqueue") if hasattr(select, name)},
}
"""What stands, during a run, for objects that a user's module made before it."""


def _locks(machine: CurrentNode, real: Callable[..., Any], *args: Any, **kwargs: Any) -> Lock:
    return Lock(real(*args, **kwargs))


def _queues(machine: CurrentNode, real: Callable[..., Any], *args: Any) -> SimpleQueue:
    return SimpleQueue(real(*args))


# What code on a node makes itself.  A thread's own RLock never waits, and there is one thread.
# `threading` makes the locks of its other classes by `_allocate_lock`.
WAITS |= {
    "threading": {"Lock": _locks, "_allocate_lock": _locks},
    "_thread": {"allocate_lock": _locks, "allocate": _locks, "lock": _locks, "LockType": _locks},
    "queue": {"SimpleQueue": _queues},
    "_queue": {"SimpleQueue": _queues},
}
