"""What Linux offers to shut a process in: namespaces, a root of its own, and rights to give up.

Called through C's library, since Python has names for these only from 3.12 on, or for none.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import platform
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

NEW_MOUNTS: Final = 0x00020000
NEW_HOSTNAME: Final = 0x04000000
NEW_IPC: Final = 0x08000000
NEW_USER: Final = 0x10000000
NEW_PIDS: Final = 0x20000000
NEW_NETWORK: Final = 0x40000000

READ_ONLY: Final = 1
NO_SETUID: Final = 2
NO_DEVICES: Final = 4
REMOUNT: Final = 32
BIND: Final = 4096
RECURSIVE: Final = 16384
PRIVATE: Final = 1 << 18
_DETACH: Final = 2
_PIVOT_ROOT: Final = {"x86_64": 155, "aarch64": 41}
"""Its number: C's library has no function for it."""

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_SECCOMP: Final = 22
_PR_SET_TSC: Final = 26
_TSC_SIGSEGV: Final = 2
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_CHILD_SUBREAPER: Final = 36
_FILTER: Final = 2
_SIGKILL: Final = 9
SIGSYS: Final = 31
"""The signal that ends a process for a system call."""


class Refused(OSError):
    """The system does not let us do this."""


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


@functools.cache
def _python() -> ctypes.PyDLL:
    """C's library once more, for calls during which nothing else of Python's may run."""
    return ctypes.PyDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise Refused(number, f"{what}: {os.strerror(number)}")


def fork() -> int:
    """Copy this process, which must have one thread only: see os.fork. Raises Refused.

    os.fork then also makes anew each lock that another thread may have held, and seeds generators
    that nobody here uses: that touches more memory, which has to be copied, than all the rest.
    """
    made: int = _python().fork()
    if made < 0:
        _check(made, "fork")
    return made


def current_processor() -> int:
    """The number of the processor that this thread runs on just now. Raises Refused."""
    number: int = _libc().sched_getcpu()
    if number < 0:
        _check(number, "sched_getcpu")
    return number


def inner_number(pid: int) -> int:
    """The number of a process in the innermost numbering that it is in; 0 if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    lines = (line.split() for line in status.splitlines())
    return next((int(line[-1]) for line in lines if line[0] == "NSpid:"), 0)


def unshare(flags: int) -> None:
    """Leave the namespaces that this process shares with others. Raises Refused."""
    if sys.platform != "linux":
        raise Refused(errno.ENOSYS, "unshare: there are namespaces on Linux only")
    _check(_libc().unshare(flags), "unshare")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount a file system, or change one that is mounted. Raises Refused."""
    called = _libc().mount(
        os.fsencode(source),
        os.fsencode(target),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        data.encode() or None,
    )
    _check(called, f"mount ({kind or 'of a folder'})")


def enter_root(folder: str) -> None:
    """Make a folder that is a mount point the root; what was there before is nowhere any more."""
    libc = _libc()
    os.chdir(folder)
    number = _PIVOT_ROOT.get(platform.machine())
    if number is None:
        _check(libc.chroot(b"."), "chroot")
    else:
        _check(libc.syscall(ctypes.c_long(number), b".", b"."), "pivot_root")
        _check(libc.umount2(b".", _DETACH), "umount")
    os.chdir("/")


def end_with_parent() -> None:
    """Have this process killed when its parent ends."""
    _prctl(_PR_SET_PDEATHSIG, _SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of all descendants whose own parents end."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def hide() -> None:
    """Let no process of the same user look into this one."""
    _prctl(_PR_SET_DUMPABLE, 0)


def renounce() -> None:
    """Have no program that this process starts gain rights by it."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def hide_counter() -> None:
    """Have the processor refuse to count time for this process. Raises Refused."""
    _prctl(_PR_SET_TSC, _TSC_SIGSEGV)


def set_filter(program: Any) -> None:
    """Have a program of seccomp judge all system calls of this process, from now on."""
    called = _libc().prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_FILTER), program, 0, 0)
    _check(called, "seccomp")


# -- files, where there is no root of one's own ---------------------------------------------------

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_RIGHTS: Final = {1: 13, 2: 14, 3: 15}
"""How many rights over files Landlock knows, by its version; later ones know no more."""


class _Beneath(ctypes.Structure):
    # The kernel's is packed, and of this it reads no more: the padding comes at the end.
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def reading_only(readable: Iterable[str], listed: Iterable[str]) -> int:
    """A ruleset of Landlock's, as a descriptor: these can be read and listed, or only listed.

    Nothing else can be opened by whoever is restricted by it. Raises Refused.
    """
    version = _landlock(_CREATE_RULESET, None, 0, _VERSION)
    rights = (1 << _RIGHTS.get(version, _RIGHTS[3])) - 1
    handled = ctypes.c_uint64(rights)
    rules = _landlock(_CREATE_RULESET, ctypes.byref(handled), ctypes.sizeof(handled), 0)
    for paths, allowed in ((readable, _READ_FILE | _READ_DIR), (listed, _READ_DIR)):
        for path in paths:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                mine = allowed if Path(path).is_dir() else allowed & _READ_FILE
                rule = _Beneath(mine, place)
                _ = _landlock(_ADD_RULE, rules, _PATH_BENEATH, ctypes.byref(rule), 0)
            finally:
                os.close(place)
    return rules


def restrict(rules: int) -> None:
    """Have this process open nothing but what the rules allow. Raises Refused."""
    _ = _landlock(_RESTRICT_SELF, rules, 0)


def _landlock(call: int, *args: Any) -> int:
    if sys.platform != "linux":
        raise Refused(errno.ENOSYS, "Landlock: it is Linux's")
    result: int = _libc().syscall(ctypes.c_long(call), *args)
    if result < 0:
        number = ctypes.get_errno()
        raise Refused(number, f"Landlock: {os.strerror(number)}")
    return result


# -- rights ---------------------------------------------------------------------------------------

_CAPABILITIES_V3: Final = 0x20080522


def drop_capabilities() -> None:
    """Give up all that a superuser may do beyond others. Raises Refused."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_V3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _check(_libc().capset(header, nothing), "capset")


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        called = _libc().prctl(option, ctypes.c_ulong(value), 0, 0, 0)
        _check(called, f"prctl {option}")
