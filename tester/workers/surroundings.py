"""The surroundings of a worker process, which can be varied because no run may depend on them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

PROCESSES: Final = "processes"
FACTORS: Final = {
    "environment": "the environment variables are others",
    "user": "the user's name and home folder, as the environment has them, are others",
    "time zone": "the time zone is another",
    "locale": "the locale is another",
    "temporary": "the folder for temporary files is another, and has other files in it",
    "folder": "the working folder is another",
    "arguments": "the command line is another",
    "parent": "the parent process is another",
    "umask": "the umask is another",
    "stdin": "standard input is another",
    PROCESSES: "each node runs in a process of its own",
    "addresses": "objects lie at other addresses in memory",
}
"""What can be varied, and how it is reported, in the order in which causes are tried."""

_ESSENTIAL: Final = ("PYTHON", "LD_", "DYLD_", "OPENBLAS_", "OMP_", "MKL_", "COVERAGE_")
_USER: Final = ("LOGNAME", "USER", "LNAME", "USERNAME", "HOME")
_LOCALE: Final = ("LC_ALL", "LC_CTYPE", "LANG", "LANGUAGE")
_TEMPORARY: Final = ("TMPDIR", "TEMP", "TMP")
_OWN: Final = frozenset(("PATH", "TZ", *_USER, *_LOCALE, *_TEMPORARY))
"""Variables that belong to another factor, or without which nothing works."""

_SIZES: Final = range(48, 513, 16)
_EACH: Final = 256
_scattered: list[bytes] = []


class Around(msgspec.Struct, frozen=True):
    """How the surroundings of a worker are varied, and the folder with its other files."""

    varied: tuple[str, ...] = ()
    """Some of FACTORS."""
    place: str = ""
    salt: int = 0
    """Seeds the shuffling of addresses."""


USUAL: Final = Around()


class Where(NamedTuple):
    """The surroundings of a run, as factors to vary."""

    varied: tuple[str, ...] = ()
    """Some of FACTORS."""
    other_hashes: bool = False
    """Whether its process has another hash seed than the usual one."""
    salt: int = 0
    """Seeds the shuffling of addresses."""


HERE: Final = Where()
_OTHER_HASHES: Final = "777", "778"


@contextlib.contextmanager
def amid(where: Where) -> Iterator[Around]:
    """Provide surroundings that differ from the usual ones in these factors."""
    varied = where.varied
    if not varied:
        yield USUAL
        return
    with tempfile.TemporaryDirectory(prefix="elsewhere-") as place:
        for name in ("work", "home", "temporary"):
            Path(place, name).mkdir()
        for name in ("work/notes.txt", "temporary/left-behind", "input"):
            Path(place, name).write_text("one line\nand another\n", encoding="utf-8")
        yield Around(varied, place, where.salt)


def other_hash_seed(usual: str) -> str:
    """A value of PYTHONHASHSEED that is not the usual one, whatever a user has chosen as that."""
    return next(seed for seed in _OTHER_HASHES if seed != usual)


def environment(usual: Mapping[str, str], around: Around) -> dict[str, str]:
    """The environment variables of a worker, with the factors that concern them varied."""
    variables = dict(usual)
    home = str(Path(around.place, "home"))
    if "environment" in around.varied:
        variables = {
            name: value
            for name, value in usual.items()
            if name in _OWN or name.startswith(_ESSENTIAL)
        }
        variables["PATH"] = os.pathsep.join(filter(None, (usual.get("PATH"), home)))
        variables["ELSEWHERE"] = "1"
    if "user" in around.varied:
        other = "another" if usual.get("USER") != "another" else "one-more"
        variables |= dict.fromkeys(_USER, other) | {"HOME": home}
    if "time zone" in around.varied:
        variables["TZ"] = "ELSE-05:45" if usual.get("TZ") != "ELSE-05:45" else "MORE+03:30"
    if "locale" in around.varied:
        usual_locale = next(filter(None, map(usual.get, _LOCALE)), "")
        for name in _LOCALE:
            variables.pop(name, None)
        variables["LC_ALL"] = "C.UTF-8" if usual_locale != "C.UTF-8" else "C"
    if "temporary" in around.varied:
        variables |= dict.fromkeys(_TEMPORARY, str(Path(around.place, "temporary")))
    return variables


def enter(around: Around, pipes: Collection[int], passed_on: signal.Signals) -> None:
    """Put this process, a worker that has loaded nothing yet, into these surroundings.

    `sys.argv` is always replaced, because the real one has the numbers of pipes in it. If the
    parent is varied, a process between closes the `pipes` and passes one signal on.
    """
    varied = around.varied
    sys.argv[:] = ["labtester"]
    if "arguments" in varied:
        sys.argv[:] = ["elsewhere", "--seeds", "7", "other"]
    sys.orig_argv[:] = [sys.executable, *sys.argv]
    if "folder" in varied:
        os.chdir(Path(around.place, "work"))
    if "umask" in varied:
        os.umask(0o077 if os.umask(0o022) != 0o077 else 0o022)
    if "stdin" in varied:
        given = os.open(Path(around.place, "input"), os.O_RDONLY)
        os.dup2(given, 0)
        os.close(given)
    if "parent" in varied:
        _have_another_parent(pipes, passed_on)
    if "addresses" in varied:
        _scatter(around.salt)


def _have_another_parent(pipes: Collection[int], passed_on: signal.Signals) -> None:
    """Continue in a child of this process, which passes a signal on and ends as the child does."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [passed_on])  # until it can be passed on
    child = os.fork()
    if child != 0:
        signal.signal(passed_on, lambda number, frame: os.kill(child, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [passed_on])
    if child == 0:
        return
    for pipe in pipes:
        os.close(pipe)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        with contextlib.suppress(OSError):  # SIGKILL does what it does anyway
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _scatter(salt: int) -> None:
    """Leave holes of every small size in the heap, in shuffled order, for later objects."""
    order = random.Random(salt)
    for size in _SIZES:
        held = [bytes(size - sys.getsizeof(b"")) for _ in range(2 * _EACH)]
        order.shuffle(held)
        del held[_EACH:]
        _scattered.extend(held)
