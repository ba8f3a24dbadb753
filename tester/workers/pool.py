"""A pool of worker processes that run seeds, and survive whatever the code under test does.

A worker that uses CPU time and sends nothing is asked for its stack and ended, because nothing
else stops an infinite loop without an `await`: see `watchdog`. No other result depends on time,
and none on the number of workers.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable
from typing import Final, Self

from tester.workers.plan import JobSource, ProofPlan, Reruns
from tester.workers.processes import keep_descendants
from tester.workers.results import Lost
from tester.workers.wire import (
    Aborted,
    Alive,
    Answered,
    Attempting,
    Job,
    Listed,
    Loading,
    Message,
    Noted,
    Placed,
    Ran,
    Ready,
    Refused,
    RerunJob,
    RerunReport,
)
from tester.workers.worker import Launch, Worker

_TICK_S: Final = 0.1
_NAP_S: Final = 0.005
_AHEAD: Final = 2
_START_S: Final = 60
CHANCES: Final = 2


class CannotStart(Exception):
    """The submission cannot be loaded: one sentence to its author.

    `loading` tells whether it was being loaded. If not, the fault is the machine's.
    """

    def __init__(self, sentence: str, *, loading: bool = True) -> None:
        super().__init__(sentence)
        self.loading = loading


class Pool:
    """Up to `jobs` workers, in a `with` block that ends them.

    A worker is ended after `stuck_s` seconds of CPU time in silence. `note` is called with each
    warning for the author of the code under test. A run is lost when its process has died
    `chances` times.
    """

    def __init__(
        self,
        launch: Launch,
        jobs: int,
        *,
        stuck_s: int,
        note: Callable[[str], None],
        chances: int = CHANCES,
    ) -> None:
        self.jobs = jobs
        self.taken = ""
        """What was taken from the submission's folder; set once a worker has loaded it."""
        self.root = ""
        """The root folder of the project; set once a worker has collected its tests."""
        self._launch = launch
        self._stuck_s = stuck_s
        self._chances = chances
        self._note = note
        self._notes: set[str] = set()
        self._workers: list[Worker] = []
        self._selector = selectors.DefaultSelector()
        self._tests: list[Listed] | None = None
        self._watched = time.monotonic()

    def __enter__(self) -> Self:
        self._kept = keep_descendants()
        try:
            for _ in range(self.jobs):
                self._start()
        except BaseException:  # an interrupt, or no process is to be had
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for worker in list(self._workers):
            self._end(worker)
        self._selector.close()
        keep_descendants(keep=self._kept)

    def tests(self) -> list[Listed]:
        """The tests; waits until a worker has loaded them. Raises CannotStart."""
        while self._tests is None:
            self._listen(None)
            self._watch(None)
        return self._tests

    def work(self, source: JobSource, progress: Callable[[], None] = lambda: None) -> None:
        """Run the source's jobs until it is finished; calls `progress` several times a second."""
        while not source.finished():
            self.turn(source)
            progress()
        for worker in [worker for worker in self._workers if worker.jobs]:
            self._end(worker)  # its results are not needed any more

    def turn(self, source: JobSource, wait_s: float = _TICK_S) -> None:
        """Give out jobs and take in messages; waits at most `wait_s` for one."""
        self._feed(source)
        self._listen(source, wait_s)
        self._watch(source)

    # -- starting and ending workers --------------------------------------------------------------

    def _start(self) -> Worker:
        worker = Worker(self._launch)
        self._workers.append(worker)
        self._selector.register(worker.answers, selectors.EVENT_READ, worker)
        self._selector.register(worker.output, selectors.EVENT_READ, worker)
        return worker

    def _end(self, worker: Worker) -> None:
        self._workers.remove(worker)
        self._selector.unregister(worker.answers)
        if worker.output in self._selector.get_map():
            self._selector.unregister(worker.output)
        worker.kill()
        worker.close()

    def _feed(self, source: JobSource) -> None:
        """Give every worker a job and then one more, so that none waits for this process."""
        for depth in range(_AHEAD):
            for worker in self._workers:
                if len(worker.jobs) <= depth:
                    job = source.next()
                    if job is None:
                        return
                    worker.give(job)
            while len(self._workers) < self.jobs and (job := source.next()) is not None:
                self._start().give(job)

    # -- messages ---------------------------------------------------------------------------------

    def _listen(self, source: JobSource | None, wait_s: float = _TICK_S) -> None:
        for key, _ in self._selector.select(wait_s):
            worker: Worker = key.data
            if key.fd == worker.answers:
                for message in worker.hear():
                    self._take(worker, message, source)
            elif not worker.drain():
                self._selector.unregister(worker.output)
        if wait_s:
            time.sleep(_NAP_S)  # many answers at once cost less than one at a time

    def _take(self, worker: Worker, message: Message, source: JobSource | None) -> None:
        if worker.distrusted:
            return
        match message:
            case Loading(what):
                worker.loading = what
            case Ready(tests, taken, root):
                worker.ready = True
                self._tests, self.taken, self.root = tests, taken, root
            case Refused(sentence):
                raise CannotStart(sentence)
            case Noted(text):
                if text not in self._notes:
                    self._notes.add(text)
                    self._note(text)
            case Alive():
                pass  # the watchdog has noticed that the worker sent something
            case Attempting(story):
                worker.attempting = True
                if isinstance(source, Reruns) and worker.jobs:
                    source.attempts(worker.jobs[0], story)
            case Placed():
                if isinstance(source, ProofPlan):
                    source.placed(message)
            case Answered() if source is not None and worker.expects(message):
                self._answer(worker, message, source)
            case Aborted() if worker.expects(message):
                worker.aborted = message
                worker.ended = worker.distrusted = True
            case _:
                worker.ended = worker.distrusted = True  # the code under test wrote it
                if worker.ready and not worker.jobs and source and (job := source.next()):
                    worker.jobs.append(job)  # its run pays, as if it had been given in time

    def _answer(self, worker: Worker, message: Answered, source: JobSource) -> None:
        job, answer = worker.jobs[0], message.answer
        printed = worker.printed(job.marker) if isinstance(job, RerunJob) else ""
        source.answered(job, worker.answered, answer, printed)
        worker.has_answered()
        ran = answer.ran if isinstance(answer, RerunReport) else answer
        if isinstance(ran, Ran) and ran.leaked_state:
            worker.leaked_state = worker.distrusted = True

    # -- hung and dead workers --------------------------------------------------------------------

    def _watch(self, source: JobSource | None) -> None:
        # If the clock jumps because this process was stopped or had to wait for a core, the
        # workers may have waited, too.
        now = time.monotonic()
        passed, self._watched = min(now - self._watched, 2 * _TICK_S), now
        for worker in list(self._workers):
            busy = bool(worker.jobs) or not worker.ready
            if worker.leaked_state:
                self._replace(worker, source, list(worker.unanswered()), deaths=0)
            elif worker.ended or (worker.watchdog.quiet_s > _TICK_S and worker.has_exited()):
                for message in worker.hear():
                    self._take(worker, message, source)
                self._handle_loss(worker, source, worker.over())
            elif source and worker.jobs and not any(map(source.wants, worker.unanswered())):
                self._end(worker)
            elif busy:
                ours = not worker.ready and not worker.loading
                limit = max(self._stuck_s, _START_S) if ours else self._stuck_s
                if (lost := worker.stuck(passed, limit)) is not None:
                    self._handle_loss(worker, source, lost)

    def _handle_loss(self, worker: Worker, source: JobSource | None, lost: Lost) -> None:
        """Handle a worker that hangs or has died: its run is lost or tried again.

        A run whose process died is tried again, alone in a new process. If that dies as well, the
        run is the cause, and not an accident.
        """
        if not worker.ready:
            raise CannotStart(_why_not(worker, lost), loading=bool(worker.loading))
        left = list(worker.unanswered())
        again = bool(lost.ending) and worker.deaths + 1 < self._chances and not worker.leaked_state
        if left and not again and not worker.leaked_state:
            assert source is not None  # it gave the job
            job = worker.jobs[0]
            printed = worker.printed(job.marker) if isinstance(job, RerunJob) else ""
            source.lost(job, worker.answered, lost, printed)
            del left[0]
        self._replace(worker, source, left, worker.deaths + 1 if again else 0)

    def _replace(
        self, worker: Worker, source: JobSource | None, left: list[Job], deaths: int
    ) -> None:
        """End the worker; those jobs `left` that are still wanted go to a new one."""
        self._end(worker)
        left = [job for job in left if source is None or source.wants(job)]
        if left:
            successor = self._start()
            successor.deaths = deaths
            for job in left:
                successor.give(job)


def _why_not(worker: Worker, lost: Lost) -> str:
    where = "".join(f"; it stood at {p.file}:{p.line}" for p in lost.users()[-1:])
    if not worker.loading:
        last = worker.printed().rpartition("\n")[2]
        return (
            f"a worker process {lost.ending or f'ended with {lost.what}'} before it had loaded "
            f"anything: {last or 'silently'}"
        )
    if lost.stuck_s:
        kind = "real" if lost.waited else "CPU"
        return (
            f"importing {worker.loading} took more than {lost.stuck_s} s of {kind} time{where}; "
            "a module of a submission defines things and runs nothing"
        )
    how = f"its process, which {lost.ending}" if lost.ending else f"with {lost.what}"
    return (
        f"importing {worker.loading} ended {how}{where}; "
        "a module of a submission defines things and runs nothing"
    )
