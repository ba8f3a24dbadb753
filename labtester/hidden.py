"""Modules of a project that hide packages of ours, as a `lock.py` beside its tests does."""

from __future__ import annotations

import importlib.util
import re
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


def sentence(error: BaseException | None) -> str:
    """Why an import failed, if a module of the project stands where ours is; else ""."""
    if not isinstance(error, ImportError) or error.name is None:
        return ""
    package, _, rest = error.name.partition(".")
    if package not in PACKAGES or not (file := hiding(package)):
        return ""
    missing = re.match(r"cannot import name '(\w+)'", str(error))
    ours = _ours(package).parent
    if rest:
        has = ours.joinpath(*rest.split(".")).with_suffix(".py").is_file()
        has = has or ours.joinpath(*rest.split("."), "__init__.py").is_file()
    else:
        has = missing is not None and _says(ours, missing[1])
    if not has:
        return ""
    return (
        f"{file} hides {_ours(package)}, a package of labtester that is imported here: give the "
        "former another name"
    )


def _ours(package: str) -> Path:
    return _HOME / package / "__init__.py"


def _says(package: Path, name: str) -> bool:
    """Whether a package of ours has a module or a definition of this name."""
    text = (package / "__init__.py").read_text(encoding="utf-8")
    return (package / f"{name}.py").is_file() or re.search(rf"\b{name}\b", text) is not None
