"""Histories and models of callers that are not what they must be: named, never judged."""

from typing import Any

import pytest

from linearizability import Event, Model, Operation, check, explain
from linearizability.models import (
    MODELS,
    Acquire,
    Add,
    Append,
    Cas,
    DeleteMin,
    Dequeue,
    Enqueue,
    Get,
    Increment,
    Insert,
    Pop,
    Push,
    Put,
    Read,
    Release,
    Transaction,
    Write,
    queue,
)

UNHASHABLE: Any = [1]
SAMPLES: list[Any] = [
    Acquire("k", 0),
    Add("k", 1),
    Append("k", "a"),
    Cas("k", 1, 2),
    DeleteMin("k"),
    Dequeue("k"),
    Enqueue("k", 1),
    Get("k"),
    Increment("k"),
    Insert("k", 1),
    Pop("k"),
    Push("k", 1),
    Put("k", "a", 0),
    Read("k"),
    Release("k", 0),
    Transaction((("r", "k", None),)),
    Write("k", 1),
    ("k",),
    "k",
]


def one(input: Any) -> list[Operation]:
    return [Operation(0, input, None, 1, None)]


@pytest.mark.parametrize("name", MODELS)
def test_an_operation_of_another_model_is_no_history_of_this_one(name: str) -> None:
    model = MODELS[name]
    own = next(sample for sample in SAMPLES if isinstance(sample, model.inputs))
    for sample in SAMPLES:
        if isinstance(sample, model.inputs):
            check(model, one(sample))
            continue
        with pytest.raises(TypeError) as caught:
            check(model, [*one(own), *one(sample)])
        assert str(caught.value).startswith(f"model {name!r} has no operation {sample!r} (entry 1")


def test_a_subclass_of_an_input_is_an_input() -> None:
    class Late(Enqueue):
        pass

    assert check(queue, one(Late("q", 1)))


def _step(state: Any, input: Any, output: Any) -> Any:
    return True, state


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"partition": 3}, "model 'm': partition is 3: expected a function, or None"),
        ({"why_not": "no"}, "model 'm': why_not is 'no': expected a function, or None"),
        ({"fold": 1}, "model 'm': fold is 1: expected a function, or None"),
        (
            {"init": int, "nondeterministic": True},
            "model 'm': init returned 0: expected all first states, as a list with at least one",
        ),
        (
            {"init": list, "nondeterministic": True},
            "model 'm': init returned []: expected all first states, as a list with at least one",
        ),
        (
            {"partition": lambda input: [input]},
            "model 'm': partition returned ['a'] for 'a': expected something that can be hashed",
        ),
    ],
)
def test_a_model_that_cannot_be(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(TypeError) as caught:
        model = Model(**{"name": "m", "init": int, "step": _step, **fields})
        check(model, [Operation(0, "a", None, 1, 2)])
    assert str(caught.value).startswith(complaint)


@pytest.mark.parametrize("name", ["describe_operation", "describe_state", "why_not"])
def test_a_description_that_is_no_text(name: str) -> None:
    fields: dict[str, Any] = {name: lambda *arguments: None}
    step = lambda state, input, output: (False, state)
    verdict = check(Model("m", init=int, step=step, **fields), [Operation(0, "a", None, 1, 2)])
    with pytest.raises(TypeError) as caught:
        explain(verdict)
    assert str(caught.value) == f"model 'm': {name} returned None: expected a string"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((None, []), "model is None: expected a Model"),
        ((queue, None), "history is None: expected operations, or events"),
        (
            (queue, one(Enqueue("q", UNHASHABLE))),
            "entry 0 of the history has the input Enqueue(key='q'",
        ),
        ((queue, [Event(0, "call", Dequeue("q"), 0), *one(Dequeue("q"))]), "entry 1 of the hist"),
    ],
)
def test_a_call_that_cannot_be(arguments: Any, complaint: str) -> None:
    with pytest.raises(TypeError) as caught:
        check(*arguments)
    assert str(caught.value).startswith(complaint)


def test_a_budget_is_a_whole_number() -> None:
    with pytest.raises(TypeError, match="budget is '5': expected a number of configurations"):
        check(queue, [], budget="5")  # type: ignore[arg-type]


def test_unhashable_inputs_are_no_excuse_for_a_broken_step() -> None:
    model = Model("m", init=int, step=lambda state, input, output: None)
    with pytest.raises(TypeError, match="model 'm': step returned None"):
        check(model, [Operation(0, [1], None, 1, 2)])
