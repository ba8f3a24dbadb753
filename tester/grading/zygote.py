"""The zygote: a process that has everything a node needs in memory, and is copied for each node.

It is started by the grader, and is no copy of it. It holds our code, and as bytes what was handed
in, of which it runs nothing: a copy does, once it has shut itself in. So nodes have nothing in
common that a submission could have put there.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import marshal
import os
import pkgutil
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from tester.grading import kernel
from tester.grading.library import Helpers, Library
from tester.grading.sandbox import Cell, Enforced, Limits, leave
from tester.guard import guard
from tester.workers.processes import end_descendants
from tester.world import submission
from tester.world.pipe import framed, receive, send

_UNSEEN: Final = ("bugs", "solution")
"""Modules of a lab's folder whose names begin so: there are answers in them."""
_LARGEST_CODE: Final = 64 << 20
_SOCKET: Final = 31
"""The descriptor at which each node's process has its socket: the last one that it may have."""
_TRIES: Final = 100
_PAUSE_S: Final = 0.02


class Setup(msgspec.Struct, frozen=True):
    """What the zygote is told first."""

    lab: str
    packages: tuple[str, ...]
    """The import packages of all labs."""
    files: Mapping[str, bytes]
    """What was handed in."""
    granted: tuple[str, ...]
    """The files of the reference that may be imported."""
    limits: Limits
    level: int
    """The most that is to be tried: see `tester.grading.sandbox`."""
    first_user: int
    """The number of the user that the first node is to be; each further one is the next."""


class Ready(msgspec.Struct, frozen=True):
    """What the zygote says when it is ready."""

    enforced: Enforced
    notes: tuple[str, ...]
    """What of the submission is not used."""


def main(control: int) -> NoReturn:
    """The life of a zygote; it is told its setup on standard input, and then asked over a socket.

    Requests are `("spawn", slot)` with the node's socket, and `("move", processor)`, which have no
    answer; `("reap", slot)`, `("collect", slot)`, `("number", slot)` and `("sweep", 0)`.
    """
    status = 0
    try:
        kernel.end_with_parent()
        setup = msgspec.msgpack.decode(receive(0), type=Setup)
        line = socket.socket(fileno=control)
        zygote = _Zygote(setup, line)
        line.send(msgspec.msgpack.encode(zygote.ready))
        zygote.serve()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    except BaseException:  # noqa: BLE001 - a fault of ours: the grader reads it
        status = 1
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(status)


