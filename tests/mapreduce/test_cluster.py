"""A job through an executor: dask's where it is installed, and one of the standard library."""

from __future__ import annotations

import importlib.util
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mapreduce import cluster
from mapreduce.apps import WordCount
from mapreduce.processes import BadJob, Job
from tests.mapreduce.test_processes import inputs, output, wanted

__all__ = ["inputs"]


def run(executor: Executor, job: Job) -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    cluster.run(executor, job, 3, lambda maps: None, lambda *done: told.append(done))
    return told


class Counting(ThreadPoolExecutor):
    """Counts how many tasks are under way."""

    most = 0
    _under_way = 0

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        future = super().submit(*args, **kwargs)
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        future.add_done_callback(lambda _: setattr(self, "_under_way", self._under_way - 1))
        return future


def test_a_job_through_an_executor_is_the_same_byte_for_byte(
    inputs: list[str], tmp_path: Path
) -> None:
    job = Job("wc", inputs, str(tmp_path / "out"), workers=2, n_reduce=3)
    with Counting(2) as executor:
        told = run(executor, job)
        assert executor.most <= 3
    assert output(tmp_path / "out") == wanted(WordCount(), inputs, 3)
    assert told[-1] == (len(job.parts()), 3)


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ("grep=(", "expected a regular expression"),
        ("wc:WordCount", "there is no module wc"),
    ],
)
def test_what_goes_wrong_there_is_said_here(
    app: str, said: str, inputs: list[str], tmp_path: Path
) -> None:
    with ThreadPoolExecutor(2) as executor, pytest.raises(BadJob, match=said):
        run(executor, Job(app, inputs, str(tmp_path / "out")))
    assert output(tmp_path / "out") == {}


def test_a_cluster_that_fails_is_named(inputs: list[str], tmp_path: Path) -> None:
    class Broken(ThreadPoolExecutor):
        def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_exception(ConnectionError("gone"))
            return future

    with Broken() as executor, pytest.raises(BadJob, match="failed: ConnectionError: gone"):
        run(executor, Job("wc", inputs, str(tmp_path / "out")))


@pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None,
    reason="dask.distributed is not installed: pip install 'labtester[cluster]'",
)
@pytest.mark.filterwarnings("ignore")
def test_a_job_on_a_dask_cluster(inputs: list[str], tmp_path: Path) -> None:
    from click.testing import CliRunner
    from distributed import LocalCluster

    from tester.cli.mapreduce import mapreduce

    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", dashboard_address=None
    ) as dask:
        out = str(tmp_path / "out")
        where = f"dask://{dask.scheduler_address.removeprefix('tcp://')}"
        done = CliRunner().invoke(
            mapreduce, ["wc", *inputs, "--out", out, "--n-reduce", "3", "--executor", where]
        )
    assert done.exit_code == 0, done.output
    assert output(tmp_path / "out") == wanted(WordCount(), inputs, 3)
