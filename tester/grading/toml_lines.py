"""Where in a TOML text each key stands, which the parser of the standard library does not keep."""

from __future__ import annotations

import re
from collections.abc import Mapping

Place = tuple[str | int, ...]
"""The keys that lead to a value; the number of a table in an array of tables."""

_HEADER = re.compile(r"^\s*\[(\[?)\s*([\w.\"' -]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([\w-]+|\"[^\"]*\"|'[^']*')\s*=")


def lines_of(text: str) -> dict[Place, int]:
    """The line of each table and key, counted from 1."""
    found: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            names = tuple(_bare(name) for name in header[2].split("."))
            if header[1]:
                counts[names] = counts.get(names, -1) + 1
                found.setdefault(names, number)
                table = (*names, counts[names])
            else:
                table = names
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault((*table, _bare(key[1])), number)
    return found


def nearest(lines: Mapping[Place, int], place: Place) -> int:
    """The line of a value, or of the innermost table around it; 1 if that is the whole file."""
    while place:
        if place in lines:
            return lines[place]
        place = place[:-1]
    return 1


def _bare(name: str) -> str:
    return name.strip().strip("\"'")
