"""Values of any JSON type as Python values that can be compared, hashed and printed."""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any, NamedTuple


class Json(NamedTuple):
    """A value that Python has nothing like: true and false, which are no numbers, and objects."""

    text: str

    def __repr__(self) -> str:
        return self.text


class Elements(frozenset[Any]):
    """A set that is printed in a fixed order, whatever the hashes of its elements are."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "#{" + " ".join(sorted(map(repr, self))) + "}"


TRUE, FALSE = Json("true"), Json("false")


def frozen(value: Any) -> Hashable:
    """A value read from JSON, made immutable. Equal JSON values give equal results, others not."""
    if type(value) is bool:
        return TRUE if value else FALSE
    if type(value) is list:
        return tuple(map(frozen, value))
    if type(value) is dict:
        return Json(json.dumps(value, sort_keys=True, ensure_ascii=False))
    return value  # type: ignore[no-any-return]
