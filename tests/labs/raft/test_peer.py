"""The harness on a peer's node: what it makes of what a Raft does, right or wrong."""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import Any, ClassVar

import pytest

from raft.api import ApplyMsg
from tester import Simulation
from tester.labs.raft.cluster import RaftCluster
from tester.labs.raft.peer import NEVER, Pace, decode_snapshot
from tester.labs.raft.verdicts import CommitWentBack, SnapshotLost
from tester.world.failure import HandlerCrashed
from tests.labs.raft.rafts import Solo, with_raft


async def one_command(sim: Simulation) -> None:
    raft = RaftCluster(sim, 1, snapshots=True)
    _ = await raft.one(b"x", 1)


def crash(raft: type) -> HandlerCrashed:
    error = with_raft(raft, one_command).error
    assert isinstance(error, HandlerCrashed), error
    return error


class PutsAnything(Solo):
    def start(self, command: bytes) -> tuple[int, int, bool]:
        self.apply.put_nowait(command)  # type: ignore[arg-type]
        return 1, 1, True


def test_what_is_no_apply_msg_is_named() -> None:
    assert crash(PutsAnything).failure.message == (
        "the apply queue takes ApplyMsg of raft.api, and bytes was put into it: put "
        "ApplyMsg(command_valid=True, command=..., command_index=...)"
    )


class SavesText(Solo):
    def start(self, command: bytes) -> tuple[int, int, bool]:
        self.persister.save("state", None)  # type: ignore[arg-type]
        return 1, 1, True


class SavesOne(Solo):
    def start(self, command: bytes) -> tuple[int, int, bool]:
        self.persister.save(b"state")  # type: ignore[call-arg]
        return 1, 1, True


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (
            SavesText,
            "Persister.save: expected bytes for raft_state, got str: encode it first",
        ),
        (SavesOne, "Persister.save() missing 1 required positional argument: 'snapshot'"),
    ],
)
def test_what_cannot_be_saved_is_told_of_the_call(made: type, sentence: str) -> None:
    failure = crash(made).failure
    assert (failure.kind, failure.message) == ("TypeError", sentence)
    assert "self.persister.save(" in [f.text for f in failure.frames if f.file == __file__][-1]


class DeliversJunk(Solo):
    def start(self, command: bytes) -> tuple[int, int, bool]:
        self.apply.put_nowait(
            ApplyMsg(snapshot_valid=True, snapshot=b"junk", snapshot_index=1, snapshot_term=1)
        )
        return 1, 1, True


def test_what_is_no_snapshot_is_named() -> None:
    error = with_raft(DeliversJunk, one_command).error
    assert str(error).endswith("a snapshot up to 1 that no service has made: 4 bytes, 'junk'")


class SavesJunk(Solo):
    def snapshot(self, index: int, data: bytes) -> None:
        self.persister.save(b"", b"junk")


def test_a_snapshot_that_was_not_kept_is_missed_after_a_restart() -> None:
    async def test(sim: Simulation) -> None:
        raft = RaftCluster(sim, 1, snapshots=True)
        for i in range(9):
            _ = await raft.one(b"%d" % i, 1)
        raft.servers.crash(0)
        raft.restart(0)
        await asyncio.sleep(1)

    error = with_raft(SavesJunk, test).error
    assert isinstance(error, HandlerCrashed)
    assert error.failure.message == (
        "after a restart, the persister had a snapshot of 4 bytes that is none of those the "
        "service has made"
    )


@pytest.mark.parametrize("said", [None, (1,), ("1", True), (1, 1), (True, True), [1]])
def test_what_is_no_state_is_named(said: Any) -> None:
    class Vague(Solo):
        def get_state(self) -> Any:
            return said

    assert re.fullmatch(
        rf".*test_peer.py:\d+: Raft.get_state returned {re.escape(repr(said))}, "
        r"which is no \(term, is_leader\)",
        crash(Vague).failure.message,
    )


def test_what_start_returns_is_checked() -> None:
    class Vague(Solo):
        def start(self, command: bytes) -> Any:
            return 1, 1

    assert re.fullmatch(
        r".*test_peer.py:\d+: Raft.start must return tuple\[int, int, bool\]: 3 items, got 2",
        crash(Vague).failure.message,
    )


class Forgetful(Solo):
    """Saves no snapshot with its log: after a restart there is neither."""

    def start(self, command: bytes) -> tuple[int, int, bool]:
        self.persister.save(command, None)
        return super().start(command)


