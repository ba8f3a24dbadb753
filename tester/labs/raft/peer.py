"""A peer under test on its node: its Raft, the service above it, and what both tell the run.

The service keeps every command that was applied, and in tests with snapshots hands Raft one at
its own pace. It runs on the peer's node, because a Raft talks to its service without a network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from types import CoroutineType
from typing import Any, ClassVar, Final, NamedTuple, Protocol

import msgspec

from raft.api import ApplyMsg, Disk, Persister
from tester.world import submission
from tester.world.operation import WrongResult, place_of
from tester.world.probe import Probe

# It observes the code under test: see tester.guard.origin.
__harness__ = True

SNAPSHOT_EVERY: Final = 10


class Pace(NamedTuple):
    """How often a service makes a snapshot, and when it hands it to Raft."""

    every: int
    """The number of commands between two snapshots; 0: none are made."""
    first: int
    """The index of the first one."""
    late_ms: int = 0
    """How long it goes on applying commands before Raft gets the snapshot."""


NEVER: Final = Pace(0, 0)
AS_IN_THE_COURSE: Final = Pace(SNAPSHOT_EVERY, SNAPSHOT_EVERY - 1)

LONGEST_LOG: Final = 1_000_000
LONG_LOG: Final = 200
"""A log of this many entries or more is compared only when something has been saved."""

_FACTS: Final = ("term", "voted_for", "commit")
_WAITS: Final = object()
_encode = msgspec.msgpack.encode
decode_snapshot: Final = msgspec.msgpack.Decoder(tuple[int, list[bytes]]).decode
"""What the service has made of the index and all commands up to it."""


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

    def __init__(
        self, me: int, pace: Sequence[int], disk: Disk, probe: Probe, *ends: object
    ) -> None:
        self._probe = probe
        self._pace = Pace(*pace)
        self._handing_over: set[asyncio.Task[None]] = set()
        self._n = len(ends)
        self._persister = _Watching(disk, probe)
        self._commands: list[bytes] = []
        """Those applied, from index 1 on."""
        if data := self._persister.read_snapshot():
            self._commands = _commands(data, "after a restart, the persister had")
        probe.report("started", self._commands)
        self._queue: asyncio.Queue[ApplyMsg] = asyncio.Queue()
        raft = submission.current().get("raft.raft", "Raft")
        self._raft: Any = raft(ends, me, self._persister, self._queue)
        self._state: tuple[int, bool] | None = None
        self._log: tuple[int, int, list[int]] = 0, 0, []
        self._looked_at = -1
        self._settled = True
        self._commit = 0
        self._vote: tuple[int, int | None] = 0, None
        self._facts: tuple[int, int, int] | None = None
        self._killed = False
        self._service = asyncio.get_running_loop().create_task(self._serve(), name="service")
        probe.after_each_step(self._look)

    @property
    def behind(self) -> object:
        """Who really does what a test asks of the peer."""
        return self._raft

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
        try:
            while True:
                await self._take(await self._queue.get())
        except BaseException as error:  # noqa: BLE001 - the user's, whatever it is
            self._probe.fail(error, "while its service took what was put into the apply queue")

    async def _take(self, msg: ApplyMsg) -> None:
        _check(msg)
        self._look()
        if msg.snapshot_valid:
            self._probe.report("installed", msg.snapshot_index, msg.snapshot)
            self._commands = _commands(msg.snapshot, "Raft delivered")
        if msg.command_valid:
            await self._apply(msg.command_index, msg.command)

    async def _apply(self, index: int, command: bytes) -> None:
        self._probe.report("applied", index, command)
        self._commands.append(command)
        every, first, late_ms = self._pace
        if every and index >= first and (index - first) % every == 0:
            data = _encode((index, self._commands))
            if late_ms:
                task = asyncio.get_running_loop().create_task(
                    self._hand_over_late(index, data, late_ms / 1_000), name="late snapshot"
                )
                self._handing_over.add(task)
                task.add_done_callback(self._handing_over.discard)
            else:
                await self._hand_over(index, data)

    async def _hand_over_late(self, index: int, data: bytes, after_s: float) -> None:
        await asyncio.sleep(after_s)
        try:
            if not self._killed:
                await self._hand_over(index, data)
        except BaseException as error:  # noqa: BLE001 - the user's, whatever it is
            self._probe.fail(error, "while its service handed over a snapshot")

    async def _hand_over(self, index: int, data: bytes) -> None:
        self._probe.report("snapshot", index)
        done = self._raft.snapshot(index, data)
        if isinstance(done, CoroutineType):
            await done

    # -- what the run is told at the end of each step -----------------------------------------

    def _look(self) -> None:
        if self._killed:
            return
        state = state_of(self._raft)
        if state is None:
            self._report_state(None)
            return
        # Its log is judged as a leader's from when it leads, and until it leads no more.
        if state[1]:
            self._look_at_log()
            self._report_state(state)
        else:
            self._report_state(state)
            self._look_at_log()

    def _report_state(self, state: tuple[int, bool] | None) -> None:
        if state != self._state:
            self._state = state
            self._probe.report("state", *(state or ()))

    def _look_at_log(self) -> None:
        """Tell what is new in the log and beside it, if the Raft describes itself.

        It may save a log first and take it over later, when the save is safe. So after a save a
        log is looked at until it has changed.
        """
        saved = self._persister.saved
        if saved != self._looked_at:
            self._looked_at, self._settled = saved, False
        elif self._settled and len(self._log[2]) >= LONG_LOG:
            return
        shown = self._described()
        if shown is None:
            return
        self._look_at_commit(shown.get("commit"))
        self._look_at_vote(shown.get("term"), shown.get("voted_for"))
        self._report_log(self._log_of(shown))
        self._report_facts(shown)

    def _report_log(self, described: tuple[int, int, list[int]]) -> None:
        if described == self._log:
            return
        self._settled = True
        base, base_term, terms = described
        old_base, _, old_terms = self._log
        self._log = described
        known = old_terms[base - old_base :] if base >= old_base else []
        same = len(known) if terms[: len(known)] == known else _common(terms, known)
        if same < max(len(terms), len(known)) or base != old_base:
            new = terms[same:]
            if {*map(type, new)} - {int}:
                raise self._wrong("describe", "returned terms or a base that are no int")
            if not 0 <= min(base, base_term, *new) <= max(base, base_term, *new) < 1 << 63:
                raise self._wrong("describe", "returned terms or a base out of range")
            self._probe.report("log", base, base_term, same, new)

    def _report_facts(self, shown: dict[str, Any]) -> None:
        """Tell of its term, vote and commit index, when one has changed: -1 for none."""
        term, vote, commit = (_number(shown.get(name)) for name in _FACTS)
        if (term, vote, commit) != self._facts:
            self._facts = term, vote, commit
            self._probe.report("facts", term, vote, commit)

    def _look_at_commit(self, commit: object) -> None:
        if type(commit) is int:
            if commit < self._commit:
                self._probe.report("back", self._commit, commit)
            self._commit = commit

    def _look_at_vote(self, term: object, vote: object) -> None:
        """Tell of a second vote in a term; what is no server's number says that there is none."""
        if type(term) is not int or type(vote) is not int or not 0 <= vote < self._n:
            return
        voted_in, before = self._vote
        if voted_in == term and before is not None and before != vote:
            self._probe.report("voted", term, before, vote)
        self._vote = term, vote

    def _described(self) -> dict[str, Any] | None:
        """What the Raft shows, if its log is there."""
        describe = getattr(self._raft, "describe", None)
        shown = describe() if describe is not None else None
        if type(shown) is not dict or not {"base", "base_term", "terms"} <= shown.keys():
            return None
        return shown

    def _log_of(self, shown: dict[str, Any]) -> tuple[int, int, list[int]]:
        """Base, its term, and the terms after it."""
        base, base_term, terms = shown["base"], shown["base_term"], shown["terms"]
        if type(base) is not int or type(base_term) is not int:
            raise self._wrong("describe", "returned terms or a base that are no int")
        if type(terms) is not list or len(terms) > LONGEST_LOG:
            raise self._wrong(
                "describe", f"returned as terms no list of at most {LONGEST_LOG} integers"
            )
        return base, base_term, terms.copy()

    def _wrong(self, method: str, did: str) -> WrongResult:
        return _wrong(self._raft, method, did)


