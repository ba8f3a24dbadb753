"""Takes the real clocks away from a process: by them, nodes could talk around the network.

One node works for a while or does not, the other sees how late it is: that is a bit, and whoever
knows the time can take turns without a word. Linux reads clocks in a page of code that is in every
process, without a system call; so the code in that page is replaced by system calls, which the
filter refuses, and the processor is told to refuse its own counter.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from tester.grading import kernel

_PREFIXES: Final = ("__vdso_", "__kernel_")
_CODE: Final[dict[str, tuple[dict[str, int], Callable[[int], bytes]]]] = {
    "x86_64": (
        {"clock_gettime": 228, "gettimeofday": 96, "time": 201},
        # mov eax, NUMBER; syscall; ret
        lambda number: b"\xb8" + struct.pack("<I", number) + b"\x0f\x05\xc3",
    ),
    "aarch64": (
        {"clock_gettime": 113, "gettimeofday": 169},
        # mov x8, NUMBER; svc 0; ret
        lambda number: struct.pack("<III", 0xD2800008 | number << 5, 0xD4000001, 0xD65F03C0),
    ),
}
"""By machine: the numbers of the calls, and the code of a function that makes one."""
_LOCK: Final = threading.Lock()
_DYNAMIC, _TEXTS, _SYMBOLS, _HASH = 2, 5, 6, 4
_READ_EXECUTE: Final = 1 | 4
_WRITE: Final = 2


def take_away() -> None:
    """Have clocks be read by system calls alone, here and in all copies. Raises Refused.

    They go until a filter refuses these calls. To be called while there is a /proc.
    """
    if platform.machine() not in _CODE:
        raise kernel.Refused(0, "no clocks: not known for this kind of machine")
    numbers, code = _CODE[platform.machine()]
    start, size = _page()
    if not size:
        return
    page = ctypes.string_at(start, size)
    try:
        known = [(name, at) for name, at in functions(page) if name in numbers]
    except (struct.error, ValueError, KeyError, StopIteration):
        raise kernel.Refused(0, "no clocks: their code is not as it is elsewhere") from None
    _protect(start, size, _READ_EXECUTE | _WRITE)
    for name, at in known:
        stub = code(numbers[name])
        ctypes.memmove(start + at, stub, len(stub))
    _protect(start, size, _READ_EXECUTE)


def check_gone() -> None:
    """Raise AssertionError if this process can read a clock, or if it cannot do without."""
    with _LOCK:  # Python reads a clock for it
        pass
    for read in (time.time, time.monotonic, time.perf_counter):
        with suppress(OSError):
            read()
            raise AssertionError("a clock can be read")


def _page() -> tuple[int, int]:
    """Where the page of code is in this process, and how long; (0, 0): there is none."""
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        if line.endswith("[vdso]"):
            start, end = (int(number, 16) for number in line.split()[0].split("-"))
            return start, end - start
    return 0, 0


def functions(page: bytes) -> Iterator[tuple[str, int]]:
    """The functions of an ELF image of 64 bits that its symbols name, and where they are in it."""
    offset, size, count = struct.unpack_from("<Q14xHH", page, 32)
    headers = [struct.unpack_from("<IIQQQQ", page, offset + at * size) for at in range(count)]
    base = min((one[3] for one in headers if one[0] == 1), default=0)
    at = next(one[2] for one in headers if one[0] == _DYNAMIC)
    found: dict[int, int] = {}
    while (entry := struct.unpack_from("<QQ", page, at))[0]:
        found[entry[0]] = entry[1] - base
        at += 16
    texts, symbols = found[_TEXTS], found[_SYMBOLS]
    for number in range(_count(page, found)):
        name, kind, _, _, value, _ = struct.unpack_from("<IBBHQQ", page, symbols + 24 * number)
        text = page[texts + name : page.index(b"\0", texts + name)].decode()
        if kind & 15 == 2:
            yield _bare(text), value - base


def _count(page: bytes, found: dict[int, int]) -> int:
    """How many symbols there are: their table is followed by their names."""
    if _HASH in found:
        buckets_and_chains: tuple[int, int] = struct.unpack_from("<II", page, found[_HASH])
        return buckets_and_chains[1]
    return (found[_TEXTS] - found[_SYMBOLS]) // 24


def _bare(name: str) -> str:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _protect(start: int, size: int, how: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(size), how):
        number = ctypes.get_errno()
        raise kernel.Refused(number, f"no clocks: {os.strerror(number)}")
