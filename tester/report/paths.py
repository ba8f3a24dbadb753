"""Paths of source files, as short as a reader can make use of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from tester.world import submission

_HOUSE: Final = f"{Path(__file__).resolve().parents[2]}{os.sep}"


def relative(file: str) -> str:
    """A path as the reader would write it: from where they stand, if that is above it.

    Other files of a submission are named from there on, and other ones of ours from their package
    on, wherever they are installed.
    """
    here = os.path.relpath(file)
    return here if not here.startswith("..") else short(file)


def short(file: str) -> str:
    """A path from the submission on, or from our packages on, wherever the reader stands."""
    folder = submission.current().folder
    if folder is not None and file.startswith(f"{folder}{os.sep}"):
        return os.path.relpath(file, folder)
    if file.startswith(_HOUSE):
        return file.removeprefix(_HOUSE)
    here = os.path.relpath(file)
    return here if not here.startswith("..") else file
