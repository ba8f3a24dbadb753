"""The command line: verdicts, exit statuses, what is printed and what is recorded."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.running import Runner, labtester, submit
from tests.tree import ROOT

__all__ = ["labtester"]


def _line_of(theirs: str, text: str) -> int:
    source = (Path(theirs) / "kvsrv" / "server.py").read_text().splitlines()
    return next(number for number, line in enumerate(source, 1) if line.strip() == text)


THIRD = "if args.key == 'third':\n    "


# -- a pass --------------------------------------------------------------------------------------


def test_a_pass_prints_one_table(labtester: Runner) -> None:
    done = labtester("run", "tiny", "--seeds", "50")
    assert (done.status, done.err) == (0, "")
    wall = r"(?m)(?<= s) +[\d ]+$|in \d+\.\d s|(?<=digest )\w+|\d+  150 +\S+ s"
    assert re.sub(wall, " *", done.out).splitlines() == [
        "test                   seeds  failed  peers  rpcs  ops  virtual  seeds/s",
        "test_unreliable           50       0      1    * *",
        "test_heavy       10 (1 in 5)       0      1    30   30    0.0 s *",
        "test_third                50       0      1    50   50    0.0 s *",
        "",
        "tiny: pass, 110 seeds of 3 tests  *",
        "digest  *",
    ]
    assert max(map(len, done.out.splitlines())) <= 80


def test_a_pass_warns_of_a_forgotten_await(labtester: Runner) -> None:
    theirs = submit(labtester.folder, "asyncio.sleep(1)", before="import asyncio")
    done = labtester("run", "tiny", "--seeds", "20", "--jobs", "2", "--submission", theirs)
    assert done.status == 0
    (line,) = done.err.splitlines()
    where = "theirs/kvsrv/server.py:28"
    assert line == f"warning: {where}: coroutine 'sleep' was never awaited"
    quoted = Path("theirs/kvsrv/server.py").read_text().splitlines()[27]
    assert quoted.strip() == "asyncio.sleep(1)"


def test_a_file_that_is_not_used_is_named_once(labtester: Runner) -> None:
    theirs = submit(labtester.folder)
    place = labtester.folder / theirs / "kvsrv" / "__init__.py"
    place.write_text("RETRIES = 3\n")
    done = labtester("run", "tiny", "--seeds", "10", "--jobs", "2", "--submission", theirs)
    assert done.status == 0
    assert done.err == (
        f"warning: {place} is not used: the packages of a lab keep their own __init__.py; put "
        "code into modules\n"
    )


def test_the_record_is_what_was_promised(labtester: Runner) -> None:
    done = labtester("run", "tiny", "--seeds", "10", "--tests", "test_heavy", "--json", "a.json")
    text = Path("a.json").read_text()
    record = json.loads(text)
    assert done.status == 0
    assert text.endswith("}\n")
    assert [p.name for p in labtester.folder.iterdir()] == ["a.json"], "a draft was left behind"
    assert list(record) == ["lab", "verdict", "digest", "tests"]
    assert (record["lab"], record["verdict"]) == ("tiny", "pass")
    assert re.fullmatch(r"[0-9a-f]{32}", record["digest"])
    (test,) = record["tests"]
    assert list(test)[:9] == (
        ["name", "seeds", "failed", "unknown", "rpcs", "ops", "virtual_s", "wall_s", "digest"]
    )
    assert {key: test[key] for key in ("name", "seeds", "failed", "unknown", "rpcs", "ops")} == (
        {"name": "test_heavy", "seeds": 2, "failed": [], "unknown": [], "rpcs": 6, "ops": 6}
    )
    assert test["wall_s"] > 0


def test_without_seeds_each_test_runs_on_its_own_number(labtester: Runner) -> None:
    record = labtester.json("run", "tiny", "--tests", "test_third, test_heavy")
    assert [(test["name"], test["seeds"]) for test in record["tests"]] == [
        ("test_heavy", 30),
        ("test_third", 10),
    ]


def test_jobs_and_the_hash_seed_change_nothing(
    labtester: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = submit(labtester.folder, THIRD + "raise ValueError(args.key)")
    first, *others = (
        labtester.json("run", "tiny", "--seeds", "60", "--jobs", jobs, "--submission", theirs)
        for jobs in ("1", "3")
    )
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    others.append(labtester.json("run", "tiny", "--seeds", "60", "--submission", theirs))
    assert first["verdict"] == "fail"
    assert others == [first] * 2


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_a_run_ends_at_the_first_failure_if_asked(labtester: Runner, jobs: str) -> None:
    theirs = submit(labtester.folder, "if args.value == '2':\n    raise ValueError(args.value)")
    run = ("run", "tiny", "--jobs", jobs, "--seeds", "60", "--submission", theirs)
    done = labtester(*run, "-x")
    assert done.status == 1
    assert done.out.startswith(
        "test_unreliable: 1 of 1 seed fails: 0\nseed 0 failed: its later seeds were not run\n"
    )
    assert "stopped at the first failure: 2 tests were not run\n" in done.out
    assert "test_heavy" not in done.out
    (path,) = Path(".labtester").iterdir()
    path.unlink()
    record = labtester.json(*run, "--exitfirst")
    assert [(test["name"], test["failed"]) for test in record["tests"]] == [
        ("test_unreliable", [0])
    ]
    assert record["not_run"] == ["test_heavy", "test_third"]


def test_the_digest_knows_every_seed(labtester: Runner) -> None:
    few, more = (labtester.json("run", "tiny", "--seeds", n, "--jobs", "1") for n in ("5", "10"))
    assert few["digest"] != more["digest"]
    assert few["tests"][0]["digest"] != more["tests"][0]["digest"]


# -- other verdicts ------------------------------------------------------------------------------


def test_a_failure_names_its_first_seed_and_the_command_to_run_it_again(labtester: Runner) -> None:
    theirs = submit(labtester.folder, THIRD + "raise ValueError('boo')", name="it's theirs")
    done = labtester("run", "tiny", "--submission", theirs, "--json", "a.json")
    assert (done.status, done.err) == (1, "")
    assert done.progress == (
        "tiny: test_unreliable: 100 seeds, 0 failed (1 of 3)\n"
        "tiny: test_heavy: 30 seeds, 0 failed (2 of 3)\n"
        "tiny: test_third: 10 seeds, 2 failed (3 of 3)\n"
    )
    command = "labtester replay tiny test_third --seed 3 --submission 'it'\"'\"'s theirs'"
    assert "test_third: 2 of 10 seeds fail: 3, 8\n" in done.out
    assert command in done.out
    assert "boo" in done.out
    assert re.search(r"^test_third +10 +2 ", done.out, re.MULTILINE)
    assert "tiny: fail, 140 seeds of 3 tests" in done.out
    record = json.loads(Path("a.json").read_text())
    assert [test["failed"] for test in record["tests"]] == [[], [], [3, 8]]
    story = record["tests"][2]["story"]
    assert (story["seed"], story["command"]) == (3, command)
    assert story["text"] in done.out
    again = labtester(*shlex.split(command)[1:])
    assert again.status == 1
    assert f"digest {story['digest']}\n" in again.out
    assert story["text"] in again.out


def test_many_failing_seeds_are_not_all_listed(labtester: Runner) -> None:
    theirs = submit(labtester.folder, "raise ValueError")
    done = labtester("run", "tiny", "--seeds", "12", "--submission", theirs)
    assert "12 of 12 seeds fail: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...\n" in done.out


def test_unknown_is_no_pass_and_no_failure(labtester: Runner) -> None:
    theirs = submit(labtester.folder, THIRD + "return PutReply(Err.WRONG_GROUP)")
    done = labtester("run", "tiny", "--submission", theirs, "--json", "a.json")
    assert done.status == 3
    assert "test_third: 2 of 10 seeds stay unknown: 3, 8\n" in done.out
    assert re.search(r"^test_third +10 +0 +2 ", done.out, re.MULTILINE)
    record = json.loads(Path("a.json").read_text())
    assert record["verdict"] == "unknown"
    assert [test["unknown"] for test in record["tests"]] == [[], [], [3, 8]]
    assert (
        labtester("replay", "tiny", "test_third", "--seed", "8", "--submission", theirs).status
        == 3
    )


def test_a_failure_beats_an_unknown(labtester: Runner) -> None:
    put = (
        "if args.key == 'calm 2':\n    return PutReply(Err.VERSION)\nif args.key == 'third':\n    "
    )
    put += "return PutReply(Err.WRONG_GROUP)"
    theirs = submit(labtester.folder, put)
    record = labtester.json("run", "tiny", "--submission", theirs)
    assert {test["verdict"] for test in record["tests"]} == {"pass", "fail", "unknown"}
    assert record["verdict"] == "fail"


def test_a_reply_that_cannot_travel_is_a_failing_seed(labtester: Runner) -> None:
    theirs = submit(labtester.folder, THIRD + "return {1, 2}")
    record = labtester.json("run", "tiny", "--submission", theirs)
    assert [test["failed"] for test in record["tests"]] == [[], [], [3, 8]]
    text = record["tests"][2]["story"]["text"]
    assert text.startswith("seed 3: server raised NotAMessage\n")
    line = _line_of(theirs, "return {1, 2}")
    assert f"  theirs/kvsrv/server.py:{line}, in put\n      return {{1, 2}}\n" in text
    assert "KVServer.put must return PutReply, got " in text
    command = f"labtester replay tiny test_third --seed 3 --submission {theirs}"
    assert f"\n    {command}\n" in f"{text}\n"
    done = labtester(*shlex.split(command)[1:], "--json", "a.json")
    assert (done.status, done.err) == (1, "")
    assert f"server.py:{line}, in put" in done.out
    assert json.loads(Path("a.json").read_text())["verdict"] == "fail"


def test_each_test_that_meets_a_mistake_is_told(labtester: Runner) -> None:
    theirs = submit(labtester.folder, "if len(args.key) > 4:\n    return")
    record = labtester.json("run", "tiny", "--submission", theirs, "--seeds", "10")
    failed = {test["name"]: test["failed"] for test in record["tests"]}
    assert failed == {"test_unreliable": [], "test_heavy": [0, 1], "test_third": [3, 8]}
    line = _line_of(theirs, "return")
    for test in record["tests"][1:]:
        assert f"server.py:{line}, in put" in test["story"]["text"]


def test_an_argument_that_cannot_travel_is_told_with_the_line_of_the_call(
    labtester: Runner,
) -> None:
    source = (ROOT / "lock" / "lock.py").read_text()
    right = "self._clerk.put(self._name, self._me, version)"
    place = labtester.folder / "theirs" / "lock" / "lock.py"
    place.parent.mkdir(parents=True)
    place.write_text(source.replace(right, "self._clerk.put(self._name, version, self._me)"))
    record = labtester.json("run", "lock", "--seeds", "1", "--submission", "theirs")
    assert record["verdict"] == "fail"
    line = source.splitlines().index(f"                if await {right} is Err.OK:") + 1
    stories = [test["story"]["text"] for test in record["tests"] if test["failed"]]
    assert len(stories) > 1
    for text in stories:
        assert f"  theirs/lock/lock.py:{line}, in acquire\n" in text
        assert "NotAMessage: KVServer.put's PutArgs.value must be str, got 0 (int)" in text


def test_a_seed_that_is_not_the_same_twice_is_told_apart(labtester: Runner) -> None:
    # What a process keeps, and nobody has thought of.
    once = "import mimetypes\nturn = mimetypes.types_map.get('turn', 5)\n"
    once += "mimetypes.types_map['turn'] = turn + 1\nassert turn != 8"
    theirs = submit(
        labtester.folder,
        "\n".join(["if args.key == 'third':", *(f"    {line}" for line in once.splitlines())]),
    )
    command = ["run", "tiny", "--tests", "test_third", "--seeds", "30", "--jobs", "1"]
    done = labtester(*command, "--submission", theirs)
    assert done.status == 1
    assert "1 of 30 seeds fails: 18\n" in done.out
    assert "seed 18: not deterministic\n" in done.out
    assert re.search(r"first +fail .*\n +then +pass ", done.out)
    assert "AssertionError" not in done.out


def test_what_runs_share_fails_the_same_whoever_runs_what(labtester: Runner) -> None:
    theirs = submit(labtester.folder, "SEEN.setdefault(args.key, 0)", before="SEEN = {}")
    command = ["run", "tiny", "--seeds", "12", "--submission", theirs, "--jobs"]
    one, many = (labtester.json(*command, jobs) for jobs in ("1", "3"))
    assert one == many
    assert [test["failed"] for test in one["tests"]] == [[0], [0], [0]]
    done = labtester(*command, "2")
    assert "seed 0 changed what outlives a run: its later seeds were not run" in done.out
    assert "SEEN is a global that outlives the" in done.out
    assert "not deterministic" not in done.out


def test_what_is_told_of_shared_state_is_what_the_first_run_did(labtester: Runner) -> None:
    theirs = submit(labtester.folder, "global COUNT\nCOUNT += 1", before="COUNT = 0")
    done = labtester("run", "tiny", "--seeds", "3", "--submission", theirs)
    assert done.status == 1
    assert " ".join(done.out.split()).count("which changed it from 0 to 1: keep it in") >= 1
    assert "from 1 to" not in " ".join(done.out.split())


# -- replay --------------------------------------------------------------------------------------


def test_replay_of_a_pass(labtester: Runner) -> None:
    done = labtester("replay", "tiny", "test_unreliable", "--seed", "0")
    assert done.status == 0
    assert re.fullmatch(
        r"seed 0 passes: 5 RPCs, 3 operations, 0\.\d{3} s of virtual time\n\ndigest \w{32}\n",
        done.out,
    )


def test_a_replay_tells_every_line_if_asked(labtester: Runner) -> None:
    short = labtester("replay", "tiny", "test_unreliable", "--seed", "0")
    full = labtester("replay", "tiny", "test_unreliable", "--seed", "0", "--full")
    assert (full.status, full.err) == (0, "")
    assert full.out.endswith(f"\n\n{short.out}")
    head, *lines = full.out.removesuffix(f"\n\n{short.out}").splitlines()
    assert head == "    time  who     what happened"
    assert "   0.000  c0      Put('calm', '0', v0)" in lines

    theirs = str(ROOT / "docs" / "examples" / "certain")
    command = ("replay", "kvsrv", "test_unreliable_net", "--seed", "3", "--submission", theirs)
    short, full = labtester(*command), labtester(*command, "--full")
    assert short.status == full.status == 1
    (left_out,) = (line for line in short.out.splitlines() if "left out" in line)
    assert left_out == "     ...  (left out: 8 later lines)"
    told = full.out.splitlines()
    assert len(told) == len(short.out.splitlines()) - 1 + 8
    assert set(told) > {line for line in short.out.splitlines() if line != left_out}


def test_the_largest_seed(labtester: Runner) -> None:
    seed = 2**128 - 1
    record = labtester.json("replay", "tiny", "test_unreliable", "--seed", str(seed))
    assert (record["test"], record["seed"], record["verdict"]) == ("test_unreliable", seed, "pass")


def test_replay_shows_what_was_printed_and_run_does_not(labtester: Runner) -> None:
    put = "import os\nprint(args.key, flush=True)\nos.write(1, b'{to 1}')\n"
    put += "os.write(2, b'\\x1b[1m{to 2}')"
    theirs = submit(labtester.folder, put, before="print('{imported}')")
    passing = labtester(
        "run", "tiny", "--seeds", "5", "--tests", "test_heavy", "--submission", theirs
    )
    assert "{" not in passing.out + passing.err
    done = labtester("replay", "tiny", "test_third", "--seed", "3", "--submission", theirs)
    assert done.status == 0
    assert done.out.startswith(
        "seed 3, what it printed:\n\n    third\n    {to 1}{to 2}\n\nseed 3 "
    )
    record = labtester.json("replay", "tiny", "test_third", "--seed", "3", "--submission", theirs)
    assert record["printed"] == "third\n{to 1}{to 2}"


def test_a_failing_run_shows_the_end_of_what_was_printed(labtester: Runner) -> None:
    put = (
        THIRD + "for n in range(5000):\n        print('line', n, 'x' * 300)\n    raise ValueError"
    )
    theirs = submit(labtester.folder, put)
    done = labtester("run", "tiny", "--submission", theirs)
    assert "seed 3, the last 10 lines it printed:\n\n    line 4990 xxx" in done.out
    assert max(map(len, done.out.splitlines())) < 300
