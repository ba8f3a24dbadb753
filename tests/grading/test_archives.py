"""Folders and archives from people who mean no good: nothing escapes, and nothing grows."""

import io
import os
import socket
import stat
import struct
import tarfile
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.grading.archives import Limits, Malformed, read
from tests.grading.packing import folder, solution, tarred, zipped

SMALL = Limits(entries=50, files=10, file_bytes=1000, total_bytes=3000, archive_bytes=200_000)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_file_is_read(tmp_path: Path, mode: str) -> None:
    suffix = {"w": ".tar", "w:gz": ".tgz", "w:bz2": ".tar.bz2", "w:xz": ".tar.xz"}[mode]
    found = read(tarred(tmp_path / f"a{suffix}", solution(), mode), Limits())
    assert found.files == solution()
    assert found.notes == []


def test_a_zip_file_and_a_folder_are_read(tmp_path: Path) -> None:
    files = solution() | {"README.md": b"hello", ".git/config": b"[core]", "venv/a.py": b"1"}
    for source in (zipped(tmp_path / "a.zip", files), folder(tmp_path / "a", files)):
        found = read(source, Limits())
        assert found.files == solution()
        assert found.others == ["README.md"]


def test_a_zip_file_may_have_a_comment(tmp_path: Path) -> None:
    place = zipped(tmp_path / "a.zip", solution())
    with zipfile.ZipFile(place, "a") as archive:
        archive.comment = b"and a comment " * 4_000
    assert read(place, Limits()).files == solution()


def test_a_list_of_very_many_entries_is_not_read(tmp_path: Path) -> None:
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", *[20, 3, 20, *[0] * 8, 1, *[0] * 6]) + b"a"
    entries = entry * 100_000
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 7, 7, len(entries), 0, 0)
    (tmp_path / "a.zip").write_bytes(entries + end)
    with pytest.raises(Malformed, match="its list of entries is longer than that of any"):
        read(tmp_path / "a.zip", Limits())


def test_a_folder_of_very_many_files_is_not_listed_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = []

    class Endless:
        def __init__(self, place: Path) -> None:
            self._number = 0

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def __iter__(self) -> Self:
            return self

        def __next__(self) -> object:
            listed.append(self._number)
            return self

    monkeypatch.setattr(os, "scandir", Endless)
    with pytest.raises(Malformed, match="at most 50 entries"):
        read(tmp_path, SMALL)
    assert len(listed) == 51


BAD_NAMES = [
    *("/etc/cron.d/a.py", "../a.py", "a/../../b.py", "a\\b.py", "c:/a.py", "a//b.py"),
    *("a\nb.py", "a\x1b[2J.py", "a\u202e.py", "a /b.py", "a./b.py", "x" * 300 + ".py"),
    "/".join("abcdefghijklmnopqrstuvwxyz") + ".py",
]


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_name_that_is_a_trick_is_refused(tmp_path: Path, pack: object, name: str) -> None:
    made = (zipped if pack is zipped else tarred)(
        tmp_path / ("a.zip" if pack is zipped else "a.tar"), solution() | {name: b"x = 1\n"}
    )
    with pytest.raises(Malformed, match=r"^a\.(zip|tar): .*expected a (path|name)"):
        read(made, Limits())
    assert sorted(os.listdir(tmp_path)) == [made.name]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("kvsrv/a.py", "KVSRV/A.py"),
        ("kvsrv/a.py", "kvsrv/a.py"),
        ("kvsrv/\u00e9.py", "kvsrv/e\u0301.py"),
        ("kvsrv.py", "kvsrv.py/a.py"),
        ("kvsrv.py/a.py", "KVSRV.py"),
    ],
)
def test_two_names_for_one_place_are_refused(tmp_path: Path, one: str, other: str) -> None:
    warned = pytest.warns(UserWarning, match="Duplicate") if one == other else nullcontext()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive, warned:
        archive.writestr(one, b"1")
        archive.writestr(other, b"2")
    with pytest.raises(Malformed, match="the same place"):
        read(tmp_path / "a.zip", Limits())


