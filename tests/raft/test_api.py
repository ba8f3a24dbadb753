"""The Persister: both files or none, and no sync more than is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from raft.api import Persister


class Disk:
    """A disk on which a sync ends when the test says so."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.writes: list[tuple[str, ...]] = []
        self.syncs = 0
        self.may_end = asyncio.Event()

    def read(self, name: str) -> bytes:
        return self.files.get(name, b"")

    def write(self, files: Mapping[str, bytes]) -> None:
        self.writes.append(tuple(files))
        self.files.update(files)

    async def sync(self) -> None:
        self.syncs += 1
        _ = await self.may_end.wait()


def test_state_and_snapshot_are_written_together_and_read_by_the_next_incarnation() -> None:
    disk = Disk()
    first = Persister(disk)
    assert (first.read_raft_state(), first.read_snapshot()) == (b"", b"")
    assert (first.raft_state_size(), first.snapshot_size()) == (0, 0)
    first.save(b"state", b"snap")
    assert [len(names) for names in disk.writes] == [2], "in one write"
    again = Persister(disk)
    assert (again.read_raft_state(), again.read_snapshot()) == (b"state", b"snap")
    assert (again.raft_state_size(), again.snapshot_size()) == (5, 4)
    again.save(b"later", b"")
    assert (again.raft_state_size(), again.snapshot_size()) == (5, 0)


def test_a_sync_covers_what_was_saved_before_it_and_nothing_later() -> None:
    async def script() -> None:
        disk = Disk()
        persister = Persister(disk)
        await persister.sync()
        assert disk.syncs == 0, "nothing was saved"
        persister.save(b"1", b"")
        syncing = asyncio.ensure_future(persister.sync())
        await asyncio.sleep(0)
        persister.save(b"2", b"")
        disk.may_end.set()
        await syncing
        assert disk.syncs == 1
        await persister.sync()
        assert disk.syncs == 2, "the second save came after the first sync had begun"
        await persister.sync()
        assert disk.syncs == 2, "all is safe"

    asyncio.run(script())
