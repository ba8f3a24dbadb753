"""Special methods against the generic search, on histories too long for brute force."""

import dataclasses
import random
from collections import Counter

import pytest

from linearizability import Illegal, Model, Ok, Operation, check
from linearizability.explanation.relax import relax, relaxed
from linearizability.models import kv, mutex, versioned_kv
from tests.linearizability.histories import mutated
from tests.linearizability.objects import SUBJECTS, mutated_history, random_holdings
from tests.linearizability.oracle import assert_prefix, assert_witness, positions

BUDGET = 5_000


def compare_longer(model: Model, history: list[Operation]) -> str:
    """The method and the search decide alike, and the search refutes no witness and no core."""
    searched = dataclasses.replace(model, method=None)
    verdict, other = check(model, history), check(searched, history, budget=BUDGET)
    if isinstance(other, Ok | Illegal):
        assert type(verdict) is type(other)
    if isinstance(verdict, Ok):
        assert_witness(model, history, verdict.witness())
    elif isinstance(verdict, Illegal):
        assert_prefix(model, history, verdict.headline.prefix)
        core = positions(history, verdict.headline.core)
        if model is not mutex:
            alone = relax(model, history, core)
            assert not isinstance(check(relaxed(model), alone, budget=BUDGET), Ok)
    return type(verdict).__name__


@pytest.mark.parametrize(
    "options", [{}, {"loose_maybe": True}, {"version_error_without_key": True}]
)
def test_versioned(options: dict[str, bool]) -> None:
    rng = random.Random(11)
    model = versioned_kv(**options) if options else kv
    seen = Counter(
        compare_longer(model, mutated(rng, operations=rng.randint(15, 60))) for _ in range(150)
    )
    assert min(seen["Ok"], seen["Illegal"]) >= 20, seen


@pytest.mark.parametrize("name", ["register", "kv-append", "kv-append-repeated"])
def test_registers_and_chains(name: str) -> None:
    rng = random.Random(12)
    subject = SUBJECTS[name]
    seen = Counter(
        compare_longer(subject.model, mutated_history(rng, subject, 40)) for _ in range(200)
    )
    assert min(seen["Ok"], seen["Illegal"]) >= 20, seen


def test_locks() -> None:
    rng = random.Random(13)
    seen = Counter(compare_longer(mutex, random_holdings(rng, 6)) for _ in range(200))
    assert min(seen["Ok"], seen["Illegal"]) >= 20, seen
