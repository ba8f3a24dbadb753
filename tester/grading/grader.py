"""The grader: many submissions at a time, each with an examiner of its own, one per core."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from tester.engine import VERSION
from tester.grading import examiner
from tester.grading import grade as grades
from tester.grading.archives import Limits, Malformed
from tester.grading.collect import Collected, collect
from tester.grading.exam import Exam
from tester.grading.examiner import Fault, Job, Over, Said, Work
from tester.grading.grade import About, Grade
from tester.grading.journal import DoneLine
from tester.grading.plan import Plan
from tester.grading.sandbox import Limits as NodeLimits
from tester.grading.store import Store
from tester.grading.students import Submission
from tester.workers.plan import Part
from tester.workers.processes import end_descendants
from tester.world.pipe import HEADER, framed

_ATTEMPTS: Final = 2
_HOME: Final = str(Path(__file__).parents[2])


class ClassProgress:
    """How many seeds have been run, of all submissions."""

    unit: Final = "seeds"

    def __init__(self, submissions: int, seeds: int) -> None:
        self._left = submissions
        self._seeds = seeds
        self._exams: dict[str, Exam] = {}
        self._of_those_done = 0

    def begun(self, student: str, exam: Exam) -> None:
        """This submission is run from here on."""
        self._exams[student] = exam

    def done(self, student: str) -> None:
        """This submission needs no further runs."""
        self._left -= 1
        if student in self._exams:
            self._of_those_done += _runs(self._exams[student])

    @property
    def runs(self) -> int:
        """How many are done."""
        return sum(map(_runs, self._exams.values()))

    @property
    def failures(self) -> int:
        """How many of these failed."""
        return sum(len(part.failed) for exam in self._exams.values() for part in exam.parts)

    @property
    def total(self) -> int:
        """How many there are to be, if each submission that is not done will need all seeds."""
        return self._of_those_done + self._left * self._seeds

    @property
    def parts(self) -> Sequence[Part]:
        """None: the grader says by itself that a submission is done."""
        return ()


def _runs(exam: Exam) -> int:
    return sum(len(part.counted) for part in exam.parts)


class _Faulty(Exception):
    """The machine failed and not the submission: one sentence, and details in lines."""

    def __init__(self, sentence: str, details: str = "") -> None:
        super().__init__(sentence)
        self.details = details


@dataclass
class Grader:
    """Grades submissions by one rubric, and keeps what it finds after every seed."""

    plan: Plan
    store: Store
    jobs: int
    level: int
    """The isolation that is to be had on this machine."""
    say: Callable[[str], None] = lambda text: None
    """Is told of each submission that is done."""
    stories: bool = True
    """Whether failures are to be told: that takes many runs."""
    progress: Callable[[ClassProgress], None] = lambda now: None
    """Is shown how far all of them have come, after every seed."""

    def grade(self, submissions: Sequence[Submission]) -> list[Grade]:
        """The grades, in the order of the submissions. What is known already is not run again."""
        for submission in submissions:
            if self.store.grade(submission.student) is None:
                self.store.keep(grades.pending(self.plan, About(submission.student)), [])
        return asyncio.run(self._all(submissions))

    async def _all(self, submissions: Sequence[Submission]) -> list[Grade]:
        now = ClassProgress(len(submissions), sum(part.seeds for part in self.plan.parts))
        free: asyncio.Queue[int | None] = asyncio.Queue()
        for core in cores(self.jobs):
            free.put_nowait(core)

        async def one(submission: Submission) -> Grade:
            core = await free.get()
            try:
                grade = await self._graded(submission, core, now)
                now.done(submission.student)
                self.progress(now)
                self.say(_line(grade))
                return grade
            finally:
                free.put_nowait(core)

        tasks = [asyncio.create_task(one(submission)) for submission in submissions]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # -- one submission ---------------------------------------------------------------------------

    async def _graded(self, submission: Submission, core: int | None, now: ClassProgress) -> Grade:
        """The grade of a submission; what the machine fails at is tried once more."""
        plan = self.plan
        about = About(
            submission.student,
            submitted=submission.submitted,
            source=str(submission.source.absolute()),
        )
        try:
            collected = collect(submission.source, plan.lab, plan.stands_on, _limits(plan))
        except Malformed as error:
            return self._without_runs(grades.of_malformed(plan, about, str(error)))
        except OSError as error:
            why = f"{submission.source.name}: {error.strerror}"
            return self._without_runs(grades.of_fault(plan, about, why))
        about = msgspec.structs.replace(
            about, notes=collected.notes, files_digest=collected.digest
        )
        if collected.missing:
            return self._without_runs(grades.of_malformed(plan, about, collected.missing))
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._examined(submission, about, collected, core, now)
            except _Faulty as fault:
                if attempt == _ATTEMPTS:
                    why = f"{fault}\n{fault.details}".rstrip()
                    return self._without_runs(grades.of_fault(plan, about, why))
        raise AssertionError("an attempt ends in a grade or in a fault")

    async def _examined(
        self,
        submission: Submission,
        about: About,
        collected: Collected,
        core: int | None,
        now: ClassProgress,
    ) -> Grade:
        """Run what has not been run yet. Raises _Faulty."""
        plan, subject = self.plan, submission.subject(self.plan)
        seeds = [(part, plan.seeds_of(part, subject)) for part in plan.parts]
        hidden = [seed for part, several in seeds if part.hidden for seed in several]
        journal = self.store.journal(submission.student, self._key(collected, subject))
        timed_out = False
        try:
            exam = Exam(seeds, journal)
            now.begun(submission.student, exam)
            if exam.done is None:
                job = self._job(exam, collected, core)
                shown = partial(self.progress, now)
                timed_out = await self._run(exam, job, about, hidden, shown)
                if not timed_out or plan.rubric.timeout == "zero":
                    exam.add(DoneLine(timed_out))
        finally:
            journal.close()
        timed_out = exam.done.timed_out if exam.done is not None else timed_out
        grade = grades.of_exam(plan, about, exam, timed_out=timed_out)
        self.store.keep(grade, hidden)
        return grade

    async def _run(
        self, exam: Exam, job: Job, about: About, hidden: list[int], shown: Callable[[], None]
    ) -> bool:
        """Have an examiner run what is left; whether time was over first. Raises _Faulty."""
        finished = 0
        try:
            async with (
                asyncio.timeout(self.plan.rubric.limits.seconds),
                aclosing(self._said(job)) as everything,
            ):
                async for said in everything:
                    if isinstance(said, Fault):
                        raise _Faulty(said.sentence, said.details)
                    if isinstance(said, Over):
                        return False
                    exam.add(said)
                    shown()
                    before, finished = finished, sum(one.finished for one in exam.parts)
                    if finished > before:  # from here on these points cannot be lost any more
                        self.store.keep(grades.of_exam(self.plan, about, exam), hidden)
        except TimeoutError:
            return True
        raise _Faulty("the examiner ended before it had said everything")

    def _job(self, exam: Exam, collected: Collected, core: int | None) -> Job:
        rule = self.plan.rubric.limits
        return Job(
            lab=self.plan.lab.name,
            files=collected.files,
            granted=collected.granted,
            limits=NodeLimits(
                memory=rule.memory_mb << 20,
                step_cpu_s=rule.stuck_after,
                load_cpu_s=3 * rule.stuck_after,
            ),
            level=self.level,
            work=[
                Work(one.part, list(one.seeds), one.counted, one.story is not None)
                for one in exam.parts
            ],
            stories=self.stories,
            core=core,
        )

    async def _said(self, job: Job) -> AsyncGenerator[Said, None]:
        """What an examiner says about a job, up to its end."""
        async with _examiner() as process:
            assert process.stdin is not None
            assert process.stdout is not None
            with suppress(ConnectionError):
                process.stdin.write(framed(msgspec.msgpack.encode(job)))
                await process.stdin.drain()
            while True:
                try:
                    size = int.from_bytes(await process.stdout.readexactly(HEADER), "big")
                    said = examiner.said_of(await process.stdout.readexactly(size))
                except asyncio.IncompleteReadError:
                    return
                yield said

    def _without_runs(self, grade: Grade) -> Grade:
        self.store.keep(grade, [])
        return grade

    def _key(self, collected: Collected, subject: str) -> str:
        """Equal for runs whose results are equal."""
        whole = [VERSION, self.plan.digest, collected.digest, subject, str(self.level)]
        return hashlib.sha256("\0".join(whole).encode()).hexdigest()


def cores(jobs: int) -> list[int | None]:
    """A core of its own for each job; None for all if there are not enough cores."""
    if not hasattr(os, "sched_getaffinity"):
        return [None] * jobs
    ours = sorted(os.sched_getaffinity(0))
    return [*ours[:jobs]] if jobs <= len(ours) else [None] * jobs


@asynccontextmanager
async def _examiner() -> AsyncIterator[asyncio.subprocess.Process]:
    """A fresh examiner; at the end it is gone, with all that it has started."""
    try:
        process = await asyncio.create_subprocess_exec(
            *examiner.command(_HOME),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            start_new_session=True,
        )
    except OSError as error:  # no process is to be had
        raise _Faulty(f"no process could be started: {error.strerror}") from None
    try:
        yield process
    finally:
        if process.returncode is None:
            # Not by its methods: they ask how it ended, which is for asyncio to find out.
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGSTOP)  # it starts nothing any more
                end_descendants(process.pid)
                os.kill(process.pid, signal.SIGKILL)
        await process.wait()


def _limits(plan: Plan) -> Limits:
    rule = plan.rubric.limits
    return Limits(files=rule.files, total_bytes=rule.kilobytes << 10)


def _line(grade: Grade) -> str:
    if grade.status == grades.GRADED:
        return f"{grade.student}: {grade.points:g} of {grade.max_points:g}"
    return f"{grade.student}: {grade.status}: {grades.cause(grade)}"
