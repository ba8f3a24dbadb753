"""A lab that somebody adds in one folder and one line: every command works on it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ECHO = {
    "echo/__init__.py": "__lab__ = True\n",
    "echo/api.py": """
from labrpc import Message

__fixed__ = True


class Said(Message, frozen=True):
    text: str
""",
    "echo/server.py": """
from echo.api import Said


class EchoServer:
    def say(self, said: Said) -> Said:
        return said
""",
    "echo/client.py": """
import asyncio

from echo.api import Said
from echo.server import EchoServer
from labrpc import ClientEnd


class Client:
    def __init__(self, end: ClientEnd) -> None:
        self._end = end

    async def say(self, text: str) -> str:
        while (reply := await self._end.call(EchoServer.say, Said(text))) is None:
            await asyncio.sleep(0.1)
        return reply.text
""",
    "echolab/__init__.py": """
from tester.labs.lab import Expected, Lab, Method

LAB = Lab(
    name="echo",
    suite="echolab.suite",
    classes=(
        Expected("echo.server", "EchoServer", (), (Method("say", ("said",)),)),
        Expected("echo.client", "Client", ("end",), (Method("say", ("text",)),)),
    ),
    bugs="echolab.bugs",
    document="echo.md",
)
""",
    "echolab/suite.py": '''
from typing import Protocol

from tester import Simulation, simulate
from labrpc import UNRELIABLE


class Speaker(Protocol):
    async def say(self, text: str) -> str: ...


@simulate(network=UNRELIABLE)
async def test_echo(sim: Simulation) -> None:
    """What a client says comes back to it."""
    sim.serve(sim.submission.get("echo.server", "EchoServer"))
    client = sim.clerk(sim.submission.get("echo.client", "Client"), like=Speaker)
    for text in ("hello", "world"):
        assert await client.say(text) == text
''',
    "echolab/bugs.py": """
from tester.labs.patch import Catalogue, Patch

CATALOGUE = Catalogue(
    bugs=(
        Patch(
            "gives_up",
            "A client that gets no reply says that nothing came.",
            "echo/client.py",
            (
                ("        while (reply :=", "        if (reply :="),
                ("            await asyncio.sleep(0.1)\\n", "            return ''\\n"),
            ),
            killed_by=("test_echo",),
            seeds=20,
        ),
    ),
    variants=(),
)
""",
}
MAIN = (
    "from tester import cli, labs; from echolab import LAB; labs.LABS[LAB.name] = LAB; cli.main()"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the new lab lies, and a submission for it."""
    made = tmp_path_factory.mktemp("echo")
    for file, source in ECHO.items():
        (made / file).parent.mkdir(exist_ok=True)
        (made / file).write_text(source.lstrip("\n"))
    theirs = made / "theirs" / "echo"
    theirs.mkdir(parents=True)
    wrong = ECHO["echo/client.py"].replace("while (reply :=", "if (reply :=")
    wrong = wrong.replace("await asyncio.sleep(0.1)", 'return ""')
    theirs.joinpath("client.py").write_text(wrong)
    return made


def labtester(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); {MAIN}"
    command = [sys.executable, "-c", code, *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_new_lab_runs_and_verifies(folder: Path) -> None:
    ran = labtester(folder, "run", "echo", "--seeds", "10")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "test_echo" in ran.stdout
    listed = labtester(folder, "labs", "echo")
    assert "What a client says comes back to it." in listed.stdout
    verified = labtester(folder, "verify", "echo", "--seeds", "1")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_bug_in_a_new_lab_is_found_replayed_and_explained(folder: Path) -> None:
    where = ("--submission", "theirs")
    ran = labtester(folder, "run", "echo", "--seeds", "20", *where, "--json", "run.json")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    [test] = json.loads((folder / "run.json").read_text())["tests"]
    seed = str(test["failed"][0] if isinstance(test["failed"], list) else 0)
    replayed = labtester(folder, "replay", "echo", "test_echo", "--seed", seed, *where)
    assert replayed.returncode == 1
    assert "EchoServer.say" in replayed.stdout
    explained = labtester(folder, "explain", "echo", "test_echo", "--seed", seed, *where)
    assert explained.returncode == 1
    assert "One lost" in explained.stdout, explained.stdout + explained.stderr


def test_the_catalogue_of_a_new_lab_is_killed(folder: Path) -> None:
    done = labtester(folder, "mutants", "echo", "--seeds", "20")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gives_up" in done.stdout
