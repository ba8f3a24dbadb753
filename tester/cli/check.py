"""`labtester check`: decide whether a recorded history is linearizable, and say why if not."""

from __future__ import annotations

import json
import sys

import click

from linearizability import Illegal, Ok, Unknown
from linearizability import check as decide
from linearizability.explanation.data import as_data
from linearizability.explanation.text import explain
from linearizability.formats import FORMATS, HistoryError, read_history
from linearizability.models import MODELS
from linearizability.verdict import DEFAULT_BUDGET
from tester.cli.options import EXIT


@click.command("check")
@click.argument("file")
@click.option("--model", required=True, type=click.Choice(list(MODELS)), help="What was recorded.")
@click.option(
    "--format", "format_", default="jsonl", type=click.Choice(FORMATS), show_default=True
)
@click.option(
    "--budget",
    default=DEFAULT_BUDGET,
    type=click.IntRange(min=0),
    show_default=True,
    help="Most configurations to visit; 1e6 are a few seconds.",
)
@click.option("--all-keys", is_flag=True, help="Go on after the first key that is wrong.")
@click.option("--json", "json_", metavar="FILE", help="Write the verdict as JSON; - is stdout.")
def check(
    file: str, model: str, format_: str, budget: int, all_keys: bool, json_: str | None
) -> None:
    """Check a recorded history against a model.

    Exit 0: linearizable. 1: not. 2: the file cannot be read. 3: unknown, the budget was spent.
    """
    try:
        sys.exit(EXIT[_judge(file, model, format_, budget, all_keys, json_)])
    except HistoryError as error:
        click.echo(f"labtester check: {error}", err=True)
    except Exception as error:  # noqa: BLE001  (a crash must not look like a verdict)
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        click.echo(
            f"labtester check: no verdict on {file}, the checker failed with {what};"
            " please report it with the file",
            err=True,
        )
    sys.exit(EXIT["misuse"])


def _judge(
    file: str, model: str, format_: str, budget: int, all_keys: bool, json_: str | None
) -> str:
    """Read, decide and report; the outcome, by its name in the table of exit codes."""
    recorded = read_history(file, model, format_)
    for earlier, later in recorded.overlaps():
        what = f"{file}:{later}: overlaps the operation of line {earlier} of the same client"
        click.echo(f"warning: {what}; do the recorder's stamps tie?", err=True)
    verdict = decide(MODELS[model], recorded.operations, budget=budget, all_partitions=all_keys)
    text = explain(verdict, lambda op: f"line {recorded.line_of(op)}")
    if json_ != "-":
        click.echo(text, nl=False)
    if json_ is not None:
        report = json.dumps(as_data(verdict, recorded.line_of), indent=2) + "\n"
        try:
            with click.open_file(json_, "w", encoding="utf-8") as out:
                out.write(report)
        except OSError as error:
            raise HistoryError(f"cannot write {json_}: {error.strerror}") from error
    verdicts = {Ok: "pass", Illegal: "fail", Unknown: "unknown"}
    return verdicts[type(verdict)]
