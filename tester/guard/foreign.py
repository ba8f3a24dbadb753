"""What a user's code may keep where it has no business: in attributes of other people's things.

Only names that its text sets as attributes are looked at, on the modules, classes, functions and
objects of others that it names. A library fills caches and imports its parts as it likes, and
none of that is the user's doing.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import sys
from collections.abc import Collection, Iterator
from types import FunctionType, ModuleType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from tester.guard.blame import tree


class Attribute(NamedTuple):
    """An attribute of somebody else's that a module may set."""

    owner: str
    """What it belongs to, as the module writes it: `Err`, `kvsrv.rpc`."""
    name: str
    namespace: Any


class _Written(NamedTuple):
    stores: list[tuple[ast.expr, str]]
    """What the text sets as attributes, and of what."""
    imports: dict[str, str]
    """What the text imports, wherever in it: a name, and the module or member it stands for."""
    fields: frozenset[str]
    """Attributes that objects of the module's own classes have."""


if sys.version_info >= (3, 14):
    import annotationlib

_read: WeakKeyDictionary[ModuleType, _Written] = WeakKeyDictionary()


def attributes(module: ModuleType, own: frozenset[str]) -> Iterator[Attribute]:
    """Yield each attribute of others that the module may set; `own` names the user's modules."""
    if module not in _read:
        _read[module] = _reading(module)
    written = _read[module]
    anybodys: set[str] = set()
    for base, name in written.stores:
        owner = _resolved(base, module, written.imports)
        if owner is None:
            anybodys.add(name)
        elif _is_foreign(owner, own):
            yield Attribute(ast.unparse(base), name, vars(owner))
    unknown = sorted(anybodys - written.fields)
    if not unknown:
        return
    for label, owner in list(vars(module).items()):
        if label[:2] != "__" and _is_foreign(owner, own):
            fields = annotated(owner)
            for name in unknown:
                if name not in fields and name not in getattr(owner, "__struct_fields__", ()):
                    yield Attribute(label, name, vars(owner))


def annotated(owner: object) -> Collection[str]:
    """The names that a module, a class, or the class of an object annotates.

    What the annotations name need not be resolvable: see `tester.world.signatures`.
    """
    holder: Any = owner if isinstance(owner, type | ModuleType) else type(owner)
    if sys.version_info >= (3, 14):
        return annotationlib.get_annotations(holder, format=annotationlib.Format.STRING)
    found: Collection[str] = getattr(holder, "__annotations__", ())
    return found


def _reading(module: ModuleType) -> _Written:
    stores: list[tuple[ast.expr, str]] = []
    imports: dict[str, str] = {}
    fields: set[str] = set()
    for node in ast.walk(tree(module)):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                fields.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                fields.add(name)
            case ast.Attribute(value=base, attr=name, ctx=ast.Store() | ast.Del()):
                stores.append((base, name))
            case ast.Call(
                func=ast.Name(id="setattr" | "delattr"),
                args=[base, ast.Constant(value=str(name)), *_],
            ):
                stores.append((base, name))
            case ast.Import(names=names):
                for alias in names:
                    whole = alias.name if alias.asname else alias.name.partition(".")[0]
                    imports[alias.asname or whole] = whole
            case ast.ImportFrom(module=str(home), names=names, level=0):
                imports.update({a.asname or a.name: f"{home}.{a.name}" for a in names})
    return _Written(stores, imports, frozenset(fields))


def _resolved(base: ast.expr, module: ModuleType, imports: dict[str, str]) -> Any:
    """Find what an expression such as `kvsrv.rpc` names; None if that is not for us to know."""
    match base:
        case ast.Name(id=name) if name in vars(module):
            return vars(module)[name]
        case ast.Name(id=name) if name in imports:
            return _imported(imports[name])
        case ast.Name(id=name):
            return vars(builtins).get(name)
        case ast.Attribute(value=inner, attr=name):
            owner = _resolved(inner, module, imports)
            return getattr(owner, "__dict__", {}).get(name)
        case ast.Call(func=ast.Attribute(attr="getLogger" | "import_module") as function):
            home = _resolved(function.value, module, imports)
            if home in (sys.modules.get("logging"), importlib):
                arguments = [arg.value for arg in base.args if isinstance(arg, ast.Constant)]
                if function.attr == "getLogger":
                    return getattr(home, function.attr)(*arguments)
                return sys.modules.get(*map(str, arguments[:1] or [""]))
    return None


def _imported(name: str) -> Any:
    if name in sys.modules:
        return sys.modules[name]
    home, _, member = name.rpartition(".")
    return vars(sys.modules[home]).get(member) if home in sys.modules else None


def _is_foreign(thing: Any, own: frozenset[str]) -> bool:
    """Whether it is somebody else's, and can have attributes set on it."""
    kind = type(thing)
    if issubclass(kind, ModuleType):
        return thing.__name__ not in own
    if issubclass(kind, type | FunctionType):
        return thing.__module__ not in own
    if kind.__module__ in own or kind.__module__ == "builtins":
        return False
    return type(getattr(thing, "__dict__", None)) is dict
