"""The source text of a submission's file: refused, with file and line, where it is no text."""

from __future__ import annotations

import codecs
import importlib.machinery
import re
from types import CodeType
from typing import Final

_DECLARED: Final = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
"""An encoding in a comment of the first two lines (PEP 263)."""


class Source(importlib.machinery.SourceFileLoader):
    """Loads a module from its source, which must be text that people can be shown.

    CPython reads over bytes in a comment that are no text, and says of a NUL byte in which
    module's import it was found, which may be another one. It also believes a compiled file in
    `__pycache__`, which may say that it needs no comparison with the source (PEP 552); what runs
    here is what can be read.
    """

    def get_code(self, fullname: str) -> CodeType:
        data = self.get_data(self.path)
        check_text(self.path, data)
        return self.source_to_code(data, self.path)


def check_source(spec: importlib.machinery.ModuleSpec) -> None:
    """Raise ImportError if a module that has been found is compiled, and has no source."""
    if isinstance(spec.loader, importlib.machinery.SourcelessFileLoader):
        raise ImportError(  # noqa: TRY004 - the type that is wrong is no argument's
            f"expected the source of {spec.name}, got compiled code: {spec.origin}",
            name=spec.name,
            path=spec.origin,
        )


def check_text(path: str, data: bytes) -> None:
    """Raise SyntaxError, with file and line, if the bytes are no text."""
    nul = data.find(b"\0")
    if nul >= 0:
        raise _error(path, data, nul, "it holds a NUL byte")
    encoding, at = _declared(data)
    try:
        codec = codecs.lookup(encoding)
    except LookupError:
        raise _error(path, data, at, f"there is no encoding {encoding!r}") from None
    try:
        data.decode(codec.name)
    except UnicodeDecodeError as error:
        raise _error(
            path,
            data,
            error.start,
            f"the byte {data[error.start]:#04x} is not {encoding}; save the file as UTF-8",
        ) from None
    except UnicodeError as error:  # of `undefined`, which decodes nothing
        raise _error(path, data, at, f"the encoding {encoding!r}: {error}") from None


def _declared(data: bytes) -> tuple[str, int]:
    """The encoding that a source names, or UTF-8, and where its line begins."""
    at = 0
    for line in data.splitlines(keepends=True)[:2]:
        if found := _DECLARED.match(line):
            return found[1].decode(), at
        if line.strip() and not line.lstrip(b" \t\f").startswith(b"#"):
            break
        at += len(line)
    return "UTF-8", 0


def _error(path: str, data: bytes, at: int, message: str) -> SyntaxError:
    return SyntaxError(message, (path, data.count(b"\n", 0, at) + 1, None, None))
