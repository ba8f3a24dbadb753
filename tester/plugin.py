"""The pytest plugin: runs the seeds of simulated tests and tells the first failure's story."""

from __future__ import annotations

import os
import shlex
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from tester.world.run import Outcome, Scenario

_STATISTICS = "labtester"
_STORY = pytest.StashKey[tuple[BaseException, str]]()
"""What an item failed with, and the story to show instead of its traceback."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options, and an ini twin for each."""
    group = parser.getgroup("labtester", "labtester: simulated tests")
    group.addoption("--sim-seed", metavar="N", help="run simulated tests with this seed only")
    group.addoption("--sim-seeds", metavar="N", help="run simulated tests with seeds 0 to N-1")
    parser.addini("sim_seed", "run simulated tests with this seed only", default=None)
    parser.addini("sim_seeds", "run simulated tests with so many seeds", default=None)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker that every simulated test gets, and look at the options early."""
    config.addinivalue_line("markers", "simulated: a test that runs in labtester's simulator")
    _number(config, "sim_seed", 0)
    _number(config, "sim_seeds", 1)


def _number(config: pytest.Config, name: str, least: int) -> int | None:
    text = config.getoption(name)
    if text is None:
        text = config.getini(name)
    if text is None:
        return None
    option = f"--{name.replace('_', '-')}"
    if not str(text).isdecimal():
        raise pytest.UsageError(f"{option} takes a whole number of {least} or more, not {text!r}")
    number = int(text)
    from tester.engine import SEED_LIMIT

    if not least <= number < SEED_LIMIT:
        raise pytest.UsageError(f"{option} takes a whole number from {least} to 2**128 - 1")
    return number


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say which seed was asked for."""
    seed = _number(config, "sim_seed", 0)
    return None if seed is None else f"labtester: simulated tests run with seed {seed} only"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark simulated tests, so that `-m simulated` finds them."""
    if hasattr(getattr(item, "obj", None), "simulation"):
        item.add_marker("simulated")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a simulated test's seeds, up to the first that fails."""
    scenario: Scenario | None = getattr(pyfuncitem.obj, "simulation", None)
    if scenario is None:
        return None
    names = pyfuncitem._fixtureinfo.argnames
    owner = getattr(pyfuncitem.obj, "__self__", None)
    scenario = scenario.with_arguments(
        *(() if owner is None else (owner,)),
        **{name: pyfuncitem.funcargs[name] for name in names},
    )
    config = pyfuncitem.config
    seed = _number(config, "sim_seed", 0)
    wanted = _number(config, "sim_seeds", 1)
    seeds = range(scenario.seeds_of(wanted)) if seed is None else range(seed, seed + 1)
    _run(pyfuncitem, scenario, seeds)
    return True


def _run(item: pytest.Function, scenario: Scenario, seeds: range) -> None:
    from tester.engine.choices import Choices, Seeded
    from tester.world.run import run

    done = rpcs = ops = virtual_us = 0
    started = time.perf_counter()
    try:
        for seed in seeds:
            outcome = run(scenario, Choices(Seeded(seed)))
            done += 1
            rpcs += outcome.rpcs
            ops += outcome.ops
            virtual_us += outcome.virtual_us
            if outcome.error is not None:
                _fail(item, scenario, outcome, seed, range(seed + 1, seeds.stop))
    finally:
        wall = time.perf_counter() - started
        figures = {
            "seeds": done,
            "rpcs": rpcs,
            "ops": ops,
            "virtual_us": virtual_us,
            "wall_s": round(wall, 6),
        }
        item.user_properties.append((_STATISTICS, figures))


def _fail(
    item: pytest.Function, scenario: Scenario, outcome: Outcome, seed: int, later: range
) -> None:
    from tester.report.story import tell
    from tester.search.diagnosis import diagnose, diagnose_several
    from tester.search.shortest import in_words

    assert outcome.error is not None
    if not isinstance(outcome.error, _PYTEST_SAYS):
        diagnosis, rivals = diagnose_several(scenario, diagnose(scenario, seed, outcome), later)
        command = f"pytest {_address(item)} --sim-seed={diagnosis.seed}"
        story = tell(diagnosis.seed, diagnosis.outcome, command, diagnosis.explanation)
        if rivals:
            story = f"{in_words(diagnosis.seed, rivals)}\n\n{story}"
        outcome = diagnosis.outcome
        assert outcome.error is not None
        item.stash[_STORY] = outcome.error, story
    raise outcome.error


_PYTEST_SAYS = (pytest.skip.Exception, pytest.xfail.Exception, pytest.exit.Exception)


def _address(item: pytest.Function) -> str:
    """The item as a command line names it, from the folder in which pytest was started."""
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
    told = item.stash.get(_STORY, None)
    if told is not None and call.excinfo is not None and call.excinfo.value is told[0]:
        report.longrepr = told[1]
        del item.stash[_STORY]  # its traceback holds the whole simulation
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One table: what the simulated tests did."""
    rows = [
        (report.nodeid, figures)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, figures in report.user_properties
        if name == _STATISTICS
    ]
    if not rows:
        return
    from tester.report.summary import summary

    terminalreporter.section("simulated tests", sep="-")
    for line in summary(rows):
        terminalreporter.write_line(line)
