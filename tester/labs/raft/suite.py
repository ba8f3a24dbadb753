"""The suite of the Raft lab: the 28 tests of the course in its order, 3A to 3D, and ours."""

from __future__ import annotations

from typing import Final

from tester.labs.raft import (
    agreement,
    corner_cases,
    election,
    late,
    ours,
    paces,
    persistence,
    power,
    rare,
    snapshots,
)

PARTS: Final = (
    *(election, agreement, persistence, snapshots),
    *(ours, rare, power, late, corner_cases, paces),
)

globals().update(
    (name, test) for part in PARTS for name, test in vars(part).items() if name.startswith("test_")
)
