"""Suspects: lines of the user's code that may make a run depend on more than its choices.

A look at the source, for a run that has already diverged: it accuses nobody before.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tester.world.scenario import Scenario, code_under_test

_SET_MAKERS: Final = frozenset({"set", "frozenset"})
_SET_METHODS: Final = frozenset(
    {"union", "intersection", "difference", "symmetric_difference", "copy"}
)
_ORDERS: Final = frozenset({"list", "tuple", "iter", "enumerate", "zip", "map", "filter", "next"})


@dataclass(frozen=True, order=True)
class Suspect:
    """A line, and what it may depend on."""

    file: str
    line: int
    why: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.why}"


def suspected(scenario: Scenario) -> Iterator[str]:
    """The suspicious lines of the code under test, as text; the reference's are none."""
    for module in code_under_test(scenario):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_file():
            yield from map(str, suspects(Path(file).read_bytes(), file))


def suspects(source: str | bytes, file: str) -> list[Suspect]:
    """The suspicious lines of a module, in order; none for what is not Python.

    Bytes are in the encoding that they name, as Python reads them.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    return sorted(set(_Reader(file, _set_names(tree)).read(tree)))


def _set_names(tree: ast.AST) -> frozenset[str]:
    """Names and attributes that some assignment or annotation of the module makes a set."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value) if _makes_set(value, frozenset()):
                found.update(name for target in targets if (name := _name(target)))
            case ast.AnnAssign(target=target, annotation=kind) if _is_set_type(kind):
                found.update({name} if (name := _name(target)) else ())
            case ast.arg(arg=name, annotation=kind) if kind is not None and _is_set_type(kind):
                found.add(name)
    return frozenset(found)


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _is_set_type(node: ast.expr) -> bool:
    match node:
        case ast.Subscript(value=value):
            return _is_set_type(value)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _SET_MAKERS or name in {"Set", "FrozenSet", "AbstractSet", "MutableSet"}
        case ast.Constant(value=str(text)):
            return text.startswith(("set[", "frozenset["))
    return False


def _makes_set(node: ast.expr, names: frozenset[str]) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in _SET_MAKERS
        case ast.Call(func=ast.Attribute(value=value, attr=method)):
            return method in _SET_METHODS and _makes_set(value, names)
        case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor()):
            return _makes_set(left, names)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in names
    return False


class _Reader:
    def __init__(self, file: str, names: frozenset[str]) -> None:
        self._file = file
        self._names = names

    def read(self, tree: ast.AST) -> Iterator[Suspect]:
        for node in ast.walk(tree):
            yield from self._node(node)

    def _node(self, node: ast.AST) -> Iterator[Suspect]:
        match node:
            case ast.For(iter=over) | ast.AsyncFor(iter=over):
                yield from self._iteration(over)
            case ast.ListComp(generators=parts) | ast.DictComp(generators=parts):
                yield from self._iterations(part.iter for part in parts)
            case ast.GeneratorExp(generators=parts):
                yield from self._iterations(part.iter for part in parts)
            case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in _ORDERS:
                yield from self._iteration(first)
            case ast.Call(func=ast.Attribute(attr="join"), args=[first]):
                yield from self._iteration(first)
            case ast.Call(func=ast.Attribute(value=value, attr="pop"), args=[]) if _makes_set(
                value, self._names
            ):
                yield self._suspect(node, "pops from a set: which element, its hashes decide")
            case ast.Call(func=ast.Name(id="hash" | "id" as name)):
                yield self._suspect(node, f"calls {name}(), which differs between processes")
            case ast.Call(func=ast.Attribute(attr="as_completed")):
                yield self._suspect(node, "uses as_completed, whose order is that of a set")
            case ast.Call(func=ast.Attribute(attr="wait_for")):
                yield self._suspect(
                    node, "uses wait_for, whose steps differ between versions of Python"
                )

    def _iterations(self, overs: Iterable[ast.expr]) -> Iterator[Suspect]:
        for over in overs:
            yield from self._iteration(over)

    def _iteration(self, over: ast.expr) -> Iterator[Suspect]:
        if _makes_set(over, self._names):
            yield self._suspect(over, "iterates over a set: its order is that of its hashes")

    def _suspect(self, node: ast.AST, why: str) -> Suspect:
        return Suspect(self._file, getattr(node, "lineno", 0), why)
