"""Pages of simulated tests under pytest: which are written, and where."""

import pytest

from tests.plugin.project import FAILING, PASSING, Run


def test_a_page_is_written_for_each_failing_test(run: Run, project: pytest.Pytester) -> None:
    result = run("--sim-report=pages", "--sim-seeds=20", source=PASSING + FAILING)
    result.assert_outcomes(passed=1, failed=1)
    (page,) = (project.path / "pages").iterdir()
    assert page.name.startswith("test_mine.py_test_certain-")
    assert "not linearizable" in page.read_text()
    result.stdout.fnmatch_lines([f"page: pages/{page.name}"])


def test_of_one_seed_a_page_is_written_even_if_it_passes(
    run: Run, project: pytest.Pytester
) -> None:
    result = run("--sim-report=run.html", "--sim-seed=3", source=PASSING)
    result.assert_outcomes(passed=1)
    assert "seed 3: passes" in (project.path / "run.html").read_text()


def test_a_page_that_cannot_be_written_does_not_hide_the_failure(run: Run) -> None:
    result = run("--sim-report=none/run.html", source=FAILING)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["no page: cannot write *"])
    assert "OK, and the network lost the reply" in result.stdout.str()


def test_the_ini_file_names_the_folder(run: Run, project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nsim_report = drawn")
    run(source=FAILING).assert_outcomes(failed=1)
    assert len(list((project.path / "drawn").iterdir())) == 1
