"""What every shipped model must be: named, picklable, truthful about reads, and talkative."""

import pickle
import random

import pytest

from linearizability import OPEN, Illegal, Model, Operation, check
from linearizability.model import replay
from linearizability.models import MODELS, Acquire, Get, Put, Release, kv
from tests.linearizability.histories import fully_random
from tests.linearizability.objects import SUBJECTS, draw


def histories(name: str, count: int) -> list[list[Operation]]:
    rng = random.Random(10)
    if name == "kv":
        return [fully_random(rng) for _ in range(count)]
    return [draw(rng, SUBJECTS[name]) for _ in range(count)]


def test_models_have_their_command_line_names() -> None:
    assert list(MODELS) == [
        "register",
        "cas-register",
        "kv",
        "kv-append",
        "mutex",
        "counter",
        "queue",
        "stack",
        "priority-queue",
        "set",
        "txn",
    ]


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_what_is_declared_read_only_never_changes_a_state(model: Model) -> None:
    operations = [op for history in histories(model.name, 300) for op in history]
    states = {model.key(state): state for state in model.first_states()}
    for op in operations[:400]:
        for state in list(states.values())[:40]:
            for after in model.outcomes(state, op):
                states[model.key(after)] = after
    declared = refused = 0
    for op in operations:
        output = OPEN if op.ret is None else op.output
        if model.read_only(op.input, output):
            declared += 1
            for state in list(states.values())[:60]:
                after = model.outcomes(state, op)
                assert after in ((), (state,)), (state, op)
                refused += not after
    assert declared > 20
    assert refused > 20 or model.name == "kv"


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_operation_every_state_and_every_refusal_has_words(model: Model) -> None:
    refusals = 0
    for history in histories(model.name, 200):
        state = model.init()
        for op in history:
            text = model.describe(op)
            assert text
            assert "\n" not in text
            after = model.outcomes(state, op)
            if after:
                [state] = after
                assert model.describe_state(state)
            else:
                refusals += 1
                assert model.why_not(state, op.input, op.output)
    assert refusals > 20


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_verdicts_cross_process_borders(model: Model) -> None:
    for history in histories(model.name, 30):
        verdict = check(model, history)
        again = pickle.loads(pickle.dumps(verdict))
        assert str(again) == str(verdict)
        if isinstance(verdict, Illegal):
            assert again.headline.prefix == verdict.headline.prefix


def test_named_tuples_of_different_types_are_different_operations() -> None:
    """Acquire('l', 0) == Release('l', 0) to Python; a search that agrees is wrong."""
    history = [
        Operation(0, Acquire("l", 1), None, 15, 20),
        Operation(1, Release("l", 1), None, 0, 15),
    ]
    assert check(MODELS["mutex"], history)


def test_replay() -> None:
    put = Operation(0, Put("x", "a", 0), "OK", 0, 1)
    get = Operation(0, Get("x"), ("a", 1, "OK"), 2, 3)
    assert replay(kv, [put, get]) == [("", 0), ("a", 1), ("a", 1)]
    assert replay(kv, [get, put]) is None
