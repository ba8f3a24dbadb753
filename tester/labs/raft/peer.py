"""A peer under test on its node: its Raft, the service above it, and what both tell the run.

The service keeps every command that was applied, and in tests with snapshots hands Raft one after
every tenth. It runs on the peer's node, for a Raft talks to its service without a network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from types import CoroutineType
from typing import Any, ClassVar, Final, Protocol

import msgspec

from raft.api import ApplyMsg, Disk, Persister
from tester.world import submission
from tester.world.probe import Probe

SNAPSHOT_EVERY: Final = 10

_WAITS: Final = object()
_encode = msgspec.msgpack.encode
_Snapshot = msgspec.msgpack.Decoder(tuple[int, list[bytes]])


class RaftPeer(Protocol):
    """A peer as a test sees it: what can be asked of its Raft."""

    async def start(self, command: bytes) -> tuple[int, int, bool]:
        """(index, term, whether it leads): where the command will be, if it is ever committed."""
        ...

    async def get_state(self) -> tuple[int, bool]:
        """(term, whether it leads)."""
        ...


class Peer:
    """One server of a Raft group. What it tells: see `tester.labs.raft.safety`."""

    stands_for: ClassVar = "Raft"

    def __init__(self, me: int, snapshots: bool, disk: Disk, probe: Probe, *ends: object) -> None:
        self._probe = probe
        self._snapshots = snapshots
        self._persister = _Counting(disk)
        self._commands: list[bytes] = []
        """Those applied, from index 1 on."""
        if data := self._persister.read_snapshot():
            self._restore(data)
        probe.tell("started", self._commands)
        self._queue: asyncio.Queue[ApplyMsg] = asyncio.Queue()
        raft = submission.current().get("raft.raft", "Raft")
        self._raft: Any = raft(ends, me, self._persister, self._queue)
        self._state: tuple[int, bool] | None = None
        self._log: tuple[int, int, list[int]] = 0, 0, []
        self._looked_at = -1
        self._killed = False
        self._service = asyncio.get_running_loop().create_task(self._serve(), name="service")
        probe.after_each_step(self._look)

    def services(self) -> list[object]:
        """The handlers are those of the Raft."""
        return [self._raft]

    def start(self, command: bytes) -> tuple[int, int, bool] | Awaitable[tuple[int, int, bool]]:
        """See RaftPeer."""
        return self._raft.start(command)  # type: ignore[no-any-return]

    def get_state(self) -> tuple[int, bool] | Awaitable[tuple[int, bool]]:
        """See RaftPeer."""
        return self._raft.get_state()  # type: ignore[no-any-return]

    def kill(self) -> object:
        """Shut the Raft down."""
        self._killed = True
        return self._raft.kill()

    # -- the service ------------------------------------------------------------------------------

    async def _serve(self) -> None:
        while True:
            msg = await self._queue.get()
            if not isinstance(msg, ApplyMsg):
                raise TypeError(
                    f"the apply queue takes ApplyMsg of raft.api, and a {type(msg).__name__} "
                    "was put into it"
                )
            self._look()
            if msg.snapshot_valid:
                self._probe.tell("installed", msg.snapshot_index, msg.snapshot)
                self._restore(msg.snapshot)
            if msg.command_valid:
                await self._apply(msg.command_index, msg.command)

    async def _apply(self, index: int, command: bytes) -> None:
        self._probe.tell("applied", index, command)
        self._commands.append(command)
        if self._snapshots and (index + 1) % SNAPSHOT_EVERY == 0:
            data = _encode((index, self._commands))
            self._probe.tell("snapshot", index)
            done = self._raft.snapshot(index, data)
            if isinstance(done, CoroutineType):
                await done

    def _restore(self, data: bytes) -> None:
        """Take over what a snapshot says; the run has been told, and judges it."""
        try:
            _, self._commands = _Snapshot.decode(data)
        except msgspec.DecodeError:
            raise ValueError(
                f"Raft delivered a snapshot of {len(data)} bytes that is none of those it was "
                "given by its service"
            ) from None

    # -- what the run is told at the end of each step -----------------------------------------

    def _look(self) -> None:
        if self._killed:
            return
        state = self._raft.get_state()
        if isinstance(state, CoroutineType):
            state = _at_once(state)
        if state is _WAITS:
            self._tell_state(None)
            return
        if not (isinstance(state, tuple) and [type(part) for part in state] == [int, bool]):
            raise TypeError(f"Raft.get_state returned {state!r}, which is no (term, is_leader)")
        # Its log is judged as a leader's from when it leads, and until it leads no more.
        if state[1]:
            self._look_at_log()
            self._tell_state(state)
        else:
            self._tell_state(state)
            self._look_at_log()

    def _tell_state(self, state: tuple[int, bool] | None) -> None:
        if state != self._state:
            self._state = state
            self._probe.tell("state", *(state or ()))

    def _look_at_log(self) -> None:
        """Tell what is new in the log, if the Raft describes it, and has saved since."""
        saved = self._persister.saved
        if saved == self._looked_at:
            return
        self._looked_at = saved
        describe = getattr(self._raft, "describe", None)
        shown = describe() if describe is not None else None
        if not isinstance(shown, dict) or not {"base", "base_term", "terms"} <= shown.keys():
            return
        base, base_term, terms = shown["base"], shown["base_term"], list(shown["terms"])
        old_base, _, old_terms = self._log
        self._log = base, base_term, terms
        known = old_terms[base - old_base :] if base >= old_base else []
        same = len(known) if terms[: len(known)] == known else _common(terms, known)
        if same < max(len(terms), len(known)) or base != old_base:
            self._probe.tell("log", base, base_term, same, terms[same:])


class _Counting(Persister):
    """Counts what is saved: a log that has changed was saved, or need not be looked at yet."""

    def __init__(self, disk: Disk) -> None:
        super().__init__(disk)
        self.saved = 0

    def save(self, raft_state: bytes, snapshot: bytes | None) -> None:
        """See Persister."""
        self.saved += 1
        super().save(raft_state, snapshot)


def _at_once(coro: Coroutine[Any, Any, Any]) -> Any:
    """What the coroutine returns without waiting; if it has to wait, for a lock say, _WAITS."""
    try:
        coro.send(None)
    except StopIteration as done:
        return done.value
    coro.close()
    return _WAITS


def _common(one: list[int], other: list[int]) -> int:
    """How many first elements two lists have in common."""
    for at, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return at
    return min(len(one), len(other))
