"""The records that runs keep of failures: kept, replayed, tried first, and gone once mended."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.running import TWO_CLIENTS, Runner, labtester, submit, submit_lock

__all__ = ["labtester"]

RECORD = f".labtester/lock-{TWO_CLIENTS}-0-maybe.sim"
RUN = ("run", "lock", "--tests", TWO_CLIENTS, "--submission", "maybe")
CALM = ("--seeds", "1")


def slowed(folder: Path) -> None:
    """Shift what the choices of a seed mean: the bug stays, and the code is another."""
    file = folder / "maybe" / "lock" / "lock.py"
    get = "await self._clerk.get(self._name)\n"
    source = file.read_text()
    file.write_text(source.replace(get, f"{get}            await asyncio.sleep(0.001)\n"))


@pytest.fixture
def kept(labtester: Runner) -> Path:
    """The record of a failure that a run has kept."""
    submit_lock(labtester.folder)
    done = labtester(*RUN, *CALM)
    assert (done.status, done.err) == (1, f"kept as {RECORD}\n")
    assert [p.name for p in Path(".labtester").iterdir()] == [Path(RECORD).name]
    return Path(RECORD)


def test_a_record_replays_to_the_digest_it_names(labtester: Runner, kept: Path) -> None:
    record = json.loads(kept.read_text())
    assert (record["lab"], record["test"], record["seed"]) == ("lock", TWO_CLIENTS, 0)
    assert (record["submission"], record["kind"]) == ("maybe", "MutualExclusionViolated")
    first, again = (labtester("replay", str(kept)) for _ in range(2))
    assert (first.status, first.err) == (1, "")
    assert first.out == again.out
    assert f"\ndigest {record['digest']}\n" in first.out
    assert f"\n    labtester replay {kept}\n" in first.out
    replayed = labtester.json("replay", str(kept))
    assert (replayed["verdict"], replayed["digest"]) == ("fail", record["digest"])


def test_the_commands_that_a_run_prints_can_be_pasted(labtester: Runner, kept: Path) -> None:
    done = labtester(*RUN, *CALM)
    printed = re.findall(r"^ +(labtester replay .*)$", done.out, re.MULTILINE)
    assert printed == [f"labtester replay lock {TWO_CLIENTS} --seed 0 --submission maybe"]
    again = labtester(*shlex.split(printed[0])[1:])
    assert again.status == 1
    assert f"    {printed[0]}\n" in again.out


def test_what_a_replayed_record_was_given_is_in_its_command(labtester: Runner, kept: Path) -> None:
    submit_lock(labtester.folder, name="my lock")
    args = ["replay", str(kept), "--submission", "my lock", "--stuck-after", "9"]
    done = labtester(*args)
    assert done.status == 1
    command = re.findall(r"^ +(labtester replay .*)$", done.out, re.MULTILINE)
    assert [shlex.split(one)[1:] for one in command] == [args]


def test_a_record_is_tried_first_and_fails_a_run_whose_seeds_pass(labtester: Runner) -> None:
    late = "if args.version == 2 < self._table[args.key][1]:\n    raise ValueError('late')"
    theirs = submit(labtester.folder, late)
    run = ("run", "tiny", "--tests", "test_unreliable", "--submission", theirs)
    first = labtester.json(*run, "--seeds", "100")["tests"][0]["failed"][0]
    assert first > 0
    (path,) = map(str, Path(".labtester").iterdir())
    done = labtester(*run, "--seeds", str(first))
    replay = f"labtester replay {path}"
    assert (done.status, done.err) == (
        1,
        f"recorded failure: {path} still fails; to see it: {replay}\n",
    )
    assert "tiny: fail" in done.out
    assert re.search(rf"^test_unreliable +{first} +0 \+ 1 recorded ", done.out, re.MULTILINE)
    assert "ValueError" not in done.out, "the story is for replay"
    again = labtester(*shlex.split(replay)[1:])
    assert again.status == 1
    assert "ValueError: late" in again.out
    record = labtester.json(*run, "--seeds", str(first))
    assert (record["verdict"], record["recorded"]) == ("fail", [path])
    at_once = labtester(*run, "--seeds", str(first), "--exitfirst")
    assert (at_once.status, at_once.err) == (done.status, done.err)
    assert "ValueError: late" in at_once.out
    assert "stopped at the first failure: 1 test was not run\n" in at_once.out


def test_a_failure_that_seeds_find_as_well_is_told_once(labtester: Runner, kept: Path) -> None:
    done = labtester(*RUN, *CALM)
    assert (done.status, done.err) == (1, f"kept as {kept}\n")
    assert "recorded" not in labtester.json(*RUN, *CALM)


def test_a_folder_is_the_same_however_it_is_named(labtester: Runner, kept: Path) -> None:
    for name in ("./maybe", "maybe/", str(labtester.folder / "maybe")):
        done = labtester(*RUN[:-1], name, *CALM)
        assert (done.status, done.err.startswith("kept as ")) == (1, True), name
    names = [p.name for p in Path(".labtester").iterdir() if "tmp" not in p.name]
    assert names == [kept.name]
    submit_lock(labtester.folder, fixed=True)
    assert "fixed: " in labtester(*RUN[:-1], "./maybe/", *CALM).err
    assert list(Path(".labtester").iterdir()) == []


def test_other_code_that_fails_is_not_mended(labtester: Runner, kept: Path) -> None:
    slowed(labtester.folder)
    done = labtester(*RUN, *CALM)
    assert done.status == 1
    assert "mended" not in done.err
    assert kept.exists()


def test_once_it_is_mended_a_record_is_gone(labtester: Runner, kept: Path) -> None:
    submit_lock(labtester.folder, fixed=True)
    replayed = labtester("replay", str(kept))
    assert replayed.status == 0
    assert replayed.out.startswith("StaleReplay: the code has changed since this record was made")
    assert "\n\nseed 0 passes: " in replayed.out
    assert kept.exists(), "only a run of the lab forgets"
    done = labtester(*RUN, *CALM)
    assert (done.status, done.err) == (0, f"fixed: {kept} passes and was removed\n")
    assert not kept.exists()
    assert labtester(*RUN, *CALM).err == ""


def test_a_record_that_no_longer_fails_is_not_mended_while_its_seed_fails(
    labtester: Runner, kept: Path
) -> None:
    record = json.loads(kept.read_text())
    kept.write_text(json.dumps(record | {"choices": {}}))  # as if they meant something else now
    done = labtester("replay", str(kept))
    assert done.status == 1
    assert done.out.startswith("seed 0: c0 acquired the lock while c1 held it\n")
    assert "mended" not in labtester(*RUN, *CALM).err


def test_what_stays_unknown_or_cannot_run_is_not_mended(labtester: Runner, kept: Path) -> None:
    record = json.loads(kept.read_text())
    place = Path(".labtester/tiny-test_third-7.sim")
    put = "return PutReply(Err.WRONG_GROUP)"
    theirs = submit(labtester.folder, put)
    other = {"lab": "tiny", "test": "test_third", "seed": 7, "submission": theirs}
    place.write_text(json.dumps(record | other))
    done = labtester("run", "tiny", "--tests", "test_third", *CALM, "--submission", theirs)
    assert (done.status, done.err) == (3, "")
    assert place.exists()


def test_records_of_other_submissions_and_tests_are_left_alone(
    labtester: Runner, kept: Path
) -> None:
    for args in (["--tests", TWO_CLIENTS], ["--tests", "test_reliable_basic", *RUN[4:]]):
        done = labtester("run", "lock", *args, *CALM)
        assert (done.status, done.err) == (0, "")
        assert kept.exists()


def test_a_file_that_is_no_record_is_passed_over(labtester: Runner, kept: Path) -> None:
    kept.with_name("a.sim").write_text("{")
    assert labtester(*RUN, *CALM).status == 1
    assert re.match(
        r"labtester: \.labtester/a\.sim is not JSON: ",
        labtester("replay", ".labtester/a.sim").sentence,
    )


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_the_number_of_workers_changes_no_record(labtester: Runner, kept: Path, jobs: str) -> None:
    text = kept.read_text()
    kept.unlink()
    labtester(*RUN, "--seeds", "20", "--jobs", jobs)
    assert kept.read_text() == text


def test_the_number_of_workers_changes_no_result(labtester: Runner) -> None:
    submit_lock(labtester.folder)
    one, three = (labtester.json(*RUN, "--seeds", "70", "--jobs", jobs) for jobs in ("1", "3"))
    assert one["tests"][0]["failed"]
    assert {**three, "recorded": None} == {**one, "recorded": None}


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["nowhere.sim"], "nowhere.sim cannot be read: No such file or directory"),
        ([RECORD, "--seed", "1"], "a record has its own seed; leave --seed out"),
        (["a.sim", "b.sim"], "expected one record, got 2"),
        ([], "expected a record, a lab and one of its tests, or a test as "),
        (["lock", f"{TWO_CLIENTS},", "--seed", "0"], "there is no test"),
        (["lock", f" {TWO_CLIENTS}", "--seed", "0"], f"did you mean {TWO_CLIENTS}?"),
    ],
)
def test_a_record_named_badly_is_one_sentence(
    labtester: Runner, args: list[str], sentence: str
) -> None:
    for command in ("replay", "explain"):
        assert sentence in labtester(command, *args).sentence
