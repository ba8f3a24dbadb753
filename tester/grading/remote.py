"""A node that runs in a process of its own, as the run sees it: it is asked, and never believed.

What it may say is what a node of its name could: messages from its own ends, answers to requests
that it got, results of operations that were called on it. All else ends the run with a sentence.
"""

from __future__ import annotations

import functools
import os
import re
import signal
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec

from tester.engine import current
from tester.engine.choices import BEGINNING, Choices, Replayed, Seeded
from tester.engine.errors import Waiting
from tester.engine.node import Event, Turn
from tester.grading import frames, usage
from tester.grading.kernel import SIGSYS
from tester.grading.node import Order
from tester.grading.printed import Heard
from tester.grading.sandbox import Limits
from tester.world.arguments import Compound, End, OnDisk, OnFiles, Packed
from tester.world.crossing import to_wire
from tester.world.failure import ProcessDied
from tester.world.pipe import HEADER, framed, killed_by
from tester.world.probe import OnProbe

T = TypeVar("T", bound=frames.Said)

_AT_ONCE: Final = 1 << 16
_LOOK_US: Final = 500_000
"""Microseconds between looks at a node that is silent."""
_PLACE: Final = re.compile(
    rb'^  File "([A-Za-z0-9_./]{1,200})", line (\d+) in (\S{1,100})', re.MULTILINE
)
_encode = msgspec.msgpack.Encoder().encode
_DEALS: Final = 100_000
"""Questions for words in one step; each is answered with 64 of them."""


class Broken(ProcessDied):
    """The process of a node did what no node does, or ended; `what` says which, in a word."""

    def __init__(self, what: str, sentence: str) -> None:
        super().__init__(sentence)
        self.what = what


class Keeper(Protocol):
    """Whoever has started the process of a node."""

    limits: Limits
    keeps_choices: bool
    """Whether somebody wants to know what was chosen."""

    heard: list[tuple[str, Heard]] | None
    """What nodes have logged and printed, by their names; None if nobody wants to know."""

    def reap(self, slot: int) -> None:
        """End the process, whatever it does."""

    def collect(self, slot: int) -> int | None:
        """The status of a process that has ended; None if it has not, but does now."""

    def hung(self, broken: Broken) -> None:
        """Hear of a process that did not answer, and had to be waited for."""

    def retire(self, line: socket.socket) -> None:
        """Close the socket of a process as soon as it has ended, which it does with the run."""

    def number(self, slot: int) -> int:
        """The number of the process here; 0 if it cannot be found."""

    def count(self, size: int) -> str:
        """Count bytes that the nodes of a run have said; why they are too many, or ""."""


