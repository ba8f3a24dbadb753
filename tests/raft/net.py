"""A little network of Raft cores, in which anything may happen, and what must hold all the same.

It has no time and no luck: integers say what happens next. Messages wait in a bag, from which they
are delivered in any order, twice, or never. A crash leaves what was saved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from labrpc.codec import codec
from raft.api import ApplyMsg
from raft.core import Core
from raft.events import Command, Event, Ready, Request, Response, Snapshot
from raft.events import TimerExpired as Timer
from raft.log import Log
from raft.state import Role, Saved

SAVED = codec(Saved)
MakeCore = Callable[[int, int, Saved | None, bytes], Core]


@dataclass(eq=False)
class Message:
    """A request on its way, or the answer to one."""

    sender: int
    to: int
    args: Any
    reply: Any = None


@dataclass
class Machine:
    """A core with its disk, and the service above it: a list of all commands."""

    core: Core
    disk: tuple[bytes, bytes] = SAVED.encode(Saved(0, None, Log())), b""
    service: list[bytes] = field(default_factory=list)
    compacted: int = 0


class Broken(AssertionError):
    """A property of Raft that does not hold."""


class Net:
    """`size` cores, and what is known of all that ever happened."""

    def __init__(self, size: int, make: MakeCore = Core) -> None:
        self.size = size
        self.make = make
        self.machines = [Machine(make(i, size, None, b"")) for i in range(size)]
        self.bag: list[Message] = []
        self.cut_off = -1
        self.commands = 0
        self.leaders: dict[int, int] = {}  # term -> who led in it
        self.entries: dict[
            tuple[int, int], tuple[int, bytes]
        ] = {}  # (index, term) -> what is there
        self.committed: list[tuple[int, bytes]] = []  # (term, command), from index 1 on
        self.committed_in: list[int] = []  # and in whose term it was known to be committed first
        self.happened: dict[str, int] = {}

    # -- what may happen --------------------------------------------------------------------------

    def step(self, i: int, event: Event) -> Ready:
        """Have core `i` take in an event, do what it says, and check all properties."""
        machine = self.machines[i]
        core = machine.core
        before = core.role, core.term, core.commit, copy(core.log)
        ready = core.step(event)
        now = SAVED.encode(core.saved()), core.snapshot
        if ready.save:
            machine.disk = now
        require(machine.disk == now, f"{i} changed what it must save, and did not say so")
        for peer, args in ready.messages:
            if self.cut_off not in (i, peer):
                self.bag.append(Message(i, peer, args))
        for message in ready.apply:
            self._apply(machine, message)
        self._check(i, *before)
        return ready

    def timer(self, i: int) -> None:
        self.step(i, Timer())

    def command(self, i: int) -> None:
        self.commands += 1
        self.step(i, Command(b"%d" % self.commands))

    def deliver(self, k: int, *, keep: bool = False) -> None:
        """Deliver message `k` of the bag; with `keep`, a copy of it comes later, or never."""
        message = self.bag[k] if keep else self.bag.pop(k)
        if message.reply is None:
            reply = self.step(message.to, Request(message.args)).reply
            require(reply is not None, "a request gets an answer")
            self.bag.append(Message(message.to, message.sender, message.args, reply))
        else:
            self.step(message.to, Response(message.sender, message.args, message.reply))

    def drop(self, k: int) -> None:
        del self.bag[k]

    def cut(self, i: int) -> None:
        """Let nothing through to core `i`, or from it, until another one is cut off, or none."""
        self.cut_off = i
        self.bag = [m for m in self.bag if i not in (m.sender, m.to)]

    def crash(self, i: int) -> None:
        """Start machine `i` anew with what is on its disk; who waited for an answer is gone."""
        machine = self.machines[i]
        state, snapshot = machine.disk
        machine.core = self.make(i, self.size, SAVED.decode(state), snapshot)
        machine.service = decode(snapshot)
        self.bag = [m for m in self.bag if m.reply is None or m.to != i]
        self._count("crashes")

    def compact(self, i: int, index: int) -> None:
        """The service of machine `i` takes a snapshot of all up to `index`, or of what it has."""
        machine = self.machines[i]
        index = min(index, len(machine.service))
        self.step(i, Snapshot(index, encode(machine.service[:index])))

    def settle(self, most: int) -> None:
        """Deliver what is in the bag, first in, first out, and what comes of it."""
        for _ in range(most):
            if self.bag:
                self.deliver(0)

    def latest_leader(self) -> int:
        """Who led in the highest term that had a leader, whatever it is now."""
        return max(self.leaders.items())[1]

    # -- what must hold ---------------------------------------------------------------------------

    def _apply(self, machine: Machine, message: ApplyMsg) -> None:
        """State Machine Safety (Figure 3): all services are given the same commands, in order."""
        if message.snapshot_valid:
            commands = decode(message.snapshot)
            require(len(commands) == message.snapshot_index, "a snapshot has the wrong index")
            require(len(commands) > len(machine.service), "a service is moved backwards")
            machine.service = commands
            self._count("installs")
        else:
            require(message.command_index == len(machine.service) + 1, "applied out of order")
            machine.service.append(message.command)
            self._count("applies")

    def _check(self, i: int, role: Role, term: int, commit: int, log: Log) -> None:
        core = self.machines[i].core
        require(core.term >= term, "terms go up")
        require(core.commit >= commit, "nothing is uncommitted")
        require(core.log.base <= core.applied == core.commit <= core.log.last_index, "bounds")
        if core.role is Role.LEADER:
            who = self.leaders.setdefault(core.term, i)
            require(who == i, f"Election Safety: {who} and {i} lead in term {core.term}")
            if (role, term) == (Role.LEADER, core.term):
                kept = core.log.base - log.base
                require(
                    core.log.terms[: len(log.terms) - kept] == log.terms[kept:],
                    "Leader Append-Only",
                )
        for index in range(core.log.base + 1, core.log.last_index + 1):
            here = core.log.term(index - 1), core.log.command(index)
            there = self.entries.setdefault((index, core.log.term(index)), here)
            require(there == here, f"Log Matching: two entries {index} of one term")
        for index in range(commit + 1, core.commit + 1):
            self._commit(core, index)
        services = self.machines[i].service
        require(
            services == [command for _, command in self.committed[: len(services)]],
            "State Machine Safety",
        )
        if role is not Role.LEADER and core.role is Role.LEADER:
            self._count("elections")
            self._check_completeness(core)

    def _commit(self, core: Core, index: int) -> None:
        if index <= core.log.base:
            require(index <= len(self.committed), "a snapshot of what nobody has committed")
            return
        entry = core.log.term(index), core.log.command(index)
        if index > len(self.committed):
            self.committed.append(entry)
            self.committed_in.append(core.term)
            self._count("commits")
        require(self.committed[index - 1] == entry, f"two entries committed at {index}")

    def _check_completeness(self, core: Core) -> None:
        """Leader Completeness: what was committed in earlier terms is in the log of a leader."""
        for index in range(core.log.base + 1, len(self.committed) + 1):
            if self.committed_in[index - 1] < core.term:
                require(
                    core.log.match_term(index, self.committed[index - 1][0]),
                    f"Leader Completeness: {core.me} leads in {core.term} without entry {index}",
                )

    def _count(self, what: str) -> None:
        self.happened[what] = self.happened.get(what, 0) + 1


def require(holds: bool, what: str) -> None:
    if not holds:
        raise Broken(what)


def copy(log: Log) -> Log:
    return Log(log.base, log.base_term, log.terms.copy(), log.commands.copy())


def encode(commands: list[bytes]) -> bytes:
    return b",".join(commands)


def decode(snapshot: bytes) -> list[bytes]:
    return snapshot.split(b",") if snapshot else []


def play(net: Net, plan: list[int]) -> None:
    """Have happen what the numbers of a plan say, each below 2 ** 16.

    Many of them let messages through in order for a while: otherwise nobody would get anywhere.
    """
    for number in plan:
        what, number = number % 32, number // 32
        i = number % net.size
        k = number // net.size % len(net.bag) if net.bag else None
        if what < 10:
            if k is not None:
                net.deliver(k, keep=what == 0)
        elif what < 17:
            net.settle(1 + number % 32)
        elif what < 20:
            net.timer(i)
        elif what < 22 and net.leaders:
            net.timer(net.latest_leader())
        elif what < 27:
            net.command(net.latest_leader() if net.leaders and number % 4 else i)
        elif what < 29:
            net.compact(i, net.machines[i].core.log.base + 1 + number // net.size % 8)
        elif what < 30:
            if k is not None:
                net.drop(k)
        elif what < 31:
            net.cut(number % (2 * net.size))
        else:
            net.crash(i)
