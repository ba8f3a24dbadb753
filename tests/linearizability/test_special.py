"""The special methods for registers, append chains and locks against brute force."""

import random
from collections import Counter

import pytest

from bench.histories import appended, blind
from linearizability import Illegal, Ok, Operation, check
from linearizability.decision import Inapplicable
from linearizability.methods.append import Tokens
from linearizability.models import (
    Acquire,
    Append,
    Get,
    Put,
    Read,
    Release,
    Write,
    kv_append,
    mutex,
    register,
)
from tests.linearizability.objects import SUBJECTS, draw, random_holdings
from tests.linearizability.oracle import assert_prefix, assert_real_time, compare


@pytest.mark.parametrize(
    "name",
    [
        "register",
        "kv-append",
        "kv-append-repeated",
        "mutex",
        "queue",
        "queue-repeated",
        "stack",
        "stack-repeated",
        "priority-queue",
        "priority-queue-repeated",
        "set",
        "set-unique",
        "set-growing",
    ],
)
def test_the_method_agrees_with_brute_force(name: str) -> None:
    rng = random.Random(8)
    subject = SUBJECTS[name]
    seen = Counter(compare(subject.model, draw(rng, subject)) for _ in range(2_000))
    assert min(seen["Ok"], seen["Illegal"]) >= 200, seen


def test_locks_agree_with_brute_force() -> None:
    """Owners that alternate as they should, which free drawing hardly ever gives."""
    rng = random.Random(9)
    seen = Counter(compare(mutex, random_holdings(rng)) for _ in range(2_000))
    assert min(seen["Ok"], seen["Illegal"]) >= 400, seen


@pytest.mark.parametrize("history", [blind(3_000, 50), blind(3_000, 3)])
def test_a_long_register_history_is_decided_without_search(history: list[Operation]) -> None:
    verdict = check(register, history)
    assert isinstance(verdict, Ok)
    assert verdict.configurations == 0
    assert_real_time(verdict.witness())
    assert len(verdict.partitions[0].steps()) >= 2_990


@pytest.mark.parametrize("clients", [3, 50])
def test_a_long_append_history_is_decided_without_search(clients: int) -> None:
    history = appended(1_000, clients)
    verdict = check(kv_append, history)
    assert isinstance(verdict, Ok)
    assert verdict.configurations == 0
    assert_real_time(verdict.witness())
    assert len(verdict.partitions[0].steps()) >= 990


def test_a_stale_append_read_is_found_among_many() -> None:
    history = appended(1_000, 20)
    reads = [op for op in history if isinstance(op.input, Get) and op.ret is not None]
    reads.sort(key=lambda op: op.call)
    stale, older = reads[400], reads[300]
    assert stale.output != older.output
    stale.output = older.output
    verdict = check(kv_append, history)
    assert isinstance(verdict, Illegal)
    assert len(verdict.headline.core) <= 6
    assert any(op is stale for op in verdict.headline.core)
    assert_prefix(kv_append, history, verdict.headline.prefix)


def reason(history: list[Operation], model_name: str) -> str:
    method = SUBJECTS[model_name].model.method
    assert method is not None
    [case] = method(history)
    assert case.decide is not None
    declined = case.decide()
    assert isinstance(declined, Inapplicable)
    return declined.reason


def test_a_method_that_does_not_apply_says_why() -> None:
    twice = [Operation(0, Write("x", "a"), None, i, i) for i in range(2)]
    assert reason(twice, "register") == "'a' was written more than once"
    initial = [Operation(0, Write("x", ""), None, 0, 1)]
    assert reason(initial, "register") == "'' was written more than once"
    tokens = [Operation(0, Put("x", "a"), None, 0, 1), Operation(0, Append("x", "a"), None, 2, 3)]
    assert reason(tokens, "kv-append") == "a token was written more than once"
    prefix = [Operation(0, Put("x", "a"), None, 0, 1), Operation(0, Append("x", "ab"), None, 2, 3)]
    assert reason(prefix, "kv-append") == "'a' is the beginning of 'ab'"
    empty = [Operation(0, Put("x", ""), None, 0, 1)]
    assert reason(empty, "kv-append") == "an empty string was written"
    number = [Operation(0, Put("x", 7), None, 0, 1)]  # type: ignore[arg-type]
    assert reason(number, "kv-append") == "7 is no string"
    failed = [Operation(0, Acquire("l", 0), False, 0, 1)]
    assert reason(failed, "mutex") == "an attempt to acquire failed"
    overlap = [
        Operation(0, Acquire("l", 0), None, 0, 5),
        Operation(0, Release("l", 0), None, 5, 6),
    ]
    assert reason(overlap, "mutex") == "operations of owner 0 overlap"
    idle = [Operation(0, Release("l", 0), None, 5, 6)]
    assert reason(idle, "mutex") == "owner 0 released a lock it did not hold"


def test_tokens_are_cut_in_the_only_possible_way() -> None:
    tokens = Tokens(["x 1 y", "x 12 y", "b"])
    assert list(tokens.cut("x 12 ybx 1 y")) == ["x 12 y", "b", "x 1 y"]
    assert list(tokens.cut("bx 1")) == ["b", None]
    assert list(tokens.cut("")) == []
    assert Tokens.problem(["x 1 y", "x 12 y", "b"]) is None


