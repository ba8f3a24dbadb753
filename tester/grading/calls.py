"""The filter of system calls: what a node's process may ask of the system, for seccomp to judge.

What a node needs is let through. What is an attempt at something else ends the process with
SIGSYS, so that it is seen; whatever is neither just fails.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tester.grading.kernel import SIGSYS, set_filter


class _Machine(NamedTuple):
    arch: int
    """AUDIT_ARCH of the kernel's headers."""
    calls: dict[str, int]
    limit: int
    """From this number on calls belong to another interface, which nobody uses."""


_X86: Final = """
read 0 write 1 open 2 close 3 stat 4 fstat 5 lstat 6 poll 7 lseek 8 mmap 9 mprotect 10 munmap 11
brk 12 rt_sigaction 13 rt_sigprocmask 14 rt_sigreturn 15 ioctl 16 pread64 17 readv 19 writev 20
access 21 pipe 22 select 23 sched_yield 24 mremap 25 madvise 28 shmget 29 shmat 30 dup 32 dup2 33
pause 34 nanosleep 35 getitimer 36 alarm 37 setitimer 38 getpid 39 socket 41 connect 42 sendto 44
recvfrom 45 sendmsg 46 recvmsg 47 bind 49 listen 50 socketpair 53 clone 56 fork 57 vfork 58
execve 59 exit 60 kill 62 uname 63 semget 64 msgget 68 fcntl 72 flock 73 truncate 76 ftruncate 77
getdents 78 getcwd 79 chdir 80 rename 82 mkdir 83 rmdir 84 creat 85 link 86 unlink 87 symlink 88
readlink 89 chmod 90 chown 92 gettimeofday 96 getrlimit 97 getrusage 98 sysinfo 99 times 100
ptrace 101 getuid 102 getgid 104 setuid 105 geteuid 107 getegid 108 getppid 110 setsid 112
sigaltstack 131 mknod 133 setpriority 141 sched_setscheduler 144 pivot_root 155 prctl 157
arch_prctl 158 mount 165 gettid 186 tkill 200 time 201 futex 202 sched_setaffinity 203
sched_getaffinity 204 epoll_create 213 getdents64 217 timer_create 222 clock_gettime 228
clock_getres 229 clock_nanosleep 230 exit_group 231 epoll_wait 232 tgkill 234 mq_open 240
waitid 247 add_key 248 request_key 249 keyctl 250 inotify_init 253 openat 257 mkdirat 258
newfstatat 262 unlinkat 263 renameat 264 linkat 265 symlinkat 266 readlinkat 267 faccessat 269
pselect6 270 ppoll 271 unshare 272 set_robust_list 273 splice 275 epoll_pwait 281 signalfd 282
timerfd_create 283 eventfd 284 timerfd_settime 286 signalfd4 289 eventfd2 290 epoll_create1 291
dup3 292 pipe2 293 inotify_init1 294 prlimit64 302 setns 308 process_vm_readv 310
process_vm_writev 311 renameat2 316 getrandom 318 memfd_create 319 bpf 321 userfaultfd 323
execveat 322 membarrier 324 statx 332 io_uring_setup 425 rseq 334 pidfd_send_signal 424
pidfd_open 434 clone3 435 openat2 437 pidfd_getfd 438 faccessat2 439 perf_event_open 298
fanotify_init 300 name_to_handle_at 303 open_by_handle_at 304 wait4 61
"""
_ARM: Final = """
getcwd 17 eventfd2 19 epoll_create1 20 epoll_pwait 22 dup 23 dup3 24 fcntl 25 inotify_init1 26
ioctl 29 flock 32 mkdirat 34 unlinkat 35 symlinkat 36 linkat 37 pivot_root 41 ftruncate 46
truncate 45 faccessat 48 chdir 49 openat 56 close 57 pipe2 59 getdents64 61 lseek 62 read 63
write 64 readv 65 writev 66 pread64 67 pselect6 72 ppoll 73 signalfd4 74 splice 76 readlinkat 78
newfstatat 79 fstat 80 timerfd_create 85 timerfd_settime 86 exit 93 exit_group 94 waitid 95
futex 98 set_robust_list 99 nanosleep 101 setitimer 103 timer_create 107 clock_gettime 113
clock_getres 114 clock_nanosleep 115 ptrace 117 sched_setscheduler 119 sched_setaffinity 122
sched_getaffinity 123 sched_yield 124 kill 129 tkill 130 tgkill 131 sigaltstack 132
rt_sigaction 134 rt_sigprocmask 135 rt_sigreturn 139 setpriority 140 times 153 setsid 157
uname 160 getrlimit 163 getrusage 165 prctl 167 gettimeofday 169 getpid 172 getppid 173
getuid 174 geteuid 175 getgid 176 getegid 177 gettid 178 sysinfo 179 mq_open 180 msgget 186
semget 190 shmget 194 shmat 196 socket 198 socketpair 199 bind 200 listen 201 connect 203
sendto 206 recvfrom 207 sendmsg 211 recvmsg 212 brk 214 munmap 215 mremap 216 add_key 217
request_key 218 keyctl 219 clone 220 execve 221 mmap 222 mprotect 226 madvise 233
perf_event_open 241 wait4 260 prlimit64 261 fanotify_init 262 name_to_handle_at 264
open_by_handle_at 265 setns 268 process_vm_readv 270 process_vm_writev 271 renameat2 276
getrandom 278 memfd_create 279 bpf 280 execveat 281 userfaultfd 282 membarrier 283 statx 291
rseq 293 pidfd_send_signal 424 io_uring_setup 425 pidfd_open 434 clone3 435 openat2 437
pidfd_getfd 438 faccessat2 439 unshare 97 mount 40
"""
_ALLOWED: Final = """
read write recvfrom sendto futex mmap munmap brk mprotect mremap madvise getpid
gettid close fstat newfstatat stat lstat statx lseek pread64 readv writev
getdents getdents64 access faccessat faccessat2 readlink readlinkat getcwd chdir rt_sigprocmask
rt_sigreturn sigaltstack getrandom getuid geteuid getgid getegid getppid uname getrlimit
sched_yield sched_getaffinity clock_getres dup dup2 dup3 set_robust_list rseq
arch_prctl membarrier exit exit_group recvmsg sendmsg
"""
"""What a node needs: its one socket, memory, and modules to read.

Not among it is what tells how the machine is, such as sysinfo: nodes could talk by that."""
_TRAPPED: Final = """
clone clone3 fork vfork execve execveat socket socketpair connect bind listen pipe pipe2 kill
tkill pidfd_send_signal pidfd_open pidfd_getfd ptrace process_vm_readv process_vm_writev
nanosleep clock_nanosleep pause poll ppoll select pselect6 epoll_create epoll_create1 epoll_wait
epoll_pwait alarm setitimer timer_create timerfd_create timerfd_settime signalfd signalfd4 creat
truncate ftruncate rename renameat renameat2 mkdir mkdirat rmdir unlink unlinkat link linkat
symlink symlinkat chmod chown mknod flock shmget shmat semget msgget mq_open memfd_create
eventfd eventfd2 inotify_init inotify_init1 fanotify_init setsid setuid setns unshare mount
pivot_root add_key request_key keyctl bpf userfaultfd io_uring_setup perf_event_open splice
wait4 waitid setpriority sched_setscheduler sched_setaffinity open_by_handle_at
name_to_handle_at
"""
"""What is an attempt at something, and ends the process; what stands nowhere just fails."""

