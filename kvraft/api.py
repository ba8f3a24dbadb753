"""The interface of a replicated state machine: a fixed API file, the same for all submissions."""

from __future__ import annotations

from typing import Protocol, TypeVar

# This module is the same for everybody: no submission replaces it.
__fixed__ = True

R_co = TypeVar("R_co", covariant=True)


class StateMachine(Protocol[R_co]):
    """A deterministic machine: each replica has one, and all of them apply the same requests.

    An RSM calls these methods for what is in the log, and for nothing else: each request once, in
    the order of the log, on every replica. They are plain `def`: nothing happens in between.
    """

    def apply(self, request: bytes) -> R_co:
        """Execute a request; returns its reply, which is a function of all requests so far."""
        ...

    def snapshot(self) -> bytes:
        """The state, after all requests that have been applied."""
        ...

    def restore(self, data: bytes) -> None:
        """Take over the state that `snapshot` has returned, here or on another replica."""
        ...
