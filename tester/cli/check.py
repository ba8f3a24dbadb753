"""`labtester check`: decide whether recorded histories are linearizable, and say why if not."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
import sys
from typing import Any, Final

import click

from linearizability import Illegal, Model, Ok, Unknown, Verdict
from linearizability import check as decide
from linearizability.collector import collector_paused
from linearizability.explanation.data import as_data
from linearizability.explanation.text import explain, summary
from linearizability.formats import (
    FORMATS,
    Decoders,
    HistoryError,
    Recorded,
    expand,
    format_of,
    read_history,
)
from linearizability.formats.source import STANDARD_INPUT
from linearizability.models import MODELS, cas_register_of, register_of
from linearizability.verdict import DEFAULT_BUDGET
from tester.cli.usage import EXIT

INITIAL = {"register": register_of, "cas-register": cas_register_of}
WORST_FIRST = ("fail", "misuse", "unknown", "pass")
_MANY: Final = 100_000
"""A file of so many bytes is read faster with msgspec, the time to import it included."""


@dataclasses.dataclass(frozen=True)
class Task:
    """What to check histories for, and what to say about them."""

    model: str
    format: str | None
    budget: int
    all_keys: bool
    explain: bool
    html: str | None = None
    """Where to draw the history."""
    initial: str | None = None
    """What was given for --initial."""

    def model_for(self, file: str) -> Model:
        """The model of a history; what a register holds at first is written as it is there."""
        if self.initial is None:
            return MODELS[self.model]
        if self.model not in INITIAL:
            known = " or ".join(INITIAL)
            raise HistoryError(f"expected --model {known} with --initial, got {self.model}")
        from linearizability.formats.initial import initial_value

        return INITIAL[self.model](initial_value(self.initial, format_of(file, self.format)))

    def command(self, file: str) -> list[str]:
        """What checks a file again in the same way, but for what is written besides."""
        words = ["labtester", "check", file, "--model", self.model]
        words += [] if self.format is None else ["--format", self.format]
        words += [] if self.initial is None else ["--initial", self.initial]
        words += [] if self.budget == DEFAULT_BUDGET else ["--budget", str(self.budget)]
        words += ["--all-keys"] if self.all_keys else []
        return words


@click.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--model", required=True, type=click.Choice(list(MODELS)), help="The model to check for."
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="Default: jepsen-edn for files named *.edn, else jsonl.",
)
@click.option(
    "--initial",
    metavar="VALUE",
    help="What a register holds at first, as its history writes values; default: nothing.",
)
@click.option(
    "--budget",
    default=DEFAULT_BUDGET,
    type=click.IntRange(min=0),
    show_default=True,
    help="Visit at most this many configurations; a million take a few seconds.",
)
@click.option("--all-keys", is_flag=True, help="Check every key, even after one is wrong.")
@click.option("--no-explain", is_flag=True, help="Print the verdict without an explanation.")
@click.option("--json", "json_", metavar="FILE", help="Write the verdict as JSON; - is stdout.")
@click.option("--html", metavar="FILE", help="Draw the history as a page, with its verdict.")
def check(
    files: tuple[str, ...],
    model: str,
    format_: str | None,
    initial: str | None,
    budget: int,
    all_keys: bool,
    no_explain: bool,
    json_: str | None,
    html: str | None,
) -> None:
    """Check recorded histories against a model.

    A FILE may be compressed with gzip; - is standard input; a folder, such as a Jepsen or
    Maelstrom store, stands for the histories in it. Several histories get one line each.

    Exit 0: linearizable. 1: not linearizable. 2: a file cannot be read. 3: the budget ran out.
    """
    try:
        task = Task(model, format_, budget, all_keys, not no_explain, html, initial)
        if files.count(STANDARD_INPUT) > 1:
            raise HistoryError("standard input can be read once: expected one -, got several")
        names = [name for file in files for name in expand(file, format_)]
        for name in names if initial is not None else ():
            task.model_for(name)
        if html is not None and len(names) != 1:
            raise HistoryError(f"expected one history for --html, got {len(names)}")
        with collector_paused():
            if len(names) == 1 and (html is not None or names == list(files)):
                outcome, data, text = _judge(names[0], task)
            else:
                outcome, data, text = _judge_all(names, task)
        if json_ != "-":
            click.echo(text, nl=False)
        if json_ is not None:
            _write(json_, data)
        sys.exit(EXIT[outcome])
    except HistoryError as error:
        click.echo(f"labtester check: {error}", err=True)
    sys.exit(EXIT["misuse"])


def _judge(file: str, task: Task) -> tuple[str, dict[str, Any], str]:
    """Outcome, data and text of one history. Raises HistoryError if there is no verdict."""
    from tester.report.progress import busy

    with busy(f"checking {'standard input' if file == '-' else file}"):
        verdict, recorded = _decide(file, task)
    try:
        with busy("explaining"):
            data = as_data(verdict, recorded.line_of, explained=task.explain)
            if task.explain:
                text = explain(verdict, lambda op: f"line {recorded.line_of(op)}")
            else:
                text = f"{summary(verdict, explained=False)}\n"
        if task.html is not None:
            _draw(file, verdict, recorded, task)
    except HistoryError:
        raise
    except Exception as error:
        raise _crash(file, error) from error
    return _outcome(verdict), data, text


def _draw(file: str, verdict: Verdict, recorded: Recorded, task: Task) -> None:
    """Write the page of a history. Raises HistoryError if it cannot be written."""
    import shlex
    from pathlib import Path

    from tester.report.page.files import write_text
    from tester.report.page.from_history import of_history
    from tester.report.page.html import write_page

    assert task.html is not None
    name = "standard input" if file == "-" else Path(file).name
    drawn = of_history(
        verdict,
        recorded.operations,
        source=name,
        line_of=recorded.line_of,
        command="" if file == "-" else shlex.join(task.command(file)),
    )
    try:
        write_text(task.html, write_page(drawn))
    except OSError as error:
        raise HistoryError(f"cannot write {task.html}: {error.strerror}") from error
    click.echo(f"page: {task.html}", err=True)


def _judge_all(names: list[str], task: Task) -> tuple[str, dict[str, Any], str]:
    """The worst outcome, data and text of several histories: one line each, verdict or not."""
    from tester.report.progress import counter

    outcomes: list[str] = []
    entries: list[dict[str, Any]] = []
    lines: list[str] = []
    with counter("check") as show:
        for done, name in enumerate(names, 1):
            try:
                verdict, recorded = _decide(name, task)
                data = as_data(verdict, recorded.line_of, explained=task.explain)
                outcomes.append(_outcome(verdict))
                lines.append(f"{name}: {summary(verdict, explained=task.explain)}")
            except HistoryError as error:
                outcomes.append("misuse")
                data = {"verdict": "none", "error": str(error)}
                lines.append(f"{name}: no verdict: {error}")
            entries.append({"file": name, **data})
            show(done, len(names))
    worst = min(outcomes, key=WORST_FIRST.index)
    return worst, {"histories": entries}, "".join(f"{line}\n" for line in lines)


def _decide(file: str, task: Task) -> tuple[Verdict, Recorded]:
    recorded = read_history(file, task.model, task.format, decoders=_decoders(file))
    for earlier, later in recorded.overlaps():
        what = f"{file}:{later}: overlaps the operation of line {earlier} of the same client"
        click.echo(f"warning: {what}; do the recorder's stamps tie?", err=True)
    try:
        verdict = decide(
            task.model_for(file),
            recorded.operations,
            budget=task.budget,
            all_partitions=task.all_keys or task.html is not None,
        )
    except Exception as error:
        raise _crash(file, error) from error
    return verdict, recorded


def _decoders(file: str) -> Decoders | None:
    """What reads many lines faster; None for a small file."""
    if file != STANDARD_INPUT:
        try:
            found = os.stat(file)  # noqa: PTH116 - a small file needs no pathlib
        except OSError:  # the reader says what is wrong
            return None
        if stat.S_ISREG(found.st_mode) and found.st_size < _MANY:
            return None
    from tester.cli.decoders import DECODERS

    return DECODERS


def _crash(file: str, error: Exception) -> HistoryError:
    """A crash must not look like a verdict."""
    if isinstance(error, ValueError):  # a sentence of the checker about the history
        return HistoryError(f"no verdict on {file}: {error}")
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    return HistoryError(
        f"no verdict on {file}, the checker failed with {what}; please report it with the file"
    )


def _outcome(verdict: Verdict) -> str:
    return {Ok: "pass", Illegal: "fail", Unknown: "unknown"}[type(verdict)]


def _write(file: str, data: dict[str, Any]) -> None:
    try:
        with click.open_file(file, "w", encoding="utf-8") as out:
            out.write(json.dumps(data, indent=2) + "\n")
    except OSError as error:
        raise HistoryError(f"cannot write {file}: {error.strerror}") from error
