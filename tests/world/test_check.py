"""The check at the end of a run: whose operations, against which model, and what it raises."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from kvsrv import Clerk, Err, KVServer, Version
from labrpc import UNRELIABLE
from linearizability import Illegal, Ok, Unknown
from linearizability.models import kv
from tester import NotLinearizable, Simulation, Undecided, simulate
from tester.world import check
from tester.world.handles import KV, AppendKV
from tester.world.history import History
from tests.world.lab import once, passes

Call = tuple[str, tuple[Any, ...], Any]


def history_of(*calls: Call, like: type = KV) -> History:
    history = History()
    for method, args, answer in calls:
        op = history.begin("c0", "c0", method, args, like, 0)
        if answer is not None:
            history.end(op, answer, 0)
    return history


STALE: tuple[Call, ...] = (("put", ("k", "a", 0), Err.OK), ("get", ("k",), ("", 0, Err.NO_KEY)))


def test_the_history_is_checked_against_the_model() -> None:
    good = history_of(("put", ("k", "a", 0), Err.OK), ("get", ("k",), ("a", 1, Err.OK)))
    assert isinstance(check.check_history("kv", good, 100), Ok)
    assert isinstance(check.check_history("kv", history_of(*STALE), 100), Illegal)


def test_an_open_operation_may_have_happened_or_not() -> None:
    for seen in [("a", 1, Err.OK), ("", 0, Err.NO_KEY)]:
        history = history_of(("put", ("k", "a", 0), None), ("get", ("k",), seen))
        assert isinstance(check.check_history("kv", history, 100), Ok)


def test_objects_that_are_no_clerks_are_not_checked() -> None:
    class Cupboard:
        async def get(self, key: str) -> str:
            raise NotImplementedError

        async def put(self, key: str, value: str, shelf: int) -> bool:
            raise NotImplementedError

    assert isinstance(check.check_history("kv", history_of(*STALE, like=Cupboard), 100), Ok)
    assert isinstance(check.check_history("kv", history_of(*STALE, like=object), 100), Ok)


def test_an_object_made_by_hand_is_a_clerk_if_it_is_annotated_like_one() -> None:
    assert isinstance(check.check_history("kv", history_of(*STALE, like=Clerk), 100), Illegal)


def test_operations_beyond_the_model_are_not_checked() -> None:
    history = history_of(("append", ("k", "a"), Err.OK), ("get", ("k",), ("", 0, Err.NO_KEY)))
    assert isinstance(check.check_history("kv", history, 100), Ok)


def test_a_verdict_is_raised_unless_it_is_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    check.judge(check.check_history("kv", history_of(), 100))
    with pytest.raises(NotLinearizable, match="was still answered ErrNoKey"):
        check.judge(check.check_history("kv", history_of(*STALE), 100))
    searched = check._MODELS["kv"]._replace(model=replace(kv, method=None))
    monkeypatch.setattr(check, "_MODELS", {"kv": searched})
    undecided = check.check_history("kv", history_of(*STALE), 0)
    assert isinstance(undecided, Unknown)
    with pytest.raises(Undecided, match=r"limits=Limits\(configurations=1000\) searches further"):
        check.judge(undecided)


def test_an_unknown_model_is_refused_where_it_is_named() -> None:
    with pytest.raises(ValueError, match="expected a model of kv"):
        simulate(model="kw")


class Fibber(Clerk):
    async def get(self, key: str) -> tuple[str, Version, Err]:
        return "a lie", 7, Err.OK


async def fib(sim: Simulation) -> None:
    sim.serve(KVServer)
    await sim.clerk(Fibber).get("k")


def test_a_run_is_checked_when_its_test_returns() -> None:
    outcome = once(fib)
    assert outcome.verdict == "fail"
    assert isinstance(outcome.error, NotLinearizable)
    assert isinstance(outcome.checked, Illegal)


def test_a_run_without_a_model_is_not_checked() -> None:
    assert passes(fib, model=None).checked is None


def test_an_impossible_history_explains_the_assertion_that_failed_after_it() -> None:
    async def notices(sim: Simulation) -> None:
        await fib(sim)
        raise AssertionError("version 7?")

    assert once(notices).kind == "NotLinearizable"
    assert once(notices, model=None).kind == "AssertionError"


@pytest.mark.parametrize("seed", range(10))
def test_the_reference_tells_the_truth(seed: int) -> None:
    async def race(sim: Simulation) -> None:
        sim.serve()

        async def client() -> None:
            ck = sim.clerk()
            for version in range(5):
                await ck.put("k", f"{version}", version)
                await ck.get("k")

        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(client())

    outcome = passes(race, seed, network=UNRELIABLE)
    assert isinstance(outcome.checked, Ok)
    assert outcome.ops == 30


def test_a_run_is_checked_against_the_models_that_its_clients_are_clerks_of() -> None:
    good = history_of(("append", ("k", "a"), ""), ("get", ("k",), "a"), like=AppendKV)
    bad = history_of(("append", ("k", "a"), ""), ("get", ("k",), "b"), like=AppendKV)
    assert isinstance(check.check_history(check.BY_CLIENTS, good, 1_000), Ok)
    assert isinstance(check.check_history(check.BY_CLIENTS, bad, 1_000), Illegal)
    assert isinstance(check.check_history(check.BY_CLIENTS, history_of(*STALE), 1_000), Illegal)
    assert (
        check.check_history(check.BY_CLIENTS, history_of(("ask", (), 1), like=object), 1_000)
        is None
    )


def test_of_several_models_the_worst_verdict_counts() -> None:
    both = history_of(*STALE)
    op = both.begin("c1", "c1", "append", ("k", "a"), AppendKV, 0)
    both.end(op, "", 0)
    assert isinstance(check.check_history(check.BY_CLIENTS, both, 1_000), Illegal)
    check.judge(None)
