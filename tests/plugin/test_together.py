"""The plugin together with the rest of pytest: nothing that works there stops working."""

import re
import shutil
import sys
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from tests.plugin.project import COUNT, FAILING, PASSING, STUDENT, Run, seeds_run, story, write
from tests.tree import ROOT


def test_fixtures_parameters_classes_and_marks(run: Run) -> None:
    source = """
    @pytest.fixture
    def word():
        return "fixture"

    @pytest.mark.parametrize("number", [1, 2])
    @simulate(seeds=2)
    async def test_both(sim: Simulation, word: str, number: int, tmp_path) -> None:
        assert (word, number in (1, 2), tmp_path.is_dir()) == ("fixture", True, True)

    class TestInAClass:
        @simulate(seeds=2)
        async def test_method(self, sim: Simulation, word: str) -> None:
            assert isinstance(self, TestInAClass) and word == "fixture"
            await sim.sleep(1)

        @staticmethod
        @simulate(seeds=2)
        async def test_static(sim: Simulation, word: str) -> None:
            await sim.sleep(1)

        @pytest.mark.parametrize("number", [1, 2])
        @simulate(seeds=2)
        async def test_fails(self, sim: Simulation, number: int) -> None:
            assert number == 1

    @pytest.mark.skip(reason="marked")
    @simulate()
    async def test_marked(sim: Simulation) -> None:
        raise AssertionError
    """
    result = run("-rs", source=source)
    result.assert_outcomes(passed=5, failed=1, skipped=1)
    assert "'test_mine.py::TestInAClass::test_fails[2]' --sim-seed=0" in result.stdout.str()
    assert "assert 2 == 1" in result.stdout.str()


def test_a_test_may_skip_or_expect_to_fail(run: Run) -> None:
    source = """
    @simulate()
    async def test_skip(sim: Simulation) -> None:
        await sim.sleep(1)
        pytest.skip("not today")

    @simulate()
    async def test_skip_in_a_group(sim: Simulation) -> None:
        async def client():
            pytest.skip("nor today")
        async with asyncio.TaskGroup() as group:
            group.create_task(client())

    @simulate()
    async def test_xfail(sim: Simulation) -> None:
        pytest.xfail("not yet")

    @pytest.mark.xfail(raises=NotLinearizable, strict=True)
    @simulate(network=UNRELIABLE)
    async def test_expected(sim: Simulation) -> None:
        await write(sim, CertainClerk)

    @pytest.mark.xfail(raises=KeyError, strict=True)
    @simulate(network=UNRELIABLE)
    async def test_unexpected(sim: Simulation) -> None:
        await write(sim, CertainClerk)

    @simulate()
    async def test_pytest_fail(sim: Simulation) -> None:
        pytest.fail("because I say so")
    """
    result = run("-rs", source=source)
    result.assert_outcomes(skipped=2, xfailed=2, failed=2)
    assert "not today" in result.stdout.str()
    assert "Failed: because I say so" in result.stdout.str()


def test_a_test_that_differs_from_run_to_run_fails_for_that(run: Run) -> None:
    source = """
    from tester import NonDeterministic

    runs = []

    @pytest.mark.xfail(raises=NonDeterministic, strict=True)
    @simulate()
    async def test_differs(sim: Simulation) -> None:
        runs.append(1)
        assert len(runs) > 1
    """
    run("-rx", source=source).assert_outcomes(xfailed=1)


def test_pytest_can_be_left_from_a_simulated_test(run: Run) -> None:
    source = """
    @simulate()
    async def test_exit(sim: Simulation) -> None:
        pytest.exit("enough", returncode=7)

    def test_never(): pass
    """
    result = run(source=source)
    assert result.ret == 7
    assert "enough" in result.stdout.str()
    assert "passed" not in result.stdout.str()


def test_an_interrupt_interrupts(run: Run) -> None:
    source = """
    @simulate()
    async def test_interrupted(sim: Simulation) -> None:
        raise KeyboardInterrupt

    def test_never(): pass
    """
    with pytest.raises(KeyboardInterrupt):  # which pytest turns into an exit status
        run(source=source)


def test_the_worst_exceptions_are_failures(run: Run) -> None:
    source = """
    class Hostile(Exception):
        def __str__(self): raise RuntimeError("no")

    @simulate()
    async def test_hostile(sim: Simulation) -> None:
        raise Hostile

    @simulate()
    async def test_cancelled(sim: Simulation) -> None:
        raise asyncio.CancelledError

    @simulate()
    async def test_exits(sim: Simulation) -> None:
        raise SystemExit(3)

    def test_plain(): pass
    """
    result = run(source=source)
    result.assert_outcomes(failed=3, passed=1)
    assert "Hostile: (its __str__ raised RuntimeError)" in result.stdout.str()


