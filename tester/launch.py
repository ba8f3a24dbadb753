"""How a worker process is started, and what it is told first."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import msgspec

from tester.labs import Lab
from tester.search.wire import encode
from tester.search.worker import Launch

_HOME: Final = str(Path(__file__).parents[1])
"""Instead of the current folder, whose modules have no business in a worker."""

_BEGIN: Final = (
    "import sys; sys.path[:] = sys.argv[1].split('\\n'); "
    "from tester.jobs import main; main(*map(int, sys.argv[2:]))"
)


class Setup(msgspec.Struct, frozen=True):
    """What a worker is told first."""

    name: str
    """The lab's."""
    lab: Lab
    submission: str | None
    """The folder; None: the reference packages."""
    seeds: int | None
    """How many seeds were asked for; None: as many as each test says."""


def launch(setup: Setup) -> Launch:
    """How to start a worker, which imports what this process would import."""
    path = "\n".join(entry or _HOME for entry in sys.path)
    environment = {
        "PYTHONHASHSEED": "0",
        "OPENBLAS_NUM_THREADS": "1",  # numpy would start threads that nobody here uses
        **os.environ,
    }
    return Launch((sys.executable, "-P", "-c", _BEGIN, path), environment, encode(setup))
