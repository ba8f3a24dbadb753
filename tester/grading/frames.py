"""What a node's process may say, in types: whatever does not fit is nobody's answer.

Each is an array that begins with its name. Numbers, sizes and counts are checked as they are read,
so that no answer can make the grader hold more than a multiple of its own length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from tester.engine.errors import Waiting
from tester.engine.node import Event
from tester.grading.printed import Heard
from tester.guard.unawaited import Unawaited
from tester.world.failure import Failure, clipped
from tester.world.probe import as_reported

Number = Annotated[int, Meta(ge=0, le=2**62)]
Text = Annotated[str, Meta(max_length=1 << 16)]
Signed = int  # of at most 64 bits, as all of msgpack


class Blob(msgspec.Struct, frozen=True):
    """Bytes, where a text could stand as well: msgspec tells the two apart by this."""

    b: bytes


Plain = None | bool | int | str | Blob | list[int | Blob]


class Said(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=True):
    """Something that a node's process says."""


# -- events ---------------------------------------------------------------------------------------


class Send(Said, frozen=True, tag="send"):
    """See `tester.world.host`, as for all of these."""

    call: Number
    end: Text
    method: Text
    payload: bytes
    op: Number | None


class Answer(Said, frozen=True, tag="answer"):
    """A reply to a request."""

    number: Number
    payload: bytes


class Done(Said, frozen=True, tag="done"):
    """The result of an operation."""

    op: Number
    payload: bytes


class Fail(Said, frozen=True, tag="fail"):
    """The node's code raised an exception."""

    failure: Failure


class Refused(Said, frozen=True, tag="refused"):
    """The guard refused something to the node's code."""

    failure: Failure


class Forgotten(Said, frozen=True, tag="unawaited"):
    """The node's code forgot to await a call."""

    call: Unawaited


class Write(Said, frozen=True, tag="write"):
    """Files written to the disk."""

    files: Annotated[dict[Text, bytes], Meta(max_length=1_000)]


class Sync(Said, frozen=True, tag="sync"):
    """A sync of the disk."""

    number: Number


class File(Said, frozen=True, tag="file"):
    """Something is to be done to the shared files."""

    number: Number
    method: Literal["read", "write", "rename", "remove", "names"]
    name: Text
    other: Text
    data: bytes


class Fault(Said, frozen=True, tag="fault"):
    """A fault of the code's own struck."""

    stream: Text
    index: Number
    what: Text
    kind: Text


class Annotate(Said, frozen=True, tag="annotate"):
    """The node's code wants something seen: see `tester.world.annotations`."""

    label: Text
    text: Text
    details: Text
    since_us: Annotated[int, Meta(ge=-1, le=2**62)]
    lasting: bool


class Report(Said, frozen=True, tag="report"):
    """What a probe reports."""

    what: Text
    data: Annotated[list[Plain], Meta(max_length=20)]


Happening = (
    Send
    | Answer
    | Done
    | Fail
    | Refused
    | Forgotten
    | Write
    | Sync
    | File
    | Fault
    | Annotate
    | Report
)


# -- answers --------------------------------------------------------------------------------------


class Turn(Said, frozen=True, tag="turn"):
    """What came of a step."""

    outbox: Annotated[list[Happening], Meta(max_length=200_000)]
    next_due: Number | None
    ran: Number


class Deal(Said, frozen=True, tag="deal"):
    """A question instead of an answer: for words of a stream."""

    stream: Text
    block: Annotated[int, Meta(ge=-1, le=2**40)]


class Inspected(Said, frozen=True, tag="inspected"):
    """Whether the submission fits the lab: "" or a sentence; and what it asked for in vain."""

    refusal: Text
    missed: Annotated[list[Text], Meta(max_length=50)]


class Waits(Said, frozen=True, tag="waiting"):
    """Where each task waits."""

    tasks: Annotated[list[Waiting], Meta(max_length=10_000)]


class Unretrieved(Said, frozen=True, tag="unretrieved"):
    """What tasks have died of."""

    events: Annotated[list[Happening], Meta(max_length=10_000)]


class Measured(Said, frozen=True, tag="measure"):
    """How many bytes an object holds."""

    size: Number


class Drawn(Said, frozen=True, tag="drawn"):
    """What the node has drawn, by stream, and which of it were faults."""

    record: Annotated[
        dict[Text, Annotated[list[Signed], Meta(max_length=1_000_000)]], Meta(max_length=1_000)
    ]
    faults: Annotated[list[tuple[Text, Number]], Meta(max_length=100_000)]


class Lines(Said, frozen=True, tag="lines"):
    """What the node has logged and printed."""

    heard: Heard


class Broke(Said, frozen=True, tag="broke"):
    """The process ends, and says why."""

    kind: Text
    message: Text


Anything = Turn | Deal | Inspected | Waits | Unretrieved | Measured | Drawn | Lines | Broke
decode: Final = msgspec.msgpack.Decoder(Anything).decode
"""Read an answer. Raises msgspec.DecodeError, or UnicodeDecodeError, or RecursionError."""

_astuple = msgspec.structs.astuple
_LONGEST: Final = 2_000
_FRAMES: Final = 50


def event(said: Happening) -> Event:
    """An event as the run takes it."""
    if isinstance(said, Report):
        return ("report", said.what, *map(_plain, said.data))
    if isinstance(said, Fail | Refused):
        kind = "fail" if isinstance(said, Fail) else "refused"
        return kind, _clipped(said.failure)
    if isinstance(said, Forgotten):
        call = said.call
        return "unawaited", Unawaited(call.what[:200], call.file[:200], call.line, call.node[:200])
    return (type(said).__struct_config__.tag, *_astuple(said))


def reported(said: Report) -> Event | None:
    """A report as the run takes it; None if no harness reports such."""
    data = as_reported(said.what, event(said)[2:])
    return None if data is None else ("report", said.what, *data)


def encode_report(event: Event) -> Event:
    """A report as it travels: any number of fields as one, and bytes marked as such."""
    what, name, *data = event
    return what, name, [_marked(one) for one in data]


def _marked(one: Any) -> Any:
    if isinstance(one, bytes):
        return Blob(one)
    return [_marked(part) for part in one] if isinstance(one, list | tuple) else one


def _plain(one: Any) -> Any:
    if isinstance(one, Blob):
        return one.b
    return [_plain(part) for part in one] if isinstance(one, list) else one


def _clipped(failure: Failure) -> Failure:
    """A failure no longer than one that our own code describes."""
    import dataclasses

    return dataclasses.replace(
        failure,
        kind=failure.kind[:200],
        message=failure.message[:_LONGEST],
        frames=tuple(map(clipped, failure.frames[-_FRAMES:])),
        node=failure.node[:200],
        doing=failure.doing[:200],
        returned=None if failure.returned is None else clipped(failure.returned),
        exhausted=failure.exhausted[:_LONGEST],
    )


def texts(waiting: Sequence[Waiting]) -> list[Waiting]:
    """Where tasks wait, no longer than a person reads."""
    return [
        Waiting(one.node[:100], one.task[:200], one.file[:200], one.number, one.line[:200])
        for one in waiting
    ]
