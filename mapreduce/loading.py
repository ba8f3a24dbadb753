"""An app by its name: `wc`, `grep=PATTERN`, or a class of the user's, `module:Class`."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mapreduce.apps import Grep, Indexer, WordCount
from mapreduce.folder import Split

APPS: Final[dict[str, Callable[..., Any]]] = {
    "wc": WordCount,
    "indexer": Indexer,
    "grep": Grep,
}
_OURS: Final = str(Path(__file__).parent)
_STDLIB: Final = sysconfig.get_path("stdlib") + os.sep
_LONGEST: Final = 60


class BadApp(Exception):
    """The app does not exist or cannot be made; the text is a sentence that names it."""


class AppFailed(Exception):
    """An app did not do what an app must do: a sentence."""


def load(name: str) -> Any:
    """Make the app of a name, which may end in `=ARGUMENT`. Raises BadApp."""
    name, equals, argument = name.partition("=")
    made = APPS.get(name) or _find(name)
    try:
        return made(argument) if equals else made()
    except re.error as error:
        raise BadApp(f"{name}: expected a regular expression, got {argument!r}: {error}") from None
    except Exception as error:  # noqa: BLE001 - the app's own
        if isinstance(error, TypeError) and len(traceback.extract_tb(error.__traceback__)) == 1:
            raise BadApp(f"{name}: {error}; an argument is given as {name}=ARGUMENT") from None
        raise BadApp(f"{name}: making it raised {described(error)}") from None


def _find(name: str) -> Callable[..., Any]:
    module, colon, cls = name.partition(":")
    if not colon or not module or not cls:
        raise BadApp(f"expected one of {', '.join(APPS)}, or MODULE:CLASS, got {name!r}")
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise BadApp(f"{name}: importing {module} raised {described(error)}") from None
        raise BadApp(
            f"{name}: there is no module {error.name}; it is looked for in the folder in which "
            "the command runs, and where Python looks"
        ) from None
    except Exception as error:  # noqa: BLE001 - the user's own
        raise BadApp(f"{name}: importing {module} raised {described(error)}") from None
    found = getattr(loaded, cls, None)
    if not inspect.isclass(found):
        got = "none" if found is None else type(found).__name__
        raise BadApp(f"{name}: expected a class {cls} in {loaded.__file__}, got {got}")
    for method in ("map", "reduce"):
        if not callable(getattr(found, method, None)):
            raise BadApp(f"{name}: expected a method {method}, got none")
    return found


def described(error: BaseException) -> str:
    """An exception in a sentence, with the line of the user's code that raised it, if any did."""
    said = " ".join(str(error).split())
    what = f"{type(error).__name__}: {said}" if said else type(error).__name__
    frame = _theirs(error)
    return what if frame is None else f"{what} ({frame.filename}:{frame.lineno})"


def _theirs(error: BaseException) -> traceback.FrameSummary | None:
    """The innermost frame outside of Python, unless that is ours."""
    frames = traceback.extract_tb(error.__traceback__)
    others = [frame for frame in frames if not frame.filename.startswith((_STDLIB, "<"))]
    return None if not others or others[-1].filename.startswith(_OURS) else others[-1]


class Adapted:
    """An app whose methods can be awaited, however it was written, and that knows what it does."""

    def __init__(self, app: Any, name: str, parts: Mapping[str, Split]) -> None:
        self._app = app
        self.name = name
        self._parts = parts
        self.doing = "it began"
        """What it was doing last, as the end of a sentence."""
        if callable(getattr(app, "combine", None)):
            self.combine = self._combine

    async def map(self, file: str, contents: str) -> Iterable[tuple[str, str]]:
        """See App; the file is a part of an input file, and the app is told of the whole one."""
        part = self._parts[file]
        self.doing = f"it mapped {part}"
        found: Iterable[tuple[str, str]] = await _result(self._app.map(part.document, contents))
        return found

    async def reduce(self, key: str, values: Sequence[str]) -> str:
        """See App. Raises AppFailed for keys and results that are not one line of text."""
        self.doing = f"it reduced the key {_short(key)}"
        if "\n" in key:
            raise AppFailed("map emitted a key with the end of a line in it")
        if type(values[0]) is not str:
            raise AppFailed(f"map emitted a value of {type(values[0]).__name__}, expected str")
        return self._text("reduce", await _result(self._app.reduce(key, values)))

    async def _combine(self, key: str, values: Sequence[str]) -> str:
        self.doing = f"it combined values of the key {_short(key)}"
        return self._text("combine", await _result(self._app.combine(key, values)))

    def _text(self, method: str, found: Any) -> str:
        if type(found) is not str:
            raise AppFailed(f"{method} returned {type(found).__name__}, expected str")
        if method == "reduce" and "\n" in found:
            raise AppFailed("reduce returned a text with the end of a line in it")
        return found

    def failure(self, error: BaseException) -> str:
        """What went wrong, in a sentence with the app, the task and the key."""
        if isinstance(error, AppFailed):
            return f"the app {self.name} failed when {self.doing}: {error}"
        if _theirs(error) is None:
            return (
                f"the app {self.name} emitted what is no pair of two str when {self.doing}: "
                f"{described(error)}"
            )
        return f"the app {self.name} raised {described(error)} when {self.doing}"


async def _result(found: Any) -> Any:
    return await found if inspect.isawaitable(found) else found


def _short(key: object) -> str:
    shown = repr(key)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 4]}...'"
