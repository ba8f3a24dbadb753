"""The sandbox: what a process gives up before it runs what somebody has handed in.

First the zygote, once, leaves what it shares with the machine; then each node's process gives up
the rest. What the system does not let us do is told, and the level is what has been done:

4  root, and each node is a user of its own in namespaces of its own, with limits
3  no root: namespaces of a user namespace, with limits; files of our own user are out of sight
2  another user, with limits, and no namespaces
1  our own user, another process, with limits
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from tester.grading import calls, clocks, kernel
from tester.guard import clock

HIGHEST: Final = 4
NOBODY: Final = 65_534


class Limits(msgspec.Struct, frozen=True):
    """What the process of one node may use."""

    memory: int = 512 << 20
    """Bytes, beside what the framework itself takes."""
    cpu_s: int = 600
    """Seconds of CPU time in a run."""
    step_cpu_s: int = 3
    """Seconds of CPU time in one step."""
    load_cpu_s: int = 9
    """Seconds of CPU time to load the submission."""
    frame: int = 16 << 20
    """Bytes of one answer."""
    silent_s: int = 10
    """Real seconds that it may be silent and use no CPU time."""


class Enforced(msgspec.Struct, frozen=True):
    """What shuts the nodes in, as far as the system lets it."""

    users: bool = False
    """Each node is another user, who owns nothing."""
    own_users: bool = False
    """All is in a user namespace: files of other users are nobody's."""
    mounts: bool = False
    """They see a file system that holds Python, and nothing else."""
    pids: bool = False
    """They see none but their own processes, and end with the first of them."""
    network: bool = False
    ipc: bool = False
    """They have no shared memory, queues or semaphores in common with anybody."""
    files: bool = False
    """They can read Python and its libraries, and open nothing else."""
    calls: bool = False
    """They can make only those system calls that a node needs."""
    clocks: bool = False
    """They can read no real clock, by which they could talk to each other."""
    refused: tuple[str, ...] = ()
    """What the system would not do, in its own words."""

    @property
    def level(self) -> int:
        """See the module."""
        spaces = self.mounts and self.pids and self.network and self.ipc
        if spaces and self.users:
            return 4
        if spaces and self.own_users:
            return 3
        return 2 if self.users else 1

    def report(self) -> str:
        """One sentence for the result: what is in force, and what is not."""
        parts = {
            "another user": self.users,
            "a file system of its own": self.mounts,
            "no files but Python's": self.files,
            "its own processes": self.pids,
            "no network": self.network,
            "no shared memory": self.ipc,
            "a filter of system calls": self.calls,
            "no real clock": self.clocks,
        }
        on = [name for name, holds in parts.items() if holds]
        off = [name for name, holds in parts.items() if not holds]
        text = f"sandbox: level {self.level} ({', '.join([*on, 'limits'])})"
        if off:
            text += f"; not available: {', '.join(off)}"
        return "; ".join([text, *self.refused])


# -- once, in the zygote --------------------------------------------------------------------------


def leave(level: int, hidden: Sequence[str], first_user: int) -> Left:
    """Leave what this process shares with the machine, as far as the level says and we may.

    Goes on in a child of this process where that has process numbers of its own. `hidden` names
    the packages that nobody is to find.
    """
    refused: list[str] = []
    gone = _take_clocks(refused)
    spaces = own = mounts = False
    if level >= 3:
        spaces, own = _unshare(refused, as_root=level > 3)
    if spaces:
        _become_first()
        try:
            build_root(hidden)
            mounts = True
        except OSError as error:
            refused.append(_without_paths("a file system of their own", error))
    users = False
    if os.geteuid() == 0 and not own and level != 1:
        users, first_user = _users(first_user, refused)
    filters = calls.call_filter() is not None and _try(_filter)
    gone = gone and filters and _try(_without_clocks)
    rules = -1
    if not mounts:
        with contextlib.suppress(OSError):
            kernel.adopt_orphans()
        try:
            rules = kernel.reading_only(*_readable(hidden))
        except OSError as error:
            refused.append(_without_paths("rules for files", error))
    enforced = Enforced(
        users=users,
        own_users=own,
        mounts=mounts,
        pids=spaces,
        network=spaces,
        ipc=spaces,
        files=mounts or rules >= 0,
        calls=filters,
        clocks=gone,
        refused=tuple(refused),
    )
    return Left(enforced, first_user, rules)


def _take_clocks(refused: list[str]) -> bool:
    try:
        clocks.take_away()
    except OSError as error:
        refused.append(_without_paths("without clocks", error))
        return False
    return True


