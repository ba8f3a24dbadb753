"""The special method for versioned key/value against brute force, and its words."""

import random
from collections import Counter

import pytest

from bench.histories import make_stale, versioned
from linearizability import Illegal, Ok, Operation, check
from linearizability.methods.kv.facts import contradictory, smallest_contradiction
from linearizability.methods.kv.intervals import (
    BEGINNING,
    LINE,
    intersection,
    next_transition,
    union,
)
from linearizability.methods.kv.table import LABS, tabulate
from linearizability.models import Get, Put, kv, versioned_kv
from tests.linearizability.histories import contended, fully_random, mutated, simulated
from tests.linearizability.oracle import assert_prefix, assert_real_time, compare

MODELS = {
    f"{'loose' if loose else 'strict'}{'-any' if without else ''}": versioned_kv(
        loose_maybe=loose, version_error_without_key=without
    )
    for loose in (False, True)
    for without in (False, True)
}


@pytest.mark.parametrize("name", MODELS)
def test_it_agrees_with_brute_force(name: str) -> None:
    rng = random.Random(5)
    seen = Counter[tuple[str, str]]()
    for _ in range(600):
        for generator in (fully_random, contended, simulated, mutated):
            seen[generator.__name__, compare(MODELS[name], generator(rng)[:8])] += 1
    assert min(seen.values()) >= 30, seen
    assert seen["simulated", "Illegal"] == 0


def test_it_visits_no_configurations() -> None:
    verdict = check(kv, versioned(2_000, 50, 3))
    assert isinstance(verdict, Ok)
    assert verdict.configurations == 0
    assert [partition.key for partition in verdict.partitions] == ["key0", "key1", "key2"]


@pytest.mark.parametrize("clients", [3, 50])
def test_long_histories_replay(clients: int) -> None:
    verdict = check(kv, versioned(3_000, clients, 1))
    assert isinstance(verdict, Ok)
    [partition] = verdict.partitions
    assert_real_time(partition.witness())
    assert len(partition.steps()) >= 2_900


