"""A sweep on a dask cluster of a scheduler and two workers: the same export, whoever is killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tester.sweep import sweep as module
from tester.sweep.executors import factory
from tester.sweep.plan import SweepPlan, Until
from tester.sweep.store import Store
from tester.sweep.sweep import Progress, Sweep, sought
from tester.workers.processes import descendants, processes
from tests.sweep.stage import Here, ended_hosts, exported, target
from tests.tree import ROOT

SEEDS = range(400)
pytestmark = pytest.mark.filterwarnings("ignore")


class Cluster:
    """The processes of a cluster on this machine, as its commands start them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self._scheduler = self._start_scheduler()
        self.workers = [self._start_worker() for _ in range(2)]
        distributed: Any = sys.modules["distributed"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with distributed.Client(f"tcp://{self.address}", timeout=300) as client:
                client.wait_for_workers(2, timeout=300)

    def _start(self, *args: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *args, "--no-dashboard"],
            cwd=self._folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _start_scheduler(self) -> subprocess.Popen[bytes]:
        host, _, port = self.address.partition(":")
        return self._start("scheduler", "--host", host, "--port", port)

    def _start_worker(self) -> subprocess.Popen[bytes]:
        options = ("--nthreads", "1", "--no-nanny", "--local-directory", str(self._folder))
        return self._start("worker", f"tcp://{self.address}", *options)

    def lose_a_worker(self) -> None:
        """One is killed, and another one started."""
        _end(self.workers.pop(0))
        self.workers.append(self._start_worker())

    def restart_the_scheduler(self) -> None:
        """Kill the scheduler and start another, and other workers, since they have lost theirs."""
        _end(self._scheduler)
        self._scheduler = self._start_scheduler()
        for worker in self.workers:
            _end(worker)
        self.workers = [self._start_worker() for _ in range(2)]

    def close(self) -> None:
        for process in (*self.workers, self._scheduler):
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    _ = process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if sys.platform != "linux":
        pytest.skip("the children of the cluster's workers are found by what /proc says")
    _ = pytest.importorskip("distributed", reason="the extra `cluster` is missing")
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        yield made
    finally:
        made.close()


def swept(path: Path, name: str, disturb: Callable[[Progress], None] = lambda now: None) -> None:
    make = Here if name == "here" else factory(name, 2)
    with Store(path, new=True, alone=True) as store, Sweep(make, 2, 3) as running:
        wanted = sought(running.listings([target()]), SEEDS, store)
        now = running.work(SweepPlan(wanted, running.jobs), store, Until(), disturb)
        assert now.runs == len(SEEDS)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = tmp_path_factory.mktemp("here") / "a.db"
    with ended_hosts():
        swept(path, "here")
    return exported(path)


def test_the_export_is_the_same_byte_for_byte(
    cluster: Cluster, tmp_path: Path, undisturbed: list[str]
) -> None:
    """The runs happen in children of the cluster's workers, which then wait for more."""
    swept(tmp_path / "a.db", f"dask://{cluster.address}")
    assert exported(tmp_path / "a.db") == undisturbed
    everybody = processes()
    for worker in cluster.workers:
        assert descendants(worker.pid, everybody)


def test_a_worker_killed_and_the_scheduler_restarted_lose_nothing(
    cluster: Cluster, tmp_path: Path, undisturbed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheduler is away as long as it takes to start: on a busy machine, longer than 10 s."""
    monkeypatch.setattr(module, "_PAUSES_S", (0.0, *[1.0] * 60))
    troubles = [cluster.lose_a_worker, cluster.restart_the_scheduler]

    def disturb(now: Progress) -> None:
        if troubles and now.runs > (3 - len(troubles)) * len(SEEDS) // 8:
            troubles.pop(0)()

    swept(tmp_path / "a.db", f"dask://{cluster.address}", disturb)
    assert not troubles
    assert exported(tmp_path / "a.db") == undisturbed
