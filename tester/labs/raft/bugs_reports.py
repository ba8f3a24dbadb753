"""Bugs of a Raft after public reports and guides of what students and products got wrong."""

from typing import Final

from tester.labs.patch import Patch

CORE = "raft/core.py"
LOG = "raft/log.py"
SHELL = "raft/raft.py"
POWER = "test_votes_outlive_power_failures"
ANY_SAVE = "test_power_fails_at_any_save"
OLDER_TERM = "test_entries_of_an_older_term"
BEFORE_A_SNAPSHOT = "test_entries_from_before_a_snapshot"
ANSWERED_LATE = "test_snapshots_answered_late"
LONG_AGO = "test_requests_from_long_ago"
PACES = "test_snapshots_at_own_paces"
AFTER_A_LATER_ONE = "test_snapshot_handed_over_after_a_later_one"
LATE_HAND_OVER = "test_snapshots_handed_over_late"
COUNTS = "test_counts_begin_anew"
REJOIN = "test_rejoin_3b"

HOLD = "            self._waiting.append((self._saves, ready))\n"
HOLD_ALL_BUT_VOTES = """\
            if any(isinstance(args, RequestVoteArgs) for _, args in ready.messages):
                self._waiting.appendleft((0, ready))
                self._release()
            else:
                self._waiting.append((self._saves, ready))
"""
REPLY = "        await self._sync()\n        return ready.reply"
FOLLOW = "        self._reset(term)\n        self.role = Role.FOLLOWER\n"
COMPACT = "            self.log.compact(index)\n            self.snapshot = data\n"
SAVE = "            self._persister.save(self._codec.encode(core.saved()), core.snapshot)\n"
SAVE_TWICE = """\
            state = self._codec.encode(core.saved())
            self._persister.save(state, self._persister.read_snapshot())
            self._persister.save(state, core.snapshot)
"""
MERGE = "        self._ready.save |= self.log.merge(prev, args.entries)\n"
DISAGREES = (
    "        if prev >= self.log.base and not self.log.match_term(prev, args.prev_log_term):\n"
)

