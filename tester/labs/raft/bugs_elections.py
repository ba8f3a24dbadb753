"""Bugs of a Raft in what it saves, and in whom it elects."""

from typing import Final

from tester.labs.patch import Patch

CORE = "raft/core.py"
LOG = "raft/log.py"
SHELL = "raft/raft.py"
ELECTION = "test_initial_election_3a"
RE_ELECTION = "test_re_election_3a"
REJOIN = "test_rejoin_3b"
PERSIST_1 = "test_persist1_3c"
PERSIST_3 = "test_persist3_3c"
VOTES = "test_votes_outlive_crashes"
POWER = "test_entries_outlive_power_failures"
FIGURE_8 = "test_figure8_scripted"
OLD_LEADER = "test_old_leader_is_not_heeded"
ONE_CAN_WIN = "test_only_one_can_win"

SAVED = "Saved(self.term, self.voted_for, self.log)"
UP_TO_DATE = "            and self.log.is_up_to_date(args.last_log_index, args.last_log_term)\n"
LATE_ANSWER = "if args.term < self.term:\n            return  #"
CALM_DOWN = """\
            self._become_follower(args.term, args.leader)
            self._ready.reset_timer = True
"""
REQUEST = "def _handle_request(self, args: Args) -> Reply:\n"

BUGS: Final = (
    Patch(
        "forgets_its_vote",
        "The vote is not saved: after a restart a peer votes once more in the same term.",
        CORE,
        ((SAVED, SAVED.replace("self.voted_for", "None")),),
        killed_by=(VOTES,),
    ),
    Patch(
        "forgets_its_term",
        "The term is not saved.",
        CORE,
        ((SAVED, SAVED.replace("self.term", "0")),),
        killed_by=(PERSIST_1, VOTES),
    ),
    Patch(
        "forgets_its_log",
        "The log after the snapshot is not saved.",
        CORE,
        ((SAVED, SAVED.replace("self.log", "Log(self.log.base, self.log.base_term)")),),
        killed_by=(PERSIST_1, PERSIST_3),
    ),
    Patch(
        "answers_before_it_has_saved",
        "Answers do not wait until what they say is safe from a power failure.",
        SHELL,
        (
            (
                "        await self._sync()\n        return ready.reply",
                "        self._spawn(self._sync())\n        return ready.reply",
            ),
        ),
        killed_by=(POWER,),
    ),
    Patch(
        "sends_before_it_has_saved",
        "Messages do not wait until what they say is safe from a power failure.",
        SHELL,
        (
            (
                "self._waiting.append((self._saves, ready))",
                "self._waiting.append((0, ready))\n            self._release()",
            ),
        ),
        killed_by=(POWER,),
    ),
    Patch(
        "votes_for_anybody",
        "Votes are granted without a look at the candidate's log.",
        CORE,
        ((UP_TO_DATE, ""),),
        killed_by=(REJOIN, PERSIST_3, FIGURE_8),
    ),
    Patch(
        "compares_logs_by_length",
        "The longer log counts as the more up-to-date one, whatever its last term.",
        LOG,
        (
            (
                "(last_term, last_index) >= (self.last_term, self.last_index)",
                "(last_index, last_term) >= (self.last_index, self.last_term)",
            ),
        ),
        killed_by=(REJOIN,),
    ),
    Patch(
        "votes_twice",
        "A peer votes for everybody who asks, also twice in one term.",
        CORE,
        (("            and self.voted_for in (None, args.candidate)\n", ""),),
        killed_by=(VOTES,),
    ),
    Patch(
        "has_two_votes",
        "A candidate counts its own vote twice.",
        CORE,
        (("len(self.votes) >= self.majority", "len(self.votes) + 1 >= self.majority"),),
        killed_by=(RE_ELECTION,),
    ),
    Patch(
        "counts_late_votes",
        "A vote of an earlier term counts in this one.",
        CORE,
        (
            (
                LATE_ANSWER,
                LATE_ANSWER.replace(
                    "self.term:", "self.term and not isinstance(args, RequestVoteArgs):"
                ),
            ),
        ),
        killed_by=(VOTES,),
        seeds=20,
    ),
    Patch(
        "never_steps_down",
        "A leader stays leader when it learns of a higher term.",
        CORE,
        (
            (
                "if args.term > self.term:",
                "if args.term > self.term and self.role is not Role.LEADER:",
            ),
            (
                "if reply.term > self.term:",
                "if reply.term > self.term and self.role is not Role.LEADER:",
            ),
        ),
        killed_by=(RE_ELECTION,),
    ),
    Patch(
        "heartbeats_do_not_calm",
        "The election timer is not reset when the leader calls.",
        CORE,
        ((CALM_DOWN, CALM_DOWN.splitlines(keepends=True)[0]),),
        killed_by=(ELECTION,),
    ),
    Patch(
        "old_leaders_calm",
        "The election timer is reset by any AppendEntries, also by those of earlier terms.",
        CORE,
        (
            (
                REQUEST,
                REQUEST
                + "        self._ready.reset_timer |= isinstance(args, AppendEntriesArgs)\n",
            ),
        ),
        killed_by=(OLD_LEADER,),
    ),
    Patch(
        "refused_votes_calm",
        "The election timer is reset when somebody asks for a vote, also if it is refused.",
        CORE,
        (
            (
                REQUEST,
                REQUEST + "        self._ready.reset_timer |= isinstance(args, RequestVoteArgs)\n",
            ),
        ),
        killed_by=(ONE_CAN_WIN,),
        seeds=30,
    ),
    Patch(
        "all_wait_as_long",
        "The election timeout is the same for all, so that votes split for ever.",
        SHELL,
        (("random.randint(*ELECTION_MS)", "ELECTION_MS[0]"),),
        killed_by=(ELECTION,),
        seeds=1,
    ),
    Patch(
        "waits_before_it_votes",
        "Whether a vote is free is looked up, then something is awaited, and then it is given.",
        SHELL,
        (
            (
                "        reply: RequestVoteReply = await",
                """\
        core = self._core
        free = args.term > core.term or core.voted_for is None
        await asyncio.sleep(0.03)
        if free and args.term == core.term:
            core.voted_for = None
        reply: RequestVoteReply = await""",
            ),
        ),
        killed_by=(VOTES,),
        seeds=20,
    ),
)
