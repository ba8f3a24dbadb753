"""The plugin's schedules: the option and its ini twin, in the command and in the record."""

import json
import re
import shlex

import pytest

from tests.plugin.project import FAILING, PASSING, Run, story

ORDER = """
    @simulate(seeds=20)
    async def test_order(sim: Simulation) -> None:
        done = []

        async def client(number):
            done.append(number)

        await asyncio.gather(*map(client, range(4)))
        assert done == sorted(done)
"""


def commands(result: pytest.RunResult) -> list[str]:
    return re.findall(r"^ +(pytest .*)$", result.stdout.str(), re.MULTILINE)


@pytest.mark.parametrize(
    ("options", "ini", "own", "passes"),
    [
        ([], "", "", False),
        (["--sim-schedule=fifo"], "", "", True),
        (["--sim-schedule=random"], "", "", False),
        ([], "sim_schedule = fifo", "", True),
        (["--sim-schedule=random"], "sim_schedule = fifo", "", False),
        ([], "", ', schedule="fifo"', True),
        (["--sim-schedule=random"], "", ', schedule="fifo"', False),
    ],
)
def test_which_schedule_is_run(
    options: list[str], ini: str, own: str, passes: bool, run: Run, project: pytest.Pytester
) -> None:
    project.makeini(f"[pytest]\n{ini}\n")
    result = run(*options, source=ORDER.replace("seeds=20", f"seeds=20{own}"))
    result.assert_outcomes(passed=int(passes), failed=int(not passes))
    header = "labtester: simulated tests run under the schedule"
    assert (header in result.stdout.str()) == bool(options or ini)


@pytest.mark.parametrize(
    ("options", "own", "schedule"),
    [
        ([], "", []),
        (["--sim-schedule=random"], ', schedule="fifo"', ["--sim-schedule=random"]),
        (["--sim-schedule=fifo"], "", ["--sim-schedule=fifo"]),
        ([], ', schedule="fifo"', []),
    ],
)
def test_the_command_carries_the_schedule_that_was_asked_for(
    options: list[str], own: str, schedule: list[str], run: Run
) -> None:
    source = FAILING.replace("UNRELIABLE)", f"UNRELIABLE{own})")
    first = run(*options, source=source, apart=True)
    (command,) = commands(first)
    assert shlex.split(command)[3:] == schedule
    assert story(run(*shlex.split(command)[1:], apart=True)) == story(first)


def test_a_record_restores_its_schedule(run: Run, project: pytest.Pytester) -> None:
    run("--sim-schedule=fifo", source=FAILING)
    (path,) = (project.path / ".labtester").iterdir()
    assert json.loads(path.read_text())["schedule"] == "fifo"
    result = run()
    assert f"Recorded failure: .labtester/{path.name} still fails." in result.stdout.str()
    assert "StaleReplay" not in result.stdout.str()
    assert commands(result) == [
        "pytest 'test_mine.py::test_certain' --sim-seed=0 --sim-schedule=fifo"
    ]


@pytest.mark.parametrize("how", ["option", "ini"])
def test_a_schedule_that_nobody_knows_is_a_usage_error(
    how: str, run: Run, project: pytest.Pytester
) -> None:
    project.makeini("[pytest]\nsim_schedule = lifo\n" if how == "ini" else "[pytest]\n")
    result = run(*(["--sim-schedule=lifo"] if how == "option" else []), source=PASSING)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert [line for line in result.stderr.lines if line] == [
        "ERROR: --sim-schedule: expected one of fifo, random, got 'lifo'"
    ]


def test_a_strategy_is_asked_for_and_named_in_the_command(
    run: Run, project: pytest.Pytester
) -> None:
    """The first run keeps the failure; the second one runs the record, under its strategy."""
    result = run("--sim-strategy=swarm", source=FAILING)
    result.stdout.fnmatch_lines(["labtester: simulated tests run under the strategy swarm"])
    assert all("--sim-strategy=swarm" in command for command in commands(result))
    assert commands(result)
    (path,) = (project.path / ".labtester").glob("*.sim")
    assert json.loads(path.read_text())["strategy"] == "swarm"
    again = run(source=FAILING)
    again.assert_outcomes(failed=1)
    assert all("--sim-strategy=swarm" in command for command in commands(again))


def test_a_strategy_that_nobody_knows_is_a_usage_error(run: Run) -> None:
    result = run("--sim-strategy=luck", source=PASSING)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--sim-strategy: expected one of uniform, " in result.stderr.str()