_CLOCKS: Final = "clock_gettime gettimeofday time times getrusage"
"""What tells the time, that of the processor too: see `tester.grading.clocks`."""

_KILL: Final = 0x80000000
_TRAP: Final = 0x00030000
_FAIL: Final = 0x00050000 | errno.EPERM
_ALLOW: Final = 0x7FFF0000
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH = 0, 4
"""Where in what the filter is given these are; arguments follow from 16 on, eight bytes each."""
_OWN_NUMBER: Final = 0xFFFF_FFFF
"""Stands for the number of the process that sets the filter, which is known no sooner."""
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class _Step(NamedTuple):
    """One instruction of the filter."""

    code: int
    value: int
    skip_if: int = 0
    skip_else: int = 0


def machine() -> _Machine | None:
    """The kind of machine this is, if its system calls are known here."""
    if sys.platform != "linux" or sys.maxsize < 1 << 32 or sys.byteorder != "little":
        return None
    tables = {"x86_64": (0xC000003E, _X86, 0x40000000), "aarch64": (0xC00000B7, _ARM, 1 << 30)}
    if platform.machine() not in tables:
        return None
    arch, table, limit = tables[platform.machine()]
    words = table.split()
    numbers = dict(zip(words[::2], map(int, words[1::2]), strict=True))
    return _Machine(arch, numbers, limit)


