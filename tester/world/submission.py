"""The submission: a folder whose modules overlay the reference; one process loads one.

Its modules overlay the reference packages: `kvsrv/client.py` in the submission's folder takes the
place of ours, and what is not there stays ours. The fixed API files (the messages and the other
things both sides must agree on) always come from this distribution.
"""

from __future__ import annotations

import ast
import contextlib
import errno
import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import linecache
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from labtester import hidden
from tester.world.source import Source, check_source

STANDS_ON: Final = {"kvraft.kvmachine": "kvsrv"}
"""A fixed module, and the package of another lab of which it takes the reference, always."""


_HOUSE: Final = Path(__file__).resolve().parents[2]
_INIT: Final = "__init__.py"


@functools.cache
def is_lab(package: str) -> bool:
    """Whether a submission may overlay this package: one that says `__lab__ = True`."""
    spec = importlib.machinery.PathFinder.find_spec(package)
    return spec is not None and spec.origin is not None and _says(spec.origin, "__lab__ = True")


_fixed: list[frozenset[str]] = []  # none or one


def fix(names: Iterable[str]) -> None:
    """From now on these modules are fixed, and no other ones: their files go out of reach."""
    _fixed[:] = [frozenset(names)]
    is_fixed.cache_clear()


@functools.cache
def is_fixed(name: str) -> bool:
    """Whether a module of a lab is the same for everybody: one that says `__fixed__ = True`."""
    if _fixed:
        return name in _fixed[0]
    package, _, rest = name.partition(".")
    if not rest or not is_lab(package):
        return False
    spec = importlib.machinery.PathFinder.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    file = Path(spec.origin).parent.joinpath(*rest.split(".")).with_suffix(".py")
    return _says(str(file), "__fixed__ = True")


def _says(file: str, line: str) -> bool:
    return line in map(str.rstrip, linecache.getlines(file))


class BadSubmission(Exception):
    """A submission that cannot be loaded: one sentence that names the file and the remedy."""


class Submission:
    """The classes under test: the reference packages, or those overlaid by a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        """None: the reference packages."""

    def get(self, module: str, name: str) -> Any:
        """The class `name` of `module`: `get("kvsrv.client", "Clerk")`."""
        loaded, found = self._find(module, name)
        if not isinstance(found, type):
            got = "got none" if found is None else f"got {type(found).__name__}"
            raise BadSubmission(f"{loaded.__file__}: expected a class {name}, {got}")
        return found

    def function(self, module: str, name: str) -> Callable[..., Any]:
        """The coroutine function `name` of `module`: `function("mapreduce.worker", "worker")`."""
        loaded, found = self._find(module, name)
        if not inspect.iscoroutinefunction(found):
            got = "a function without async" if inspect.isfunction(found) else type(found).__name__
            got = "none" if found is None else got
            raise BadSubmission(f"{loaded.__file__}: expected an async def {name}, got {got}")
        asked: Callable[..., Any] = found
        return asked

    def _find(self, module: str, name: str) -> tuple[ModuleType, Any]:
        """A module, and what it has under a name; None if it has nothing."""
        try:
            loaded = sys.modules.get(module) or importlib.import_module(module)
        except (Exception, SystemExit) as error:
            raise BadSubmission(self._complaint(module, error)) from error
        return loaded, getattr(loaded, name, None)

    def _complaint(self, module: str, error: BaseException) -> str:
        """What importing the module raised, and the line of the submission that raised it."""
        if self.folder is None and (said := hidden.sentence(error)):
            return said
        place = self._line(error)
        if isinstance(error, SyntaxError):
            if self.holds(error.filename):
                place = f"{error.filename}:{error.lineno or 1}"
            return f"{place or self._file(module)}: {error.msg}; the file is not Python"
        if place is None and isinstance(error, OSError) and self.holds(error.filename):
            return f"{error.filename} cannot be read: {error.strerror}"
        if place is None and isinstance(error, ImportError) and self.holds(error.path):
            missing = re.match(r"cannot import name '(\w+)'", str(error))
            if missing is not None:  # it is our own package that asked for it
                return f"{error.path}: expected a definition of {missing[1]}, got none"
        what = f"importing it raised {spelled(error)}"
        return f"{place or self._file(module)}: {what}"

    def _line(self, error: BaseException) -> str | None:
        """`file:line` of the innermost frame that is the submission's."""
        place = None
        for frame, line in traceback.walk_tb(error.__traceback__):
            if self.holds(frame.f_code.co_filename):
                place = f"{frame.f_code.co_filename}:{line}"
        return place

    def _file(self, module: str) -> str:
        file = None if self.folder is None else self.folder.joinpath(*module.split("."))
        return module if file is None else str(file.with_suffix(".py"))

    def holds(self, file: str | None) -> bool:
        """Whether a file lies in the submission's folder."""
        return (
            self.folder is not None and bool(file) and Path(str(file)).is_relative_to(self.folder)
        )

    def is_reference(self, file: str) -> bool:
        """Whether a file is one of the reference, beside the folder: not what was handed in."""
        if self.folder is None or self.holds(file) or not Path(file).is_relative_to(_HOUSE):
            return False
        return is_lab(Path(file).relative_to(_HOUSE).parts[0])

    def ignored(self) -> list[str]:
        """A sentence for each file of the folder in whose place ours is used, if it is another."""
        if self.folder is None:
            return []
        folders = sorted(self.folder.iterdir())
        labs = [place for place in folders if place.is_dir() and is_lab(place.name)]
        files = [file for lab in labs for file in sorted(lab.rglob("*.py"))]
        inits = [file for file in files if file.name == _INIT]
        fixed = [file for file in files if is_fixed(_module(file.relative_to(self.folder)))]
        return [
            f"{file} is not used: {why}"
            for files, why in (
                (
                    inits,
                    "the packages of a lab keep their own __init__.py; put code into modules",
                ),
                (fixed, "this module is part of the lab and the same for every submission"),
            )
            for file in files
            if _differs(file, _HOUSE / file.relative_to(self.folder))
        ]

    def modules(self) -> list[ModuleType]:
        """The loaded modules that belong to the code under test, in order of name."""
        return [
            module
            for name, module in sorted(sys.modules.items())
            if module is not None and self._owns(name, module)
        ]

    def _owns(self, name: str, module: ModuleType) -> bool:
        if is_fixed(name):
            return False
        return _is_labs(name) or self.holds(getattr(module, "__file__", None))


