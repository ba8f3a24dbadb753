"""Scenarios in text files: the paper's Figures 7 and 8, and each rule of the core.

    python -m pytest tests/raft --rewrite

writes their outputs anew; look at the difference before you commit it.
"""

from pathlib import Path

import pytest

from raft.core import Core
from tests.raft import scenario
from tests.raft.net import Broken

FOLDER = Path(__file__).with_name("scenarios")
FILES = sorted(path.stem for path in FOLDER.glob("*.txt"))


@pytest.mark.parametrize("name", FILES)
def test_scenario(name: str, rewrite: bool) -> None:
    path = FOLDER / f"{name}.txt"
    found = scenario.run(path.read_text())
    if rewrite:
        path.write_text(found)
    assert found == path.read_text()


def old_terms_counted(self: Core) -> None:
    matches = sorted([self.log.last_index, *(p.match for p in self.progress.values())])
    self.commit = max(self.commit, matches[-self.majority])


def test_figure_8_is_the_reason_why_old_terms_are_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Core, "_advance_commit", old_terms_counted)
    with pytest.raises(Broken, match="Leader Completeness: 4 leads in 5 without entry 2"):
        scenario.run((FOLDER / "figure8.txt").read_text())


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("jump s0", "this is no command: jump s0"),
        ("deliver #7", "no such message is under way: #7"),
        ("deliver s0->s1", "no such message is under way: s0->s1"),
    ],
)
def test_a_command_that_says_nothing_is_refused(command: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        scenario.run(f"peers 3\n{command}\n")
