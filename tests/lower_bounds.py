"""The oldest versions that pyproject.toml allows, as constraints for pip; `make test-oldest`.

A lower bound that nobody has tried is a guess. A requirement without one, or with more than one,
is refused: it has no oldest version.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
_REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[\w,]+\])?\s*(?:>=|~=)\s*([\w.]+)")


def oldest(requirements: Iterable[str]) -> Iterator[str]:
    """`click==8.1` of "click>=8.1". Raises ValueError for what names no oldest version."""
    for requirement in requirements:
        match = _REQUIREMENT.fullmatch(requirement.strip())
        if match is None:
            raise ValueError(f"expected NAME>=VERSION or NAME~=VERSION, got {requirement!r}")
        yield f"{match[1]}=={match[2]}"


def requirements() -> list[str]:
    """What pyproject.toml asks for, to run, to develop and to build."""
    found = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    project = found["project"]
    every = [*project["dependencies"], *found["build-system"]["requires"]]
    for extra in project["optional-dependencies"].values():
        every += extra
    return sorted(set(every))


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in oldest(requirements()))
