"""What the engine's tests share: each of them leaves asyncio as it was."""

import asyncio
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _leave_the_loop() -> Iterator[None]:
    """A step leaves its node's loop running, for the next step to replace; tests are no step."""
    yield
    asyncio._set_running_loop(None)
