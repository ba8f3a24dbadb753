"""What the commands share: options, exit statuses, worker processes, and where output goes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tester.cli import output
from tester.cli.usage import EXIT, shortened, unknown
from tester.engine import SEED_LIMIT
from tester.engine.schedule import DEFAULT, SCHEDULES
from tester.engine.strategy import STRATEGIES, UNIFORM

if TYPE_CHECKING:  # for --help and for a usage error, click is enough
    from rich.console import Console

    from tester.workers.wire import Listed

STUCK_AFTER_S: Final = 3
LEAST_MEMORY: Final = 256 << 20
MOST_MEMORY: Final = 1 << 30
_MEMORY: Final = "tester.memory"
_DIGITS: Final = 100
"""The most digits of an integer; beyond some thousand Python refuses to read it: gh-95778."""


def integer(least: int, most: int | None = None) -> Callable[[Any], int]:
    """Reads an integer in a range, both ends included; `most` of None is none."""

    def convert(value: Any) -> int:
        text = str(value).strip()
        digits = text.removeprefix("-")
        if digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS:
            number = int(text)
            if number >= least and (most is None or number <= most):
                return number
        end = "or more" if most is None else f"to {most}"
        raise click.BadParameter(f"expected an integer, {least} {end}, got {shortened(text)}")

    return convert


def known_schedule(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and value not in SCHEDULES:
        raise click.UsageError(unknown("schedule", value, SCHEDULES))
    return value


def known_strategy(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and value not in STRATEGIES:
        raise click.UsageError(unknown("strategy", value, STRATEGIES))
    return value


def seed_in_range(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    digits = value.isascii() and value.isdecimal() and len(value) <= _DIGITS
    if not digits or int(value) >= SEED_LIMIT:
        raise click.UsageError(f"expected a seed in [0, 2**128), got {shortened(value)}")
    return int(value)


def tidy_path(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """`theirs` for `./theirs/`: records and commands name a folder in one way."""
    if value == "":
        raise click.UsageError(
            "expected a folder for --submission, got ''; leave the option out to run the reference"
        )
    return os.path.normpath(value) if value else value


def resolved(path: str | Path) -> str:
    """The absolute path; it goes to workers in UTF-8."""
    try:
        whole = str(Path(path).resolve())
        whole.encode()
    except UnicodeEncodeError:
        raise click.ClickException(f"expected a path in UTF-8, got {whole!r}") from None
    except (OSError, RuntimeError):  # RuntimeError: before 3.13, of a link cycle, see gh-109187
        raise click.ClickException(
            f"expected a path, got a cycle of symbolic links: {path}"
        ) from None
    return whole


def cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


jobs_option = click.option(
    "--jobs",
    type=integer(1, 1024),
    metavar="J",
    default=cores,
    help="Worker processes; default: one per core. The results do not depend on it.",
)
tests_option = click.option(
    "--tests",
    metavar="NAME,...",
    help="Run only these tests: names, patterns such as 'test_*_3a', or parts: 'course', 'ours', "
    "'3c'. `labtester labs` lists them.",
)
submission_option = click.option(
    "--submission",
    metavar="DIR",
    callback=tidy_path,
    help="Test the packages in this folder; the reference supplies the rest.",
)
schedule_option = click.option(
    "--schedule",
    metavar="NAME",
    callback=known_schedule,
    help=f"Who goes first where several could: {' or '.join(SCHEDULES)}. "
    f"Default: the test's own, which is {DEFAULT} for most.",
)
strategy_option = click.option(
    "--strategy",
    metavar="NAME",
    callback=known_strategy,
    help=f"Which run a seed stands for: {', '.join(STRATEGIES)}. Default: {UNIFORM}.",
)
json_option = click.option(
    "--json", "json_to", metavar="FILE", help="Write the result as JSON; - is standard output."
)
_stuck_option = click.option(
    "--stuck-after",
    type=integer(1, 86_400),
    metavar="SECONDS",
    default=STUCK_AFTER_S,
    show_default=True,
    help="End a run that makes no progress in this much CPU time, as an infinite loop does.",
)


def memory_in_bytes(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """`512M` as a number of bytes; it stays in the context, for those that start workers."""
    if value is None:
        return None
    number, unit = (value[:-1], value[-1].upper()) if value[-1:].isalpha() else (value, "")
    if not (number.isascii() and number.isdecimal() and unit in _UNITS and len(number) < 15):
        raise click.UsageError(f"expected a size such as 512M or 2G, got {value!r}")
    size = int(number) * _UNITS[unit]
    if size < LEAST_MEMORY:
        raise click.UsageError(f"expected at least {LEAST_MEMORY >> 20}M of memory, got {value}")
    ctx.meta[_MEMORY] = value, size
    return size


_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_memory_option = click.option(
    "--memory",
    metavar="SIZE",
    callback=memory_in_bytes,
    expose_value=False,
    help="Memory for each worker process: 512M, 2G. Default: its share of the machine, at most "
    "1G.",
)


def limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The limits of a worker process."""
    return _stuck_option(_memory_option(command))


def memory_limit() -> int:
    """Bytes of memory that a worker may have: what was asked for, or its share of the machine.

    The share does not depend on --jobs, which must not change results.
    """
    context = click.get_current_context(silent=True)
    if context is not None and _MEMORY in context.meta:
        return int(context.meta[_MEMORY][1])
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(LEAST_MEMORY, min(MOST_MEMORY, 3 * total // (4 * cores())))


def memory_option() -> list[str]:
    """The option that gives workers the memory that was asked for, if any was."""
    context = click.get_current_context(silent=True)
    known = context is not None and _MEMORY in context.meta
    return ["--memory", context.meta[_MEMORY][0]] if context is not None and known else []


def select(tests: Sequence[Listed], names: str | None) -> list[Listed]:
    """The tests of these names, patterns (`test_*_3a`) or parts, in the order of the suite."""
    if names is None:
        return list(tests)
    parts = sorted({part for test in tests for part in test.parts})
    wanted: set[str] = set()
    for name in (name.strip() for name in names.split(",")):
        found = [
            test.name
            for test in tests
            if name.lower() in test.parts
            or fnmatchcase(test.name, name)
            or fnmatchcase(test.name.rpartition("::")[2], name)
        ]
        if not found:
            known = [*(test.name for test in tests), *parts]
            raise click.ClickException(unknown("test", name, known))
        wanted.update(found)
    return [test for test in tests if test.name in wanted]


def console(json_to: str | None) -> Console:
    """The console for people: standard error if standard output is to hold only JSON."""
    from rich.console import Console

    return Console(stderr=json_to == "-")


def check_writable(json_to: str | None) -> None:
    from tester.report import json_output

    if json_to is not None:
        try:
            json_output.check_writable(json_to)
        except OSError as error:
            raise _unwritable(json_to, error) from None


def finish(verdict: str, json_to: str | None, what: dict[str, Any]) -> int:
    """Write the JSON that was asked for, and return the exit status of the verdict.

    If the file cannot be written, a pass becomes an error: the command has not done its work.
    """
    from tester.report import json_output

    if json_to is None:
        return EXIT[verdict]
    try:
        json_output.write(json_to, what)
    except OSError as error:
        if verdict == "pass":
            raise _unwritable(json_to, error) from None
        click.echo(_unwritable(json_to, error).message, err=True)
    if json_to == "-" and (lost := output.trouble()):
        click.echo(f"cannot write the JSON to standard output: {lost.strerror}", err=True)
    return EXIT[verdict]


def _unwritable(json_to: str, error: OSError) -> click.ClickException:
    return click.ClickException(f"cannot write {json_to}: {error.strerror}")
