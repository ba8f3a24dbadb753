"""What the runs of a test came to: in how many of them, and whether that is enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tester.world.failure import NeverReached


class Reached:
    """Counts in how many runs each thing was reached; some are demanded."""

    def __init__(self, demanded: Sequence[str]) -> None:
        self._demanded = demanded
        self._runs = 0
        self._counts = dict.fromkeys(demanded, 0)

    def count(self, reached: Mapping[str, bool]) -> None:
        """A run has come to these, or has not."""
        self._runs += 1
        for name, did in reached.items():
            self._counts[name] = self._counts.get(name, 0) + did

    def lines(self) -> list[str]:
        """One line for each."""
        return [f"{name!r}: reached in {self._of(count)}" for name, count in self._counts.items()]

    def demand(self) -> None:
        """Raise NeverReached if one that is demanded was reached in no run."""
        missed = [name for name in self._demanded if not self._counts[name]]
        if missed:
            names = " and ".join(map(repr, missed))
            raise NeverReached(
                f"{names}: reached in {self._of(0)}. Either the test never gets there, and is to "
                "be changed, or it takes luck, and more seeds"
            )

    def _of(self, count: int) -> str:
        return f"{count} of {self._runs} {'seed' if self._runs == 1 else 'seeds'}"
