"""Whose a file is, and that nobody but us can mark one as ours."""

import ast
import asyncio
import importlib.util
import sysconfig
from pathlib import Path

import pytest

import labrpc.network
import linearizability.search
import tester.engine.loop
import tester.world.simulation
from tester.guard.origin import is_installed, is_users
from tester.workers.results import Lost, StackFrame
from tester.world.failure import user_frames
from tests.tree import ROOT, sources

LABS = ROOT / "tester" / "labs"


@pytest.mark.parametrize(
    ("file", "users"),
    [
        (__file__, True),
        (f"{ROOT}/kvsrv/client.py", True),
        (f"{ROOT}/raft/raft.py", True),
        (f"{ROOT}/labrpc_of_mine.py", True),
        (f"{LABS}/kvsrv.py", True),
        (f"{LABS}/raft/cluster.py", True),
        (f"{LABS}/a_suite_that_is_gone.py", True),
        ("/somewhere/tester/engine/loop.py", True),
        (f"{sysconfig.get_path('purelib')}/numpy/core.py", True),
        (f"{LABS}/crowd.py", False),
        (f"{LABS}/raft/peer.py", False),
        (f"{LABS}/raft/safety.py", False),
        (f"{LABS}/raft/hearsay.py", False),
        (labrpc.network.__file__, False),
        (linearizability.search.__file__, False),
        (tester.engine.loop.__file__, False),
        (tester.world.simulation.__file__, False),
        (asyncio.__file__, False),
        ("<frozen importlib._bootstrap>", False),
        ("<string>", False),
    ],
)
def test_whose_file_it_is(file: str, users: bool) -> None:
    assert is_users(file) is users


def marked(source: str) -> list[object]:
    """The values a module gives to its mark, as Python reads it."""
    return [
        ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id == "__harness__"
    ]


def test_each_mark_is_spelled_as_it_is_looked_for() -> None:
    marks = {path: found for path in sources("tester") if (found := marked(read(path)))}
    assert marks.pop("tester/labs/__init__.py") == [False]
    assert marks
    for path, values in marks.items():
        assert values == [not is_users(str(ROOT / path))], path


def read(path: str) -> str:
    return (ROOT / path).read_text()


@pytest.fixture
def hider(tmp_path: Path) -> Path:
    """A user's file that claims to be ours, in every way there is."""
    (tmp_path / "__init__.py").write_text("__harness__ = True\n")
    file = tmp_path / "hider.py"
    file.write_text("__harness__ = True\n\ndef fail():\n    raise ValueError\n")
    return file


def test_a_users_frames_cannot_hide_behind_the_mark(hider: Path) -> None:
    spec = importlib.util.spec_from_file_location("tester.labs.hider", hider)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(ValueError) as caught:
        module.fail()
    assert [frame.file for frame in user_frames(caught.value)] == [__file__, str(hider)]


def test_nor_can_those_of_a_process_that_died(hider: Path) -> None:
    """All that is left of it are the names of files, of modules that were not imported here."""
    files = [f"{LABS}/crowd.py", str(hider), f"{LABS}/kvsrv.py", tester.engine.loop.__file__]
    lost = Lost(1, "", tuple(StackFrame(file, 1, "f") for file in files))
    assert [place.file for place in lost.users()] == [str(hider), f"{LABS}/kvsrv.py"]


def test_what_a_package_manager_installed() -> None:
    assert is_installed(f"{sysconfig.get_path('purelib')}/numpy/core.py")
    assert not is_installed(__file__)
    assert not is_installed(asyncio.__file__)
