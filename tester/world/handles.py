"""Handles: objects on other nodes as a test sees them, whose methods are operations."""

from __future__ import annotations

from typing import Protocol

from kvsrv.rpc import Err, Version


class KV(Protocol):
    """A clerk of the key/value lab, as the test sees it: its methods are operations."""

    async def get(self, key: str) -> tuple[str, Version, Err]:
        """The value and version of a key."""
        ...

    async def put(self, key: str, value: str, version: Version) -> Err:
        """Install a value if the key is at this version."""
        ...


class AppendKV(Protocol):
    """A clerk of the 2024 key/value lab, as the test sees it."""

    async def get(self, key: str) -> str:
        """The value of a key; "" if it was never written."""
        ...

    async def put(self, key: str, value: str) -> None:
        """Replace the value of a key."""
        ...

    async def append(self, key: str, arg: str) -> str:
        """Append to the value of a key; returns what it was before."""
        ...


class LockHandle(Protocol):
    """A client's handle on a lock, as the test sees it."""

    async def acquire(self) -> None:
        """Return when the lock is held."""
        ...

    async def release(self) -> None:
        """Give it back."""
        ...
