"""Reads a user's module as text: which names it imports, and which line changes a given one.

Only a person reads the line, in a sentence that says what a run changed, so a good guess serves:
the first statement in a function that certainly rebinds or mutates the name, else the first that
may, else the one that defines it.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType
from weakref import WeakKeyDictionary

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_CERTAIN, _POSSIBLE = 0, 1

# Methods of built-in containers that change them, and functions that change what they are given.
_MUTATORS = frozenset(
    {"append", "appendleft", "extend", "extendleft", "insert", "remove", "sort", "reverse"}
    | {"pop", "popleft", "popitem", "clear", "rotate", "update", "setdefault", "add", "discard"}
    | {"difference_update", "intersection_update", "symmetric_difference_update", "subtract"}
    | {"move_to_end", "put_nowait", "get_nowait", "seed", "__setitem__", "__delitem__"}
)
_CONSUMERS = frozenset({"next", "heappush", "heappop", "heapify", "shuffle", "setattr", "insort"})

_trees: WeakKeyDictionary[ModuleType, ast.Module] = WeakKeyDictionary()


def tree(module: ModuleType) -> ast.Module:
    """Parse the module's source; a module without one is empty."""
    if module not in _trees:
        origin = getattr(module.__spec__, "origin", None) or ""
        get_data = getattr(getattr(module.__spec__, "loader", None), "get_data", None)
        # Its bytes, which are read as Python reads them: a comment need not be in UTF-8.
        data: bytes = get_data(origin) if get_data and origin.endswith(".py") else b""
        _trees[module] = ast.parse(data)
    return _trees[module]


def imported(module: ModuleType) -> frozenset[str]:
    """Return the global names that the module's `import` statements bind."""
    names: set[str] = set()
    for node in _own_scope(tree(module)):
        if isinstance(node, ast.Import):
            names.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.names[0].name == "*":
                names.update(_starred(module, node))
            else:
                names.update(alias.asname or alias.name for alias in node.names)
    return frozenset(names)


def _starred(module: ModuleType, node: ast.ImportFrom) -> Iterator[str]:
    relative = "." * node.level + (node.module or "")
    source = sys.modules.get(importlib.util.resolve_name(relative, module.__package__))
    for name, value in vars(source).items() if source else ():
        if name in vars(module) and vars(module)[name] is value:
            yield name


def _own_scope(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of one scope in source order, with the headers of the scopes within it."""
    for node in ast.iter_child_nodes(scope):
        yield node
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            yield from _own_scope(node)


def _names_bound(scope: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the names that a scope binds for itself, each with the line."""
    declared: set[str] = set()
    for node in _own_scope(scope):
        match node:
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                declared.update(names)
    for node in _own_scope(scope):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                pass
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                pass
            case ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)):
                pass
            case ast.alias(name=dotted, asname=asname):
                name = asname or dotted.partition(".")[0]
            case _:
                continue
        if name not in declared:
            yield name, getattr(node, "lineno", 0)


def line_of_change(module: ModuleType, kind: str, scope: str, name: str, code_line: int) -> int:
    """Guess the line that changes `name`, which the class or function `scope` keeps.

    `kind` is that of `modules.Variable`; `code_line` is where the function starts whose default or
    closure variable it is.
    """
    root = tree(module)
    where: ast.AST = root
    thing: _Variable | _Attribute
    if kind in ("class", "function", "foreign"):
        thing = _Attribute(name, scope.rpartition(".")[2])
        defined = _definition(root, scope, name)
    elif kind in ("default", "closure"):
        where = _function_binding(root, name, code_line)
        thing = _Variable(name)
        defined = next((line for bound, line in _names_bound(where) if bound == name), code_line)
    else:
        thing = _Variable(name)
        defined = _definition(root, "", name)
    inside = isinstance(where, _FUNCTIONS) and kind == "default"
    ranked = (
        (rank, getattr(node, "lineno", defined))
        for node, hidden in _in_functions(where, name, inside)
        if not (hidden and isinstance(thing, _Variable))
        if (rank := _rank(node, thing)) is not None
    )
    return min(ranked, default=(_POSSIBLE, defined))[1]


