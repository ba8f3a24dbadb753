"""Scenarios in text files: the paper's Figures 7 and 8, and each rule of the core.

    python -m pytest tests/raft --rewrite

writes their outputs anew; look at the difference before you commit it.
"""

from pathlib import Path

import pytest

from tests.raft import scenario

FOLDER = Path(__file__).with_name("scenarios")
FILES = sorted(path.stem for path in FOLDER.glob("*.txt"))


@pytest.mark.parametrize("name", FILES)
def test_scenario(name: str, rewrite: bool) -> None:
    path = FOLDER / f"{name}.txt"
    found = scenario.run(path.read_text())
    if rewrite:
        path.write_text(found)
    assert found == path.read_text()
