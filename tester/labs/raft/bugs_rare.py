"""Bugs of a Raft that only tests of ours notice."""

from typing import Final

from tester.labs.patch import Patch

CORE, LOG, SHELL = "raft/core.py", "raft/log.py", "raft/raft.py"

MERGE = "        self._ready.save |= self.log.merge(prev, args.entries)\n"
VOTE = """\
        reply: RequestVoteReply = await self._reply(args)
        return reply

    async def append_entries"""

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
    Patch(
        "shifts_entries_at_a_snapshot",
        "Entries that begin before the snapshot are put one place too late.",
        CORE,
        (
            (
                MERGE,
                """\
        skip = max(0, self.log.base - prev - 1)
        self._ready.save |= self.log.merge(max(prev, self.log.base), args.entries[skip:])
""",
            ),
        ),
        killed_by=("test_entries_around_a_snapshot",),
    ),
    Patch(
        "installs_without_saving",
        "A snapshot is taken over, and saved with whatever is saved next.",
        CORE,
        (
            (
                "applied = index\n            self._ready.save = True\n",
                "applied = index\n",
            ),
        ),
        killed_by=("test_snapshots_outlive_crashes",),
    ),
    Patch(
        "votes_by_what_it_knew",
        "Whether the vote is free is looked at before the disk is waited for, and not after.",
        SHELL,
        (
            (
                VOTE,
                """\
        core = self._core
        before = core.voted_for if core.term == args.term else None
        await asyncio.sleep(0.002)
        if core.term == args.term:
            core.voted_for = before
"""
                + VOTE,
            ),
        ),
        killed_by=("test_votes_asked_for_at_once",),
    ),
    Patch(
        "drops_zeros",
        "Zero bytes at the end of a command are dropped.",
        LOG,
        (
            (
                "self.commands.append(entry.command)",
                "self.commands.append(entry.command.rstrip(bytes(1)))",
            ),
        ),
        killed_by=("test_any_command",),
        seeds=1,
    ),
    Patch(
        "drops_what_it_has_not_committed",
        "A leader that is deposed deletes what it does not know to be committed.",
        CORE,
        (
            (
                "            self._ready.reset_timer = True  # it runs as a heartbeat's\n",
                """\
            self._ready.reset_timer = True  # it runs as a heartbeat's
            kept = self.commit - self.log.base
            del self.log.terms[kept:], self.log.commands[kept:]
""",
            ),
        ),
        killed_by=("test_deposed_leader_keeps_its_log",),
        seeds=1,
    ),
    Patch(
        "commits_old_entries_below_new_ones",
        "A leader whose log ends in its own term commits entries of earlier ones by counting.",
        CORE,
        (("self.log.term(index) == self.term:", "self.log.last_term == self.term:"),),
        killed_by=("test_figure8_with_a_newer_entry",),
        seeds=1,
    ),
)
