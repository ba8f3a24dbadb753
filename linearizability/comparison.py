"""Values that do not say whether they equal another, as arrays do not, are named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from linearizability.operation import Operation, client_name


@contextmanager
def comparing(operations: Iterable[Operation]) -> Iterator[None]:
    """What is done inside compares values of these operations.

    Raises TypeError where that fails because of a value.
    """
    try:
        yield
    except ValueError as error:
        strange = _incomparable(operations)
        if strange is None:
            raise
        raise strange from error


def _incomparable(operations: Iterable[Operation]) -> TypeError | None:
    for op in operations:
        for name, value in (("input", op.input), ("output", op.output)):
            try:
                _compare_with_itself(value)
            except ValueError as error:
                return TypeError(
                    f"{client_name(op.client)}'s operation called at {op.call} has the {name}"
                    f" {value!r}, which cannot be compared ({error}): use plain values, such as"
                    " tuples instead of arrays"
                )
    return None


def _compare_with_itself(value: Any) -> None:
    if isinstance(value, tuple | list):  # they take what is the same object for equal
        for item in value:
            _compare_with_itself(item)
    else:
        bool(value == value)  # noqa: PLR0124