class RemoteNode:
    """Drives a node in a process of its own; looks to the scheduler like the node itself."""

    def __init__(
        self, keeper: Keeper, slot: int, line: socket.socket, order: Order, choices: Choices
    ) -> None:
        self._keeper = keeper
        self._slot = slot
        self._line = line
        self._name = order.name
        self._choices = choices
        self._loaded = False
        self._ended = False
        self._watch: _Watch | None = None
        self._left: list[Event] = []
        """What it had still to report when it was frozen."""
        self._before = {stream: len(values) for stream, values in order.drawn.items()}
        self._ends: set[str] = set()
        self._holds: set[type] = set()
        """What else it has been given: a disk, the shared files, a probe."""
        self._requests: Counter[int] = Counter()
        self._operations: set[int] = set()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, _LOOK_US))
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, _LOOK_US))
        self._send(_encode(order))

    # -- as the scheduler sees it -----------------------------------------------------------------

    def step(self, now: int, inbox: Sequence[Event], limit: int) -> Turn:
        """See Node.step."""
        if usage.weight(inbox) > usage.AT_ONE_INSTANT:
            most = usage.AT_ONE_INSTANT >> 20
            raise self._flood(f"was to be sent more than {most} MB at one instant")
        for event in inbox:
            self._note(event)
        request = ("step", now, [to_wire(event) for event in inbox], limit)
        turn = self._ask(frames.Turn, request)
        if turn.next_due is not None and turn.next_due < now:
            raise self._odd("set a timer for a time that has passed")
        return [self._checked(said) for said in turn.outbox], turn.next_due, turn.ran

    def waiting(self) -> list[Waiting]:
        """See Host.waiting."""
        return frames.texts(self._ask(frames.Waits, ("waiting",)).tasks)

    def unretrieved(self) -> list[Event]:
        """See Host.unretrieved."""
        if self._ended:
            return self._left
        said = self._ask(frames.Unretrieved, ("unretrieved",))
        return [self._checked(one) for one in said.events]

    def measure(self, key: str) -> int:
        """See Host.measure."""
        return self._ask(frames.Measured, ("measure", key)).size

    def freeze(self) -> None:
        """See Node.freeze; what it has drawn is where its next incarnation goes on."""
        if not self._ended:
            self._left = self.unretrieved()
            self._take_over()
            self._listen()
            self.terminate()

    def close(self) -> None:
        """The run is over: whoever started the process ends it, with all others."""
        if not self._ended:
            if self._keeper.keeps_choices:
                self._take_over()
            self._listen()
            self._keeper.retire(self._line)
            self._ended = True

    def terminate(self) -> None:
        """End the process, whatever it is doing."""
        if not self._ended:
            self._reap()

    def inspected(self) -> frames.Inspected:
        """What a process without a node has found out about the submission."""
        said = self._expect(frames.Inspected)
        self.terminate()
        return said

    def _listen(self) -> None:
        if self._keeper.heard is not None:
            heard = self._ask(frames.Lines, ("lines",)).heard
            self._keeper.heard.append((self._name, heard))

    def _take_over(self) -> None:
        drawn = self._ask(frames.Drawn, ("drawn",))
        for stream in (*drawn.record, *(stream for stream, _ in drawn.faults)):
            if not self._owns(stream):
                raise self._odd(f"claimed to have drawn from {stream[:100]!r}")
        for stream, index in drawn.faults:
            values = drawn.record.get(stream, ())
            if index >= len(values) or not values[index]:
                raise self._odd(f"claimed a fault of {stream[:100]!r} that it did not draw")
        for stream, values in drawn.record.items():
            self._choices.stream(stream).resume(values[self._before.get(stream, 0) :])
        self._choices.faults += drawn.faults

    # -- what it may say --------------------------------------------------------------------------

    def _note(self, event: Event) -> None:
        """Remember what this event entitles the node to say."""
        kind = event[0]
        if kind == "request":
            self._requests[event[1]] += 1
        elif kind == "operate":
            self._operations.add(event[1])
        elif kind == "make":
            for arg in _parts(event[3]):
                if isinstance(arg, End):
                    self._ends.add(arg.name)
                else:
                    self._holds.add(type(arg))

    def _checked(self, said: frames.Happening) -> Event:
        """The event, if it is one that this node may come up with."""
        wrong = ""
        if isinstance(said, frames.Send):
            if said.end not in self._ends:
                wrong = f"sent from the end {said.end[:100]!r}, which is not its own"
        elif isinstance(said, frames.Answer):
            self._requests[said.number] -= 1
            if self._requests[said.number] < 0:
                wrong = f"answered #{said.number}, which it was not asked"
        elif isinstance(said, frames.Done):
            if said.op not in self._operations:
                wrong = "returned from an operation that was not called on it"
            self._operations.discard(said.op)
        elif isinstance(said, frames.Report):
            probed = OnProbe in self._holds
            if probed and (event := frames.reported(said)) is not None:
                return event
            why = "as no harness does" if probed else "and has no probe"
            wrong = f"reported {said.what[:100]!r} {why}"
        elif isinstance(said, frames.File):
            if OnFiles not in self._holds:
                wrong = "asked for the shared files, which it was not given"
        elif isinstance(said, frames.Write | frames.Sync):
            if OnDisk not in self._holds:
                wrong = "asked for its disk, which it was not given"
        elif isinstance(said, frames.Fault) and not self._owns(said.stream):
            wrong = f"claimed a fault of {said.stream[:100]!r}"
        if wrong:
            raise self._odd(wrong)
        return frames.event(said)

    def _owns(self, stream: str) -> bool:
        return owns(self._name, stream)

    def _odd(self, what: str) -> Broken:
        """The process said what no node says."""
        self.terminate()
        return Broken(
            "malformed",
            f"The process of {self._whose()} {what}. The framework in it never does: the "
            "submission has tampered with it.",
        )

    def _whose(self) -> str:
        return f"node {self._name}" if self._name else "the submission"

    # -- asking -----------------------------------------------------------------------------------

    def _ask(self, expected: type[T], request: tuple[Any, ...]) -> T:
        caller, current.node = current.node, None  # the test's code may be what makes us ask
        self._watch = None
        try:
            self._send(_encode(request))
            answer = self._expect(expected)
            self._loaded = True  # before its first answer, it has loaded the submission
            return answer
        finally:
            current.node = caller

    def _expect(self, expected: type[T]) -> T:
        deals = 0
        while True:
            data = self._receive()
            try:
                said = frames.decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise self._odd(f"sent a malformed frame ({str(error)[:200]})") from None
            if isinstance(said, expected):
                return said
            if isinstance(said, frames.Broke):
                raise self._broke(said)
            if not isinstance(said, frames.Deal) or deals == _DEALS:
                raise self._odd(f"said {type(said).__name__!r} in answer to something else")
            deals += 1
            self._watched().while_it_talks()
            self._send(_encode(self._words(said)))

    def _words(self, said: frames.Deal) -> Sequence[int]:
        source = self._choices.source
        if not self._owns(said.stream) or not isinstance(source, Seeded):
            raise self._odd(f"asked for the choices of {said.stream[:100]!r}")
        return source.words(said.stream, said.block)

    def _broke(self, said: frames.Broke) -> Broken:
        self.terminate()
        message = f": {said.message}" if said.message else ""
        return Broken(
            "crashed",
            f"The process of {self._whose()} ended with {said.kind[:100]}{message[:500]}",
        )

    def _send(self, payload: bytes) -> None:
        data = memoryview(framed(payload))
        watch = None
        while data:
            try:
                data = data[self._line.send(data) :]
            except BlockingIOError:
                watch = watch or _Watch(self)
                watch.look()
            except (BrokenPipeError, ConnectionResetError):
                return  # why, is found where the answer is expected

    def _receive(self) -> bytes:
        """The next frame."""
        size, got = -1, bytearray()
        while size < 0 or len(got) < size:
            try:
                data = self._line.recv(_AT_ONCE)
            except BlockingIOError:
                self._watched().look()
                continue
            except ConnectionResetError:
                data = b""
            got += data
            if not data:
                raise self._dead(bytes(got))
            if size < 0 and len(got) >= HEADER:
                size = HEADER + int.from_bytes(got[:HEADER], "big")
            if size > self._keeper.limits.frame and not _is_last_words(got):
                raise self._flood()
            if len(got) < size:
                self._watched().while_it_talks()
        if len(got) > size:
            raise self._odd("said more than it was asked")
        if why := self._keeper.count(size):
            raise self._flood(why)
        return bytes(got[HEADER:])

    def _watched(self) -> _Watch:
        """Who looks after the node until it has answered what it was asked."""
        if self._watch is None:
            self._watch = _Watch(self)
        return self._watch

    # -- how it ends ------------------------------------------------------------------------------

    def _flood(self, why: str = "flooded its pipe with more than anybody asks") -> Broken:
        self.terminate()
        return Broken("flooded", f"The process of {self._whose()} {why}")

    def _dead(self, last: bytes) -> Broken:
        """The process has ended; `last` may say where it stood."""
        whose, place = self._whose(), _place(last)
        self._ended = True
        self._line.close()
        found = self._keeper.collect(self._slot)
        if found is None:
            return Broken("died", f"The process of {whose} closed its pipe and went on{place}")
        status = os.waitstatus_to_exitcode(found)
        if status == -SIGSYS:
            return Broken(
                "escaped",
                f"The process of {whose} was ended{place}: it asked the system for something that "
                "a node has no business with (a process, a thread, a signal, a socket, a file to "
                "write, a real sleep)",
            )
        if status == -signal.SIGXFSZ:
            return Broken("escaped", f"The process of {whose} was ended{place}: it wrote a file")
        if status == -signal.SIGXCPU:
            return Broken(
                "stuck",
                f"The process of {whose} used {self._keeper.limits.cpu_s} s of CPU time{place}",
            )
        if status < 0:
            how = killed_by(-status)
        else:
            how = f"ended by itself, with exit status {status},"
        return Broken("died", f"The process of {whose} {how} before the run was over{place}")

    def stuck(self, cpu_s: float) -> Broken:
        """End a process that used this much CPU time in one step, or to load the submission."""
        doing = "in one step" if self._loaded else "to load the submission"
        return self._hung(
            "stuck",
            f"used more than {cpu_s:.0f} s of CPU time {doing}: an infinite loop, or one without "
            "an await",
        )

    def silent(self, seconds: float) -> Broken:
        """End a process that waits for something outside."""
        return self._hung(
            "silent",
            f"was silent for {seconds:.0f} s and used no CPU time: it slept for real, or waited "
            "for something that does not come",
        )

    def _hung(self, what: str, how: str) -> Broken:
        self.terminate()
        broken = Broken(what, f"The process of {self._whose()} {how}")
        self._keeper.hung(broken)
        return broken

    @functools.cached_property
    def pid(self) -> int:
        """The number of the process, as this one sees it; 0 if it cannot be found."""
        return self._keeper.number(self._slot)

    @property
    def limits(self) -> Limits:
        """What it may use."""
        return self._keeper.limits

    @property
    def loaded(self) -> bool:
        """Whether it has loaded the submission."""
        return self._loaded

    def _reap(self) -> None:
        self._ended = True
        self._line.close()
        self._keeper.reap(self._slot)


