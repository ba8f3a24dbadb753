"""Bugs of a Raft in what it hands to its service, and in how it handles snapshots."""

from typing import Final

from tester.labs.patch import Patch

CORE = "raft/core.py"
SHELL = "raft/raft.py"
FOLLOWER_FAILURE = "test_follower_failure_3b"
CONCURRENT = "test_concurrent_starts_3b"
SNAPSHOTS = "test_snapshot_basic_3d"
INSTALL = "test_snapshot_install_3d"
ALL_CRASH = "test_snapshot_all_crash_3d"
INIT = "test_snapshot_init_3d"
LATE_SNAPSHOTS = "test_snapshots_twice_and_late"

APPEND = "        self.log.append(Entry(self.term, command))\n"
DELIVER = """\
            self._ready.apply.append(
                ApplyMsg(
                    snapshot_valid=True,
"""

BUGS: Final = (
    Patch(
        "applies_only_the_last",
        "Of several entries that are committed at once, only the last one is applied.",
        CORE,
        (("            self.applied += 1\n", "            self.applied = self.commit\n"),),
        killed_by=(CONCURRENT,),
    ),
    Patch(
        "applies_what_is_not_committed",
        "A leader applies a command as soon as it has appended it.",
        CORE,
        ((APPEND, APPEND + "        self.commit = self.log.last_index\n"),),
        killed_by=(FOLLOWER_FAILURE,),
    ),
    Patch(
        "applies_out_of_order",
        "Each command is delivered by a task of its own.",
        SHELL,
        (
            (
                "                self._apply.put_nowait(message)\n",
                "                self._spawn(self._apply.put(message))\n",
            ),
        ),
        killed_by=(CONCURRENT,),
    ),
    Patch(
        "never_compacts",
        "The log keeps what a snapshot covers.",
        CORE,
        (("            self.log.compact(index)\n", ""),),
        killed_by=(SNAPSHOTS,),
        seeds=1,
    ),
    Patch(
        "compacts_one_too_few",
        "The log keeps the last entry that a snapshot covers, and takes it for one that follows.",
        CORE,
        (("self.log.compact(index)", "self.log.compact(index - 1)"),),
        killed_by=(INIT,),
        seeds=1,
    ),
    Patch(
        "restarts_one_too_late",
        "After a restart the first entry that follows the snapshot is not applied.",
        CORE,
        (
            (
                "        self.applied = self.log.base\n",
                "        self.applied = self.log.base + (self.log.base > 0)\n",
            ),
        ),
        killed_by=(INIT,),
    ),
    Patch(
        "goes_back_to_old_snapshots",
        "A snapshot that covers less than what was applied is installed, too.",
        CORE,
        ((" and index > self.commit:", ":"),),
        killed_by=(LATE_SNAPSHOTS,),
        seeds=50,
    ),
    Patch(
        "installs_over_what_follows",
        "A snapshot takes the place of the whole log, if it is newer than the last one.",
        CORE,
        (
            (" and index > self.commit:", " and index > self.log.base:"),
            ("self.log.install(index, term)", "self.log = Log(index, term)"),
        ),
        killed_by=(LATE_SNAPSHOTS,),
        seeds=30,
    ),
    Patch(
        "installs_without_the_term",
        "The term of the last entry that an installed snapshot covers is lost.",
        CORE,
        (("self.log.install(index, term)", "self.log.install(index, 0)"),),
        killed_by=(ALL_CRASH,),
    ),
    Patch(
        "installs_for_now",
        "A snapshot that was installed is not saved: only the log that begins after it.",
        CORE,
        (("            self.snapshot = args.data\n", ""),),
        killed_by=(ALL_CRASH,),
    ),
    Patch(
        "restarts_without_its_snapshot",
        "After a restart, the next save replaces the snapshot by nothing.",
        SHELL,
        (
            (
                "Core(me, len(peers), saved, persister.read_snapshot())",
                "Core(me, len(peers), saved)",
            ),
        ),
        killed_by=(INIT,),
    ),
    Patch(
        "installs_and_tells_nobody",
        "An installed snapshot is not handed to the service.",
        CORE,
        ((DELIVER, DELIVER.replace("self._ready.apply.append(", "_ = (")),),
        killed_by=(INSTALL,),
        seeds=1,
    ),
)