def _differs(file: Path, ours: Path) -> bool:
    """Whether a file says something that ours does not; what is no Python says something."""
    if not file.is_file() or not ours.is_file():
        return False
    theirs = file.read_bytes()
    try:
        says_nothing = ast.get_docstring(tree := ast.parse(theirs)) is not None
        return theirs != ours.read_bytes() and len(tree.body) > says_nothing
    except (SyntaxError, ValueError):
        return True


REFERENCE: Final = Submission()
_loaded: list[Submission] = []


def current() -> Submission:
    """The submission this process has loaded."""
    return _loaded[0] if _loaded else REFERENCE


@contextlib.contextmanager
def instead(other: Submission) -> Iterator[None]:
    """Inside, runs in this process take the code under test from `other`."""
    before = _loaded[:]
    _loaded[:] = [other]
    try:
        yield
    finally:
        _loaded[:] = before


@contextlib.contextmanager
def overlaid(folder: Path) -> Iterator[None]:
    """Inside, runs in this process take the code under test from a folder, as after `load`.

    Afterwards everything is as before. A module that has imported one of a lab's keeps that one.
    """
    modules = {name: sys.modules[name] for name in _changeable()}
    first, last = _Overlay(folder), _Helpers(folder)
    _forget(modules)
    sys.meta_path[:] = [first, *sys.meta_path, last]
    importlib.invalidate_caches()
    try:
        with instead(Submission(folder)):
            yield
    finally:
        sys.meta_path.remove(first)
        sys.meta_path.remove(last)
        _forget(_changeable())
        sys.modules.update(modules)


def _changeable() -> list[str]:
    """The modules that were imported and that a submission may overlay."""
    return [name for name in sys.modules if _is_labs(name) and not is_fixed(name)]


def _is_labs(name: str) -> bool:
    """Whether a module that has been imported is of a lab; says the package that was imported."""
    return getattr(sys.modules.get(name.partition(".")[0]), "__lab__", False) is True


def _module(file: Path) -> str:
    return ".".join(file.with_suffix("").parts)


def _forget(modules: Iterable[str]) -> None:
    """Forget these modules, so that the next import loads them anew."""
    for name in modules:
        del sys.modules[name]


def spelled(error: BaseException) -> str:
    """An exception as it was made; its repr shows more since CPython 3.15: a module's name."""
    return f"{type(error).__name__}({', '.join(map(repr, error.args))})"