def _function_binding(root: ast.AST, name: str, code_line: int) -> ast.AST:
    """Find the function that binds `name` and is, or encloses, the one that starts at a line."""
    found: ast.AST = root
    enclosing = [node for node in ast.walk(root) if isinstance(node, _FUNCTIONS)]
    for node in enclosing:  # outer before inner
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
        last = node.end_lineno or first
        if first <= code_line <= last and name in dict(_names_bound(node)):
            found = node
    return found


def _definition(root: ast.AST, scope: str, name: str) -> int:
    """Find the line that defines `name` in a class or function, else the one that defines that."""
    where, line = root, 1
    for part in filter(None, scope.split(".")):
        inner = (n for n in _own_scope(where) if getattr(n, "name", None) == part)
        where = next(inner, where)
        line = getattr(where, "lineno", line)
    return next((at for bound, at in _names_bound(where) if bound == name), line)


def _in_functions(
    where: ast.AST, name: str, inside: bool, shadowed: bool = False
) -> Iterator[tuple[ast.AST, bool]]:
    """Yield each node that runs in a function, and whether `name` means a local one there."""
    for node in ast.iter_child_nodes(where):
        if inside:
            yield node, shadowed
        if isinstance(node, _FUNCTIONS):
            declared = any(isinstance(n, ast.Global) and name in n.names for n in _own_scope(node))
            hides = not declared and (shadowed or name in dict(_names_bound(node)))
            yield from _in_functions(node, name, True, hides)
        else:
            yield from _in_functions(node, name, inside, shadowed)


class _Variable:
    """A global, an argument or a variable of an enclosing function, as the code writes it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def is_meant(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id == self._name

    def rebinding(self, target: ast.AST, augmented: bool) -> int | None:
        return _CERTAIN


class _Attribute:
    """An attribute of a class or of a function, as the code writes it."""

    def __init__(self, name: str, owner: str) -> None:
        self._name, self._owner = name, owner

    def is_meant(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and node.attr == self._name

    def rebinding(self, target: ast.AST, augmented: bool) -> int | None:
        match target:
            case ast.Attribute(value=ast.Name(id="self")):  # makes one of the instance's own,
                return _POSSIBLE if augmented else None  # but `self.seen += [x]` grows the class's
            case ast.Attribute(value=ast.Name(id=base) | ast.Attribute(attr=base)):
                return _CERTAIN if base in (self._owner, "cls", "__class__") else _POSSIBLE
            case ast.Attribute(value=ast.Call(func=ast.Name(id="type"))):
                return _CERTAIN
        return _POSSIBLE


def _rank(node: ast.AST, thing: _Variable | _Attribute) -> int | None:
    """Say whether one node certainly changes `thing`, possibly does, or (None) does not."""
    augmented = isinstance(node, ast.AugAssign)
    if augmented or isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)):
        target = node.target if isinstance(node, ast.AugAssign) else node
        if thing.is_meant(target):
            return thing.rebinding(target, augmented)
        return _CERTAIN if _is_inside(target, thing) else None
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr=method)) if _is_inside(value, thing):
            return _CERTAIN if method in _MUTATORS else _POSSIBLE
        case ast.Call(func=ast.Name(id=function) | ast.Attribute(attr=function), args=args) if any(
            thing.is_meant(arg) for arg in args
        ):
            return _CERTAIN if function in _CONSUMERS else _POSSIBLE
        case ast.Call(func=used) | ast.For(iter=used) | ast.AsyncFor(iter=used):
            return _POSSIBLE if _is_inside(used, thing) else None
        case ast.alias() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            name = getattr(node, "asname", None) or node.name.partition(".")[0]
            return _CERTAIN if thing.is_meant(ast.Name(name)) else None
    return None


def _is_inside(node: ast.AST, thing: _Variable | _Attribute) -> bool:
    """Say whether `node` is `thing`, or an item or an attribute of it, or of that, and so on."""
    while not thing.is_meant(node):
        if not isinstance(node, (ast.Attribute, ast.Subscript)):
            return False
        node = node.value
    return True
