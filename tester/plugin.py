"""The pytest plugin: runs the seeds of simulated tests and shows the story of a failure."""

from __future__ import annotations

import importlib
import logging
import os
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from _pytest._code.code import (  # the only reports that pytest-xdist carries over whole
    ReprEntryNative,
    ReprExceptionInfo,
    ReprFileLocation,
    ReprTraceback,
)
from _pytest.skipping import evaluate_xfail_marks

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from tester.world.run import Scenario

_STATISTICS = "labtester"
_NOTE = "labtester-record"
_DIGITS = 100
_MOST_FAULTS = 8
_PASSED = pytest.StashKey[str]()
"""The story of a run that passed, where --sim-full asks for it."""
_STORY = pytest.StashKey[tuple[BaseException, str]]()
"""The exception of an item, and the story to show instead of its traceback."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options, and an ini twin for each."""
    group = parser.getgroup("labtester", "labtester: simulated tests")
    group.addoption("--sim-seed", metavar="N", help="run simulated tests with this seed only")
    group.addoption("--sim-seeds", metavar="N", help="run simulated tests with seeds 0 to N-1")
    group.addoption(
        "--sim-schedule", metavar="NAME", help="run simulated tests under this schedule"
    )
    group.addoption(
        "--sim-strategy", metavar="NAME", help="which runs seeds stand for: uniform, swarm, ..."
    )
    group.addoption(
        "--sim-report",
        "--report",
        dest="sim_report",
        metavar="PATH",
        help="write the page of each simulated test that fails: a folder, or a file named *.html",
    )
    group.addoption(
        "--sim-exhaust",
        metavar="K",
        help="run simulated tests under every placement of at most K faults, instead of seeds",
    )
    group.addoption(
        "--sim-full",
        action="store_true",
        help="show every line of a story; with -rP also of a run that passes",
    )
    parser.addini("sim_seed", "run simulated tests with this seed only", default=None)
    parser.addini("sim_seeds", "run simulated tests with seeds 0 to N-1", default=None)
    parser.addini("sim_schedule", "run simulated tests under this schedule", default=None)
    parser.addini("sim_strategy", "which runs seeds stand for: uniform, swarm, ...", default=None)
    parser.addini("sim_report", "write the pages of simulated tests that fail here", default=None)
    parser.addini("sim_submission", "the folder whose packages take the place of labtester's")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of simulated tests, and check the options before anything runs."""
    config.addinivalue_line("markers", "simulated: a test that runs in labtester's simulator")
    _number(config, "sim_seed", 0)
    _number(config, "sim_seeds", 1)
    _schedule(config)
    _strategy(config)
    if _placed(config) is not None:
        for other in ("--sim-seed", "--sim-seeds"):
            if config.getoption(other) is not None:
                raise pytest.UsageError(f"expected {other} or --sim-exhaust, got both")
    _load_submission(config)


def _load_submission(config: pytest.Config) -> None:
    """Have this process, which is only for these tests, take the labs from a folder."""
    folder = config.getini("sim_submission")
    if not folder:
        return
    from tester.world.submission import BadSubmission, load

    try:
        _ = load(config.rootpath / str(folder))
    except BadSubmission as error:
        raise pytest.UsageError(f"sim_submission: {error}") from None


def _asked(config: pytest.Config, name: str) -> Any:
    text = config.getoption(name)
    return config.getini(name) if text is None else text


def _schedule(config: pytest.Config) -> str | None:
    return _one_of(config, "sim_schedule", "tester.engine.schedule", "SCHEDULES")


def _strategy(config: pytest.Config) -> str | None:
    return _one_of(config, "sim_strategy", "tester.engine.strategy", "STRATEGIES")


def _one_of(config: pytest.Config, option: str, module: str, names: str) -> str | None:
    name = _asked(config, option)
    if name is None:
        return None  # and nothing of the engine is imported into a project that does not use it
    known: Iterable[str] = getattr(importlib.import_module(module), names)
    if name not in known:
        said = f"--{option.replace('_', '-')}: expected one of {', '.join(known)}, got {name!r}"
        raise pytest.UsageError(said)
    return str(name)


def _placed(config: pytest.Config) -> int | None:
    """The most faults that are placed at once; None: seeds are run."""
    text = config.getoption("sim_exhaust")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and int(text[:_DIGITS]) <= _MOST_FAULTS):
        raise pytest.UsageError(
            f"--sim-exhaust: expected an integer, 0 to {_MOST_FAULTS}, got {text!r}"
        )
    return int(text)


def _number(config: pytest.Config, name: str, least: int) -> int | None:
    text = _asked(config, name)
    if text is None:
        return None
    option = f"--{name.replace('_', '-')}"
    if not str(text).isdecimal():
        raise pytest.UsageError(f"{option}: expected an integer, {least} or more, got {text!r}")
    from tester.engine import SEED_LIMIT

    # Python refuses to read a number of thousands of digits: gh-95778
    number = int(text) if len(str(text)) <= _DIGITS else SEED_LIMIT
    if not least <= number < SEED_LIMIT:
        shown = text if len(str(text)) <= _DIGITS else f"one of {len(str(text))} digits"
        raise pytest.UsageError(f"{option}: expected an integer in [{least}, 2**128), got {shown}")
    return number


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Name the seed, the schedule and the strategy that were asked for."""
    seed, schedule = _number(config, "sim_seed", 0), _schedule(config)
    strategy = _strategy(config)
    lines = [f"labtester: simulated tests run with seed {seed} only"] if seed is not None else []
    if schedule is not None:
        lines.append(f"labtester: simulated tests run under the schedule {schedule}")
    if strategy is not None:
        lines.append(f"labtester: simulated tests run under the strategy {strategy}")
    if (faults := _placed(config)) is not None:
        lines.append(f"labtester: simulated tests run under every placement of <= {faults} faults")
    if folder := config.getini("sim_submission"):
        lines.append(f"labtester: the packages in {folder} take the place of labtester's")
    return lines


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark simulated tests, so that `-m simulated` finds them."""
    if hasattr(getattr(item, "obj", None), "simulation"):
        item.add_marker("simulated")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a simulated test's seeds, up to the first that fails."""
    if not hasattr(pyfuncitem.obj, "simulation"):
        return None
    from tester.workers.under_pytest import scenario_of

    scenario = scenario_of(pyfuncitem)
    assert scenario is not None
    _try(pyfuncitem, scenario)
    return True


