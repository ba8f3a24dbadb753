"""The options of the plugin that change what is run, or how much of it is told."""

from pathlib import Path

import pytest

from tests.plugin.project import FAILING, PASSING, Run


def test_placements_prove_a_test(run: Run) -> None:
    result = run("--sim-exhaust=1", source=PASSING)
    result.assert_outcomes(passed=1)
    said = result.stdout.str()
    assert "labtester: simulated tests run under every placement of <= 1 faults" in said
    assert (
        "test_mine.py::test_reference: correct under all 7 placements of at most 1 fault, "
        "delays and order at zero" in said
    )


def test_the_least_placement_that_fails_is_told(run: Run, project: pytest.Pytester) -> None:
    result = run("--sim-exhaust=2", source=FAILING)
    result.assert_outcomes(failed=1)
    said = result.stdout.str()
    assert "\nnot linearizable\n" in said
    assert "    pytest 'test_mine.py::test_certain' --sim-exhaust=2\n" in said
    assert "\nfails with 1 fault, and with no smaller number\n" in said
    assert not (project.path / ".labtester").exists()


def test_a_test_that_skips_itself_is_not_proved(run: Run) -> None:
    source = """
    @simulate()
    async def test_skips(sim: Simulation) -> None:
        pytest.skip("not here")
    """
    run("--sim-exhaust=1", source=source).assert_outcomes(skipped=1)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--sim-exhaust=x"], "--sim-exhaust: expected an integer, 0 to 8, got 'x'"),
        (["--sim-exhaust=9"], "--sim-exhaust: expected an integer, 0 to 8, got '9'"),
        (["--sim-exhaust=-1"], "--sim-exhaust: expected an integer, 0 to 8, got '-1'"),
        (["--sim-exhaust=1", "--sim-seed=1"], "expected --sim-seed or --sim-exhaust, got both"),
        (["--sim-exhaust=1", "--sim-seeds=1"], "expected --sim-seeds or --sim-exhaust, got both"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: list[str], sentence: str, run: Run) -> None:
    result = run(*options, source=PASSING)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert sentence in result.stderr.str()


def test_a_whole_story_leaves_nothing_out(run: Run) -> None:
    usual = run("--sim-seed=3", source=FAILING).stdout.str()
    assert "(left out: " in usual
    assert "Put('k', 'a', v2)" not in usual
    whole = run("--sim-seed=3", "--sim-full").stdout.str()
    assert "(left out: " not in whole
    assert "Put('k', 'a', v2) -> OK\n" in whole


def test_a_passing_run_has_a_story(run: Run) -> None:
    whole = run("--sim-seed=3", "--sim-full", "-rP", source=PASSING).stdout.str()
    assert " story " in whole
    assert "Put('k', 'a', v2) -> OK\n" in whole
    assert "Put('k', " not in run("--sim-seed=3", "-rP").stdout.str()


def test_records_are_left_alone_by_placements(run: Run, project: pytest.Pytester) -> None:
    run("--sim-seeds=1", source=FAILING)
    kept = list(Path(project.path, ".labtester").glob("*.sim"))
    assert len(kept) == 1
    run("--sim-exhaust=1")
    assert list(Path(project.path, ".labtester").glob("*.sim")) == kept
