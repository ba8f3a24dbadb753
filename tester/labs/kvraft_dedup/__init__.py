"""The replicated store of 2024: Put, Append and Get, each executed exactly once."""

from typing import Final

from tester.labs import dedup
from tester.labs.lab import Expected, Lab, Method
from tester.labs.raft import RAFT
from tester.labs.rsm import RSM

KVSERVER: Final = Expected(
    "kvraft.dedup.server",
    "KVServer",
    ("peers", "me", "persister", "maxraftstate"),
    (Method("services"),),
)
"""What it and its clerk say to each other is the submission's own business."""
CLERK: Final = Expected("kvraft.dedup.client", "Clerk", ("ends",), dedup.CLERK.methods)

LAB: Final = Lab(
    name="kvraft-dedup",
    suite="tester.labs.kvraft_dedup.suite",
    classes=(RAFT, RSM, KVSERVER, CLERK),
    bugs="tester.labs.kvraft_dedup.bugs",
    document="7-kvraft.md",
)
