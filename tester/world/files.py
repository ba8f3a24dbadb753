"""The folder that all nodes share: files that one node writes and others read, by name.

A node asks, and the run does it a moment later. Others can read a file while it is written, and
find half of it. What a node has written is lost when the node crashes, unless the file has been
renamed: that happens at one stroke, and lasts.
"""

from __future__ import annotations

import asyncio
import errno
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from labrpc.errors import TesterError
from tester.engine import current
from tester.engine.errors import SharedState
from tester.engine.node import Event, Node
from tester.engine.scheduler import Place
from tester.world.context import Context

LATENCY_US: Final = 100
"""The least time that reading, writing or renaming takes."""
_SPREAD: Final = ((3_000, 0),)
"""It takes up to so many microseconds more, by a choice."""
MISSING: Final = "missing"
"""The outcome of an operation on a file that is not there."""
DONE: Final = "done"


class Files:
    """The shared folder as code on a node sees it: every method is awaited, and takes time.

    A factory is given it as `node.files`.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._asked: dict[int, tuple[asyncio.Future[Any], str]] = {}
        self._number = 0

    async def read(self, name: str) -> bytes:
        """The contents of a file. Raises FileNotFoundError if there is none of this name."""
        return bytes(await self._ask("read", name))

    async def write(self, name: str, data: bytes) -> None:
        """Create a file, or write one anew."""
        if not isinstance(data, bytes):
            raise TesterError(f"expected bytes for the file {name!r}, got {type(data).__name__}")
        await self._ask("write", name, data=data)

    async def rename(self, old: str, new: str) -> None:
        """Give a file another name, in the place of whatever had that name.

        Raises FileNotFoundError if there is no file of the old name.
        """
        await self._ask("rename", old, new)

    async def remove(self, name: str) -> None:
        """Delete a file, if there is one of this name."""
        await self._ask("remove", name)

    async def names(self, prefix: str = "") -> list[str]:
        """The names of all files that begin so, in order."""
        return list(await self._ask("names", prefix))

    async def _ask(self, method: str, name: str, other: str = "", data: bytes = b"") -> Any:
        if current.node is not self._node:
            raise SharedState(
                f"the files as {self._node.name} sees them were used by code on "
                f"{getattr(current.node, 'name', 'no node')}. Nodes share nothing else."
            )
        for given in (name, *([other] if method == "rename" else [])):
            if not isinstance(given, str) or "/" in given or not (given or method == "names"):
                raise TesterError(f"expected the name of a file, without a slash, got {given!r}")
        number = self._number = self._number + 1
        future: asyncio.Future[Any] = asyncio.Future(loop=self._node.loop)
        self._asked[number] = future, name
        self._node.outbox.append(("file", number, method, name, other, data))
        return await future

    def filed(self, event: Event) -> None:
        """("filed", number, result): the run has done it; None says that the file is missing."""
        _, number, result = event
        future, name = self._asked.pop(number)
        if future.done():
            return
        if result is None:
            future.set_exception(FileNotFoundError(errno.ENOENT, "there is no such file", name))
        else:
            future.set_result(result)

    def detach(self) -> None:
        """Break the reference cycles through the node at the end of the run."""
        self._asked.clear()
        del self._node


class User(Protocol):
    """A node that uses the folder, as far as the folder must know it."""

    name: str
    place: Place
    down: bool


class Witness(Protocol):
    """Somebody who sees what nodes do to files, and may disturb them."""

    def before(self, node: str, method: str, name: str, other: str) -> int:
        """A node is about to do something; returns how many microseconds longer it is to take."""
        ...

    def after(self, node: str, method: str, name: str, other: str) -> None:
        """The node has done it, and does not know yet. May raise a verdict."""
        ...


class _Once:
    """Something to do once, however often it is asked for."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action: Callable[[], None] | None = action

    def do(self) -> None:
        """Do it, or nothing if it has been done."""
        action, self._action = self._action, None
        if action is not None:
            action()


class Folder:
    """The shared folder, as the run and its test know it."""

    def __init__(self, context: Context) -> None:
        self.contents: dict[str, bytes] = {}
        """The files as they can be read now."""
        self.witness: Witness | None = None
        self._context = context
        self._under_way: dict[tuple[str, str, str], _Once] = {}
        """The latest of each kind that each node has begun, whether over or not."""
        self._writers: dict[str, str] = {}
        """Who wrote each file that nobody has renamed."""

    def put(self, files: Mapping[str, bytes]) -> None:
        """Have these files there, as a test does before it starts anything."""
        self.contents |= files

    def take(self, user: User, place: Place, event: Event) -> None:
        """Begin what a node asks for: ("file", number, method, name, other, data)."""
        _, _, method, name, other, data = event
        [spread] = self._context.choices.draw(f"files/{user.name}", _SPREAD)
        extra = 0
        if self.witness is not None and user.place is place and not user.down:
            extra = self.witness.before(user.name, method, name, other)
        if user.place is not place or user.down:
            return
        if method == "write":
            self.contents[name] = data[: len(data) // 2]
            self._writers[name] = user.name

        key = user.name, method, name
        self._under_way[key] = finish = _Once(
            lambda: (
                None if user.place is not place or user.down else self._finish(user, place, event)
            )
        )
        self._context.after(LATENCY_US + spread + extra, finish.do)

    def finish_now(self, node: str, method: str, name: str) -> None:
        """Have what a node has begun happen now, and not later; nothing if it is over."""
        self._under_way[node, method, name].do()

    def _finish(self, user: User, place: Place, event: Event) -> None:
        _, number, method, name, other, data = event
        result = self._done[method](self, user.name, name, other, data)
        outcome = MISSING if result is None else DONE
        if isinstance(result, bytes) or method == "write":
            outcome = f"{zlib.crc32(result if isinstance(result, bytes) else data):08x}"
        self._context.note("file", user.name, method, name, other, outcome)
        if self.witness is not None and result is not None:
            self.witness.after(user.name, method, name, other)
        if user.place is place and not user.down:
            place.put(("filed", number, result))

    # What each operation gives; None: the file is missing.

    def _read(self, user: str, name: str, other: str, data: bytes) -> bytes | None:
        return self.contents.get(name)

    def _write(self, user: str, name: str, other: str, data: bytes) -> bool:
        self.contents[name] = data
        self._writers[name] = user
        return True

    def _rename(self, user: str, name: str, other: str, data: bytes) -> bool | None:
        if name not in self.contents:
            return None
        _ = self._writers.pop(name, None)
        _ = self._writers.pop(other, None)
        self.contents[other] = self.contents.pop(name)
        return True

    def _remove(self, user: str, name: str, other: str, data: bytes) -> bool:
        _ = self._writers.pop(name, None)
        _ = self.contents.pop(name, None)
        return True

    def _names(self, user: str, name: str, other: str, data: bytes) -> list[str]:
        return sorted(found for found in self.contents if found.startswith(name))

    _done: Final[dict[str, Callable[[Folder, str, str, str, bytes], Any]]] = {
        "read": _read,
        "write": _write,
        "rename": _rename,
        "remove": _remove,
        "names": _names,
    }

    def node_went_down(self, name: str) -> None:
        """A node has crashed: what it had written, and nobody has renamed, is lost."""
        for file in [file for file, writer in self._writers.items() if writer == name]:
            del self.contents[file], self._writers[file]

    def close(self) -> None:
        """Break the reference cycles through the context at the end of the run."""
        self.witness = None
        self._under_way.clear()
        del self._context
