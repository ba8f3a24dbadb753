"""An operation: a method of an object on another node, called with plain data and awaited."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from labrpc.codec import Codec
from labrpc.errors import NotAMessage, TesterError
from labrpc.method import RemoteMethod
from labrpc.method import operation as shape_of


class WrongResult(TypeError):
    """An operation returned something else than its signature says."""


@functools.lru_cache(maxsize=1024)
def shape(like: type, method: str) -> RemoteMethod:
    """How a method of a class or Protocol travels. Raises NotAMessage without annotations."""
    function = getattr(like, method, None)
    if not inspect.isfunction(function):
        public = [name for name in dir(like) if not name.startswith("_")]
        raise TesterError(f"{like.__name__} has no operation {method}; it has {public}")
    return shape_of(function)


@dataclass(slots=True)
class BoundMethod:
    """A method of an object that is there, with its codecs: what a node runs."""

    name: str
    function: Callable[..., Any]
    args: Codec
    _encode: Callable[[Any], bytes]
    _wanted: str
    """What our interface calls it, as "KV.put"; its author never heard of that."""
    _returns_nothing: bool
    _target: object
    _method: str

    def encode_result(self, result: Any) -> bytes:
        """The result as bytes. Raises WrongResult if it is not what the signature says.

        Where that says None, any result will do, as of an `acquire` that returns True like
        asyncio's; but not an awaitable, for what it is to do has not been done. And where it says
        a tuple, a NamedTuple or a list will do, which unpack as a tuple does.
        """
        try:
            return self._encode(result)
        except NotAMessage as error:
            if self._returns_nothing and not inspect.isawaitable(result):
                return self._encode(None)
            if isinstance(result, tuple | list) and type(result) is not tuple:
                return self.encode_result(tuple(result))
            said = str(error).removeprefix(self._wanted)
            where = place_of(self._target, self._method)
            raise WrongResult(f"{where}{self.name}{said}") from None


def operation(target: object, like: type, method: str) -> BoundMethod:
    """The operation `method` of an object, called as the interface `like` says.

    An object of ours that only passes calls on says by `stands_for` whose class is meant, and by
    `behind` to which object it passes them.
    """
    how = shape(like, method)
    real = getattr(target, "behind", target)
    cls = getattr(target, "stands_for", type(target).__name__)
    name = f"{cls}.{method}"
    function = getattr(target, method, None)
    if function is None:
        raise TypeError(f"{cls} has no method {method}")
    return BoundMethod(
        name,
        function,
        how.args,
        how.reply.encode,
        how.name,
        how.returns_nothing,
        real,
        method,
    )


def place_of(target: object, method: str) -> str:
    """Where a method begins, as the start of a sentence: "raft.py:7: "; "" if unknown."""
    try:
        code = inspect.unwrap(getattr(type(target), method)).__code__
    except AttributeError:  # it is no plain method
        return ""
    return f"{code.co_filename}:{code.co_firstlineno}: "