def state_of(raft: Any) -> tuple[int, bool] | None:
    """The term of a Raft, and whether it leads; None if it cannot say so without waiting."""
    state = raft.get_state()
    if type(state) is tuple and len(state) == 2:
        term, leads = state
        if type(term) is int and type(leads) is bool and 0 <= term < 1 << 63:
            return term, leads
    if isinstance(state, CoroutineType):
        state = _at_once(state)
    if state is _WAITS:
        return None
    if not (isinstance(state, tuple | list) and [*map(type, state)] == [int, bool]):
        raise _wrong(raft, "get_state", f"returned {state!r}, which is no (term, is_leader)")
    term, leads = state
    if not 0 <= term < 1 << 63:
        raise _wrong(raft, "get_state", f"returned the term {term}")
    return term, leads


def _wrong(raft: object, method: str, did: str) -> WrongResult:
    """What is wrong with an answer of a Raft's, and where the method is."""
    return WrongResult(f"{place_of(raft, method)}Raft.{method} {did}")


class _Watching(Persister):
    """Counts what is saved: a log that has changed was saved, or need not be looked at yet.

    And tells when a save replaces a snapshot by none, or by one that covers less.
    """

    def __init__(self, disk: Disk, probe: Probe) -> None:
        super().__init__(disk)
        self.saved = 0
        self._probe = probe
        self._snapshot = self.read_snapshot()
        self._covers = _covers(self._snapshot)

    def save(self, raft_state: bytes, snapshot: bytes | None) -> None:
        """See Persister."""
        self.saved += 1
        super().save(raft_state, snapshot)
        if snapshot is not self._snapshot and snapshot != self._snapshot:
            before, self._covers = self._covers, _covers(snapshot or b"")
            self._snapshot = snapshot or b""
            if self._covers < before:
                self._probe.report("unsaved", before, self._covers)

    save.__qualname__ = "Persister.save"  # for who calls it with too few arguments


