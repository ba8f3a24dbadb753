"""Bugs of a Raft, which its suite must notice: in elections, and in replication."""

from typing import Final

from tester.labs.bugs.patch import Patch

CORE, LOG, SHELL = "raft/core.py", "raft/log.py", "raft/raft.py"

ELECTION, RE_ELECTION, MANY = "test_initial_election_3a", "test_re_election_3a", "test_many_elections_3a"

SAVED = "Saved(self.term, self.voted_for, self.log)"
UP_TO_DATE = "            and self.log.is_up_to_date(args.last_log_index, args.last_log_term)\n"
LATE_ANSWER = "if args.term < self.term:\n            return  #"
OF_THIS_TERM = " and self.log.term(index) == self.term"
CALM_DOWN = """\
            self.leader = args.leader
            self._ready.reset_timer = True
"""
REQUEST = "def _request(self, args: Args) -> Reply:\n"
TRUNCATE = "                del self.terms[place:], self.commands[place:]\n"
MERGE = "        for index, entry in enumerate(entries, prev + 1):\n"

_SAVES: Final = (
    Patch(
        "forgets_its_vote",
        "The vote is not saved: after a restart a peer votes once more in the same term.",
        CORE,
        ((SAVED, SAVED.replace("self.voted_for", "None")),),
    ),
    Patch(
        "forgets_its_term",
        "The term is not saved.",
        CORE,
        ((SAVED, SAVED.replace("self.term", "0")),),
    ),
    Patch(
        "forgets_its_log",
        "The log after the snapshot is not saved.",
        CORE,
        ((SAVED, SAVED.replace("self.log", "Log(self.log.base, self.log.base_term)")),),
    ),
    Patch(
        "saves_its_vote_later",
        "A vote is saved with the next change of the term or the log.",
        CORE,
        (("            self._ready.save |= self.voted_for is None\n", ""),),
    ),
    Patch(
        "answers_before_it_has_saved",
        "Answers do not wait until what they say is safe from a power failure.",
        SHELL,
        (("        await self._sync()\n        return ready.reply", "        self._spawn(self._sync())\n        return ready.reply"),),
    ),
    Patch(
        "sends_before_it_has_saved",
        "Messages do not wait until what they say is safe from a power failure.",
        SHELL,
        (("self._held.append((self._saves, ready))", "self._held.append((0, ready))\n            self._let_out()"),),
    ),
)