def _without_paths(what: str, error: OSError) -> str:
    """What the system would not do; students read it, and where things are is not theirs to know.

    An error of ours names a call of the system, and one of Python's a file.
    """
    reason = error.strerror or type(error).__name__
    return f"{what}: {reason}"


class Left(NamedTuple):
    """What came of it."""

    enforced: Enforced
    first_user: int
    """The number of the first user that nodes can be."""
    rules: int
    """What they may read, as a descriptor for `kernel.restrict`; -1: they have their own root."""


_SPACES: Final = (
    kernel.NEW_MOUNTS | kernel.NEW_IPC | kernel.NEW_NETWORK | kernel.NEW_PIDS | kernel.NEW_HOSTNAME
)


def _unshare(refused: list[str], *, as_root: bool) -> tuple[bool, bool]:
    """(whether we have namespaces of our own, whether they are a user namespace's)."""
    user, group = os.geteuid(), os.getegid()
    if user == 0 and as_root:
        try:
            kernel.unshare(_SPACES)
        except OSError as error:
            refused.append(_without_paths("namespaces", error))
        else:
            return True, False
    try:
        kernel.unshare(_SPACES | kernel.NEW_USER)
    except OSError as error:
        refused.append(_without_paths("namespaces without root", error))
        return False, False
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1", encoding="ascii")
    return True, True


def _become_first() -> None:
    """Go on as the first process of a numbering of its own: with it, all others end."""
    child = os.fork()
    if child == 0:
        kernel.end_with_parent()
        return
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for number in range(3, 64):
        with contextlib.suppress(OSError):
            os.close(number)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _users(first: int, refused: list[str]) -> tuple[bool, int]:
    """Whether nodes can be other users, who can read Python all the same; and which ones."""
    for user in (first, NOBODY):
        if _try(_become, user):
            if _try(_become_and_read, user):
                return True, user
            refused.append("another user cannot read the folder of this Python")
            return False, user
    refused.append(f"setuid to {first} and to {NOBODY}: the system knows no such users here")
    return False, first


def _try(what: object, *args: int) -> bool:
    """Whether something works in a copy of this process."""
    assert callable(what)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            what(*args)
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def _become(user: int) -> None:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def _become_and_read(user: int) -> None:
    _become(user)
    Path(os.__file__).read_bytes()


def _without_clocks() -> None:
    kernel.hide_counter()
    _filter(clocks=False)
    clocks.check_gone()


def _filter(*, clocks: bool = True) -> None:
    program = calls.call_filter(clocks=clocks)
    assert program is not None
    kernel.renounce()
    program.enforce()


# -- the root of the nodes ------------------------------------------------------------------------

_LIBRARIES: Final = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"),
    *("/etc/ld.so.cache", "/usr/share/zoneinfo", "/dev/null"),
)


_PLACE: Final = "/proc"
"""Where the root is built: a folder that is there on every Linux, and holds nothing of it. One
made for this would stay where it is if the grader were killed."""


def build_root(hidden: Sequence[str]) -> None:
    """Build a root that holds Python and the libraries it loads, all to be read, and enter it."""
    root, sources = _PLACE, needed()
    kernel.mount("", "/", "", kernel.PRIVATE | kernel.RECURSIVE)
    flags = kernel.NO_SETUID | kernel.NO_DEVICES
    kernel.mount("tmpfs", root, "tmpfs", flags, "mode=755,size=1m")
    bound: list[str] = []
    for source in sources:
        if any(source == known or source.startswith(f"{known}/") for known in bound):
            continue
        _bind(source, root + source)
        bound.append(source)
    for place in _packages(bound):
        for name in hidden:
            if Path(place, name).is_dir():
                target = f"{root}{place}/{name}"
                kernel.mount("tmpfs", target, "tmpfs", flags | kernel.READ_ONLY, "mode=000")
    kernel.mount("", root, "", kernel.REMOUNT | kernel.READ_ONLY | flags)
    kernel.enter_root(root)


def needed() -> list[str]:
    """The folders and files of this machine that a Python needs to go on importing."""
    places = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), *_LIBRARIES}
    places |= {entry for entry in sys.path if _is_of_packages(entry)}
    with contextlib.suppress(OSError):
        maps = Path("/proc/self/maps").read_text(encoding="utf-8")
        files = (line.split(maxsplit=5)[5:] for line in maps.splitlines())
        places |= {str(Path(name[0]).parent) for name in files if name and ".so" in name[0]}
    return sorted(place for place in places if place.startswith("/") and Path(place).exists())


