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


NAN = float("nan")


@pytest.mark.parametrize(
    ("name", "wrong", "expected"),
    [
        ("queue", Enqueue("q", None), "a value other than None, which stands for an empty"),
        ("stack", Push("q", None), "a value other than None, which stands for an empty"),
        ("priority-queue", Insert("q", None), "a value other than None, which stands for"),
        ("queue", Enqueue("q", NAN), "a value that is equal to itself, unlike NaN"),
        ("priority-queue", Insert("q", NAN), "a value that is equal to itself, unlike NaN"),
        ("set", Add("s", NAN), "a value that is equal to itself, unlike NaN"),
        ("register", Write("x", NAN), "a value that is equal to itself, unlike NaN"),
        ("cas-register", Cas("x", 1, NAN), "a value that is equal to itself, unlike NaN"),
        ("kv-append", Append("x", 5), "a string"),  # type: ignore[arg-type]
        ("kv-append", Put("x", 5), "a string"),  # type: ignore[arg-type]
        ("counter", Increment("c", "1"), "a number"),  # type: ignore[arg-type]
        (
            "txn",
            Transaction((("x", "k", 1),)),
            "steps (\"r\", key, None) and (\"w\", key, value), not ('x', 'k', 1)",
        ),
    ],
)
def test_an_input_that_no_client_can_ask_for(name: str, wrong: Any, expected: str) -> None:
    """None would be what an empty queue returns, and NaN is not what was written."""
    own = next(sample for sample in SAMPLES if isinstance(sample, MODELS[name].inputs))
    with pytest.raises(ValueError, match="has no operation") as caught:
        check(MODELS[name], [*one(own), *one(wrong)])
    text = f"model {name!r} has no operation {wrong!r} (entry 1 of the history): expected "
    assert str(caught.value).startswith(text + expected)


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


class Cell:
    """A state that step changes in place, and that is equal to itself alone."""

    value = 0


def _fill(state: Cell, input: Any, output: Any) -> Any:
    state.value += 1
    return True, state


STATES: dict[str, Any] = {"init": lambda: [0], "nondeterministic": True}


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"name": None}, "model None: name is None: expected a string"),
        ({"inputs": str}, "model 'm': inputs is <class 'str'>: expected a tuple of types"),
        ({"inputs": ["str"]}, "model 'm': inputs is ['str']: expected a tuple of types"),
        (
            {"step": lambda state, input: (True, state)},
            "model 'm': expected step(state, input, output), got a function of (state, input)",
        ),
        ({"init": lambda key: 0}, "model 'm': expected init(), got a function of (key)"),
        ({"partition": lambda i, o: i}, "model 'm': expected partition(input), got a function"),
        ({"why_not": lambda state: ""}, "model 'm': expected why_not(state, input, output), got"),
        ({"fold": lambda: 0}, "model 'm': expected fold(operations), got a function of ()"),
        (
            {"step": lambda state, input, output: (state + 1, True)},
            "model 'm': step returned (1, True): expected (legal, next state), in which legal is",
        ),
        ({"step": lambda s, i, o: [True, s]}, "model 'm': step returned [True, 0]: expected (leg"),
        ({"read_only": lambda i, o: None}, "model 'm': read_only returned None: expected True or"),
        ({"indefinite": lambda i, o: None}, "model 'm': indefinite returned None: expected True"),
        (
            {"method": lambda history: None},
            "model 'm': method returned None: expected a list with",
        ),
        (
            {"method": lambda history: [1]},
            "model 'm': method returned [1]: expected a list with a",
        ),
        (
            {**STATES, "step": lambda s, i, o: 3},
            "model 'm': step returned 3: expected all next st",
        ),
        (
            {**STATES, "step": lambda state, input, output: (True, state)},
            "model 'm': step returned (True, 0): expected all next states, as a list",
        ),
        ({**STATES, "init": lambda: "abc"}, "model 'm': init returned 'abc': expected all first"),
        ({"init": Cell, "step": _fill}, "model 'm': a state is of type Cell, of which no two are"),
    ],
)
def test_a_model_whose_functions_would_be_misunderstood(
    fields: dict[str, Any], complaint: str
) -> None:
    """Most of these had a verdict, and a wrong one."""
    with pytest.raises(TypeError) as caught:
        model = Model(**{"name": "m", "init": int, "step": _step, **fields})
        check(model, [Operation(0, "a", None, 1, 2), Operation(0, "b", None, 3, 4)])
    assert str(caught.value).startswith(complaint)


