"""A broken rule of a lab: at which event of the trace, by what cause, and in which words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_MOST_NAMED: Final = 6
"""Of the requests that a rule speaks of, this many."""
_NUMBER: Final = re.compile(r"#(\d+)")


@dataclass(frozen=True)
class Broken:
    """One event that breaks one rule."""

    place: int
    """Where in the trace the rule was broken: the index of the event."""
    sentence: str
    """What happened, and why that is wrong."""
    headline: str = ""
    """What happened in a few words, as a title; "" if the verdict is a better one."""
    rule: str = ""
    """The rule, as a sentence; "" where `sentence` says it."""
    source: str = ""
    """Where the rule stands: "Raft paper, section 5.2"."""
    seen: int | None = None
    """How many events the trace had when that showed; None: it showed at `place`."""
    cause: int | None = None
    """The index of the event by which it came to that; None if that is the event itself."""
    rpc: int | None = None
    """The request whose answer broke the rule, if a server gave it."""
    op: int | None = None
    """The operation whose result broke the rule, if a client got it."""
    others: Sequence[int] = ()
    """Other requests that the sentence speaks of."""
    together: Sequence[int] = ()
    """Those of `rpc` and `others` that a server handled at the same time."""
    perhaps: str = ""
    """What may have come of that, as a sentence: no handler that never waits lets another run."""
    events: Sequence[int] = ()
    """Other events that it speaks of, such as a restart, by their index in the trace."""
    servers: Sequence[str] = ()
    """Those whose state decides."""
    index: int | None = None
    """The entry of the log that it is about."""
    way: str = ""
    """By what it came to that, where failures of one rule differ in it; "": see `events`."""
    in_short: str = ""
    """What happened alone, if `sentence` says more; "" if not."""

    @property
    def stands_alone(self) -> bool:
        """Whether its own messages and events show it, without whole operations."""
        return bool(self.rule and (self.servers or self.events))

    @property
    def named(self) -> set[int]:
        """The requests that the sentence speaks of: of very many, the first and the last ones."""
        found = {int(number) for number in _NUMBER.findall(f"{self.sentence} {self.perhaps}")}
        ordered = sorted(found | ({self.rpc} if self.rpc is not None else set()))
        return {*ordered[:1], *ordered[1 - _MOST_NAMED :]}

    @property
    def reference(self) -> str:
        """The rule and where it stands, as a sentence; "" if none is given."""
        where = f" ({self.source})" if self.source else ""
        return f"{self.rule}{where}." if self.rule else ""


def listed(names: Sequence[str], last: str = "and") -> str:
    """Names in a sentence: `a`, `a and b`, `a, b and c`."""
    *before, end = names
    return f"{', '.join(before)} {last} {end}" if before else end
