"""Bugs of a Raft that only tests of ours notice."""

from typing import Final

from tester.labs.patch import Patch

CORE, LOG = "raft/core.py", "raft/log.py"

BUGS: Final = (
    Patch(
        "takes_half_for_a_majority",
        "Two of four servers elect a leader, and commit.",
        CORE,
        (("self.majority = size // 2 + 1", "self.majority = (size + 1) // 2"),),
        killed_by=("test_half_is_no_majority",),
        seeds=1,
    ),
    Patch(
        "installs_into_a_wrong_log",
        "What follows a snapshot stays, also if the log is wrong where the snapshot ends.",
        LOG,
        (
            (
                "        if self.match_term(index, term):\n            self.compact",
                "        if self.base <= index <= self.last_index:\n            self.compact",
            ),
        ),
        killed_by=("test_snapshot_into_wrong_log",),
    ),
)
