"""The events of a run's trace: every kind there is, and what its fields are called.

Writers append plain tuples, `(microseconds, kind, ...)`, for that is all the hot path may cost;
readers call `read` and use names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeVar

from tester.engine.trace import Entry

Groups = tuple[tuple[str, ...], ...]

E = TypeVar("E")

# -- operations: what the test asked of objects on other nodes ------------------------------------


class Call(NamedTuple):
    """The test called an operation."""

    time_us: int
    kind: str
    op: int
    client: str
    method: str
    args: bytes


class Return(NamedTuple):
    """It was answered."""

    time_us: int
    kind: str
    op: int
    result: bytes


class Unheard(NamedTuple):
    """It was answered after its caller had been cancelled."""

    time_us: int
    kind: str
    op: int
    result: bytes


# -- messages: what became of each RPC ------------------------------------------------------------


class Send(NamedTuple):
    """A request was sent from an end."""

    time_us: int
    kind: str
    rpc: int
    end: str
    method: str
    payload: bytes


class Held(NamedTuple):
    """A request is held back on its way, until the test lets it go on."""

    time_us: int
    kind: str
    rpc: int


class Deliver(NamedTuple):
    """A request, or a copy of it, reached a server."""

    time_us: int
    kind: str
    rpc: int
    server: str


class Answer(NamedTuple):
    """A handler returned a reply."""

    time_us: int
    kind: str
    rpc: int
    payload: bytes


class Reply(NamedTuple):
    """A reply reached its caller."""

    time_us: int
    kind: str
    rpc: int


class NoReply(NamedTuple):
    """A caller was told that no reply will come; the kind says why, which it never learns."""

    time_us: int
    kind: str
    rpc: int


# -- nodes: what was done to them -----------------------------------------------------------------


class OfNode(NamedTuple):
    """A node crashed, stopped, restarted, paused or resumed, as the kind says."""

    time_us: int
    kind: str
    node: str


class CutShort(NamedTuple):
    """A node is about to crash between handling an RPC and answering it."""

    time_us: int
    kind: str
    node: str
    rpc: int


class DiskLoss(NamedTuple):
    """A disk lost its last writes, which were not synced."""

    time_us: int
    kind: str
    node: str
    writes: int


class Skew(NamedTuple):
    """A node's clocks were set wrong, or right again."""

    time_us: int
    kind: str
    node: str
    ahead_ms: int
    drift_ppm: int


class SlowDisk(NamedTuple):
    """Each sync of a node's disk takes longer, or as long as usual."""

    time_us: int
    kind: str
    node: str
    extra_ms: int


class FileOp(NamedTuple):
    """A node did something to the shared files; `outcome` is "done", "missing", or a checksum."""

    time_us: int
    kind: str
    node: str
    method: str
    name: str
    other: str
    """Of a renaming, the new name."""
    outcome: str


# -- the network ----------------------------------------------------------------------------------


class Partition(NamedTuple):
    """Groups of nodes were cut from each other, or that was healed."""

    time_us: int
    kind: str
    groups: Groups
    one_way: bool


class ConditionChange(NamedTuple):
    """Conditions of the network began, or ended."""

    time_us: int
    kind: str
    name: str
    begins: bool


# -- what was said --------------------------------------------------------------------------------


class FaultStruck(NamedTuple):
    """A fault that is not the fate of a message, with the choice that made it strike."""

    time_us: int
    kind: str
    stream: str
    choice: int
    what: str
    short: str


class Does(NamedTuple):
    """A test said what has become of a node: "leads term 3", and by which RPC, if any."""

    time_us: int
    kind: str
    node: str
    what: str
    rpc: int | None = None


class Note(NamedTuple):
    """A test said something."""

    time_us: int
    kind: str
    text: str


class Annotated(NamedTuple):
    """A test, or code on a node, has annotated this time: see `tester.world.annotations`."""

    time_us: int
    kind: str
    node: str
    tag: str
    text: str
    details: str
    since_us: int
    """When it began; -1 for what has no duration."""
    lasting: bool


class End(NamedTuple):
    """The run was over; `failure` is the name of what it failed with, "" for a pass."""

    time_us: int
    kind: str
    failure: str


TraceEvent = (
    Call
    | Return
    | Unheard
    | Send
    | Held
    | Deliver
    | Answer
    | Reply
    | NoReply
    | OfNode
    | CutShort
    | DiskLoss
    | Skew
    | SlowDisk
    | FileOp
    | Partition
    | ConditionChange
    | FaultStruck
    | Does
    | Note
    | Annotated
    | End
)

KINDS: Final[dict[str, type[TraceEvent]]] = {
    "call": Call,
    "return": Return,
    "unheard": Unheard,
    "send": Send,
    "held": Held,
    "deliver": Deliver,
    "answer": Answer,
    "reply": Reply,
    "reply lost": NoReply,
    "request lost": NoReply,
    "unreachable": NoReply,
    "server dead": NoReply,
    "crash": OfNode,
    "stop": OfNode,
    "restart": OfNode,
    "pause": OfNode,
    "resume": OfNode,
    "cut short": CutShort,
    "disk loss": DiskLoss,
    "skew": Skew,
    "slow disk": SlowDisk,
    "file": FileOp,
    "cut": Partition,
    "heal": Partition,
    "weather": ConditionChange,
    "fault": FaultStruck,
    "does": Does,
    "note": Note,
    "annotate": Annotated,
    "end": End,
}
"""By the word that stands second in an entry of the trace."""


def read(trace: Iterable[Entry]) -> list[TraceEvent]:
    """The entries of a trace, with names for their fields. KeyError for a kind nobody listed."""
    return [KINDS[entry[1]](*entry) for entry in trace]


def only(kind: type[E], events: Iterable[TraceEvent]) -> list[E]:
    """Those events that are of one type."""
    return [event for event in events if isinstance(event, kind)]
