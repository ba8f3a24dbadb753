"""kill -9 at random moments, of the sweep and of its workers: nothing is lost, or run twice."""

import random
from pathlib import Path

from tests.sweep.stage import TEST, Command, count, exported

SEEDS = 1_200
ARGS = (f"tiny::{TEST}", "--seeds", str(SEEDS), "--jobs", "2", "--store", "s.db")
KILLS = 3


def test_a_sweep_that_is_killed_again_and_again_ends_as_one_that_is_not(tmp_path: Path) -> None:
    (tmp_path / "calm").mkdir()
    calm = Command(tmp_path / "calm", *ARGS)
    luck = random.Random(20)
    path = tmp_path / "s.db"
    before = 0
    for number in range(KILLS):
        killed = Command(tmp_path, *ARGS)
        if not killed.wait_for(path, before + luck.randrange(1, SEEDS // (2 * KILLS))):
            break
        if number % 2:
            killed.kill_a_worker(luck)
            if not killed.wait_for(path, count(path) + luck.randrange(60)):
                break
        killed.kill()
        assert count(path) >= before
        before = count(path)
    assert before > 0, "it was never killed while it had something to lose"
    last = Command(tmp_path, *ARGS)
    status, err = last.end()
    assert status == 0, err
    assert calm.end()[0] == 0
    assert count(path) == SEEDS
    assert exported(path) == exported(tmp_path / "calm" / "s.db")
    ran = int(err.partition(" seeds run")[0].rpartition("\n")[2])
    assert ran == SEEDS - before, "it ran again what it had"
