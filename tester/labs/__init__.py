"""The labs: which suite tests each, and which classes that suite asks a submission for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# The suites are tests like anybody's, but for what observes in them: see tester.guard.origin.
__harness__ = False


@dataclass(frozen=True)
class Method:
    """A method the suite or the network will call."""

    name: str
    parameters: tuple[str, ...] = ()
    """Its positional arguments, besides self, by the names the handout gives them."""
    message: str = ""
    """Of an RPC handler: what it takes and returns, as `module:class`."""
    reply: str = ""


@dataclass(frozen=True)
class Expected:
    """A class of a submission: where it is, how it is built, and what it can do."""

    module: str
    name: str
    parameters: tuple[str, ...]
    """The positional arguments of its constructor."""
    methods: tuple[Method, ...]


@dataclass(frozen=True)
class Lab:
    """A lab: the module with its suite, and the classes of a submission that the suite builds."""

    suite: str
    classes: tuple[Expected, ...]


_KVSERVER: Final = Expected(
    "kvsrv.server",
    "KVServer",
    (),
    (
        Method("put", ("args",), "kvsrv.rpc:PutArgs", "kvsrv.rpc:PutReply"),
        Method("get", ("args",), "kvsrv.rpc:GetArgs", "kvsrv.rpc:GetReply"),
    ),
)
_CLERK: Final = Expected(
    "kvsrv.client",
    "Clerk",
    ("end",),
    (Method("put", ("key", "value", "version")), Method("get", ("key",))),
)
_LOCK: Final = Expected(
    "lock.lock",
    "Lock",
    ("clerk", "name"),
    (
        Method("acquire"),
        Method("release"),
        Method("__aenter__"),
        Method("__aexit__", ("kind", "error", "traceback")),
    ),
)
_DEDUP_KVSERVER: Final = Expected("kvsrv.dedup.server", "KVServer", (), ())
"""What it and its clerk say to each other is the submission's own business."""
_DEDUP_CLERK: Final = Expected(
    "kvsrv.dedup.client",
    "Clerk",
    ("end",),
    (Method("get", ("key",)), Method("put", ("key", "value")), Method("append", ("key", "arg"))),
)

_RAFT: Final = Expected(
    "raft.raft",
    "Raft",
    ("peers", "me", "persister", "apply"),
    (
        Method("start", ("command",)),
        Method("get_state"),
        Method("snapshot", ("index", "data")),
        Method("kill"),
    ),
)
"""What the peers say to each other is the submission's own business."""

LABS: Final[dict[str, Lab]] = {
    "kvsrv": Lab("tester.labs.kvsrv", (_KVSERVER, _CLERK)),
    "lock": Lab("tester.labs.lock", (_KVSERVER, _CLERK, _LOCK)),
    "dedup": Lab("tester.labs.dedup", (_DEDUP_KVSERVER, _DEDUP_CLERK)),
    "raft": Lab("tester.labs.raft", (_RAFT,)),
}
"""By the name the command line knows them by."""
