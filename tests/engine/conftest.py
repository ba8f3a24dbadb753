"""What every test of the engine leaves behind."""

import asyncio
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _leave_the_running_loop() -> Iterator[None]:
    """Whoever steps a node leaves asyncio's running loop as it was; a test may be who steps it."""
    outer = asyncio._get_running_loop()
    yield
    asyncio._set_running_loop(outer)
