"""Modules of a project that have the names of packages of ours, as a `lock.py` beside its tests.

Whichever of the two is imported first hides the other one.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Final

PACKAGES: Final = (
    "kvraft",
    "kvsrv",
    "labrpc",
    "linearizability",
    "lock",
    "mapreduce",
    "raft",
    "tester",
)
_HOME: Final = Path(__file__).resolve().parents[1]


def hiding(package: str) -> str:
    """The file that is imported instead of a package of ours; "" if it is ours that is."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):  # ValueError: what stands there has been made by hand
        return ""
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        return ""
    return "" if Path(spec.origin).resolve() == _ours(package) else spec.origin


class Hidden(ImportError):
    """A package of ours cannot be imported, for the reason that `sentence` gives."""


def sentence(error: BaseException | None) -> str:
    """Why an import failed, if a module of the project and a package of ours share a name."""
    if isinstance(error, Hidden):
        return str(error)
    if not isinstance(error, ImportError) or error.name is None:
        return ""
    package, _, rest = error.name.partition(".")
    if package not in PACKAGES:
        return ""
    missing = re.match(r"cannot import name '(\w+)'", str(error))
    wanted = rest.replace(".", "/") or (missing[1] if missing is not None else "")
    if not wanted:
        return ""
    ours = _ours(package)
    if theirs := hiding(package):
        if _has(ours, wanted):
            return (
                f"{theirs} hides {ours}, a package of labtester that is imported here: give the "
                "former another name"
            )
    elif not _has(ours, wanted) and (theirs := _beside(package)) and _has(Path(theirs), wanted):
        return (
            f"{theirs} is hidden by {ours}, a package of labtester that has been imported before: "
            "give the former another name"
        )
    return ""


def _beside(package: str) -> str:
    """The project's file of this name that would be imported if ours were not; "" for none."""
    for folder in sys.path:
        spec = PathFinder.find_spec(package, [folder])
        if spec is not None and spec.origin is not None:
            file = Path(spec.origin)
            if file.is_file() and file.resolve() != _ours(package):
                return spec.origin
    return ""


def _ours(package: str) -> Path:
    return _HOME / package / "__init__.py"


def _has(file: Path, name: str) -> bool:
    """Whether a module, by its file, has a definition or a module of this name."""
    if file.name == "__init__.py":
        inside = file.parent / name
        if inside.with_suffix(".py").is_file() or (inside / "__init__.py").is_file():
            return True
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return re.search(rf"\b{re.escape(name)}\b", text) is not None
