"""What can be wrong with a Raft group: the properties of the paper's Figure 3, as verdicts."""

from __future__ import annotations

from tester.world.failure import Verdict


class ElectionSafetyViolated(Verdict):
    """Two leaders were elected in one term."""


class StateMachineSafetyViolated(Verdict):
    """Two servers applied different commands at the same index."""


class AppliedOutOfOrder(Verdict):
    """A server applied an index twice, or left one out."""


class AppliedWithoutAMajority(Verdict):
    """A server applied an entry that no majority can have had, or not as far as it can know."""


class CommitWentBack(Verdict):
    """A server's commit index became less while it ran."""


class TermWentBack(Verdict):
    """A server's term became less while it ran."""


class VotedTwice(Verdict):
    """A server voted for two candidates in one term."""


class LeaderOverwroteItsLog(Verdict):
    """A leader changed or deleted entries of its own log: Leader Append-Only."""


class LogMatchingViolated(Verdict):
    """Two logs have an entry of the same index and term, and differ before it."""


class LeaderIncomplete(Verdict):
    """A leader lacks an entry that was committed in an earlier term: Leader Completeness."""


class CommittedEntryLost(Verdict):
    """A server deleted an entry of its log that was committed already."""


class SnapshotLost(Verdict):
    """A server saved no snapshot, or an older one, in place of the one it had."""


class OutOfNowhere(Verdict):
    """A server knows what no message can have told it."""
