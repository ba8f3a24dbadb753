"""Temporary changes to the conditions of the network, which may overlap."""

from __future__ import annotations

from collections.abc import Callable

from labrpc.conditions import RELIABLE, Ratio
from labrpc.network import Network


class ChangingConditions:
    """The present changes, on top of the conditions that the test has set."""

    def __init__(self, network: Network, note: Callable[..., None]) -> None:
        self._network = network
        self._note = note
        self._fair = self._made = network.conditions
        self._changes: dict[str, dict[str, int | Ratio]] = {}

    def change(self, name: str, **changes: int | Ratio) -> None:
        """Change the conditions, until the change of this name is restored."""
        self._changes[name] = changes
        self._note("weather", name, True)
        self._apply()

    def restore(self, name: str) -> None:
        """Undo one change, unless that has been done."""
        if self._changes.pop(name, None) is not None:
            self._note("weather", name, False)
            self._apply()

    def restore_all(self) -> None:
        """Undo every change, and make the network reliable."""
        for name in list(self._changes):
            self.restore(name)
        self._network.conditions = RELIABLE

    def _apply(self) -> None:
        if self._network.conditions is not self._made:  # the test has set others meanwhile
            self._fair = self._network.conditions
        conditions = self._fair
        for changes in self._changes.values():
            conditions = conditions.but(**changes)
        self._made = self._network.conditions = conditions
