"""A hold: requests that the network keeps back on their way, until they are released."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labrpc.network import Rpc
    from labrpc.wiring import Wire


class Hold:
    """What is held of the requests on some ends; made by `Network.hold`.

    The request of a caller that waits is answered when it has been released. A caller that is not
    to wait is told at once that no reply came, as if the request were lost.
    """

    def __init__(
        self,
        ends: Iterable[Wire],
        deliver: Callable[[Rpc], None],
        *,
        waits: bool,
        least_bytes: int,
        at_most: int | None,
    ) -> None:
        self.waits = waits
        self._ends = [*ends]
        self._deliver = deliver
        self._least_bytes = least_bytes
        self._room = at_most
        self._held: list[Rpc] = []
        for end in self._ends:
            end.hold = self

    def __len__(self) -> int:
        """How many requests are held."""
        return len(self._held)

    def takes(self, rpc: Rpc) -> bool:
        """Keep a request back, if it is one of those that are to be."""
        if len(rpc.payload) < self._least_bytes or self._room == 0:
            return False
        if self._room is not None:
            self._room -= 1
        self._held.append(rpc)
        return True

    def stop(self) -> None:
        """Let later requests pass; those that are held stay so."""
        for end in self._ends:
            if end.hold is self:
                end.hold = None

    def release(self, *, newest_first: bool = False) -> None:
        """Let later requests pass, and deliver those that are held, in the order they came."""
        self.stop()
        held, self._held = self._held, []
        for rpc in reversed(held) if newest_first else held:
            self._deliver(rpc)
