"""The coordinator: which task is handed out when, and when the job is done."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from mapreduce.coordinator import PATIENCE_S, Ask, Coordinator, Kind, Phase, Report


def test_a_task_is_handed_out_again_after_ten_seconds_and_not_before() -> None:
    phase = Phase(Kind.MAP, 2)
    assert [phase.take(0), phase.take(4), phase.take(9)] == [0, 1, None]
    assert phase.take(PATIENCE_S) == 0
    assert phase.take(PATIENCE_S + 1) is None
    assert phase.take(PATIENCE_S + 4) == 1
    assert phase.take(2 * PATIENCE_S) == 0


def test_a_finished_task_is_not_handed_out_again() -> None:
    phase = Phase(Kind.MAP, 2)
    assert [phase.take(0), phase.take(0)] == [0, 1]
    phase.finish(0)
    phase.finish(0)
    assert not phase.over
    assert phase.take(100) == 1
    assert phase.take(100) is None
    phase.finish(1)
    assert phase.over


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 12)), max_size=60))
def test_a_phase_hands_out_what_a_plain_table_says(
    steps: list[tuple[bool, int, int]],
) -> None:
    phase, now = Phase(Kind.MAP, 4), 0
    since: dict[int, int | None] = dict.fromkeys(range(4))
    for asks, number, later in steps:
        now += later
        if not asks:
            if number in since and since[number] is not None:
                phase.finish(number)
                del since[number]
            continue
        fresh = [n for n, when in since.items() if when is None]
        stale = [(when, n) for n, when in since.items() if when is not None]
        due = [n for when, n in sorted(stale) if now - when >= PATIENCE_S]
        found = phase.take(now)
        if fresh:
            assert found == fresh[0]
        elif due:
            assert found in due
            assert since[found] == since[due[0]]
        else:
            assert found is None
        if found is not None:
            since[found] = now
    assert phase.over == (not since)


def test_a_job_goes_from_map_to_reduce_to_the_end() -> None:
    async def job() -> None:
        made = Coordinator(["a", "b"], 1)
        first, second = made.next_task(Ask("w0")), made.next_task(Ask("w1"))
        assert [first.file, second.file] == ["a", "b"]
        assert first.attempt != second.attempt
        assert made.next_task(Ask("w0")).kind is Kind.WAIT
        made.finished(Report(Kind.MAP, 0))
        assert made.next_task(Ask("w0")).kind is Kind.WAIT
        made.finished(Report(Kind.MAP, 1))
        reduce = made.next_task(Ask("w0"))
        assert (reduce.kind, reduce.number, reduce.n_map) == (Kind.REDUCE, 0, 2)
        made.finished(Report(Kind.MAP, 0))  # late, of an earlier phase
        assert not made.done()
        made.finished(Report(Kind.REDUCE, 0))
        assert made.done()
        assert made.next_task(Ask("w0")).kind is Kind.EXIT

    asyncio.run(job())


def test_a_job_without_files_has_empty_outputs() -> None:
    async def job() -> None:
        assert Coordinator([], 2).next_task(Ask("w0")).kind is Kind.REDUCE

    asyncio.run(job())
