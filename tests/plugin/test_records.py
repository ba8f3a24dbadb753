"""The plugin's records: failures are kept, tried first the next time, and gone once fixed."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.plugin.project import COUNT, FAILING, PASSING, STUDENT, Run, seeds_run, story, write

MENDED = FAILING.replace("CertainClerk", "Clerk")
OTHER = STUDENT.replace("asyncio.sleep(0.1)", "asyncio.sleep(0.2)")
STILL = re.compile(r"^Recorded failure: (\S+) still fails\.$", re.MULTILINE)


def records(project: pytest.Pytester) -> list[Path]:
    return sorted((project.path / ".labtester").glob("*"))


def commands(result: pytest.RunResult) -> list[str]:
    return re.findall(r"^ +(pytest .*)$", result.stdout.str(), re.MULTILINE)


@pytest.fixture
def kept(run: Run, project: pytest.Pytester) -> Path:
    """The record of a failure that a run has kept."""
    result = run(source=FAILING)
    result.assert_outcomes(failed=1)
    (path,) = records(project)
    assert f"kept as .labtester/{path.name}" in result.stdout.str().splitlines()
    return path


def test_a_failure_is_kept_as_a_readable_record(kept: Path) -> None:
    assert re.fullmatch(r"test_mine\.py__test_certain-0-[0-9a-f]{16}\.sim", kept.name)
    record = json.loads(kept.read_text())
    assert (record["lab"], record["test"]) == ("", "test_mine.py::test_certain")
    assert (record["seed"], record["schedule"]) == (0, "random")
    assert record["kind"] == "NotLinearizable"
    assert sum(map(len, record["choices"].values())) == 1


def test_a_record_is_tried_first_and_said_to_be_one(run: Run, kept: Path) -> None:
    text = kept.read_text()
    result = run()
    result.assert_outcomes(failed=1)
    assert STILL.findall(result.stdout.str()) == [f".labtester/{kept.name}"]
    assert re.search(r"^ +0 +0 +0 .*::test_certain$", result.stdout.str(), re.MULTILINE)
    assert commands(result) == ["pytest 'test_mine.py::test_certain' --sim-seed=0"]
    assert kept.read_text() == text


def test_an_explicit_seed_is_all_that_is_run(run: Run, kept: Path) -> None:
    result = run("--sim-seed=1")
    assert "Recorded failure" not in result.stdout.str()
    assert re.search(r"^ +1 .*::test_certain$", result.stdout.str(), re.MULTILINE)
    assert kept.exists()
    run("--sim-seed=0", source=MENDED).assert_outcomes(passed=1)
    assert kept.exists(), "only a run of all seeds forgets"


def test_once_it_is_mended_a_record_is_gone(run: Run, kept: Path) -> None:
    result = run("--sim-seeds=20", source=MENDED)
    result.assert_outcomes(passed=1)
    assert f"fixed: .labtester/{kept.name} passes and was removed" in result.stdout.lines
    assert not kept.exists()
    assert "fixed: " not in run("--sim-seeds=20").stdout.str()


def test_a_failure_of_changed_code_says_that_the_code_has_changed(
    run: Run, kept: Path, project: pytest.Pytester
) -> None:
    write(project, "test_mine", OTHER, FAILING)
    result = run()
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert STILL.findall(text) == [f".labtester/{kept.name}"]
    assert "StaleReplay: the code has changed since this record was made" in text
    (command,) = commands(result)
    again = run(*shlex.split(command)[1:])
    again.assert_outcomes(failed=1)


def test_a_record_that_no_longer_fails_is_not_mended_while_its_seed_fails(
    run: Run, kept: Path
) -> None:
    whole = kept.read_text()
    record = json.loads(whole)
    kept.write_text(json.dumps(record | {"choices": {}, "code": "another"}))
    result = run()
    result.assert_outcomes(failed=1)
    text = re.sub(r"\s+", " ", result.stdout.str())
    assert f"Recorded failure: .labtester/{kept.name} passes, and its seed still fails." in text
    assert "and now it passes. This is its seed, run anew:" in text
    assert "fixed: " not in text
    assert kept.read_text() == whole, "what the seed's failure comes down to is kept instead"


LATE = """
    LATE_ONLY = {late}

    @simulate(network=UNRELIABLE, seeds=3)
    async def test_late(sim: Simulation) -> None:
        sim.serve()
        await sim.clerk().put("k", "a", 0)
        lucky = sim.choices.record().get("net/c0", [0])[0] > 0
        assert not lucky or (LATE_ONLY and not sim.at_most(5, "size") < 5), "not small"
