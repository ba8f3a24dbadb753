"""The commands on tests of a pytest project, which are named as pytest names them."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.running import TWO_CLIENTS, Runner, labtester, submit_lock
from tests.tree import ROOT

__all__ = ["labtester"]

MINE = """
import asyncio
import pytest
from kvsrv import Clerk, KVServer, PutArgs
from labrpc import UNRELIABLE
from tester import Simulation, simulate

class CertainClerk(Clerk):
    async def put(self, key, value, version):
        while True:
            reply = await self._end.call(KVServer.put, PutArgs(key, value, version))
            if reply is not None:
                return reply.err
            await asyncio.sleep(0.1)

async def write(sim, clerk, many):
    sim.serve()
    ck = sim.clerk(clerk)
    for version in range(many):
        await ck.put("k", "a", version)

@simulate(network=UNRELIABLE, seeds=20)
async def test_certain(sim: Simulation, many) -> None:
    await write(sim, CertainClerk, many)

@simulate(network=UNRELIABLE, seeds=20)
async def test_good(sim: Simulation, many) -> None:
    await write(sim, Clerk, many)
    if sim.rpcs > 3:
        sim.sometimes("repeated")

@simulate(seeds=3, sometimes=["never"])
async def test_never(sim: Simulation) -> None:
    pass

class TestOfClass:
    @pytest.mark.parametrize("n", [1, 2])
    @simulate(seeds=3, network=UNRELIABLE)
    async def test_cases(self, sim: Simulation, n) -> None:
        await write(sim, CertainClerk, n)

@pytest.mark.skip(reason="later")
@simulate()
async def test_skipped(sim): ...

@simulate(seeds=2)
async def test_skips(sim):
    pytest.skip("not here")

@simulate(seeds=2)
async def test_unset(sim, broken): ...

def test_plain(): ...
"""
CONFTEST = """
import pytest

@pytest.fixture(scope="module")
def many():
    return 3

@pytest.fixture
def broken():
    raise OSError("no disk")
"""
FILE = "tests/test_mine.py"
CERTAIN = f"{FILE}::test_certain"


@pytest.fixture
def project(labtester: Runner, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """A folder with tests, one of which finds a wrong clerk."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    (labtester.folder / "tests").mkdir()
    (labtester.folder / FILE).write_text(MINE)
    (labtester.folder / "tests" / "conftest.py").write_text(CONFTEST)
    return labtester


def found_record() -> Path:
    (kept,) = Path(".labtester").glob("*.sim")
    return kept


def test_a_file_is_run(project: Runner) -> None:
    done = project("run", FILE, "--tests", "test_certain,test_good,test_never", "--seeds", "20")
    assert done.status == 1
    assert f"{CERTAIN}: 8 of 20 seeds fail: 0, 1, 3" in done.out
    assert f"    labtester replay {CERTAIN} --seed 0\n" in done.out
    assert f"{FILE}::test_good: 'repeated': reached in " in done.out
    assert f"{FILE}::test_never: never reached\n\n'never': reached in 0 of 20 seeds." in done.out
    assert done.err == f"kept as {found_record()}\n"
    assert json.loads(found_record().read_text())["test"] == CERTAIN


def test_what_is_printed_can_be_pasted(project: Runner) -> None:
    done = project("explain", CERTAIN)
    assert done.status == 1
    (command,) = re.findall(r"^ +labtester (replay .*)$", done.out, re.MULTILINE)
    again = project(*shlex.split(command))
    assert again.status == 1
    assert done.out.startswith(again.out.partition("\n\ndigest ")[0])
    kept = found_record()
    recorded = project("replay", str(kept))
    assert recorded.status == 1
    assert recorded.out.startswith("seed 0: not linearizable\n")
    assert f"    labtester replay {kept}\n" in recorded.out


def test_a_record_stands_for_its_test(project: Runner) -> None:
    project("run", CERTAIN, "--seeds", "1")
    kept = str(found_record())
    ran = project("run", kept, "--seeds", "2")
    assert (ran.status, f"{CERTAIN}: fail, 2 seeds of 1 test" in ran.out) == (1, True)
    verified = project("verify", kept, "--seeds", "1")
    assert verified.out.startswith(f"{CERTAIN}: pass, 1 seed with the same digests 4 ways")
    proved = project("exhaust", kept)
    assert (proved.status, f"    labtester exhaust {kept} --faults 1" in proved.out) == (1, True)
    swept = project("sweep", kept, "--seeds", "2", "--store", "s.db")
    assert (swept.status, f"{CERTAIN}\n    2 seeds" in swept.out) == (1, True)
    gone = project("run", "gone.sim")
    assert gone.sentence == "labtester: gone.sim cannot be read: No such file or directory"


def test_the_record_of_a_lab_stands_for_its_test_and_its_submission(project: Runner) -> None:
    theirs = submit_lock(project.folder)
    command = ("run", "lock", "--tests", TWO_CLIENTS, "--seeds", "8", "--submission", theirs)
    assert project(*command).status == 1
    kept = str(found_record())
    ran = project("run", kept, "--seeds", "8")
    assert (ran.status, f"\n{TWO_CLIENTS}" in ran.out, theirs in ran.taken) == (1, True, True)
    proved = project("exhaust", kept, "--faults", "0")
    assert (proved.status, theirs in proved.taken) == (0, True)
    assert proved.out.startswith(f"lock {TWO_CLIENTS}: correct under the one placement of at")


