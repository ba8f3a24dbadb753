"""Models of a test's own: what recorded operations are to them, and what a violation says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kvsrv import Clerk, Err, KVServer
from labrpc import ClientEnd, Message
from linearizability import Illegal, Model, Ok
from linearizability.models import Append, Get, kv
from tester import KV, NotLinearizable, Op, Simulation, TesterError, simulate
from tester.engine.choices import Choices, Seeded
from tester.report.story import render_story
from tester.search.diagnosis import diagnose
from tester.world import check
from tester.world.check import Invocation, Models
from tester.world.run import Scenario, run
from tests.snapshots import check as check_snapshot
from tests.world.lab import once, passes
from tests.world.test_check import STALE, history_of


class Job(Message, frozen=True):
    name: str


class Jobs(Message, frozen=True):
    names: list[str]


class Queue:
    """Gives out jobs first in, first out."""

    def __init__(self) -> None:
        self._jobs: list[str] = []

    def put(self, args: Job) -> Jobs:
        self._jobs.append(args.name)
        return Jobs([])

    def take(self, args: Jobs) -> Jobs:
        return Jobs([self._jobs.pop(0)] if self._jobs else [])


class Stack(Queue):
    def take(self, args: Jobs) -> Jobs:
        return Jobs([self._jobs.pop()] if self._jobs else [])


class Worker:
    """A client of the queue."""

    def __init__(self, end: ClientEnd) -> None:
        self._end = end

    async def put_job(self, name: str) -> None:
        while await self._end.call(Queue.put, Job(name)) is None:
            await asyncio.sleep(1)

    async def take_job(self) -> str | None:
        while (reply := await self._end.call(Queue.take, Jobs([]))) is None:
            await asyncio.sleep(1)
        return next(iter(reply.names), None)

    def idle(self) -> bool:
        return True


State = tuple[str, ...]


def step(jobs: State, input: Any, output: Any) -> tuple[bool, State]:
    match input:
        case ("put_job", (name,)):
            return True, (*jobs, name)
        case ("take_job", ()):
            return output == next(iter(jobs), None), jobs[1:]
    return True, jobs


def call(input: Any, output: Any) -> str:
    return f"{input.method.removesuffix('_job')} {''.join(input.args)} -> {output}"


PLAIN = Model("jobs", init=tuple, step=step)
DESCRIBED = Model("jobs", init=tuple, step=step, describe_operation=call)


async def two_jobs(sim: Simulation, server: type[Queue] = Queue) -> None:
    sim.serve(server)
    worker: Any = sim.clerk(Worker, like=Worker)
    assert await worker.idle()
    await worker.put_job("a")
    await worker.put_job("b")
    await worker.take_job()


async def stacked(sim: Simulation) -> None:
    await two_jobs(sim, Stack)


@pytest.mark.parametrize("model", [PLAIN, DESCRIBED, {Worker: PLAIN}])
def test_operations_are_checked_against_a_model_of_ones_own(model: Models) -> None:
    assert isinstance(passes(two_jobs, model=model).checked, Ok)
    outcome = once(stacked, model=model)
    assert isinstance(outcome.error, NotLinearizable)
    assert isinstance(outcome.checked, Illegal)


def story(model: Models) -> str:
    scenario = Scenario(function=stacked, name="stacked", model=model)
    diagnosis = diagnose(scenario, 0, run(scenario, Choices(Seeded(0))))
    return render_story(
        0, diagnosis.outcome, "pytest -k stacked --sim-seed=0", diagnosis.explanation
    )


def test_a_violation_is_described_in_the_words_of_the_model() -> None:
    check_snapshot("models/described", story(DESCRIBED))
    check_snapshot("models/plain", story(PLAIN))


def test_an_operation_without_words_is_shown_as_a_story_shows_it() -> None:
    assert repr(Invocation("put_job", ("a", 1))) == "PutJob('a', 1)"


def test_a_long_operation_is_cut_to_the_width_of_a_story() -> None:
    wide = Model("jobs", tuple, step, describe_operation=lambda *both: "wide\n" * 30)
    told = story(wide).splitlines()
    assert max(map(len, told)) <= 80
    assert [line for line in told if line.startswith(f"{'':>10}c0      wide")]


# -- translation ----------------------------------------------------------------------------------


def as_log(op: Op) -> tuple[Any, Any] | None:
    """A put as an append to a text, and everything else as nothing."""
    if op.method == "put_job":
        return Append("log", op.args[0]), None
    return (Get("log"), op.result) if op.method == "take_job" else None


def test_a_function_says_what_an_operation_is_to_the_model() -> None:
    from linearizability.models import kv_append

    good = history_of(("put_job", ("a",), "-"), ("take_job", (), "a"), like=Worker)
    bad = history_of(("put_job", ("a",), "-"), ("take_job", (), "b"), like=Worker)
    bad.begin("c1", "c1", "idle", (), Worker, 0)
    ours = Model(
        "log",
        init=str,
        step=lambda text, input, output: (
            (True, text + input.value) if isinstance(input, Append) else (output == text, text)
        ),
    )
    for model in (kv_append, ours):
        assert isinstance(check.check_history((model, as_log), good, 1_000), Ok)
        assert isinstance(check.check_history((model, as_log), bad, 1_000), Illegal)


def test_each_class_of_clients_has_its_model() -> None:
    async def both(sim: Simulation, server: type[Queue] = Queue, version: int = 1) -> None:
        sim.serve(KVServer, name="kv")
        ck = sim.clerk(Clerk, server="kv")
        await ck.put("k", "a", 0)
        await two_jobs(sim, server)

    async def worse(sim: Simulation) -> None:
        await both(sim, Stack)

    models: Models = {Worker: PLAIN, KV: "kv"}
    assert isinstance(passes(both, model=models).checked, Ok)
    assert once(worse, model=models).kind == "NotLinearizable"
    assert once(worse, model={KV: "kv"}).verdict == "pass"
    mixed = history_of(*STALE, like=Clerk)
    mixed.end(mixed.begin("c1", "c1", "put_job", ("a",), Worker, 0), None, 0)
    assert isinstance(check.check_history({Worker: PLAIN}, mixed, 1_000), Ok)
    assert isinstance(check.check_history({Worker: PLAIN, Clerk: "kv"}, mixed, 1_000), Illegal)


# -- what is wrong with a model -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "error", "sentence"),
    [
        ("kw", ValueError, "expected a model of kv, kv-append"),
        ({Worker: "kw"}, ValueError, "expected a model of kv, kv-append"),
        (step, TypeError, "model: expected 'kv' or 'kv-append', a linearizability.Model, a pair"),
        ((kv, "kv"), TypeError, "model: expected 'kv' or 'kv-append', a linearizability.Model"),
        (
            {"Worker": kv},
            TypeError,
            "model: expected classes of clients as its keys, got 'Worker'",
        ),
    ],
)
def test_what_is_no_model_is_refused_where_it_is_named(
    model: Any, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error) as raised:
        simulate(model=model)
    assert str(raised.value).startswith(sentence)


def raises(*args: Any) -> Any:
    raise KeyError("no such job")


def unhashable() -> Any:
    return []


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Model("jobs", tuple, raises), "KeyError: 'no such job'"),
        (Model("jobs", tuple, step, describe_operation=raises), "KeyError: 'no such job'"),
        (Model("jobs", tuple, step, why_not=raises), "KeyError: 'no such job'"),
        ((PLAIN, raises), "KeyError: 'no such job'"),
        (Model("jobs", unhashable, lambda *all: (True, [])), "TypeError: "),
        (Model("jobs", tuple, lambda *all: True), "TypeError: model 'jobs': step returned True"),
    ],
)
def test_a_model_that_raises_is_named_and_so_is_the_line(model: Models, said: str) -> None:
    outcome = once(stacked, model=model)
    assert isinstance(outcome.error, TesterError)
    assert outcome.verdict == "fail"
    told = str(outcome.error)
    assert f"checked against the model 'jobs', for its functions raised {said}" in told
    if "KeyError" in said:
        assert told.startswith(f"{__file__}:")


def test_a_model_that_raises_does_not_hide_what_the_test_found() -> None:
    async def finds(sim: Simulation) -> None:
        await two_jobs(sim)
        raise AssertionError("found")

    assert once(finds, model=Model("jobs", tuple, raises)).kind == "AssertionError"


def test_models_by_class_of_which_there_is_no_client_check_nothing() -> None:
    outcome = once(two_jobs, model={KV: "kv", Queue: PLAIN})
    assert isinstance(outcome.error, TesterError)
    assert str(outcome.error) == (
        "model: expected clients of class KV or Queue, got operations of Worker: nothing would be "
        "checked"
    )


def test_an_answer_that_our_stores_cannot_give_is_described_in_the_words_of_the_model() -> None:
    outcome_history = history_of(*STALE)
    _ = check.check_history({KV: "kv"}, outcome_history, 1_000)
    assert [op.described for op in outcome_history.ops] == ["", ""]
    assert outcome_history.ops[0].result is Err.OK
