"""A folder as a disk: a crash at any step of a write leaves the files before it, or after it."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raft.api import Persister
from raft.folder import INLINE_BYTES, BadFolder, Folder

BIG = b"b" * (INLINE_BYTES + 1)
BIGGER = b"c" * (INLINE_BYTES + 2)


async def store(path: Path, *writes: Mapping[str, bytes]) -> None:
    folder = Folder(path)
    for files in writes:
        folder.write(files)
    await folder.sync()
    await folder.close()


def stored(path: Path, names: str) -> dict[str, bytes]:
    async def main() -> dict[str, bytes]:
        folder = Folder(path)
        found = {name: folder.read(name) for name in names}
        await folder.close()
        return found

    return asyncio.run(main())


@settings(max_examples=30)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("ab"), st.sampled_from([b"", b"x", BIG, BIGGER]), max_size=2
        ),
        max_size=5,
    )
)
def test_what_is_read_was_written_last(
    tmp_path_factory: pytest.TempPathFactory, writes: list[dict[str, bytes]]
) -> None:
    path = tmp_path_factory.mktemp("disk")
    expected: dict[str, bytes] = {"a": b"", "b": b""}
    for files in writes:
        asyncio.run(store(path, files))
        expected |= files
        assert stored(path, "ab") == expected
    large = {data for data in expected.values() if len(data) > INLINE_BYTES}
    assert len([file for file in path.iterdir() if "large" in file.name]) == len(large)


def test_what_was_not_synced_is_not_promised(tmp_path: Path) -> None:
    async def main() -> None:
        folder = Folder(tmp_path)
        folder.write({"a": b"1"})
        await folder.sync()
        folder.write({"a": b"2"})
        assert folder.read("a") == b"2"
        await folder.close()

    asyncio.run(main())
    assert stored(tmp_path, "a") == {"a": b"1"}


def test_many_syncs_share_a_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced = []
    replace = Folder._replace

    def count(self: Folder, files: Mapping[str, bytes]) -> None:
        replaced.append(files["a"])
        replace(self, files)

    monkeypatch.setattr(Folder, "_replace", count)

    async def main() -> None:
        folder = Folder(tmp_path)
        persister = Persister(folder)

        async def save(n: int) -> None:
            folder.write({"a": b"%d" % n})
            persister.save(b"", None)
            await persister.sync()

        await asyncio.gather(*(save(n) for n in range(100)))
        await persister.sync()
        await folder.close()

    asyncio.run(main())
    assert len(replaced) <= 2
    assert stored(tmp_path, "a") == {"a": b"99"}


class Crash(BaseException):
    """The process ends here."""


def watched(monkeypatch: pytest.MonkeyPatch, before: Callable[[str], None]) -> None:
    """Call `before` with each step that changes files, before it is done."""

    def wrap(word: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            before(f"{word} {described(args[0])}")
            return function(*args, **kwargs)

        return call

    for owner, name in ((os, "fsync"), (Path, "open"), (Path, "replace"), (Path, "unlink")):
        monkeypatch.setattr(owner, name, wrap(name, getattr(owner, name)))


def described(thing: Path | int) -> str:
    if isinstance(thing, Path):
        return re.split(r"\W", thing.name)[0]
    return "folder" if stat.S_ISDIR(os.fstat(thing).st_mode) else "file"


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large file also has its name on the disk before anything refers to it."""
    asyncio.run(store(tmp_path, {"a": BIG, "b": b"1"}))
    done: list[str] = []
    with monkeypatch.context() as patch:
        watched(patch, done.append)
        asyncio.run(store(tmp_path, {"a": BIGGER, "b": b"2"}))
        asyncio.run(store(tmp_path, {"b": b"3"}))
    large = ["fsync file", "replace large", "fsync folder"]
    contents = ["fsync file", "replace contents", "fsync folder"]
    steps = [step for step in done if not step.startswith("open")]
    assert steps == [*large, *contents, "unlink large", *contents]


def test_a_crash_at_any_step_leaves_all_of_the_old_or_all_of_the_new(tmp_path: Path) -> None:
    old, new = {"a": BIG, "b": b"1", "c": BIG}, {"a": BIGGER, "b": b"2", "c": b""}
    seen = []
    for steps in range(100):
        path = tmp_path / str(steps)
        asyncio.run(store(path, old))
        left = steps

        def crash(step: str) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Crash

        with pytest.MonkeyPatch.context() as patch:
            folder = Folder(path)
            watched(patch, crash)
            try:
                folder._replace(new)
            except Crash:
                pass
            finally:
                os.close(folder._lock)
        found = stored(path, "abc")
        assert found in (old, new)
        seen.append(found == new)
        asyncio.run(store(path, new))
        assert stored(path, "abc") == new
        assert len(list(path.iterdir())) == 3  # contents, lock, and a large file
        if left >= 0:
            break
    assert seen == sorted(seen)
    assert {*seen} == {False, True}


def test_a_sync_that_fails_says_so_and_the_next_one_writes_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        failures: list[BadFolder] = []
        folder = Folder(tmp_path, failures.append)
        folder.write({"a": b"1"})
        with monkeypatch.context() as patch:
            patch.setattr(Folder, "_replace", no_space)
            with pytest.raises(BadFolder, match=r"cannot use the folder .*: No space left"):
                await folder.sync()
        assert len(failures) == 1
        await folder.sync()
        await folder.close()

    asyncio.run(main())
    assert stored(tmp_path, "a") == {"a": b"1"}


def no_space(self: Folder, files: Mapping[str, bytes]) -> None:
    raise OSError(28, "No space left on device")


def test_a_caller_that_is_cancelled_leaves_the_others_their_sync(tmp_path: Path) -> None:
    async def main() -> None:
        folder = Folder(tmp_path)
        folder.write({"a": b"1"})
        first, second = (asyncio.create_task(folder.sync()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await second
        assert first.cancelled()
        await folder.close()

    asyncio.run(main())
    assert stored(tmp_path, "a") == {"a": b"1"}


@pytest.mark.parametrize("name", ["contents", "large"])
@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:40] + b"!" * 9])
def test_damage_is_found(name: str, damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    asyncio.run(store(tmp_path, {"a": BIG, "b": b"x" * 100}))
    (file,) = (file for file in tmp_path.iterdir() if file.name.startswith(name))
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(BadFolder, match="is damaged: its bytes are not those"):
        Folder(tmp_path)
    file.unlink()
    if name == "large":
        with pytest.raises(BadFolder, match=r"cannot use the folder .*: No such file .*large-"):
            Folder(tmp_path)


def test_a_folder_has_one_user(tmp_path: Path) -> None:
    async def main() -> None:
        folder = Folder(tmp_path)
        with pytest.raises(BadFolder, match="another server does"):
            Folder(tmp_path)
        await folder.close()
        await Folder(tmp_path).close()

    asyncio.run(main())
