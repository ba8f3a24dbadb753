"""A sweep on a dask cluster of two local workers: the same export, whoever is killed."""

import contextlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tester.sweep.executors import factory
from tester.sweep.plan import SweepPlan, Until
from tester.sweep.store import Store
from tester.sweep.sweep import Sweep, sought
from tester.workers.processes import descendants, processes
from tests.sweep.stage import Here, ended_hosts, exported, target
from tests.tree import ROOT

SEEDS = range(400)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two worker processes under nannies, which start them anew."""
    if sys.platform != "linux":
        pytest.skip("the workers of the cluster are killed by what /proc says")
    distributed: Any = pytest.importorskip("distributed", reason="the extra `cluster` is missing")
    dask: Any = pytest.importorskip("dask", reason="the extra `cluster` is missing")
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setenv("PYTHONPATH", str(ROOT))
        quiet = {"logging.distributed": "critical"}
        with (
            dask.config.set(quiet),
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
            ) as made,
        ):
            yield made


pytestmark = pytest.mark.filterwarnings("ignore")


def swept(path: Path, name: str, kill: threading.Event | None = None) -> None:
    make = Here if name == "here" else factory(name, 2)
    with Store(path, new=True, alone=True) as store, Sweep(make, 2, 3) as running:
        wanted = sought(running.listings([target()]), SEEDS, store)
        now = running.work(
            SweepPlan(wanted, running.jobs),
            store,
            Until(),
            lambda now: kill.set() if kill and now.runs else None,
        )
        assert now.runs == len(SEEDS)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = tmp_path_factory.mktemp("here") / "a.db"
    with ended_hosts():
        swept(path, "here")
    return exported(path)


def address(cluster: Any) -> str:
    return f"dask://{cluster.scheduler_address.removeprefix('tcp://')}"


def test_the_export_is_the_same_byte_for_byte(
    cluster: Any, tmp_path: Path, undisturbed: list[str]
) -> None:
    """And the runs happened in children of the cluster's workers, which wait for more."""
    swept(tmp_path / "a.db", address(cluster))
    assert exported(tmp_path / "a.db") == undisturbed
    everybody = processes()
    for nanny in cluster.workers.values():
        assert descendants(nanny.process.process.pid, everybody)


def test_a_worker_of_the_cluster_that_is_killed_loses_nothing(
    cluster: Any, tmp_path: Path, undisturbed: list[str]
) -> None:
    started = threading.Event()
    killed = []

    def kill() -> None:
        started.wait(120)
        pid = next(iter(cluster.workers.values())).process.process.pid
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        swept(tmp_path / "a.db", address(cluster), started)
    finally:
        started.set()
        killer.join()
    assert killed
    assert exported(tmp_path / "a.db") == undisturbed
