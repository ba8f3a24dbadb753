"""Bugs of a lock that only tests of ours notice."""

from typing import Final

from tester.labs.patch import Patch

LOCK = "lock/lock.py"
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
IF_FREE_OR_VERY_LATE = IF_FREE_OR_LATE.replace("> 1:", "> 60:")
RELEASE = "    async def release(self) -> None:\n"
RELEASE_LATER = """\
    async def release(self) -> None:
        self._releasing = asyncio.create_task(self._release())

    async def _release(self) -> None:
"""

BUGS: Final = (
    Patch(
        "async_with_keeps_the_lock",
        "The end of an `async with` block does not give the lock back.",
        LOCK,
        (("        await self.release()\n", "        self._clerk = self._clerk\n"),),
        killed_by=("test_async_with",),
        seeds=1,
    ),
    Patch(
        "async_with_does_not_wait",
        "The block of an `async with` begins without the lock.",
        LOCK,
        (("        await self.acquire()\n", ""),),
        killed_by=("test_async_with",),
        seeds=1,
    ),
    Patch(
        "async_with_swallows",
        "An exception that ends a block of `async with` is lost.",
        LOCK,
        (
            ("*_: object) -> None:", "*_: object) -> bool:"),
            (
                "        await self.release()\n",
                "        await self.release()\n        return True\n",
            ),
        ),
        killed_by=("test_async_with",),
        seeds=1,
    ),
    Patch(
        "leases",
        "Acquire takes the lock away from a holder that has kept it for a second.",
        LOCK,
        ((ASKED, LOOK_AT_THE_CLOCK), (IF_FREE, IF_FREE_OR_LATE)),
        killed_by=("test_held_for_long",),
        seeds=1,
    ),
    Patch(
        "leases_for_a_minute",
        "Acquire takes the lock away from a holder that has kept it for a minute.",
        LOCK,
        ((ASKED, LOOK_AT_THE_CLOCK), (IF_FREE, IF_FREE_OR_VERY_LATE)),
        killed_by=("test_held_for_minutes",),
        seeds=1,
    ),
    Patch(
        "releases_later",
        "Release leaves the work to a task, and returns.",
        LOCK,
        ((RELEASE, RELEASE_LATER),),
        killed_by=("test_clients_leave_unreliable",),
    ),
    Patch(
        "goes_by_the_first_letter",
        "Locks whose names begin with the same letter are one.",
        LOCK,
        (("self._name = name", "self._name = name[:1]"),),
        killed_by=("test_reliable_names",),
        seeds=1,
    ),
    Patch(
        "normalizes_names",
        "Locks are one whose names Unicode takes for compatible.",
        LOCK,
        (
            (
                "from kvsrv.rpc import Err,",
                "from unicodedata import normalize\n\nfrom kvsrv.rpc import Err,",
            ),
            ("self._name = name", 'self._name = normalize("NFKC", name)'),
        ),
        killed_by=("test_similar_names_reliable",),
        seeds=1,
    ),
)
