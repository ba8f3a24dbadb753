"""What can be wrong with a replicated state machine, and with the store on it, as verdicts."""

from __future__ import annotations

from tester.world.failure import Verdict


class ReplicasDiverged(Verdict):
    """Replicas have applied the same requests, and are in different states."""


class AppliedTwice(Verdict):
    """A request that was submitted once was applied twice."""


class AppliedInAMinority(Verdict):
    """A request was applied that only a minority can have got."""


class NotApplied(Verdict):
    """A request was answered OK, and had not been applied, or the answer was another's."""


class AcknowledgedPutLost(Verdict):
    """A put was answered OK, and later the key was found without it."""


class LogsTooLong(Verdict):
    """A server keeps more of the log than its limit lets it."""


class UnwantedSnapshot(Verdict):
    """A server has saved a snapshot though it has no limit."""


class TooSlow(Verdict):
    """Operations take longer than the protocol needs."""


class HoldsTooMuch(Verdict):
    """A replica remembers what is over."""
