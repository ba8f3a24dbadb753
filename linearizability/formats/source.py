"""Where a history comes from: a file, plain or compressed, standard input, or a folder of runs."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from linearizability.formats.recorded import HistoryError

if TYPE_CHECKING:
    import gzip
    from pathlib import Path

STANDARD_INPUT = "-"
HISTORIES = ("*.jsonl", "*.jsonl.gz", "*.edn", "*.edn.gz")
LOGS = ("*.log", "*.log.gz", "*.txt", "*.txt.gz")
"""How the histories of other formats are named; a folder has them only where one is asked for."""

_GZIP = b"\x1f\x8b"
_MARKS = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_UTF8_MARK = b"\xef\xbb\xbf"


def expand(path: str, format: str | None = None) -> list[str]:
    """The histories that a name stands for: itself, or those in a folder.

    In the folder of a Jepsen or Maelstrom store that is each run's history.edn, without the links
    to the latest run. Raises HistoryError for a folder without any.
    """
    patterns = HISTORIES if format in (None, "jsonl", "jepsen-edn") else LOGS
    if path == STANDARD_INPUT or not os.path.isdir(path):  # noqa: PTH112 - a file needs no pathlib
        return [path]
    from pathlib import Path

    folder = Path(path)
    if (folder / "history.edn").is_file():
        return [str(folder / "history.edn")]
    stored = [p for p in sorted(folder.rglob("history.edn")) if not _behind_a_link(folder, p)]
    found = stored or sorted(p for pattern in patterns for p in folder.glob(pattern))
    if not found:
        raise HistoryError(
            f"{path} is a folder without a history: expected history.edn, as in a Jepsen or"
            f" Maelstrom store, or files named {', '.join(patterns)}"
        )
    return [str(p) for p in found]


def _behind_a_link(folder: Path, path: Path) -> bool:
    inside = [parent for parent in path.parents if folder in parent.parents]
    return any(parent.is_symlink() for parent in inside)


@contextmanager
def opened(path: Path | str, name: str) -> Iterator[TextIO]:
    """The text of a history; every failure to read it is a HistoryError with the remedy."""
    try:
        if path == STANDARD_INPUT:
            with _text(sys.stdin.buffer, name) as text:
                yield text
        else:
            with open(path, "rb") as raw, _text(raw, name) as text:  # noqa: PTH123
                yield text
    except _damage() as error:
        raise HistoryError(f"{name} is a damaged gzip file: {error}") from error
    except OSError as error:
        raise HistoryError(f"cannot read {name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise HistoryError(
            f"{name} is no UTF-8 text: {error.reason}; convert it to UTF-8 first"
        ) from error


def _damage() -> tuple[type[Exception], ...]:
    """What reading a damaged gzip file raises; asked when anything is raised."""
    import gzip
    import zlib

    return gzip.BadGzipFile, zlib.error, EOFError


@contextmanager
def _text(raw: BinaryIO, name: str) -> Iterator[TextIO]:
    buffered = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(_Raw(raw))
    stream: io.BufferedReader | gzip.GzipFile = buffered
    if buffered.peek(2)[:2] == _GZIP:
        import gzip

        stream = gzip.GzipFile(fileobj=buffered)
    start = stream.peek(4)[:4]
    found = next((code for mark, code in _MARKS if start.startswith(mark)), "")
    if found:
        raise HistoryError(
            f"{name} is {found} text: convert it first, as with iconv -f {found} -t UTF-8"
        )
    if start.startswith(_GZIP):
        raise HistoryError(f"{name} is compressed twice: decompress it once, as with gunzip")
    if b"\0" in start:  # what begins UTF-16 without a mark, and most binary files
        raise HistoryError(
            f"{name} is no UTF-8 text: it begins with the bytes {start.hex(' ')}; if it is UTF-16,"
            " convert it first, as with iconv -f UTF-16LE -t UTF-8"
        )
    encoding = "utf-8-sig" if start.startswith(_UTF8_MARK) else "utf-8"
    text = io.TextIOWrapper(stream, encoding=encoding)
    try:
        yield text
    finally:
        text.detach()  # or it would close the stream, which is not ours


class _Raw(io.RawIOBase):
    """A binary stream that is left open when what reads from it is closed."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
