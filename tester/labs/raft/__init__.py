"""The Raft lab: leader election, a replicated log, persistence and snapshots."""

from typing import Final

from tester.labs.lab import Expected, Lab, Method

RAFT: Final = Expected(
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

LAB: Final = Lab(
    name="raft",
    suite="tester.labs.raft.suite",
    classes=(RAFT,),
    bugs="tester.labs.raft.bugs",
    document="6-raft.md",
)
