"""What is graded of what was handed in: their files where they belong, and never ours instead."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tester.grading.archives import Limits, Malformed
from tester.grading.collect import OWN, REFERENCE, Collected, below, collect, reference, required
from tester.labs import LABS
from tests.grading.packing import KVSRV, folder, solution, zipped


def collected(
    tmp_path: Path, files: Mapping[str, bytes], lab: str = "kvsrv", **stands_on: str
) -> Collected:
    return collect(folder(tmp_path / "theirs", files), LABS[lab], stands_on, Limits())


def test_the_files_of_the_lab_are_taken(tmp_path: Path) -> None:
    found = collected(tmp_path, solution())
    assert (found.files, found.notes, found.missing) == (solution(), (), "")


def test_what_is_missing_stays_missing(tmp_path: Path) -> None:
    found = collected(tmp_path, {"kvsrv/client.py": b""})
    assert list(found.files) == ["kvsrv/client.py"]
    assert found.missing == "expected kvsrv/server.py, got kvsrv/client.py"


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("kvsrv/Server.py", "rename kvsrv/Server.py to kvsrv/server.py"),
        ("server.py", "rename server.py to kvsrv/server.py"),
        ("kvsrv/server.py.txt", ""),
    ],
)
def test_a_file_with_a_wrong_name_is_named(tmp_path: Path, path: str, remedy: str) -> None:
    files = {"kvsrv/client.py": b"", path: b""}
    assert remedy in collected(tmp_path, files).missing


@pytest.mark.parametrize("root", ["lab2/", "alice-main/labs/"])
def test_a_folder_around_it_does_no_harm(tmp_path: Path, root: str) -> None:
    files = {f"{root}{path}": content for path, content in solution().items()}
    files["other.py"] = b""
    source = zipped(tmp_path / "a.zip", files)
    assert collect(source, KVSRV, {}, Limits()).files == solution()


def test_two_copies_are_refused(tmp_path: Path) -> None:
    files = {f"{n}/{path}": content for n in "ab" for path, content in solution().items()}
    with pytest.raises(Malformed, match="got several: a/, b/; hand in one of them"):
        collected(tmp_path, files)


@pytest.mark.parametrize(
    ("path", "note"),
    [
        *(
            (f"{name}.py", "Python or pytest would run it")
            for name in ("conftest", "kvsrv/conftest")
        ),
        *((f"{name}.py", "would run it") for name in ("sitecustomize", "usercustomize")),
        *(
            (f"{name}.py", "everybody needs")
            for name in ("random", "asyncio", "pytest", "msgspec")
        ),
        ("random/__init__.py", "everybody needs"),
        *(
            (f"{name}/a.py", "part of labtester")
            for name in ("tester", "labrpc", "labtester", "linearizability")
        ),
        ("kvsrv/rpc.py", "the same for every submission"),
        ("evil.pth", "evil.pth is not used"),
    ],
)
def test_what_nobody_may_bring_is_left_out(tmp_path: Path, path: str, note: str) -> None:
    found = collected(tmp_path, solution() | {path: b"raise SystemExit"})
    assert found.files == solution()
    assert [note in one and path in one for one in found.notes] == [True]


@pytest.mark.parametrize("path", ["pyproject.toml", "test_mine.py", "kvsrv/__init__.py", "a.pyc"])
def test_what_a_starter_has_is_left_out_without_a_word(tmp_path: Path, path: str) -> None:
    found = collected(tmp_path, solution() | {path: b"?"})
    assert (found.files, found.notes) == (solution(), ())


def test_modules_of_their_own_are_taken(tmp_path: Path) -> None:
    more = {"helpers.py": b"x = 1\n", "kvsrv/table.py": b"y = 2\n", "mine/deep/a.py": b""}
    assert collected(tmp_path, solution() | more).files == solution() | more


@pytest.mark.parametrize("lab", list(LABS))
def test_the_labs_below_come_from_the_reference_or_from_the_student(
    tmp_path: Path, lab: str
) -> None:
    known = LABS[lab]
    own = collected(tmp_path, solution(known), lab)
    assert own.missing == ""
    assert own.files == solution(known)
    assert not own.files.keys() & set(own.granted)
    assert {*own.files, *own.granted} >= set(known.files)
    assert {*own.files, *own.granted} <= set(reference(known).files)
    everything = dict.fromkeys(below(known), OWN)
    assert set(required(known, everything)) == set(known.files)
    assert set(required(known, dict.fromkeys(below(known), REFERENCE))) <= set(known.files)
    if below(known):
        lacking = collect(tmp_path / "theirs", known, everything, Limits())
        assert bool(lacking.missing) == bool(set(known.files) - set(solution(known)))
        assert lacking.granted == ()


def test_a_reference_below_replaces_what_they_hand_in(tmp_path: Path) -> None:
    lock = LABS["lock"]
    files = solution(lock) | {"kvsrv/client.py": b"raise SystemExit"}
    found = collected(tmp_path, files, "lock")
    assert found.files == solution(lock)
    assert found.granted == ("kvsrv/client.py", "kvsrv/server.py")
    assert found.notes == (
        "kvsrv/client.py is not used: the rubric takes that lab from the reference",
    )


def test_digests_tell_files_apart() -> None:
    one = Collected({"a": b"bc"}, (), (), "")
    assert one.digest == Collected({"a": b"bc"}, (), ("a note",), "").digest
    assert one.digest != Collected({"ab": b"c"}, (), (), "").digest