def test_links_and_devices_of_a_tar_file_are_left_out(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, kind in (
            ("sym.py", tarfile.SYMTYPE),
            ("hard.py", tarfile.LNKTYPE),
            ("pipe.py", tarfile.FIFOTYPE),
            ("disk.py", tarfile.BLKTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type = kind
            info.linkname = "/etc/passwd"
            archive.addfile(info)
    found = read(tmp_path / "a.tar", Limits())
    assert found.files == {}
    assert found.notes == [
        "sym.py is not used: expected a regular file, got a symbolic link",
        "hard.py is not used: expected a regular file, got a hard link",
        "pipe.py is not used: expected a regular file, got a pipe",
        "disk.py is not used: expected a regular file, got a device",
    ]


def test_links_of_a_zip_file_are_left_out(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("sym.py")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    found = read(tmp_path / "a.zip", Limits())
    assert (found.files, len(found.notes)) == ({}, 1)


def test_links_pipes_and_sockets_of_a_folder_are_left_out(tmp_path: Path) -> None:
    place = folder(tmp_path / "theirs", {"real.py": b"x = 1\n"})
    secret = tmp_path / "secret.py"
    secret.write_text("secret")
    (place / "sym.py").symlink_to(secret)
    (place / "folder").symlink_to(tmp_path)
    os.link(secret, place / "hard.py")
    os.mkfifo(place / "pipe.py")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place / "s.py"))
        found = read(place, Limits())
    assert found.files == {"real.py": b"x = 1\n"}
    assert len(found.notes) == 5


def bomb() -> bytes:
    return b"\0" * 5_000_000


@pytest.mark.parametrize("name", ["a.py", "a.txt"])
def test_a_tar_bomb_is_stopped(tmp_path: Path, name: str) -> None:
    made = tarred(tmp_path / "a.tar.xz", {name: bomb()}, "w:xz")
    assert made.stat().st_size < SMALL.archive_bytes
    with pytest.raises(Malformed, match=r"expected an? (archive|file) of at most"):
        read(made, SMALL)


def test_a_zip_bomb_is_stopped(tmp_path: Path) -> None:
    made = zipped(tmp_path / "a.zip", {"a.py": bomb()})
    with pytest.raises(Malformed, match="expected a file of at most 1000 bytes, got more"):
        read(made, SMALL)
    many = zipped(tmp_path / "b.zip", {f"a{n}.py": b"\0" * 900 for n in range(5)})
    with pytest.raises(Malformed, match="expected a submission of at most"):
        read(many, SMALL)


def test_a_zip_file_that_says_less_than_it_holds_is_stopped(tmp_path: Path) -> None:
    made = zipped(tmp_path / "a.zip", {"a.py": bomb()})
    data = bytearray(made.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")  # the size in the directory
    made.write_bytes(data)
    with pytest.raises(Malformed):
        read(made, SMALL)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({f"a{n}.txt": b"" for n in range(60)}, "at most 50 entries"),
        ({f"a{n}.py": b"" for n in range(11)}, "at most 10 Python files"),
    ],
)
def test_too_many_are_refused(tmp_path: Path, files: dict[str, bytes], sentence: str) -> None:
    for source in (
        zipped(tmp_path / "a.zip", files),
        tarred(tmp_path / "a.tar", files),
        folder(tmp_path / "a", files),
    ):
        with pytest.raises(Malformed, match=sentence):
            read(source, SMALL)


def test_other_ways_to_compress_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.py", b"x = 1\n" * 100)
    with pytest.raises(Malformed, match="compressed by method 14"):
        read(tmp_path / "a.zip", Limits())


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.xz", "a.tar.bz2", "a.rar"])
def test_what_is_no_archive_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04 this is none")
    with pytest.raises(Malformed, match=name):
        read(tmp_path / name, Limits())


def test_a_pipe_is_no_submission(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.zip")
    with pytest.raises(Malformed, match="got another file"):
        read(tmp_path / "a.zip", Limits())


def _packed(kind: str) -> bytes:
    stream = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in solution().items():
                archive.writestr(path, content)
    else:
        with tarfile.open(fileobj=stream, mode="w:gz") as tar:
            for path, content in solution().items():
                info = tarfile.TarInfo(path)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tgz"])
@given(data=st.data())
def test_a_damaged_archive_is_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    content = bytearray(_packed(kind))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    place = tmp_path_factory.mktemp("damaged") / f"a.{kind}"
    place.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        found = read(place, Limits())
    except Malformed as error:
        said = str(error)
        assert said.startswith("a.") and "\n" not in said
    else:
        assert all(path.endswith(".py") for path in found.files)
