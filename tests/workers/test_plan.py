"""Results are merged by test and seed: the order in which they come changes nothing."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.search.shortest import RUNS, STEPS
from tester.workers.plan import Plan, Reruns
from tester.workers.results import Counted, LabResult, Lost, Rerun, TestResult
from tester.workers.runner import share_of
from tester.workers.wire import Chunk, Listed, Ran, RerunJob, RerunReport

LOST = Lost(0, "exited with status 1", ())


def ran(verdict: str, seed: int) -> Ran:
    why = f"misuse in seed {seed}" if verdict == "misuse" else ""
    leaked = verdict == "leaked"
    symptom = ("MemoryError",) if verdict == "memory" else ()
    steps = 1_000_000 if verdict == "steps" else 0
    verdict = "fail" if leaked or symptom or steps else verdict
    figures = seed, 2 * seed, 3 * seed, 40 * seed
    return Ran(verdict, f"digest {seed}", *figures, why, leaked, symptom, steps=steps)


def summary(plan: Plan) -> object:
    """Everything a result holds, real time aside; a misuse is the only result there is."""
    if plan.misuse:
        return plan.misuse
    result = plan.result()
    tests = [
        (
            test.name,
            test.verdict,
            test.counted.seeds,
            test.counted.failed,
            test.counted.unknown,
            (test.counted.rpcs, test.counted.ops, test.counted.virtual_us),
            test.counted.digest,
            test.counted.worst,
            test.lost,
            test.first_bad_seed,
        )
        for test in result.tests
    ]
    return result.verdict, result.digest, tests


def carry_out(plan: Plan, fates: dict[str, list[str]], pick: object) -> None:
    """Take all the jobs there are, and answer in the order of `pick(n)`, as long as wanted."""
    assert callable(pick)
    open_: list[tuple[Chunk, int]] = []
    while not plan.finished():
        while (job := plan.next()) is not None:
            assert isinstance(job, Chunk)
            open_ += [(job, at) for at in range(job.count)]
        assert open_, "the plan waits for something that nobody does"
        chunk, at = open_.pop(pick(len(open_)))
        seed = chunk.first + at
        if not plan.wants(Chunk(chunk.test, seed, 1)):
            continue
        verdict = fates[chunk.test][seed]
        if verdict == "lost":
            plan.lost(chunk, at, LOST, "")
        else:
            plan.answered(chunk, at, ran(verdict, seed), "")


verdicts = st.lists(
    st.sampled_from(["pass"] * 3 + ["fail", "unknown", "lost", "misuse", "leaked", "steps"]),
    min_size=1,
    max_size=12,
)


@given(st.lists(verdicts, min_size=1, max_size=3), st.integers(1, 5), st.data())
def test_the_order_of_the_answers_changes_nothing(
    fates: list[list[str]], jobs: int, data: st.DataObject
) -> None:
    by_name = {f"test_{n}": fate for n, fate in enumerate(fates)}
    listed = [Listed(name, len(fate), 1) for name, fate in by_name.items()]
    straight = Plan("lab", listed, 1)
    carry_out(straight, by_name, lambda n: 0)
    shuffled = Plan("lab", listed, jobs)
    carry_out(shuffled, by_name, lambda n: data.draw(st.integers(0, n - 1)))
    assert summary(shuffled) == summary(straight)


def finished(*verdicts: str) -> Plan:
    plan = Plan("lab", [Listed("test_a", len(verdicts), 1)], 1)
    carry_out(plan, {"test_a": list(verdicts)}, lambda n: 0)
    return plan


def test_sums_and_digests() -> None:
    (test,) = finished("pass", "fail", "pass", "unknown", "fail").result().tests
    assert (test.counted.failed, test.counted.unknown) == ([1, 4], [3])
    assert (test.counted.rpcs, test.counted.ops, test.counted.virtual_us) == (10, 20, 30)
    assert test.counted.wall_us == 400
    text = "".join(f"digest {seed}" for seed in range(5))
    assert test.counted.digest == hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    assert (test.first_bad_seed, test.counted.worst) == (1, ran("fail", 1))


@pytest.mark.parametrize(
    ("verdicts", "verdict", "first"),
    [
        (("pass", "pass"), "pass", None),
        (("pass", "unknown"), "unknown", 1),
        (("unknown", "fail", "fail"), "fail", 1),
        (("unknown", "lost", "fail"), "fail", 1),
    ],
)
def test_the_verdict_and_its_seed(
    verdicts: tuple[str, ...], verdict: str, first: int | None
) -> None:
    result = finished(*verdicts).result()
    assert (result.verdict, result.tests[0].first_bad_seed) == (verdict, first)


def test_a_test_ends_at_its_first_lost_seed() -> None:
    plan = finished("pass", "lost", "fail", "lost")
    (test,) = plan.result().tests
    assert (test.counted.seeds, test.counted.failed, test.lost) == (2, [1], LOST)
    assert not plan.wants(Chunk("test_a", 2, 1))


def test_a_test_ends_at_its_first_seed_that_changes_what_outlives_a_run() -> None:
    plan = finished("pass", "leaked", "fail", "leaked")
    (test,) = plan.result().tests
    assert (test.counted.seeds, test.counted.failed, test.lost) == (2, [1], None)
    assert test.counted.worst == ran("leaked", 1)
    assert not plan.wants(Chunk("test_a", 2, 1))


@pytest.mark.parametrize("what", ["steps", "memory"])
def test_a_test_ends_at_its_first_seed_that_has_used_up_its_steps_or_its_memory(what: str) -> None:
    plan = finished("pass", what, "fail", what)
    (test,) = plan.result().tests
    assert (test.counted.seeds, test.counted.failed, test.counted.used_up) == (2, [1], what)
    assert not plan.wants(Chunk("test_a", 2, 1))


def test_a_long_run_that_passes_has_used_up_nothing() -> None:
    assert not Ran("pass", "digest", 1, 1, 1, 1, steps=2_000_000).used_up
    assert not Ran("fail", "digest", 1, 1, 1, 1, steps=999_999).used_up


def test_a_misuse_is_not_counted_and_ends_the_tests_after_it() -> None:
    plan = Plan("lab", [Listed("test_a", 2, 1), Listed("test_b", 2, 1)], 1)
    first, second = plan.next(), plan.next()
    assert first is not None
    assert second is not None
    plan.answered(first, 0, ran("misuse", 0), "")
    assert plan.misuse == "misuse in seed 0"
    assert plan.finished()
    assert not plan.wants(Chunk("test_b", 0, 1))


def test_chunks_grow_with_the_speed_of_a_test_and_shrink_towards_its_end() -> None:
    plan = Plan("lab", [Listed("test_a", 1000, 1)], 2)
    sizes = []
    while (job := plan.next()) is not None:
        sizes.append(job.count)
        for at in range(job.count):
            plan.answered(job, at, Ran("pass", "", 0, 0, 0, 1_000), "")
    assert sum(sizes) == 1000
    assert sizes[0] <= 4
    assert max(sizes) == 50
    assert sizes[-1] == 1
    assert plan.finished()


def test_the_first_few_seeds_that_fail_alike_are_remembered() -> None:
    def failed(*symptom: str) -> Ran:
        return Ran("fail", "digest", 1, 1, 1, 1, symptom=symptom)

    other, same = failed("KeyError"), failed("Livelock", "a.py:7")
    passed, unknown = (Ran(verdict, "digest", 1, 1, 1, 1) for verdict in ("pass", "unknown"))
    counted = Counted()
    for one in (passed, unknown, same, other, passed, same, same, other, same, same):
        counted.add(one)
    assert counted.failed == [2, 3, 5, 6, 7, 8, 9]
    assert counted.alike == [2, 5, 6, 8]


def test_a_heavy_test_begins_with_one_seed() -> None:
    job = Plan("lab", [Listed("test_a", 1000, 10)], 2).next()
    assert job == Chunk("test_a", 0, 1)


def test_tellings_are_told_by_their_marker() -> None:
    reruns = [Rerun("test_a", 3, "again"), Rerun("test_b", 2**127, "again")]
    source = Reruns(reruns)
    jobs = [source.next(), source.next()]
    assert source.next() is None
    a, b = jobs
    assert isinstance(a, RerunJob)
    assert isinstance(b, RerunJob)
    assert (b.test, b.seed, a.command) == ("test_b", str(2**127), "again")
    told = RerunReport(ran("fail", 0), "story")
    source.answered(b, 0, told, "printed")
    assert not source.finished()
    source.lost(a, 0, LOST, "")
    assert source.finished()
    assert (reruns[1].report, reruns[1].printed, reruns[0].lost) == (told, "printed", LOST)
    assert [rerun.verdict for rerun in reruns] == ["fail", "fail"]


def test_attempts_at_smaller_runs_are_counted() -> None:
    first, recorded = Rerun("test_a", 3, "again"), Rerun("test_b", 4, "again", record="a record")
    source = Reruns([first, recorded])
    jobs = [source.next(), source.next()]
    a, b = (job for job in jobs if job is not None)

    def counts() -> tuple[int, int, int]:
        return source.runs, source.total, source.failures

    assert counts() == (0, 2, 0)
    for _ in range(7):
        source.attempts(a, "")
    assert counts() == (8, RUNS + 2, 1)  # the run itself is over: it failed
    source.attempts(b, "")  # a record is small already: nobody knows how much there is to explain
    assert counts() == (10, RUNS + 3, 2)
    source.answered(a, 0, RerunReport(ran("fail", 0), "story"), "")
    assert counts() == (10, 10, 2)
    source.answered(b, 0, RerunReport(ran("fail", 0), "story"), "")
    rival = Rerun("test_a", 5, "again")
    source.add([rival])
    assert not source.finished()
    assert [part.text for part in source.parts if not part.is_over] == [
        "test_a: 1 more seed explained"
    ]
    source.answered(source.next() or a, 0, RerunReport(ran("pass", 0), ""), "")
    assert source.finished()
    assert counts() == (11, 11, 2)
    assert [part.text for part in source.parts] == [
        "test_a: seed 3 explained", "test_b: seed 4 explained", "test_a: 1 more seed explained",
    ]  # fmt: skip


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10**7)), min_size=1, max_size=40))
def test_stories_take_a_share_of_what_the_run_took(tests: list[tuple[bool, int]]) -> None:
    results = []
    for fails, steps in tests:
        counts = Counted()
        counts.add(Ran("fail" if fails else "pass", "digest", 1, 1, 1, 1, steps=steps))
        results.append(TestResult("test", 1, 1, counts, None))
    share, failing = share_of(LabResult("lab", results)), sum(fails for fails, _ in tests)
    assert STEPS // 2 <= share <= STEPS
    half = max(STEPS, sum(steps for _, steps in tests) // 2)
    assert share * failing <= max(half, failing * STEPS // 2)
    assert share == STEPS or (share + 1) * failing >= half, "and no less than that"


@pytest.mark.parametrize(
    ("again", "differed"),
    [
        (ran("fail", 1), False),
        (ran("fail", 2), True),
        (Ran("pass", "digest 1", 1, 2, 3, 40), True),
        (Ran("fail", "digest 1", 1, 2, 3, 99), False),
    ],
)
def test_a_telling_knows_whether_its_seed_came_to_the_same(again: Ran, differed: bool) -> None:
    rerun = Rerun("test_a", 1, "again", first=ran("fail", 1), report=RerunReport(again, "story"))
    assert rerun.differed is differed
