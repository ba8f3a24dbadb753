"""The trace: the semantic events of a run, digested as they come and kept only on demand."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from typing import Any, Final

Entry = tuple[Any, ...]
"""(microseconds, kind, ...): integers, text and bytes only, never an object or an address."""

_BATCH: Final = 4096
LARGE: Final = 2**16
"""Bytes of a payload that is digested by its length and checksum: see `Trace.trim`."""


class Trace:
    """Every event a run is about: sends, deliveries, losses, operations, crashes; never hops.

    How many hops the event loop needs differs between Python versions; what happens on the network
    and at the border of the test does not. `encode` turns a list of entries into bytes, the same
    ones everywhere. With `keep`, `entries` holds the whole run afterwards; without it, only what
    has not been digested yet. `read` gets every entry, in batches, when it is digested.
    """

    def __init__(
        self,
        encode: Callable[[list[Entry]], bytes],
        *,
        keep: bool = False,
        read: Callable[[list[Entry]], None] | None = None,
    ) -> None:
        self.entries: list[Entry] = []
        self.add: Callable[[Entry], None] = self.entries.append
        """Record one event: an append, and nothing else."""
        self._encode = encode
        self._read = read
        self._keep = keep
        self._hash = hashlib.blake2b(digest_size=16)
        self._digested = 0
        self._moved = 0
        self._light = 0
        self._full: dict[int, Entry] = {}

    def trim(self, moved: int = 0, largest: int = LARGE + 1) -> None:
        """Digest what has come, if it is much; to be called now and then, for the memory's sake.

        Always whole batches: the digest depends neither on when this is called nor on `keep`. But
        where more than LARGE bytes have `moved` between two calls (`moved` counts from the start
        of the run), payloads of that size are digested by length and CRC-32 and let go. To look
        for them takes time, and is for runs whose `largest` payload so far is one.
        """
        if moved - self._moved > LARGE:
            if largest > LARGE:
                self._lighten()
            self._light = len(self.entries)
        self._moved = moved
        while len(self.entries) - self._digested >= _BATCH:
            self._digest(self.entries[self._digested : self._digested + _BATCH])
            self._digested += _BATCH
            if not self._keep:
                del self.entries[: self._digested]
                self._light = max(0, self._light - self._digested)
                self._digested = 0

    def _lighten(self) -> None:
        for at in range(self._light, len(self.entries)):
            entry = self.entries[at]
            if any(type(part) is bytes and len(part) > LARGE for part in entry):
                self.entries[at] = tuple(map(_light, entry))
                if self._keep:
                    self._full[at] = entry

    def digest(self) -> str:
        """32 hexadecimal digits: equal for equal runs. Ends the trace."""
        self.trim(self._moved)
        self._digest(self.entries[self._digested :])
        if not self._keep:
            self.entries.clear()
        for at, entry in self._full.items():
            self.entries[at] = entry
        return self._hash.hexdigest()

    def _digest(self, batch: list[Entry]) -> None:
        self._hash.update(self._encode(batch))
        if self._read is not None:
            self._read(batch)


def _light(part: Any) -> Any:
    if type(part) is not bytes or len(part) <= LARGE:
        return part
    return len(part), zlib.crc32(part)
