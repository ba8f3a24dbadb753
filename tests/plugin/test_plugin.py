"""The pytest plugin: a seed that fails, its story, its command, and the options."""

import json
import re
import shlex

import pytest

from tester.engine.choices import Seeded
from tests.deterministic import outcome
from tests.plugin.project import COUNT, FAILING, PASSING, STUDENT, Run, seeds_run, story, write

# -- passing and failing ------------------------------------------------------------------------


def test_a_simulated_test_is_an_ordinary_test(run: Run) -> None:
    result = run("--sim-seeds=20", source=PASSING + "\n    def test_plain(): pass\n")
    result.assert_outcomes(passed=2)
    assert result.ret == 0


def test_a_failing_seed_is_a_story_without_frames_of_ours(run: Run) -> None:
    plain = "\n    def test_plain(): assert 1 == 2\n"
    result = run(source=PASSING + FAILING + plain)
    result.assert_outcomes(passed=1, failed=2)
    text = result.stdout.str()
    assert re.search(r"^seed \d+: not linearizable$", text, re.MULTILINE)
    assert "OK, and the network lost the reply" in text
    assert "tester/" not in story(result)
    assert "Traceback" not in text
    assert re.search(r"^E +assert 1 == 2$", text, re.MULTILINE), "a plain test fails as always"
    assert re.search(r"^FAILED test_mine.py::test_certain - seed \d+: not lin", text, re.MULTILINE)


def printed_command(story: str) -> list[str]:
    [command] = [line for line in story.splitlines() if line.startswith("    pytest ")]
    return shlex.split(command)


def test_the_printed_command_tells_the_same_story(run: Run, project: pytest.Pytester) -> None:
    first = story(run(source=FAILING, apart=True))
    command = printed_command(first)
    assert command[0] == "pytest"
    assert re.fullmatch(r"--sim-seed=\d+", command[-1])
    again = run(*command[1:], apart=True)
    again.assert_outcomes(failed=1)
    assert story(again) == first


@pytest.mark.parametrize("at", ["here", "below", "beside"])
def test_the_printed_command_works_where_pytest_was_started(
    at: str, run: Run, project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project.mkpydir("inner")
    (project.path / "pytest.ini").write_text("[pytest]\n")
    write(project, "inner/test_mine", STUDENT, FAILING)
    (project.path / "other").mkdir()
    monkeypatch.chdir(
        {"here": project.path, "below": folder, "beside": project.path / "other"}[at]
    )
    first = run(folder / "test_mine.py")
    command = printed_command(story(first))
    assert (
        command[1]
        == {
            "here": "inner/test_mine.py::test_certain",
            "below": "test_mine.py::test_certain",
            "beside": "../inner/test_mine.py::test_certain",
        }[at]
    )
    assert story(run(*command[1:])) == story(first)


def test_the_digest_under_pytest_is_the_digest_anywhere(
    run: Run, project: pytest.Pytester
) -> None:
    write(
        project,
        "test_mine",
        """
        import json
        import pytest
        import tester.world.run
        from tester import simulate
        from tests.deterministic import SCENARIOS

        digests = []
        real = tester.world.run.run

        @pytest.fixture(autouse=True, scope="module")
        def spy():
            def run(*args, **kwargs):
                outcome = real(*args, **kwargs)
                digests.append(outcome.digest)
                return outcome

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(tester.world.run, "run", run)
                yield
            print("digests:", json.dumps(digests))

        function, conditions = SCENARIOS["kv"]
        test_kv = simulate(seeds=3, **conditions)(function)
        """,
    )
    result = run("-s", apart=True)
    result.assert_outcomes(passed=1)
    found = re.search(r"digests: (.*)", result.stdout.str())
    assert found is not None
    assert json.loads(found[1]) == [outcome("kv", Seeded(seed)).digest for seed in range(3)]


# -- options ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "ini", "seeds"),
    [
        ([], "", 7),
        (["--sim-seeds=4"], "", 2),
        (["--sim-seeds", "1"], "", 1),
        (["--sim-seed=3"], "", 1),
        (["--sim-seed=3", "--sim-seeds=8"], "", 1),
        ([], "sim_seeds = 6", 3),
        (["--sim-seeds=4"], "sim_seeds = 6", 2),
        ([], "sim_seed = 6", 1),
    ],
)
def test_how_many_seeds_are_run(
    options: list[str], ini: str, seeds: int, run: Run, project: pytest.Pytester
) -> None:
    project.makeini(f"[pytest]\n{ini}\n")
    result = run(*options, source=COUNT)
    result.assert_outcomes(passed=1)
    assert seeds_run(result) == seeds
    if "--sim-seed=3" in options:
        assert "labtester: simulated tests run with seed 3 only" in result.stdout.str()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--sim-seed=-1", "--sim-seed: expected an integer, 0 or more, got '-1'"),
        ("--sim-seed=x", "--sim-seed: expected an integer, 0 or more, got 'x'"),
        ("--sim-seed=", "--sim-seed: expected an integer, 0 or more, got ''"),
        ("--sim-seed=1.5", "--sim-seed: expected an integer, 0 or more, got '1.5'"),
        ("--sim-seeds=0", "--sim-seeds: expected an integer in [1, 2**128), got 0"),
        (
            f"--sim-seed={'9' * 5_000}",
            "--sim-seed: expected an integer in [0, 2**128), got one of 5000 digits",
        ),
        (
            f"--sim-seed={2**128}",
            f"--sim-seed: expected an integer in [0, 2**128), got {2**128}",
        ),
    ],
)
def test_a_bad_number_is_a_usage_error_of_one_sentence(option: str, said: str, run: Run) -> None:
    result = run(option, source=PASSING)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert [line for line in result.stderr.lines if line] == [f"ERROR: {said}"]


def test_a_bad_number_in_the_ini_file_is_refused(run: Run, project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nsim_seeds = many\n")
    result = run(source=PASSING)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--sim-seeds: expected an integer, 1 or more, got 'many'" in result.stderr.str()


def test_simulated_tests_are_marked(run: Run) -> None:
    source = COUNT + "\n    def test_plain(): pass\n"
    run("-m", "simulated", "--strict-markers", source=source).assert_outcomes(
        passed=1, deselected=1
    )
    assert "@pytest.mark.simulated: a test that runs in" in run("--markers").stdout.str()
    assert "--sim-seed=N" in run("--help").stdout.str()


def test_what_no_seed_comes_to_fails_a_test_that_demands_it(run: Run) -> None:
    source = """
    from tester import Simulation, simulate

    async def visit(sim: Simulation) -> None:
        sim.sometimes("begun")
        if sim.choices.below(2, "work/coin"):
            sim.sometimes("heads")

    test_told = simulate(seeds=4)(visit)
    test_demanded = simulate(seeds=4, sometimes=["begun", "tails"])(visit)
    """
    result = run(source=source)
    result.assert_outcomes(passed=1, failed=1)
    text = result.stdout.str()
    assert "test_mine.py::test_told: 'begun': reached in 4 of 4 seeds" in text
    assert re.search(r"test_told: 'heads': reached in [123] of 4 seeds", text)
    assert "test_mine.py::test_demanded: 'tails': reached in 0 of 4 seeds" in text
    assert "\nnever reached\n\n'tails': reached in 0 of 4 seeds. Either the test never" in text
    run("--sim-seed=1", source=source).assert_outcomes(passed=2)
