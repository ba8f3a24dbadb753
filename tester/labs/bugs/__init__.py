"""The bug catalogue: wrong solutions that a suite must notice, and right ones that it must not."""

from typing import Final

from tester.labs.bugs import dedup, kvsrv, lock, raft, rare
from tester.labs.bugs.patch import Catalogue, Patch, planted

CATALOGUE: Final[dict[str, Catalogue]] = {
    "kvsrv": Catalogue((*kvsrv.BUGS, *rare.KVSRV), kvsrv.VARIANTS),
    "lock": Catalogue((*lock.BUGS, *rare.LOCKS), lock.VARIANTS),
    "dedup": Catalogue((*dedup.BUGS, *rare.DEDUP), dedup.VARIANTS),
    "raft": Catalogue((*raft.BUGS, *rare.RAFT), raft.VARIANTS),
}
"""By lab."""

__all__ = ["CATALOGUE", "Catalogue", "Patch", "planted"]
