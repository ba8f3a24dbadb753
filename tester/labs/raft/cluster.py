"""The Raft test layer: what the Raft suite is written with, and what your tests can be.

    @simulate(network=LONG_DELAYS)
    async def test_agreement(sim: Simulation) -> None:
        raft = RaftCluster(sim, 3)
        leader = await raft.check_one_leader()
        raft.servers.disconnect(leader)
        await raft.one(b"x", expected=2)

Servers are numbered from 0. Times are virtual seconds. Whatever is random is a choice of the run.
While the test runs, `Safety` watches every peer.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

from labrpc.errors import TesterError
from raft.api import SNAPSHOT
from tester.labs.raft.hearsay import Hearsay
from tester.labs.raft.peer import AS_IN_THE_COURSE, NEVER, Pace, Peer, RaftPeer
from tester.labs.raft.safety import Safety
from tester.world.failure import Livelock, NodeDown
from tester.world.group import Group
from tester.world.simulation import Simulation

ELECTION_TIMEOUT_S: Final = 1
"""What an election has finished within, generously."""
AGREE_S: Final = 10
"""How long a group with a majority may take to agree on a command, elections included."""
COMMIT_S: Final = 2
"""How long a leader that has taken a command may take to commit it, before it is tried anew."""


def saved_beside_snapshot(files: Mapping[str, bytes]) -> int:
    """Bytes of all files on a disk but the snapshot: a log is one, however it is called."""
    return sum(len(data) for name, data in files.items() if name != SNAPSHOT)


class RaftCluster:
    """A group of peers that run the submission's Raft, and what a test asks of them.

    With `snapshots`, the service above each hands Raft a snapshot after every tenth command, or
    each at the pace it is given.
    """

    def __init__(
        self, sim: Simulation, n: int, *, snapshots: bool | Sequence[Pace] = False
    ) -> None:
        if isinstance(snapshots, bool):
            paces: Sequence[Pace] = [AS_IN_THE_COURSE if snapshots else NEVER] * n
        elif len(snapshots) == n:
            paces = snapshots
        else:
            raise TesterError(f"expected the paces of {n} services, got {len(snapshots)}")
        self.sim = sim
        _ = sim.submission.get("raft.raft", "Raft")  # whatever is wrong with it is said here
        self.servers = Group(sim, n)
        self._hearsay = Hearsay(self.servers.names, self.servers.links)
        sim.network.overhear(self._hearsay.overhear)
        self.safety = Safety(sim, self.servers.names, self._hearsay)
        self._peers: list[RaftPeer] = []
        for i, node in enumerate(self.servers.nodes):
            ends = self.servers.ends(i)
            made = node.make(
                Peer, i, paces[i], node.disk, node.probe, *ends, like=RaftPeer, name=node.name
            )
            node.serve(made)
            self._peers.append(cast(RaftPeer, made))
        sim.always("Raft is safe", self.safety, *self._peers)

    @property
    def n(self) -> int:
        """How many servers there are."""
        return len(self.servers)

    def below(self, n: int) -> int:
        """An integer in [0, n), by a choice of the test."""
        return self.sim.choices.below(n, "work/raft")

    def command(self) -> bytes:
        """A random command."""
        return str(self.below(1 << 31)).encode()

    # -- what a server says -----------------------------------------------------------------------

    async def get_state(self, i: int) -> tuple[int, bool]:
        """(term, whether it leads), as the server sees it now. Raises NodeDown if it is down."""
        seen = self.safety.servers[i]
        if seen.asked and self.servers.is_up(i):
            return seen.term, seen.leads
        term, leads = await self._peers[i].get_state()
        self.safety.answered(i, term, leads)
        return term, leads

    async def start(self, i: int, command: bytes) -> tuple[int, int, bool]:
        """(index, term, whether it leads): what the server's `start` answers; see `RaftPeer`.

        A server that is down, or goes down before it answers, answers that it does not lead.
        """
        self._hearsay.started(i, command)
        try:
            index, term, leads = await self._peers[i].start(command)
        except NodeDown:
            return -1, -1, False
        if leads and index < 1:
            raise AssertionError(
                f"Raft.start answered that s{i} leads, and gave the command the index {index}; "
                "the first one is 1"
            )
        self.safety.answered(i, term, leads)
        return index, term, leads

    async def check_one_leader(self) -> int:
        """Return who leads among the connected servers, after some time if need be.

        Of several, the one of the highest term; that none has two is watched all the time.
        """
        for _ in range(10):
            await asyncio.sleep((450 + self.below(100)) / 1_000)
            leaders = []
            for i in self.servers.connected():
                term, leads = await self.get_state(i)
                if leads:
                    leaders.append((term, i))
            if leaders:
                return max(leaders)[1]
        raise self.stuck("a leader was expected within 5 s, and there is none")

    async def check_no_leader(self) -> None:
        """Fail if a connected server claims to lead."""
        for i in self.servers.connected():
            term, leads = await self.get_state(i)
            if leads:
                raise AssertionError(
                    f"s{i} claims to lead term {term}, but no majority can talk to each other"
                )

    async def check_terms(self) -> int:
        """Return the term that all connected servers are in; fail if they disagree."""
        if not self.servers.connected():
            raise TesterError("no server is connected: whose terms are to agree?")
        terms = {f"s{i}": (await self.get_state(i))[0] for i in self.servers.connected()}
        if len(set(terms.values())) > 1:
            raise AssertionError(f"the servers disagree on the term: {terms}")
        return next(iter(terms.values()))

    # -- agreement --------------------------------------------------------------------------------

    def n_committed(self, index: int) -> int:
        """How many servers, down or cut off ones too, have applied this index."""
        return len(self.safety.applied(index))

    def committed(self, index: int) -> bytes | None:
        """The command at this index, if any server has applied it."""
        return next(iter(self.safety.applied(index)), None)

    def check_no_agreement(self, index: int) -> None:
        """Fail if any server has applied this index."""
        if n := self.n_committed(index):
            raise AssertionError(
                f"index {index} was applied by {n} of {self.n} servers, and no majority can have "
                "it"
            )

    async def one(
        self, command: bytes, expected: int, *, retry: bool = True, within: int = AGREE_S
    ) -> int:
        """Have a command agreed on by at least `expected` servers, and return its index.

        A leader is looked for among the connected servers, in turns. With `retry`, a command that
        is not committed after a while, because its leader was deposed, is started anew.
        """
        if not 1 <= expected <= self.n:
            raise TesterError(f"{expected} of {self.n} servers can never agree")
        if within <= 0:
            raise TesterError(f"nothing can be agreed on within {within} s")
        deadline = self.sim.now() + within
        turns = itertools.cycle(range(self.n))
        while self.sim.now() < deadline:
            index = await self._start_anywhere(command, turns)
            if index is None:
                await asyncio.sleep(0.05)
            elif await self._agreed(index, command, expected):
                return index
            elif not retry:
                raise self.stuck(
                    f"{command!r} was started at index {index}, and after {COMMIT_S} s it was "
                    f"applied by {self.n_committed(index)} of {self.n} servers, not {expected}"
                )
        raise self.stuck(
            f"for {within} s, {expected} of {self.n} servers should have agreed on {command!r}, "
            "and they have not"
        )

    async def _start_anywhere(self, command: bytes, turns: Iterator[int]) -> int | None:
        for i in itertools.islice(turns, self.n):
            if self.servers.is_connected(i):
                index, _, leads = await self.start(i, command)
                if leads:
                    return index
        return None

    async def _agreed(self, index: int, command: bytes, expected: int) -> bool:
        deadline = self.sim.now() + COMMIT_S
        while self.sim.now() < deadline:
            if self.n_committed(index) >= expected and self.committed(index) == command:
                return True
            await asyncio.sleep(0.02)
        return False

    async def wait(self, index: int, n: int, term: int | None = None) -> bytes | None:
        """Wait until `n` servers have applied an index, and return its command.

        With a term, None as soon as a server has passed it: then nothing is promised any more.
        """
        pause = 0.01
        for _ in range(30):
            if self.n_committed(index) >= n:
                break
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.28)
            if term is not None:
                for i in range(self.n):
                    if self.servers.is_up(i) and (await self.get_state(i))[0] > term:
                        return None
        if (found := self.n_committed(index)) < n:
            raise self.stuck(
                f"index {index} was applied by {found} of {self.n} servers, and {n} should have"
            )
        return self.committed(index)

    def stuck(self, sentence: str) -> Livelock:
        """The verdict that nothing gets on, for a test to raise, and a note on who should lead."""
        connected = self.servers.connected()
        leads = any(self.safety.servers[i].leads for i in connected)
        if not leads and (hint := self.safety.electable(connected)):
            self.sim.note(hint)
        return self.sim.livelock(sentence)

    # -- what a test does to the servers ------------------------------------------------------

    def restart(self, *servers: int) -> None:
        """Start servers that are down anew, with what they have saved, and connect all."""
        for i in servers:
            self.servers.restart(i)
        self.servers.connect_all()

    def check_snapshots(self) -> None:
        """Fail if a server has saved as a snapshot what is none."""
        for node in self.servers.nodes:
            self.safety.check_saved(node.name, node.store.files().get(SNAPSHOT, b""))

    def log_sizes(self) -> dict[str, int]:
        """Bytes that each server has saved, but for the snapshot of its service."""
        return {
            node.name: saved_beside_snapshot(node.store.files()) for node in self.servers.nodes
        }
