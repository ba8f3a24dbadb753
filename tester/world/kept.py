"""What the modules under test keep from run to run, as it was when the last one ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from tester.engine.modules import Change, ModuleState

_states: dict[tuple[str, ...], ModuleState] = {}
_excused: set[tuple[Callable[..., Any], tuple[str, ...]]] = set()


def snapshot(modules: Sequence[ModuleType]) -> None:
    """Remember the modules' state, unless it is remembered already: that takes a millisecond."""
    key = _key(modules)
    if key not in _states:
        _states[key] = ModuleState(modules)


def changes(modules: Sequence[ModuleType]) -> list[Change]:
    """What has changed since the snapshot; if anything has, the next one is taken anew."""
    key = _key(modules)
    found = _states[key].changed()
    if found:
        del _states[key]
    return found


def is_new(test: Callable[..., Any], found: Sequence[Change]) -> bool:
    """Whether a test changes these things for the first time, so that it is worth asking why."""
    key = test, tuple(change.name for change in found)
    if key in _excused:
        return False
    _excused.add(key)
    return True


def _key(modules: Sequence[ModuleType]) -> tuple[str, ...]:
    return tuple(f"{module.__name__} {id(module)}" for module in modules)
