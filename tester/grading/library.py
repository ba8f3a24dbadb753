"""The library of a node: the modules of a lab, from memory, with nothing of the reference in them.

Four kinds of modules: the packages of the labs, which hold nothing of their own; the fixed API
files, which are the same for everybody; what was handed in; and what is granted of the reference,
where a lab stands on an earlier one. Whatever else somebody asks of a lab is missing.
"""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import linecache
import sys
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final

from tester.world.source import check_text
from tester.world.submission import STANDS_ON, Submission

_HOUSE: Final = Path(__file__).resolve().parents[2]
_INIT: Final = "__init__.py"
_COMMON: Final = {"utf-8", "utf-8-sig", "iso-8859-1", "iso-8859-15", "ascii", "cp1252"}
"""Encodings that take a time in proportion to the text."""
_FIXED: Final = "__fixed__ = True"


class Library(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads the modules of the labs and of a submission; what comes last is theirs.

    To be put first into `sys.meta_path`, before anything of a lab has been imported.
    """

    def __init__(self, packages: Iterable[str]) -> None:
        self._packages = frozenset(packages)
        self._exports: dict[str, dict[str, str]] = {}
        """By the names of the packages, what each of them offers and from which module."""
        self._sources: dict[str, bytes] = {}
        """By paths: the fixed files, and what is granted."""
        self._inits: dict[str, bytes] = {}
        self._reference: dict[str, Path] = {}
        self._lifted = ""
        """The package whose reference is open to a fixed module that stands on it."""
        self.files: Mapping[str, bytes] = {}
        """What was handed in."""
        self.compiled: Mapping[str, CodeType] = {}
        """By paths: the code of what was handed in, if it has been compiled before."""
        self.loaded: list[ModuleType] = []
        """The modules that have been loaded of what was handed in or granted."""
        self.missed: list[str] = []
        """What has been asked of the labs and is not there."""
        for package in sorted(self._packages):
            self._take_stock(package)

    def _take_stock(self, package: str) -> None:
        for file in sorted((_HOUSE / package).rglob("*.py")):
            path = file.relative_to(_HOUSE).as_posix()
            text = file.read_text(encoding="utf-8")
            if file.name == _INIT:
                self._exports[_module(path.removesuffix(f"/{_INIT}"))] = _exports(text)
                self._inits[path] = text.encode()
            elif _FIXED in text.splitlines():
                self._sources[path] = text.encode()
            else:
                self._reference[path] = file

    def grant(self, paths: Iterable[str]) -> None:
        """Let these files of the reference be imported, where nothing of that name is handed in.

        To be called while the reference is still within reach.
        """
        for path in paths:
            self._sources[path] = self._reference[path].read_bytes()

    def reference(self) -> list[str]:
        """The paths of all that could be granted."""
        return list(self._reference)

    def fixed(self, packages: Iterable[str]) -> list[str]:
        """The names of the fixed modules in these packages."""
        return sorted(
            _module(file.removesuffix(".py"))
            for file in self._fixed()
            if file.partition("/")[0] in packages
        )

    def _fixed(self) -> set[str]:
        return self._sources.keys() - self._reference.keys()

    def take(self, files: Mapping[str, bytes]) -> list[str]:
        """Take what was handed in; a sentence for each file in whose place ours is used."""
        ours = self._inits | {file: self._sources[file] for file in self._fixed()}
        self.files = {file: data for file, data in files.items() if file not in ours}
        return [
            f"{file} is not used: "
            + (
                "the packages of a lab keep their own __init__.py; put code into modules"
                if file in self._inits
                else "this module is part of the lab and the same for every submission"
            )
            for file, data in files.items()
            if ours.get(file, data) != data
        ]

    # -- finding ----------------------------------------------------------------------------------

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """See MetaPathFinder."""
        if name.partition(".")[0] not in self._packages:
            return self._theirs(name) if path == [] else None
        if name in self._exports:
            return self._spec(name, _path(name, package=True), package=True)
        file = _path(name)
        if file in self._sources or self._is_open(file):
            # A fixed file is everybody's; what is granted gives way to what was handed in.
            return self._spec(name, file)
        found = self._theirs(name)
        if found is None:
            self.missed.append(file)
            raise ModuleNotFoundError(
                f"No module named {name!r}: {file} was not handed in, and nothing of the "
                "reference is here",
                name=name,
            )
        return found

    def _theirs(self, name: str) -> importlib.machinery.ModuleSpec | None:
        """A module or a package of what was handed in."""
        file, init = _path(name), _path(name, package=True)
        if file in self.files:
            return self._spec(name, file)
        folder = init.removesuffix(_INIT)
        if any(known.startswith(folder) for known in self.files):
            return self._spec(name, init, package=True)
        return None

    def _is_open(self, file: str) -> bool:
        return (
            bool(self._lifted)
            and file.startswith(f"{self._lifted}/")
            and (file in self._reference)
        )

    def _spec(
        self, name: str, file: str, *, package: bool = False
    ) -> importlib.machinery.ModuleSpec:
        return importlib.machinery.ModuleSpec(name, self, origin=file, is_package=package)

    # -- loading ----------------------------------------------------------------------------------

    def exec_module(self, module: ModuleType) -> None:
        """See Loader."""
        name = module.__name__
        assert module.__spec__ is not None
        # Not by the spec's `has_location`: that has the place of a compiled file worked out, too.
        module.__file__ = module.__spec__.origin
        if name in self._exports:
            self._furnish(module, self._exports[name])
        elif name in STANDS_ON:
            self._on_reference(module, STANDS_ON[name])
        else:
            if not self._lifted and _path(name) not in self._fixed():
                self.loaded.append(module)
            exec(self._code(module), vars(module))  # noqa: S102 - that is what importing is

    def _code(self, module: ModuleType) -> CodeType:
        assert module.__spec__ is not None
        assert module.__spec__.origin is not None
        file = module.__spec__.origin
        if file in self.compiled and not self._is_ours(file):
            return self.compiled[file]
        return self._compiled(file)

    def _compiled(self, file: str) -> CodeType:
        data = self._data(file)
        check_text(file, data)
        return compile(data, file, "exec", dont_inherit=True)

    def _is_ours(self, file: str) -> bool:
        return file in self._sources and not (file in self._reference and file in self.files)

    def _data(self, file: str) -> bytes:
        if self._is_ours(file):
            return self._sources[file]
        if file in self.files:
            return self.files[file]
        return self._reference[file].read_bytes() if self._is_open(file) else b""

    def get_source(self, fullname: str) -> str | None:
        """See InspectLoader."""
        for file in (_path(fullname), _path(fullname, package=True)):
            if file in self._sources or file in self.files:
                return importlib.util.decode_source(self._data(file))
        return None

    def is_package(self, fullname: str) -> bool:
        """See InspectLoader."""
        return fullname in self._exports or _path(fullname) not in self.files

    def _furnish(self, package: ModuleType, exports: Mapping[str, str]) -> None:
        """Give a package of ours what it offers; nothing is imported before it is asked for."""

        def __getattr__(name: str) -> Any:  # noqa: N807 - the name that Python looks for
            if name in exports:
                return getattr(importlib.import_module(exports[name]), name)
            whole = f"{package.__name__}.{name}"
            file = _path(whole)
            if whole in self._exports or file in self._sources or file in self.files:
                return importlib.import_module(whole)
            raise AttributeError(f"module {package.__name__!r} has no attribute {name!r}")

        vars(package).update(
            __lab__=True, __all__=sorted(exports), __getattr__=__getattr__, __path__=[]
        )

    def _on_reference(self, module: ModuleType, package: str) -> None:
        """Load a fixed module that knows the inside of a lab's reference, which then is gone."""
        self._lifted = package
        try:
            exec(self._code(module), vars(module))  # noqa: S102 - see above
        finally:
            self._lifted = ""
            for file in self._reference:
                name = _module(file.removesuffix(".py"))
                if file.startswith(f"{package}/") and name in sys.modules:
                    parent, _, child = name.rpartition(".")
                    vars(sys.modules[parent]).pop(child, None)
                    del sys.modules[name]

    def compile_all(self) -> dict[str, CodeType]:
        """The code of all that was handed in and can be compiled; it has not run."""
        done = {}
        for file in self.files:
            try:
                done[file] = self._compiled(file)
            except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
                continue  # who imports it will be told
        return done

    def remember_lines(self) -> None:
        """Have tracebacks and `inspect` show the lines of what was handed in.

        Nobody is shut in yet, and a file names its own encoding: some of Python's take hours, or
        raise what they like. Lines in any but the common ones are not shown.
        """
        for file in (*self._sources, *self.files):
            try:
                data = self._data(file)
                if tokenize.detect_encoding(io.BytesIO(data).readline)[0] not in _COMMON:
                    continue
                text = importlib.util.decode_source(data)
            except (SyntaxError, UnicodeError):
                continue
            linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)


