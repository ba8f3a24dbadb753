"""How a worker process is started: its command, its environment and its first message."""

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
"""Takes the place of the current folder, whose modules must not be imported in a worker."""

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
    """The root folder of the project; "" if pytest is to find it, from `folder`."""
    folder: str = ""
    """Where its user is; "" for the folder of the worker, which a cluster has started anywhere."""


class Setup(msgspec.Struct, frozen=True):
    """The first message to a worker."""

    lab: Lab | None
    """None: tests of a project."""
    submission: str | None
    """The folder; None: the reference packages."""
    seeds: int | None
    """How many seeds were requested; None: as many as each test declares."""
    schedule: str | None = None
    """The schedule that was requested; None: each test's own."""
    around: Around = USUAL
    """How its surroundings differ from the usual ones."""
    memory: int = 0
    """The most bytes of memory that the worker may have; 0: no limit."""
    strategy: str | None = None
    """The strategy that was requested; None: uniform."""
    project: Project | None = None
    """The project whose tests are run; None: those of the lab."""
    digests: bool = False
    """Whether the worker sends the digest of each test's code."""


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
    if setup.around.varied and setup.project is not None:
        project = msgspec.structs.replace(setup.project, folder="")
        setup = msgspec.structs.replace(setup, project=project)
    command = (python.executable, "-P", "-c", _BEGIN, "\n".join(path))
    return Launch(command, environment(usual, setup.around), encode(setup))