def _program(this: _Machine, *, clocks: bool) -> Iterator[_Step]:
    """The filter; what it lets through is decided by numbers and plain arguments only.

    The number is searched for by halves: when a filter is set, the kernel runs it once for every
    number there is, and each node's process sets one.
    """
    yield _Step(_LOAD, _ARCH)
    yield _Step(_IF_EQUAL, this.arch, 1)
    yield _Step(_RETURN, _KILL)
    yield _Step(_LOAD, _NUMBER)
    rows: list[tuple[int, list[_Step]]] = [(0, [_Step(_RETURN, _FAIL)])]
    for number, steps in sorted(_verdicts(this.calls, clocks=clocks).items()):
        rows += [(number, steps), (number + 1, [_Step(_RETURN, _FAIL)])]
    rows.append((this.limit, [_Step(_RETURN, _KILL)]))
    first = dict(rows)  # of two for one number, the later
    ordered = sorted(first.items())
    yield from _search(
        [row for at, row in enumerate(ordered) if not at or row[1] != ordered[at - 1][1]]
    )


def _verdicts(calls: dict[str, int], *, clocks: bool) -> dict[int, list[_Step]]:
    """What is done about each call that is known here, by number."""
    steps = {name: [_Step(_RETURN, _TRAP)] for name in _TRAPPED.split()}
    steps |= {name: [_Step(_RETURN, _ALLOW)] for name in _ALLOWED.split()}
    # Python itself asks for the time when it takes a lock, and does without.
    steps |= {name: [_Step(_RETURN, _ALLOW if clocks else _FAIL)] for name in _CLOCKS.split()}
    # A file may be opened to be read.
    for name, argument in (("openat", 2), ("open", 1)):
        steps[name] = [
            _Step(_LOAD, 16 + 8 * argument),
            _Step(_IF_ANY_BIT, _WRITING, 0, 1),
            _Step(_RETURN, _TRAP),
            _Step(_RETURN, _ALLOW),
        ]
    # Whoever is caught must not have arranged to go on.
    steps["rt_sigaction"] = [
        _Step(_LOAD, 16),
        _Step(_IF_EQUAL, SIGSYS, 0, 1),
        _Step(_RETURN, _KILL),
        _Step(_RETURN, _ALLOW),
    ]
    # A signal is for itself: abort needs that. Others may be of its user where users are not many.
    steps["tgkill"] = [
        _Step(_LOAD, 16),
        _Step(_IF_EQUAL, _OWN_NUMBER, 0, 1),
        _Step(_RETURN, _ALLOW),
        _Step(_RETURN, _TRAP),
    ]
    # Its own limits it may read, and change: nobody can raise what is the most.
    steps["prlimit64"] = [
        _Step(_LOAD, 16),
        _Step(_IF_EQUAL, 0, 1),
        _Step(_RETURN, _FAIL),
        _Step(_RETURN, _ALLOW),
    ]
    return {calls[name]: found for name, found in steps.items() if name in calls}


def _search(rows: Sequence[tuple[int, list[_Step]]]) -> list[_Step]:
    """Find the last row whose number is not above the call's, and do what stands there."""
    if len(rows) == 1:
        return rows[0][1]
    middle = len(rows) // 2
    below, above = _search(rows[:middle]), _search(rows[middle:])
    return [_Step(_IF_AT_LEAST, rows[middle][0], len(below), 0), *below, *above]


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("skip_if", ctypes.c_uint8),
        ("skip_else", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("start", ctypes.POINTER(_Instruction)))


class Filter:
    """The filter for this machine, as the kernel takes it."""

    def __init__(self, steps: Sequence[_Step]) -> None:
        made = [_Instruction(one.code, one.skip_if, one.skip_else, one.value) for one in steps]
        self._instructions = (_Instruction * len(steps))(*made)
        self._program = _Program(len(steps), self._instructions)
        self._own = [at for at, step in enumerate(steps) if step.value == _OWN_NUMBER]

    def enforce(self) -> None:
        """From now on this process makes only calls that the filter lets through. Raises Refused.

        It is the filter of this process from then on, whose number is written into it.
        """
        number = os.getpid()
        for at in self._own:
            self._instructions[at].value = number
        set_filter(ctypes.byref(self._program))


def call_filter(*, clocks: bool = True) -> Filter | None:
    """The filter, which lets clocks be read or not; None: there is none for this machine."""
    this = machine()
    return None if this is None else Filter(list(_program(this, clocks=clocks)))
