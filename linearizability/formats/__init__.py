"""Readers of recorded histories: JSON lines, and the two formats of Porcupine's test data."""

from __future__ import annotations

from pathlib import Path

from linearizability.formats.jepsen import read_jepsen
from linearizability.formats.jsonl import read_jsonl
from linearizability.formats.porcupine import read_porcupine
from linearizability.formats.recorded import HistoryError, Recorded

_ONE_MODEL = {"porcupine-kv": "kv-append", "jepsen-etcd": "cas-register"}
FORMATS = ("jsonl", *_ONE_MODEL)


def read_history(path: Path | str, model: str, format: str = "jsonl") -> Recorded:
    """Read a whole file, or raise HistoryError naming file, line and what is wrong.

    `model` is a command-line name (`kv`, `register`, ...): it says what the operations mean.
    """
    name = str(path)
    if format not in FORMATS:
        raise HistoryError(f"{format!r} is no format: expected one of {', '.join(FORMATS)}")
    needed = _ONE_MODEL.get(format, model)
    if needed != model:
        raise HistoryError(f"format {format} records histories of model {needed}, not of {model}")
    recorded = _read(path, name, model, format)
    if not recorded.operations and not recorded.failed:
        raise HistoryError(
            f"{name} has no operations: an empty history proves nothing; did the recorder write?"
        )
    return recorded


def _read(path: Path | str, name: str, model: str, format: str) -> Recorded:
    try:
        with open(path, encoding="utf-8") as lines:  # noqa: PTH123  (a name is enough)
            if format == "porcupine-kv":
                return read_porcupine(lines, name)
            if format == "jepsen-etcd":
                return read_jepsen(lines, name)
            return read_jsonl(lines, name, model)
    except OSError as error:
        raise HistoryError(f"cannot read {name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise HistoryError(f"{name} is no UTF-8 text: {error.reason}") from error


__all__ = ["FORMATS", "HistoryError", "Recorded", "read_history", "read_jsonl"]
