"""A sweep and its executor: whatever is lost on the way, the store ends as it ought to."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor
from pathlib import Path

import msgspec
import pytest

from tester.cli.target import target_of as project_of
from tester.sweep import sweep as module
from tester.sweep.executors import Unreachable
from tester.sweep.job import ChunkDone, SweepJob
from tester.sweep.plan import Piece, SweepPlan, Until
from tester.sweep.store import Store
from tester.sweep.sweep import CannotSweep, Progress, Sweep, Target, sought
from tester.workers.results import Lost
from tester.workers.wire import Chunk
from tester.workers.worker import Worker
from tests.running import ROGUE, labtester, submit
from tests.sweep.stage import Broken, Here, ended_hosts, exported, target

__all__ = ["labtester"]

SEEDS = range(60)
NEVER = Until()
KILL = 'from tests.nobody import libc\nif args.key == "kill":\n    getattr(libc, "raise")(9)'
job_of = msgspec.msgpack.Decoder(SweepJob).decode


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "_PAUSES_S", (0.0,) * 3)
    with ended_hosts():
        yield


def chunk_of(data: bytes) -> Chunk | None:
    return job_of(data).chunk


def swept(
    path: Path,
    make: Callable[[], Executor] = Here,
    until: Until = NEVER,
    one: Target | None = None,
) -> Progress:
    with Store(path, new=True, alone=True) as store, Sweep(make, 2, 3) as running:
        wanted = sought(running.listings([one or target()]), SEEDS, store)
        return running.work(SweepPlan(wanted, running.jobs), store, until)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = tmp_path_factory.mktemp("undisturbed") / "a.db"
    with ended_hosts():
        assert swept(path).runs == len(SEEDS)
    return exported(path)


def test_seeds_in_the_store_are_not_run_again(tmp_path: Path, undisturbed: list[str]) -> None:
    path = tmp_path / "a.db"
    first = swept(path, until=Until(seconds=0, failures=1))  # which nothing here does
    assert (first.runs, first.total, first.failures) == (60, 60, 0)
    again = swept(path)
    assert (again.runs, again.total) == (0, 0)
    assert exported(path) == undisturbed


@pytest.mark.parametrize("error", [Broken, ConnectionResetError, CancelledError, TimeoutError])
def test_a_chunk_that_is_lost_is_run_elsewhere(
    error: type[Exception], tmp_path: Path, undisturbed: list[str]
) -> None:
    """Every third job is lost with its executor, which is made anew."""
    made = []
    number = itertools.count(1)

    def trouble(data: bytes) -> None:
        if next(number) % 3 == 0:
            raise error

    def make() -> Executor:
        made.append(Here(trouble))
        return made[-1]

    assert swept(tmp_path / "a.db", make).runs == len(SEEDS)
    assert exported(tmp_path / "a.db") == undisturbed
    assert len(made) > 2


class KilledWorker(Exception):
    """Dask's, by its name: the cluster goes on."""


@pytest.mark.parametrize("error", [Broken, KilledWorker])
def test_a_seed_that_kills_its_worker_three_times_has_failed(
    error: type[Exception], tmp_path: Path, undisturbed: list[str]
) -> None:
    """No other seed of its chunk has failed: the chunk is halved until the seed is alone."""
    alone = []

    def trouble(data: bytes) -> None:
        chunk = chunk_of(data)
        if chunk is not None and chunk.first <= 17 < chunk.first + chunk.count:
            if chunk.count == 1:
                alone.append(17)
            raise error

    now = swept(tmp_path / "a.db", lambda: Here(trouble))
    assert (now.runs, now.failures) == (60, 1)
    assert 2 <= len(alone) <= 3
    with Store(tmp_path / "a.db") as store:
        (subject,) = store.subjects()
        (lost,) = [run for run in store.runs(subject) if run.verdict == "fail"]
        assert (lost.seed, lost.symptom, lost.digest) == (17, ("worker died",), b"")
        (story,) = store.stories(subject)
        assert story.story.startswith("seed 17: worker died\n\nIts worker died 3 times, at last ")
    others = [line for line in exported(tmp_path / "a.db") if '"seed": 17' not in line]
    assert others == [line for line in undisturbed if '"seed": 17' not in line]


def test_an_outage_is_nobodys_fault_and_an_endless_one_ends_the_sweep(tmp_path: Path) -> None:
    def trouble(data: bytes) -> None:
        if chunk_of(data) is not None:
            raise ConnectionRefusedError("nobody there")

    with pytest.raises(
        CannotSweep, match=r"broke 3 times .* ConnectionRefusedError: nobody there"
    ):
        _ = swept(tmp_path / "a.db", lambda: Here(trouble))
    with Store(tmp_path / "a.db") as store:
        assert store.count() == 0


