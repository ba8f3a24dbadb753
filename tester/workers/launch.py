"""How a worker process is started, and what it is told first."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from tester.labs.lab import Lab
from tester.workers.surroundings import USUAL, Around, environment, other_hash_seed
from tester.workers.wire import encode
from tester.workers.worker import Launch

_HOME: Final = str(Path(__file__).parents[2])
"""Instead of the current folder, whose modules have no business in a worker."""

_BEGIN: Final = (
    "import sys; sys.path[:] = sys.argv[1].split('\\n'); "
    "from tester.workers.main import main; main(*map(int, sys.argv[2:]))"
)


class Project(msgspec.Struct, frozen=True):
    """Simulated tests of a pytest project."""

    what: str
    """A file, a folder or a node id, as pytest takes it, with an absolute path."""
    shown: str
    """The same as its user wrote it."""
    root: str = ""
    """Where the project begins, if that is known; else pytest finds out."""


class Setup(msgspec.Struct, frozen=True):
    """What a worker is told first."""

    lab: Lab | None
    """None: tests of a project."""
    submission: str | None
    """The folder; None: the reference packages."""
    seeds: int | None
    """How many seeds were asked for; None: as many as each test says."""
    schedule: str | None = None
    """The schedule that was asked for; None: each test's own."""
    around: Around = USUAL
    """What is different around it."""
    memory: int = 0
    """How many bytes of memory the worker may have; 0: as many as there are."""
    strategy: str | None = None
    """The strategy that was asked for; None: uniform."""
    project: Project | None = None
    """Whose tests are run, if not a lab's."""
    digests: bool = False
    """Whether the worker is to say which code each test is of."""


class Python(NamedTuple):
    """An interpreter, and where it finds its modules."""

    executable: str
    path: Sequence[str]


def launch(setup: Setup, python: Python | None = None, *, other_hashes: bool = False) -> Launch:
    """How to start a worker, which imports what this process would import.

    `python` is another interpreter, with modules of its own; `other_hashes` asks for a hash seed
    that is not the usual one.
    """
    if python is None:
        python = Python(sys.executable, sys.path)
        path = [str(Path(entry).absolute()) if entry else _HOME for entry in python.path]
    else:
        path = [_HOME, *filter(None, python.path)]
    usual = {
        "PYTHONHASHSEED": "0",
        "OPENBLAS_NUM_THREADS": "1",  # a submission's numpy would start threads nobody needs
        **os.environ,
    }
    if usual["PYTHONHASHSEED"] == "random":  # then no run could be repeated
        usual["PYTHONHASHSEED"] = "0"
    if other_hashes:
        usual["PYTHONHASHSEED"] = other_hash_seed(usual["PYTHONHASHSEED"])
    if setup.around.varied and setup.submission is not None:  # the folder may be another there
        folder = str(Path(setup.submission).absolute())
        setup = msgspec.structs.replace(setup, submission=folder)
    command = (python.executable, "-P", "-c", _BEGIN, "\n".join(path))
    return Launch(command, environment(usual, setup.around), encode(setup))
