"""The networks of the replicated labs, and the limits of their runs."""

from __future__ import annotations

from typing import Final

from tester.world.limits import Limits
from tester.world.simulate import RELIABLE, UNRELIABLE

LATENCY_US: Final = 5_000
"""What a message takes one way: an operation needs four of them. So there are about as many
operations in a second as in the tests of the course, where computing takes that long."""

CALM: Final = RELIABLE.but(latency_us=LATENCY_US)
"""Reliable."""
QUICK: Final = RELIABLE
"""Reliable, and a tenth as slow: how long an operation takes is up to the servers."""
ROUGH: Final = UNRELIABLE.but(latency_us=LATENCY_US)
"""Requests are late, and one message in ten is lost."""
HELD: Final = ROUGH.but(request_loss=(1, 20), reply_loss=(1, 20), reply_hold=(1, 20))
"""Messages are lost and held back."""
FAULTY: Final = HELD.but(late=(1, 20))
"""Requests are delivered when nobody waits any more, too: a clerk that counts versions, or a peer,
must expect that; one that has said that it has its answer need not."""
TWICE: Final = FAULTY.but(duplicate=(1, 20))
"""Some are delivered twice as well: see `Cluster.disturb_peers`."""

LIMITS: Final = Limits(steps=2_000_000, silent_rpcs=20_000, megabytes=1_000)
"""Many times what a right solution takes that is anything but sparing."""
