"""The wheel and the source archive hold what they should, and nothing else."""

import configparser
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hatchling.build import build_sdist, build_wheel

from tester.engine import VERSION
from tests.tree import PACKAGES, ROOT, sources


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(build(build_wheel, tmp_path_factory.mktemp("wheel")))


def build(hook: Callable[[str], str], folder: Path) -> Path:
    """Run a build hook of hatchling in this process: no network, no second environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return folder / hook(str(folder))


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    folders = {name.split("/")[0] for name in wheel.namelist()}
    metadata = f"labtester-{VERSION}.dist-info"
    assert folders == {*PACKAGES, metadata}
    assert set(sources(*PACKAGES)) <= set(wheel.namelist())


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_typed(wheel: zipfile.ZipFile, package: str) -> None:
    assert f"{package}/py.typed" in wheel.namelist()


def test_the_command_and_the_plugin_are_found(wheel: zipfile.ZipFile) -> None:
    (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/entry_points.txt"))
    declared = configparser.ConfigParser()
    declared.read_string(wheel.read(name).decode())
    assert dict(declared["console_scripts"]) == {"labtester": "tester.cli:main"}
    assert dict(declared["pytest11"]) == {"labtester": "labtester.entry"}
    assert {"tester/cli/__init__.py", "labtester/entry.py"} <= set(wheel.namelist())


def test_the_source_archive_can_test_itself(tmp_path: Path) -> None:
    with tarfile.open(build(build_sdist, tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"Makefile", "LICENSE", "README.md", "pyproject.toml"} <= names
    assert set(sources(*PACKAGES, "tests", "bench")) <= names
