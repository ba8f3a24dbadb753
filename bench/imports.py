"""Import times of what students import, beyond `import asyncio`, each in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import Final

from bench.rounds import Row

PACKAGES: Final = ("labrpc", "kvsrv", "lock", "linearizability")

_CODE: Final = """
import sys, time
{before}
start = time.process_time_ns()
import {module}
print((time.process_time_ns() - start) / 1e6)
"""


def _milliseconds(module: str, before: str = "") -> float:
    code = _CODE.format(module=module, before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def rows() -> list[Row]:
    """Each package against asyncio itself."""
    return [
        Row(
            f"ms, import {package}",
            figure=partial(_milliseconds, package, "import asyncio"),
            yardstick=partial(_milliseconds, "asyncio"),
            against="import asyncio",
            at_most=30,
        )
        for package in PACKAGES
    ]
