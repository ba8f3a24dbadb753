"""A patch on the reference solution, or a rewrite of it: a planted bug, or as correct as it was.

Written into a folder, either is a submission like any student's. It can also be planted in a
process that has loaded no submission, which may then try one patch after the other.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tester.world import submission

Edits = tuple[tuple[str, str], ...]
"""(old, new): each old text stands exactly once in the reference."""


@dataclass(frozen=True)
class Patch:
    """What to change in one file of the reference, and what is to come of it."""

    name: str
    about: str
    """One sentence: what the changed code does."""
    file: str
    """The changed file: "kvsrv/client.py"."""
    edits: Edits
    killed_by: tuple[str, ...] = ()
    """The tests that must notice a bug; none for a correct variant."""
    seeds: int = 5
    """Within how many seeds, from 0, each of them must notice."""

    def source(self) -> str:
        """The changed file."""
        source = _reference(self.file)
        for old, new in self.edits:
            if source.count(old) != 1:
                raise ValueError(f"{self.name}: {self.file} has not exactly one {old!r}")
            source = source.replace(old, new)
        return source

    def write(self, folder: Path) -> Path:
        """Make the folder a submission, and return it."""
        return _write(self.sources(), folder)

    def sources(self) -> tuple[tuple[str, str], ...]:
        """The one changed file, as those of a Rewrite."""
        return ((self.file, self.source()),)


@dataclass(frozen=True)
class Rewrite:
    """A solution in a style of its own, in the place of files of the reference."""

    name: str
    about: str
    """One sentence: what is different about it."""
    files: tuple[tuple[str, str], ...]
    """("kvsrv/client.py", its source), ..."""
    killed_by: tuple[str, ...] = ()
    """The tests that must notice a bug; none for a correct solution."""
    seeds: int = 5
    """Within how many seeds, from 0, each of them must notice."""

    def sources(self) -> tuple[tuple[str, str], ...]:
        """The files."""
        return self.files

    def write(self, folder: Path) -> Path:
        """Make the folder a submission, and return it."""
        return _write(self.sources(), folder)


@dataclass(frozen=True)
class Catalogue:
    """The bugs of a lab, which its suite must find, and the variants that it must let pass."""

    bugs: tuple[Patch | Rewrite, ...]
    variants: tuple[Patch | Rewrite, ...]


def _write(sources: Iterable[tuple[str, str]], folder: Path) -> Path:
    for file, source in sources:
        place = folder / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(source, encoding="utf-8")
    return folder


def _reference(file: str) -> str:
    """The text of a file of the reference packages, wherever they are installed."""
    package, _, rest = file.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"the package {package} of the reference is not installed")
    return (Path(spec.origin).parent / rest).read_text(encoding="utf-8")


@contextlib.contextmanager
def planted(patch: Patch | Rewrite, folder: Path) -> Iterator[None]:
    """Inside, runs in this process take one file from the patch and the others from ours."""
    with submission.overlaid(patch.write(folder)):
        yield