# A history, its model, and what the verdict says: why | what is missing.
SENTENCES = [
    (
        "register",
        [
            Operation(0, Write("x", "a"), None, 0, 1),
            Operation(0, Write("x", "b"), None, 2, 3),
            Operation(1, Read("x"), "a", 4, 5),
        ],
        """
        It held 'a' from 1 (c0's Write returned) to 4 (c1's Read began), but 'b' had to come at
        some moment from 2 (c0's Write began) to 3 (c0's Write returned).
        | the register holds one value at a time
        """,
    ),
    (
        "register",
        [
            Operation(0, Write("x", "a"), None, 0, 1),
            Operation(1, Write("x", "b"), None, 0, 1),
            Operation(2, Read("x"), "a", 2, 3),
            Operation(3, Read("x"), "b", 2, 3),
        ],
        """
        It held 'a' from 1 (c0's Write returned) to 2 (c2's Read began), and 'b' from 1 (c1's
        Write returned) to 2 (c3's Read began), but it holds one value at a time.
        | the register holds one value at a time
        """,
    ),
    (
        "register",
        [Operation(0, Write("x", "a"), None, 5, None), Operation(1, Read("x"), "a", 1, 2)],
        """
        c1's Read returned 'a' at 2, but its only Write, by c0, began at 5.
        | a Read cannot see what comes later
        """,
    ),
    (
        "register",
        [Operation(1, Read("x"), "zzz", 1, 2)],
        "c1's Read returned 'zzz', which nobody wrote. | nobody wrote 'zzz'",
    ),
    (
        "register",
        [Operation(1, Write("x", "a"), "ErrWrongLeader", 1, 2)],
        "c1's Write was answered 'ErrWrongLeader'. | no register gives this answer",
    ),
    (
        "kv-append",
        [
            Operation(0, Append("x", "a"), None, 0, 1),
            Operation(0, Append("x", "b"), None, 2, 3),
            Operation(1, Get("x"), "ba", 4, 5),
        ],
        """
        c0's Append of 'a' had returned (at 1) before c0's Append began (at 2), but 'b' comes no
        later in the value. | no moment is left for one of the tokens
        """,
    ),
    (
        "kv-append",
        [
            Operation(0, Append("x", "a"), None, 0, 9),
            Operation(1, Append("x", "b"), None, 0, 9),
            Operation(2, Get("x"), "ab", 10, 11),
            Operation(3, Get("x"), "ba", 10, 11),
        ],
        """
        c2's Get returned 'ab' and c3's Get returned 'ba': until a Put, one must be the beginning
        of the other. | values only grow until a Put
        """,
    ),
    (
        "kv-append",
        [Operation(0, Append("x", "a"), None, 0, 1), Operation(1, Get("x"), "", 2, 3)],
        """
        It held only what was appended to the first value from the start to 2 (c1's Get began),
        but 'a' had to come at some moment from 0 (c0's Append began) to 1 (c0's Append returned).
        | a key holds one value at a time
        """,
    ),
    (
        "kv-append",
        [Operation(0, Append("x", "a"), "", 0, 1), Operation(1, Append("x", "b"), "", 2, 3)],
        """
        c0's Append, by its answer, would have made 'a' and c1's Append, by its answer, would have
        made 'b': until a Put, one must be the beginning of the other.
        | values only grow until a Put
        """,
    ),
    (
        "kv-append",
        [Operation(0, Append("x", "a"), None, 0, 1), Operation(1, Get("x"), "aa", 2, 3)],
        """
        c1's Get returned 'aa': 'a' is there more often than it was written (once).
        | 'a' was written once
        """,
    ),
    (
        "kv-append",
        [Operation(0, Put("x", "a"), None, 0, 1), Operation(1, Get("x"), "a?", 2, 3)],
        "c1's Get returned 'a?'; nobody wrote '?'. | nobody wrote '?'",
    ),
    (
        "mutex",
        [
            Operation(0, Acquire("l", 0), None, 40, 50),
            Operation(2, Acquire("l", 2), None, 45, 80),
            Operation(0, Release("l", 0), None, 90, 95),
        ],
        """
        c2's acquire returned at 80 while c0, which acquired at 50, did not begin to release it
        before 90. | two owners hold one lock
        """,
    ),
    (
        "mutex",
        [Operation(0, Acquire("l", 0), None, 40, 50), Operation(2, Acquire("l", 2), None, 45, 80)],
        """
        c2's acquire returned at 80 while c0, which acquired at 50, never released it.
        | two owners hold one lock
        """,
    ),
]


@pytest.mark.parametrize(("name", "history", "text"), SENTENCES)
def test_the_sentence(name: str, history: list[Operation], text: str) -> None:
    verdict = check(SUBJECTS[name].model, history)
    assert isinstance(verdict, Illegal)
    refuted = verdict.headline
    assert f"{refuted.why} | {refuted.missing}" == " ".join(text.split())