_ELECTS: Final = (
    Patch(
        "votes_for_anybody",
        "Votes are granted without a look at the candidate's log.",
        CORE,
        ((UP_TO_DATE, ""),),
    ),
    Patch(
        "compares_logs_by_length",
        "The longer log counts as the more up-to-date one, whatever its last term.",
        LOG,
        (("(last_term, last_index) >= (self.last_term, self.last_index)", "(last_index, last_term) >= (self.last_index, self.last_term)"),),
    ),
    Patch(
        "votes_twice",
        "A peer votes for everybody who asks, also twice in one term.",
        CORE,
        (("            and self.voted_for in (None, args.candidate)\n", ""),),
    ),
    Patch(
        "takes_itself_for_two_voters",
        "A candidate counts its own vote twice.",
        CORE,
        (("len(self.votes) >= self.majority", "len(self.votes) + 1 >= self.majority"),),
    ),
    Patch(
        "counts_late_votes",
        "A vote of an earlier term counts in this one.",
        CORE,
        ((LATE_ANSWER, LATE_ANSWER.replace("self.term:", "self.term and not isinstance(args, RequestVoteArgs):")),),
    ),
    Patch(
        "never_steps_down",
        "A leader stays leader when it learns of a higher term.",
        CORE,
        (
            ("if args.term > self.term:", "if args.term > self.term and self.role is not Role.LEADER:"),
            ("if reply.term > self.term:", "if reply.term > self.term and self.role is not Role.LEADER:"),
        ),
    ),
    Patch(
        "ignores_higher_terms_in_answers",
        "An answer of a higher term is taken for any other refusal.",
        CORE,
        (
            ("if reply.term > self.term:", "if False:"),
        ),
    ),
    Patch(
        "heartbeats_do_not_calm",
        "The election timer is not reset when the leader calls.",
        CORE,
        ((CALM_DOWN, CALM_DOWN.splitlines(keepends=True)[0]),),
    ),
    Patch(
        "old_leaders_calm",
        "The election timer is reset by any AppendEntries, also by those of earlier terms.",
        CORE,
        ((REQUEST, REQUEST + "        self._ready.reset_timer |= isinstance(args, AppendEntriesArgs)\n"),),
    ),
    Patch(
        "refused_votes_calm",
        "The election timer is reset when somebody asks for a vote, also if it is refused.",
        CORE,
        ((REQUEST, REQUEST + "        self._ready.reset_timer |= isinstance(args, RequestVoteArgs)\n"),),
    ),
    Patch(
        "all_wait_as_long",
        "The election timeout is the same for all, so that votes split for ever.",
        SHELL,
        (("random.randint(*ELECTION_MS)", "ELECTION_MS[0]"),),
    ),
    Patch(
        "waits_before_it_votes",
        "Whether a vote is free is looked up, then something is awaited, and then it is given.",
        SHELL,
        (("        reply: RequestVoteReply = await", """\
        core = self._core
        free = args.term > core.term or core.voted_for is None
        await asyncio.sleep(0.01)
        if free and args.term == core.term:
            core.voted_for = None
        reply: RequestVoteReply = await"""),),
    ),
)

_REPLICATES: Final = (
    Patch(
        "commits_entries_of_old_terms",
        "A leader commits what a majority has, also if it is of an earlier term (Figure 8).",
        CORE,
        ((OF_THIS_TERM, ""),),
    ),
    Patch(
        "takes_itself_for_two_followers",
        "A leader counts its own log twice.",
        CORE,
        (("sorted([self.log.last_index, ", "sorted([self.log.last_index, self.log.last_index, "),),
    ),
    Patch(
        "keeps_what_conflicts",
        "Entries that conflict with the leader's are kept.",
        LOG,
        ((" and not self.agrees(index, entry.term):", " and index > self.last_index:"),),
    ),
    Patch(
        "keeps_what_follows_a_conflict",
        "An entry that conflicts is replaced, and what follows it stays.",
        LOG,
        ((TRUNCATE, TRUNCATE.replace("place:", "place : place + 1")), 
         ("self.append(new)", "self.terms.insert(place, new.term)\n                    self.commands.insert(place, new.command)\n                    place += 1")),
    ),
    Patch(
        "truncates_what_matches",
        "All that follows the new entries is deleted, also when the message is an old one.",
        LOG,
        ((MERGE, """\
        end = max(prev + len(entries) - self.base, 0)
        if entries and end < len(self.terms):
            del self.terms[end:], self.commands[end:]
"""+ MERGE),),
    ),
    Patch(
        "commits_beyond_the_new_entries",
        "A follower commits up to the leader's commit index, whatever follows the new entries.",
        CORE,
        (("min(args.leader_commit, args.last_new_index)", "min(args.leader_commit, self.log.last_index)"),),
    ),
    Patch(
        "agrees_to_any_heartbeat",
        "A heartbeat is answered with success, without a look at the entry before.",
        CORE,
        (("        if prev >= self.log.base and", "        if args.entries and prev >= self.log.base and"),
         ("while self.applied < self.commit:", "while self.applied < min(self.commit, self.log.last_index):")),
    ),
    Patch(
        "counts_late_answers",
        "What a follower had in an earlier term counts in this one.",
        CORE,
        ((LATE_ANSWER, LATE_ANSWER.replace("self.term:", "self.term and isinstance(args, RequestVoteArgs):")),),
    ),
    Patch(
        "takes_commands_as_a_follower",
        "Whoever is asked takes a command, as if it led.",
        SHELL,
        (("return -1, core.term, False", "return core.log.last_index + 1, core.term, True"),),
    ),
    Patch(
        "waits_before_it_appends",
        "The index of a command is taken, then something is awaited, and then it is appended.",
        SHELL,
        (("    def start(", "    async def start("),
        ("        self._drive(Command(command))\n        return core.log.last_index, core", "        index = core.log.last_index + 1\n        await asyncio.sleep(0.001)\n        self._drive(Command(command))\n        return index, core")),
    ),
    Patch(
        "waits_for_itself",
        "A command that is refused leaves the lock taken.",
        SHELL,
        (("    def start(", "    async def start("),
         ("        self._timer: asyncio", "        self._lock = asyncio.Lock()\n        self._timer: asyncio"),
        ("        if core.role is not Role.LEADER or self._killed:\n", "        await self._lock.acquire()\n        if core.role is not Role.LEADER or self._killed:\n"),
         ("        self._drive(Command(command))\n", "        self._drive(Command(command))\n        self._lock.release()\n"),
        ),
    ),
    Patch(
        "storms",
        "A leader sends a hundred heartbeats a second.",
        SHELL,
        (("HEARTBEAT_MS: Final = 120", "HEARTBEAT_MS: Final = 10"),),
    ),
    Patch(
        "goes_back_one_by_one",
        "After a refusal the leader tries the entry before, at the next heartbeat.",
        CORE,
        (("progress.next = max(last, progress.match) + 1\n            progress.probing = True\n            self._replicate(peer)\n", 
          "progress.next = max(progress.next - 1, progress.match + 1)\n            progress.probing = True\n"),
          ("[] if progress.probing else log.since(progress.next)", "log.since(progress.next)")),
    ),
    Patch(
        "sends_the_whole_log",
        "Each message has the whole log in it.",
        CORE,
        (("        prev = progress.next - 1\n        args", "        prev, entries = log.base, log.since(log.base + 1)\n        args"),
         ("progress.next += len(entries)", "progress.next = log.last_index + 1")),
    ),
)

