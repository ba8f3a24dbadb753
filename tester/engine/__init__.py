"""The engine: a deterministic asyncio that knows no network and no key/value store."""

from typing import Final

VERSION: Final = "0.1.0"

SEED_LIMIT: Final = 2**128
"""Seeds are integers below it."""
