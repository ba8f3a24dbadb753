"""The coordinator of a real job: what it does about workers that die, and when it gives up."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from mapreduce.coordinator import Ask, Kind, Report, Task
from mapreduce.job import Failed, JobCoordinator


def coordinator(maps: int = 2) -> tuple[JobCoordinator, list[tuple[int, int]]]:
    told: list[tuple[int, int]] = []
    names = [f"part-{number}" for number in range(maps)]
    about = [f"book.txt, bytes {number} to {number + 1}" for number in range(maps)]
    made = JobCoordinator(names, 1, about, lambda: told.append(made.finished_tasks()))
    return made, told


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def ask(made: JobCoordinator, worker: str) -> Task:
    return made.next_task(Ask(worker))


def test_the_task_of_a_dead_worker_is_handed_out_at_once() -> None:
    async def job() -> None:
        made, told = coordinator()
        first = ask(made, "w0")
        assert ask(made, "w1").number == 1
        assert ask(made, "w2").kind is Kind.WAIT
        made.lost("w0", "was ended by SIGKILL")
        again = ask(made, "w2")
        assert (again.number, again.attempt > first.attempt) == (first.number, True)
        made.finished(Report(Kind.MAP, 0))
        made.lost("w2", "was ended by SIGKILL")  # it had finished, and died afterwards
        made.finished(Report(Kind.MAP, 1))
        assert ask(made, "w1").kind is Kind.REDUCE
        made.finished(Report(Kind.REDUCE, 0))
        assert made.over
        assert not made.failure
        assert told == [(1, 0), (2, 0), (2, 1)]

    run(job())


def test_a_task_given_back_and_then_finished_is_not_handed_out() -> None:
    async def job() -> None:
        made, _ = coordinator(1)
        ask(made, "w0")
        made.lost("w0", "ended")
        made.finished(Report(Kind.MAP, 0))
        assert ask(made, "w1").kind is Kind.REDUCE

    run(job())


def test_a_task_that_ends_three_workers_ends_the_job() -> None:
    async def job() -> None:
        made, _ = coordinator()
        for worker in ("w0", "w1", "w2"):
            assert not made.over
            assert ask(made, worker).number == 0
            made.lost(worker, "ended with exit status 7")
        assert made.failure == (
            "the map task of book.txt, bytes 0 to 1 has ended three workers in turn; the last one "
            "ended with exit status 7"
        )
        assert made.over
        assert ask(made, "w3").kind is Kind.EXIT

    run(job())


def test_workers_that_never_ask_end_the_job() -> None:
    made, _ = coordinator()
    for worker in ("w0", "w1", "w2"):
        made.lost(worker, "ended with exit status 1")
    assert "three workers in turn ended before they had a task" in made.failure


def test_workers_that_are_killed_as_they_start_do_not_end_a_job_that_gets_on() -> None:
    async def job() -> None:
        made, _ = coordinator(9)
        for number in range(9):
            made.lost(f"early {number}", "was ended by SIGKILL")
            assert ask(made, f"w{number}").kind is Kind.MAP
        assert not made.failure

    run(job())


def test_the_first_failure_is_the_one_that_counts() -> None:
    made, told = coordinator()
    made.failed(Failed("w0", "one"))
    made.failed(Failed("w1", "other"))
    assert made.failure == "one"
    assert told
