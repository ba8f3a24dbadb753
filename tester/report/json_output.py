"""The JSON that commands write about their runs, and the file it goes to."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tester.report import aborted
from tester.workers.results import LabResult, Rerun, TestResult


def of_run(result: LabResult) -> dict[str, Any]:
    """The JSON of `labtester run`. Only the `wall_s` differ from run to run."""
    return {
        "lab": result.lab,
        "verdict": result.verdict,
        "digest": result.digest,
        "tests": [_of_test(test) for test in result.tests],
    } | {
        name: what
        for name, what in (
            ("not_run", result.not_run),
            ("warnings", result.warnings),
            ("interrupted", result.interrupted),
        )
        if what
    }


def _of_test(test: TestResult) -> dict[str, Any]:
    counted = test.counted
    return {
        "name": test.name,
        "seeds": counted.seeds,
        "failed": counted.failed,
        "unknown": counted.unknown,
        "rpcs": counted.rpcs,
        "ops": counted.ops,
        "virtual_s": counted.virtual_us / 1_000_000,
        "wall_s": counted.wall_us / 1_000_000,
        "digest": counted.digest,
        "peers": counted.peers,
        "figures": {
            name: {"least": figure.least, "most": figure.most, "mean": figure.mean}
            for name, figure in counted.figures.items()
        },
        "sometimes": counted.reached.counts,
        "verdict": test.verdict,
        "weight": test.weight,
        "seeds_asked": test.asked,
        "schedule": test.schedule,
        "lost": counted.seeds - 1 if test.lost is not None else None,
        "story": None if test.rerun is None else of_story(test.rerun),
    } | ({"differs": test.differs} if test.differs else {})


def of_story(rerun: Rerun) -> dict[str, Any]:
    """The JSON of one seed's story: `text` is what people read."""
    report = rerun.report
    return {
        "seed": rerun.seed,
        "rivals": rerun.rivals,
        "schedule": rerun.schedule,
        "digest": report.ran.digest if report is not None else None,
        "command": rerun.command,
        "text": aborted.story(rerun),
        "printed": rerun.printed,
    }


def of_replay(lab: str, rerun: Rerun) -> dict[str, Any]:
    """The JSON of `labtester replay`."""
    ran = None if rerun.report is None else rerun.report.ran
    return {
        "lab": lab,
        "test": rerun.test,
        "seed": rerun.seed,
        "schedule": rerun.schedule,
        "verdict": "fail" if ran is None else ran.verdict,
        "digest": None if ran is None else ran.digest,
        "rpcs": 0 if ran is None else ran.rpcs,
        "ops": 0 if ran is None else ran.ops,
        "virtual_s": 0.0 if ran is None else ran.virtual_us / 1_000_000,
        "wall_s": 0.0 if ran is None else ran.wall_us / 1_000_000,
        "story": aborted.story(rerun),
        "printed": rerun.printed,
    }


def check_writable(path: str) -> None:
    """Raise OSError unless JSON can be written there; `-` is standard output."""
    if path == "-":
        return
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(21, os.strerror(21), path)
    if _is_special(target):
        target.open("a").close()
        return
    draft = _draft(target)
    draft.open("w").close()
    draft.unlink()


def write(path: str, what: dict[str, Any]) -> None:
    """Write JSON, whole or not at all; `-` is standard output."""
    text = json.dumps(what, indent=2) + "\n"
    if path == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    target = Path(path)
    if _is_special(target):
        target.write_text(text, encoding="utf-8")
        return
    draft = _draft(target)
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(target.resolve())
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _is_special(target: Path) -> bool:
    """A device or a pipe: /dev/null must not be replaced by a file."""
    return target.exists() and not target.is_file()


def _draft(target: Path) -> Path:
    real = target.resolve()
    return real.with_name(f".{real.name}.{os.getpid()}")
