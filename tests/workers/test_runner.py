"""Code under test that hangs, dies or lies costs its own seeds, and nobody else's."""

import os
import re
import shlex
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.running import Runner, labtester, submit

__all__ = ["labtester"]

STUCK_S = "1"
PUT = """\
import os, re
from tests.nobody import libc
if args.key == "loop":
    while True:
        pass
if args.key == "c_code":
    re.match("(a+)+$", "a" * 50 + "b")
if args.key == "flood":
    while True:
        print("flood", args)
if args.key == "exit":
    libc._exit(7)  # the guard refuses os._exit
if args.key == "kill":
    getattr(libc, "raise")(9)  # and os.kill
if args.key == "segfault":
    libc.strlen(0)
if args.key == "silence":
    os.closerange(0, 100)
if args.key == "babble":
    for pipe in range(3, 256):
        try:
            os.write(pipe, b"nobody said that" * 9)
        except OSError:
            pass
if args.key == "interrupt":
    raise KeyboardInterrupt
if args.key == "system_exit":
    raise SystemExit(0)
if args.key == "memory":
    bytearray(1 << 62)
"""
HANG = ("test_loop", "test_c_code", "test_flood")
FORK = """\
import os, time
from tests.nobody import libc
if args.key == "loop":  # both the process and its copy go on
    libc.fork()
if args.key == "c_code":  # the copy of a copy is in a session of its own, and stays
    if not libc.fork():
        libc.setsid()
        if libc.fork():
            libc._exit(0)
        libc.sleep(600)
    libc.wait(None)
if args.key == "flood":  # the process itself ends at once
    if not libc.fork():
        libc.setsid()
        libc.sleep(600)
    libc._exit(0)
if args.key == "babble":  # an answer to what was asked, by somebody who does not know the key
    from tester.workers.wire import Answered, Ran, encode
    from tester.world.pipe import framed
    frame = framed(encode(Answered(0, "test_babble", "3", Ran("pass", "", 0, 0, 0, 0))))
    for pipe in range(3, 256):
        try:
            os.write(pipe, frame)
        except OSError:
            pass
"""
DIE = ("test_exit", "test_kill", "test_segfault", "test_silence", "test_babble")
RAISE = ("test_interrupt", "test_system_exit", "test_memory")


def rogue(labtester: Runner, *args: str) -> Any:
    theirs = submit(labtester.folder, PUT)
    return labtester.json("run", "rogue", "--submission", theirs, "--stuck-after", STUCK_S, *args)


def by_name(record: Any) -> dict[str, Any]:
    return {test["name"]: test for test in record["tests"]}


def test_what_hangs_is_ended_where_it_stood(labtester: Runner) -> None:
    record = rogue(labtester, "--tests", ",".join([*HANG, "test_calm"]))
    tests = by_name(record)
    for name, line in zip(HANG, ("while True:", "re.match(", "print("), strict=True):
        test = tests[name]
        assert (test["seeds"], test["seeds_asked"], test["failed"], test["lost"]) == (
            4,
            10,
            [3],
            3,
        )
        text = test["story"]["text"]
        assert text.startswith("seed 3: stuck\n")
        assert "no progress in 1 seconds of CPU time" in " ".join(text.split())
        assert "/theirs/kvsrv/server.py:" in text
        assert "/tester/" not in text
        assert line in text or (name != "test_c_code" and ("pass" in text or "while" in text))
        assert text.endswith(f"--seed 3 --submission theirs --stuck-after {STUCK_S}")
    assert (tests["test_calm"]["seeds"], tests["test_calm"]["failed"]) == (10, [])
    assert record["verdict"] == "fail"