class Helpers(importlib.abc.MetaPathFinder):
    """Finds the other modules that were handed in, after everything else: none is shadowed."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """See MetaPathFinder."""
        return self._library._theirs(name) if path is None else None


class HandedIn(Submission):
    """What was handed in, as a submission whose classes are under test."""

    def __init__(self, library: Library) -> None:
        super().__init__(None)
        self._library = library

    def holds(self, file: str | None) -> bool:
        """See Submission."""
        return file in self._library.files

    def _file(self, module: str) -> str:
        return _path(module)

    def modules(self) -> list[ModuleType]:
        """See Submission; without a look at all modules there are."""
        return sorted(self._library.loaded, key=lambda module: module.__name__)


def named(labs_packages: Iterable[str]) -> Submission:
    """A submission of which this process knows names only: its classes are in other processes."""
    return _Named(labs_packages)


class _Named(Submission):
    def __init__(self, packages: Iterable[str]) -> None:
        super().__init__(None)
        self._made: dict[tuple[str, str], type] = {}

    def get(self, module: str, name: str) -> Any:
        found = self._made.get((module, name))
        if found is None:
            found = self._made[module, name] = type(name, (), {"__module__": module})
        return found

    def function(self, module: str, name: str) -> Any:
        return self.get(module, name)

    def modules(self) -> list[ModuleType]:
        return []


def _exports(text: str) -> dict[str, str]:
    """What a package's `__init__` imports, by name, and from where."""
    return {
        alias.asname or alias.name: node.module or ""
        for node in ast.parse(text).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _path(module: str, *, package: bool = False) -> str:
    folder = module.replace(".", "/")
    return f"{folder}/{_INIT}" if package else f"{folder}.py"


def _module(path: str) -> str:
    return path.replace("/", ".")
