"""The rsm lab: state machines replicated by Raft, with any machine above and any Raft below."""

from typing import Final

from tester.labs.lab import Expected, Lab, Method
from tester.labs.raft import RAFT

RSM: Final = Expected(
    "kvraft.rsm",
    "RSM",
    ("peers", "me", "persister", "maxraftstate", "state_machine"),
    (Method("submit", ("request",)),),
)

LAB: Final = Lab(
    name="rsm",
    suite="tester.labs.rsm.suite",
    classes=(RAFT, RSM),
    bugs="tester.labs.rsm.bugs",
    document="7-kvraft.md",
)
