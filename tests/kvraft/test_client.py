"""The clerks: whom they ask, how long, and what they say of what they cannot know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kvraft import Clerk, group
from kvraft.dedup import Clerk as AppendClerk
from kvraft.dedup.rpc import Reply, WriteArgs
from kvraft.group import Group
from kvraft.server import KVServer
from kvsrv import Err, GetArgs, GetReply, PutReply
from labrpc import ClientEnd
from labrpc.codec import codec
from tests.kvraft.fakes import end, play

PUT, GET = codec(PutReply), codec(GetReply)
Answer = Callable[[str], Awaitable[bytes | None]]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "PAUSE_MS", (0, 0))


def says(*answers: Err | None) -> tuple[Answer, list[str]]:
    """A server that answers puts so, and the last one for ever; and what it was asked."""
    asked: list[str] = []

    async def answer(method: str) -> bytes | None:
        asked.append(method)
        err = answers[min(len(asked), len(answers)) - 1]
        return None if err is None else PUT.encode(PutReply(err))

    return answer, asked


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([Err.OK], Err.OK),
        ([Err.VERSION], Err.VERSION),
        ([Err.NO_KEY], Err.NO_KEY),
        ([None, Err.OK], Err.OK),
        ([None, Err.VERSION], Err.MAYBE),
        ([None, Err.NO_KEY], Err.NO_KEY),
        ([Err.WRONG_LEADER, Err.VERSION], Err.MAYBE),
        ([Err.WRONG_LEADER, None, Err.OK], Err.OK),
    ],
)
def test_a_put_says_maybe_when_an_earlier_try_may_have_happened(
    answers: list[Err | None], told: Err
) -> None:
    async def test() -> None:
        assert await Clerk([end(says(*answers)[0])]).put("k", "x", 1) is told

    play(test)


def test_a_clerk_asks_the_next_server_and_remembers_the_leader() -> None:
    async def test() -> None:
        follower, asked = says(Err.WRONG_LEADER)
        leader, led = says(Err.OK)
        clerk = Clerk([end(follower), end(follower), end(leader)])
        for _ in range(3):
            assert await clerk.put("k", "x", 1) is Err.OK
        assert (len(asked), len(led)) == (2, 3)

    play(test)


def test_a_server_that_does_not_answer_in_time_is_left() -> None:
    async def never(method: str) -> bytes | None:
        await asyncio.sleep(3_600)
        return None

    async def get(method: str) -> bytes | None:
        return GET.encode(GetReply("x", 3, Err.OK))

    async def test() -> None:
        asked = Group([end(never), end(get)], patience_ms=1)
        reply, tried = await asked.ask(KVServer.get, GetArgs("k"))
        assert (reply, tried) == (GetReply("x", 3, Err.OK), True)

    play(test)


def test_pauses_grow_up_to_a_limit_and_are_never_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds * 1_000)

    monkeypatch.undo()
    monkeypatch.setattr("kvraft.group.asyncio.sleep", sleep)

    async def test() -> None:
        answer, _ = says(*[Err.WRONG_LEADER] * 20, Err.OK)
        assert await Clerk([end(answer), end(answer)]).put("k", "x", 0) is Err.OK

    play(test)
    assert len(slept) == 10
    for pause, ms in zip((10, 20, 40, 80, 160, *[320] * 5), slept, strict=True):
        assert pause / 2 <= ms <= pause
    assert len(set(slept)) > 5


def test_a_write_is_repeated_under_its_number_and_the_next_has_another() -> None:
    sent: list[WriteArgs] = []
    answers: list[Any] = [None, Reply(Err.WRONG_LEADER), Reply(Err.OK, "old"), Reply(Err.OK)]

    async def send(method: str, payload: bytes) -> bytes | None:
        sent.append(codec(WriteArgs).decode(payload))
        reply = answers.pop(0)
        return None if reply is None else codec(Reply).encode(reply)

    async def test() -> None:
        clerk = AppendClerk([ClientEnd("a", send), ClientEnd("b", send)])
        assert await clerk.append("k", "x") == "old"
        await clerk.put("k", "y")

    play(test)
    assert [(args.value, args.number) for args in sent] == [("x", 1)] * 3 + [("y", 2)]
    assert len({args.client for args in sent}) == 1
