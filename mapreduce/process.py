"""The process of one worker: makes the app, connects to the coordinator, and works."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any, Final

from labrpc.tcp import connect
from mapreduce.folder import Folder, Split
from mapreduce.job import Failed, JobCoordinator
from mapreduce.loading import Adapted, BadApp, load
from mapreduce.worker import worker

CODE: Final = (
    "import sys; sys.path[:] = sys.argv[1].split('\\n'); "
    "from mapreduce.process import main; main(*sys.argv[2:])"
)
"""What such a process runs; its arguments are where modules are found, and those of `main`."""


def main(job: str, name: str) -> None:
    """Work for a job, under a name, until it is over. `job` is the file that describes it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this process ends it
    described = json.loads(Path(job).read_text(encoding="utf-8"))
    asyncio.run(_work(Path(job).parent, described, name))


async def _work(folder: Path, job: dict[str, Any], name: str) -> None:
    parts = {part: Split(**fields) for part, fields in job["parts"].items()}
    async with connect(job["address"]) as end:
        end.name = name
        app = None
        try:
            app = Adapted(load(job["app"]), job["app"], parts)
            await worker(app, end, Folder(folder, parts))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the app raises
            if isinstance(error, BadApp) or app is None:
                sentence = str(error)
            elif (
                isinstance(error, OSError)
                and error.filename is not None
                and _is_in(error.filename, folder)
            ):
                sentence = f"{error.filename}: {error.strerror}"
            else:
                sentence = app.failure(error)
            _ = await end.call(JobCoordinator.failed, Failed(name, sentence))


def _is_in(file: str | bytes | int, folder: Path) -> bool:
    return isinstance(file, str) and Path(file).is_relative_to(folder)
