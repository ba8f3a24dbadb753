"""Texts that people read, kept as files: a change of one is seen in review, as a reader sees it.

    SNAPSHOTS=write python -m pytest tests/report

writes them anew; look at the difference before you commit it.
"""

import os
from pathlib import Path

FOLDER = Path(__file__).with_suffix("")
WRITE = os.environ.get("SNAPSHOTS") == "write"
COLUMNS = 80


def check(name: str, text: str) -> None:
    """Compare a text with its snapshot, which no line of more than 80 columns may enter."""
    assert [line for line in text.splitlines() if len(line) > COLUMNS] == []
    path = FOLDER / f"{name}.txt"
    if WRITE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.is_file(), f"{path} is missing; SNAPSHOTS=write makes it"
    assert text == path.read_text()


def unused(folder: str, names: set[str]) -> set[str]:
    """Snapshots that no test looks at any more."""
    return {path.stem for path in (FOLDER / folder).glob("*.txt")} - names
