"""The networks of the Raft suite, where a call to nobody hangs for long, and its limits."""

from typing import Final

from tester.world.limits import Limits
from tester.world.simulate import LONG_DELAYS, LONG_REORDERING, UNRELIABLE

UNREACHABLE_MS: Final = LONG_DELAYS.unreachable_ms

CALM: Final = LONG_DELAYS
"""Reliable, but for calls to servers that cannot be reached."""
ROUGH: Final = UNRELIABLE.but(unreachable_ms=UNREACHABLE_MS)
"""Unreliable, likewise."""
ROUGHEST: Final = LONG_REORDERING.but(unreachable_ms=UNREACHABLE_MS)
"""Two replies in three are held back for up to two seconds, too."""

LIMITS: Final = Limits(steps=1_000_000, silent_rpcs=20_000, megabytes=1_000)
"""Many times what a right solution takes that is anything but sparing, such as one that sends its
whole log each time; a storm of messages is found out all the same."""
