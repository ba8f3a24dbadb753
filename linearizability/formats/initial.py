"""What a register holds at first, written as a history of its format writes values."""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any

from linearizability.formats.edn import read_edn
from linearizability.formats.jepsen import value_of
from linearizability.formats.jepsen_edn import held
from linearizability.formats.recorded import HistoryError
from linearizability.formats.values import finite, frozen


def initial_value(text: str, format: str) -> Hashable:
    """The value of a text; raises HistoryError for one that the format does not write."""
    if format == "jepsen-etcd":
        return value_of(text.strip())
    shown = text if len(text) <= 60 else f"{text[:60]!r}... ({len(text)} characters)"
    if format == "jepsen-edn":
        return _of_edn(text, shown)
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=finite)
    except (ValueError, OverflowError, RecursionError) as error:
        raise HistoryError(
            f"expected JSON for --initial, got {shown}; put a string in double quotes"
        ) from error
    return "" if value is None else frozen(value)


def _of_edn(text: str, shown: str) -> Hashable:
    problem = HistoryError(f"expected one value of EDN for --initial, got {shown}")
    try:
        maps = [found for _, found in read_edn([f"{{:value {text}\n", "}"], "--initial")]
    except HistoryError as error:
        raise problem from error
    if len(maps) != 1 or list(maps[0]) != [":value"]:
        raise problem
    value: Hashable = held(maps[0][":value"])
    return value


def _no_constant(name: str) -> Any:
    """Python's decoder knows NaN and infinities, JSON does not."""
    raise ValueError(name)