@pytest.mark.parametrize("where", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("clients", [5, 50])
def test_a_planted_stale_read_is_the_core(clients: int, where: float) -> None:
    history = versioned(3_000, clients, 1)
    stale = make_stale(history, where)
    verdict = check(kv, history)
    assert isinstance(verdict, Illegal)
    [refuted] = verdict.partitions
    assert len(refuted.core) == 2
    assert refuted.core[1] is stale
    assert_prefix(kv, history, refuted.prefix)
    assert stale in [candidate.operation for candidate in refuted.candidates]


def test_no_fact_of_a_core_can_be_left_out() -> None:
    rng = random.Random(6)
    sizes = Counter[int]()
    while sizes.total() < 300:
        history = rng.choice((fully_random, contended, mutated))(rng)
        [table] = tabulate(history, LABS).values()
        table.note_existence()
        verdict = check(kv, history)
        if not isinstance(verdict, Illegal) or table.find_clash():
            continue
        failed = next(v for v in range(9) if _fails_at(verdict, v))
        facts = smallest_contradiction(table, failed)
        sizes[len(facts)] += 1
        first = min(fact.v for fact in facts)
        needed = min(table.needed, failed + 1)
        assert contradictory(facts, first, failed, needed)
        for fact in facts:
            rest = [other for other in facts if other is not fact]
            assert not contradictory(rest, first, failed, needed)
    assert len(sizes) >= 3


def _fails_at(verdict: Illegal, version: int) -> bool:
    words = verdict.headline.missing.split()
    numbers = [int(word) for word in words if word.isdigit()]
    return version == numbers[0] - words.count("made")


def test_intervals() -> None:
    assert union([(5, 6), (1, 2), (2, 3), (9, 9)]) == [(1, 3), (5, 6), (9, 9)]
    assert intersection([(1, 4), (6, 9)], [(4, 7), (9, 12)]) == [(4, 4), (6, 7), (9, 9)]
    assert next_transition(LINE, 3, 8, []) == [(3, 8)]
    assert next_transition(BEGINNING, 0, 9, [(2, 5)]) == [(0, 5)]
    assert next_transition([(0, 10)], 0, 20, [(5, 6)]) == [(0, 20)]
    assert next_transition([(0, 4), (7, 10)], 0, 20, [(5, 6)]) == [(0, 6), (7, 20)]
    assert next_transition([(8, 9)], 0, 4, []) == []


def test_intervals_against_enumeration() -> None:
    rng = random.Random(7)
    for _ in range(2_000):
        before = union(
            (low, low + rng.randrange(4)) for low in rng.sample(range(12), rng.randint(1, 3))
        )
        low, high = rng.randrange(12), rng.randrange(16)
        refused = sorted(
            (c := rng.randrange(12), c + rng.randrange(5)) for _ in range(rng.randrange(4))
        )
        found = next_transition(before, low, high, refused)
        for instant in range(20):
            possible = low <= instant <= high and any(
                a <= instant and all(c <= a or instant <= r for c, r in refused)
                for start, end in before
                for a in range(int(start), int(end) + 1)
            )
            assert any(start <= instant <= end for start, end in found) is possible


def put(client: int, value: str, version: int, err: str, call: int, ret: int | None) -> Operation:
    return Operation(client, Put("x", value, version), err, call, ret)


def get(client: int, value: str, version: int, call: int, ret: int) -> Operation:
    err = "OK" if version else "ErrNoKey"
    return Operation(client, Get("x"), (value, version, err), call, ret)


A = put(0, "a", 0, "OK", 0, 10)
B = put(1, "b", 1, "OK", 20, 30)


# A history, and what the verdict says: why | what is missing.
SENTENCES = [
    (
        [put(0, "c0.0", 0, "ErrVersion", 1, 2)],
        """
        ErrVersion says the key already had another version; nothing else wrote it.
        | nothing can have ended version 0
        """,
    ),
    (
        [A, put(1, "b", 1, "ErrMaybe", 20, None), get(2, "b", 2, 40, 50), get(3, "a", 1, 60, 70)],
        """
        c3's Get returned version 1 although it began (at 60) after c2's Get had
        returned version 2 (at 50).
        | no moment exists at which version 1 became 2
        """,
    ),
    (
        [A, B, get(3, "a", 1, 60, 70)],
        """
        c1's Put against version 1 had returned OK (at 30) before c3's Get began (at
        60), and that Get still saw version 1.
        | no moment exists at which version 1 became 2
        """,
    ),
    (
        [A, get(3, "", 0, 60, 70)],
        """
        c0's Put against version 0 had returned OK (at 10) before c3's Get began (at
        60), and it was still answered ErrNoKey.
        | no moment exists at which version 0 became 1
        """,
    ),
    (
        [put(0, "a", 0, "OK", 50, 60), get(3, "a", 1, 10, 20)],
        """
        c3's Get returned version 1 at 20, but the only Put that can have made
        version 1 began at 50.
        | no moment exists at which version 0 became 1
        """,
    ),
    (
        [put(0, "a", 0, "OK", 50, 60), put(1, "b", 1, "OK", 10, 20)],
        """
        c1's Put against version 1 had returned OK (at 20) before any Put that can
        have made version 1 began (at 50).
        | no moment exists at which version 1 became 2
        """,
    ),
    (
        [A, B, put(2, "z", 1, "ErrVersion", 12, 18)],
        """
        c2's Put against version 1 was answered ErrVersion at 18, but the only Put
        that can have made version 2 began at 20.
        | no moment exists at which version 1 became 2
        """,
    ),
    (
        [A, B, put(3, "c", 2, "OK", 60, 70), put(2, "z", 2, "ErrVersion", 42, 48)],
        """
        c2's Put was answered ErrVersion, but the key had exactly version 2 during
        the whole call (from 42 to 48): version 2 was made from 20 to 30 (c1's Put);
        version 3 was made from 60 to 70 (c3's Put).
        | no moment exists at which version 2 became 3
        """,
    ),
    (
        [A, put(1, "b", 0, "OK", 5, 15)],
        """
        Lost update: c0's and c1's Puts both succeeded against version 0, but each
        version is replaced only once.
        | version 0 became 1 only once
        """,
    ),
    (
        [A, put(0, "b", 0, "OK", 15, 18)],
        """
        Lost update: two Puts of c0 succeeded against version 0, but each version is
        replaced only once.
        | version 0 became 1 only once
        """,
    ),
    (
        [A, get(2, "a", 1, 12, 13), get(2, "b", 1, 14, 15)],
        """
        Two Gets saw version 1 with different values: c2's returned 'a' and 'b'.
        | version 1 has only one value
        """,
    ),
    (
        [A, get(2, "a", 1, 12, 13), get(3, "long" * 1_000, 1, 12, 13)],
        """
        Two Gets saw version 1 with different values: c2's returned 'a', c3's
        'longlonglonglonglonglonglongl...glonglong' (4000 long).
        | version 1 has only one value
        """,
    ),
    (
        [A, get(2, "a", 1, 12, 13), get(3, "b", 1, 12, 13)],
        """
        Two Gets saw version 1 with different values: c2's returned 'a', c3's 'b'.
        | version 1 has only one value
        """,
    ),
    (
        [A, get(3, "b", 1, 12, 13)],
        """
        c0's Put against version 0 wrote 'a' and returned OK, but c3's Get saw
        version 1 as 'b'.
        | nothing can have made version 1
        """,
    ),
    (
        [A, get(3, "c", 2, 12, 13), put(4, "d", 1, "ErrVersion", 15, 16)],
        """
        c3's Get returned version 2, but no Put against version 1 succeeded or may
        have succeeded. c4's was answered ErrVersion.
        | nothing can have made version 2
        """,
    ),
    (
        [A, put(4, "d", 1, "ErrVersion", 15, 16)],
        """
        c4's Put was answered ErrVersion, so the key existed, but no Put against
        version 1 succeeded or may have succeeded. c4's was answered ErrVersion.
        | nothing can have made version 2
        """,
    ),
    (
        [A, B, put(4, "d", 2, "ErrVersion", 40, 50)],
        """
        ErrVersion says the key had another version than 2 at some moment from 40 to
        50, but version 2 was made from 20 to 30 (c1's Put), and nothing wrote it
        after that.
        | nothing can have ended version 2
        """,
    ),
    (
        [Operation(3, Get("x"), ("a", 1, "ErrMaybe"), 0, 1)],
        """
        c3's Get was answered ('a', v1, ErrMaybe), an answer that no server can
        give.
        | no state of the key allows this answer
        """,
    ),
]


@pytest.mark.parametrize(("history", "text"), SENTENCES)
def test_the_sentence(history: list[Operation], text: str) -> None:
    verdict = check(kv, history)
    assert isinstance(verdict, Illegal)
    refuted = verdict.headline
    assert f"{refuted.why} | {refuted.missing}" == " ".join(text.split())