class _Watch:
    """Looks after a node that is to answer: CPU time counts, and real time where none is used."""

    def __init__(self, node: RemoteNode) -> None:
        self._node = node
        self._looked = time.monotonic()
        self._first: float | None = None
        self._last = 0.0
        self._idle = 0

    def look(self) -> None:
        """Take a look, half a second after the last one. Raises Broken."""
        self._looked = time.monotonic()
        node = self._node
        used, waits = usage.cpu_time(node.pid)
        if self._first is None:
            self._first = self._last = used
        limits = node.limits
        allowed = limits.step_cpu_s if node.loaded else limits.load_cpu_s
        if used - self._first >= allowed:
            raise node.stuck(allowed)
        self._idle = self._idle + 1 if waits and used == self._last else 0
        self._last = used
        seconds = self._idle * _LOOK_US / 1_000_000
        if seconds >= limits.silent_s:
            raise node.silent(seconds)

    def while_it_talks(self) -> None:
        """Take a look if it is time for one: what it says is no answer yet. Raises Broken."""
        if time.monotonic() - self._looked >= _LOOK_US / 1_000_000:
            self.look()


def owns(node: str, stream: str) -> bool:
    """Whether the node of a name may draw from a stream."""
    return stream in (f"sched/{node}", f"node/{node}") or stream.startswith(f"maybe/{node}/")