BUGS: Final = (
    Patch(
        "votes_before_it_has_saved",
        "Votes do not wait until they are safe from a power failure; entries do.",
        SHELL,
        (
            (
                REPLY,
                REPLY.replace(
                    "        await",
                    "        if not isinstance(args, RequestVoteArgs):\n            await",
                ),
            ),
        ),
        killed_by=(POWER,),
    ),
    Patch(
        "asks_before_it_has_saved",
        "A candidate asks for votes before its own one is safe from a power failure.",
        SHELL,
        ((HOLD, HOLD_ALL_BUT_VOTES),),
        killed_by=(POWER,),
    ),
    Patch(
        "takes_its_vote_back",
        "Whoever becomes a follower has a vote again, also in the same term.",
        CORE,
        ((FOLLOW, FOLLOW + "        self.voted_for = None\n"),),
        killed_by=(POWER,),
    ),
    Patch(
        "counts_what_it_has_itself",
        "A follower that says yes counts as having all that the leader has by then.",
        CORE,
        (
            (
                "self._update_match(peer, args.last_new_index)",
                "self._update_match(peer, self.log.last_index)",
            ),
        ),
        killed_by=(LATE_HAND_OVER,),
    ),
    Patch(
        "counts_the_snapshot_of_now",
        "A follower that has installed a snapshot counts as having the leader's present one.",
        CORE,
        (
            (
                "self._update_match(peer, args.last_included_index)",
                "self._update_match(peer, self.log.base)",
            ),
        ),
        killed_by=(ANSWERED_LATE,),
    ),
    Patch(
        "follows_whoever_answers",
        "The term of any answer is taken over, also if it is less.",
        CORE,
        (("if reply.term > self.term:", "if reply.term != self.term:"),),
        killed_by=(PACES,),
    ),
    Patch(
        "refuses_if_either_is_less",
        "A vote is refused if the candidate's last term is less or its last index.",
        LOG,
        (
            (
                "(last_term, last_index) >= (self.last_term, self.last_index)",
                "last_term >= self.last_term and last_index >= self.last_index",
            ),
        ),
        killed_by=(REJOIN,),
    ),
    Patch(
        "commits_as_the_leader_says",
        "The commit index becomes the one of the message, also if it is less.",
        CORE,
        (
            (
                "max(self.commit, min(args.leader_commit, args.last_new_index))",
                "min(args.leader_commit, args.last_new_index)",
            ),
        ),
        killed_by=(LONG_AGO,),
        seeds=10,
    ),
    Patch(
        "commits_before_it_has_compared",
        "A follower takes the leader's commit index over before it has compared the logs.",
        CORE,
        (
            (
                DISAGREES,
                "        self.commit = max(self.commit, min(args.leader_commit, "
                "self.log.last_index))\n" + DISAGREES,
            ),
        ),
        killed_by=(REJOIN,),
    ),
    Patch(
        "replaces_a_newer_snapshot",
        "A snapshot of the service's takes the place of one that covers more.",
        CORE,
        (
            (COMPACT, "            self.log.compact(index)\n"),
            (
                "        if index > self.log.base:\n",
                "        self.snapshot = data\n        if index > self.log.base:\n",
            ),
        ),
        killed_by=(AFTER_A_LATER_ONE,),
        seeds=1,
    ),
    Patch(
        "saves_in_two_steps",
        "The log that begins after a snapshot is saved first, and then the snapshot.",
        SHELL,
        ((SAVE, SAVE_TWICE),),
        killed_by=(ANY_SAVE,),
        seeds=10,
    ),
    Patch(
        "saves_no_entries",
        "What a follower gets is saved with the next term only.",
        CORE,
        ((MERGE, "        self.log.merge(prev, args.entries)\n"),),
        killed_by=(OLDER_TERM,),
    ),
    Patch(
        "heeds_old_leaders",
        "Entries of a deposed leader are appended.",
        CORE,
        (
            (
                (
                    "        if args.term < self.term:\n"
                    "            return AppendEntriesReply(self.term, False)\n"
                ),
                "",
            ),
        ),
        killed_by=(OLDER_TERM,),
    ),
    Patch(
        "commits_its_log_after_a_restart",
        "After a restart all entries of the log count as committed.",
        CORE,
        (
            (
                "        self.commit = self.log.base\n",
                "        self.commit = self.log.last_index\n",
            ),
        ),
        killed_by=(ANY_SAVE,),
        seeds=10,
    ),
    Patch(
        "loses_the_tail_at_a_snapshot",
        "A snapshot of the service's takes the place of the whole log.",
        CORE,
        (
            (
                "            self.log.compact(index)\n",
                (
                    "            self.log.compact(index)\n"
                    "            del self.log.terms[:], self.log.commands[:]\n"
                ),
            ),
        ),
        killed_by=(LATE_HAND_OVER,),
    ),
    Patch(
        "ignores_terms_in_appends",
        "The term of AppendEntries is not taken over.",
        CORE,
        (
            (
                (
                    "        if args.term > self.term:  # Figure 2, all servers\n"
                    "            self._become_follower(args.term)\n"
                    "        if isinstance"
                ),
                (
                    "        if args.term > self.term and isinstance(args, RequestVoteArgs):\n"
                    "            self._become_follower(args.term)\n"
                    "        if isinstance"
                ),
            ),
        ),
        killed_by=(OLDER_TERM,),
    ),
    Patch(
        "appends_what_a_snapshot_covers",
        "Entries that begin before the own snapshot are appended after it.",
        LOG,
        (
            (
                "            if index > self.base and not self.match_term(index, entry.term):",
                "            if not self.match_term(index, entry.term):",
            ),
            (
                "        place = conflict - self.base - 1\n",
                "        place = max(conflict - self.base - 1, 0)\n",
            ),
        ),
        killed_by=(BEFORE_A_SNAPSHOT,),
    ),
    Patch(
        "keeps_its_counts",
        "A new leader takes over what it knew of the others when it led before.",
        CORE,
        (
            ("        self.progress = {}\n", ""),
            (
                "self.progress = {peer: Progress(self.log.last_index + 1) for peer in self.peers}",
                (
                    "self.progress = {peer: Progress(self.log.last_index + 1, "
                    "self.progress[peer].match if self.progress else 0) for peer in self.peers}"
                ),
            ),
        ),
        killed_by=(COUNTS,),
    ),
    Patch(
        "applies_snapshots_by_another_way",
        "A snapshot overtakes the entries before it, or they overtake it.",
        SHELL,
        (
            (
                "                self._apply.put_nowait(message)\n",
                (
                    "                if message.snapshot_valid:\n"
                    "                    self._spawn(self._apply.put(message))\n"
                    "                else:\n"
                    "                    self._apply.put_nowait(message)\n"
                ),
            ),
        ),
        killed_by=(PACES,),
        seeds=20,
    ),
    Patch(
        "asks_with_the_length",
        "A candidate tells how many entries its log has, and not the index of the last one.",
        CORE,
        (
            (
                (
                    "args = RequestVoteArgs(self.term, self.me, self.log.last_index, "
                    "self.log.last_term)"
                ),
                (
                    "args = RequestVoteArgs(self.term, self.me, len(self.log.terms), "
                    "self.log.last_term)"
                ),
            ),
        ),
        killed_by=(LATE_HAND_OVER,),
    ),
    Patch(
        "forgets_the_term_of_its_snapshot",
        "With nothing after its snapshot, a log's last term counts as 0.",
        LOG,
        (
            (
                "return self.terms[-1] if self.terms else self.base_term",
                "return self.terms[-1] if self.terms else 0",
            ),
        ),
        killed_by=(LATE_HAND_OVER, "test_votes_after_a_snapshot"),
        seeds=10,
    ),
    Patch(
        "never_retries",
        "What a follower has not answered for is not sent again.",
        CORE,
        (("        elif prev > progress.match and", "        elif False and"),),
        killed_by=(REJOIN,),
    ),
)
