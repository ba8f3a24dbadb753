"""Bugs that two-phase commit can have; the suite finds each of them."""

from __future__ import annotations

import asyncio

from twophase import ABORTED, Coordinator, Participant


class TellsTooEarly(Coordinator):
    """Tells the participants before the decision is on its disk."""

    async def _decide(self, number: int, commit: bool) -> None:
        self._undecided.remove(number)
        await self._tell(number, commit)
        if commit:
            await self._save(number)


class LosesPatience(Participant):
    """Aborts what it is in doubt about, when it has heard nothing for a second."""

    async def _settle(self, number: int) -> None:
        await asyncio.sleep(1)
        if number in self._in_doubt():
            self._note(number, ABORTED)


class ForgetsItsDoubts(Participant):
    """After a restart it waits to be told, and nobody tells it."""

    def _in_doubt(self) -> list[int]:
        return []