def load(folder: Path) -> Submission:
    """Overlay the reference packages with a folder, for the rest of this process.

    Raises BadSubmission if there is no such folder, or if another one has been loaded. It does not
    check that the folder holds anything of a lab.
    """
    try:
        folder.stat()
    except OSError as error:  # asked before `resolve`, of which each CPython makes something else
        if error.errno == errno.ELOOP:
            raise BadSubmission(
                f"expected a folder, got a cycle of symbolic links: {folder}"
            ) from None
    folder = folder.resolve()
    if _loaded:
        if _loaded[0].folder == folder:
            return _loaded[0]
        raise BadSubmission(
            f"this process has loaded {_loaded[0].folder}; load {folder} in a process of its own"
        )
    if not folder.is_dir():
        got = "a file: unpack it first" if folder.is_file() else "nothing there"
        raise BadSubmission(f"{folder}: expected a folder with packages of a lab, got {got}")
    _forget(_changeable())
    sys.meta_path.insert(0, _Overlay(folder))
    sys.meta_path.append(_Helpers(folder))
    importlib.invalidate_caches()
    _loaded.append(Submission(folder))
    return _loaded[0]


class _Overlay(importlib.abc.MetaPathFinder):
    """Finds the lab packages' modules in the folder; packages keep our `__init__`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        parts = name.split(".")
        if not is_lab(parts[0]):
            return self._of_a_helper(name, path)
        if is_fixed(name):
            spec = importlib.machinery.PathFinder.find_spec(name, self._beside_theirs(path))
            if spec is not None and spec.origin is not None and name in STANDS_ON:
                spec.loader = _OnReference(name, spec.origin)
            return spec
        place = self._folder.joinpath(*parts)
        file = place.with_suffix(".py")
        if file.is_file():
            return importlib.util.spec_from_file_location(
                name, file, loader=Source(name, str(file))
            )
        return self._package(name, path, place)

    def _beside_theirs(self, path: Sequence[str] | None) -> list[str] | None:
        """These places but for those of the submission; None for a package at the top."""
        if path is None:
            return None
        return [entry for entry in path if not Path(entry).is_relative_to(self._folder)]

    def _of_a_helper(
        self, name: str, path: Sequence[str] | None
    ) -> importlib.machinery.ModuleSpec | None:
        """A module in a package of theirs that is no lab's."""
        if path is None or not any(Path(entry).is_relative_to(self._folder) for entry in path):
            return None
        return _with_own_loader(importlib.machinery.PathFinder.find_spec(name, path))

    def _package(
        self, name: str, path: Sequence[str] | None, place: Path
    ) -> importlib.machinery.ModuleSpec | None:
        """Ours, searched after theirs; a package that we do not have is theirs alone."""
        ours = importlib.machinery.PathFinder.find_spec(name, self._beside_theirs(path))
        if ours is not None and ours.submodule_search_locations and ours.origin:
            ours.loader = _Package(name, ours.origin)
            if place.is_dir():
                ours.submodule_search_locations.insert(0, str(place))
            return ours
        if not place.is_dir():
            return _with_own_loader(importlib.machinery.PathFinder.find_spec(name, path))
        init = place / "__init__.py"
        return importlib.util.spec_from_file_location(
            name,
            init if init.is_file() else None,
            loader=Source(name, str(init)) if init.is_file() else None,
            submodule_search_locations=[str(place)],
        )


class _Package(importlib.machinery.SourceFileLoader):
    """Loads a package of ours anew, while its fixed API files stay what they were.

    Importing a module makes it an attribute of its package, and these will not be imported again:
    without this, `import kvsrv.rpc` would leave no `kvsrv.rpc` behind.
    """

    def exec_module(self, module: ModuleType) -> None:
        for name in sorted(sys.modules):
            package, _, child = name.rpartition(".")
            if package == module.__name__ and is_fixed(name):
                setattr(module, child, sys.modules[name])
        super().exec_module(module)


class _OnReference(importlib.machinery.SourceFileLoader):
    """Loads a fixed module that needs the inside of another lab's reference: without overlays."""

    def exec_module(self, module: ModuleType) -> None:
        package = STANDS_ON[module.__name__]
        theirs = {name: sys.modules[name] for name in _changeable() if _within(name, package)}
        overlays = [finder for finder in sys.meta_path if isinstance(finder, _Overlay)]
        _forget(theirs)
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder not in overlays]
        try:
            super().exec_module(module)
        finally:
            sys.meta_path[:] = [*overlays, *sys.meta_path]
            _forget([name for name in _changeable() if _within(name, package)])
            sys.modules.update(theirs)


def _within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


class _Helpers(importlib.abc.MetaPathFinder):
    """Finds the submission's other modules, after everything else: nothing can be shadowed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if path is not None:
            return None
        found = importlib.machinery.PathFinder.find_spec(name, [str(self._folder)])
        return _with_own_loader(found)


def _with_own_loader(
    spec: importlib.machinery.ModuleSpec | None,
) -> importlib.machinery.ModuleSpec | None:
    """The spec of a source file, with the loader that tells one file's faults from another's."""
    if spec is not None:
        check_source(spec)
        if type(spec.loader) is importlib.machinery.SourceFileLoader:
            spec.loader = Source(spec.name, spec.loader.path)
    return spec
