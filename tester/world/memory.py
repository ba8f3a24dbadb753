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


def size(root: object) -> int:
    """Bytes of `root` and of everything reachable from it, each object counted once.

    Classes, modules, functions, client ends and the event loop are neither counted nor followed.
    The figure differs a little between versions of Python: compare it with another one of the
    same run, and never let a choice depend on it.
    """
    total = 0
    seen = {id(root)}  # identities only tell objects apart: no order hangs on them
    rest: list[Any] = [root]
    while rest:
        thing = rest.pop()
        total += sys.getsizeof(thing)
        for referent in gc.get_referents(thing):
            if id(referent) not in seen and not isinstance(referent, _NOT_ITS_OWN):
                seen.add(id(referent))
                rest.append(referent)
    return total
