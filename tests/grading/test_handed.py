"""What was handed in is read as data, and nothing is followed, opened or taken that is no file."""

import os
from pathlib import Path

import pytest

from tester.grading.handed import DEEPEST, LARGEST_FILE, MOST, Handed, checked, read


def paths(handed: Handed) -> list[str]:
    return list(handed.files)


def test_python_files_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "kvsrv").mkdir()
    (tmp_path / "kvsrv" / "server.py").write_bytes(b"\xff\0")
    (tmp_path / "helper.py").write_bytes(b"x = 1")
    (tmp_path / "README.md").write_bytes(b"hello")
    found = read(tmp_path)
    assert found == Handed({"helper.py": b"x = 1", "kvsrv/server.py": b"\xff\0"})
    assert paths(found) == ["helper.py", "kvsrv/server.py"]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda place, secret: place.symlink_to(secret), "it is a link"),
        (lambda place, secret: place.symlink_to("nowhere"), "it is a link"),
        (lambda place, secret: place.symlink_to(secret.parent), "it is a link"),
        (lambda place, secret: place.hardlink_to(secret), "it is a hard link"),
        (lambda place, secret: os.mkfifo(place), "it is no regular file"),
        (lambda place, secret: place.write_bytes(bytes(LARGEST_FILE + 1)), "more than 1 MB"),
    ],
    ids=["link", "broken link", "link to a folder", "hard link", "pipe", "large"],
)
def test_what_is_no_file_of_theirs_is_named_and_not_used(
    tmp_path: Path, make: object, why: str
) -> None:
    secret = tmp_path / "secrets" / "secret.py"
    secret.parent.mkdir()
    secret.write_text("the secret")
    folder = tmp_path / "submission"
    folder.mkdir()
    assert callable(make)
    make(folder / "server.py", secret)
    found = read(folder)
    assert paths(found) == []
    [note] = found.notes
    assert note.startswith("server.py is not used: ")
    assert why in note


def test_a_linked_folder_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "server.py").write_text("x")
    (tmp_path / "submission").mkdir()
    (tmp_path / "submission" / "kvsrv").symlink_to(tmp_path / "theirs")
    found = read(tmp_path / "submission")
    assert paths(found) == []
    assert found.notes == ("kvsrv is not used: it is a link; hand in the file itself",)


def test_too_much_is_nothing(tmp_path: Path) -> None:
    for number in range(MOST + 1):
        (tmp_path / f"a{number}.py").touch()
    found = read(tmp_path)
    assert paths(found) == []
    assert "more than 1000 files" in found.notes[0]


def test_together_they_may_not_be_too_large(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"a{number}.py").write_bytes(bytes(LARGEST_FILE))
    found = read(tmp_path)
    assert paths(found) == []
    assert "more than 8 MB together" in found.notes[0]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("random.py", "Python's own"),
        ("asyncio/events.py", "Python's own"),
        ("tester/__init__.py", "labtester's own"),
        ("conftest.py", "configure tools"),
        ("kvsrv/conftest.py", "configure tools"),
        ("sitecustomize.py", "configure tools"),
        ("evil.pth", "only Python files are"),
        ("a\nb.py", "nobody can import"),
        ("../../etc/passwd.py", "nobody can import"),
        ("/etc/passwd.py", "nobody can import"),
        ("a b.py", "nobody can import"),
        ("kvsrv/.hidden.py", "nobody can import"),
        ("a/" * (DEEPEST + 1) + "b.py", "nobody can import"),
    ],
)
def test_names_that_are_not_for_a_submission(path: str, why: str) -> None:
    found = checked({path: b"", "kvsrv/server.py": b"x"})
    assert paths(found) == ["kvsrv/server.py"]
    assert why in found.notes[0]
    assert found.notes[0].isprintable()
