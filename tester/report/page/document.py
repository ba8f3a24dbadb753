"""The document behind a page: what `labtester report --json` writes, and the page draws.

Everything is plain data. Times are virtual microseconds; an *event* is a number of the list
`events` of its run, -1 stands for none. `docs/page.md` describes the format for readers; a change
that would mislead one of them counts `VERSION` up.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

FORMAT: Final = "labtester-page"
VERSION: Final = 1


class Event(msgspec.Struct, array_like=True):
    """Something that happened, or that somebody said."""

    time_us: int
    kind: str
    """As in `tester.world.events`; also "log", "print" and "death"."""
    node: str
    """In whose lane it is: a node's, "test" or "network"."""
    text: str
    op: int = -1
    rpc: int = -1
    level: str = ""
    """Of a log record: "INFO"."""
    marked: bool = False
    """Whether it is the event that breaks a rule."""
    cause: bool = False
    """Whether it is how it came to that."""


class Node(msgspec.Struct):
    """A lane of the space-time view."""

    name: str
    kind: str
    """ "server", "client", "test" or "network"."""


class Message(msgspec.Struct, array_like=True):
    """An RPC: its request, the copies of it, and its reply."""

    rpc: int
    op: int
    method: str
    source: str
    target: str
    """The nodes; "" where nobody knows whom it was for."""
    sent: int
    held: int
    arrivals: list[int]
    answers: list[int]
    ended: int
    """The event at which its caller knew."""
    fate: str
    """ "reply", or why none came: "request lost", "reply lost", "unreachable", "server dead"; ""
    where it was still under way."""
    marks: list[str]
    """What the network did to it: "lost", "reply lost", "duplicated", "late", "held"."""
    request: str
    reply: str


class Operation(msgspec.Struct):
    """One operation of a client."""

    number: int
    client: str
    text: str
    call_us: int
    ret_us: int | None
    """None: it is open, and may or may not have happened."""
    call: int
    """The event of its call; in a history without a run, the rank of its stamp."""
    ret: int
    answer: str = ""
    key: str = ""
    """Which partition it belongs to."""
    kind: str = ""
    """The name of the operation: "Put"."""
    ambiguous: bool = False
    """Whether its client does not know if it took effect."""
    fate: str = ""
    """Of an ambiguous or open one, or of the failing ones, in words."""
    core: bool = False
    """Whether it is one of the few that cannot be ordered."""
    line: int = 0
    """Where it stands in the file it was read from."""


class Span(msgspec.Struct, array_like=True):
    """What the object of a partition holds from one linearization point to the next."""

    op: int
    """The operation that made it so; -1: it was so at first."""
    text: str


class Candidate(msgspec.Struct, array_like=True):
    """An operation that could come next, and why it cannot."""

    op: int
    why: str


class Partition(msgspec.Struct):
    """The operations on one key."""

    key: str
    verdict: str
    """ "illegal", "ok" or "undecided"."""
    operations: list[int]
    order: list[int] = []
    """A legal order: of all, or of the longest prefix for which there is one."""
    spans: list[Span] = []
    state: str = ""
    """What it holds after that order."""
    candidates: list[Candidate] = []
    core: list[int] = []
    why: str = ""
    missing: str = ""


class Band(msgspec.Struct, array_like=True):
    """Something that lasted: a crash, a pause, a partition, a role and term, an annotation."""

    node: str
    kind: str
    """ "down", "paused", "cut", "conditions", "role" or "annotation"; "holds" of a client that has
    a lock: then `details` is which."""
    first: int
    last: int
    """The events at which it began and ended; -1: at the end of the run."""
    text: str
    details: str = ""
    term: int = -1
    """Of a role of a Raft server."""


class State(msgspec.Struct, array_like=True):
    """What has changed in an object by an event."""

    event: int
    node: str
    object: str
    rows: dict[str, str | None]


class Kept(msgspec.Struct, array_like=True):
    """What was on a node's disk at an event."""

    event: int
    node: str
    when: str
    files: dict[str, str]


class Vote(msgspec.Struct, array_like=True):
    """A vote that reached its candidate."""

    event: int
    voter: str
    granted: bool


class Election(msgspec.Struct):
    """The votes of a candidate for a term."""

    node: str
    term: int
    start: int
    needed: int
    votes: list[Vote]


class LogEntry(msgspec.Struct, array_like=True):
    """An entry of a replicated log that a request became: on which server, and when."""

    event: int
    node: str
    index: int
    term: int
    op: int
    rpc: int


class Run(msgspec.Struct):
    """One run, or one history."""

    verdict: str
    kind: str
    """What it failed with: "NotLinearizable"; "" for a pass."""
    digest: str
    nodes: list[Node]
    events: list[Event]
    messages: list[Message]
    operations: list[Operation]
    partitions: list[Partition]
    bands: list[Band] = []
    states: list[State] = []
    disks: list[Kept] = []
    elections: list[Election] = []
    entries: list[LogEntry] = []
    notes: list[str] = []
    """What was left out, in sentences."""


class Twin(msgspec.Struct):
    """The nearest run that passes."""

    run: Run
    flipped: str
    """The fault that it is without: "the lost reply to #1"."""
    first: int
    """The first event that differs, here and there."""


class Document(msgspec.Struct):
    """All of a page."""

    kind: str
    """ "run" or "history"."""
    title: str
    headline: str
    verdict: str
    """ "pass", "fail" or "unknown"."""
    sentences: list[str]
    run: Run
    command: str = ""
    seed: str = ""
    source: str = ""
    """The test, or the file."""
    focus: int = -1
    """The event to begin at: the broken rule, or the last one of the core."""
    causes: list[str] = []
    """The faults without which it would not fail."""
    cited: list[int] = []
    """The messages that the sentences speak of."""
    code: list[str] = []
    """Lines of the code that broke the rule: "kvsrv/server.py:35: self._table[key] = value"."""
    waiting: list[str] = []
    """Of a run that hangs: what has not returned, and where tasks wait."""
    story: str = ""
    twin: Twin | None = None
    format: str = FORMAT
    version: int = VERSION


def as_json(document: Document) -> str:
    """The document as JSON: the same bytes for the same document, everywhere."""
    return msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n"


def from_json(text: str | bytes) -> Document:
    """The document that a JSON text holds. Raises msgspec.DecodeError for any other text."""
    return msgspec.json.decode(text, type=Document)


def plain_data(document: Document) -> Any:
    """The document as dicts, lists, strings and numbers."""
    return msgspec.to_builtins(document)