class _Zygote:
    def __init__(self, setup: Setup, line: socket.socket) -> None:
        self._line = line
        self._nodes: dict[int, int] = {}
        """The numbers of the processes, by slot."""
        self._faults: dict[int, str] = {}
        """Why there are none in these slots."""
        self._library = library = Library(setup.packages)
        sys.meta_path.insert(0, library)
        sys.meta_path.append(Helpers(library))
        _load_framework(setup.lab, library)
        from tester.grading import node, warm

        self._live = node.live
        library.grant(setup.granted)
        notes = library.take(setup.files)
        library.remember_lines()
        submission.fix(library.fixed(setup.packages))
        held = _address_space()
        nothing = os.open(os.devnull, os.O_RDWR)
        enforced, first_user, rules = leave(
            setup.level, [*setup.packages, "tester"], setup.first_user
        )
        # A submission has no use for where things are on the grader's machine.
        sys.path[:] = [place for place in sys.path if Path(place).exists()]
        sys.argv[:] = ["labtester"]
        sys.orig_argv[:] = [sys.executable, *sys.argv]
        self._pids = enforced.pids
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        self._nothing = nothing
        self._cell = Cell(enforced, setup.limits, first_user, held, rules)
        self._code = self._compiled()
        guard.standing().__enter__()  # for good: what is everybody's need not be bound again
        warm.up()
        node.be_quiet()
        node.hear_of_crashes(_SOCKET)
        gc.collect()
        gc.freeze()
        gc.disable()
        self.ready = Ready(enforced, tuple(notes))

    def serve(self) -> NoReturn:
        """Do what is asked, until nobody asks any more."""
        while True:
            data, sockets, _, _ = socket.recv_fds(self._line, 256, 1)
            if not data:
                raise EOFError
            what, slot = msgspec.msgpack.decode(data)
            if what == "spawn":
                self._spawn(slot, sockets[0])
            elif what == "move":
                os.sched_setaffinity(0, {slot})
            elif what == "reap":
                self._answer(self._reap(slot))
            elif what == "collect":
                self._answer(self._collect(slot))
            elif what == "number":
                self._answer(self._nodes.get(slot, 0))
            else:
                self._answer(self._sweep())

    def _answer(self, value: Any) -> None:
        self._line.send(msgspec.msgpack.encode(value))

    def _spawn(self, slot: int, its: int) -> None:
        try:
            child = kernel.fork()
        except OSError as error:
            self._faults[slot] = str(error)
        else:
            if child == 0:
                self._begin(slot, its)
            self._nodes[slot] = child
        os.close(its)

    def _begin(self, slot: int, its: int) -> NoReturn:
        """Become the process of a node."""
        try:
            os.dup2(self._nothing, 2)
            os.close(self._nothing)
            os.close(self._line.fileno())
            os.dup2(its, _SOCKET)
            os.close(its)
            self._cell.enter(slot)
            if self._code:
                self._library.compiled = marshal.loads(self._code)  # noqa: S302 - shut in
        except BaseException:  # noqa: BLE001 - the grader sees that it has ended
            os._exit(3)
        self._live(_SOCKET, self._library)

    def _reap(self, slot: int) -> int | str:
        """End the process of a node, if it has not ended, and return its status."""
        if slot in self._faults:
            return self._faults.pop(slot)
        pid = self._nodes.pop(slot)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return os.waitpid(pid, 0)[1]

    def _collect(self, slot: int) -> int | str | None:
        """The status of a process that has closed its socket; None if that is all it has done.

        A sentence if none could be started.
        """
        if slot in self._faults:
            return self._faults.pop(slot)
        pid = self._nodes[slot]
        for _ in range(_TRIES):  # it closes first, and then it ends
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                del self._nodes[slot]
                return status
            time.sleep(_PAUSE_S)
        self._reap(slot)
        return None

    def _sweep(self) -> int:
        """End all processes of the nodes, and what they have started: how many of those."""
        if self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)  # everybody in this numbering but us
        else:
            end_descendants(os.getpid())
        left = 0
        known = set(self._nodes.values())
        with contextlib.suppress(ChildProcessError):
            while True:
                left += os.waitpid(-1, 0)[0] not in known
        self._nodes.clear()
        self._faults.clear()
        return left

    def _compiled(self) -> bytes:
        """The code of what was handed in, marshalled, as a process that was shut in has made it.

        It is for such processes alone: nobody else reads it.
        """
        ours, its = os.pipe()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.close(ours)
                self._line.close()
                self._cell.enter(0)
                self._cell.hurry()
                send(its, marshal.dumps(self._library.compile_all()))
                status = 0
            finally:
                os._exit(status)
        os.close(its)
        code = b""
        with contextlib.suppress(EOFError, MemoryError), os.fdopen(ours, "rb") as pipe:
            code = pipe.read(_LARGEST_CODE)
        os.kill(child, signal.SIGKILL)
        whole = os.waitpid(child, 0)[1] == 0 or code
        payload = code[len(framed(b"")) :]
        return payload if whole and framed(payload) == code else b""


def _load_framework(lab: str, library: Library) -> None:
    """Import all that a node may need of ours; afterwards none of it can be found any more."""
    import tester
    from tester.labs import LABS

    for name in ("maybe", "simulate"):
        getattr(tester, name)
    suite = importlib.import_module(LABS[lab].suite)
    for name in library.fixed({cls.module.partition(".")[0] for cls in LABS[lab].classes}):
        importlib.import_module(name)
    folders = {suite.__name__.rpartition(".")[0], "tester.labs"}
    folders |= {name.rpartition(".")[0] for name in sys.modules if name.startswith("tester.labs.")}
    for folder in sorted(folders):
        place = importlib.import_module(folder)
        for module in pkgutil.iter_modules(place.__path__):
            if not module.ispkg and not module.name.startswith(_UNSEEN):
                importlib.import_module(f"{folder}.{module.name}")


def _address_space() -> int:
    """Bytes of address space of this process."""
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[0])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 512 << 20