def test_what_dies_is_a_failed_seed_whoever_ran_it(labtester: Runner) -> None:
    record = rogue(labtester, "--tests", ",".join([*DIE, *RAISE, "test_calm"]), "--jobs", "2")
    tests = by_name(record)
    for name, ending in zip(
        DIE,
        (
            "exited with status 7",
            "was killed by SIGKILL",
            "was killed by SIGSEGV",
            "exited with status",
            "a false answer",
        ),
        strict=True,
    ):
        test = tests[name]
        assert (test["seeds"], test["failed"], test["lost"]) == (4, [3], 3), name
        text = " ".join(test["story"]["text"].split())
        assert text.startswith("seed 3: ")
        assert ending in text
    assert "libc.strlen(0)" in tests["test_segfault"]["story"]["text"]
    for name, kind in zip(RAISE, ("KeyboardInterrupt", "SystemExit", "MemoryError"), strict=True):
        test = tests[name]
        # After a seed that was out of memory the later ones of its test are not run.
        ran = (4, [3]) if kind == "MemoryError" else (10, [3, 8])
        assert (test["seeds"], test["failed"], test["lost"]) == (*ran, None)
        assert kind in test["story"]["text"]
    assert (tests["test_calm"]["seeds"], tests["test_calm"]["failed"]) == (10, [])


