"""What the tests of grading hand in: the reference's files, as folders and as archives."""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tester.grading.collect import granted_files, reference, required
from tester.labs import LABS
from tester.labs.lab import Lab
from tests.tree import ROOT

KVSRV = LABS["kvsrv"]
CERTAIN = (ROOT / "docs/examples/certain/kvsrv/client.py").read_bytes()
"""A clerk that takes ErrVersion for certain: wrong as soon as replies are lost."""


def solution(lab: Lab = KVSRV) -> dict[str, bytes]:
    """The files that a student hands in, as the reference has them."""
    own = required(lab, {})
    packages = {file.rpartition("/")[0] for file in own}
    given = granted_files(lab, {}, own)
    return {
        path: content
        for path, content in reference(lab).files.items()
        if path.rpartition("/")[0] in packages and path not in given
    }


def wrong() -> dict[str, bytes]:
    """A submission that fails when replies are lost."""
    return solution() | {"kvsrv/client.py": CERTAIN}


def folder(place: Path, files: Mapping[str, bytes]) -> Path:
    for path, content in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(content)
    place.mkdir(exist_ok=True)
    return place


def zipped(place: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return place


def tarred(place: Path, files: Mapping[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(place, mode) as archive:  # type: ignore[call-overload]
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return place
