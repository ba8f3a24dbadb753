"""`run` looks twice: what another process makes of seed 0 comes to light, or is a warning."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tester.workers import selfcheck
from tester.workers.inquiry import Cause
from tester.workers.pool import Pool
from tester.workers.surroundings import FACTORS, HERE, Around, Where, amid, environment
from tests.running import Runner, labtester, submit
from tests.tree import ROOT

__all__ = ["labtester"]

REFUSED = "\n    return PutReply(Err.VERSION)"
ONE = ("run", "tiny", "--tests", "test_third", "--seeds", "1", "--jobs", "1")
"""A run that has nothing else to find out that something is wrong."""

LEAKS = {
    "working folder": ("import os", "if os.path.basename(os.getcwd()) == 'work':"),
    "relative file": ("import os", "if os.path.exists('notes.txt'):"),
    "environment": ("import os", "if os.getenv('SOMETHING') is None:"),
    "environment, at import": ("import os\nHAS = 'SOMETHING' in os.environ", "if not HAS:"),
    "command line": ("import sys", "if sys.argv[1:]:"),
    "parent": ("import os\nTHEIRS = os.getppid()", "if PARENT != THEIRS:"),
    "user": ("import os.path", "if os.path.expanduser('~').endswith('/home'):"),
    "temporary files": ("import os, tempfile", "if 'left-behind' in os.listdir(TMP()):"),
    "time zone": ("import time\nZONE = time.tzname[0]", "if ZONE == 'ELSE':"),
    "umask": ("import os", "mask = os.umask(0)\nos.umask(mask)\nif mask == 0o077:"),
    "standard input": ("import os", "if os.read(0, 3) == b'one':"),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_that_one_process_cannot_see_comes_to_light(
    labtester: Runner, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("SOMETHING", "1")
    # What it takes is not looked for here: see the tests of verify.
    monkeypatch.setattr(selfcheck, "inquire", lambda *args: Cause(""))
    before, put = LEAKS[name]
    before += f"\nPARENT = {os.getpid()}\n"
    before += "import tempfile\nTMP = tempfile.gettempdir" if "TMP" in put else ""
    theirs = submit(labtester.folder, put + REFUSED, before=before)
    done = labtester(*ONE, "--submission", theirs, "--json", "a.json")
    assert done.status == 1, done.out
    assert "test_third: its runs depend on more than their seeds\n" in done.out
    assert "seed 0: not deterministic\n" in done.out
    assert re.search(r"theirs/kvsrv/server.py:\d+ ", done.out)
    (test,) = json.loads(Path("a.json").read_text())["tests"]
    assert (test["failed"], test["verdict"]) == ([], "fail")
    assert test["differs"].startswith("seed 0: not deterministic")


def test_a_set_of_objects_comes_to_light(labtester: Runner) -> None:
    put = "order = [thing.number for thing in THINGS]\n"
    put += "return PutReply(list(Err)[order[args.version] % 6])"
    before = "class Thing:\n    def __init__(self, number): self.number = number\n"
    before += "THINGS = {Thing(number) for number in range(20)}\nSEEN = []\n"
    theirs = submit(labtester.folder, put, before=before)
    args = ("run", "tiny", "--tests", "test_unreliable", "--seeds", "1", "--submission", theirs)
    labtester(*args, "--json", "a.json")
    (test,) = json.loads(Path("a.json").read_text())["tests"]
    told = " ".join(test["differs"].split())
    assert "objects lie at other addresses" in told or "by the address of an object" in told
    lines = told.partition("Lines to look at: ")[2]
    assert "iterates over a set: its order is that of its hashes" in lines
    assert "outlives" not in lines


SHARED = {
    "a registry": (
        "import mimetypes",
        "mimetypes.add_type('a/b', '.z')",
        "'.z' in mimetypes.types_map",
    ),
    "a setting of the process": ("import os", "os.umask(7)", "os.umask(7) == 7"),
    "what C code holds": (
        "import sqlite3\nDB = sqlite3.connect(':memory:')\nDB.execute('create table t (n)')",
        "DB.execute('insert into t values (1)')",
        "DB.execute('select count(*) from t').fetchone()[0]",
    ),
}


@pytest.mark.parametrize("name", SHARED)
def test_what_nodes_share_beside_messages_comes_to_light(
    labtester: Runner, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    explained = name == "a registry"
    if not explained:
        monkeypatch.setattr(selfcheck, "inquire", lambda *args: Cause(""))
    before, share, shared = SHARED[name]
    theirs = submit(labtester.folder, share, before=f"{before}\ndef read(): return {shared}\n")
    client = (
        (ROOT / "kvsrv" / "client.py").read_text().replace("KVServer\n", "KVServer, read\n", 1)
    )
    answered = "            if reply is not None:\n"
    slower = f"            await asyncio.sleep(0.001 if read() else 0.002)\n{answered}"
    Path(theirs, "kvsrv", "client.py").write_text(client.replace(answered, slower))
    args = ("run", "tiny", "--tests", "test_unreliable", "--seeds", "2", "--submission", theirs)
    done = labtester(*args)
    assert done.status == 1, done.out
    assert "not deterministic\n" in done.out
    if explained:
        assert "each node runs in a process of its own" in " ".join(done.out.split())


def test_what_looks_right_at_seed_0_comes_to_light_at_seed_1(labtester: Runner) -> None:
    # The server's random bit is 0 at seed 0, and 1 at seed 1.
    put = "if random.getrandbits(8) >> 2 & 1 and os.path.exists('notes.txt'):" + REFUSED
    theirs = submit(labtester.folder, put, before="import os, random")
    command = ("run", "tiny", "--tests", "test_third", "--jobs", "1", "--submission", theirs)
    assert labtester(*command, "--seeds", "1").status == 0
    done = labtester(*command, "--seeds", "2")
    assert done.status == 1
    assert "seed 1: not deterministic\n" in done.out


@pytest.mark.parametrize("usual", ["0", "777"])
def test_the_order_of_strings_is_a_warning_with_its_line(
    labtester: Runner, monkeypatch: pytest.MonkeyPatch, usual: str
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", usual)
    put = "for peer in {f'peer {n}' for n in range(50)}:\n    break\nif peer < 'peer 3':" + REFUSED
    theirs = submit(labtester.folder, put)
    command = ("run", "tiny", "--seeds", "10", "--submission", theirs)
    done = labtester(*command, "--json", "a.json")
    record = json.loads(Path("a.json").read_text())
    (warning,) = record["warnings"]
    assert "another hash seed makes another run (theirs/kvsrv/server.py:" in warning
    assert "iterates over a set" in warning
    assert f"warning: {warning}\n" in done.err
    assert "not deterministic" not in done.out
    assert all("differs" not in test for test in record["tests"])


def test_what_does_not_load_elsewhere_fails(labtester: Runner) -> None:
    Path("here.txt").write_text("here")
    theirs = submit(labtester.folder, before="TEXT = open('here.txt').read()")
    done = labtester("run", "tiny", "--seeds", "1", "--submission", theirs)
    assert done.status == 1
    assert "it cannot be loaded: " in done.out
    assert "test_third went another way there, too" in done.out


def test_a_correct_submission_is_none_the_wiser(labtester: Runner) -> None:
    done = labtester("run", "tiny", "--seeds", "10", "--submission", submit(labtester.folder))
    assert (done.status, "warning" in done.err) == (0, False)
    assert "not deterministic" not in done.out


def _no_process(where: Where) -> AbstractContextManager[Pool]:
    raise AssertionError(where)


def test_chance_that_looks_once_as_if_hashes_decided_is_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = ("test_a", 0)
    came = iter(["here", "there", "here", "here"])
    monkeypatch.setattr(selfcheck, "digests", lambda start, where, runs: {run: next(came)})
    judged = selfcheck._judged(_no_process, {run: ("here", "there")})
    assert judged == ([run], [])


# -- surroundings --------------------------------------------------------------------------------


def test_the_usual_surroundings_are_ours() -> None:
    with amid(HERE) as around:
        assert around == Around()
        assert environment({"A": "1", "HOME": "/h"}, around) == {"A": "1", "HOME": "/h"}


def test_variables_are_added_removed_and_changed() -> None:
    usual = {"A": "1", "PATH": "/bin", "HOME": "/h", "USER": "u", "PYTHONHASHSEED": "0"}
    with amid(Where(tuple(FACTORS))) as around:
        theirs = environment(usual, around)
        assert Path(theirs["HOME"]).is_dir()
    assert not Path(theirs["HOME"]).exists()
    assert "A" not in theirs
    assert set(theirs) - set(usual) >= {"ELSEWHERE", "TZ", "LC_ALL", "TMPDIR"}
    assert theirs["PYTHONHASHSEED"] == "0"
    assert all(theirs[name] != usual[name] for name in ("PATH", "HOME", "USER"))


@pytest.mark.parametrize("factor", FACTORS)
def test_one_factor_changes_no_variable_of_another(factor: str) -> None:
    usual = {"A": "1", "HOME": "/h", "TZ": "UTC", "LANG": "C", "TMPDIR": "/tmp"}
    with amid(Where((factor,))) as around:
        changed = {n for n, value in environment(usual, around).items() if usual.get(n) != value}
    expected = {
        "environment": {"ELSEWHERE", "PATH"},
        "user": {"HOME", "USER", "LOGNAME", "LNAME", "USERNAME"},
        "time zone": {"TZ"},
        "locale": {"LC_ALL"},
        "temporary": {"TMPDIR", "TEMP", "TMP"},
    }
    assert changed == expected.get(factor, set())


PASSED_ON = """
signal.signal(signal.SIGUSR1, lambda *_: os._exit(5))
os.kill(first, signal.SIGUSR1)
signal.pause()
"""
PARENT = """
import os, signal, sys
from tester.workers.surroundings import Around, enter
first = os.getpid()
enter(Around(("parent",)), (), signal.SIGUSR1)
assert os.getppid() == first
{what}
"""


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ("os._exit(7)", 7),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV),
        (PASSED_ON, 5),
    ],
)
def test_another_parent_passes_on_what_it_hears_and_ends_alike(what: str, status: int) -> None:
    done = subprocess.run([sys.executable, "-c", PARENT.format(what=what)], check=False)
    assert done.returncode == status