def test_a_snapshot_must_be_saved_again_with_whatever_else_is_saved() -> None:
    async def test(sim: Simulation) -> None:
        raft = RaftCluster(sim, 1, snapshots=True)
        for i in range(11):
            _ = await raft.one(b"%d" % i, 1)

    error = with_raft(Forgetful, test).error
    assert isinstance(error, SnapshotLost)
    assert str(error).startswith("s0 had saved a snapshot up to 9, and saves none")


class Guarded(Solo):
    """Does everything under a lock, which it also holds while it sleeps."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.lock = asyncio.Lock()
        self.busy = asyncio.get_running_loop().create_task(self.work())

    async def work(self) -> None:
        while True:
            async with self.lock:
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.1)

    async def start(self, command: bytes) -> tuple[int, int, bool]:  # type: ignore[override]
        async with self.lock:
            return super().start(command)

    async def get_state(self) -> tuple[int, bool]:  # type: ignore[override]
        async with self.lock:
            return super().get_state()

    async def snapshot(self, index: int, data: bytes) -> None:  # type: ignore[override]
        async with self.lock:
            super().snapshot(index, data)


def test_a_raft_may_be_all_async_and_hold_a_lock() -> None:
    async def test(sim: Simulation) -> None:
        raft = RaftCluster(sim, 1, snapshots=True)
        for i in range(25):
            assert await raft.one(b"%d" % i, 1) == i + 1
            assert await raft.get_state(0) == (1, True)
            assert await raft.check_one_leader() == 0

    outcome = with_raft(Guarded, test)
    assert outcome.error is None
    leads = [entry for entry in outcome.trace if entry[1:] == ("does", "s0", "leads term 1")]
    assert len(leads) >= 1


class WaitsForItself(Solo):
    """Its snapshot() waits until its service has taken the next command: a circle."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.taken = asyncio.Event()

    def start(self, command: bytes) -> tuple[int, int, bool]:
        if self.apply.empty():
            self.taken.set()
        return super().start(command)

    async def snapshot(self, index: int, data: bytes) -> None:  # type: ignore[override]
        self.taken.clear()
        await self.taken.wait()


def test_a_snapshot_that_waits_for_the_service_is_a_livelock() -> None:
    async def test(sim: Simulation) -> None:
        raft = RaftCluster(sim, 1, snapshots=True)
        index, _, _ = await raft.start(0, b"0")
        async with asyncio.TaskGroup() as group:
            for i in range(1, 12):
                _ = group.create_task(raft.start(0, b"%d" % i))
        _ = await raft.wait(index + 11, 1)

    error = with_raft(WaitsForItself, test).error
    assert str(error) == "index 12 was applied by 0 of 1 servers, and 1 should have"
    waiting = getattr(error, "waiting", ())
    assert any("self.taken.wait()" in task.line for task in waiting)


def test_the_service_makes_a_snapshot_after_every_tenth_command() -> None:
    made: list[int] = []

    class Notes(Solo):
        def snapshot(self, index: int, data: bytes) -> None:
            made.append(index)

    async def test(sim: Simulation) -> None:
        raft = RaftCluster(sim, 1, snapshots=True)
        for i in range(31):
            _ = await raft.one(b"%d" % i, 1)

    assert with_raft(Notes, test).error is None
    assert made == [9, 19, 29]


def handed_over(*paces: Pace, commands: int) -> list[tuple[int, int, int]]:
    """(server, index, how much had been applied), in the order in which Raft was handed them."""
    made: list[tuple[int, int, int]] = []

    class Notes(Solo):
        def snapshot(self, index: int, data: bytes) -> None:
            upto, done = decode_snapshot(data)
            assert (upto, len(done)) == (index, index)
            made.append((self.me, index, len(self.log)))

        def start(self, command: bytes) -> tuple[int, int, bool]:
            index, _, leads = super().start(command)
            return index, self.me + 1, leads

        def get_state(self) -> tuple[int, bool]:
            return self.me + 1, False

    async def test(sim: Simulation) -> None:
        n = len(paces)
        raft = RaftCluster(sim, n, snapshots=paces)
        for me in range(n):  # or nobody would believe that the others have what it applies
            raft._hearsay._views[me] = tuple((99 * (i != me),) * n for i in range(n))
            raft._hearsay._heard[me] = set(range(n))
        for i in range(commands):
            for server in range(len(paces)):
                _ = await raft.start(server, b"%d" % i)
            await asyncio.sleep(0.1)

    assert with_raft(Notes, test).error is None
    return made


