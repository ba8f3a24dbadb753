"""C's library for code on nodes that is to harm its process: the guard must think it nobody's."""

import ctypes
from collections.abc import Callable
from typing import Any

from tester.engine import current


class _Libc:
    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            running, current.node = current.node, None
            try:
                return getattr(ctypes.CDLL(None), name)(*args)
            finally:
                current.node = running

        return call


libc = _Libc()
