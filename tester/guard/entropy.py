"""The randomness that a simulated node gets in place of the machine's own: its node's generator.

Every draw in node code, however secure it is meant to be, comes from the `random.Random` that the
engine seeds from the run's choices: the same in any process, and one node's draws never shift
another's.

Functions here take `(machine, real, *arguments)`: the node that asks, and what it asked for.
"""

from __future__ import annotations

import asyncio
import hashlib
import operator
import random
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

from tester.engine.current import CurrentNode
from tester.guard import clock
from tester.guard.caller import node

_MULTICAST = 1 << 40  # the bit of a MAC address that no network card has (RFC 9562, section 6.10)
_GREGORIAN_100NS = 0x01B21DD213814000  # 1582-10-15 to 1970-01-01 in units of 100 ns


def _from_generator(name: str) -> Callable[..., Any]:
    method = operator.attrgetter(name)

    def draw(machine: CurrentNode, real: object, *args: Any, **kwargs: Any) -> Any:
        return method(machine.random())(*args, **kwargs)

    return draw


def _bytes(machine: CurrentNode, real: object, size: int, /, flags: int = 0) -> bytes:
    return machine.random().randbytes(size)


def _seed(
    machine: CurrentNode,
    real: Callable[..., None],
    self: random.Random,
    a: Any = None,
    version: int = 2,
) -> None:
    """Seed a generator of the node's own making: without a seed, from the node's generator."""
    real(self, machine.random().getrandbits(128) if a is None else a, version)


def _c_random(machine: CurrentNode, real: type, *seed: Any) -> Any:
    """Make a generator of C's own class, which would seed itself from the machine."""
    return real(*seed or (machine.random().getrandbits(128),))


def _generated(machine: CurrentNode, real: object) -> tuple[bytes, int | None]:
    return _uuid1(machine, None).bytes, None


class _NodesGenerator:
    """What `random._inst` is during a run: the generator of the node that asks."""

    def __getattr__(self, name: str) -> Any:
        def draw(*args: Any, **kwargs: Any) -> Any:
            machine = node()
            return getattr(_inst if machine is None else machine.random(), name)(*args, **kwargs)

        return draw


def _getnode(machine: CurrentNode, real: object, **_: Any) -> int:
    """Return the node's hardware address: from its name alone, as a machine's never changes."""
    digest = hashlib.blake2b(machine.name.encode(), digest_size=6).digest()
    return int.from_bytes(digest) | _MULTICAST


def _uuid4(machine: CurrentNode, real: object) -> uuid.UUID:
    return uuid.UUID(int=machine.random().getrandbits(128), version=4)


def _ticks(machine: CurrentNode) -> int:
    return clock.wall_us(machine) * 10 + _GREGORIAN_100NS


def _low_bits(machine: CurrentNode, node: int | None, clock_seq: int | None) -> int:
    """Make the variant, clock sequence and node fields, which versions 1 and 6 share.

    The node is random too: thousands of draws can share one instant of virtual time.
    """
    draw = machine.random().getrandbits
    sequence = draw(14) if clock_seq is None else clock_seq & 0x3FFF
    return 2 << 62 | sequence << 48 | (draw(48) | _MULTICAST if node is None else node)


def _uuid1(
    machine: CurrentNode, real: object, node: int | None = None, clock_seq: int | None = None
) -> uuid.UUID:
    ticks = _ticks(machine)
    high = (ticks & 0xFFFFFFFF) << 32 | (ticks >> 32 & 0xFFFF) << 16 | 1 << 12 | ticks >> 48
    return uuid.UUID(int=high << 64 | _low_bits(machine, node, clock_seq))


def _uuid6(
    machine: CurrentNode, real: object, node: int | None = None, clock_seq: int | None = None
) -> uuid.UUID:
    ticks = _ticks(machine)
    high = ticks >> 12 << 16 | 6 << 12 | ticks & 0xFFF
    return uuid.UUID(int=high << 64 | _low_bits(machine, node, clock_seq))


def _uuid7(machine: CurrentNode, real: object) -> uuid.UUID:
    milliseconds, rest = divmod(clock.wall_us(machine), 1000)
    high = milliseconds << 16 | 7 << 12 | rest * 4096 // 1000
    return uuid.UUID(int=high << 64 | 2 << 62 | machine.random().getrandbits(62))


def _as_completed(
    machine: CurrentNode, real: Callable[..., Any], fs: Any, *, timeout: float | None = None
) -> Any:
    """Make tasks in the order of the arguments: asyncio would make them in the order of a set."""
    if not isinstance(fs, (asyncio.Future, Coroutine)):  # which `real` refuses in its own words
        fs = [asyncio.ensure_future(f) for f in dict.fromkeys(fs)]
    return real(fs, timeout=timeout)


def _all_tasks(
    machine: CurrentNode, real: Callable[..., set[Any]], loop: object = None
) -> set[Any]:
    """Order the set by the tasks' serials: asyncio's own also holds other nodes' and older runs'.

    How it iterates depends on what else it holds, and so would `for task in all_tasks()`.
    """
    ordered = sorted(real(loop), key=operator.attrgetter("_serial"))
    return set(ordered)  # made in this order


# https://docs.python.org/3/library/random.html calls it a hidden instance.
_inst: random.Random = vars(random)["_inst"]
GENERATOR = _NodesGenerator()
"""The stand-in for the one that draws for everybody."""

ENTROPY: dict[str, dict[str, Callable[..., Any]]] = {
    "random": {
        name: _from_generator(name)
        for name, value in vars(random).items()
        if isinstance(getattr(value, "__self__", None), random.Random)
    }
    # `secrets` and `SystemRandom` draw through this name, whatever was imported from them before.
    | {"_urandom": _bytes},
    "random:Random": {"seed": _seed},
    "_random": {"Random": _c_random},
    "os": {"urandom": _bytes, "getrandom": _bytes},
    "ssl": {"RAND_bytes": _bytes},
    "_uuid": {"generate_time_safe": _generated},
    "uuid": {
        "getnode": _getnode,
        "uuid1": _uuid1,
        "uuid4": _uuid4,
        "uuid6": _uuid6,
        "uuid7": _uuid7,
    },
    "asyncio": {"all_tasks": _all_tasks, "as_completed": _as_completed},
}
