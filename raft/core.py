"""Raft as a pure step machine: `step(event) -> Ready`, without a clock, chance or I/O.

Each rule names its place in the paper (see `raft.messages`). What happens in between, that is
timers, calls and the disk, is the business of `raft.raft`.
"""

from __future__ import annotations

from raft.api import ApplyMsg
from raft.events import Command, Event, Ready, Request, Response, Snapshot, TimerExpired
from raft.log import Log
from raft.messages import (
    AppendEntriesArgs,
    AppendEntriesReply,
    Args,
    Entry,
    InstallSnapshotArgs,
    InstallSnapshotReply,
    Reply,
    RequestVoteArgs,
    RequestVoteReply,
)
from raft.state import Progress, ProgressState, Role, Saved


class Core:
    """One peer of `size`, from the start or from what it saved before it crashed."""

    def __init__(
        self, me: int, size: int, saved: Saved | None = None, snapshot: bytes = b""
    ) -> None:
        self.me = me
        self.peers = [peer for peer in range(size) if peer != me]
        self.majority = size // 2 + 1

        self.term = saved.term if saved else 0
        self.voted_for = saved.voted_for if saved else None
        self.log = saved.log if saved else Log()
        self.snapshot = snapshot

        self.role = Role.FOLLOWER
        self.leader: int | None = None
        """Who leads in this term, as far as this peer knows."""
        self.commit = self.log.base
        self.applied = self.log.base
        self.votes: set[int] = set()
        self.progress: dict[int, Progress] = {}
        self._ready = Ready()

    def saved(self) -> Saved:
        """What must be on the disk before anything of a Ready with `save` leaves this peer."""
        return Saved(self.term, self.voted_for, self.log)

    def step(self, event: Event) -> Ready:
        """Take in an event; return what is to be done.

        Raises IndexError for a Snapshot of what has not been applied yet.
        """
        ready = self._ready = Ready()
        match event:
            case Request(args):
                ready.reply = self._handle_request(args)
            case Response(peer, args, reply):
                self._handle_response(peer, args, reply)
            case TimerExpired():
                self._timer_expired()
            case Command(command):
                self._append_command(command)
            case Snapshot(index, data):
                self._compact(index, data)
        self._apply_committed()
        return ready

    def _handle_request(self, args: Args) -> Reply:
        if args.term > self.term:  # Figure 2, all servers
            self._become_follower(args.term)
        if isinstance(args, RequestVoteArgs):
            return self._handle_request_vote(args)
        if args.term == self.term:  # the one who leads in this term (section 5.2)
            self._become_follower(args.term, args.leader)
            self._ready.reset_timer = True
        if isinstance(args, AppendEntriesArgs):
            return self._handle_append_entries(args)
        return self._handle_install_snapshot(args)

    def _handle_response(self, peer: int, args: Args, reply: Reply) -> None:
        if reply.term > self.term:  # Figure 2, all servers
            self._become_follower(reply.term)
        if args.term < self.term:
            return  # asked in an earlier term: it says nothing about this one
        match args, reply:
            case RequestVoteArgs(), RequestVoteReply(granted=True):
                self._count_vote(peer)
            case AppendEntriesArgs(), AppendEntriesReply() if self.role is Role.LEADER:
                self._handle_append_entries_reply(peer, args, reply)
            case InstallSnapshotArgs(), InstallSnapshotReply() if self.role is Role.LEADER:
                self._update_match(peer, args.last_included_index)

    # -- elections (section 5.2) ------------------------------------------------------------------

    def _timer_expired(self) -> None:
        self._ready.reset_timer = True
        if self.role is Role.LEADER:
            for peer in self.peers:
                self._send_heartbeat(peer)
            return
        self._become_candidate()
        args = RequestVoteArgs(self.term, self.me, self.log.last_index, self.log.last_term)
        self._ready.messages += [(peer, args) for peer in self.peers]
        self._count_vote(self.me)

    def _handle_request_vote(self, args: RequestVoteArgs) -> RequestVoteReply:
        """Figure 2, RequestVote: one vote a term, and only for a log that lacks nothing."""
        granted = (
            args.term == self.term
            and self.voted_for in (None, args.candidate)
            and self.log.is_up_to_date(args.last_log_index, args.last_log_term)
        )
        if granted:
            self._ready.save |= self.voted_for is None
            self._ready.reset_timer = True
            self.voted_for = args.candidate
        return RequestVoteReply(self.term, granted)

    def _count_vote(self, voter: int) -> None:
        if self.role is not Role.CANDIDATE:
            return
        self.votes.add(voter)
        if len(self.votes) >= self.majority:
            self._become_leader()

    def _become_follower(self, term: int, leader: int | None = None) -> None:
        """Figure 2, all servers: whoever learns of a later term or of its leader follows."""
        if self.role is Role.LEADER:
            self._ready.reset_timer = True  # it runs as a heartbeat's
        self._reset(term)
        self.role = Role.FOLLOWER
        self.leader = leader

    def _become_candidate(self) -> None:
        """Figure 2, candidates: increment the term, and vote for yourself."""
        self._reset(self.term + 1)
        self.role = Role.CANDIDATE
        self.voted_for = self.me

    def _become_leader(self) -> None:
        """Figure 2, leaders: upon election, send heartbeats, which also ask who has what."""
        self.role = Role.LEADER
        self.leader = self.me
        self.progress = {peer: Progress(self.log.last_index + 1) for peer in self.peers}
        self._ready.reset_timer = True
        for peer in self.peers:
            self._send_heartbeat(peer)

    def _reset(self, term: int) -> None:
        """Forget what belongs to a role; in a new term this peer has not voted yet."""
        if term != self.term:
            self.term, self.voted_for = term, None
            self._ready.save = True
        self.leader = None
        self.votes = set()
        self.progress = {}

    # -- replication (section 5.3) ----------------------------------------------------------------

    def _append_command(self, command: bytes) -> None:
        if self.role is not Role.LEADER:
            return
        self.log.append(Entry(self.term, command))
        self._ready.save = True
        for peer in self.peers:
            self._maybe_send_append(peer)
        self._advance_commit()

    def _maybe_send_append(self, peer: int) -> None:
        """Send what a follower lacks, unless something is under way to it.

        One message at a time collects what comes meanwhile. If it is lost, the next heartbeat
        asks about its last entry, and the answer tells where to go on.
        """
        progress = self.progress[peer]
        replicating = progress.state is ProgressState.REPLICATE
        if replicating and progress.match + 1 == progress.next <= self.log.last_index:
            self._send_append(peer)

    def _send_append(self, peer: int) -> None:
        """Send the entries from `next` on or, if they are discarded, the snapshot (section 7)."""
        log, progress = self.log, self.progress[peer]
        if progress.next > log.base:
            self._send_entries(peer, log.since(progress.next))
        else:
            args = InstallSnapshotArgs(self.term, self.me, log.base, log.base_term, self.snapshot)
            progress.next = log.base + 1
            if progress.state is ProgressState.PROBE:
                progress.state = ProgressState.SNAPSHOT  # else entries go on, behind the snapshot
            self._ready.messages.append((peer, args))

    def _send_heartbeat(self, peer: int) -> None:
        """Send what was not sent yet, and ask about what was; an answer says what to send again.

        So a follower that does not answer gets each entry once, and no snapshot.
        """
        log, progress = self.log, self.progress[peer]
        if progress.next <= log.base:
            progress.next, progress.state = log.base + 1, ProgressState.PROBE
        replicating = progress.state is ProgressState.REPLICATE
        self._send_entries(peer, log.since(progress.next) if replicating else [])

    def _send_entries(self, peer: int, entries: list[Entry]) -> None:
        log, progress = self.log, self.progress[peer]
        prev = progress.next - 1
        args = AppendEntriesArgs(self.term, self.me, prev, log.term(prev), entries, self.commit)
        if progress.state is ProgressState.REPLICATE:
            progress.next += len(entries)
        self._ready.messages.append((peer, args))

    def _handle_append_entries(self, args: AppendEntriesArgs) -> AppendEntriesReply:
        """Figure 2, AppendEntries."""
        if args.term < self.term:
            return AppendEntriesReply(self.term, False)
        prev = args.prev_log_index
        # What a snapshot covers is committed, and so it agrees with every leader's log.
        if prev >= self.log.base and not self.log.match_term(prev, args.prev_log_term):
            hint = self.log.find_conflict_by_term(prev, args.prev_log_term)
            return AppendEntriesReply(self.term, False, hint, self.log.term(hint))
        self._ready.save |= self.log.merge(prev, args.entries)
        # What follows the new entries may conflict with the leader's log: it does not count.
        self.commit = max(self.commit, min(args.leader_commit, args.last_new_index))
        return AppendEntriesReply(self.term, True)

    def _handle_append_entries_reply(
        self, peer: int, args: AppendEntriesArgs, reply: AppendEntriesReply
    ) -> None:
        """Figure 2, leaders: the follower has it all, or tells from where on it does not."""
        progress, prev = self.progress[peer], args.prev_log_index
        if reply.success:
            self._update_match(peer, args.last_new_index)
        elif prev > progress.match and (
            prev == progress.next - 1 or progress.state is ProgressState.REPLICATE
        ):
            # Section 5.3, at its end. Other refusals are old, and tell nothing new.
            last = self.log.find_conflict_by_term(reply.hint_index, reply.hint_term)
            progress.next = max(last, progress.match) + 1
            progress.state = ProgressState.PROBE
            self._send_append(peer)

    def _update_match(self, peer: int, index: int) -> None:
        """Answers come in any order; what a follower has, it keeps."""
        progress = self.progress[peer]
        progress.match = max(progress.match, index)
        progress.next = max(progress.next, progress.match + 1)
        if progress.match + 1 == progress.next:
            progress.state = ProgressState.REPLICATE
        self._advance_commit()
        self._maybe_send_append(peer)

    def _advance_commit(self) -> None:
        """Commit what a majority has; only entries of this term by counting (section 5.4.2)."""
        # This peer's own entries count, safe or not: nobody else gets one before it is safe here.
        matches = sorted([self.log.last_index, *[p.match for p in self.progress.values()]])
        index = matches[-self.majority]
        if index > self.commit and self.log.term(index) == self.term:
            self.commit = index

    def _apply_committed(self) -> None:
        """Figure 2, all servers: apply in log order what is committed."""
        while self.applied < self.commit:
            self.applied += 1
            self._ready.apply.append(
                ApplyMsg(
                    command_valid=True,
                    command=self.log.command(self.applied),
                    command_index=self.applied,
                )
            )

    # -- snapshots (section 7) --------------------------------------------------------------------

    def _compact(self, index: int, data: bytes) -> None:
        """The service has a snapshot: what it covers is not needed any more."""
        if index > self.applied:
            raise IndexError(
                f"a snapshot at {index} covers more than was applied, which ends at {self.applied}"
            )
        if index > self.log.base:
            self.log.compact(index)
            self.snapshot = data
            self._ready.save = True

    def _handle_install_snapshot(self, args: InstallSnapshotArgs) -> InstallSnapshotReply:
        """Figure 13, InstallSnapshot. What is committed here already, the service has or gets."""
        index, term = args.last_included_index, args.last_included_term
        if args.term == self.term and index > self.commit:
            self.log.install(index, term)
            self.snapshot = args.data
            self.commit = self.applied = index
            self._ready.save = True
            self._ready.apply.append(
                ApplyMsg(
                    snapshot_valid=True,
                    snapshot=args.data,
                    snapshot_term=term,
                    snapshot_index=index,
                )
            )
        return InstallSnapshotReply(self.term)
