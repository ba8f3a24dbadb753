"""The kvraft lab: the versioned key/value server, replicated."""

from typing import Final

from tester.labs import kvsrv
from tester.labs.lab import Expected, Lab, Method
from tester.labs.raft import RAFT
from tester.labs.rsm import RSM

KVSERVER: Final = Expected(
    "kvraft.server",
    "KVServer",
    ("peers", "me", "persister", "maxraftstate"),
    (*kvsrv.KVSERVER.methods, Method("services")),
)
CLERK: Final = Expected("kvraft.client", "Clerk", ("ends",), kvsrv.CLERK.methods)

LAB: Final = Lab(
    name="kvraft",
    suite="tester.labs.kvraft.suite",
    classes=(RAFT, RSM, KVSERVER, CLERK),
    bugs="tester.labs.kvraft.bugs",
    document="7-kvraft.md",
)
