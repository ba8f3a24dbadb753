"""Bugs of a Raft in how its log is replicated and committed."""

from typing import Final

from tester.labs.patch import Patch

CORE = "raft/core.py"
LOG = "raft/log.py"
SHELL = "raft/raft.py"
BASIC = "test_basic_agree_3b"
BYTES = "test_rpc_bytes_3b"
LEADER_FAILURE = "test_leader_failure_3b"
CONCURRENT = "test_concurrent_starts_3b"
REJOIN = "test_rejoin_3b"
COUNT = "test_count_3b"
FIGURE_8 = "test_figure8_scripted"
LATE_REQUESTS = "test_duplicates_and_late_requests"
LATE_ANSWERS = "test_late_answers"
BACKUP = "test_backup_is_fast"

LATE_ANSWER = "if args.term < self.term:\n            return  #"
OF_THIS_TERM = " and self.log.term(index) == self.term"
ASK_AT_BASE = """\
        if progress.next <= log.base:
            progress.next, progress.state = log.base + 1, ProgressState.PROBE
"""
BACK_UP = "            progress.next = max(last, progress.match) + 1\n"
ONE_BACK = "            progress.next = max(progress.next - 1, progress.match + 1)\n"
PROBE = "            progress.state = ProgressState.PROBE\n"
REPLICATE = "            self._send_append(peer)\n"
TRUNCATE = "        del self.terms[place:], self.commands[place:]\n"
MERGE = "        conflict = self.find_conflict(prev, entries)\n"
CUT = """\
        end = max(prev + len(entries) - self.base, 0)
        if entries and end < len(self.terms):
            del self.terms[end:], self.commands[end:]
"""
INSERT = """\
            self.terms.insert(place, new.term)
            self.commands.insert(place, new.command)
            place += 1
"""
DRIVE = "        self._drive(Command(command))\n"
INDEX = """\
        index = core.log.last_index + 1
        await asyncio.sleep(0.001)
"""
REFUSE = "        if core.role is not Role.LEADER or self._killed:\n"
TIMER = "        self._timer: asyncio"
LOCK = "        self._lock = asyncio.Lock()\n"

BUGS: Final = (
    Patch(
        "commits_entries_of_old_terms",
        "A leader commits what a majority has, also if it is of an earlier term (Figure 8).",
        CORE,
        ((OF_THIS_TERM, ""),),
        killed_by=(FIGURE_8,),
        seeds=1,
    ),
    Patch(
        "counts_its_log_twice",
        "A leader counts its own log twice.",
        CORE,
        (("sorted([self.log.last_index, ", "sorted([self.log.last_index, self.log.last_index, "),),
        killed_by=(LEADER_FAILURE,),
    ),
    Patch(
        "keeps_what_conflicts",
        "Entries that conflict with the leader's are kept.",
        LOG,
        ((" and not self.match_term(index, entry.term):", " and index > self.last_index:"),),
        killed_by=(REJOIN,),
    ),
    Patch(
        "keeps_the_tail_of_a_conflict",
        "An entry that conflicts is replaced, and what follows it stays.",
        LOG,
        (
            (TRUNCATE, TRUNCATE.replace("place:", "place : place + 1")),
            (
                "            self.append(new)\n",
                INSERT,
            ),
        ),
        killed_by=(REJOIN,),
    ),
    Patch(
        "truncates_what_matches",
        "All that follows the new entries is deleted, also when the message is an old one.",
        LOG,
        ((MERGE, CUT + MERGE),),
        killed_by=(LATE_REQUESTS,),
        seeds=20,
    ),
    Patch(
        "commits_beyond_what_is_new",
        "A follower commits up to the leader's commit index, whatever follows the new entries.",
        CORE,
        (
            (
                "min(args.leader_commit, args.last_new_index)",
                "min(args.leader_commit, self.log.last_index)",
            ),
        ),
        killed_by=(REJOIN,),
    ),
    Patch(
        "agrees_to_any_heartbeat",
        "A heartbeat is answered with success, without a look at the entry before.",
        CORE,
        (
            (
                "        if prev >= self.log.base and",
                "        if args.entries and prev >= self.log.base and",
            ),
            (
                "while self.applied < self.commit:",
                "while self.applied < min(self.commit, self.log.last_index):",
            ),
        ),
        killed_by=(REJOIN,),
    ),
    Patch(
        "counts_late_answers",
        "What a follower had in an earlier term counts in this one.",
        CORE,
        (
            (
                LATE_ANSWER,
                LATE_ANSWER.replace(
                    "self.term:", "self.term and isinstance(args, RequestVoteArgs):"
                ),
            ),
            (
                "_update_match(peer, args.last_new_index)",
                "_update_match(peer, min(args.last_new_index, self.log.last_index))",
            ),
        ),
        killed_by=(LATE_ANSWERS,),
    ),
    Patch(
        "follows_and_takes_commands",
        "Whoever is asked takes a command, as if it led.",
        SHELL,
        (("return -1, core.term, False", "return core.log.last_index + 1, core.term, True"),),
        killed_by=(BASIC,),
    ),
    Patch(
        "waits_before_it_appends",
        "The index of a command is taken, then something is awaited, and then it is appended.",
        SHELL,
        (
            ("    def start(", "    async def start("),
            (
                DRIVE + "        return core.log.last_index,",
                INDEX + DRIVE + "        return index,",
            ),
        ),
        killed_by=(CONCURRENT,),
    ),
    Patch(
        "waits_for_itself",
        "A command that is refused leaves the lock taken, for which the next one waits for ever.",
        SHELL,
        (
            ("    def start(", "    async def start("),
            (TIMER, LOCK + TIMER),
            (
                REFUSE,
                "        await self._lock.acquire()\n" + REFUSE,
            ),
            (DRIVE, DRIVE + "        self._lock.release()\n"),
        ),
        killed_by=(BASIC,),
    ),
    Patch(
        "storms",
        "A leader sends a hundred heartbeats a second.",
        SHELL,
        (("HEARTBEAT_MS: Final = 120", "HEARTBEAT_MS: Final = 10"),),
        killed_by=(COUNT,),
        seeds=1,
    ),
    Patch(
        "goes_back_one_by_one",
        "After a refusal the leader tries the entry before.",
        CORE,
        ((BACK_UP, ONE_BACK),),
        killed_by=(BACKUP,),
        seeds=1,
    ),
    Patch(
        "goes_back_at_heartbeats",
        "After a refusal the leader tries the entry before, and only at the next heartbeat.",
        CORE,
        (
            (BACK_UP + PROBE + REPLICATE, ONE_BACK + PROBE),
            (ASK_AT_BASE, ""),
            (
                "self._send_entries(peer, log.since(progress.next) if replicating else [])",
                "self._send_append(peer)",
            ),
        ),
        killed_by=(BACKUP,),
        seeds=1,
    ),
    Patch(
        "sends_the_whole_log",
        "Each message has the whole log in it.",
        CORE,
        (
            (
                "        prev = progress.next - 1\n        args",
                "        prev, entries = log.base, log.since(log.base + 1)\n        args",
            ),
            ("progress.next += len(entries)", "progress.next = log.last_index + 1"),
        ),
        killed_by=(BYTES,),
        seeds=1,
    ),
)
