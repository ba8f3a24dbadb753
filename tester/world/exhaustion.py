"""Exhaustion: whether an exception means that the process has no memory left, and what has it."""

from __future__ import annotations

import contextlib
import gc
import itertools
import mmap
import os
import resource
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, ModuleType
from typing import Any, Final

from tester.engine import current, reserve
from tester.guard import stack
from tester.guard.origin import is_users

_NEARLY: Final = 3, 4
"""A process that holds this part of what it may have is short of memory; one that asked for more
than any machine has is not, and does so every time."""
_FINENESS: Final = 64 << 10
_LOOKED_AT: Final = 2_000
_SAMPLE: Final = 16
_DEPTH: Final = 4
_FRAMES: Final = 50
"""Only the innermost are looked at: an endless recursion leaves very many."""
_SIZED: Final = (list, dict, set, frozenset, tuple, deque, str, bytes, bytearray)
_FLAT: Final = (str, bytes, bytearray)
_NOT_DATA: Final = (type, ModuleType, FunctionType, BuiltinFunctionType, CodeType, FrameType)


def origin(error: BaseException) -> BaseException:
    """The first of several that came of one another: where nothing is left, every step fails."""
    while isinstance(error.__context__, MemoryError):
        error = error.__context__
    return error


def limit(pid: int = 0) -> int:
    """Bytes of memory that a process may have, by default this one; 0: as many as there are."""
    if pid:
        soft, _ = resource.prlimit(pid, resource.RLIMIT_DATA)
    else:
        soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return 0 if soft == resource.RLIM_INFINITY else soft


def used(pid: int) -> int:
    """Bytes of that which another process has; 0 where the system does not say."""
    if sys.platform != "linux":
        return 0
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[5]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def left(most: int) -> int:
    """Bytes that this process could still get, to the nearest 64 KiB; `most` if as many or more.

    Found by asking for them and giving them back. Nothing else says: a process that is shut in
    sees no `/proc`, and one that is short of memory may be unable to open a file.
    """
    fits, too_many = 0, most + 1
    size = most
    while too_many - fits > _FINENESS:
        if _could_get(size):
            fits = size
        else:
            too_many = size
        size = (fits + too_many) // 2
    return fits


def _could_get(size: int) -> bool:
    try:
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except (OSError, MemoryError):
        return False
    return True


def is_near_limit(pid: int = 0) -> bool:
    """Whether a process has nearly all the memory that it may have."""
    most = limit(pid)
    if not most:
        return False
    numerator, denominator = _NEARLY
    if pid:
        return used(pid) * denominator >= most * numerator
    return not _could_get(most - most * numerator // denominator)


def explained(error: BaseException) -> str:
    """What took the memory that this exception found missing; "" if it was not that."""
    if not isinstance(error, MemoryError):
        return ""
    running, current.node = current.node, None  # a node has no part of the process it runs in
    try:
        return _explained(error)
    finally:
        current.node = running


def _explained(error: MemoryError) -> str:
    if not is_near_limit():
        return ""
    most = limit()
    said_of = in_words(most - left(most))
    reserve.release()
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))  # this process only says what it holds
    said = f"its process has {said_of} of memory, and gets no more"
    if (found := largest(error) or largest_of_all()) is not None:
        name, thing, size = found
        items = f" of {_grouped(len(thing))} items" if type(thing) in _SIZED else ""
        said += (
            f". The largest object at hand is {name}, a {type(thing).__name__}{items}, "
            f"about {in_words(size)}"
        )
    return said


def largest(error: BaseException) -> tuple[str, Any, int] | None:
    """The largest object that the code at fault could see: its name there, itself, its size.

    Sizes are estimated from a sample, and few objects are looked at: there is no memory for more.
    """
    best: tuple[str, Any, int] | None = None
    for name, thing in itertools.islice(_visible(error), _LOOKED_AT):
        size = estimate(thing)
        # What holds a large object is itself as large; the innermost is meant.
        if (
            best is None
            or size > best[2]
            or (name.startswith(best[0]) and 10 * size > 9 * best[2])
        ):
            best = name, thing, size
    return best


def largest_of_all() -> tuple[str, Any, int] | None:
    """The largest container that was made since the process began to run tests.

    Where no small object could be made, there is no traceback to look at either.
    """
    found = gc.get_objects()
    thing = max((one for one in found if type(one) in _SIZED), key=sys.getsizeof, default=None)
    if thing is None:
        return None
    del found  # which holds it as well
    for holder in gc.get_referrers(thing):
        name = next((name for name, one in _parts("", holder) if one is thing), None)
        if name is not None and type(holder) not in _SIZED:
            return f"{type(holder).__name__}{name}", thing, estimate(thing)
    return f"a {type(thing).__name__}", thing, estimate(thing)


def estimate(thing: Any, depth: int = 2) -> int:
    """About how many bytes a container holds, by a sample of what is in it."""
    if type(thing) not in _SIZED:  # the user's classes may lie about their size
        return object.__sizeof__(thing)
    size = sys.getsizeof(thing)
    if depth and thing and type(thing) not in _FLAT:
        items: Any = thing.items() if type(thing) is dict else thing
        sample = list(itertools.islice(items, _SAMPLE))
        each = sum(estimate(item, depth - 1) for item in sample) // len(sample)
        size += each * len(thing)
    return size


def _visible(error: BaseException) -> Iterator[tuple[str, Any]]:
    """What the user's frames see, by name: innermost first, and what hangs on it."""
    queue: deque[tuple[str, Any, int]] = deque()
    for frame, _ in reversed(stack.frames(error)[-_FRAMES:]):
        if is_users(frame.f_code.co_filename):
            names = {k: v for k, v in frame.f_globals.items() if not k.startswith("__")}
            queue += ((name, value, 0) for name, value in (names | frame.f_locals).items())
    seen: set[int] = set()
    while queue:
        name, thing, depth = queue.popleft()
        if id(thing) in seen or isinstance(thing, _NOT_DATA):
            continue
        seen.add(id(thing))
        yield name, thing
        if depth < _DEPTH:
            queue += ((below, value, depth + 1) for below, value in _parts(name, thing))


def _parts(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
    """What an object holds, by name."""
    if type(thing) is dict:
        for key, value in itertools.islice(thing.items(), _SAMPLE):
            yield f"{name}[{key!r:.40}]" if type(key) in {str, int} else f"{name}[...]", value
    elif type(thing) in _SIZED and type(thing) not in _FLAT:
        for value in itertools.islice(thing, _SAMPLE):
            yield f"{name}[...]", value
    else:
        with contextlib.suppress(Exception):  # a property of the user's may stand there
            attributes = object.__getattribute__(thing, "__dict__")
            if type(attributes) is dict:
                for attribute, value in list(attributes.items()):
                    yield f"{name}.{attribute}", value


def in_words(size: int) -> str:
    """`1.5 GiB`, `120 MiB`."""
    if size >= 100 << 20:
        return f"{size / (1 << 30):.1f} GiB"
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")
