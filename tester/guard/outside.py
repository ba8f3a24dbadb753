"""What a simulated node has no part of, and the sentence that says what to use instead.

What stands in `OUTSIDE` takes `(machine, real, *arguments)`: the node that asks, and for what.
A debugger may ask for anything: `breakpoint()` works on a node as it does elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tester.engine.current import CurrentNode
from tester.guard.audited import DEVICE, device
from tester.guard.caller import is_debugger, is_stdlib, node, packages, refuse

Fake = Callable[..., Any]

# Costly to import, and of no use to most runs.
LATE = frozenset(
    {"concurrent.futures.process", "numpy.random", "numpy.random.mtrand", "ssl", "_ssl"}
    | {"multiprocessing.process", "multiprocessing.queues", "multiprocessing.connection"}
    | {"_multiprocessing", "_uuid", "platform", "resource", "tracemalloc"}
)

_STOP = "the test decides when a machine stops"
_UNSPOKEN = frozenset({"", "__init__", "builtins"})


def _refusal(call: str, why: str, instead: str) -> Fake:
    def refused(machine: CurrentNode, real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if is_debugger():
            return real(*args, **kwargs)
        return refuse(machine, call, why, instead)

    return refused


def _at_exit(machine: CurrentNode, real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Let the standard library register what it cleans up, `weakref.finalize` for one."""
    if packages()[0] in sys.stdlib_module_names:
        return real(*args, **kwargs)
    return refuse(machine, "atexit.register", "acts after the simulation has ended", _STOP)


def _looking_at(call: str) -> Fake:
    """Refuse to look at a device, or at what the kernel tells, which no audit hook hears of."""

    def look(machine: CurrentNode, real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if (path := device(args[0] if args else kwargs.get("path"))) and not is_debugger():
            return refuse(machine, f"os.{call}({path!r})", *DEVICE)
        return real(*args, **kwargs)

    return look


def _getpid(machine: CurrentNode, real: object, *_: object) -> int:
    return 1


def _getppid(machine: CurrentNode, real: object) -> int:
    return 0


def _get_ident(machine: CurrentNode, real: Callable[[], int]) -> int:
    """Number the only thread of a machine 1; the standard library looks threads up by it."""
    return real() if is_stdlib(3) else 1


def _nodename(machine: CurrentNode, real: Callable[[], Any]) -> Any:
    """Give what `uname` tells of the real machine the name of the simulated one."""
    system, _, *rest = found = real()
    return type(found)((system, machine.name, *rest))


def _gethostname(machine: CurrentNode, real: object) -> str:
    return machine.name


def _getfqdn(machine: CurrentNode, real: object, name: str = "") -> str:
    return name or machine.name


# why not -> what instead, and who has it.  Names that this Python or system lacks are skipped;
# private ones are what public functions end up with: who calls them directly gets no further.
_REFUSED: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("stops the whole node", "await asyncio.sleep(...) instead", {"time": "sleep"}),
    (
        "stops the whole node",
        "await what you wait for",
        {
            "select": "select poll epoll devpoll kqueue",
            "selectors:_BaseSelectorImpl": "__init__",
        },
    ),
    (
        "measures the real machine",
        "count what your own code does",
        {
            "os": "getloadavg statvfs fstatvfs",
            "resource": "getrusage",
            "gc": "get_count get_stats get_objects get_referrers",
            "sys": "getallocatedblocks _current_frames _current_exceptions",
            "tracemalloc": "get_traced_memory take_snapshot",
        },
    ),
    (
        "is about the real clock",
        "await asyncio.sleep(...) to let time pass",
        {
            "time": "clock_settime clock_settime_ns",
            "os": "timerfd_create timerfd_settime timerfd_settime_ns",
        },
    ),
    (
        "is about the real network",
        "machines talk by RPC: await end.call(Server.method, args)",
        {
            "socket:socket": "__init__",
            "socket": (
                "create_connection create_server socketpair fromfd getaddrinfo getnameinfo "
                "gethostbyname gethostbyname_ex gethostbyaddr"
            ),
        },
    ),
    (
        "starts a real thread",
        "start a task: asyncio.create_task(...)",
        {
            "threading:Thread": "start",
            "_thread": "start_new_thread start_new start_joinable_thread",
            "concurrent.futures.thread:ThreadPoolExecutor": "submit",
        },
    ),
    (
        "is about real processes",
        "a simulated machine has one: do the work in a coroutine",
        {
            "concurrent.futures.process:ProcessPoolExecutor": "__init__ submit",
            "multiprocessing.process:BaseProcess": "start",
            "subprocess:Popen": "__init__",
            "_posixsubprocess": "fork_exec",
            "_multiprocessing": "SemLock",
            "os": (
                "pipe pipe2 eventfd openpty memfd_create setsid setpgid "
                "system popen fork forkpty posix_spawn posix_spawnp startfile "
                "execl execle execlp execlpe execv execve execvp execvpe "
                "spawnl spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe "
                "wait wait3 wait4 waitid waitpid"
            ),
        },
    ),
    (
        "would end the simulation, not this machine",
        _STOP,
        {
            "os": "_exit abort kill killpg",
            "signal": "raise_signal pthread_kill",
            "_thread": "interrupt_main",
        },
    ),
    (
        "is about signals to the real process",
        "use asyncio.timeout(...) or an asyncio.Event",
        {
            "signal": (
                "signal alarm setitimer siginterrupt set_wakeup_fd pthread_sigmask "
                "pause sigwait sigwaitinfo sigtimedwait"
            )
        },
    ),
    (
        "makes a second event loop",
        "the node runs one already: await the coroutine",
        {"asyncio": "run new_event_loop", "asyncio.runners:Runner": "__init__"},
    ),
    (
        "watches the whole simulation",
        "trace the test from outside the nodes",
        {
            "sys": "settrace setprofile addaudithook",
            "threading": "settrace setprofile settrace_all_threads setprofile_all_threads",
        },
    ),
    (
        "draws from one generator for the whole process",
        "use the random module, or numpy's default_rng()",
        {
            "numpy.random": (
                "beta binomial bytes chisquare choice dirichlet exponential f gamma geometric "
                "gumbel hypergeometric laplace logistic lognormal logseries multinomial "
                "multivariate_normal negative_binomial noncentral_chisquare noncentral_f normal "
                "pareto permutation poisson power rand randint randn random random_integers "
                "random_sample ranf rayleigh sample seed shuffle standard_cauchy "
                "standard_exponential standard_gamma standard_normal standard_t triangular "
                "uniform vonmises wald weibull zipf"
            )
        },
    ),
    ("reads the real keyboard", "take the value as an argument", {"builtins": "input"}),
)


