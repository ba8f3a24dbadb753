"""Scenarios of Raft as text: commands, and beneath them what came of it, as etcd tests its Raft.

A file is a list of blocks with empty lines in between. A block has comments (`# ...`), commands, a
line `----`, and their output. The commands:

    peers N                 N new peers, s0 and so on, with empty logs, in term 0
    log s1 1 1 4 term 6     entries of these terms in its log, and its current term (else the last)
    timeout s0              its timer runs out: an election, or a heartbeat if it leads
    start s0 x              a client gives it the command x
    deliver #3 s0->s1       these messages arrive, in this order: by number, or the oldest one
    repeat #3               likewise, and it may arrive once more
    drop #3                 it never arrives; without messages, nothing that is under way does
    settle s0 s1            all messages among these peers arrive, oldest first, and what follows
                            from them; without peers, all messages. Tells no message but those left
    snapshot s0 3           its service has a snapshot of all up to index 3
    crash s0                it starts anew with what it saved; calls it had made are forgotten
    show                    a line for each peer

After each step all properties of `tests.raft.net` are checked.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from raft.core import Core
from raft.events import Command, Event, Ready
from raft.events import TimerExpired as Timer
from raft.log import Log
from raft.messages import (
    AppendEntriesArgs,
    AppendEntriesReply,
    Entry,
    InstallSnapshotArgs,
    RequestVoteArgs,
    RequestVoteReply,
)
from raft.state import Saved
from tests.raft.net import SAVED, Machine, Message, Net


@dataclass
class Block:
    """Commands and what they are expected to print, as in the file."""

    comments: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    output: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        done = ["----", *self.output] if self.commands else []
        return "\n".join([*self.comments, *self.commands, *done])


def parse(text: str) -> list[Block]:
    """The blocks of a file."""
    blocks = []
    for paragraph in text.strip().split("\n\n"):
        lines = paragraph.split("\n")
        block = Block()
        while lines and lines[0].startswith("#"):
            block.comments.append(lines.pop(0))
        cut = lines.index("----") if "----" in lines else len(lines)
        block.commands, block.output = lines[:cut], lines[cut + 1 :]
        blocks.append(block)
    return blocks


def run(text: str) -> str:
    """The file as it should be: each block with the output that its commands have."""
    stage = Stage(0)
    blocks = parse(text)
    for block in blocks:
        block.output = []
        for command in block.commands:
            word, *args = command.split()
            if word == "peers":
                stage = Stage(int(args[0]))
            else:
                try:
                    block.output += stage.perform(word, *args)
                except ValueError as error:
                    raise ValueError(f"{block.commands}: {error}; so far: {stage.told}") from error
    return "\n\n".join(map(str, blocks)) + "\n"


class Stage(Net):
    """A network that tells what happens in it."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.told: list[str] = []
        self.known: list[Message] = []  # those that were told of
        self.quiet = False

    def perform(self, word: str, *args: str) -> list[str]:
        """Do what a command says; return what it prints. Raises ValueError if it says nothing."""
        self.told = []
        match word, args:
            case "log", (who, *terms):
                self._set_log(peer(who), terms)
            case "timeout", [who]:
                self.step(peer(who), Timer())
            case "start", [who, what]:
                self.step(peer(who), Command(what.encode()))
            case "drop", []:
                self.bag.clear()
            case (("deliver" | "repeat" | "drop"), _):
                for which in args:
                    self._handle(word, self._find(which))
            case "settle", _:
                self._settle([peer(who) for who in args] or list(range(self.size)))
            case "snapshot", [who, index]:
                self.compact(peer(who), int(index))
            case "crash", [who]:
                self.crash(peer(who))
            case "show", []:
                self.told += map(line, self.machines)
            case _:
                raise ValueError(f"this is no command: {word} {' '.join(args)}")
        return self.told

    def step(self, i: int, event: Event) -> Ready:
        core = self.machines[i].core
        before = core.role, core.term
        waiting = len(self.bag)
        ready = super().step(i, event)
        if (core.role, core.term) != before:
            self.told.append(f"s{i} is a {core.role} in term {core.term}")
        if ready.save and not self.quiet:
            self.told.append(f"s{i} saves")
        for message in ready.apply:
            if message.snapshot_valid:
                self.told.append(f"s{i} applies a snapshot of all up to {message.snapshot_index}")
        if entries := [message.command_index for message in ready.apply if message.command_valid]:
            until = f" to {entries[-1]}" if len(entries) > 1 else ""
            self.told.append(f"s{i} applies {entries[0]}{until}")
        self._tell_of(self.bag[waiting:])
        return ready

    def deliver(self, k: int, *, keep: bool = False) -> None:
        is_request = self.bag[k].reply is None
        super().deliver(k, keep=keep)
        if is_request:
            self._tell_of(self.bag[-1:])

    def _tell_of(self, messages: list[Message]) -> None:
        for message in () if self.quiet else messages:
            number = self._number(message)
            self.told.append(f"#{number} s{message.sender} -> s{message.to} {tell(message)}")

    def _find(self, which: str) -> int:
        """Where in the bag the message is that is meant by #3, or by s0->s1."""
        for k, message in enumerate(self.bag):
            number = f"#{self._number(message)}"
            if which in (number, f"s{message.sender}->s{message.to}"):
                return k
        raise ValueError(f"no such message is under way: {which}")

    def _number(self, message: Message) -> int:
        """The number it is told by, from 1 on."""
        if message not in self.known:
            self.known.append(message)
        return self.known.index(message) + 1

    def _handle(self, how: str, k: int) -> None:
        if how == "drop":
            self.drop(k)
        else:
            self.deliver(k, keep=how == "repeat")

    def _settle(self, among: list[int]) -> None:
        self.quiet = True
        while within := [m for m in self.bag if m.sender in among and m.to in among]:
            self.deliver(self.bag.index(within[0]))
        self.quiet = False
        self._tell_of([message for message in self.bag if message not in self.known])

    def _set_log(self, i: int, words: list[str]) -> None:
        where = words.index("term") if "term" in words else len(words)
        log = Log()
        for index, term in enumerate(map(int, words[:where]), 1):
            log.append(Entry(term, b"%d of %d" % (index, term)))
        machine = self.machines[i]
        machine.core = Core(i, self.size, Saved(int(words[-1]), None, log))
        machine.disk = SAVED.encode(machine.core.saved()), b""


