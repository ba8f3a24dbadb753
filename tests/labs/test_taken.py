"""What a lab takes of a folder is named, and so is what only looks as if it were taken."""

import os
from pathlib import Path

import pytest

from tester.labs import LABS
from tester.labs.taken import misses, taken
from tester.world.submission import REFERENCE, BadSubmission, Submission

CLERK = "class Clerk:\n    pass\n"


def write(folder: Path, *files: str) -> Path:
    for name in files:
        place = folder / name
        if name.endswith("/"):
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(CLERK)
    return folder


def refusal(folder: Path, lab: str = "kvsrv") -> str:
    """The sentence about a folder of which nothing is loaded, after its beginning."""
    with pytest.raises(BadSubmission) as refused:
        taken(LABS[lab], Submission(folder))
    sentence = str(refused.value)
    wanted = {
        "kvsrv": "kvsrv/server.py or kvsrv/client.py",
        "raft": "raft/raft.py",
        "dedup": "kvsrv/dedup/server.py or kvsrv/dedup/client.py",
    }
    start = f"{folder}: expected {wanted[lab]} for the lab {lab}, got no such file"
    assert sentence.startswith(start)
    return sentence.removeprefix(start)


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("kvsrv/Client.py", "expected kvsrv/client.py, spelled exactly so"),
        ("Kvsrv/client.py", "expected kvsrv/client.py, spelled exactly so"),
        ("KVSRV/CLIENT.PY", "expected kvsrv/client.py, spelled exactly so"),
        ("kvsrv/client.py.txt", "expected kvsrv/client.py"),
        ("kvsrv/client.ipynb", "expected kvsrv/client.py"),
        ("kvsrv/client.pyc", "expected kvsrv/client.py"),
        ("kvsrv/client", "expected kvsrv/client.py"),
        ("kvsrv/Server.PY.bak", "expected kvsrv/server.py"),
        ("kvsrv/clerk.py", "it defines Clerk, which is expected in kvsrv/client.py"),
        ("kvsrv/my_client.py", "it defines Clerk, which is expected in kvsrv/client.py"),
        ("solution.py", "it defines Clerk, which is expected in kvsrv/client.py"),
        ("kvsrv/src/client.py", "expected it at kvsrv/client.py"),
        ("kvsrv/client/client.py", "expected it at kvsrv/client.py"),
        ("client.py", "expected it at kvsrv/client.py"),
        ("src/client.py", "expected it at kvsrv/client.py"),
    ],
)
def test_a_file_that_looks_as_if_it_were_meant_is_named(
    tmp_path: Path, file: str, why: str
) -> None:
    folder = write(tmp_path / "theirs", file)
    assert misses(LABS["kvsrv"], folder) == [f"{file} is not used: {why}"]
    assert refusal(folder) == f"; {file} is not used: {why}"


@pytest.mark.parametrize(
    "file",
    ["kvsrv/util.py", "raft/raft.py", "kvsrv/dedup/client.py", ".old/client.py", "_old/client.py"],
)
def test_a_file_that_belongs_elsewhere_is_not(tmp_path: Path, file: str) -> None:
    (write(tmp_path, file) / file).write_text("")
    assert misses(LABS["kvsrv"], tmp_path) == []


def test_what_is_there_is_not_looked_for(tmp_path: Path) -> None:
    write(tmp_path, "kvsrv/client.py", "kvsrv/Client.py", "kvsrv/server/__init__.py", "server.py")
    assert misses(LABS["kvsrv"], tmp_path) == []


def test_what_stands_in_the_way_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", "kvsrv/client.py/")
    assert refusal(folder) == (
        "; kvsrv/client.py is not used: expected a file, got a folder; "
        "the folder contains no files"
    )
    folder = write(tmp_path / "b", "kvsrv")
    why = "expected a folder with server.py, got a file"
    assert refusal(folder) == f"; kvsrv is not used: {why}"
    folder = write(tmp_path / "c", "kvsrv/")
    os.mkfifo(folder / "kvsrv" / "client.py")
    assert "; kvsrv/client.py is not used: expected a file, got a device" in refusal(folder)
    for name, goal in (("d", "nowhere"), ("e", "client.py")):  # a link to nothing, and to itself
        folder = write(tmp_path / name, "kvsrv/")
        (folder / "kvsrv" / "client.py").symlink_to(goal)
        assert refusal(folder).startswith("; kvsrv/client.py is not used: ")
    folder = write(tmp_path, "f/") / "f"
    (folder / "kvsrv").symlink_to("kvsrv")
    assert refusal(folder).startswith("; kvsrv is not used: ")


def test_links_in_a_circle_do_not_keep_us(tmp_path: Path) -> None:
    folder = write(tmp_path, "kvsrv/util.py")
    (folder / "kvsrv" / "again").symlink_to(folder)
    why = "it defines Clerk, which is expected in kvsrv/client.py"
    assert misses(LABS["kvsrv"], folder) == [f"kvsrv/util.py is not used: {why}"]


def test_a_huge_folder_is_not_read_to_its_end(tmp_path: Path) -> None:
    deep = tmp_path / "/".join(["x"] * 20)
    write(tmp_path, "a/", *(f"a/{number}" for number in range(2_000)), "kvsrv/Client.py")
    write(deep, "client.py")
    assert misses(LABS["kvsrv"], tmp_path) == []


def test_another_folder_is_suggested(tmp_path: Path) -> None:
    write(tmp_path / "mine", "kvsrv/client.py")
    expected = "mine/kvsrv/client.py is not used: expected it at kvsrv/client.py"
    assert refusal(tmp_path) == f"; {expected}; name {tmp_path / 'mine'} instead"
    inside = tmp_path / "mine" / "kvsrv"
    expected = "client.py is not used: expected it at kvsrv/client.py"
    assert refusal(inside) == f"; {expected}; name {tmp_path / 'mine'} instead"


def test_what_else_there_is(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", "kvsrv/client.py", "lock/lock.py")
    assert refusal(folder, "raft") == "; it has files of kvsrv, lock"
    assert refusal(write(tmp_path / "b", "kvsrv.zip")) == "; unpack kvsrv.zip"
    assert refusal(write(tmp_path, "c/") / "c") == "; the folder contains no files"
    many = write(tmp_path / "d", *(f"{name}/client.py" for name in "abcde"))
    assert refusal(many).endswith("; 2 more files are not used either")


def test_the_reference_takes_nothing_from_a_folder() -> None:
    assert taken(LABS["kvsrv"], REFERENCE) == ""
