"""What peers say to each other: the three calls of Raft, and what an entry of the log is.

The fields are those of Figures 2 and 13 of Ongaro and Ousterhout, "In Search of an Understandable
Consensus Algorithm (Extended Version)", 2014, which the comments of this package call the paper.
"""

from __future__ import annotations

from labrpc import Message


class Entry(Message, frozen=True):
    """A command, and the term in which a leader received it."""

    term: int
    command: bytes


class RequestVoteArgs(Message, frozen=True):
    """A candidate asks for a vote (section 5.2)."""

    term: int
    candidate: int
    last_log_index: int
    last_log_term: int


class RequestVoteReply(Message, frozen=True):
    """Whether the candidate has the vote, and the term of the voter."""

    term: int
    granted: bool


class AppendEntriesArgs(Message, frozen=True):
    """A leader replicates entries (section 5.3); without any it is a heartbeat (section 5.2)."""

    term: int
    leader: int
    prev_log_index: int
    """The place of the entry just before the new ones."""
    prev_log_term: int
    entries: list[Entry]
    leader_commit: int

    @property
    def last_new_index(self) -> int:
        """The place of the last of the new entries; without any, that of the one before them."""
        return self.prev_log_index + len(self.entries)


class AppendEntriesReply(Message, frozen=True):
    """Whether the logs agree up to the last new entry; if not, up to where they may.

    The paper sketches such a hint at the end of section 5.3. With this one, of etcd's Raft, either
    side skips at once all terms of which the other has nothing: see `Log.may_agree`.
    """

    term: int
    success: bool
    hint_index: int = 0
    """The last place where the follower's log may agree with the leader's."""
    hint_term: int = 0
    """The term that the follower has there."""


class InstallSnapshotArgs(Message, frozen=True):
    """A leader sends its snapshot, as it has discarded what the follower lacks (section 7).

    The whole snapshot goes in one message: without the offsets of Figure 13.
    """

    term: int
    leader: int
    last_included_index: int
    last_included_term: int
    data: bytes


class InstallSnapshotReply(Message, frozen=True):
    """The term of the follower."""

    term: int


Args = RequestVoteArgs | AppendEntriesArgs | InstallSnapshotArgs
Reply = RequestVoteReply | AppendEntriesReply | InstallSnapshotReply
