"""What Python itself reports to audit hooks, whatever name it was called by: acts on the machine.

A hook of CPython's cannot be removed, so there is one for the life of the process, and it asks
whose code is running before anything else. See https://docs.python.org/3/library/audit_events.html
"""

from __future__ import annotations

import functools
import os
import sys
from types import FunctionType
from typing import Any, Final

from tester.guard.caller import is_debugger, node, refuse

_PROCESSES: Final = "is about real processes", "a simulated machine has one: use a coroutine"
_NETWORK: Final = (
    "is about the real network",
    "machines talk by RPC: await end.call(Server.method, args)",
)
_THREAD: Final = "starts a real thread", "start a task: asyncio.create_task(...)"
_END: Final = (
    "would end the simulation, not this machine",
    "the test decides when a machine stops",
)
_SETTING: Final = "changes the whole process", "keep it in an object that each run makes"
_FILES: Final = "is about real files", "keep what must last on the machine's disk"
_NATIVE: Final = "reaches around Python", "write it in Python"
_WATCH: Final = "watches the whole simulation", "trace the test from outside the nodes"
_SLEEP: Final = "stops the whole node", "await asyncio.sleep(...) instead"
_KEYBOARD: Final = "reads the real keyboard", "take the value as an argument"
DEVICE: Final = "is about the real machine", "use the random module, or take it as an argument"

_EVENTS: Final = {
    **dict.fromkeys(
        ("os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.system"), _PROCESSES
    ),
    **dict.fromkeys(("os.startfile", "subprocess.Popen", "pty.spawn"), _PROCESSES),
    **dict.fromkeys(("os.kill", "os.killpg", "signal.pthread_kill"), _END),
    **dict.fromkeys(("_thread.start_new_thread", "_thread.start_joinable_thread"), _THREAD),
    **dict.fromkeys(("os.putenv", "os.unsetenv", "os.chdir"), _SETTING),
    **dict.fromkeys(("resource.setrlimit", "resource.prlimit"), _SETTING),
    # Not sys.settrace, which CPython itself reports where a debugger lets go of a frame.
    **dict.fromkeys(("gc.get_objects", "gc.get_referrers", "sys._current_frames"), _WATCH),
    "sys.addaudithook": _WATCH,
    "time.sleep": _SLEEP,
    "builtins.input": _KEYBOARD,
}
_PREFIXES: Final = {"socket": _NETWORK, "ctypes": _NATIVE, "fcntl": _FILES, "syslog": _FILES}
_DEVICES: Final = ("/dev/", "/proc/", "/sys/")
_PATHS: Final = frozenset({"open", "os.listdir", "os.scandir", "os.walk", "glob.glob"})
_HARMLESS: Final = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr"})


_PARTS: Final = frozenset({"object.__setattr__", "object.__delattr__"})
functions_changed = 0
"""How often a part of a function, such as its code or its defaults, has been replaced so far.

To read these parts is an event as well, three for each function: so nobody should, who only wants
to know that they are as they were.
"""


def _hook(event: str, args: tuple[Any, ...]) -> None:
    global functions_changed
    if event in _PARTS and type(args[0]) is FunctionType:
        functions_changed += 1
    machine = node()
    if machine is None:
        return
    found = _EVENTS.get(event) or _PREFIXES.get(event.partition(".")[0])
    call = event
    if event in _PATHS and (path := device(args[0])):
        found, call = DEVICE, f"{event}({path!r})"
    if found is not None and not is_debugger():
        why, instead = found
        refuse(machine, call, why, instead)


def device(path: object) -> str:
    """Return the path of a device, or of what the kernel tells; "" for any other file."""
    if isinstance(path, os.PathLike):
        path = path.__fspath__()
    if isinstance(path, bytes | str):
        text = os.path.normpath(os.fsdecode(path))
        if f"{text}/".startswith(_DEVICES) and text not in _HARMLESS:
            return text
    return ""


@functools.cache  # once: no hook is ever removed
def listen() -> None:
    """Install the hook, unless it is installed."""
    sys.addaudithook(_hook)
