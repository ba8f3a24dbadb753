"""The labs there are: each is declared in a folder of its own, and named here once."""

from __future__ import annotations

from typing import Final

from tester.labs import dedup, kvraft, kvraft_dedup, kvsrv, lock, mapreduce, raft, rsm
from tester.labs.lab import Lab

# The suites are tests like anybody's, but for what observes in them: see tester.guard.origin.
__harness__ = False

LABS: Final[dict[str, Lab]] = {
    lab.LAB.name: lab.LAB
    for lab in (kvsrv, lock, dedup, raft, rsm, kvraft, kvraft_dedup, mapreduce)
}
"""By the names the command line knows them by."""