def test_a_cluster_that_does_not_answer_is_asked_again(
    tmp_path: Path, undisturbed: list[str]
) -> None:
    """Its scheduler is being restarted: to make the executor anew fails at first."""
    tries: Iterator[int] = itertools.count(1)

    def lost(data: bytes) -> None:
        if chunk_of(data) is not None:
            raise CancelledError

    def make() -> Executor:
        number = next(tries)
        if number in {2, 3}:
            raise Unreachable("nobody there")
        return Here(lost) if number == 1 else Here()

    swept(tmp_path / "a.db", make)
    assert next(tries) == 5
    assert exported(tmp_path / "a.db") == undisturbed
    tries = itertools.cycle([1, 2])
    with pytest.raises(CannotSweep, match=r"broke 3 times .* Unreachable: nobody there"):
        _ = swept(tmp_path / "b.db", make)


def test_an_executor_that_is_always_broken_blames_no_seed(tmp_path: Path) -> None:
    """An executor that breaks after it has listed the tests seems to be broken by a chunk."""
    listed: list[bytes] = []

    def trouble(data: bytes) -> None:
        if listed:
            raise Broken("for good")
        listed.append(data)

    with pytest.raises(CannotSweep, match=r"broke 3 times .* Broken: for good"):
        _ = swept(tmp_path / "a.db", lambda: Here(trouble))
    with Store(tmp_path / "a.db") as store:
        assert store.count() == 0


def test_an_error_of_the_job_itself_is_raised(tmp_path: Path) -> None:
    def trouble(data: bytes) -> None:
        raise LookupError("a bug of ours")

    with pytest.raises(LookupError, match="a bug of ours"):
        _ = swept(tmp_path / "a.db", lambda: Here(trouble))


def test_a_worker_with_other_code_ends_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = module._checked

    def other(piece: Piece, answer: ChunkDone) -> object:
        return checked(piece, msgspec.structs.replace(answer, code="other"))

    monkeypatch.setattr(module, "_checked", other)
    with pytest.raises(CannotSweep, match="a worker has other code of tiny::test_unreliable"):
        _ = swept(tmp_path / "a.db")


def test_a_submission_that_cannot_be_run_ends_the_sweep(tmp_path: Path) -> None:
    folder = submit(tmp_path, before="raise ValueError('no')")
    with pytest.raises(CannotSweep, match=r"raised ValueError\('no'\)"):
        _ = swept(tmp_path / "a.db", one=target(submission=str(tmp_path / folder)))


def test_a_seed_whose_process_dies_three_times_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the children of our own workers: the second chance is followed by a third."""
    deaths = []
    over = Worker.over

    def counted(worker: Worker) -> Lost:
        deaths.append(worker.pid)
        return over(worker)

    monkeypatch.setattr(Worker, "over", counted)
    folder = submit(tmp_path, KILL)
    path = tmp_path / "a.db"
    with Store(path, new=True, alone=True) as store, Sweep(Here, 1, 3) as running:
        one = target("test_kill", ROGUE, str(tmp_path / folder))
        wanted = sought(running.listings([one]), range(3, 4), store)
        now = running.work(SweepPlan(wanted, 1), store, Until())
        assert (now.runs, now.failures) == (1, 1)
        (story,) = store.stories(wanted[0].subject)
    assert len(set(deaths)) == 3
    assert "its process died" in story.story
    assert "<command>" in story.story


def test_a_project_is_the_same_wherever_its_worker_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a file of its own that says so, pytest begins a project where one stands."""
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    (project / "test_a.py").write_text(
        "from tester import simulate\n@simulate()\nasync def test_a(sim): ...\n"
    )
    monkeypatch.chdir(project)
    known = project_of("test_a.py", None, 3)
    one, other = (Target(known.lab, known.setup(seeds, digests=True)) for seeds in (1, 2))
    monkeypatch.chdir(elsewhere)
    with Sweep(Here, 1, 3) as running:
        ((_, tests),) = running.listings([one])
    assert [test.name for test in tests.tests] == ["test_a.py::test_a"]
    assert tests.root == str(project)
    (project / "test_a.py").unlink()
    project.rmdir()
    with ended_hosts(), Sweep(Here, 1, 3) as running:
        gone = f"{project}: No such file or directory; whoever runs test_a.py needs the same"
        with pytest.raises(CannotSweep, match=gone):
            _ = running.listings([other])


def test_an_unknown_test_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotSweep, match="tiny has no test test_none; its tests are test_unrel"):
        _ = swept(tmp_path / "a.db", one=target("test_none"))


def test_a_sweep_ends_at_so_many_failures(tmp_path: Path) -> None:
    def kill(data: bytes) -> None:
        chunk = chunk_of(data)
        if chunk is not None and chunk.first + chunk.count > 10:
            raise KilledWorker

    now = swept(tmp_path / "a.db", lambda: Here(kill), Until(failures=2))
    assert now.failures >= 2
    assert now.runs < 60
    assert not list(tmp_path.glob("*-journal"))
