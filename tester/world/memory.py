"""How much memory an object of the code under test holds: itself, and all that it refers to."""

from __future__ import annotations

import contextvars
import gc
import sys
from types import FunctionType, ModuleType
from typing import Any, Final

from labrpc.end import ClientEnd
from tester.engine.loop import Loop
from tester.engine.node import Node

_NOT_ITS_OWN: Final = (type, ModuleType, FunctionType, contextvars.Context, ClientEnd, Loop, Node)
"""What a program has whatever it stores, and what belongs to the simulator."""

_ATOMS: Final = frozenset({int, str, bytes, float, bool, type(None)})


def size(root: object) -> int:
    """Bytes of `root` and of everything reachable from it, each object counted once.

    Classes, modules, functions, client ends and the event loop are neither counted nor followed.
    The figure differs a little between versions of Python: compare it with another one of the
    same run, and never let a choice depend on it.
    """
    total = 0
    seen = {id(root)}  # identities only tell objects apart: no order hangs on them
    level: list[Any] = [root]
    while level:  # all at once, for there may be many thousands
        total += sum(map(sys.getsizeof, level))
        found = {id(referent): referent for referent in gc.get_referents(*level)}
        level = [
            referent
            for identity, referent in found.items()
            if identity not in seen
            and (type(referent) in _ATOMS or not isinstance(referent, _NOT_ITS_OWN))
        ]
        seen.update(map(id, level))
    return total
