"""The table that closes a pytest run with simulated tests in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def summary(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """Lines of (test, seeds, rpcs, ops, virtual seconds, seeds per second), in order of name."""
    lines = [f"{'seeds':>7} {'rpcs':>9} {'ops':>9} {'virtual s':>10} {'seeds/s':>8}  test"]
    for name, row in sorted(rows, key=lambda row: row[0]):
        speed = row["seeds"] / max(row["wall_s"], 0.000_001)
        lines.append(
            f"{row['seeds']:>7} {row['rpcs']:>9} {row['ops']:>9} "
            f"{row['virtual_us'] / 1e6:>10.1f} {speed:>8.0f}  {name}"
        )
    return lines
