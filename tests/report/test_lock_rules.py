"""Which rule of a lock is broken, where one operation takes the lock and gives it back."""

from pathlib import Path

from tester.engine.choices import Choices, Seeded
from tester.labs import LABS, suite
from tester.labs.patch import planted
from tester.report.reason import reason
from tester.world.run import run


def test_who_cannot_give_the_lock_back_does_not_wait_for_it(tmp_path: Path) -> None:
    bug = next(one for one in LABS["lock"].catalogue().bugs if one.name == "releases_nothing")
    scenario = suite.tests_of(LABS["lock"].suite)["test_async_with"]
    with planted(bug, tmp_path):
        found = reason(run(scenario, Choices(Seeded(0)), keep_trace=True))
    assert found is not None
    assert found.headline == "c0's Release never puts at the version that the lock has"
