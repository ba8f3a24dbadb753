"""The kill matrix: which test found which bug on which seed, as text and as a record."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, Final

from linearizability.verdict import counted
from tester.report.width import WIDTH
from tester.workers.kills import Kill, Mutant

_NAME: Final = 30


def bug_line(bug: Mutant) -> str:
    """A bug, and the first failing seed of each test that found it."""
    if not bug.found:
        about = textwrap.indent(textwrap.fill(bug.about, WIDTH - 4), "    ")
        return f"{bug.name:<{_NAME}} SURVIVES\n{about}".rstrip()
    return _columns(bug.name, bug.found)


def variant_line(variant: Mutant) -> str:
    """A correct solution, and the tests that did not let it pass."""
    if not variant.kills:
        return f"{variant.name:<{_NAME}} passes"
    return _columns(f"{variant.name} FAILS", variant.kills)


def _columns(name: str, kills: Sequence[Kill]) -> str:
    marks = {"fail": "", "unknown": " (undecided)", "lost": " (hung or died)"}
    lines = [f"{name:<{_NAME}}"]
    for at, kill in enumerate(kills):
        shown = f" {kill.test.removeprefix('test_')} {kill.seed}{marks[kill.how]}"
        shown += "," if at < len(kills) - 1 else ""
        if len(lines[-1]) + len(shown) > WIDTH:
            lines.append(" " * _NAME)
        lines[-1] += shown
    return "\n".join(lines)


def verdict(bugs: Sequence[Mutant], variants: Sequence[Mutant]) -> str:
    """`pass` if every bug was found and no correct solution failed."""
    fine = all(bug.found for bug in bugs) and not any(variant.kills for variant in variants)
    return "pass" if fine else "fail"


def summary(lab: str, bugs: Sequence[Mutant], variants: Sequence[Mutant]) -> str:
    """The last lines."""
    found = [bug for bug in bugs if bug.found]
    failed = [variant for variant in variants if variant.kills]
    needed = [bug.first.seed + 1 for bug in found if bug.first is not None]
    mean = f", after {sum(needed) / len(needed):.1f} seeds on average" if needed else ""
    lines = [f"{lab}: {verdict(bugs, variants)}"]
    if bugs:
        lines[0] += f", {len(found)} of {counted(len(bugs), 'bug')} found{mean}"
    if variants:
        lines.append(f"{len(failed)} of {len(variants)} correct solutions failed")
    return "\n".join(lines)


def record(lab: str, bugs: Sequence[Mutant], variants: Sequence[Mutant]) -> dict[str, Any]:
    """The record of `labtester mutants`; the same for any number of workers."""
    return {
        "lab": lab,
        "verdict": verdict(bugs, variants),
        "bugs": [_bug(bug) for bug in bugs],
        "variants": [
            {"name": v.name, "failed": [_kill(kill) for kill in v.kills]} for v in variants
        ],
    }


def _bug(bug: Mutant) -> dict[str, Any]:
    first = bug.first
    return {
        "name": bug.name,
        "about": bug.about,
        "killed_by": None if first is None else first.test,
        "first_seed": None if first is None else first.seed,
        "mean_seeds": bug.mean_seeds,
        "kills": [_kill(kill) for kill in bug.found],
    }


def _kill(kill: Kill) -> dict[str, Any]:
    return {"test": kill.test, "seed": kill.seed, "schedule": kill.schedule, "how": kill.how}
