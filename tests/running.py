"""How the tests of the runner run commands on the tiny suite, and the submissions they hand in."""

import inspect
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tester import cli
from tester.labs import LABS
from tester.labs.lab import Lab
from tests.tree import ROOT

TINY = Lab("tiny", "tests.tiny", LABS["kvsrv"].classes, course=("test_unreliable", "test_heavy"))
ROGUE = Lab("rogue", "tests.rogue", LABS["kvsrv"].classes)
MAIN = (
    "from tester import cli, labs; from tests.running import TINY; "
    "labs.LABS['tiny'] = TINY; cli.main()"
)
"""`labtester` with the tiny lab, for `python -c`."""


def click_runner() -> CliRunner:
    """Runs one command of click's; the releases before 8.2 kept stderr apart only if asked."""
    options: dict[str, Any] = {"mix_stderr": False}
    known = inspect.signature(CliRunner).parameters
    return CliRunner(**{name: value for name, value in options.items() if name in known})


_TAKEN = re.compile(r"^.+: \S+\.py -> .+\n", re.MULTILINE)
_PROGRESS = re.compile(r"^\S+: .+ \(\d+ of \d+\)\n", re.MULTILINE)


@dataclass
class Done:
    """What a command came to."""

    status: int
    out: str
    err: str
    """Without the lines that are in `taken` and `progress`."""
    taken: str = ""
    progress: str = ""
    """The lines about what was taken from a submission, and about the progress."""

    @property
    def sentence(self) -> str:
        """The one line on standard error, of a command that was misused."""
        assert self.status == 2
        assert self.out == ""
        assert self.err.endswith("\n")
        assert self.err.count("\n") == 1
        return self.err.strip()


class Runner:
    """Runs `labtester` commands in this process, in a folder of their own."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(folder)
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.delenv("PYTHONHASHSEED", raising=False)  # then it is the one that is fixed
        monkeypatch.setitem(LABS, "tiny", TINY)
        monkeypatch.setitem(LABS, "rogue", ROGUE)
        self.folder = folder
        self._capfd = capfd

    def __call__(self, *args: str) -> Done:
        self._capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main(args)
        out, err = self._capfd.readouterr()
        assert isinstance(ended.value.code, int)
        assert "Traceback" not in err
        taken, progress = ("".join(one.findall(err)) for one in (_TAKEN, _PROGRESS))
        return Done(ended.value.code, out, _PROGRESS.sub("", _TAKEN.sub("", err)), taken, progress)

    def json(self, *args: str) -> Any:
        """The record of a command, without what differs from run to run."""
        done = self(*args, "--json", "-")
        assert done.status != 2, done.err
        assert done.out.endswith("}\n")
        record = json.loads(done.out)
        for test in record.get("tests", [record]):
            assert test.pop("wall_s") >= 0
        return record


@pytest.fixture
def labtester(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Runner:
    return Runner(tmp_path, monkeypatch, capfd)


def submit(folder: Path, put: str = "", *, before: str = "", name: str = "theirs") -> str:
    """A submission whose server does something before each put, or when it is imported."""
    source = (ROOT / "kvsrv" / "server.py").read_text()
    head, put_line, rest = source.partition("        version = self._table[args.key][1] if")
    assert put_line
    future, imports = head.split("from kvsrv.rpc", 1)
    body = "".join(f"        {line}\n" for line in put.splitlines())
    text = f"{future}{before}\nfrom kvsrv.rpc{imports}{body}{put_line}{rest}"
    place = folder / name / "kvsrv"
    place.mkdir(parents=True)
    (place / "server.py").write_text(text)
    return name


TWO_CLIENTS = "test_two_clients_once_unreliable"
"""The test of the lock lab that is small enough for a proof."""


def submit_lock(folder: Path, *, fixed: bool = False, name: str = "maybe") -> str:
    """A lock whose acquire takes MAYBE for OK; the reference's once it is fixed."""
    source = (ROOT / "lock" / "lock.py").read_text()
    ok = "self._me, version) is Err.OK"
    assert source.count(ok) == 1
    place = folder / name / "lock"
    place.mkdir(parents=True, exist_ok=True)
    wrong = "self._me, version) in (Err.OK, Err.MAYBE)"
    (place / "lock.py").write_text(source if fixed else source.replace(ok, wrong))
    return name
