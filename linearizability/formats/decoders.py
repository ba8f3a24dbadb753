"""The decoders of many lines at once that somebody may lend to the reader, which then is faster.

The package itself has only Python's `json`. A decoder must be exact: it refuses what `json` does
not read in the same way, and the reader looks at such lines by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from linearizability.formats.fields import Row


class KvLine(Protocol):
    """The fields of a line of model `kv`; those that may be missing, and are, are None.

    `op` is one of that model, `err` one of the format; `call` and versions are at least 0.
    """

    @property
    def c(self) -> int: ...
    @property
    def op(self) -> str: ...
    @property
    def k(self) -> str: ...
    @property
    def call(self) -> int: ...
    @property
    def ret(self) -> int: ...
    @property
    def err(self) -> str | None: ...
    @property
    def v(self) -> str | None: ...
    @property
    def ver(self) -> int | None: ...
    @property
    def rv(self) -> str | None: ...
    @property
    def rver(self) -> int | None: ...


class Decoders(NamedTuple):
    """Functions of the text of a JSON array of objects; None where there is any doubt.

    They may take the last of two fields of one name, which the reader finds out.
    """

    rows: Callable[[str], list[Row] | None]
    kv: Callable[[str], Sequence[KvLine] | None]
    """Refuses other fields than those of a KvLine, and what is none of their values."""
