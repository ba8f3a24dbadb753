"""The generic search against brute force, on thousands of small random histories."""

import dataclasses
import random
from collections import Counter

import pytest

from bench.histories import blind
from linearizability import Illegal, Model, Ok, Unknown, check
from linearizability.explanation.relax import relax, relaxed
from linearizability.models import register, versioned_kv
from tests.linearizability.histories import contended, fully_random, mutated, simulated
from tests.linearizability.objects import SUBJECTS, draw
from tests.linearizability.oracle import brute_force, compare, positions


def searched(model: Model) -> Model:
    """The same model, left to the generic search."""
    return dataclasses.replace(model, method=None)


KV = {
    f"{'loose' if loose else 'strict'}{'-any' if without else ''}": searched(
        versioned_kv(loose_maybe=loose, version_error_without_key=without)
    )
    for loose in (False, True)
    for without in (False, True)
}


@pytest.mark.parametrize("model", KV.values(), ids=KV)
def test_the_search_agrees_with_brute_force_on_kv(model: Model) -> None:
    rng = random.Random(1)
    seen = Counter[tuple[str, str]]()
    for _ in range(500):
        for generator in (fully_random, contended, simulated, mutated):
            seen[generator.__name__, compare(model, generator(rng)[:8])] += 1
    assert min(seen.values()) >= 30, seen
    assert seen["simulated", "Illegal"] == 0


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_search_agrees_with_brute_force(name: str) -> None:
    rng = random.Random(2)
    subject = SUBJECTS[name]
    model = searched(subject.model)
    seen = Counter(compare(model, draw(rng, subject)) for _ in range(700))
    assert min(seen["Ok"], seen["Illegal"]) >= 40, seen


def test_no_operation_of_a_core_can_be_relaxed() -> None:
    rng = random.Random(3)
    sizes = Counter[int]()
    for _ in range(1_000):
        history = mutated(rng)[:8]
        verdict = check(KV["strict"], history)
        if isinstance(verdict, Illegal):
            core = positions(history, verdict.headline.core)
            sizes[len(core)] += 1
            for position in core:
                rest = [other for other in core if other != position]
                assert brute_force(relaxed(KV["strict"]), relax(KV["strict"], history, rest))
    assert sizes[1] > 5
    assert sizes[2] > 5


def test_the_same_configurations_in_every_run() -> None:
    histories = [simulated(random.Random(seed), operations=30, clients=5) for seed in range(20)]
    verdicts = [check(KV["strict"], history) for history in histories]
    assert sum(v.configurations for v in verdicts if isinstance(v, Ok)) == 206


def test_a_long_partition_meets_no_recursion_limit() -> None:
    history = simulated(random.Random(1), operations=5_000, clients=3)
    verdict = check(KV["strict"], history)
    assert isinstance(verdict, Ok)
    assert len(verdict.witness()) >= 4_500


def test_a_poisoned_history_ends_by_budget() -> None:
    """Fifty clients on one blind register: without its special method, any order looks right."""
    history = blind(1_000, 50)
    verdict = check(searched(register), history, budget=3_000)
    assert isinstance(verdict, Unknown)
    [undecided] = verdict.undecided
    assert undecided.configurations == 3_000
    assert undecided.returns_left > 0
    assert isinstance(check(register, history), Ok)
