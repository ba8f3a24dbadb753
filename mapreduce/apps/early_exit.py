"""An app some of whose keys take long to reduce: nobody may leave before they are done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

# This module is the same for everybody: no submission replaces it.
__fixed__ = True


class EarlyExit:
    """Its keys are the names of the files."""

    async def map(self, file: str, contents: str) -> Iterable[tuple[str, str]]:
        """(name of the file, "1")."""
        return [(file, "1")]

    async def reduce(self, key: str, values: Sequence[str]) -> str:
        """The number of values; three seconds later for "sherlock" and "tom"."""
        if "sherlock" in key or "tom" in key:
            await asyncio.sleep(3)
        return str(len(values))
