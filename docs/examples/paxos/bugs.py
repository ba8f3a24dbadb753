"""Bugs that Paxos can have; the suite finds each of them."""

from __future__ import annotations

from collections.abc import Sequence

from paxos import Accept, Acceptor, Promise, Proposer


class NeverAdopts(Proposer):
    """Proposes its own value, whatever has been accepted."""

    def _to_propose(self, promises: Sequence[Promise], value: str) -> str:
        return value


class AdoptsAny(Proposer):
    """Adopts the accepted value it hears of first, not that of the highest ballot."""

    def _to_propose(self, promises: Sequence[Promise], value: str) -> str:
        return next((promise.value for promise in promises if promise.accepted), value)


class BreaksPromises(Acceptor):
    """Accepts under a ballot lower than the one it has promised."""

    async def accept(self, args: Accept) -> Promise:
        self._promised = min(self._promised, args.ballot)
        return await super().accept(args)
