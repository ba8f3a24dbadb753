"""What the runs of a test came to: in how many of them, and whether that is enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Reached:
    """Counts in how many runs each thing was reached; some are demanded."""

    def __init__(self, demanded: Sequence[str]) -> None:
        self._demanded = demanded
        self._runs = 0
        self.counts = dict.fromkeys(demanded, 0)
        """In how many runs each was reached."""

    def count(self, reached: Mapping[str, bool]) -> None:
        """A run has come to these, or has not."""
        self._runs += 1
        for name, did in reached.items():
            self.counts[name] = self.counts.get(name, 0) + did

    def lines(self) -> list[str]:
        """One line for each."""
        return [f"{name!r}: reached in {self._of(count)}" for name, count in self.counts.items()]

    @property
    def missing(self) -> str:
        """What is wrong if one that is demanded was reached in no run; "" if each was."""
        missed = [name for name in self._demanded if not self.counts[name]]
        if not missed:
            return ""
        names = " and ".join(map(repr, missed))
        return (
            f"{names}: reached in {self._of(0)}. Either the test never gets there, and is to be "
            "changed, or it takes luck, and more seeds"
        )

    def demand(self) -> None:
        """Raise NeverReached if one that is demanded was reached in no run."""
        if self.missing:
            from tester.world.failure import NeverReached

            raise NeverReached(self.missing)

    def _of(self, count: int) -> str:
        return f"{count} of {self._runs} {'seed' if self._runs == 1 else 'seeds'}"
