"""A node in a child process: the same machine, driven over a pipe, with the same digest.

The child is forked when the node starts, so it has the run's choices and the submission in memory;
from then on it draws from its own named streams, and what crosses the pipe is plain data. What it
has drawn comes back when it ends: the node's next incarnation goes on from there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from labrpc.errors import TesterError
from tester.engine import current, pulse
from tester.engine.choices import Choices, Injected
from tester.engine.errors import Waiting
from tester.engine.node import Event, Turn
from tester.world.crossing import from_pipe, from_wire, to_wire
from tester.world.failure import ProcessDied, describe, forget_listeners
from tester.world.host import Host
from tester.world.pipe import killed_by, receive, send

_INTERRUPTED: Final = 130
"""The exit status of a child that somebody at the keyboard has interrupted, as a shell has it."""
_encode = msgspec.msgpack.Encoder().encode


class Child:
    """Drives a Host that runs in a child process; looks to the scheduler like the Host itself."""

    def __init__(self, host: Host) -> None:
        if isinstance(host.choices.source, Injected):
            raise TesterError(
                "the choices of this run come from a function in this process, which nodes in "
                "child processes cannot call: run it without isolation"
            )
        self._host = host
        self._left: list[Event] = []
        """What it had still to report when it was frozen."""
        with _as_the_harness(), warnings.catch_warnings():
            to_child, self._write = os.pipe()
            self._read, from_child = os.pipe()
            # The child runs one thread and takes no lock that another thread could hold.
            warnings.simplefilter("ignore", DeprecationWarning)
            # What was printed before must not be printed again by the child.
            sys.stdout.flush()
            sys.stderr.flush()
            self._pid = os.fork()
            if self._pid == 0:
                os.close(self._write)
                os.close(self._read)
                _serve(host, to_child, from_child)
        os.close(to_child)
        os.close(from_child)

    def step(self, now: int, inbox: Sequence[Event], limit: int) -> Turn:
        """See Node.step."""
        outbox, next_due, ran = self._ask("step", now, [to_wire(event) for event in inbox], limit)
        return [from_wire(event) for event in outbox], next_due, ran

    def waiting(self) -> list[Waiting]:
        """See Host.waiting."""
        return msgspec.convert(self._ask("waiting"), list[Waiting])

    def unretrieved(self) -> list[Event]:
        """See Host.unretrieved."""
        if not self._pid:
            return self._left
        return [from_wire(event) for event in self._ask("unretrieved")]

    def measure(self, key: str) -> int:
        """See Host.measure."""
        return int(self._ask("measure", key))

    def freeze(self) -> None:
        """See Node.freeze; the choices must be handed over before the node can start anew."""
        if self._pid:
            self._left = self.unretrieved()
        self.close()

    def close(self) -> None:
        """End the child, and take over what it chose into the run's record."""
        if not self._pid:
            return
        drawn, faults = self._ask("close")
        choices = self._host.choices
        for stream, values in drawn.items():
            choices.stream(stream).resume(values)
        choices.faults += [(stream, index) for stream, index in faults]
        self._reap()

    def terminate(self) -> None:
        """End the child, whatever it is doing, and ask nothing of it."""
        if self._pid:
            with _as_the_harness():
                os.kill(self._pid, signal.SIGKILL)
            self._reap()

    def _ask(self, *request: Any) -> Any:
        try:
            _say(self._write, request)
            return msgspec.msgpack.decode(receive(self._read))
        except (BrokenPipeError, EOFError):
            status = self._reap()
        if os.waitstatus_to_exitcode(status) == _INTERRUPTED:
            raise KeyboardInterrupt
        raise ProcessDied(f"The process of node {self._host.name} {_how(status)}")

    def _reap(self) -> int:
        """Close the pipes and wait for the child, which has ended or is about to; its status."""
        os.close(self._write)
        os.close(self._read)
        with _as_the_harness():
            _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        return status


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"ended by itself, with exit status {code}, before the run was over"
    return f"{killed_by(-code)} before the run was over"


@contextlib.contextmanager
def _as_the_harness() -> Iterator[None]:
    """Code on a node may not fork, wait or kill; we may, also while the test's code runs."""
    caller, current.node = current.node, None
    try:
        yield
    finally:
        current.node = caller


# -- the child's side ---------------------------------------------------------------------------


def _serve(host: Host, requests: int, answers: int) -> None:
    """The child's life: answer requests until `close`, then leave and run nothing else."""
    status = 1
    try:
        choices = host.choices
        before = {name: len(values) for name, values in choices.record().items()}
        faults = len(choices.faults)
        pulse.silence()  # it is the parent that is watched
        forget_listeners()
        current.refusals.clear()  # those of the parent are told there
        while True:
            what, *args = msgspec.msgpack.decode(receive(requests))
            if what == "step":
                now, inbox, limit = args
                outbox, next_due, ran = host.step(
                    now, [from_pipe(event) for event in inbox], limit
                )
                _say(answers, ([*outbox, *_refused(host)], next_due, ran))
            elif what == "waiting":
                _say(answers, host.waiting())
            elif what == "unretrieved":
                _say(answers, host.unretrieved())
            elif what == "measure":
                _say(answers, host.measure(*args))
            else:
                _say(answers, (_drawn(choices, before), choices.faults[faults:]))
                break
        status = 0
    except KeyboardInterrupt:
        status = _INTERRUPTED
    except (EOFError, BrokenPipeError):
        pass  # the parent has gone, and nobody is left to be told
    except BaseException:  # noqa: BLE001 - a fault of ours: the parent only sees that we ended
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _drawn(choices: Choices, before: dict[str, int]) -> dict[str, list[int]]:
    """What this process has drawn, per stream."""
    later = {name: values[before.get(name, 0) :] for name, values in choices.record().items()}
    return {name: values for name, values in later.items() if values}


def _refused(host: Host) -> list[Event]:
    """What the guard has refused to the node's code in this step, swallowed or not."""
    refusals = [
        ("refused", describe(error, host.name, "while it ran", host.loop.now))
        for error in current.refusals
    ]
    current.refusals.clear()
    return refusals


# -- on the pipe --------------------------------------------------------------------------------


def _say(pipe: int, value: Any) -> None:
    send(pipe, _encode(value))
