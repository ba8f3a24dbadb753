"""Every draw in node code comes from the node's generator, and from nowhere else."""

import functools
import hashlib
import os
import random
import secrets
import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.engine import current
from tester.guard import guard
from tester.guard.entropy import ENTROPY
from tests.guard.nodes import Node, on_node

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "betavariate": (1, 2),
    "binomialvariate": (9, 0.5),
    "choice": ("abc",),
    "choices": ("abc",),
    "expovariate": (1.5,),
    "gammavariate": (1, 2),
    "getrandbits": (64,),
    "lognormvariate": (0, 1),
    "normalvariate": (0, 1),
    "gauss": (0, 1),
    "paretovariate": (1,),
    "randbytes": (9,),
    "randint": (0, 10**9),
    "randrange": (10**9,),
    "sample": (range(10**6), 3),
    "triangular": (),
    "uniform": (0, 1),
    "vonmisesvariate": (0, 1),
    "weibullvariate": (1, 1),
    "random": (),
}


@pytest.mark.parametrize("name", sorted(ENTROPY["random"].keys() - {"_urandom"}))
def test_functions_of_random_draw_from_the_node(name: str) -> None:
    before = random.getstate()
    arguments: Any = ARGUMENTS.get(name)
    if name == "shuffle":
        got, expected = list(range(99)), list(range(99))
        on_node(lambda: random.shuffle(got))
        random.Random(7).shuffle(expected)
        assert got == expected
    elif name == "getstate":
        assert on_node(lambda: random.getstate()) == random.Random(7).getstate()
    elif name == "setstate":
        state = random.Random(3).getstate()
        on_node(lambda: random.setstate(state), node := Node())
        assert node.rng.getstate() == state
    elif name == "seed":
        on_node(lambda: random.seed("x"), node := Node())
        assert node.rng.getstate() == random.Random("x").getstate()
    else:
        assert on_node(lambda: getattr(random, name)(*arguments)) == getattr(
            random.Random(7), name
        )(*arguments)
    assert random.getstate() == before


def test_the_global_generator_goes_on_outside_node_code() -> None:
    random.seed(5)
    expected = [random.Random(5).random(), 0.0]
    with guard.installed([]):
        current.node = node = Node()
        random.random()
        current.node = None
        state = node.rng.getstate()
        got = [random.random(), 0.0]
    assert got == expected
    assert node.rng.getstate() == state


SECURE: dict[str, Callable[[], object]] = {
    "urandom": lambda: os.urandom(16),
    "getrandom": lambda: os.getrandom(16, 0),
    "token_bytes": lambda: secrets.token_bytes(),
    "token_hex": lambda: secrets.token_hex(9),
    "token_urlsafe": lambda: secrets.token_urlsafe(9),
    "randbits": lambda: secrets.randbits(77),
    "randbelow": lambda: secrets.randbelow(10**12),
    "choice": lambda: secrets.choice(range(10**12)),
    "SystemRandom": lambda: random.SystemRandom().random(),
    "shuffle": lambda: random.SystemRandom().sample(range(10**6), 5),
    "uuid1": lambda: uuid.uuid1(),
    "uuid4": lambda: uuid.uuid4(),
    "unseeded": lambda: random.Random().random(),
    "None": lambda: random.Random(None).getrandbits(99),
    "reseeded": lambda: random.seed() or random.random(),
}


@pytest.mark.parametrize("name", sorted(SECURE))
def test_the_machines_own_randomness_comes_from_the_node(name: str) -> None:
    if name == "getrandom" and not hasattr(os, "getrandom"):
        pytest.skip("this system has no getrandom")
    draw = SECURE[name]
    assert on_node(draw) == on_node(draw)
    assert on_node(draw) != on_node(draw, Node(rng=random.Random(8)))
    node = Node()
    first = on_node(draw, node)
    assert first != on_node(draw, node)
    with guard.installed([]):
        assert draw() != first
        state = node.rng.getstate()
        assert draw() != draw()
    assert node.rng.getstate() == state


def test_a_seeded_generator_is_what_it_always_was() -> None:
    def look() -> list[object]:
        mine = [random.Random(3), random.Random("s"), random.Random(b"s"), random.Random(1.5)]
        mine[0].seed("again", version=1)
        return [generator.getstate() for generator in mine]

    assert on_node(look) == look()
    with pytest.raises(TypeError, match="seed types"):
        on_node(lambda: random.Random((1, 2)))  # type: ignore[arg-type]


