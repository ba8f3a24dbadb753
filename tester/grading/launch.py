"""Starts the zygote, with our code and a bare environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

_HOME: Final = str(Path(__file__).parents[2])
_BEGIN: Final = (
    "import sys; sys.path[:] = sys.argv[1].split('\\n'); "
    "from tester.grading.zygote import main; main(int(sys.argv[2]))"
)
_ENVIRONMENT: Final = {
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "HOME": "/nonexistent",
    "TZ": "UTC",
    "PATH": os.defpath,
    "LC_ALL": "C.UTF-8",
}


def zygote(control: int, errors: int) -> subprocess.Popen[bytes]:
    """Start it: it is asked over the socket `control`, and writes what it dies of to `errors`."""
    path = [str(Path(entry).absolute()) if entry else _HOME for entry in sys.path]
    return subprocess.Popen(
        [sys.executable, "-s", "-P", "-c", _BEGIN, "\n".join(path), str(control)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        pass_fds=[control],
        env=_ENVIRONMENT,
        cwd="/",
        start_new_session=True,
    )