def test_coroutines_that_are_left_are_no_warnings(run: Run) -> None:
    source = """
    from kvsrv import PutReply

    class AsyncServer(KVServer):
        async def put(self, args: PutArgs) -> PutReply:
            return super().put(args)

    @simulate(network=UNRELIABLE)
    async def test_leaves(sim: Simulation) -> None:
        sim.serve(AsyncServer)
        left = [asyncio.ensure_future(sim.clerk().put("k", "a", 0)) for _ in range(5)]
        await sim.sleep(0.005)
    """
    result = run("-W", "error", source=source)
    result.assert_outcomes(passed=1)
    assert result.stderr.str() == ""


@pytest.mark.parametrize("options", [["-p", "no:cacheprovider"], ["--tb=line"], ["-vv"], ["-x"]])
def test_options_of_other_plugins_are_left_alone(options: list[str], run: Run) -> None:
    result = run(*options, source=FAILING + PASSING)
    assert result.ret == 1
    assert re.search(r"seed \d+: not linearizable", result.stdout.str())
    result.assert_outcomes(failed=1, passed=0 if options == ["-x"] else 1)


@pytest.mark.parametrize("options", [[], ["-vv"], ["-n", "1"]])
def test_where_pytest_cuts_no_summaries_the_story_is_still_told_once(
    options: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "-n" in options:
        pytest.importorskip("xdist")
    monkeypatch.setenv("CI", "true")
    text = run(*options, source=FAILING, apart="-n" in options).stdout.str()
    assert text.count("    pytest 'test_mine.py::test_certain' --sim-seed=") == 1
    failed = r"^FAILED test_mine.py::test_certain - seed \d+: not linearizable$"
    assert re.search(failed, text, re.MULTILINE)


def test_junit_xml_has_the_story(run: Run, project: pytest.Pytester) -> None:
    run("--junitxml=out.xml", source=FAILING + PASSING)
    [failure] = ET.parse(project.path / "out.xml").iter("failure")
    assert re.fullmatch(r"seed \d+: not linearizable", failure.attrib["message"])
    assert re.match(r"seed \d+: not linearizable", str(failure.text))
    assert "\n    pytest 'test_mine.py::test_certain' --sim-seed=" in str(failure.text)


def test_the_table_says_what_was_run(run: Run) -> None:
    source = PASSING + FAILING + "\n    def test_plain(): pass\n"
    lines = run("--sim-seeds=50", source=source).stdout.str().splitlines()
    start = next(at for at, line in enumerate(lines) if "simulated tests" in line)
    header, certain, reference = (line.split() for line in lines[start + 1 : start + 4])
    assert header == ["seeds", "rpcs", "ops", "virtual", "s", "seeds/s", "test"]
    assert certain[-1].endswith("::test_certain")
    assert 1 <= int(certain[0]) <= 50
    assert reference[-1].endswith("::test_reference")
    assert (reference[0], reference[2]) == ("50", "150")


def test_without_simulated_tests_the_plugin_says_nothing(
    run: Run, project: pytest.Pytester
) -> None:
    write(
        project,
        "test_mine",
        """
        import sys

        def test_plain():
            heavy = ("tester.", "kvsrv", "msgspec", "numpy")
            assert [name for name in sys.modules if name.startswith(heavy)] == ["tester.plugin"]
        """,
    )
    result = run(apart=True)
    result.assert_outcomes(passed=1)
    assert "simulated tests" not in result.stdout.str()
    assert "labtester:" not in result.stdout.str()


def test_a_simulated_test_works_without_the_plugin(project: pytest.Pytester) -> None:
    write(project, "test_mine", STUDENT, FAILING, PASSING)
    result = project.runpytest_inprocess("-p", "no:labtester", "-p", "no:tester.plugin")
    result.assert_outcomes(failed=1, passed=1)
    assert re.search(r"^E +seed \d+ of test_certain$", result.stdout.str(), re.MULTILINE)


def test_xdist_workers_give_the_same_results(run: Run, project: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    source = FAILING + PASSING + COUNT
    alone = run(source=source)
    shutil.rmtree(project.path / ".labtester")
    together = run("-n", "2", source=source, apart=True)
    together.assert_outcomes(failed=1, passed=2)
    assert story(together) == story(alone)
    assert seeds_run(together) == seeds_run(alone) == 7


def test_the_plugin_is_registered_for_every_project() -> None:
    pyproject: Any = __import__("tomllib").loads((ROOT / "pyproject.toml").read_text())
    assert pyproject["project"]["entry-points"]["pytest11"] == {"labtester": "labtester.entry"}
    assert sys.modules["tester.plugin"].__doc__
