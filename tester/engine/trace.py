"""The trace: the semantic events of a run, digested as they come and kept only on demand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final

Entry = tuple[Any, ...]
"""(microseconds, kind, ...): integers, text and bytes only, never an object or an address."""

_BATCH: Final = 4096


class Trace:
    """Every event a run is about: sends, deliveries, losses, operations, crashes; never hops.

    How many hops the event loop needs differs between Python versions; what happens on the network
    and at the border of the test does not. `encode` turns a list of entries into bytes, the same
    ones everywhere. With `keep`, `entries` holds the whole run afterwards; without it, only what
    has not been digested yet.
    """

    def __init__(self, encode: Callable[[list[Entry]], bytes], *, keep: bool = False) -> None:
        self.entries: list[Entry] = []
        self._encode = encode
        self._keep = keep
        self._hash = hashlib.blake2b(digest_size=16)
        self._digested = 0

    def add(self, entry: Entry) -> None:
        """Record one event."""
        self.entries.append(entry)
        if len(self.entries) - self._digested >= _BATCH:
            self._digest_rest()

    def _digest_rest(self) -> None:
        # Always whole batches in the middle of a run: the bytes must not depend on `keep`.
        rest = self.entries[self._digested :] if self._digested else self.entries
        self._hash.update(self._encode(rest))
        if self._keep:
            self._digested = len(self.entries)
        else:
            self.entries.clear()

    def digest(self) -> str:
        """32 hexadecimal digits: equal for equal runs. Ends the trace."""
        self._digest_rest()
        return self._hash.hexdigest()
