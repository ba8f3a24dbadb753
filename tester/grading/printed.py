"""What the code on a node logs and prints in one run: heard in its process, and sent on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from tester.engine import current
from tester.world.failure import without_addresses
from tester.world.spectator import Spectator

LINES: Final = 40
"""At most this many lines are kept; those before them are counted."""
_CHARACTERS: Final = 200
"""At most this many characters of each."""
Clipped = Annotated[str, Meta(max_length=_CHARACTERS)]


class Line(msgspec.Struct, frozen=True, array_like=True):
    """A line, as it travels."""

    time_us: Annotated[int, Meta(ge=0, le=2**62)]
    level: Clipped
    logger: Clipped
    text: Clipped


class Heard(msgspec.Struct, frozen=True, array_like=True):
    """The last lines of one node."""

    lines: Annotated[list[Line], Meta(max_length=LINES)] = []
    before: Annotated[int, Meta(ge=0, le=2**62)] = 0
    """How many there were before them."""


@dataclass
class Ear(Spectator):
    """Hears one node, and keeps the last lines."""

    clock: Callable[[], int] = lambda: 0
    lines: deque[Line] = field(default_factory=lambda: deque(maxlen=LINES))
    total: int = 0

    def hear(self, level: str, logger: str, text: str) -> None:
        """See Spectator."""
        if current.node is None:  # not what labtester itself says between two steps
            return
        self.total += 1
        parts = (without_addresses(part[:_CHARACTERS]) for part in (level, logger, text))
        clipped = [part[:_CHARACTERS] for part in parts]
        self.lines.append(Line(self.clock(), *clipped))

    def heard(self) -> Heard:
        """What it has heard."""
        return Heard(list(self.lines), self.total - len(self.lines))
