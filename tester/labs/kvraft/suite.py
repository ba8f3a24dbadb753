"""The suite of the kvraft lab: the 22 tests of the course in its order, 4B and 4C, and ours."""

from __future__ import annotations

from typing import Final

from tester.labs.kvraft import basic, ours, snapshots

PARTS: Final = (basic, snapshots, ours)

globals().update(
    (name, test) for part in PARTS for name, test in vars(part).items() if name.startswith("test_")
)