def _call(owner: str, name: str) -> str:
    """Spell a call as students do: `asyncio.Runner`, for its `__init__` in `asyncio.runners`."""
    module, _, cls = owner.partition(":")
    if cls:
        module = module.rpartition(".")[0] or module
    return ".".join(part for part in (module, cls, name) if part not in _UNSPOKEN)


def _fakes() -> dict[str, dict[str, Fake]]:
    fakes: dict[str, dict[str, Fake]] = {
        "atexit": {"register": _at_exit},
        "os": {
            "getpid": _getpid,
            "getppid": _getppid,
            "getpgrp": _getpid,
            "getpgid": _getpid,
            "getsid": _getpid,
            "uname": _nodename,
            **{name: _looking_at(name) for name in ("stat", "lstat", "access", "readlink")},
        },
        "socket": {"gethostname": _gethostname, "getfqdn": _getfqdn},
        "_socket": {"gethostname": _gethostname},
        "platform": {"node": _gethostname},
        "threading": {"get_ident": _get_ident, "get_native_id": _get_ident},
        "_thread": {"get_ident": _get_ident, "get_native_id": _get_ident},
    }
    for why, instead, owners in _REFUSED:
        for owner, names in owners.items():
            refusals_of = fakes.setdefault(owner, {})
            for name in names.split():
                refusals_of[name] = _refusal(_call(owner, name), why, instead)
    return fakes


OUTSIDE: dict[str, dict[str, Fake]] = _fakes()  # by owner, `module` or `module:Class`

# What a module of Python's shares with another one, under the names of the first.
TWINS: dict[str, tuple[str, ...]] = {
    "os": ("posix", "nt"),
    "signal": ("_signal",),
    "socket": ("_socket",),
    "numpy.random": ("numpy.random.mtrand",),
    "ssl": ("_ssl",),
}


class Stdin:
    """What `sys.stdin` is during a run: the real one, except that node code may not read it."""

    _READING = frozenset(
        {"read", "read1", "readinto", "readline", "readlines", "buffer", "detach", "close"}
    )

    def __init__(self, real: Callable[[], Any]) -> None:
        self._real = real

    def _for(self, use: str) -> Any:
        machine = node()
        if machine is not None and use in self._READING and not is_debugger():
            refuse(machine, "sys.stdin", "is the real keyboard", "take the value as an argument")
        return self._real()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._for(name), name)

    def __iter__(self) -> Any:
        return iter(self._for("readlines"))

    def __next__(self) -> Any:
        return next(self._for("readline"))

    def __enter__(self) -> Any:
        return self._for("read").__enter__()

    def __exit__(self, *error: object) -> Any:
        return self._for("close").__exit__(*error)
