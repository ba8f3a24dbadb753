"""Whose a source file is: the user's, the harness's, or Python's own."""

from __future__ import annotations

import functools
import linecache
import os
import sysconfig
from pathlib import Path
from typing import Final

_HOUSE: Final = Path(__file__).resolve().parents[2]
_OURS: Final = tuple(
    f"{_HOUSE / package}{os.sep}" for package in ("labrpc", "linearizability", "tester")
)
_MARKS: Final = {"__harness__ = True": True, "__harness__ = False": False}
_STDLIB: Final = (
    sysconfig.get_path("stdlib") + os.sep,
    sysconfig.get_path("platstdlib") + os.sep,
)
_SITE: Final = (
    sysconfig.get_path("purelib") + os.sep,
    sysconfig.get_path("platlib") + os.sep,
)


def is_users(filename: str) -> bool:
    """Whether a source file belongs to the person being tested, not to us or to Python.

    The reference labs count as the user's: where a lab runs them, they are its submission. A
    module of labrpc, linearizability or tester is the harness's, unless it is a test like
    anybody's and says so by a line of its own, `__harness__ = False`. What a package says goes
    for all in it that says nothing else.
    """
    if filename.startswith("<"):
        return False
    if filename.startswith(_OURS):
        return not _is_harness(filename)
    return not filename.startswith(_STDLIB) or filename.startswith(_SITE)


def is_installed(filename: str) -> bool:
    """Whether a source file was installed by a package manager."""
    return filename.startswith(_SITE)


@functools.cache
def _is_harness(filename: str) -> bool:
    """What the mark of a file of ours says, or of the nearest package around it.

    It is read, not imported: a process that reports the death of another has none of its modules.
    It counts in our own files only, so that user code cannot hide behind it.
    """
    packages = Path(filename).relative_to(_HOUSE).parents[:-1]
    for file in (filename, *(str(_HOUSE / package / "__init__.py") for package in packages)):
        for line in linecache.getlines(file):
            if (said := _MARKS.get(line.rstrip())) is not None:
                return said
    return True
