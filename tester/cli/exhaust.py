"""`labtester exhaust`: run every placement of at most K faults, and report one that fails."""

from __future__ import annotations

import json
import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tester.cli.options import (
    check_writable,
    console,
    finish,
    integer,
    json_option,
    limit_options,
    submission_option,
)
from tester.cli.target import METAVAR, one_test, pool_of, select_one

if TYPE_CHECKING:
    from tester.workers.plan import ProofPlan
    from tester.workers.wire import Placed, Proved

_SAVE_EVERY: Final = 100


@click.command("exhaust")
@click.argument("what", nargs=-1, metavar=METAVAR)
@click.option(
    "--faults",
    type=integer(0, 8),
    metavar="K",
    default=1,
    show_default=True,
    help="Place at most K faults at once.",
)
@click.option("--restart", is_flag=True, help="Start over, ignoring saved progress.")
@submission_option
@json_option
@limit_options
def exhaust(
    what: tuple[str, ...],
    faults: int,
    restart: bool,
    submission: str | None,
    json_to: str | None,
    stuck_after: int,
) -> int:
    """Prove a small test under every placement of at most K faults, or find one that fails.

    Only faults vary; every other choice, such as a delay, is 0. An interrupted proof resumes
    where it stopped, unless the code has changed.
    """
    from tester.report.failures import plainly
    from tester.report.progress import counter
    from tester.workers.plan import ProofPlan
    from tester.workers.wire import Prove

    check_writable(json_to)
    target, test = one_test(what, submission, stuck_after)
    words = ["labtester", "exhaust", *what, "--faults", str(faults)]
    words += ["--submission", submission] if submission is not None else []
    state = _State(shlex.join(words))
    done, code = (0, "") if restart else state.load()
    with pool_of(target, None, 1) as pool:
        test = select_one(pool.tests(), test).name
        named = f"{target.lab} {test}".lstrip()
        with counter(named) as show:
            passed = 0

            def placed(so_far: Placed) -> None:
                nonlocal passed
                passed = so_far.placements
                show(so_far.placements, so_far.total)
                if so_far.placements % _SAVE_EVERY == 0:
                    state.save(so_far)

            again = shlex.join([*words, "--restart"])
            plan = ProofPlan(Prove(test, faults, done, code, again), placed)
            pool.work(plan)
    state.forget()
    proved = plan.proved or _lost(plan, passed, again)
    if proved.misuse:
        raise click.ClickException(proved.misuse)
    out = console(json_to)
    if proved.story:
        plainly(out, proved.story)
    plainly(out, f"{named}: {proved.sentence}")
    return finish(proved.verdict, json_to, _record(target.lab, test, faults, proved))


def _lost(plan: ProofPlan, passed: int, command: str) -> Proved:
    """The result when a placement hung or ended its process: a failure, too."""
    from tester.report import aborted
    from tester.workers.wire import Proved

    assert plan.gone is not None  # a proof that is over is one or the other
    story = aborted.lost(None, plan.gone, command)
    how = "hangs" if plan.gone.stuck_s else "ends its process"
    where = f"a placement after the first {passed}" if passed else "the first placement"
    sentence = f"{where} {how}"
    return Proved(passed + 1, sentence, f"{story}\n", [], "fail", "")


def _record(lab: str, test: str, faults: int, proved: Proved) -> dict[str, Any]:
    return {
        "lab": lab,
        "test": test,
        "faults": faults,
        "verdict": proved.verdict,
        "placements": proved.placements,
        "failing": proved.faults,
        "sentence": proved.sentence,
    }


class _State:
    """The progress of a proof, in a file, so that an interrupted proof can resume."""

    def __init__(self, command: str) -> None:
        from tester.search.record import FOLDER

        self._command = command
        self._path = Path(FOLDER) / "exhaust.json"

    def load(self) -> tuple[int, str]:
        """How many placements this command has already run, and the digest of the code."""
        with suppress(OSError, ValueError, TypeError, KeyError):
            found = json.loads(self._path.read_text(encoding="utf-8"))
            if found["command"] == self._command:
                return int(found["placements"]), str(found["code"])
        return 0, ""

    def save(self, so_far: Placed) -> None:
        """Write the progress; a folder that cannot be written only means starting over."""
        state = {
            "command": self._command,
            "placements": so_far.placements,
            "code": so_far.code,
        }
        with suppress(OSError):
            self._path.parent.mkdir(exist_ok=True)
            self._path.write_text(json.dumps(state), encoding="utf-8")

    def forget(self) -> None:
        """The proof is over."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
