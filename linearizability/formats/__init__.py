"""Readers of recorded histories: JSON lines, Jepsen's EDN, and Porcupine's test data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from linearizability.collector import collector_paused
from linearizability.formats.decoders import Decoders
from linearizability.formats.jsonl import read_jsonl
from linearizability.formats.recorded import HistoryError, Recorded
from linearizability.formats.source import STANDARD_INPUT, expand, opened

if TYPE_CHECKING:
    from pathlib import Path

_ONE_MODEL = {"porcupine-kv": "kv-append", "jepsen-etcd": "cas-register"}
FORMATS = ("jsonl", "jepsen-edn", *_ONE_MODEL)


def read_history(
    path: Path | str,
    model: str,
    format: str | None = None,
    *,
    decoders: Decoders | None = None,
) -> Recorded:
    """Read a whole file, or raise HistoryError naming file, line and what is wrong.

    `model` is a command-line name (`kv`, `register`, ...): it says what the operations mean.
    `path` may be compressed with gzip; "-" is standard input. Without a format a file named *.edn
    is one of Jepsen's, any other JSON lines. `decoders` read JSON lines faster.
    """
    name = "standard input" if str(path) == STANDARD_INPUT else str(path)
    kind = format_of(path, format)
    if kind not in FORMATS:
        raise HistoryError(f"{kind!r} is no format: expected one of {', '.join(FORMATS)}")
    needed = _ONE_MODEL.get(kind, model)
    if needed != model:
        raise HistoryError(f"format {kind} records histories of model {needed}, not of {model}")
    with opened(path, name) as lines, collector_paused():
        recorded = _reader(kind, decoders)(lines, name, model)
    if not recorded.operations and not recorded.failed:
        raise HistoryError(
            f"{name} has no operations: an empty history proves nothing; did the recorder write?"
        )
    return recorded


def format_of(path: Path | str, format: str | None = None) -> str:
    """The format that a file is read in, by its name if none is given."""
    is_edn = str(path).removesuffix(".gz").endswith(".edn")
    return format or ("jepsen-edn" if is_edn else "jsonl")


def _reader(kind: str, decoders: Decoders | None) -> Callable[[Iterable[str], str, str], Recorded]:
    """The reader of a format; only this one is imported."""
    if kind == "porcupine-kv":
        from linearizability.formats.porcupine import read_porcupine

        return lambda lines, name, model: read_porcupine(lines, name)
    if kind == "jepsen-etcd":
        from linearizability.formats.jepsen import read_jepsen

        return lambda lines, name, model: read_jepsen(lines, name)
    if kind == "jepsen-edn":
        from linearizability.formats.jepsen_edn import read_jepsen_edn

        return read_jepsen_edn
    return lambda lines, name, model: read_jsonl(lines, name, model, decoders)


__all__ = [
    "FORMATS",
    "Decoders",
    "HistoryError",
    "Recorded",
    "expand",
    "format_of",
    "read_history",
    "read_jsonl",
]
