"""The log of a simulated test that fails under pytest: what is shown, and by which option."""

import pytest

from tests.plugin.project import Run

LOUD = """
    import logging
    from kvsrv import PutReply

    class Loud(KVServer):
        def put(self, args: PutArgs) -> PutReply:
            logging.getLogger("kv").info("put %s", args.key)
            return super().put(args)

    @simulate(seeds=2)
    async def test_loud(sim: Simulation) -> None:
        sim.serve(Loud)
        await sim.clerk().put("k", "a", 0)
        assert False
"""
SHOWN = ["*log of the simulated run*", "*0.001  server  INFO     kv: put k"]


def test_pytests_own_option_shows_the_log_with_time_and_node(run: Run) -> None:
    result = run("--log-level=INFO", source=LOUD)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(SHOWN)
    assert "kv: put" not in run("--log-level=WARNING", source=LOUD).stdout.str()


def test_the_ini_file_can_ask_for_logs(run: Run, project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nlog_level = 20")
    run(source=LOUD).stdout.fnmatch_lines(SHOWN)


@pytest.mark.parametrize("options", [(), ("-p", "no:logging")])
def test_without_a_level_nothing_is_shown(run: Run, options: tuple[str, ...]) -> None:
    result = run(*options, source=LOUD)
    result.assert_outcomes(failed=1)
    assert "log of the simulated run" not in result.stdout.str()
