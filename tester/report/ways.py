"""The ways in which tests fail: failures that have something in common, put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def alike(found: Iterable[T], key: Callable[[T], str]) -> list[Sequence[T]]:
    """Those that have a key in common, together; what has none stands alone."""
    groups: dict[str, list[T]] = {}
    for at, one in enumerate(found):
        groups.setdefault(key(one) or f"#{at}", []).append(one)
    return list(groups.values())
