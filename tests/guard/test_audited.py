"""Acts on the machine are refused by what they do; what is harmless goes through."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tester.engine.errors import OutsideWorld
from tests.guard.nodes import on_node


@pytest.mark.parametrize(
    "path", ["/dev/urandom", b"/dev/random", "/proc/self/stat", "/dev/../dev/zero"]
)
def test_a_device_is_refused(path: str) -> None:
    with pytest.raises(OutsideWorld, match="is about the real machine"):
        on_node(lambda: open(path, "rb"))  # noqa: SIM115


LOOKS: dict[str, Callable[[], object]] = {
    "os.listdir": lambda: os.listdir("/proc"),
    "os.scandir": lambda: os.scandir(Path("/proc/self/fd")),
    "os.stat": lambda: os.path.exists("/proc/1"),
    "os.stat by pathlib": lambda: Path("/proc/self").stat(),
    "os.lstat": lambda: os.path.islink("/proc/self"),
    "os.readlink": lambda: os.readlink("/proc/self"),
    "os.access": lambda: os.access("/sys/class", os.R_OK),
    "os.statvfs": lambda: shutil.disk_usage("/"),
}


@pytest.mark.parametrize("look", LOOKS)
def test_what_the_kernel_tells_is_not_looked_at(look: str) -> None:
    with pytest.raises(OutsideWorld, match=rf"{look.split(maxsplit=1)[0]}\b.* the real machine"):
        on_node(LOOKS[look])


@pytest.mark.parametrize("path", [__file__, os.devnull])
def test_a_file_is_not(path: str) -> None:
    assert on_node(lambda: Path(path).exists())
    on_node(lambda: Path(path).read_bytes())
    assert on_node(lambda: os.stat(path, follow_symlinks=True)).st_mode
    assert on_node(lambda: os.access(path, os.R_OK))


SETTINGS: dict[str, Callable[[], object]] = {
    "os.putenv": lambda: os.environ.__setitem__("LABTESTER_X", "1"),
    "os.unsetenv": lambda: os.environ.pop("PATH"),
    "os.chdir": lambda: os.chdir("/"),
}


@pytest.mark.parametrize("call", sorted(SETTINGS))
def test_what_changes_the_process_is_refused(call: str) -> None:
    with pytest.raises(OutsideWorld, match=f"{call} changes the whole process"):
        on_node(SETTINGS[call])
    assert "PATH" in os.environ


def test_outside_a_node_the_hook_says_nothing() -> None:
    with open("/dev/zero", "rb") as zeros:
        assert zeros.read(1) == b"\0"
    assert sys.getrecursionlimit() > 0