def peer(name: str) -> int:
    return int(name.removeprefix("s"))


def line(machine: Machine) -> str:
    """All there is to know of a peer, as a line."""
    core = machine.core
    log = core.log
    discarded = f"(1 to {log.base}: snapshot) " if log.base else ""
    return (
        f"s{core.me} {core.role:9} term {core.term}  voted for "
        f"{'-' if core.voted_for is None else f's{core.voted_for}':2}  commit {core.commit}  log "
        f"{discarded}{' '.join(map(str, log.terms))}"
    ).rstrip()


def tell(message: Message) -> str:
    """A message in a few words."""
    match message.reply or message.args:
        case RequestVoteArgs(term, _, last, last_term):
            return f"RequestVote in term {term}, last entry {last} of term {last_term}"
        case AppendEntriesArgs(term, _, prev, prev_term, entries, commit):
            what = "".join(f" {entry.term}" for entry in entries) or " nothing"
            return (
                f"AppendEntries in term {term}, after {prev} of term {prev_term}:{what}; "
                f"commit {commit}"
            )
        case InstallSnapshotArgs(term, _, index, last_term, _):
            return f"InstallSnapshot in term {term}, up to {index} of term {last_term}"
        case RequestVoteReply(term, granted):
            return f"{'granted' if granted else 'refused'} in term {term}"
        case AppendEntriesReply(term, success, index, index_term):
            if success:
                return f"agreed in term {term}"
            hint = f"; may agree at {index} of term {index_term}"
            return f"refused in term {term}{hint if term == message.args.term else ''}"
    return f"answered in term {message.reply.term}"
