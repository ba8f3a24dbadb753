"""The pytest plugin, as a project that uses it sees it: in a folder, and a process, of its own."""

import json
import re
import shlex
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from tester.engine.choices import Seeded
from tests.deterministic import outcome
from tests.tree import ROOT

INSTALLED = bool(entry_points(group="pytest11", name="labtester"))
STUDENT = """
    import asyncio
    import pytest
    from kvsrv import Clerk, Err, KVServer, PutArgs
    from labrpc import UNRELIABLE
    from tester import NotLinearizable, Simulation, simulate

    class CertainClerk(Clerk):
        async def put(self, key, value, version):
            while True:
                reply = await self._end.call(KVServer.put, PutArgs(key, value, version))
                if reply is not None:
                    return reply.err
                await asyncio.sleep(0.1)

    async def write(sim, clerk):
        sim.serve()
        ck = sim.clerk(clerk)
        for version in range(3):
            await ck.put("k", "a", version)
"""
FAILING = """
    @simulate(network=UNRELIABLE)
    async def test_certain(sim: Simulation) -> None:
        await write(sim, CertainClerk)
"""
PASSING = """
    @simulate(network=UNRELIABLE)
    async def test_reference(sim: Simulation) -> None:
        await write(sim, Clerk)
"""
Run = Callable[..., pytest.RunResult]


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A student's project: a folder with tests, and the distribution importable from it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    return pytester


@pytest.fixture
def run(project: pytest.Pytester) -> Run:
    """Run pytest on the project; `apart` in a process of its own, which takes a second."""
    plugin = () if INSTALLED else ("-p", "tester.plugin")

    def run(*options: str | Path, source: str = "", apart: bool = False) -> pytest.RunResult:
        if source:
            write(project, "test_mine", STUDENT, source)
        how = project.runpytest_subprocess if apart else project.runpytest_inprocess
        return how(*plugin, *options)

    return run


def write(project: pytest.Pytester, name: str, *parts: str) -> Path:
    return project.makepyfile(**{name: "\n".join(parts)})


def story(result: pytest.RunResult) -> str:
    text = result.stdout.str()
    start = text.index("\nseed ") + 1
    return text[start : text.index("\n---", start)]


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


def test_the_printed_command_tells_the_same_story(run: Run, project: pytest.Pytester) -> None:
    first = story(run(source=FAILING, apart=True))
    command = shlex.split(first.strip().splitlines()[-1])
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
    command = shlex.split(story(first).strip().splitlines()[-1])
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

COUNT = """
    @simulate(seeds=7, weight=2)
    async def test_count(sim: Simulation) -> None:
        pass
"""


def seeds_run(result: pytest.RunResult) -> int:
    found = re.search(r"^ +(\d+) .*::test_count$", result.stdout.str(), re.MULTILINE)
    assert found is not None
    return int(found[1])


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
        ("--sim-seed=-1", "--sim-seed takes a whole number of 0 or more, not '-1'"),
        ("--sim-seed=x", "--sim-seed takes a whole number of 0 or more, not 'x'"),
        ("--sim-seed=", "--sim-seed takes a whole number of 0 or more, not ''"),
        ("--sim-seed=1.5", "--sim-seed takes a whole number of 0 or more, not '1.5'"),
        ("--sim-seeds=0", "--sim-seeds takes a whole number from 1 to 2**128 - 1"),
        (f"--sim-seed={2**128}", "--sim-seed takes a whole number from 0 to 2**128 - 1"),
    ],
)
def test_a_bad_number_is_a_usage_error_of_one_sentence(option: str, said: str, run: Run) -> None:
    result = run(option, source=PASSING)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert [line for line in result.stderr.lines if line] == [f"ERROR: {said}"]


def test_a_bad_number_in_the_ini_file_is_one_as_well(run: Run, project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nsim_seeds = many\n")
    result = run(source=PASSING)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--sim-seeds takes a whole number of 1 or more, not 'many'" in result.stderr.str()


def test_simulated_tests_are_marked(run: Run) -> None:
    source = COUNT + "\n    def test_plain(): pass\n"
    run("-m", "simulated", "--strict-markers", source=source).assert_outcomes(
        passed=1, deselected=1
    )
    assert "@pytest.mark.simulated: a test that runs in" in run("--markers").stdout.str()
    assert "--sim-seed=N" in run("--help").stdout.str()


# -- together with the rest of pytest -----------------------------------------------------------


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


def test_the_worst_exceptions_are_failures_like_others(run: Run) -> None:
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
def test_other_options_are_left_alone(options: list[str], run: Run) -> None:
    result = run(*options, source=FAILING + PASSING)
    assert result.ret == 1
    assert re.search(r"seed \d+: not linearizable", result.stdout.str())
    result.assert_outcomes(failed=1, passed=0 if options == ["-x"] else 1)


def test_junit_xml_has_the_story(run: Run, project: pytest.Pytester) -> None:
    run("--junitxml=out.xml", source=FAILING + PASSING)
    [failure] = ET.parse(project.path / "out.xml").iter("failure")
    assert re.match(r"seed \d+: not linearizable", str(failure.text))
    assert str(failure.text).rstrip().splitlines()[-1].startswith("    pytest 'test_mine.py::")


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
            assert not any(name.startswith(("tester.", "kvsrv", "msgspec", "numpy"))
                           for name in sys.modules if name != "tester.plugin")
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


def test_workers_of_xdist_give_the_same(run: Run, project: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    source = FAILING + PASSING + COUNT
    alone = run(source=source)
    together = run("-n", "2", source=source, apart=True)
    together.assert_outcomes(failed=1, passed=2)
    assert story(together) == story(alone)
    assert seeds_run(together) == seeds_run(alone) == 7


def test_the_plugin_is_registered_for_every_project() -> None:
    pyproject: Any = __import__("tomllib").loads((ROOT / "pyproject.toml").read_text())
    assert pyproject["project"]["entry-points"]["pytest11"] == {"labtester": "tester.plugin"}
    assert sys.modules["tester.plugin"].__doc__
