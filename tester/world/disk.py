"""A node's disk: what a crash leaves, and what a power failure takes.

The node works on its own copy, which costs no time: `Disk`. The run also gets each write, and
keeps what will be there after a restart: `Store`. A crash ends the program, and the machine
keeps what was written; a power failure may undo the last writes, but no write that was synced.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Final, NoReturn

from labrpc.errors import TesterError
from tester.engine import current
from tester.engine.errors import SharedState
from tester.engine.node import Event, Node

SYNC_US: Final = 500
"""What a sync takes, in microseconds, as long as the disk is not slow."""
_UNSYNCED: Final = 64
"""The most writes that can be lost: the machine has saved older ones by itself."""
_STR: Final = frozenset({str})
_BYTES: Final = frozenset({bytes})


class Disk:
    """Named files of bytes on a node: what is written is there after a restart.

    A factory is given it as `node.disk`. Reading and writing take no time; `sync` does.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._files: dict[str, bytes] = {}
        self._syncs: dict[int, asyncio.Future[None]] = {}
        self._number = 0

    def read(self, name: str) -> bytes:
        """What was last written to the file; b"" if nothing was."""
        if current.node is not self._node:
            self._refuse()
        return self._files.get(name, b"")

    def write(self, files: Mapping[str, bytes]) -> None:
        """Replace these files: after a failure all of them are as written here, or none is."""
        if current.node is not self._node:
            self._refuse()
        written = dict(files)
        if not ({*map(type, written)} <= _STR and {*map(type, written.values())} <= _BYTES):
            _check_types(written)
        self._files |= written
        self._node.outbox.append(("write", written))

    async def sync(self) -> None:
        """Return when no failure can take back what has been written by now."""
        if current.node is not self._node:
            self._refuse()
        number = self._number = self._number + 1
        future: asyncio.Future[None] = asyncio.Future(loop=self._node.loop)
        self._syncs[number] = future
        self._node.outbox.append(("sync", number))
        await future

    def synced(self, event: Event) -> None:
        """("synced", number): the run says that a sync is done."""
        future = self._syncs.pop(event[1])
        if not future.done():
            future.set_result(None)

    def load(self, event: Event) -> None:
        """("disk", files): the run says what is on the disk when the node starts."""
        self._files = dict(event[1])

    def detach(self) -> None:
        """Break the reference cycles through the node at the end of the run."""
        self._syncs.clear()
        del self._node

    def _refuse(self) -> NoReturn:
        raise SharedState(
            f"the disk of {self._node.name} was used by code on "
            f"{getattr(current.node, 'name', 'no node')}. Nodes share nothing."
        )


def _check_types(files: Mapping[str, bytes]) -> None:
    """Refuse what cannot be written; subclasses of str and of bytes can."""
    for name, data in files.items():
        if not isinstance(name, str) or not isinstance(data, bytes):
            raise TesterError(f"expected bytes for the file {name!r}, got {type(data).__name__}")


class Store:
    """What is on a node's disk, as the run knows it: what is safe, and the latest writes."""

    def __init__(self) -> None:
        self.latency_us = SYNC_US
        self.written = 0
        """How many writes there have been."""
        self.syncs = 0
        """How many syncs have been asked for."""
        self._safe: dict[str, bytes] = {}
        self._unsynced: deque[Mapping[str, bytes]] = deque()

    @property
    def unsynced(self) -> int:
        """How many writes a power failure could undo."""
        return len(self._unsynced)

    def files(self) -> dict[str, bytes]:
        """What the node reads when it starts."""
        files = dict(self._safe)
        for write in self._unsynced:
            files |= write
        return files

    def write(self, files: Mapping[str, bytes]) -> None:
        """The node has written."""
        self.written += 1
        self._unsynced.append(files)
        if len(self._unsynced) > _UNSYNCED:
            self.flush(self.written - _UNSYNCED)

    def sync(self) -> int:
        """The node has asked for a sync; returns how many writes that is to make safe."""
        self.syncs += 1
        return self.written

    def flush(self, written: int) -> None:
        """Make the first `written` writes safe."""
        for _ in range(written - self.written + len(self._unsynced)):
            self._safe |= self._unsynced.popleft()

    def lose(self, count: int) -> int:
        """Undo the last `count` writes, or as many as are unsynced; returns how many.

        The rest becomes safe: a node that has started from it must not lose it later.
        """
        lost = min(count, len(self._unsynced))
        for _ in range(lost):
            _ = self._unsynced.pop()
        self.written -= lost
        self.flush(self.written)
        return lost