def marked() -> list[int]:
    """The processes that run with this test's mark in their environment."""
    mark = os.environ["MARK"].encode()
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:  # it is another user's, or has gone
            continue
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="no other system keeps orphans")
def test_a_copy_of_the_process_answers_for_no_run_and_is_not_left(
    labtester: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARK", uuid.uuid4().hex)
    theirs = submit(labtester.folder, FORK)
    names = ("test_loop", "test_c_code", "test_flood", "test_babble", "test_calm")
    command = ["run", "rogue", "--submission", theirs, "--tests", ",".join(names)]
    one, three = (by_name(labtester.json(*command, "--jobs", jobs)) for jobs in ("1", "3"))
    assert marked() == []
    assert one == three
    for name, said in zip(
        names,
        ("a process left", "a process left", "its process died", "a false answer"),
        strict=False,
    ):
        test = one[name]
        assert (test["seeds"], test["failed"], test["lost"]) == (4, [3], 3), name
        assert test["story"]["text"].startswith(f"seed 3: {said}")
    assert one["test_calm"]["failed"] == []


@pytest.mark.parametrize(
    ("before", "left"),
    [
        ("import subprocess; subprocess.Popen(['sleep', '600'])", "a process"),
        (
            "import threading, time; threading.Thread(target=time.sleep, args=[600]).start()",
            "a thread",
        ),
    ],
)
def test_an_import_that_leaves_something_running(
    labtester: Runner, monkeypatch: pytest.MonkeyPatch, before: str, left: str
) -> None:
    monkeypatch.setenv("MARK", uuid.uuid4().hex)
    theirs = submit(labtester.folder, before=before)
    done = labtester("run", "tiny", "--submission", theirs)
    assert f"importing the submission left {left} behind" in done.sentence
    if sys.platform == "linux":
        assert marked() == []


STUCK = """\
from tests.nobody import libc
if args.key == "loop":
    sum(iter(int, 1))
if args.key == "c_code":
    libc.pause()
if args.key == "flood":
    def lose(n):
        while True:
            n += 1
    lose(0)
if args.key == "calm":
    for _ in range(300_000):
        pass
"""


def test_a_wait_and_a_loop_in_c_end_too(labtester: Runner) -> None:
    theirs = submit(labtester.folder, STUCK)
    command = ["run", "rogue", "--submission", theirs, "--stuck-after", STUCK_S]
    tests = by_name(labtester.json(*command, "--tests", "test_loop,test_c_code,test_calm"))
    for name, said, line in (
        ("test_loop", "no progress in 1 seconds of CPU time", "sum(iter(int, 1))"),
        ("test_c_code", "waited for 10 seconds of real time", "libc.pause()"),
    ):
        text = " ".join(tests[name]["story"]["text"].split())
        assert tests[name]["failed"] == [3]
        assert text.startswith("seed 3: stuck")
        assert said in text
        assert line in text
    assert tests["test_calm"]["failed"] == []  # slow, but it gets on


def test_a_loop_in_several_seeds_is_reported_once(labtester: Runner) -> None:
    loop = "if args.key in {'loop', 'flood'}:\n    while True: pass"
    theirs = submit(labtester.folder, loop)
    command = ["run", "rogue", "--submission", theirs, "--stuck-after", STUCK_S]
    done = labtester(*command, "--tests", "test_loop,test_flood,test_calm")
    assert done.status == 1
    assert done.out.count("no progress in 1 seconds of CPU time") == 1
    assert "1 more test fails in the same way:" in done.out
    for test in ("test_loop", "test_flood"):
        assert f"labtester replay rogue {test} --seed 3" in done.out


HOARD = """\
if args.key == "hoard":
    self.log = []
    while True:
        self.log.append(str(len(self.log)))
if args.key == "loop":  # takes no notice
    self.log = []
    while True:
        try:
            self.log.append(str(len(self.log)))
        except MemoryError:
            pass
if args.key == "flood":
    import os
    self.log = getattr(self, "log", {})
    self.log[len(self.log)] = bytearray(os.urandom(1) * (40 << 20))
if args.key == "memory":
    bytearray(1 << 62)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="no other system limits a process's memory")
def test_running_out_of_memory_names_what_grew(labtester: Runner) -> None:
    theirs = submit(labtester.folder, HOARD)
    names = "test_hoard,test_loop,test_memory,test_calm"
    command = ["run", "rogue", "--submission", theirs, "--memory", "256M", "--tests", names]
    command += ["--stuck-after", "10"]  # a slow machine needs long to fill its memory
    tests = by_name(labtester.json(*command))
    for name in ("test_hoard", "test_loop"):
        assert (tests[name]["failed"], tests[name]["lost"]) == ([3], 3)
        text = " ".join(tests[name]["story"]["text"].split())
        assert text.startswith("seed 3: out of memory")
        assert f"--seed 3 --submission {theirs}" in text
        assert "--memory 256M" in text
    text = " ".join(tests["test_hoard"]["story"]["text"].split())
    assert "infinite" not in text
    assert re.search(r"The largest object at hand is (self|KVServer)\.log, a list of", text)
    assert "while it handled #" in text
    # More than any machine has: that fails whatever the process holds, and can be run again.
    assert (tests["test_memory"]["failed"], tests["test_memory"]["lost"]) == ([3], None)
    assert tests["test_calm"]["failed"] == []


@pytest.mark.skipif(sys.platform != "linux", reason="no other system limits a process's memory")
def test_memory_that_grows_from_step_to_step_is_named(labtester: Runner) -> None:
    put = "self.log = getattr(self, 'log', {})\nself.log[len(self.log)] = b'x' * (9 << 20)"
    theirs = submit(labtester.folder, put)
    command = ["run", "kvsrv", "--tests", "test_outage", "--seeds", "1", "--memory", "256M"]
    (test,) = labtester.json(*command, "--submission", theirs)["tests"]
    text = " ".join(test["story"]["text"].split())
    assert text.startswith("seed 0: out of memory")
    assert "The largest object at hand is self.log, a dict of" in text


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ("2X", "expected a size such as 512M or 2G, got '2X'"),
        ("1M", "expected at least 256M of memory, got 1M"),
    ],
)
def test_an_invalid_size_is_refused(labtester: Runner, size: str, said: str) -> None:
    assert said in labtester("run", "tiny", "--memory", size).sentence


@pytest.mark.parametrize("name", ["test_kill", "test_loop"])
def test_what_is_lost_does_not_depend_on_the_workers(labtester: Runner, name: str) -> None:
    theirs = submit(labtester.folder, PUT)
    command = ["run", "rogue", "--tests", f"{name},test_calm", "--submission", theirs]
    one, three = (
        labtester.json(*command, "--stuck-after", STUCK_S, "--jobs", jobs) for jobs in ("1", "3")
    )
    if name == "test_loop":  # which line of a loop it stands at is up to the clock
        for record in one, three:
            text = by_name(record)[name]["story"]
            text["text"] = re.sub(r"server.py:\d+ in put\n.*", "", text["text"])
    assert one == three
    assert by_name(one)[name]["seeds"] == 4


def test_replay_of_what_hangs_shows_its_end_too(labtester: Runner) -> None:
    theirs = submit(labtester.folder, "print('before', flush=True)\nwhile True:\n    pass")
    command = ["replay", "tiny", "test_third", "--seed", "1", "--submission", theirs]
    record = labtester.json(*command, "--stuck-after", STUCK_S)
    assert (record["verdict"], record["digest"]) == ("fail", None)
    assert record["story"].startswith("seed 1: stuck\n")
    assert record["printed"] == "before"


def test_an_accident_of_a_process_costs_nothing(labtester: Runner) -> None:
    """The server ends its process once, and leaves a file behind to know it by."""
    put = "import os\nfrom tests.nobody import libc\n"
    put += "if args.key == 'third' and not os.path.exists('once'):\n"
    put += "    os.mkdir('once')\n    libc._exit(1)"
    theirs = submit(labtester.folder, put)
    record = labtester.json("run", "tiny", "--submission", theirs, "--jobs", "1")
    assert Path("once").is_dir()
    assert record == labtester.json("run", "tiny", "--jobs", "1")


@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        (
            "while True: pass",
            r"importing kvsrv/server.py took more than 3 s of CPU .* at \S+/server.py:5;",
        ),
        (
            "import os; os._exit(0)",
            "kvsrv/server.py ended its process, which exited with status 0",
        ),
        (
            "import os; os.kill(0, 9)",
            "kvsrv/server.py ended its process, which was killed by SIGKILL",
        ),
        ("raise KeyboardInterrupt", r"server.py:5: loading it raised KeyboardInterrupt\(\)"),
        ("import sys; sys.exit()", r"server.py:5: importing it raised SystemExit\(\)"),
    ],
)
def test_an_import_that_does_not_return(labtester: Runner, before: str, sentence: str) -> None:
    theirs = submit(labtester.folder, before=before)
    done = labtester("run", "tiny", "--submission", theirs, "--stuck-after", STUCK_S)
    assert re.search(sentence, done.sentence), done.sentence


def test_the_command_of_a_story_can_be_pasted(labtester: Runner) -> None:
    theirs = submit(labtester.folder, "if args.key == 'third':\n    raise ValueError", name="a b")
    record = labtester.json("run", "tiny", "--submission", theirs, "--stuck-after", "29")
    story = by_name(record)["test_third"]["story"]
    again = labtester.json(*shlex.split(story["command"])[1:])
    assert (again["digest"], again["story"]) == (story["digest"], story["text"])


STALE = """\
self.puts = getattr(self, 'puts', 0) + 1
stale = args.key in self._table and self._table[args.key][1] > args.version
"""


def first_failure(labtester: Runner, raises: str) -> list[str]:
    """The command that replays the first seed in which the server raises; for any submission."""
    theirs = submit(labtester.folder, STALE + raises, name="first")
    command = ["--tests", "test_unreliable", "--seeds", "400", "--submission", theirs]
    (test,) = labtester.json("run", "tiny", *command)["tests"]
    seed = str(test["failed"][0])
    command = ["replay", "tiny", "test_unreliable", "--seed", seed, "--stuck-after", STUCK_S]
    return [*command, "--submission", "theirs"]


def test_looking_for_a_smaller_run_may_take_its_time(labtester: Runner) -> None:
    """Each run is short, but all the attempts together take longer than one run may."""
    raises = "if stale and self.puts > 5:\n    raise ValueError('stale')"
    command = first_failure(labtester, raises)
    submit(labtester.folder, "for _ in range(2_000_000):\n    pass\n" + STALE + raises)
    record = labtester.json(*command)
    assert "ValueError: stale" in record["story"]
    assert "Shrunk from" in record["story"]


def test_a_run_is_shown_whole_when_a_smaller_one_hangs(labtester: Runner) -> None:
    raises = "if stale and args.value == '2' and self.puts > 4:\n    raise ValueError('stale')"
    command = first_failure(labtester, raises)
    submit(
        labtester.folder, f"{STALE}{raises}\nif stale and args.value == '2':\n    while True: pass"
    )
    record = labtester.json(*command)
    assert record["verdict"] == "fail"
    assert record["digest"] is not None
    assert "ValueError: stale" in record["story"]
    assert "Shrunk from" not in record["story"]