def order_of(lab: str, name: str, incarnation: int, choices: Choices, **settings: Any) -> Order:
    """What to tell the process of a node first; nothing of it says anything of other nodes."""
    drawn = (
        {stream: values for stream, values in choices.record().items() if owns(name, stream)}
        if incarnation
        else {}
    )
    source = choices.source
    if isinstance(source, Seeded):
        streams = (f"sched/{name}", f"node/{name}")
        settings["beginnings"] = {stream: source.words(stream, BEGINNING) for stream in streams}
    elif isinstance(source, Replayed):
        settings["record"] = {
            stream: list(values) for stream, values in source.record.items() if owns(name, stream)
        }
    else:
        raise TypeError(f"expected choices of a seed or a record, got {type(source).__name__}")
    return Order(lab, name, incarnation, drawn=drawn, **settings)


def _parts(args: Sequence[Packed]) -> Iterator[Packed]:
    for arg in args:
        yield arg
        if isinstance(arg, Compound):
            yield from _parts(arg.parts)


def _is_last_words(data: bytes | bytearray) -> bool:
    """Whether this is what Python writes when a process crashes, instead of a frame."""
    return data[:HEADER] in (b"Fata", b"Curr", b"Stac") and len(data) <= _AT_ONCE


def _place(last: bytes) -> str:
    """The innermost line of the submission in what a process wrote when it crashed."""
    found = [
        (file, line)
        for file, line, _ in _PLACE.findall(last[:_AT_ONCE])
        if not file.startswith(b"/")
    ]
    if not found:
        return ""
    file, line = found[0]
    return f" at {file.decode()}:{int(line)}"
