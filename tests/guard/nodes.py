"""A node without a run, for tests of what the guard answers to its code."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tester.engine import current
from tester.guard import guard


@dataclass
class Node:
    """What the guard asks a node for: its name, its time and its randomness."""

    name: str = "c0"
    us: int = 1_500_000
    rng: random.Random = field(default_factory=lambda: random.Random(7))
    ahead_us: int = 0

    def time_us(self) -> int:
        return self.us

    def random(self) -> random.Random:
        return self.rng


def on_node(code: Callable[[], Any], node: Node | None = None) -> Any:
    """What the code returns when it runs on the node, with the guard installed."""
    with guard.installed([]):
        current.node = node or Node()
        return code()