def _started(value: int = 0) -> int:
    return value


def test_states_that_only_seem_strange_are_states() -> None:
    """True and False may be all states, a function is one, and legal may be as good as false."""
    both = Model("m", init=lambda: [True], step=lambda s, i, o: (s, False), nondeterministic=True)
    assert check(both, one("a"))
    assert check(Model("m", init=lambda: _step, step=_step), one("a"))
    first = Model("m", init=tuple, step=lambda s, i, o: (s and s[0] == o, s))
    assert not check(first, [Operation(0, "a", None, 1, 2)])
    assert check(Model("m", init=int, step=lambda *given: (True, given[0])), one("a"))
    assert check(Model("m", init=_started, step=_step), one("a"))


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
        (
            (queue, [Event(0, "call", Dequeue("q"), UNHASHABLE)]),
            "event 0 has the id [1]: expected",
        ),
    ],
)
def test_a_call_that_cannot_be(arguments: Any, complaint: str) -> None:
    with pytest.raises(TypeError) as caught:
        check(*arguments)
    assert str(caught.value).startswith(complaint)


def test_annotations_are_annotations() -> None:
    with pytest.raises(TypeError, match="annotation 0 is 'crash': expected an Annotation"):
        check(queue, [], annotations=["crash"])  # type: ignore[list-item]


def test_a_client_may_be_named_by_anything() -> None:
    strange: Any = 1.5
    verdict = check(queue, [Operation(strange, Dequeue("q"), 1, 1, 2)])
    assert "  1.5  1-2  Dequeue('q') -> 1" in explain(verdict)


def test_a_budget_is_a_whole_number() -> None:
    with pytest.raises(TypeError, match="budget is '5': expected a number of configurations"):
        check(queue, [], budget="5")  # type: ignore[arg-type]


def test_unhashable_inputs_are_no_excuse_for_a_broken_step() -> None:
    model = Model("m", init=int, step=lambda state, input, output: None)
    with pytest.raises(TypeError, match="model 'm': step returned None"):
        check(model, [Operation(0, [1], None, 1, 2)])


class Array:
    """As an array of several numbers: equal in each place or not, but not as a whole."""

    def __eq__(self, other: object) -> Any:
        return self

    def __bool__(self) -> bool:
        raise ValueError("the truth value of an array is ambiguous")

    def __repr__(self) -> str:
        return "array([1, 2])"

    __hash__: Any = None


@pytest.mark.parametrize(
    ("name", "answer", "put", "take", "several"),
    [
        ("register", None, Write("k", 1), Read("k"), Array()),
        ("cas-register", None, Write("k", 1), Read("k"), Array()),
        ("queue", None, Enqueue("k", 1), Dequeue("k"), Array()),
        ("stack", None, Push("k", 1), Pop("k"), Array()),
        (
            *("txn", (None,), Transaction((("w", "k", 1),))),
            *(Transaction((("r", "k", None),)), (Array(),)),
        ),
        ("kv", "OK", Put("k", "a", 0), Get("k"), (Array(), 1, "OK")),
        ("counter", None, Increment("k"), Read("k"), Array()),
    ],
)
def test_a_value_that_cannot_be_compared(
    name: str, answer: Any, put: Any, take: Any, several: Any
) -> None:
    history = [Operation(0, put, answer, 1, 2), Operation(1, take, several, 3, 4)]
    with pytest.raises(TypeError) as caught:
        explain(check(MODELS[name], history))
    assert str(caught.value) == (
        f"c1's operation called at 3 has the output {several!r}, which cannot be compared (the"
        " truth value of an array is ambiguous): use plain values, such as tuples instead of"
        " arrays"
    )
