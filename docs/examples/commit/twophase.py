"""Two-phase commit: a coordinator that recovers, and participants that ask when they are in doubt.

A transaction is committed at the instant at which the coordinator has that on its disk; what is
not there is aborted ("presumed abort"). A participant that has voted yes may do neither by itself:
until it is told, it asks the coordinator, and its peers, who may know.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from labrpc import ClientEnd, Message
from tester import Disk

PREPARED, COMMITTED, ABORTED = "prepared", "committed", "aborted"


class Transaction(Message, frozen=True):
    number: int


class Vote(Message, frozen=True):
    yes: bool


class Outcome(Message, frozen=True):
    number: int
    commit: bool | None
    """None: whoever was asked does not know."""


class Coordinator:
    """Decides, and remembers what it has committed."""

    def __init__(self, participants: Sequence[ClientEnd], disk: Disk) -> None:
        self._participants = participants
        self._disk = disk
        self._committed: list[int] = json.loads(disk.read("committed") or b"[]")
        self._undecided: list[int] = []

    async def commit(self, number: int) -> bool:
        """Try to commit a transaction that nobody has tried before; whether it is committed."""
        self._undecided.append(number)
        votes = await asyncio.gather(
            *(end.call(Participant.prepare, Transaction(number)) for end in self._participants)
        )
        commit = all(vote is not None and vote.yes for vote in votes)
        await self._decide(number, commit)
        return commit

    async def _decide(self, number: int, commit: bool) -> None:
        if commit:
            await self._save(number)
        self._undecided.remove(number)
        await self._tell(number, commit)

    async def _save(self, number: int) -> None:
        self._committed.append(number)
        self._disk.write({"committed": json.dumps(self._committed).encode()})
        await self._disk.sync()

    async def _tell(self, number: int, commit: bool) -> None:
        _ = await asyncio.gather(
            *(end.call(Participant.decide, Outcome(number, commit)) for end in self._participants)
        )

    def outcome(self, args: Transaction) -> Outcome:
        """What has become of a transaction."""
        if args.number in self._undecided:
            return Outcome(args.number, None)
        return Outcome(args.number, args.number in self._committed)

    def describe(self) -> dict[str, list[int]]:
        """What an invariant sees."""
        return {"committed": self._committed}


class Participant:
    """Votes, and does what was decided."""

    def __init__(
        self,
        peers: Sequence[ClientEnd],
        me: int,
        coordinator: ClientEnd,
        refused: Sequence[int],
        disk: Disk,
    ) -> None:
        self._peers = [end for at, end in enumerate(peers) if at != me]
        self._coordinator = coordinator
        self._refused = refused
        self._disk = disk
        self._states: dict[str, str] = json.loads(disk.read("states") or b"{}")
        self._tasks = [asyncio.create_task(self._settle(number)) for number in self._in_doubt()]

    def _in_doubt(self) -> list[int]:
        return [int(number) for number, state in self._states.items() if state == PREPARED]

    async def prepare(self, args: Transaction) -> Vote:
        """Vote; once it has said yes it is bound."""
        if str(args.number) not in self._states:
            willing = args.number not in self._refused
            self._note(args.number, PREPARED if willing else ABORTED)
            if willing:
                self._tasks.append(asyncio.create_task(self._settle(args.number)))
        await self._disk.sync()
        return Vote(self._states[str(args.number)] != ABORTED)

    async def decide(self, args: Outcome) -> Outcome:
        """Do what was decided."""
        if args.commit is not None and self._states.get(str(args.number)) == PREPARED:
            self._note(args.number, COMMITTED if args.commit else ABORTED)
        await self._disk.sync()
        return args

    def outcome(self, args: Transaction) -> Outcome:
        """What has become of a transaction, as far as it is known here."""
        state = self._states.get(str(args.number))
        return Outcome(args.number, None if state in (None, PREPARED) else state == COMMITTED)

    async def _settle(self, number: int) -> None:
        while self._states[str(number)] == PREPARED:
            await asyncio.sleep(1)
            reply = await self._coordinator.call(Coordinator.outcome, Transaction(number))
            for peer in self._peers:
                if reply is None or reply.commit is None:
                    reply = await peer.call(Participant.outcome, Transaction(number))
            if reply is not None:
                _ = await self.decide(reply)

    def _note(self, number: int, state: str) -> None:
        self._states[str(number)] = state
        self._disk.write({"states": json.dumps(self._states).encode()})

    def describe(self) -> dict[str, str]:
        """What an invariant sees."""
        return self._states
