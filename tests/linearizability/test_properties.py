"""Properties that no verdict may break, as Hypothesis sees them, so that failures shrink."""

import dataclasses
from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import given, settings

from linearizability import Illegal, Model, Ok, Operation, check
from linearizability.explanation.relax import relax, relaxed
from linearizability.models import Append, Get, Put, Read, Write, kv, kv_append, register
from tests.linearizability.oracle import assert_prefix, assert_witness, brute_force, positions

STAMPS = st.integers(0, 12)
VERSIONS = st.integers(0, 3)
VALUES = st.sampled_from("ab")


@st.composite
def intervals(draw: st.DrawFn) -> tuple[int, int | None]:
    call, ret = sorted((draw(STAMPS), draw(STAMPS)))
    return call, draw(st.sampled_from((ret, ret, ret, ret, None)))


@st.composite
def kv_operations(draw: st.DrawFn) -> Operation:
    call, ret = draw(intervals())
    if draw(st.booleans()):
        version = draw(VERSIONS)
        output = (draw(VALUES), version, "OK") if version else ("", 0, "ErrNoKey")
        return Operation(draw(st.integers(0, 2)), Get("k"), output, call, ret)
    err = draw(st.sampled_from(("OK", "ErrVersion", "ErrMaybe", "ErrNoKey")))
    put = Put("k", draw(VALUES), draw(VERSIONS))
    return Operation(draw(st.integers(0, 2)), put, err, call, ret)


@st.composite
def register_histories(draw: st.DrawFn) -> list[Operation]:
    history = []
    for number in range(draw(st.integers(1, 6))):
        call, ret = draw(intervals())
        if draw(st.booleans()):
            history.append(Operation(number, Write("k", str(number)), None, call, ret))
        else:
            value = draw(st.sampled_from(("", "0", "1", "2", "3", "4")))
            history.append(Operation(number, Read("k"), value, call, ret))
    return history


@st.composite
def append_histories(draw: st.DrawFn) -> list[Operation]:
    history = []
    for number in range(draw(st.integers(1, 6))):
        call, ret = draw(intervals())
        token = draw(st.sampled_from((str(number), str(number), "0")))
        if draw(st.booleans()):
            kind = draw(st.sampled_from((Put, Append)))
            history.append(Operation(number, kind("k", token), None, call, ret))
        else:
            value = "".join(draw(st.permutations("0123")))[: draw(st.integers(0, 3))]
            history.append(Operation(number, Get("k"), value, call, ret))
    return history


HISTORIES = st.one_of(
    st.tuples(st.just(kv), st.lists(kv_operations(), min_size=1, max_size=6)),
    st.tuples(st.just(register), register_histories()),
    st.tuples(st.just(kv_append), append_histories()),
)
Case = tuple[Model, list[Operation]]


def kinds(model: Model, history: list[Operation]) -> tuple[bool, bool]:
    """The verdict of the special method and that of the generic search."""
    return bool(check(model, history)), bool(check(replace_method(model), history))


def never_less(after: tuple[bool, bool], before: tuple[bool, bool]) -> bool:
    """What was linearizable still is."""
    return after[0] >= before[0] and after[1] >= before[1]


def replace_method(model: Model) -> Model:
    return dataclasses.replace(model, method=None)


@given(HISTORIES)
@settings(max_examples=400)
def test_brute_force_agrees_and_what_a_verdict_carries_holds(case: Case) -> None:
    model, history = case
    legal = brute_force(model, history)
    assert kinds(model, history) == (legal, legal)
    for verdict in (check(model, history), check(replace_method(model), history)):
        if isinstance(verdict, Ok):
            assert_witness(model, history, verdict.witness())
        elif isinstance(verdict, Illegal):
            core = positions(history, verdict.headline.core)
            alone = relax(model, history, core)
            assert not brute_force(relaxed(model), alone), "a core alone is illegal"
            assert_prefix(model, history, verdict.headline.prefix)


@given(HISTORIES, st.data())
def test_an_open_operation_more_never_makes_ok_illegal(case: Case, data: st.DataObject) -> None:
    model, history = case
    extra = data.draw(st.sampled_from(history))
    opened = replace(extra, call=data.draw(STAMPS), ret=None)
    assert never_less(kinds(model, [*history, opened]), kinds(model, history))


@given(HISTORIES, st.data())
def test_a_wider_interval_never_makes_ok_illegal(case: Case, data: st.DataObject) -> None:
    model, history = case
    place = data.draw(st.integers(0, len(history) - 1))
    op = history[place]
    wider = replace(op, call=data.draw(st.integers(0, op.call)))
    if op.ret is not None:
        wider.ret = op.ret + data.draw(st.integers(0, 5))
    changed = [*history[:place], wider, *history[place + 1 :]]
    assert never_less(kinds(model, changed), kinds(model, history))


@given(HISTORIES, st.data())
def test_who_and_where_and_the_scale_of_time_do_not_matter(
    case: Case, data: st.DataObject
) -> None:
    model, history = case
    stretch = data.draw(st.lists(st.integers(1, 5), min_size=13, max_size=13))
    scale = [sum(stretch[: stamp + 1]) for stamp in range(13)]
    moved = [
        replace(
            op,
            client=data.draw(st.integers(0, 9)),
            call=scale[op.call],
            ret=None if op.ret is None else scale[op.ret],
        )
        for op in data.draw(st.permutations(history))
    ]
    assert kinds(model, moved) == kinds(model, history)


@given(st.lists(st.tuples(st.sampled_from("abc"), kv_operations()), max_size=9), st.data())
def test_keys_are_independent_and_their_names_do_not_matter(
    operations: list[tuple[str, Operation]], data: st.DataObject
) -> None:
    def named(names: dict[str, str]) -> list[Operation]:
        return [replace(op, input=op.input._replace(key=names[key])) for key, op in operations]

    same = {key: key for key in "abc"}
    other = dict(zip("abc", data.draw(st.permutations("abc")), strict=True))
    every = [brute_force(kv, [op for k, op in operations if k == key]) for key in "abc"]
    assert kinds(kv, named(same)) == kinds(kv, named(other)) == (all(every), all(every))
    verdict = check(kv, named(same), all_partitions=True)
    if isinstance(verdict, Illegal):
        illegal = [key for key, legal in zip("abc", every, strict=True) if not legal]
        assert [partition.key for partition in verdict.partitions] == illegal


@given(HISTORIES, st.integers(0, 20))
def test_a_larger_budget_never_decides_less(case: Case, budget: int) -> None:
    model, history = case
    model = replace_method(model)
    less, more = check(model, history, budget=budget), check(model, history, budget=budget + 1)
    if isinstance(less, Ok | Illegal):
        assert type(more) is type(less)