def _number(value: object) -> int:
    """An index, a term or a server's number as it can be told; -1 for what is none."""
    return value if type(value) is int and 0 <= value < 1 << 63 else -1


def _covers(snapshot: bytes) -> int:
    """Up to which index a snapshot goes; 0 for none, or for what is none of the service's."""
    try:
        return decode_snapshot(snapshot)[0] if snapshot else 0
    except msgspec.DecodeError:
        return 0


def _check(msg: object) -> None:
    """Raise unless the run can be told of what was put into the apply queue."""
    if not isinstance(msg, ApplyMsg):
        cls = type(msg)
        module = "" if cls.__module__ == "builtins" else f" of {cls.__module__}"
        raise WrongResult(
            f"the apply queue takes ApplyMsg of raft.api, and {cls.__name__}{module} was put into "
            "it: put ApplyMsg(command_valid=True, command=..., command_index=...)"
        )
    for name, wanted, used in (
        ("command", bytes, msg.command_valid),
        ("command_index", int, msg.command_valid),
        ("snapshot", bytes, msg.snapshot_valid),
        ("snapshot_index", int, msg.snapshot_valid),
    ):
        value = getattr(msg, name)
        if used and type(value) is not wanted:
            raise WrongResult(
                f"an ApplyMsg was put into the apply queue whose {name} is of type "
                f"{type(value).__name__}, not {wanted.__name__}"
            )
        if used and wanted is int and not 0 <= value < 1 << 63:
            raise WrongResult(f"an ApplyMsg was put into the apply queue whose {name} is no index")


def _commands(snapshot: bytes, whose: str) -> list[bytes]:
    """What a snapshot says; of one that was delivered, the run has been told, and judges it."""
    try:
        return decode_snapshot(snapshot)[1]
    except msgspec.DecodeError:
        raise WrongResult(
            f"{whose} a snapshot of {len(snapshot)} bytes that is none of those the service has "
            "made"
        ) from None


def _at_once(coro: Coroutine[Any, Any, Any]) -> Any:
    """What the coroutine returns without waiting; if it has to wait, for a lock say, _WAITS.

    It runs in no task here, of which asyncio complains by RuntimeError if it is asked for one. A
    test that asks for the state runs it in one.
    """
    try:
        coro.send(None)
    except StopIteration as done:
        return done.value
    except RuntimeError:
        return _WAITS
    try:
        coro.close()
    except RuntimeError:  # it does not let itself be closed
        return _WAITS
    return _WAITS


def _common(one: list[int], other: list[int]) -> int:
    """How many first elements two lists have in common."""
    for at, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return at
    return min(len(one), len(other))
