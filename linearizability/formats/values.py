"""Values of JSON and EDN as Python values that can be compared, hashed and printed."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, repr=False)
class Verbatim:
    """A value that Python has nothing like, as it is written; it equals no value of Python's.

    Such are true and false, which are no numbers, objects, what EDN writes without quotes, as
    keywords, and answers that no server may give.
    """

    text: str

    def __repr__(self) -> str:
        return self.text


class Double(float):
    """A floating-point number of EDN, which equals no integer there: 1.0 is not 1."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return not isinstance(other, int) and float(self) == other

    def __hash__(self) -> int:
        return hash(float(self))


class Elements(frozenset[Any]):
    """A set that is printed in a fixed order, whatever the hashes of its elements are."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "#{" + " ".join(sorted(map(repr, self))) + "}"


TRUE, FALSE = Verbatim("true"), Verbatim("false")


def frozen(value: Any) -> Hashable:
    """A value read from JSON, made immutable. Equal JSON values give equal results, others not."""
    if type(value) is bool:
        return TRUE if value else FALSE
    if type(value) is list:
        return tuple(map(frozen, value))
    if type(value) is dict:
        return Verbatim(json.dumps(_plain(value), sort_keys=True, ensure_ascii=False))
    return value  # type: ignore[no-any-return]


def _plain(value: Any) -> Any:
    """The same value, its whole numbers written in one way: 1.0 is 1."""
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is dict:
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if type(value) is list else value


def finite(text: str) -> float:
    """A number of a text; raises OverflowError for one that would be read as infinite.

    All such numbers would be equal.
    """
    value = float(text)
    if math.isinf(value):
        shown = text if len(text) <= 20 else text[:17] + "..."
        raise OverflowError(f"{shown} is too large for a number: write it as a string")
    return value
