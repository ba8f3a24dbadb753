"""The interface between a Raft peer and its service: a fixed API file, the same for everyone.

`ApplyMsg` is what a peer hands to the service above it, `Persister` is what it keeps over a crash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

# This module is the same for everybody: no submission replaces it.
__fixed__ = True

STATE: Final = "raft-state"
SNAPSHOT: Final = "snapshot"


@dataclass(frozen=True, slots=True)
class ApplyMsg:
    """One thing for the service to take over: a committed command, or a snapshot.

    A peer puts them into the queue it was built with, in the order of the log: each index once,
    and a snapshot in the place of all that it covers. The queue has no limit.
    """

    command_valid: bool = False
    command: bytes = b""
    command_index: int = 0
    """The place of the command in the log; the first one is 1."""

    snapshot_valid: bool = False
    snapshot: bytes = b""
    snapshot_term: int = 0
    """The term of the last entry that the snapshot covers."""
    snapshot_index: int = 0
    """The index of the last entry that the snapshot covers."""


class Disk(Protocol):
    """Named files, replaced together or not at all: what a Persister needs of a disk."""

    def read(self, name: str) -> bytes:
        """What was last written to the file; b"" if nothing was."""
        ...

    def write(self, files: Mapping[str, bytes]) -> None:
        """Replace these files."""
        ...

    async def sync(self) -> None:
        """Return when no failure can take back what has been written by now."""
        ...


class Persister:
    """What a peer has saved: its Raft state and its snapshot, always those of one `save`.

    A crash takes nothing that was saved. Only a power failure, in tests that say so, may take the
    last saves: unless `sync` has returned since.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._saved = 0
        self._synced = 0

    def save(self, raft_state: bytes, snapshot: bytes | None) -> None:
        """Replace both, atomically; takes no time. None or b"": there is no snapshot.

        Raises TypeError for what is not bytes.
        """
        for name, data in (("raft_state", raft_state), ("snapshot", snapshot or b"")):
            if not isinstance(data, bytes):
                raise TypeError(
                    f"Persister.save: expected bytes for {name}, got {type(data).__name__}: "
                    "encode it first"
                )
        self._saved += 1
        self._disk.write({STATE: raft_state, SNAPSHOT: snapshot or b""})

    async def sync(self) -> None:
        """Return when nothing that has been saved by now can be lost; at once if that is so."""
        saved = self._saved
        if self._synced < saved:
            await self._disk.sync()
            self._synced = max(self._synced, saved)

    def read_raft_state(self) -> bytes:
        """The Raft state that was saved last, also by an earlier incarnation; b"" if none was."""
        return self._disk.read(STATE)

    def read_snapshot(self) -> bytes:
        """The snapshot that was saved last, also by an earlier incarnation; b"" if none was."""
        return self._disk.read(SNAPSHOT)

    def raft_state_size(self) -> int:
        """Bytes of the Raft state."""
        return len(self.read_raft_state())

    def snapshot_size(self) -> int:
        """Bytes of the snapshot."""
        return len(self.read_snapshot())
