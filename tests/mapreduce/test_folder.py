"""A real folder as a disk, and input files cut into parts at the ends of lines and words."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapreduce import folder
from mapreduce.apps.wc import WORD
from mapreduce.folder import Folder, Split, named, split

PIECES = ["a", "bc", "é", "山", " ", "\n", "\t", "\r\n", "-"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=60)


def parts_of(path: Path, size: int) -> list[Split]:
    return list(split("doc", path, size))


@given(TEXTS.map("".join), st.integers(1, 20))
def test_parts_are_the_file_and_are_cut_between_characters(text: str, size: int) -> None:
    data = text.encode()
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as scratch:
        patch.setattr(folder, "_WINDOW", 8)
        path = Path(scratch) / "file"
        path.write_bytes(data)
        parts = parts_of(path, size)
    assert [part.start for part in parts] == [0, *(part.end for part in parts[:-1])]
    assert parts[-1].end == len(data)
    assert all(part.end - part.start <= size for part in parts)
    pieces = [data[part.start : part.end] for part in parts]
    if size >= 3:  # no character is longer
        assert "".join(piece.decode() for piece in pieces) == text
    for piece in pieces[:-1]:
        inside = piece[-8:]
        if b"\n" in inside:
            assert piece.endswith(b"\n")
        elif any(space in inside for space in (b" ", b"\t", b"\r")):
            assert piece[-1:] in b" \t\r"


def test_words_and_lines_stay_whole_where_they_can(tmp_path: Path) -> None:
    path = tmp_path / "file"
    lines = [f"line {number} of the text\n" for number in range(200)]
    path.write_text("".join(lines))
    pieces = [path.read_bytes()[p.start : p.end].decode() for p in parts_of(path, 100)]
    assert len(pieces) > 40
    assert [line for piece in pieces for line in piece.splitlines(keepends=True)] == lines
    path.write_text(" ".join(["word"] * 200))
    pieces = [path.read_bytes()[p.start : p.end].decode() for p in parts_of(path, 33)]
    assert [word for piece in pieces for word in WORD.findall(piece)] == ["word"] * 200


def test_an_empty_file_is_one_part(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    assert [(part.start, part.end) for part in parts_of(path, 10)] == [(0, 0)]


def test_a_folder_is_a_disk(tmp_path: Path) -> None:
    async def use() -> None:
        source = tmp_path / "source"
        source.write_bytes(b"0123456789")
        parts = named(parts_of(source, 4))
        (tmp_path / "job").mkdir()
        disk = Folder(tmp_path / "job", parts)
        assert [await disk.read(name) for name in parts] == [b"0123", b"4567", b"89"]
        await disk.write("a", b"x")
        await disk.rename("a", "b")
        await disk.write("c", b"")
        assert await disk.names() == ["b", "c"]
        assert await disk.names("b") == ["b"]
        assert await disk.read("b") == b"x"
        await disk.remove("b")
        await disk.remove("b")
        with pytest.raises(FileNotFoundError):
            await disk.read("b")
        with pytest.raises(FileNotFoundError):
            await disk.rename("b", "d")
        source.write_bytes(b"01234")
        with pytest.raises(OSError, match="doc has become shorter"):
            await disk.read("part-1")

    asyncio.run(use())
