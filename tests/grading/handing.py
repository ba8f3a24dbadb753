"""Submissions for the tests of grading: the reference's files, and what is changed in them."""

from collections.abc import Mapping

from tests.tree import ROOT


def reference(*packages: str) -> dict[str, bytes]:
    """The files of these packages of the reference, as if somebody had handed them in."""
    found = {}
    for package in packages:
        place = ROOT / package
        files = [place] if place.suffix == ".py" else sorted(place.rglob("*.py"))
        for file in files:
            text = file.read_bytes()
            if file.name != "__init__.py" and b"__fixed__ = True" not in text:
                found[file.relative_to(ROOT).as_posix()] = text
    return found


def changed(files: Mapping[str, bytes], path: str, old: str, new: str) -> dict[str, bytes]:
    """The files, with one text of one of them in the place of another."""
    text = files[path].decode()
    assert text.count(old) == 1, (path, old)
    return {**files, path: text.replace(old, new).encode()}


SUBMISSIONS = {
    "kvsrv": reference("kvsrv/client.py", "kvsrv/server.py"),
    "lock": reference("kvsrv/client.py", "kvsrv/server.py", "lock"),
    "dedup": reference("kvsrv/dedup"),
    "raft": reference("raft"),
    "rsm": reference("raft", "kvraft/rsm.py", "kvraft/group.py"),
    "kvraft": reference("raft", "kvraft"),
    "kvraft-dedup": reference("raft", "kvraft"),
    "mapreduce": reference("mapreduce"),
}
"""By labs, what somebody hands in who has done what the reference does."""
