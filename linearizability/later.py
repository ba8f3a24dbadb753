"""Functions that are imported when they are first called, for a check needs few of all methods."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any


class Later:
    """The function `name` of a module, which is imported when the function is first called."""

    __slots__ = ("_function", "_module", "_name")

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name
        self._function: Callable[..., Any] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.load()(*args, **kwargs)

    def load(self) -> Callable[..., Any]:
        """The function; its module is imported now, if it has not been."""
        if self._function is None:
            self._function = getattr(importlib.import_module(self._module), self._name)
        return self._function

    def __reduce__(self) -> tuple[type[Later], tuple[str, str]]:
        return Later, (self._module, self._name)


def load(model: object) -> None:
    """Import what the functions of a model have put off, so that a check of it imports nothing."""
    for name in getattr(type(model), "__dataclass_fields__", ()):
        _load(getattr(model, name))


def _load(function: object) -> None:
    if isinstance(function, Later):
        function.load()
    elif isinstance(function, partial):
        for part in (function.func, *function.args, *function.keywords.values()):
            _load(part)