"""


def test_a_record_whose_seed_passes_is_run_again_by_its_own_command(
    run: Run, project: pytest.Pytester
) -> None:
    """Of changed code the seed may make other choices, and pass where the record still fails."""
    run(source=LATE.format(late=False)).assert_outcomes(failed=1)
    (path,) = records(project)
    record = json.loads(path.read_text())
    record["choices"]["size/size"] = {"0": 4}
    path.write_text(json.dumps(record))
    result = run(source=LATE.format(late=True))
    result.assert_outcomes(failed=1)
    assert commands(result) == ["pytest 'test_mine.py::test_late'"]
    assert STILL.findall(run(*shlex.split(commands(result)[0])[1:]).stdout.str()) == [
        f".labtester/{path.name}"
    ]


def test_records_of_other_tests_are_left_alone(run: Run, kept: Path) -> None:
    result = run(source=COUNT + PASSING)
    result.assert_outcomes(passed=2)
    assert seeds_run(result) == 7
    assert kept.exists()
    assert "fixed: " not in result.stdout.str()


def test_each_parameter_has_its_own_records(run: Run, project: pytest.Pytester) -> None:
    source = """
    @pytest.mark.parametrize("word", ["x/y", "x y", "fine"])
    @simulate()
    async def test_words(sim: Simulation, word: str) -> None:
        assert word == "fine"
    """
    run(source=source).assert_outcomes(failed=2, passed=1)
    assert len(records(project)) == 2
    result = run(source=source.replace('"fine"\n', '"x y"\n'))
    result.assert_outcomes(failed=2, passed=1)
    assert len(STILL.findall(result.stdout.str())) == 1
    assert result.stdout.str().count("fixed: ") == 1


def test_a_test_that_skips_on_a_record_is_skipped(run: Run, kept: Path) -> None:
    skips = FAILING.replace("await write", 'pytest.skip("today")\n        await write')
    run(source=skips).assert_outcomes(skipped=1)
    assert kept.exists()


def test_what_stays_unknown_is_not_mended(run: Run, kept: Path) -> None:
    unknown = FAILING.replace(
        "await write",
        'from tester import Undecided\n        raise Undecided("?")\n        await write',
    )
    result = run(source=unknown)
    result.assert_outcomes(failed=1)
    assert "undecided" in story(result)
    assert kept.exists()


def test_a_file_that_is_no_record_is_passed_over(run: Run, kept: Path) -> None:
    kept.write_text("{")
    run("--sim-seed=0").assert_outcomes(failed=1)
    kept.write_text("{")
    result = run()
    result.assert_outcomes(failed=1)
    assert "Recorded" not in result.stdout.str()


def test_a_folder_that_cannot_be_written_to_is_no_reason_to_fail(
    run: Run, project: pytest.Pytester
) -> None:
    (project.path / ".labtester").touch()
    result = run(source=FAILING + PASSING)
    result.assert_outcomes(failed=1, passed=1)
    assert "kept as" not in result.stdout.str()


def test_records_stand_in_the_root_of_the_project(
    run: Run, project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project.mkpydir("inner")
    project.makeini("[pytest]\n")
    write(project, "inner/test_mine", STUDENT, FAILING)
    run()
    (path,) = records(project)
    monkeypatch.chdir(folder)
    result = run()
    assert STILL.findall(result.stdout.str()) == [f"../.labtester/{path.name}"]


def test_workers_of_xdist_keep_and_try_the_same_records(
    run: Run, project: pytest.Pytester
) -> None:
    pytest.importorskip("xdist")
    source = FAILING + FAILING.replace("test_certain", "test_another")
    run(source=source, apart=True)
    alone = {path.name: path.read_text() for path in records(project)}
    for path in records(project):
        path.unlink()
    result = run("-n", "2", apart=True)
    assert {path.name: path.read_text() for path in records(project)} == alone
    assert result.stdout.str().count("kept as ") == 2
    result = run("-n", "2", apart=True)
    assert len(STILL.findall(result.stdout.str())) == 2
    write(project, "test_mine", STUDENT, source.replace("CertainClerk", "Clerk"))
    result = run("-n", "2", "--sim-seeds=5", apart=True)
    assert result.stdout.str().count("fixed: ") == 2
    assert records(project) == []


def test_a_test_that_goes_elsewhere_is_kept_where_the_others_are(
    run: Run, project: pytest.Pytester
) -> None:
    source = """
    @pytest.fixture(autouse=True)
    def elsewhere(tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
    """
    result = run(source=source + FAILING)
    (path,) = records(project)
    assert f"kept as .labtester/{path.name}" in result.stdout.lines
