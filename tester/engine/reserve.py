"""The reserve: memory that is freed when there is no more, to report what has used it up."""

from __future__ import annotations

import mmap
from typing import Final

_SIZE: Final = 16 << 20

_kept: list[mmap.mmap] = []

release = _kept.clear
"""Free the reserve. This takes no memory, and comes first wherever an exception of the code under
test is caught, because there may be none left even for the sentence about it."""


def keep() -> None:
    """Set the reserve aside. It counts against the limit of memory but is never written to."""
    if not _kept:
        _kept.append(mmap.mmap(-1, _SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
