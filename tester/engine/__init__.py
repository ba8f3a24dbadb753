"""The engine: a deterministic asyncio that knows no network and no key/value store."""

from typing import Final

VERSION: Final = "0.1.0"
