"""A submission overlays the reference packages, once in a process, and says what is wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tester.world.submission import REFERENCE, BadSubmission, current, load
from tests.tree import ROOT

PRELUDE = """
from pathlib import Path
from tester.world.submission import BadSubmission, current, load
try:
    theirs = load(Path("theirs"))
    {code}
except BadSubmission as error:
    print(str(error).replace(str(Path.cwd()), "."))
"""
SERVER = "class KVServer: pass\n"
CLIENT = "class Clerk: pass\n"


def loaded(folder: Path, code: str, files: dict[str, str], before: str = "") -> str:
    """What a process prints that loads a submission of these files and runs some code."""
    for name, text in files.items():
        file = folder / "theirs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", before + PRELUDE.format(code=code)],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_what_is_there_is_theirs_and_the_rest_is_ours(tmp_path: Path) -> None:
    code = "import kvsrv.client, kvsrv.server, lock.lock; print(*(m.__file__ for m in "
    code += "(kvsrv.client, kvsrv.server, lock.lock)))"
    client, server, lock = loaded(tmp_path, code, {"kvsrv/client.py": CLIENT}).split()
    assert client == str(tmp_path / "theirs/kvsrv/client.py")
    assert server == str(ROOT / "kvsrv/server.py")
    assert lock == str(ROOT / "lock/lock.py")


@pytest.mark.parametrize(
    ("file", "first"),
    [
        (
            "kvsrv/server.py",
            "from kvsrv import Err, GetArgs, GetReply, PutArgs, PutReply, Version",
        ),
        ("kvsrv/client.py", "from kvsrv import Err, KVServer"),
        ("kvsrv/dedup/client.py", "from kvsrv.dedup import KVServer"),
        ("kvraft/rsm.py", "from kvraft import StateMachine"),
        ("kvraft/server.py", "from kvraft import RSM"),
        ("kvraft/client.py", "from kvraft import KVServer"),
        ("kvraft/dedup/client.py", "from kvraft.dedup import KVServer"),
        ("raft/raft.py", "from raft import ApplyMsg, Persister"),
        ("mapreduce/coordinator.py", "from mapreduce import App, Disk, partition"),
    ],
)
def test_a_module_may_import_from_its_own_package(tmp_path: Path, file: str, first: str) -> None:
    theirs = (ROOT / file).read_text().replace("annotations\n", f"annotations\n{first}\n", 1)
    module = file.removesuffix(".py").replace("/", ".")
    code = f"import {module}; print({module}.__file__)"
    assert first in theirs
    assert loaded(tmp_path, code, {file: theirs}) == str(tmp_path / "theirs" / file)


def test_an_init_of_theirs_within_a_lab_hides_nothing_of_ours(tmp_path: Path) -> None:
    """Many editors put an empty one into each folder."""
    files = {
        "kvsrv/__init__.py": "",
        "kvsrv/dedup/__init__.py": "",
        "kvsrv/dedup/server.py": f"from kvsrv.dedup import rpc\n{SERVER}",
    }
    code = "import kvsrv.dedup.client, kvsrv.dedup.server; print(kvsrv.dedup.client.__file__, "
    code += "kvsrv.dedup.server.rpc.__name__, kvsrv.dedup.server.__file__)"
    client, of, server = loaded(tmp_path, code, files).split()
    assert client == str(ROOT / "kvsrv/dedup/client.py")
    assert of == "kvsrv.dedup.rpc"
    assert server == str(tmp_path / "theirs/kvsrv/dedup/server.py")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"lock/__init__.py": "TRIES = 3\n"},
            ["./theirs/lock/__init__.py is not used: the packages"],
        ),
        (
            {"kvsrv/dedup/__init__.py": "not Python"},
            ["./theirs/kvsrv/dedup/__init__.py is not us"],
        ),
        ({"kvsrv/rpc.py": "Err = str\n"}, ["./theirs/kvsrv/rpc.py is not used: this module is"]),
        ({"lock/__init__.py": '"""The lock."""\n# mine\n', "kvsrv/__init__.py": ""}, []),
        ({"lock/__init__.py": (ROOT / "lock/__init__.py").read_text()}, []),
        ({"kvsrv/mine/__init__.py": "TRIES = 3\n", "mine/__init__.py": "TRIES = 3\n"}, []),
    ],
)
def test_files_that_are_not_used_are_named(
    tmp_path: Path, files: dict[str, str], said: list[str]
) -> None:
    code = "print('\\n'.join(theirs.ignored()).replace(str(Path.cwd()), '.'))"
    told = loaded(tmp_path, code, files | {"kvsrv/server.py": SERVER}).splitlines()
    assert len(told) == len(said)
    assert all(line.startswith(start) for line, start in zip(told, said, strict=True))


def test_fixed_files_are_always_ours(tmp_path: Path) -> None:
    files = {"kvsrv/rpc.py": "raise SystemExit", "kvsrv/server.py": SERVER}
    code = "import kvsrv.rpc; print(kvsrv.rpc.__file__)"
    assert loaded(tmp_path, code, files) == str(ROOT / "kvsrv/rpc.py")


@pytest.mark.parametrize("package", ["kvsrv", "lock"])
def test_what_was_imported_before_stays_one_module(tmp_path: Path, package: str) -> None:
    """Messages must be the same classes for both sides, however each imports them."""
    before = "import kvsrv, kvsrv.rpc\nold, rpc, clerk = kvsrv, kvsrv.rpc, kvsrv.Clerk\n"
    code = "import kvsrv.rpc, kvsrv; print(kvsrv.rpc is rpc, kvsrv is old, kvsrv.Clerk is clerk)"
    files = {f"{package}/client.py": "import kvsrv.rpc\nassert kvsrv.rpc.Err\n" + CLIENT}
    assert loaded(tmp_path, code, files, before) == "True False False"


def test_a_helper_is_found_and_shadows_nothing(tmp_path: Path) -> None:
    files = {
        "kvsrv/server.py": "import helper, kvsrv.extra, json\n" + SERVER,
        "kvsrv/extra.py": "",
        "helper.py": "",
        "json.py": "raise SystemExit",
        "labrpc/__init__.py": "raise SystemExit",
    }
    code = "theirs.get('kvsrv.server', 'KVServer'); import labrpc;"
    code += "print(*(m.__name__ for m in theirs.modules() if theirs.holds(m.__file__)))"
    assert loaded(tmp_path, code, files) == "helper kvsrv.extra kvsrv.server"


def test_a_package_of_theirs_alone(tmp_path: Path) -> None:
    files = {"gossip/__init__.py": "X = 1", "gossip/worker.py": "class Worker: pass"}
    code = "import gossip; print(gossip.X, theirs.get('gossip.worker', 'Worker').__name__)"
    assert loaded(tmp_path, code, files) == "1 Worker"
    assert loaded(tmp_path, code.replace("gossip.X, ", ""), {"gossip/__init__.py": ""}) == "Worker"


GET = "theirs.get('kvsrv.server', 'KVServer')"


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("def f(:", "server.py:1: invalid syntax; the file is not Python"),
        ("\n1/0", "server.py:2: importing it raised ZeroDivisionError('division by zero')"),
        ("import sys\nsys.exit(3)", "server.py:2: importing it raised SystemExit(3)"),
        ("exec('(')", "server.py:1: '(' was never closed; the file is not Python"),
        ("", "server.py: expected a definition of KVServer, got none"),
        (
            "KVServer = 3",
            "server.py: expected a class KVServer, got int",
        ),
        (
            "import nosuch",
            "server.py:1: importing it raised ModuleNotFoundError(\"No module named 'nosuch'\")",
        ),
    ],
)
def test_what_cannot_be_loaded_is_one_sentence(tmp_path: Path, source: str, sentence: str) -> None:
    said = loaded(tmp_path, GET, {"kvsrv/server.py": source})
    assert said.startswith(f"./theirs/kvsrv/{sentence}")
    assert "\n" not in said


def test_the_line_is_where_the_exception_was_raised(tmp_path: Path) -> None:
    files = {"kvsrv/server.py": "import helper", "helper.py": "def f():\n  {}[1]\nf()"}
    assert loaded(tmp_path, GET, files) == "./theirs/helper.py:2: importing it raised KeyError(1)"


def test_what_is_no_folder_is_no_submission(tmp_path: Path) -> None:
    none = "./theirs: expected a folder with packages of a lab, got "
    assert loaded(tmp_path, GET, {}) == f"{none}nothing there"
    (tmp_path / "theirs").touch()
    assert loaded(tmp_path, GET, {}) == f"{none}a file: unpack it first"
    (tmp_path / "theirs").unlink()
    (tmp_path / "theirs").symlink_to("theirs")
    assert loaded(tmp_path, GET, {}).startswith(
        "expected a folder, got a cycle of symbolic links: "
    )


def test_a_process_loads_one_submission(tmp_path: Path) -> None:
    (tmp_path / "other" / "lock").mkdir(parents=True)
    code = "print(load(Path('theirs')) is theirs is current()); load(Path('other'))"
    same, refused = loaded(tmp_path, code, {"kvsrv/server.py": SERVER}).splitlines()
    assert same == "True"
    assert refused == ("this process has loaded ./theirs; load ./other in a process of its own")


def test_the_reference_is_a_submission_without_a_folder() -> None:
    assert current() is REFERENCE
    assert REFERENCE.get("kvsrv.client", "Clerk").__module__ == "kvsrv.client"
    assert not REFERENCE.holds(__file__)
    with pytest.raises(BadSubmission, match=r"client\.py: expected a class Nobody, got none"):
        REFERENCE.get("kvsrv.client", "Nobody")
    with pytest.raises(BadSubmission, match=r"^nosuch: importing it raised ModuleNotFoundError"):
        REFERENCE.get("nosuch", "Nobody")


def test_the_tester_and_its_own_process_stay_untouched(tmp_path: Path) -> None:
    with pytest.raises(
        BadSubmission, match="expected a folder with packages of a lab, got nothing there"
    ):
        load(tmp_path / "nowhere")
    assert current() is REFERENCE
