"""Bugs of a lock that only tests of ours notice."""

from typing import Final

from tester.labs.patch import Patch

LOCK, CORE, LOG = "lock/lock.py", "raft/core.py", "raft/log.py"
ASKED = "        asked = False\n"
LOOK_AT_THE_CLOCK = """\
        asked = False
        seen = None
        now = asyncio.get_running_loop().time
"""
IF_FREE = '            if holder == "":\n'
IF_FREE_OR_LATE = """\
            if version != seen:
                seen, since = version, now()
            if holder == "" or now() - since > 1:
"""

BUGS: Final = (
    Patch(
        "leases",
        "Acquire takes the lock away from a holder that has kept it for a second.",
        LOCK,
        ((ASKED, LOOK_AT_THE_CLOCK), (IF_FREE, IF_FREE_OR_LATE)),
        killed_by=("test_held_for_long",),
        seeds=1,
    ),
    Patch(
        "goes_by_the_first_letter",
        "Locks whose names begin with the same letter are one.",
        LOCK,
        (("self._name = name", "self._name = name[:1]"),),
        killed_by=("test_reliable_names",),
        seeds=1,
    ),
)
