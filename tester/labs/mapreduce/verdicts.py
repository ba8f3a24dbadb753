"""What can be wrong with a MapReduce job, as verdicts."""

from __future__ import annotations

from tester.world.failure import Verdict


class WrongOutput(Verdict):
    """The output is not that of the sequential run."""


class PartialOutput(Verdict):
    """An output file was there before it was complete."""


class ExitedEarly(Verdict):
    """The coordinator said that the job was done, or a worker returned, and it was not."""


class TaskRepeated(Verdict):
    """A map task was run again, and nobody had been silent."""


class NotParallel(Verdict):
    """Workers waited for each other, where they could have worked."""


class TooSlow(Verdict):
    """A task was handed out again long after ten seconds, or an idle worker seldom asked."""
