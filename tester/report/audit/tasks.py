"""The tasks of a MapReduce job, as its trace shows them: who mapped and reduced what.

A submission defines its own messages, so none is looked into. What is known is which node read,
wrote and renamed which file, when an app mapped a file, and when a node sent something.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tester.world.events import Does, FileOp, OfNode, Reply, Send
from tester.world.files import MISSING
from tester.world.history import seconds
from tester.world.run import Outcome

_MAPS, _COMPLETES = "maps ", "completes "


@dataclass
class Task:
    """What one node did between two tasks: it mapped one file, or reduced one partition."""

    node: str
    place: int
    """The place in the trace at which it was seen to begin."""
    time_us: int
    rpc: int | None
    """The last request that its node had had an answer to; that of another is not ruled out."""
    file: str = ""
    """The input file, if it is a map."""
    reads: list[Read] = field(default_factory=list)
    output: str = ""
    """The output file that it completed, if it is a reduce that did."""
    output_writer: str = ""
    """Who had last written the file that it gave this name; "" if that is not known."""
    completed: int | None = None
    called: int | None = None
    """Where its node sent something again: after a map that is done or a reduce, a report."""
    crashed: int | None = None
    """Where its node crashed before that."""

    @property
    def given(self) -> str:
        """The answer it may have come with: " (#7)"."""
        return "" if self.rpc is None else f" (#{self.rpc})"

    @property
    def began(self) -> str:
        """When it began: "1.250 s"."""
        return f"{seconds(self.time_us)} s"


@dataclass(frozen=True)
class Stored:
    """A file as it was last written, if nobody wrote to it at the same time."""

    writer: str
    place: int
    time_us: int
    checksum: str
    task: Task | None
    """The map that it comes of, if its writer was at one."""
    written_as: str
    lasts: bool = False
    """Whether it has been renamed, and so survives a crash of its writer."""


@dataclass(frozen=True)
class Read:
    """One read of a file that some node was to have written."""

    place: int
    time_us: int
    name: str
    outcome: str
    stored: Stored | None
    lost: tuple[Stored, int] | None
    """What was there before a crash, and when that was: the place of the crash."""

    @property
    def is_missing(self) -> bool:
        """Whether there was no such file."""
        return self.outcome == MISSING

    @property
    def is_whole(self) -> bool:
        """Whether it gave what was last written."""
        return self.stored is not None and self.stored.checksum == self.outcome


class Tasks:
    """All tasks of a run, in the order in which they began."""

    def __init__(self, outcome: Outcome) -> None:
        self.maps: list[Task] = []
        self.reduces: list[Task] = []
        self.writes: list[tuple[int, str, str]] = []
        """The place, the node and the name of each write that came to its end."""
        self.clashes: dict[str, tuple[Task, Task]] = {}
        """The files that maps of two inputs have written, the second over the first."""
        self.in_hand: list[tuple[str, int, int]] = []
        """The node, an answer, and the place of its crash, before it was seen to do anything."""
        self._files: dict[str, Stored] = {}
        self._lost: dict[str, tuple[Stored, int]] = {}
        self._now: dict[str, Task] = {}
        self._last: dict[str, Task] = {}
        """The latest task of each node, as long as its node has not sent anything since."""
        self._heard: dict[str, int] = {}
        self._idle: set[str] = set()
        """The nodes that have had an answer and not been seen to do anything since."""
        self._at_once: set[str] = set()
        """The nodes that were seen at two maps at once: what they write is of either."""
        self._renamed_by: dict[str, str] = {}
        self._senders = outcome.senders
        events = outcome.events
        self._made = {
            event.other or event.name
            for event in events
            if isinstance(event, FileOp) and event.method in {"write", "rename"}
        }
        self._inputs = {
            event.what.removeprefix(_MAPS)
            for event in events
            if isinstance(event, Does) and event.what.startswith(_MAPS)
        }
        for place, event in enumerate(events):
            match event:
                case FileOp():
                    self._file(place, event)
                case Does(node=node, what=what):
                    self._does(place, event.time_us, node, what)
                case Reply(rpc=rpc):
                    self._heard[self._senders[rpc].node] = rpc
                    self._idle.add(self._senders[rpc].node)
                case Send(rpc=rpc):
                    self._sends(place, self._senders[rpc].node)
                case OfNode(node=node, kind="crash" | "stop"):
                    self._crashes(place, node)
                case _:
                    pass

    def of_file(self, file: str) -> list[Task]:
        """All maps of an input file."""
        return [task for task in self.maps if task.file == file]

    @property
    def files(self) -> list[str]:
        """The input files that were mapped at any time, in the order in which they first were."""
        return list(dict.fromkeys(task.file for task in self.maps))

    def _does(self, place: int, time_us: int, node: str, what: str) -> None:
        if what.startswith(_MAPS):
            file = what.removeprefix(_MAPS)
            task = Task(node, place, time_us, self._heard.get(node), file)
            before = self._last.get(node)
            if before is not None and before.completed is None and before.file not in {"", file}:
                self._at_once.add(node)
            self._now[node] = self._last[node] = task
            self._idle.discard(node)
            self.maps.append(task)
        elif what.startswith(_COMPLETES):
            task = self._reduce(place, time_us, node)
            task.output = what.removeprefix(_COMPLETES)
            task.output_writer = self._renamed_by.get(task.output, "")
            task.completed = place
            _ = self._now.pop(node)

    def _reduce(self, place: int, time_us: int, node: str) -> Task:
        """The reduce that a node is at, from now on if it was at none."""
        task = self._now.get(node)
        if task is None or task.file:
            task = Task(node, place, time_us, self._heard.get(node))
            self._now[node] = self._last[node] = task
            self._idle.discard(node)
            self.reduces.append(task)
        return task

    def _file(self, place: int, event: FileOp) -> None:
        node, name = event.node, event.name
        if event.method == "write":
            self.writes.append((place, node, name))
            task = self._now.get(node)
            mapping = task is not None and task.file and node not in self._at_once
            source = task if mapping else None
            self._stores(name, Stored(node, place, event.time_us, event.outcome, source, name))
        elif event.method == "remove":
            _ = self._files.pop(name, None)
        elif event.method == "rename" and event.outcome != MISSING:
            stored = self._files.pop(name, None)
            if stored is not None:
                self._stores(event.other, replace(stored, lasts=True))
                self._renamed_by[event.other] = stored.writer
        elif event.method == "read" and self._is_between(event):
            found = Read(
                place,
                event.time_us,
                name,
                event.outcome,
                self._files.get(name),
                self._lost.get(name),
            )
            self._reduce(place, event.time_us, node).reads.append(found)

    def _stores(self, name: str, new: Stored) -> None:
        """Take note of what a file contains now."""
        old = self._files.get(name)
        if old is not None and old.task and new.task and old.task.file != new.task.file:
            self.clashes[name] = old.task, new.task
        self._files[name] = new

    def _is_between(self, event: FileOp) -> bool:
        """Whether it reads what some node made, or was to make, and no input."""
        if event.name in self._inputs:
            return False
        return event.name in self._made or event.outcome == MISSING

    def _sends(self, place: int, node: str) -> None:
        self._idle.discard(node)
        task = self._last.pop(node, None)
        if task is not None:
            task.called = place

    def _crashes(self, place: int, node: str) -> None:
        for name, stored in list(self._files.items()):
            if stored.writer == node and not stored.lasts:
                self._lost[name] = self._files.pop(name), place
        task = self._last.pop(node, None)
        if task is not None:
            task.crashed = place
        if node in self._idle:
            self._idle.discard(node)
            self.in_hand.append((node, self._heard[node], place))
        _ = self._now.pop(node, None)