def test_services_may_have_paces_of_their_own() -> None:
    made = handed_over(Pace(3, 2), NEVER, Pace(5, 4), commands=12)
    assert [index for me, index, _ in made if me == 0] == [2, 5, 8, 11]
    assert [index for me, index, _ in made if me == 2] == [4, 9]
    assert {me for me, _, _ in made} == {0, 2}
    assert all(index == applied for _, index, applied in made)


def test_a_service_may_hand_its_snapshot_over_late() -> None:
    made = handed_over(Pace(4, 3, late_ms=250), commands=13)
    assert made == [(0, 3, 5), (0, 7, 9), (0, 11, 13)]


def test_what_a_raft_makes_of_a_late_snapshot_is_its_own_mistake() -> None:
    class Raises(Solo):
        def snapshot(self, index: int, data: bytes) -> None:
            raise KeyError(index)

    async def test(sim: Simulation) -> None:
        raft = RaftCluster(sim, 1, snapshots=[Pace(1, 1, late_ms=10)])
        _ = await raft.one(b"x", 1)
        await asyncio.sleep(1)

    error = with_raft(Raises, test).error
    assert isinstance(error, HandlerCrashed)
    assert error.failure.kind == "KeyError"
    assert error.failure.doing == "while its service handed over a snapshot"


def test_a_stopped_raft_is_killed_and_asked_nothing_more() -> None:
    asked: list[str] = []

    class Dies(Solo):
        dead = False

        def kill(self) -> None:
            asked.append("kill")
            self.dead = True

        def get_state(self) -> tuple[int, bool]:
            assert not self.dead
            return 1, True

    async def test(sim: Simulation) -> None:
        raft = RaftCluster(sim, 1)
        _ = await raft.one(b"x", 1)
        raft.servers.stop(0)
        await asyncio.sleep(1)

    outcome = with_raft(Dies, test)
    assert outcome.error is None
    assert asked == ["kill"]


class Describes(Solo):
    """Describes a log of one entry more at every start, and of a leader who changes it at last."""

    def describe(self) -> dict[str, Any]:
        terms = [1] * len(self.log)
        if len(self.log) == 4:
            terms[1] = 2
        return {"base": 0, "base_term": 0, "terms": terms}


def test_a_log_that_is_described_is_watched() -> None:
    async def test(sim: Simulation) -> None:
        raft = RaftCluster(sim, 1)
        for i in range(5):
            _ = await raft.one(b"%d" % i, 1)

    error = with_raft(Describes, test).error
    assert type(error).__name__ == "LeaderOverwroteItsLog"
    assert "which had 3 entries, has been changed from entry 2 on" in str(error)


class Tells(Solo):
    """Describes what a test has put into `shown`, one after the other, one for each command."""

    shown: ClassVar[list[dict[str, Any]]] = []

    def describe(self) -> dict[str, Any]:
        beside = self.shown[len(self.log) - 1] if self.log else {}
        return {"base": 0, "base_term": 0, "terms": [1] * len(self.log)} | beside


def tells(*shown: dict[str, Any]) -> BaseException | None:
    async def test(sim: Simulation) -> None:
        raft = RaftCluster(sim, 1)
        for i in range(len(shown)):
            _ = await raft.one(b"%d" % i, 1)

    class Shows(Tells):
        pass

    Shows.shown = list(shown)
    return with_raft(Shows, test).error


def test_a_commit_index_is_watched_for_going_back() -> None:
    assert tells({"commit": 1}, {"commit": 2}, {}, {"commit": 2}) is None
    assert tells({"commit": "unknown"}, {"commit": None}) is None
    error = tells({"commit": 1}, {"commit": 2}, {"commit": 1})
    assert isinstance(error, CommitWentBack)


def test_a_vote_is_watched_for_going_to_another() -> None:
    zero, one, none = ({"term": 1, "voted_for": vote} for vote in (0, 1, None))
    assert tells(zero, none, zero) is None
    assert tells(none, zero, {"term": 2, "voted_for": 0}) is None
    assert tells({"term": 1, "voted_for": -1}, zero, {"voted_for": 7}) is None
    assert tells(one, one) is None, "a group of one has no server 1"


def test_a_log_may_be_taken_over_after_its_save() -> None:
    """A Raft may save what its log will be, and change the log once that save is safe."""

    class Careful(Solo):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.terms: list[int] = []

        async def start(self, command: bytes) -> tuple[int, int, bool]:  # type: ignore[override]
            self.persister.save(command, None)
            await self.persister.sync()
            self.terms.append(1)
            return super().start(command)

        def describe(self) -> dict[str, Any]:
            return {"base": 0, "base_term": 0, "terms": self.terms}

    seen: list[list[int]] = []

    async def test(sim: Simulation) -> None:
        raft = RaftCluster(sim, 1)
        for i in range(3):
            _ = await raft.one(b"%d" % i, 1)
            seen.append(list(raft.safety.servers[0].terms))

    assert with_raft(Careful, test).error is None
    assert seen == [[1], [1, 1], [1, 1, 1]]