_APPLIES: Final = (
    Patch(
        "applies_only_the_last",
        "Of several entries that are committed at once, only the last one is applied.",
        CORE,
        (("            self.applied += 1\n", "            self.applied = self.commit\n"),),
    ),
    Patch(
        "applies_what_is_not_committed",
        "A leader applies a command as soon as it has appended it.",
        CORE,
        (("        self.log.append(Entry(self.term, command))\n", "        self.log.append(Entry(self.term, command))\n        self.commit = self.log.last_index\n"),),
    ),
    Patch(
        "applies_out_of_order",
        "Each command is delivered by a task of its own.",
        SHELL,
        (("                self._apply.put_nowait(message)\n", "                self._spawn(self._apply.put(message))\n"),),
    ),
    Patch(
        "never_compacts",
        "The log keeps what a snapshot covers.",
        CORE,
        (("            self.log.compact(index)\n", ""),),
    ),
    Patch(
        "compacts_one_too_few",
        "The log keeps the last entry that a snapshot covers, and takes it for one that follows.",
        CORE,
        (("self.log.compact(index)", "self.log.compact(index - 1)"),),
    ),
    Patch(
        "restarts_one_too_late",
        "After a restart the first entry that follows the snapshot is not applied.",
        CORE,
        (("        self.applied = self.log.base\n", "        self.applied = self.log.base + (self.log.base > 0)\n"),),
    ),
    Patch(
        "goes_back_to_old_snapshots",
        "A snapshot that covers less than what was applied is installed, too.",
        CORE,
        ((" and index > self.commit:", ":"),),
    ),
    Patch(
        "installs_over_what_follows",
        "A snapshot takes the place of the whole log, if it is newer than the last one.",
        CORE,
        ((" and index > self.commit:", " and index > self.log.base:"),
         ("self.log.install(index, term)", "self.log.install(index, -1)"),),
    ),
    Patch(
        "installs_without_the_term",
        "The term of the last entry that an installed snapshot covers is lost.",
        CORE,
        (("self.log.install(index, term)", "self.log.install(index, 0)"),),
    ),
    Patch(
        "installs_for_now",
        "A snapshot that was installed is not saved: only the log that begins after it.",
        CORE,
        (("            self.snapshot = args.data\n", ""),),
    ),
    Patch(
        "installs_without_saving",
        "What was installed is saved with the next change.",
        CORE,
        (("            self.commit = self.applied = index\n            self._ready.save = True\n", "            self.commit = self.applied = index\n"),),
    ),
    Patch(
        "saves_no_snapshot_after_a_restart",
        "After a restart, the next save replaces the snapshot by nothing.",
        SHELL,
        (("Core(me, len(peers), saved, persister.read_snapshot())", "Core(me, len(peers), saved)"),),
    ),
    Patch(
        "installs_and_tells_nobody",
        "An installed snapshot is not handed to the service.",
        CORE,
        (("            self._ready.apply.append(\n                ApplyMsg(\n                    snapshot_valid=True,", "            _ = (\n                ApplyMsg(\n                    snapshot_valid=True,"),),
    ),
)

