"""A disk for real: a folder whose files are replaced together, and that one server uses at a time.

What a `sync` has covered survives a killed process and a power failure. A server is to write its
Raft state very often and its snapshot rarely, so a large file has a file of its own, named by the
hash of what is in it, which is written only when it has changed; small ones stand in the contents,
which also name the large ones. To replace the contents is one rename, and so is to replace all.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from labrpc.codec import codec
from labrpc.errors import NotAMessage, TesterError

CONTENTS: Final = "contents"
LOCK: Final = "lock"
LARGE_PREFIX: Final = "large-"
NEW_SUFFIX: Final = ".new"
INLINE_BYTES: Final = 16 * 1_024
"""Up to this size a file stands in the contents."""

_CONTENTS: Final = codec(tuple[dict[str, bytes], dict[str, str]], "the contents")
"""The small files, and the hashes of the large ones."""
_DIGEST_BYTES: Final = hashlib.sha256().digest_size


class BadFolder(TesterError):
    """A folder cannot be used, or what is in it is not what was written."""


class Folder:
    """A `raft.api.Disk`. Close it to let another server use the folder.

    `failed` is called when a sync has failed, which then raises BadFolder. What was durable stays
    so, and the next sync writes everything again.
    """

    def __init__(
        self, path: Path, failed: Callable[[BadFolder], object] = lambda error: None
    ) -> None:
        self._path = path
        self._failed = failed
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _cannot_use(path, error) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._files = self._load()
        except BlockingIOError:
            os.close(self._lock)
            raise BadFolder(f"cannot use the folder {path}: another server does") from None
        except OSError as error:
            os.close(self._lock)
            raise _cannot_use(path, error) from None
        except BadFolder:
            os.close(self._lock)
            raise
        self._written = 0
        self._durable = 0
        self._storing: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Let go of the folder, as soon as nothing is being written."""
        if self._storing is not None:
            await asyncio.wait([self._storing])
        os.close(self._lock)

    def read(self, name: str) -> bytes:
        """See `raft.api.Disk`."""
        return self._files.get(name, b"")

    def write(self, files: Mapping[str, bytes]) -> None:
        """See `raft.api.Disk`."""
        self._files.update(files)
        self._written += 1

    async def sync(self) -> None:
        """See `raft.api.Disk`. Raises BadFolder if the folder cannot be written.

        What is written while a sync is under way goes into the next one, all of it at once.
        """
        wanted = self._written
        while self._durable < wanted:
            if self._storing is None or self._storing.done():
                self._storing = asyncio.get_running_loop().create_task(self._store())
            await asyncio.shield(self._storing)  # others may wait for the same one

    async def _store(self) -> None:
        written, files = self._written, dict(self._files)
        try:
            await asyncio.to_thread(self._replace, files)
        except OSError as error:
            failure = _cannot_use(self._path, error)
            self._failed(failure)
            raise failure from None
        self._durable = written

    # -- files ------------------------------------------------------------------------------------

    def _load(self) -> dict[str, bytes]:
        contents = self._path / CONTENTS
        if not contents.exists():
            return {}
        data = contents.read_bytes()
        body = data[_DIGEST_BYTES:]
        if hashlib.sha256(body).digest() != data[:_DIGEST_BYTES]:
            raise BadFolder(f"{contents} is damaged: its bytes are not those that were written")
        try:
            small, large = _CONTENTS.decode(body)
        except NotAMessage as error:
            raise BadFolder(f"{contents} is of another version: {error}") from None
        files: dict[str, bytes] = dict(small)
        for name, digest in large.items():
            file = self._path / (LARGE_PREFIX + digest)
            files[name] = data = file.read_bytes()
            if hashlib.sha256(data).hexdigest() != digest:
                raise BadFolder(f"{file} is damaged: its bytes are not those that were written")
        return files

    def _replace(self, files: Mapping[str, bytes]) -> None:
        """Replace all files; each step leaves the old contents or the new ones."""
        small = {name: data for name, data in files.items() if len(data) <= INLINE_BYTES}
        large = {
            name: hashlib.sha256(data).hexdigest()
            for name, data in files.items()
            if name not in small
        }
        there = {path.name for path in self._path.iterdir()}
        kept = {LARGE_PREFIX + digest for digest in large.values()}
        for name, digest in large.items():
            if LARGE_PREFIX + digest not in there:
                self._put(LARGE_PREFIX + digest, files[name])
        body = _CONTENTS.encode((small, large))
        self._put(CONTENTS, hashlib.sha256(body).digest() + body)
        for name in sorted(there - kept):
            if name.startswith(LARGE_PREFIX):
                (self._path / name).unlink(missing_ok=True)  # a new one may just have been used

    def _put(self, name: str, data: bytes) -> None:
        """Give a file this content, for good: it is whole before it has its name."""
        new = self._path / (name + NEW_SUFFIX)
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path / name)
        folder = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _cannot_use(path: Path, error: OSError) -> BadFolder:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return BadFolder(f"cannot use the folder {path}: expected a folder, got another file")
    where = f" ({error.filename})" if error.filename and str(error.filename) != str(path) else ""
    return BadFolder(f"cannot use the folder {path}: {error.strerror or error}{where}")
