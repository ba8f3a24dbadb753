"""What msgspec decodes of JSON lines for the checker, which by itself has only Python's `json`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from linearizability.formats import Decoders

T = TypeVar("T")
_Natural = Annotated[int, msgspec.Meta(ge=0)]
_Error = Literal["OK", "ErrNoKey", "ErrVersion", "ErrMaybe", "ErrWrongLeader", "ErrWrongGroup"]


class _KvLine(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    c: int
    op: Literal["get", "put"]
    k: str
    call: _Natural
    ret: int
    err: _Error | None = None
    v: str | None = None
    ver: _Natural | None = None
    rv: str | None = None
    rver: _Natural | None = None


def _unless_in_doubt(decode: Callable[[str], T]) -> Callable[[str], T | None]:
    """What msgspec refuses, `json` may accept: lone surrogates, long integers, infinities."""

    def decoded(array: str) -> T | None:
        try:
            return decode(array)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return None

    return decoded


DECODERS = Decoders(
    rows=_unless_in_doubt(msgspec.json.Decoder(list[dict[str, Any]]).decode),
    kv=_unless_in_doubt(msgspec.json.Decoder(list[_KvLine]).decode),
)
