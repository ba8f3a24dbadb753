"""A witness: a clerk whose answers are compared with what it has sent to get them.

The check of the history asks whether the answers can be true together. A witness asks what one
answer alone tells: a clerk that did not ask, or not wait for the answer, asked twice for nothing,
floods a network that loses messages, or doubts what it must know.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar, cast

from kvsrv.rpc import Err, Version
from tester.world.failure import TooManyRpcs
from tester.world.handles import KV, AppendKV
from tester.world.nodes import Remote
from tester.world.simulation import Simulation

R = TypeVar("R")

PATIENCE: Final = 30
"""RPCs one operation may take, besides two for each that was not answered and one in 10 ms."""
_PACE_US: Final = 10_000

_SHOWN: Final = 30
"""How many letters of a wrong value are shown."""


class _Witness:
    """What the witnesses of all kinds of clerks have in common."""

    def __init__(self, sim: Simulation, ck: object, most: int) -> None:
        self.name: str = cast(Remote, ck)._key
        """The clerk's name, which is also the name of its client end."""
        self._sim = sim
        self._most = most
        self._traffic = sim.network.traffic(self.name)
        self._busy = 0
        self._overlapped = False

    async def _watch(self, operation: Coroutine[Any, Any, R], describe: Callable[[R], str]) -> R:
        """Await an operation, and compare what went over the clerk's end with the answer.

        Operations that overlap on one clerk cannot be told apart: then too many is not said.
        """
        traffic = self._traffic
        self._busy += 1
        self._overlapped |= self._busy > 1
        sent, unanswered, answered = traffic.sent, traffic.unanswered, traffic.answered
        start_us = self._sim.virtual_us
        try:
            answer = await operation
        finally:
            self._busy -= 1
        sent = traffic.sent - sent
        if not sent:
            raise AssertionError(f"{describe(answer)}, and no server was asked")
        if traffic.answered == answered and not self._overlapped:
            raise AssertionError(f"{describe(answer)}, and no server has answered")
        if sent > 1 and not self._overlapped:
            unanswered = traffic.unanswered - unanswered
            took_us = self._sim.virtual_us - start_us
            self._count(sent, unanswered, took_us, lambda: describe(answer))
        self._overlapped &= self._busy > 0
        return answer

    def _count(
        self, sent: int, unanswered: int, took_us: int, describe: Callable[[], str]
    ) -> None:
        idle = self._sim.network.conditions.reliable and not unanswered
        if idle and sent > self._most:
            raise TooManyRpcs(
                f"{describe()} took {sent} RPCs: on a reliable network it takes "
                f"{enough(self._most)}"
            )
        if sent > PATIENCE + 2 * unanswered + took_us // _PACE_US:
            raise TooManyRpcs(
                f"{describe()} took {sent} RPCs in {took_us // 1_000} ms: a clerk that asks so "
                "often floods the network that it finds slow"
            )


class Witness(_Witness):
    """A clerk of the versioned key/value server, as `KV`."""

    def __init__(self, sim: Simulation, ck: KV) -> None:
        super().__init__(sim, ck, most=1)
        self._ck = ck

    async def get(self, key: str) -> tuple[str, Version, Err]:
        """See KV."""
        return await self._watch(self._ck.get(key), lambda got: describe_get(key, got))

    async def put(self, key: str, value: str, version: Version) -> Err:
        """See KV."""

        def describe(err: Err) -> str:
            return describe_put(key, value, version, err)

        sent, start_us = self._traffic.sent, self._sim.virtual_us
        err = await self._watch(self._ck.put(key, value, version), describe)
        quick = self._sim.network.conditions.reliable or self._sim.virtual_us - start_us < _PACE_US
        if err is Err.MAYBE and self._traffic.sent == sent + 1 and quick:
            # More is not to be asked: the clerk may have given up on a reply that was on its way,
            # and of a slow put it may have begun to send a copy that never left.
            raise AssertionError(f"{describe(err)}, though it was sent only once")
        return err


class AppendWitness(_Witness):
    """A clerk of the 2024 key/value server, as `AppendKV`.

    Its messages are its own business: one may make the client known, and one may say that the
    reply has come.
    """

    def __init__(self, sim: Simulation, ck: AppendKV) -> None:
        super().__init__(sim, ck, most=3)
        self._ck = ck

    async def get(self, key: str) -> str:
        """See AppendKV."""
        return await self._watch(self._ck.get(key), lambda _: f"Get({key!r})")

    async def put(self, key: str, value: str) -> None:
        """See AppendKV."""
        await self._watch(self._ck.put(key, value), lambda _: f"Put({key!r}, {short(value)})")

    async def append(self, key: str, arg: str) -> str:
        """See AppendKV."""
        return await self._watch(
            self._ck.append(key, arg), lambda _: f"Append({key!r}, {short(arg)})"
        )


def enough(most: int) -> str:
    """How many RPCs an operation takes where nothing is lost, in words."""
    return "one" if most == 1 else f"1 to {most}"


def describe_put(key: str, value: str, version: Version, err: Err) -> str:
    """A put and its answer: `Put('k', 'a', v0) -> OK`."""
    return f"Put({key!r}, {short(value)}, v{version}) -> {err}"


def describe_get(key: str, got: tuple[str, Version, Err]) -> str:
    """A get and its answer: `Get('k') -> ('a', v1, OK)`."""
    return f"Get({key!r}) -> {describe_read(got)}"


def describe_read(got: tuple[str, Version, Err]) -> str:
    """The answer to a get: `('a', v1, OK)`."""
    value, version, err = got
    return f"({short(value)}, v{version}, {err})"


def short(value: str) -> str:
    """A value as text; the beginning of a long one, and its length."""
    return repr(value) if len(value) <= _SHOWN else f"{value[:_SHOWN]!r}... ({len(value)} letters)"
