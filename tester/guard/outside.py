"""What a simulated node has no part of, and the sentence that says what to use instead.

What stands in `OUTSIDE` takes `(machine, real, *arguments)`: the node that asks, and for what.
A debugger may ask for anything: `breakpoint()` works on a node as it does elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NoReturn

from tester.engine import current
from tester.engine.current import CurrentNode
from tester.engine.errors import OutsideWorld

Fake = Callable[..., Any]

# Costly to import, and of no use to most runs.
LATE = frozenset({"concurrent.futures.process", "multiprocessing.process", "numpy.random"})

_STOP = "the test decides when a machine stops"
_UNSPOKEN = frozenset({"", "__init__", "builtins"})
_DEBUGGERS = frozenset(
    {"bdb", "pdb", "ipdb", "pudb", "pydevd", "_pydevd_bundle", "_pydev_bundle", "debugpy"}
)


def _callers() -> list[str]:
    """Name the top-level packages on the stack, nearest first, above the engine that runs them."""
    names: list[str] = []
    frame = sys._getframe(1).f_back
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if not name.startswith(("tester.engine.", "tester.guard.")):
            names.append(name.partition(".")[0])
        elif names:
            break
        frame = frame.f_back
    return names


def _refuse(machine: CurrentNode, call: str, why: str, instead: str) -> NoReturn:
    error = OutsideWorld(f"node {machine.name}: {call} {why}; {instead}")
    current.refusals.append(error)
    raise error


def _refusal(call: str, why: str, instead: str) -> Fake:
    def refused(machine: CurrentNode, real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not _DEBUGGERS.isdisjoint(_callers()):
            return real(*args, **kwargs)
        _refuse(machine, call, why, instead)

    return refused


def _at_exit(machine: CurrentNode, real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Let the standard library register what it cleans up, `weakref.finalize` for one."""
    if _callers()[0] in sys.stdlib_module_names:
        return real(*args, **kwargs)
    _refuse(machine, "atexit.register", "acts after the simulation has ended", _STOP)


def _getpid(machine: CurrentNode, real: object) -> int:
    return 1


def _gethostname(machine: CurrentNode, real: object) -> str:
    return machine.name


def _getfqdn(machine: CurrentNode, real: object, name: str = "") -> str:
    return name or machine.name


# why not -> what instead, and who has it.  Names that this Python or system lacks are skipped.
_REFUSED: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("stops the whole node", "await asyncio.sleep(...) instead", {"time": "sleep"}),
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
            "concurrent.futures.process:ProcessPoolExecutor": "submit",
            "multiprocessing.process:BaseProcess": "start",
            "subprocess:Popen": "__init__",
            "os": (
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
        {"os": "_exit abort kill killpg", "signal": "raise_signal pthread_kill"},
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
            # The usual ones: each of its fifty functions would cost every run 0.1 us.
            "numpy.random": "seed rand randn randint random choice shuffle permutation uniform"
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
        "os": {"getpid": _getpid},
        "socket": {"gethostname": _gethostname, "getfqdn": _getfqdn},
    }
    for why, instead, owners in _REFUSED:
        for owner, names in owners.items():
            refusals_of = fakes.setdefault(owner, {})
            for name in names.split():
                refusals_of[name] = _refusal(_call(owner, name), why, instead)
    return fakes


OUTSIDE: dict[str, dict[str, Fake]] = _fakes()  # by owner, `module` or `module:Class`


class Stdin:
    """What `sys.stdin` is during a run: the real one, except that node code may not read it."""

    _READING = frozenset(
        {"read", "read1", "readinto", "readline", "readlines", "buffer", "detach", "close"}
    )

    def __init__(self, node: Callable[[], CurrentNode | None], real: Callable[[], Any]) -> None:
        self._node, self._real = node, real

    def _for(self, use: str) -> Any:
        machine = self._node()
        if machine is not None and use in self._READING and _DEBUGGERS.isdisjoint(_callers()):
            _refuse(machine, "sys.stdin", "is the real keyboard", "take the value as an argument")
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
