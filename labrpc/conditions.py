"""What a network does to messages: rates as integer ratios, times in whole units, no floats."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, Self

Ratio = tuple[int, int]
"""(numerator, denominator): a probability."""

NEVER: Final[Ratio] = (0, 1)
_MS: Final = 1_000


class Fate(NamedTuple):
    """All that chance decides about one RPC, drawn when it is sent; all 0 means no fault.

    Always the same number of choices, whatever happens and whatever the conditions are, so that
    place `j` of the `k`-th RPC on an end is place `k * len(Fate) + j` of the end's stream, and
    flipping one leaves every other message alone.
    """

    unreachable_ms: int
    """How long the caller waits for nothing when the server cannot be reached."""
    request_delay_ms: int
    request_lost: int
    duplicated: int
    """The request is delivered twice; the second reply goes nowhere."""
    duplicate_delay_ms: int
    late: int
    """The caller gives up as if the request were lost, and then the request arrives."""
    late_delay_ms: int
    reply_lost: int
    reply_held: int
    hold_span_ms: int
    hold_part: int
    """The reply is held for 200 ms plus this part of the span: short holds are likelier."""


_HOLD_PARTS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of a network, or of one link of it.

    The defaults are a reliable network: nothing is lost, and every message takes `latency_us`, so
    that even a loop that only sends lets time pass. The rates and spans of the named conditions
    below are those of the 6.5840 labs' labrpc.
    """

    latency_us: int = 500
    """The least time that every message takes one way, lost or not."""
    request_delay_ms: int = 0
    """Requests take up to this much longer."""
    request_loss: Ratio = NEVER
    reply_loss: Ratio = NEVER
    reply_hold: Ratio = NEVER
    """Replies are held for 200 to 2 199 ms: long reordering."""
    unreachable_ms: int = 99
    """A call that reaches no server fails after up to this long; long delays make it 7 s."""
    duplicate: Ratio = NEVER
    duplicate_delay_ms: int = 26
    late: Ratio = NEVER
    """How often a request arrives only after its caller has given up."""
    late_delay_ms: int = 2_000
    loss_timeout_ms: int = 0
    """After a loss, the caller learns of it this much later; in labrpc at once."""
    # Each request asks for these two, and for the latency. In slots, because CPython 3.13 looks an
    # attribute up the slow way if the class has it too, or if somebody has asked for `__dict__`.
    reliable: bool = field(init=False, repr=False, compare=False)
    """Whether every message arrives, once, and on time."""
    slots: tuple[tuple[int, int], ...] = field(init=False, repr=False, compare=False)
    """What to draw for a Fate: (n, 0) an integer below n, (num, den) a fault's probability."""

    def __post_init__(self) -> None:
        for name in ("request_loss", "reply_loss", "reply_hold", "duplicate", "late"):
            ratio = getattr(self, name)
            if not (isinstance(ratio, tuple) and len(ratio) == 2 and 0 <= ratio[0] <= ratio[1]):
                raise ValueError(
                    f"{name}: expected a ratio (num, den) with 0 <= num <= den, got {ratio}"
                )
            if ratio[1] < 1:
                raise ValueError(f"{name}: expected a denominator >= 1, got {ratio[1]}")
        for name, least in (("latency_us", 1), ("request_delay_ms", 0), ("unreachable_ms", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: expected {least} or more, got {getattr(self, name)}")
        for name in ("duplicate_delay_ms", "late_delay_ms", "loss_timeout_ms"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        object.__setattr__(self, "reliable", self._is_reliable())
        object.__setattr__(self, "slots", self._slots())

    def but(self, **changes: int | Ratio) -> Self:
        """These conditions with some changed."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def _is_reliable(self) -> bool:
        ratios = self.request_loss, self.reply_loss, self.reply_hold, self.duplicate, self.late
        return self.request_delay_ms == 0 and ratios == (NEVER,) * len(ratios)

    def _slots(self) -> tuple[tuple[int, int], ...]:
        hold = self.reply_hold[0] > 0
        return (
            (self.unreachable_ms + 1, 0),
            (self.request_delay_ms + 1, 0),
            self.request_loss,
            self.duplicate,
            (self.duplicate_delay_ms + 1 if self.duplicate[0] else 1, 0),
            self.late,
            (self.late_delay_ms + 1 if self.late[0] else 1, 0),
            self.reply_loss,
            self.reply_hold,
            (2_000 if hold else 1, 0),
            (_HOLD_PARTS if hold else 1, 0),
        )

    def hold_us(self, fate: Fate) -> int:
        """How long the reply of this fate is held, in microseconds."""
        if not fate.reply_held:
            return 0
        return (200 + fate.hold_part * (1 + fate.hold_span_ms) // _HOLD_PARTS) * _MS


RELIABLE: Final = Conditions()
UNRELIABLE: Final = RELIABLE.but(
    request_delay_ms=26, request_loss=(100, 1000), reply_loss=(100, 1000)
)
LONG_REORDERING: Final = UNRELIABLE.but(reply_hold=(600, 900))
LONG_DELAYS: Final = RELIABLE.but(unreachable_ms=6_999)
