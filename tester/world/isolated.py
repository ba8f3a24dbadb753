"""A node in a child process: the same machine, driven over a pipe, with the same digest.

The child is forked when the node starts, so it has the run's choices and the submission in memory;
from then on it draws from its own named streams, and what crosses the pipe is plain data.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from tester.engine import guard
from tester.engine.errors import Waiting
from tester.engine.node import Event, Turn
from tester.world.failure import Failure
from tester.world.host import End, Host, Made

_HEADER: Final = 8
_encode = msgspec.msgpack.Encoder().encode


class Child:
    """Drives a Host that runs in a child process; looks to the scheduler like the Host itself."""

    def __init__(self, host: Host) -> None:
        self._host = host
        to_child, self._write = os.pipe()
        self._read, from_child = os.pipe()
        caller, guard.current = guard.current, None  # the test's code may not fork, but we may
        with warnings.catch_warnings():
            # The child runs one thread and takes no lock that another thread could hold.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pid = os.fork()
        guard.current = caller if self._pid else None
        if self._pid == 0:
            os.close(self._write)
            os.close(self._read)
            _serve(host, to_child, from_child)
        os.close(to_child)
        os.close(from_child)

    def step(self, now: int, inbox: Sequence[Event], limit: int) -> Turn:
        """See Node.step."""
        outbox, next_due, ran = self._ask("step", now, [_to_wire(event) for event in inbox], limit)
        return [_from_wire(event) for event in outbox], next_due, ran

    def waiting(self) -> list[Waiting]:
        """See Node.waiting."""
        return msgspec.convert(self._ask("waiting"), list[Waiting])

    def unretrieved(self) -> list[Event]:
        """See Host.unretrieved."""
        return [_from_wire(event) for event in self._ask("unretrieved")]

    def measure(self, key: str) -> int:
        """See Host.measure."""
        return int(self._ask("measure", key))

    def close(self) -> None:
        """End the child, and take over what it chose into the run's record."""
        record, faults = self._ask("close")
        os.close(self._write)
        os.close(self._read)
        os.waitpid(self._pid, 0)
        choices = self._host.choices
        for stream, values in record.items():
            choices.stream(stream).record[:] = values
        choices.faults += [(stream, index) for stream, index in faults]

    def _ask(self, *request: Any) -> Any:
        _send(self._write, request)
        return msgspec.msgpack.decode(_receive(self._read))


def _serve(host: Host, requests: int, answers: int) -> None:
    """The child's life: answer requests until `close`, then leave and run nothing else."""
    status = 1
    try:
        before = set(host.choices.record()), len(host.choices.faults)
        while True:
            what, *args = msgspec.msgpack.decode(_receive(requests))
            if what == "step":
                now, inbox, limit = args
                step = host.step(now, [_from_pipe(event) for event in inbox], limit)
                _send(answers, step)
            elif what == "waiting":
                _send(answers, host.waiting())
            elif what == "unretrieved":
                _send(answers, host.unretrieved())
            elif what == "measure":
                _send(answers, host.measure(*args))
            else:
                record = host.choices.record()
                used = {name: record[name] for name in sorted(record) if name not in before[0]}
                _send(answers, (used, host.choices.faults[before[1] :]))
                break
        status = 0
    finally:
        sys.stdout.flush()
        os._exit(status)


def _send(pipe: int, value: Any) -> None:
    data = _encode(value)
    data = len(data).to_bytes(_HEADER, "big") + data
    while data:
        data = data[os.write(pipe, data) :]


def _receive(pipe: int) -> bytes:
    return _exactly(pipe, int.from_bytes(_exactly(pipe, _HEADER), "big"))


def _exactly(pipe: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(pipe, min(size, 1 << 20))
        if not part:
            raise EOFError("the process of a node has ended in the middle of a run")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


# -- events as plain data -----------------------------------------------------------------------


def _to_wire(event: Event) -> Any:
    if event[0] != "make":
        return event
    _, key, factory, args, like = event
    return ("make", key, _name(factory), [_mark(arg) for arg in args], _name(like))


def _mark(arg: Any) -> Any:
    if isinstance(arg, End):
        return ["end", arg.name]
    if isinstance(arg, Made):
        return ["made", arg.key]
    return ["data", arg]


def _from_pipe(event: list[Any]) -> Event:
    if event[0] != "make":
        return tuple(event)
    _, key, factory, args, like = event
    real: list[Any] = []
    for mark, arg in args:
        real.append(End(arg) if mark == "end" else Made(arg) if mark == "made" else arg)
    return ("make", key, _named(factory), tuple(real), _named(like))


def _from_wire(event: list[Any]) -> Event:
    if event[0] == "fail":
        return ("fail", msgspec.convert(event[1], Failure))
    return tuple(event)


def _name(thing: Callable[..., Any]) -> str:
    name = f"{thing.__module__}:{thing.__qualname__}"
    if "<" in name:
        raise ValueError(
            f"{name} cannot be built in a child process: it is defined inside a function; "
            "define it at the top of its module"
        )
    return name


def _named(name: str) -> Any:
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found
