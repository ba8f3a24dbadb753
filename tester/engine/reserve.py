"""The reserve: memory that is freed when there is no more, to report what has used it up."""

from __future__ import annotations

import mmap
from typing import Final

_SIZE: Final = 16 << 20

_kept: list[mmap.mmap] = []

release = _kept.clear
"""Let it go. This takes no memory, and comes first wherever an exception of the code under test
is caught: there is none even for the sentence about it."""


def keep() -> None:
    """Put it by, in a process whose memory is limited: it counts, but is never written to."""
    if not _kept:
        _kept.append(mmap.mmap(-1, _SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