BUGS: Final = (*_SAVES, *_ELECTS, *_REPLICATES, *_APPLIES)

VARIANTS: Final = (
    Patch("is_patient", "The election timeouts are longer.", SHELL,
          (("ELECTION_MS: Final = 300, 600", "ELECTION_MS: Final = 500, 900"),),),
    Patch("halves", "After a refusal the leader tries the middle of what is possible.", CORE,
          (("last = self.log.may_agree(reply.hint_index, reply.hint_term)", "last = (prev - 1 + progress.match) // 2"),),),
    Patch("says_nothing", "It has no `describe()`.", SHELL, (("def describe(", "def _describe("),)),
    Patch("saves_always", "It saves at each step.", SHELL, (("        if ready.save:\n", "        if True:\n"),)),
    Patch("guarded", "The methods are `async def`, and take a lock.", SHELL, (
        ("        self._timer: asyncio", "        self._lock = asyncio.Lock()\n        self._timer: asyncio"),
        ("    def start(", """\
    async def start(self, command: bytes) -> tuple[int, int, bool]:
        async with self._lock:
            await asyncio.sleep(0)
            return self._started(command)

    def _started("""),
        ("    def get_state(self)", """\
    async def get_state(self) -> tuple[int, bool]:
        async with self._lock:
            return self._state()

    def _state(self)"""),
        ("    def snapshot(", """\
    async def snapshot(self, index: int, data: bytes) -> None:
        async with self._lock:
            await asyncio.sleep(0)
            self._compact(index, data)

    def _compact("""),
    )),
    Patch("applies_in_a_task", "A task of its own delivers what is committed.", SHELL, (
        ("        self._timer: asyncio", "        self._outbox: asyncio.Queue[ApplyMsg] = asyncio.Queue()\n        self._spawn(self._deliver())\n        self._timer: asyncio"),
        ("                self._apply.put_nowait(message)\n", "                self._outbox.put_nowait(message)\n"),
        ("    async def _call(", """\
    async def _deliver(self) -> None:
        while True:
            message = await self._outbox.get()
            await asyncio.sleep(0.001)
            await self._apply.put(message)

    async def _call("""),
    )),
    Patch("sends_at_once", "Each command is sent at once, whatever is under way.", CORE,
          (("progress.match + 1 == progress.next <= self.log.last_index", "not progress.probing and progress.next <= self.log.last_index"),)),
    Patch("answers_slowly", "Handlers take a few milliseconds.", SHELL,
          (("        ready = self._step(Request(args))\n", "        await asyncio.sleep(random.randint(0, 3) / 1000)\n        ready = self._step(Request(args))\n"),)),
)
