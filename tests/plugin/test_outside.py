"""What comes from outside of a run, and what is no failure, is not told as one of the code."""

import pytest

from tests.plugin.project import FAILING, Run, write

ALARM = """
    import signal

    class Slow(Clerk):
        async def put(self, key, value, version):
            {spin}

    @pytest.fixture(autouse=True)
    def limited():
        def ring(number, frame):
            __tracebackhide__ = True
            pytest.fail("Timeout >0.2s")

        before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        yield
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    @simulate(seeds=1000000)
    async def test_long(sim: Simulation) -> None:
        {test}
"""


@pytest.mark.parametrize(
    ("test", "spin"),
    [
        ("await sim.sleep(1)", "pass"),
        ("while True: await asyncio.sleep(0)", "pass"),
        ("await write(sim, Slow)", "while True: pass"),
        ("await write(sim, Slow)", "while True: await asyncio.sleep(0)"),
    ],
)
def test_a_time_limit_is_told_as_such(run: Run, test: str, spin: str) -> None:
    # Apart: the alarm may ring before a coroutine has begun, which is then found by another test.
    result = run(source=ALARM.format(test=test, spin=spin), apart=True)
    result.assert_outcomes(failed=1)
    said = result.stdout.str()
    assert "Failed: Timeout >0.2s" in said
    assert "not the same when it is run again" not in said
    assert "kept as" not in said


@pytest.mark.parametrize("where", ["test", "node"])
def test_a_debugger_without_a_terminal_is_told_as_such(
    run: Run, project: pytest.Pytester, where: str
) -> None:
    on_node = "breakpoint()" if where == "node" else "pass"
    in_test = "breakpoint()" if where == "test" else "pass"
    source = f"""
    class Stops(Clerk):
        async def put(self, key, value, version):
            {on_node}
            return await super().put(key, value, version)

    @simulate(seeds=2)
    async def test_stops(sim: Simulation) -> None:
        {in_test}
        await write(sim, Stops)
    """
    result = run(source=source, apart=True)
    said = result.stdout.str()
    if "BdbQuit" in said or "reading from stdin while output is captured" in said:
        result.assert_outcomes(failed=1)
    else:  # in newer CPythons the debugger ends pytest itself
        assert result.parseoutcomes() == {}
        assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "not the same when it is run again" not in said
    assert said.count("PDB set_trace") == 1


@pytest.mark.parametrize("where", ["test", "node"])
@pytest.mark.parametrize("how", ["import skipper", "pytest.skip('not here')"])
def test_a_skip_is_a_skip_wherever_it_is(
    run: Run, project: pytest.Pytester, where: str, how: str
) -> None:
    write(project, "skipper", "import pytest\npytest.skip('not here', allow_module_level=True)")
    source = f"""
    class Skips(Clerk):
        async def put(self, key, value, version):
            {how if where == "node" else "pass"}
            return await super().put(key, value, version)

    @simulate(seeds=2)
    async def test_skips(sim: Simulation) -> None:
        {how if where == "test" else "pass"}
        await write(sim, Skips)
    """
    result = run("-rs", source=source)
    result.assert_outcomes(skipped=1)
    assert "not here" in result.stdout.str()


def test_an_expected_failure_leaves_no_record(run: Run, project: pytest.Pytester) -> None:
    source = FAILING.replace("    @simulate", "    @pytest.mark.xfail\n    @simulate", 1)
    result = run(source=source)
    result.assert_outcomes(xfailed=1)
    assert "kept as" not in result.stdout.str()
    assert not (project.path / ".labtester").exists()
    run("--runxfail").assert_outcomes(failed=1)
    assert list((project.path / ".labtester").glob("*.sim"))


def test_log_lines_of_runs_that_make_a_failure_small_are_not_shown(run: Run) -> None:
    source = """
    import logging

    @simulate(network=UNRELIABLE, seeds=1)
    async def test_logs(sim: Simulation) -> None:
        logging.warning("the test begins")
        await write(sim, Clerk)
        raise KeyError
    """
    result = run(source=source)
    result.assert_outcomes(failed=1)
    assert "KeyError" in result.stdout.str()
    assert result.stdout.str().count("the test begins") == 1
