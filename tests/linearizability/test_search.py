"""The generic search against brute force, on thousands of small random histories."""

import dataclasses
import random
from collections import Counter

import pytest

from linearizability import Illegal, Model, Ok, Operation, check
from linearizability.models import versioned_kv
from linearizability.relax import relax
from tests.linearizability.histories import fully_random, mutated, simulated
from tests.linearizability.oracle import assert_prefix, assert_witness, brute_force

MODELS = [
    dataclasses.replace(
        versioned_kv(loose_maybe=loose, version_error_without_key=without), method=None
    )
    for loose in (False, True)
    for without in (False, True)
]


def compare(model: Model, history: list[Operation]) -> str:
    """Check, compare with brute force, and verify what the verdict carries."""
    verdict = check(model, history)
    assert isinstance(verdict, Ok | Illegal)
    assert bool(verdict) is brute_force(model, history)
    if isinstance(verdict, Ok):
        assert_witness(model, history, verdict.witness())
        return "Ok"
    [refuted] = verdict.partitions
    assert refuted.why
    assert refuted.candidates
    assert_prefix(model, history, refuted.prefix)
    core = [i for i, op in enumerate(history) if any(op is other for other in refuted.core)]
    assert not brute_force(model, relax(model, history, core))
    for position in core:
        rest = [other for other in core if other != position]
        assert brute_force(model, relax(model, history, rest))
    return "Illegal"


@pytest.mark.parametrize("model", MODELS, ids=["strict", "strict-any", "loose", "loose-any"])
def test_the_search_agrees_with_brute_force(model: Model) -> None:
    rng = random.Random(1)
    seen = Counter[tuple[str, str]]()
    for _ in range(1_000):
        for generator in (fully_random, simulated, mutated):
            history = generator(rng)[:8]
            seen[generator.__name__, compare(model, history)] += 1
    assert min(seen[kind] for kind in seen) >= 50, seen
    assert seen["simulated", "Illegal"] == 0


def test_the_same_configurations_in_every_run() -> None:
    histories = [simulated(random.Random(seed), operations=30, clients=5) for seed in range(20)]
    counts = [
        [partition.configurations for partition in verdict.partitions]
        for verdict in (check(MODELS[0], history) for history in histories)
        if isinstance(verdict, Ok)
    ]
    assert len(counts) == 20
    assert sum(map(sum, counts)) == 206