def _readable(hidden: Sequence[str]) -> tuple[list[str], list[str]]:
    """What nodes may read where they have no root of their own; and what they may only list."""
    places = needed()
    closed = [str(Path(place, name)) for place in _packages(places) for name in hidden]
    closed = [place for place in closed if Path(place).exists()]
    readable: list[str] = []
    listed: list[str] = []

    def open_up(place: str) -> None:
        if place in closed:
            return
        if not any(one.startswith(f"{place}/") for one in closed):
            readable.append(place)
            return
        listed.append(place)
        for inner in Path(place).iterdir():
            open_up(str(inner))

    for place in places:
        open_up(place)
    return readable, listed


def _is_of_packages(path: str) -> bool:
    return Path(path).name in {"site-packages", "dist-packages"}


def _packages(bound: Sequence[str]) -> Iterator[str]:
    """The folders of installed packages that can be seen under these."""
    for place in bound:
        if _is_of_packages(place):
            yield place
        for folder, folders, _ in os.walk(place):
            depth = folder.count("/") - place.count("/")
            found = [name for name in folders if _is_of_packages(name)]
            yield from (f"{folder}/{name}" for name in found)
            folders[:] = [
                name for name in folders if depth < 2 and name.startswith(("python", "lib"))
            ]


def _bind(source: str, target: str) -> None:
    this, there = Path(source), Path(target)
    there.parent.mkdir(parents=True, exist_ok=True)
    if this.is_symlink():
        there.symlink_to(this.readlink())
        return
    if this.is_dir():
        there.mkdir(exist_ok=True)
    else:
        there.touch()
    kernel.mount(source, target, "", kernel.BIND)
    flags = kernel.BIND | kernel.REMOUNT | kernel.READ_ONLY | kernel.NO_SETUID
    kernel.mount("", target, "", flags)


# -- each time, in the process of a node ----------------------------------------------------------


_TO_SAY_SO: Final = 64 << 20


class Cell:
    """What the process of a node gives up; made once, in the zygote."""

    def __init__(
        self, enforced: Enforced, limits: Limits, first_user: int, held: int, rules: int = -1
    ) -> None:
        """`held`: bytes of address space that the zygote has; `rules`: see `kernel.restrict`."""
        self._rules = rules
        self._enforced = enforced
        self._limits = limits
        self._first_user = first_user
        data = held + limits.memory
        # Whoever has reached the limit may use a little more, to say what took it all.
        self._bounds = [
            *(_bound(which, most) for which, most in _of_all(limits)),
            _bound(resource.RLIMIT_AS, held + 2 * limits.memory),
            (resource.RLIMIT_DATA, (data, data + _TO_SAY_SO)),
        ]
        """What each resource is limited to, worked out once."""
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # whoever writes a file ends
        self._filter = None
        if enforced.calls:
            self._filter = calls.call_filter(clocks=not enforced.clocks)

    def enter(self, slot: int) -> None:
        """Shut this process in: the node of that number."""
        for which, most in self._bounds:
            resource.setrlimit(which, most)
        if self._enforced.users:
            alone = self._first_user != NOBODY
            _become(self._first_user + slot if alone else NOBODY)
        elif sys.platform == "linux":
            kernel.drop_capabilities()
        kernel.end_with_parent()
        kernel.hide()
        kernel.renounce()
        if self._enforced.clocks:
            clock.stopped = clock.Stopped()
            kernel.hide_counter()
        if self._rules >= 0:
            kernel.restrict(self._rules)
            os.close(self._rules)
        if self._filter is not None:
            self._filter.enforce()

    def hurry(self) -> None:
        """Let this process take no more CPU time than it may take to load a submission."""
        resource.setrlimit(*_bound(resource.RLIMIT_CPU, self._limits.load_cpu_s))


def _of_all(limits: Limits) -> Iterator[tuple[int, int]]:
    """The limits that do not depend on what the framework takes."""
    yield resource.RLIMIT_CORE, 0
    yield resource.RLIMIT_FSIZE, 0
    yield resource.RLIMIT_NOFILE, 32
    yield resource.RLIMIT_CPU, limits.cpu_s
    yield resource.RLIMIT_NPROC, 1


def _bound(which: int, most: int) -> tuple[int, tuple[int, int]]:
    """A limit as it can be set: no higher than the one that is there."""
    _, hard = resource.getrlimit(which)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    return which, (most, most)