def _try(item: pytest.Function, own: Scenario) -> None:
    from tester.search.record import FOLDER
    from tester.trial import Trial
    from tester.workers.under_pytest import pytest_exception

    config = item.config
    asked, strategy, faults = _schedule(config), _strategy(config), _placed(config)

    def command(scenario: Scenario, seed: int | None) -> str:
        words = ["pytest", _address(item)]
        if seed is not None:
            words.append(f"--sim-seed={seed}")
            if asked is not None or scenario.schedule != own.schedule:
                words.append(f"--sim-schedule={scenario.schedule}")
            if strategy is not None or scenario.strategy != own.strategy:
                words.append(f"--sim-strategy={scenario.strategy}")
        elif faults is not None:
            words.append(f"--sim-exhaust={faults}")
        return " ".join(words)

    seed = _number(config, "sim_seed", 0)
    folder = config.rootpath / FOLDER
    start = config.invocation_params.dir
    trial = Trial(
        own.under(asked, strategy),
        item.nodeid,
        folder,
        start,
        command,
        pytest_exception,
        full=config.getoption("sim_full"),
        keep=config.option.runxfail or evaluate_xfail_marks(item) is None,
        pages=str(_asked(config, "sim_report") or ""),
        level=_log_level(config),
    )
    try:
        if faults is not None:
            trial.run_placements(faults)
        elif seed is not None:
            trial.run_seeds(range(seed, seed + 1))
            item.stash[_PASSED] = trial.story
        else:
            trial.run_recorded()
            trial.run_seeds(range(own.seeds_of(_number(config, "sim_seeds", 1))))
            trial.demand()
    except BaseException as error:
        if trial.story:
            item.stash[_STORY] = error, trial.story
        if trial.log:
            item.add_report_section("call", "log of the simulated run", trial.log)
        raise
    finally:
        item.user_properties.append((_STATISTICS, trial.figures()))
        item.user_properties += [(_NOTE, note) for note in trial.notes]


def _log_level(config: pytest.Config) -> int:
    """From which level on a failing run's log is wanted: pytest's own option; 0 if it is not."""
    if not config.pluginmanager.hasplugin("logging"):  # by `-p no:logging`
        return 0
    asked = config.getoption("log_level") or config.getini("log_level") or ""
    level = logging.getLevelName(str(asked).upper())  # the number of a name, both ways
    return level if isinstance(level, int) else int(asked) if str(asked).isdecimal() else 0


def _address(item: pytest.Function) -> str:
    """The item's node id, quoted for a shell in the folder in which pytest was started."""
    path, _, rest = item.nodeid.partition("::")
    path = os.path.relpath(item.path, item.config.invocation_params.dir)
    quoted = shlex.quote(f"{path}::{rest}")
    return quoted if quoted.startswith("'") else f"'{quoted}'"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the story instead of a traceback through the simulator."""
    report = yield
    shown = item.stash.get(_STORY, None)
    if shown is not None and call.excinfo is not None and call.excinfo.value is shown[0]:
        report.longrepr = _story_repr(item, shown[1])
        del item.stash[_STORY]  # its traceback holds the whole simulation
    if call.when == "call" and (passed := item.stash.get(_PASSED, "")):
        report.sections.append(("story", passed))
    return report


def _story_repr(item: pytest.Item, story: str) -> ReprExceptionInfo:
    """The story as pytest's report of a failure; its first line goes into the short summary."""
    headline, _, _ = story.partition("\n")
    path, line, _ = item.location
    return ReprExceptionInfo(
        reprtraceback=ReprTraceback([ReprEntryNative([story, "\n"])], None, style="native"),
        reprcrash=ReprFileLocation(path, (line or 0) + 1, headline),
    )


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print a table of what the simulated tests did, and what became of records."""
    said = [
        (report.nodeid, name, value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
    ]
    rows = [(test, figures) for test, name, figures in said if name == _STATISTICS]
    if not rows:
        return
    from tester.report.summary import summary

    terminalreporter.section("simulated tests", sep="-")
    for line in [*summary(rows), *sorted(note for _, name, note in said if name == _NOTE)]:
        terminalreporter.write_line(line)