@pytest.mark.parametrize("shown", [None, {}, {"terms": [1]}, "a raft"])
def test_what_is_described_otherwise_is_not_watched(shown: Any) -> None:
    class Odd(Solo):
        def describe(self) -> Any:
            return shown

    assert with_raft(Odd, one_command).error is None


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"command": "text"}, "whose command is of type str, not bytes"),
        ({"command": None}, "whose command is of type NoneType, not bytes"),
        ({"command": bytearray(b"x")}, "whose command is of type bytearray, not bytes"),
        ({"command_index": True}, "whose command_index is of type bool, not int"),
        ({"command_index": 10**30}, "whose command_index is no index"),
        ({"command_index": -1}, "whose command_index is no index"),
        ({"command_valid": False, "snapshot_valid": True, "snapshot": "abc"}, "snapshot is of"),
    ],
)
def test_an_apply_msg_of_other_things_is_named_at_once(
    fields: dict[str, Any], complaint: str
) -> None:
    class Odd(Solo):
        def start(self, command: bytes) -> tuple[int, int, bool]:
            right: dict[str, Any] = {"command_valid": True, "command": command, "command_index": 1}
            self.apply.put_nowait(ApplyMsg(**right | fields))
            return 1, 1, True

    failure = crash(Odd).failure
    assert complaint in failure.message
    assert failure.doing == "while its service took what was put into the apply queue"
    assert failure.time_us is not None


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"terms": ["a"]}, "terms or a base that are no int"),
        ({"terms": [[1]]}, "terms or a base that are no int"),
        ({"base": float("nan")}, "terms or a base that are no int"),
        ({"base": -5}, "terms or a base out of range"),
        ({"base_term": 2**70}, "terms or a base out of range"),
        ({"terms": itertools.count()}, "no list of at most 1000000 integers"),
        ({"terms": None}, "no list of at most 1000000 integers"),
    ],
)
def test_a_description_of_other_things_is_named(changes: dict[str, Any], complaint: str) -> None:
    class Odd(Solo):
        def describe(self) -> Any:
            return {"base": 0, "base_term": 0, "terms": [1]} | changes

    message = crash(Odd).failure.message
    assert re.match(r".*test_peer.py:\d+: Raft.describe returned ", message)
    assert complaint in message


def test_a_snapshot_that_raises_ends_the_run_at_once() -> None:
    class Breaks(Solo):
        def snapshot(self, index: int, data: bytes) -> None:
            raise RuntimeError("boom")

    async def test(sim: Simulation) -> None:
        raft = RaftCluster(sim, 1, snapshots=True)
        for i in range(9):
            _ = await raft.one(b"%d" % i, 1)
        await asyncio.sleep(50)

    outcome = with_raft(Breaks, test)
    assert isinstance(outcome.error, HandlerCrashed)
    assert outcome.error.failure.message == "boom"
    assert outcome.virtual_us < 1_000_000


class Restless(Solo):
    """Asking it for its state has something happen later."""

    def get_state(self) -> tuple[int, bool]:
        asyncio.get_running_loop().call_soon(int)
        return super().get_state()


class Deliberate(Solo):
    """Answers within a time limit, as asyncio knows it in tasks only."""

    async def get_state(self) -> tuple[int, bool]:  # type: ignore[override]
        async with asyncio.timeout(1):
            return super().get_state()


class Stubborn(Solo):
    """Does not let itself be closed."""

    async def get_state(self) -> tuple[int, bool]:  # type: ignore[override]
        for _ in range(3):
            try:
                await asyncio.sleep(0.001)
            except GeneratorExit:
                await asyncio.sleep(0)
        return super().get_state()


@pytest.mark.parametrize("raft", [Restless, Deliberate, Stubborn])
def test_who_is_odd_to_ask_is_no_failure(raft: type) -> None:
    outcome = with_raft(raft, one_command)
    assert outcome.error is None
    assert outcome.steps < 1_000


def test_a_constructor_that_cannot_be_one_is_named_as_the_rafts() -> None:
    class Wrong(Solo):
        def __init__(self, *args: Any) -> None:
            raise ValueError("no")

    assert crash(Wrong).failure.doing == "while it made Raft"