def test_drawing_from_a_seeded_generator_leaves_the_nodes_alone() -> None:
    node = Node()
    on_node(lambda: random.Random(3).random(), node)
    assert node.rng.getstate() == random.Random(7).getstate()


def test_a_subclass_of_random_is_seeded_from_the_node_too() -> None:
    class Mine(random.Random):
        pass

    assert on_node(lambda: Mine().random()) == on_node(lambda: Mine().random())


@pytest.mark.parametrize("size", [0, 1, 33])
def test_bytes_have_the_size_asked_for(size: int) -> None:
    assert len(on_node(lambda: os.urandom(size))) == size
    with pytest.raises(ValueError, match="negative"):
        on_node(lambda: os.urandom(-1))


def test_uuids_are_well_formed_and_all_different_at_one_instant() -> None:
    for version, make in ((1, lambda: uuid.uuid1()), (4, lambda: uuid.uuid4())):
        made = on_node(functools.partial(lambda make: [make() for _ in range(2000)], make))
        assert len(set(made)) == 2000
        assert {u.version for u in made} == {version}
        assert {u.variant for u in made} == {uuid.RFC_4122}


@given(st.integers(0, 10**15))
def test_uuids_carry_virtual_time(us: int) -> None:
    first = on_node(lambda: uuid.uuid1(), Node(us=us))
    unix_100ns = first.time - 0x01B21DD213814000
    assert unix_100ns == (946_684_800_000_000 + us) * 10
    fixed = on_node(lambda: uuid.uuid1(node=5, clock_seq=6), Node(us=us))
    assert (fixed.node, fixed.clock_seq) == (5, 6)
    later = ENTROPY["uuid"]["uuid6"](Node(us=us), None, 5, 6)
    assert (later.version, later.node, later.clock_seq) == (6, 5, 6)
    assert (later.int >> 80) << 12 | later.int >> 64 & 0xFFF == first.time
    newest = ENTROPY["uuid"]["uuid7"](Node(us=us), None)
    assert (newest.version, newest.variant) == (7, uuid.RFC_4122)
    assert newest.int >> 80 == (946_684_800_000_000 + us) // 1000
    assert newest < ENTROPY["uuid"]["uuid7"](Node(us=us + 1), None)


def test_a_nodes_hardware_address_is_its_own_and_stays() -> None:
    look: Callable[[], int] = lambda: uuid.getnode()
    assert on_node(look) == on_node(look, Node(us=5, rng=random.Random(1)))
    assert on_node(look) != on_node(look, Node("server"))
    assert 0 < on_node(look) < 1 << 48
    assert on_node(look) >> 40 & 1
    before = uuid.getnode()
    with guard.installed([]):
        assert uuid.getnode() == before


def test_numpys_own_generators_draw_from_the_node() -> None:
    import numpy

    draw: Callable[[], Any] = lambda: numpy.random.default_rng().integers(2**60)
    assert on_node(draw) == on_node(draw) != on_node(draw, Node(rng=random.Random(8)))
    with guard.installed([]):
        assert draw() != draw()


def test_draws_are_the_same_in_another_process() -> None:
    program = """
import random, secrets, sys, uuid
sys.path[:0] = sys.argv[1:]
from tester.engine import current
from tester.guard import guard
class Node:
    name, rng, ahead_us = "c0", random.Random(7), 0
    def time_us(self): return 5
    def random(self): return self.rng
with guard.installed([]):
    current.node = Node()
    print(random.random(), uuid.uuid1(), uuid.uuid4())
    print(secrets.token_hex(), random.Random().random())
    print(random.SystemRandom().randint(0, 10**9), uuid.getnode())
"""
    root = os.path.dirname(os.path.dirname(os.path.dirname(guard.__file__)))
    seen = {
        hashlib.sha256(
            subprocess.run(
                [sys.executable, "-c", program, root],
                env={**os.environ, "PYTHONHASHSEED": seed},
                check=True,
                capture_output=True,
            ).stdout
        ).hexdigest()
        for seed in ("0", "1")
    }
    assert len(seen) == 1