def test_a_record_is_run_first_until_it_passes(project: Runner) -> None:
    project("run", CERTAIN, "--seeds", "1")
    kept = found_record()
    again = project("run", CERTAIN, "--seeds", "1", "-x")
    assert again.status == 1
    assert again.out.startswith("seed 0: not linearizable\n")
    source = project.folder / FILE
    source.write_text(MINE.replace("write(sim, CertainClerk, many)", "write(sim, Clerk, many)"))
    fixed = project("run", CERTAIN, "--seeds", "1")
    assert fixed.status == 0
    assert f"fixed: {kept} passes and was removed" in fixed.err
    assert not kept.exists()


def test_a_regression_test_is_given_the_fixtures(project: Runner) -> None:
    done = project("explain", CERTAIN, "--seed", "3", "--pytest")
    assert done.status == 0
    assert done.out.startswith(
        "from tester import recorded, run_once\nfrom test_mine import test_certain\n"
    )
    assert "def test_certain_as_in_seed_3(many):\n" in done.out
    assert "run_once(test_certain, recorded(choices), many=many)\n" in done.out


def test_placements_of_a_test_are_run(project: Runner) -> None:
    done = project("exhaust", f"{FILE}::test_good", "--faults", "1")
    assert done.status == 0
    assert done.out.startswith(f"{FILE}::test_good: correct under all 7 placements of at most 1")
    done = project("exhaust", CERTAIN, "--json", "-")
    assert done.status == 1
    found = json.loads(done.out)
    assert (found["verdict"], found["test"]) == ("fail", CERTAIN)
    assert f"    labtester exhaust {CERTAIN} --faults 1 --restart\n" in done.err


def test_runs_of_a_project_depend_on_their_seeds_alone(project: Runner) -> None:
    done = project("verify", f"{FILE}::test_good", "--seeds", "2")
    assert done.status == 0, done.err
    assert done.out.startswith(f"{FILE}::test_good: pass, 2 seeds with the same digests 4 ways")


def test_a_case_of_a_method_is_run(project: Runner) -> None:
    node = f"{FILE}::TestOfClass::test_cases"
    done = project("replay", f"{node}[2]", "--seed", "0")
    assert done.status == 1
    assert f"    labtester replay '{node}[2]' --seed 0\n" in done.out
    said = project("replay", node, "--seed", "0").sentence
    assert said == f"labtester: expected one test, got 2: {node}[1], {node}[2]"
    said = project("explain", f"{node}[2]", "--seed", "0", "--pytest").sentence
    assert "expected a function without parameters of pytest's" in said


@pytest.mark.parametrize(
    ("node", "sentence"),
    [
        ("test_skipped", f"{FILE}::test_skipped is skipped: later"),
        ("test_skips", f"{FILE}::test_skips: it ends with Skipped: not here"),
        ("test_unset", f"{FILE}::test_unset: its fixtures raise OSError: no disk"),
        ("test_plain", f"got none: {FILE}::test_plain is not under @simulate"),
        ("test_none", f"{FILE}::test_none (no match in any of"),
    ],
)
def test_a_test_that_cannot_be_run_says_so(node: str, sentence: str, project: Runner) -> None:
    assert sentence in project("run", f"{FILE}::{node}").sentence


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("import nope", "pytest cannot collect it: ModuleNotFoundError: No module named 'nope'"),
        ("def f(:", "pytest cannot collect it: SyntaxError: invalid syntax"),
        ("", "expected a simulated test in test_broken.py, got none"),
    ],
)
def test_a_file_that_cannot_be_collected_says_so(
    source: str, sentence: str, project: Runner
) -> None:
    (project.folder / "test_broken.py").write_text(source)
    assert sentence in project("run", "test_broken.py").sentence


@pytest.mark.parametrize("node", ["test_broken.py", "test_broken.py::test_a"])
def test_a_module_of_the_project_that_ours_hides_is_named(node: str, project: Runner) -> None:
    """A worker imports ours before it collects the project."""
    theirs = project.folder / "kvsrv.py"
    theirs.write_text("def mine(): return 1\n")
    (project.folder / "test_broken.py").write_text("from kvsrv import mine\ndef test_a(): ...\n")
    said = project("run", node).sentence
    assert f"test_broken.py: {theirs} is hidden by {ROOT / 'kvsrv' / '__init__.py'}" in said


def test_a_project_whose_options_pytest_refuses(project: Runner) -> None:
    (project.folder / "pytest.ini").write_text("[pytest]\naddopts = --nonesuch\n")
    said = project("run", FILE).sentence
    assert "pytest ended with status 4: unrecognized arguments: --nonesuch" in said


def test_a_project_may_take_warnings_for_errors(project: Runner) -> None:
    (project.folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    assert project("run", f"{FILE}::test_good", "--seeds", "2").status == 0


def test_tests_are_run_here_whatever_plugins_are_asked_for(project: Runner) -> None:
    (project.folder / "pytest.ini").write_text("[pytest]\naddopts = -n 2 -x\n")
    assert project("run", f"{FILE}::test_good", "--seeds", "2").status == 0


def test_a_submission_is_a_labs(project: Runner) -> None:
    said = project("run", FILE, "--submission", "theirs").sentence
    assert said.startswith(f"labtester run: expected a lab with --submission, got {FILE}")
