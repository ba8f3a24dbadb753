"""What a lab uses of a submission's folder, and which unused files were probably meant for it.

An unused file has no effect: its author would see the reference pass and believe that the
submission did.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tester.labs import LABS
from tester.labs.lab import Lab
from tester.world.submission import BadSubmission, Submission

_DEPTH: Final = 5
_ENTRIES: Final = 2_000
_NAMED: Final = 3
"""The most unused files that are named at once."""
_READ: Final = 1 << 20
_ARCHIVES: Final = (".zip", ".tar", ".tgz", ".gz", ".xz", ".bz2", ".zst", ".7z", ".rar")


def taken(lab: Lab, submission: Submission) -> str:
    """What the lab has imported from the folder: `kvsrv/client.py -> Clerk; the reference's: ...`.

    Call it after the lab's classes have been imported. Raises BadSubmission if it is nothing.
    """
    folder = submission.folder
    if folder is None:
        return ""
    theirs, ours = [], []
    for expected in lab.classes:
        file = getattr(sys.modules.get(expected.module), "__file__", None)
        if submission.holds(file):
            theirs.append(f"{Path(str(file)).relative_to(folder)} -> {expected.name}")
        else:
            ours.append(expected.name)
    if not theirs:  # a part of the reference may be all that it replaces
        theirs = [
            f"{Path(str(module.__file__)).relative_to(folder)} -> {module.__name__}"
            for module in submission.modules()
            if submission.holds(getattr(module, "__file__", None))
        ]
    if not theirs:
        raise BadSubmission(_nothing(lab, folder))
    return "; the reference's: ".join(filter(None, (", ".join(theirs), ", ".join(ours))))


def misses(lab: Lab, folder: Path) -> list[str]:
    """A sentence for each unused file that looks as if it were meant for the lab."""
    entries = list(_entries(folder))
    found: dict[str, str] = {}
    for expected in lab.classes:
        wanted = expected.module.replace(".", "/") + ".py"
        if _is_file(folder / wanted) or _is_file(folder / wanted[:-3] / "__init__.py"):
            continue
        for path, why in [
            *_obstacles(folder, wanted),
            *((path, _why(folder, path, wanted, expected.name)) for path in entries),
        ]:
            if why:
                found.setdefault(path, f"{path} is not used: {why}")
    return list(found.values())


def _nothing(lab: Lab, folder: Path) -> str:
    """The error for a folder of which nothing is used, with what was found instead."""
    wanted = lab.files
    parts = [f"{folder}: expected {' or '.join(wanted)} for the lab {lab.name}, got no such file"]
    near = misses(lab, folder)
    parts += near[:_NAMED]
    if len(near) > _NAMED:
        parts.append(f"{len(near) - _NAMED} more files are not used either")
    entries = list(_entries(folder))
    deeper = {path[: -len(file) - 1] for path in entries for file in wanted if _ends(path, file)}
    if deeper:
        parts.append(f"name {folder / min(deeper)} instead")
    elif any((folder.parent / file).is_relative_to(folder) for file in wanted) and near:
        parts.append(f"name {folder.parent} instead")
    others = [
        other
        for other, known in LABS.items()
        if any(_is_file(folder / file) for file in known.files)
    ]
    if others:
        parts.append(f"it has files of {', '.join(others)}")
    if archives := [path for path in entries if path.lower().endswith(_ARCHIVES)]:
        parts.append(f"unpack {archives[0]}")
    if not entries:
        parts.append("the folder contains no files")
    return "; ".join(parts)


def _ends(path: str, file: str) -> bool:
    return path.endswith(f"/{file}")


def _is_file(place: Path) -> bool:
    try:
        return place.is_file()
    except OSError:
        return False


def _entries(folder: Path) -> Iterator[str]:
    """The files below the folder, as paths relative to it, in order; not all of a huge one."""
    left = _ENTRIES
    for where, folders, files in os.walk(folder):  # which follows no links
        relative = Path(where).relative_to(folder)
        hidden = len(relative.parts) >= _DEPTH
        folders[:] = [] if hidden else sorted(f for f in folders if f[0] not in "._")
        for file in sorted(files):
            if left == 0:
                return
            left -= 1
            yield (relative / file).as_posix()


def _obstacles(folder: Path, wanted: str) -> Iterator[tuple[str, str]]:
    """What is in the place of the file, or of a folder on the way to it."""
    parts = wanted.split("/")
    for number in range(1, len(parts) + 1):
        path = "/".join(parts[:number])
        place = folder / path
        if not os.path.lexists(place):
            return
        try:
            mode = place.stat().st_mode
        except OSError as error:
            yield path, f"{error.strerror}"
            return
        if number < len(parts) and not stat.S_ISDIR(mode):
            yield path, f"expected a folder with {'/'.join(parts[number:])}, got a file"
            return
        if number == len(parts) and not stat.S_ISREG(mode):
            kind = "folder" if stat.S_ISDIR(mode) else "device, pipe or socket"
            yield path, f"expected a file, got a {kind}"


def _why(folder: Path, path: str, wanted: str, name: str) -> str:
    """Why a file that looks as if it were meant is not used; "" if it does not look so."""
    if path in {file for lab in LABS.values() for file in lab.files}:
        return ""  # it is where some lab looks for it
    where, _, file = path.rpartition("/")
    right_place, _, right_file = wanted.rpartition("/")
    if path.lower() == wanted.lower():
        return f"expected {wanted}, spelled exactly so"
    if where.lower() == right_place.lower():
        stem = right_file.removesuffix(".py")
        if file.lower() == stem or file.lower().startswith(f"{stem}."):
            return f"expected {wanted}"
    if file.lower() == right_file:
        return f"expected it at {wanted}"
    if where.lower() in ("", right_place.lower()) and _defines(folder / path, name):
        return f"it defines {name}, which is expected in {wanted}"
    return ""


def _defines(place: Path, name: str) -> bool:
    """Whether a Python file seems to define a class, or a coroutine function, of this name."""
    if place.suffix.lower() != ".py" or not _is_file(place):
        return False
    try:
        with place.open("rb") as file:
            text = file.read(_READ)
    except OSError:
        return False
    defines = rb"^(?:class|async def) %b\b" % name.encode()
    return re.search(defines, text, re.MULTILINE) is not None
