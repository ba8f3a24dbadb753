"""Mutation operators: every small change of a Python module, one at a time, as source text.

A mutant that compiles to the bytecode of the original, or of an earlier mutant, is left out: it
would run the same instructions.
"""

from __future__ import annotations

import ast
import copy
import itertools
from collections.abc import Iterator, Sequence
from types import CodeType
from typing import Any, Final, NamedTuple

Path = tuple[tuple[str, int | None], ...]
"""The way from the module to a node: names of fields, with the place in those that are lists."""

_COMPARED: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE, ast.NotEq),
    ast.LtE: (ast.Lt, ast.Gt, ast.Eq),
    ast.Gt: (ast.GtE, ast.LtE, ast.NotEq),
    ast.GtE: (ast.Gt, ast.Lt, ast.Eq),
    ast.Eq: (ast.NotEq, ast.LtE, ast.GtE),
    ast.NotEq: (ast.Eq, ast.Lt, ast.Gt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_COMPUTED: Final[dict[type[ast.operator], tuple[type[ast.operator], ...]]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.FloorDiv,),
    ast.FloorDiv: (ast.Mult,),
    ast.Div: (ast.Mult,),
    ast.Mod: (ast.FloorDiv,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitAnd: (ast.BitOr,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
}
_CALLED: Final = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list"}
_COUNTS: Final = frozenset({"range", "min", "max"})
"""Functions whose arguments are numbers that may be off by one."""
_UNTOUCHED: Final = frozenset({"annotation", "returns", "decorator_list", "bases", "type_params"})
"""Fields that say what something is, and not what it does."""
_SIMPLE: Final = (
    ast.Assign,
    ast.AnnAssign,
    ast.AugAssign,
    ast.Delete,
    ast.Expr,
    ast.Raise,
    ast.Return,
)


class Mutant(NamedTuple):
    """A module with one change."""

    line: int
    scope: str
    """The class and function it is in: "Clerk.put"."""
    change: str
    """`old -> new`; numbered where the same change is made at several places of a scope."""
    source: str

    @property
    def name(self) -> str:
        """What it is called: the same wherever else the module changes."""
        return f"{self.scope}: {self.change}"


class _Change(NamedTuple):
    """A node, or a whole block of statements, and what takes its place."""

    path: Path
    new: ast.AST | list[ast.stmt]
    line: int
    text: str


def mutants(source: str) -> list[Mutant]:
    """All mutants of a module, in the order of its text, without those that cannot differ."""
    tree = ast.parse(source)
    others = _constants(tree)
    seen = {_code(source)}
    found: list[Mutant] = []
    counts: dict[str, int] = {}
    for path, node, scope in _walk(tree):
        for change in (*_blocks(path, node), *_expressions(path, node, others)):
            mutated = _replaced(tree, change)
            try:
                code = _code(mutated)
            except SyntaxError:
                continue  # a `continue` that left its loop, say
            if code in seen:
                continue
            seen.add(code)
            label = f"{scope}: {change.text}"
            counts[label] = number = counts.get(label, 0) + 1
            text = change.text if number == 1 else f"{change.text} ({number})"
            found.append(Mutant(change.line, scope, text, mutated))
    return found


# -- where something may change -------------------------------------------------------------------


def _walk(tree: ast.Module) -> Iterator[tuple[Path, ast.AST, str]]:
    """Every node that does something, with the way to it and the function it is in."""
    waiting: list[tuple[Path, ast.AST, str]] = [((), tree, "")]
    while waiting:
        path, node, scope = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            scope = f"{scope}.{node.name}".lstrip(".")
        yield path, node, scope or "module"
        below: list[tuple[Path, ast.AST, str]] = []
        for field, value in ast.iter_fields(node):
            if field in _UNTOUCHED:
                continue
            if isinstance(value, ast.AST):
                below.append(((*path, (field, None)), value, scope))
            elif isinstance(value, list):
                below += [
                    ((*path, (field, at)), child, scope)
                    for at, child in enumerate(value)
                    if isinstance(child, ast.AST) and not _is_docstring(child)
                ]
        waiting += reversed(below)


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _constants(tree: ast.Module) -> dict[str, list[str]]:
    """The members of each enumeration that the module names: {"Err": ["OK", "VERSION"]}."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attr) if attr.isupper():
                found.setdefault(name, set()).add(attr)
    return {name: sorted(members) for name, members in found.items()}


def _replaced(tree: ast.Module, change: _Change) -> str:
    """The source of the module with the change; the tree is then as it was."""
    *way, (field, at) = change.path
    node: Any = tree
    for step, index in way:
        node = getattr(node, step)
        node = node if index is None else node[index]
    old = getattr(node, field)
    new: Any = change.new
    if at is not None:
        new = [*old[:at], *(new if isinstance(new, list) else [new]), *old[at + 1 :]]
    setattr(node, field, new)
    try:
        return f"{ast.unparse(ast.fix_missing_locations(tree))}\n"
    finally:
        setattr(node, field, old)


def _code(source: str) -> Any:
    """What the module compiles to, without the lines it came from."""
    return _bare(compile(source, "module", "exec", dont_inherit=True))


def _bare(code: CodeType) -> Any:
    constants = tuple(
        _bare(c) if isinstance(c, CodeType) else (type(c).__name__, repr(c))
        for c in code.co_consts
    )
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    return (code.co_name, code.co_code, code.co_exceptiontable, constants, names, counts)


# -- statements -----------------------------------------------------------------------------------


def _blocks(path: Path, node: ast.AST) -> Iterator[_Change]:
    """Drop a statement, exchange it with the next, or move it to the end of its block."""
    if not isinstance(node, ast.stmt | ast.match_case) or isinstance(node, ast.ClassDef):
        return
    for field in ("body", "orelse", "finalbody"):
        if block := getattr(node, field, None):
            yield from _block((*path, (field, None)), block)


def _block(path: Path, block: list[ast.stmt]) -> Iterator[_Change]:
    first = 1 if block and _is_docstring(block[0]) else 0
    for at in range(first, len(block)):
        here, before, after = block[at], block[:at], block[at + 1 :]
        if isinstance(here, _SIMPLE):
            rest: list[ast.stmt] = [*before, *after] or [ast.Pass()]
            yield _Change(path, rest, here.lineno, f"drop `{_text(here)}`")
        if isinstance(here, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if after and not _commute(here, after[0]):
            swapped = [*before, after[0], here, *after[1:]]
            text = f"`{_text(here)}` after `{_text(after[0])}`"
            yield _Change(path, swapped, here.lineno, text)
        if len(after) > 1 and isinstance(here, _SIMPLE) and not _commute(here, *after):
            moved = [*before, *after, here]
            yield _Change(path, moved, here.lineno, f"`{_text(here)}` at the end of its block")


def _commute(one: ast.stmt, *others: ast.stmt) -> bool:
    """Whether it cannot matter which of these assignments comes first: they share no name."""
    sets = [_assigns(statement) for statement in (one, *others)]
    if None in sets:
        return False
    mine, *theirs = (found for found in sets if found is not None)
    return not any(mine[0] & (t[0] | t[1]) or mine[1] & t[0] for t in theirs)


def _assigns(statement: ast.stmt) -> tuple[set[str], set[str]] | None:
    """What a plain assignment sets, and what it reads; None if it may do more than that."""
    match statement:
        case ast.Assign(targets=[ast.Name() | ast.Attribute() as target], value=value):
            pass
        case ast.AnnAssign(
            target=ast.Name() | ast.Attribute() as target, value=ast.expr() as value
        ):
            pass
        case _:
            return None
    plain = ast.Name, ast.Attribute, ast.Constant, ast.Dict, ast.List, ast.Tuple, ast.expr_context
    if not all(isinstance(node, plain) for node in ast.walk(value)):
        return None
    reads = {ast.unparse(n) for n in ast.walk(value) if isinstance(n, ast.Name | ast.Attribute)}
    return {ast.unparse(target)}, reads


def _statement(node: ast.AST) -> Iterator[ast.AST | list[ast.stmt]]:
    """Other statements in the place of one."""
    match node:
        case ast.If(body=body, orelse=orelse):
            yield [*orelse] or [ast.Pass()]
            yield [*body]
        case ast.While(test=test, body=body, orelse=orelse):
            yield ast.While(test, [*body, ast.Break()], orelse)
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()
        case ast.Return(value=ast.expr()):
            yield ast.Return(None)
        case ast.AugAssign(target=target, op=op, value=value):
            stored = copy.deepcopy(target)
            yield ast.Assign([stored], value)
            yield from (ast.AugAssign(target, new(), value) for new in _COMPUTED.get(type(op), ()))
        case ast.AsyncWith(body=body) | ast.With(body=body):
            yield [*body]
        case ast.Try(body=body):
            yield [*body]


# -- expressions ----------------------------------------------------------------------------------


def _expressions(path: Path, node: ast.AST, others: dict[str, list[str]]) -> Iterator[_Change]:
    """Replace one node by another."""
    for new in _statement(node):
        line = getattr(node, "lineno", 0)
        text = f"`{_text(node)}` -> `{_text(new)}`"
        if isinstance(node, ast.If) and isinstance(new, list):
            held = "always" if new == node.body else "never"
            text = f"`{_text(node)}` holds {held}"
        elif isinstance(node, ast.While):
            text = f"`{_text(node)}` runs once"
        elif isinstance(new, list):
            text = f"without `{_text(node)}`"
        yield _Change(path, new, line, text)
    for new in _expression(node, others):
        line = getattr(node, "lineno", 0)
        yield _Change(path, new, line, f"`{_text(node)}` -> `{_text(new)}`")


def _expression(node: ast.AST, others: dict[str, list[str]]) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for at, op in enumerate(ops):
                for new in _COMPARED[type(op)]:
                    yield ast.Compare(left, [*ops[:at], new(), *ops[at + 1 :]], comparators)
        case ast.BinOp(left=left, op=op, right=right):
            if not (isinstance(op, ast.Add) and _is_int(left, right)):
                yield ast.BinOp(right, op, left)
            yield from (ast.BinOp(left, new(), right) for new in _COMPUTED.get(type(op), ()))
            yield from (left, right)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.And() if isinstance(op, ast.Or) else ast.Or(), values)
            for at in range(len(values)):
                rest = [*values[:at], *values[at + 1 :]]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
            yield from _negated(values, lambda new: ast.BoolOp(op, new))
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield from (body, orelse, ast.IfExp(test, orelse, body))
        case ast.Await(value=value):
            yield value
        case ast.Constant(value=value):
            yield from _constant(value)
        case ast.Attribute(value=ast.Name(id=name), attr=attr, ctx=ast.Load()):
            for other in others.get(name, ()) if attr.isupper() else ():
                if other != attr:
                    yield ast.Attribute(ast.Name(name, ast.Load()), other, ast.Load())
        case ast.Call():
            yield from _call(node)
        case ast.Subscript(value=value, slice=at, ctx=ast.Load()):
            if isinstance(at, ast.Slice):
                for bounds in _slices(at):
                    yield ast.Subscript(value, bounds, ast.Load())
            elif not isinstance(at, ast.Constant | ast.Tuple):
                for off in _off_by_one(at):
                    yield ast.Subscript(value, off, ast.Load())
        case ast.List(elts=[_, *_], ctx=ast.Load()):
            yield ast.List([], ast.Load())
        case ast.Tuple(elts=[first, second], ctx=ast.Load()):
            yield ast.Tuple([second, first], ast.Load())


def _is_int(*nodes: ast.expr) -> bool:
    return any(isinstance(n, ast.Constant) and type(n.value) is int for n in nodes)


def _negated(values: Sequence[ast.expr], make: Any) -> Iterator[ast.expr]:
    for at, value in enumerate(values):
        if not isinstance(value, ast.Compare):  # whose operator is changed itself
            yield make([*values[:at], ast.UnaryOp(ast.Not(), value), *values[at + 1 :]])


def _constant(value: object) -> Iterator[ast.expr]:
    match value:
        case bool():
            yield ast.Constant(not value)
        case int():
            yield from (ast.Constant(value + 1), _number(value - 1))
        case float():
            yield from (ast.Constant(value * 10), ast.Constant(value / 10), ast.Constant(0.0))
        case str():
            yield ast.Constant(f"{value}x")
            if value:
                yield ast.Constant("")
        case bytes():
            yield ast.Constant(value + b"x")


def _number(value: int) -> ast.expr:
    number = ast.Constant(abs(value))
    return number if value >= 0 else ast.UnaryOp(ast.USub(), number)


def _call(node: ast.Call) -> Iterator[ast.expr]:
    func, args, keywords = node.func, node.args, node.keywords
    if isinstance(func, ast.Name) and func.id in _CALLED and (func.id != "sorted" or args):
        yield ast.Call(ast.Name(_CALLED[func.id], ast.Load()), args, keywords)
    if isinstance(func, ast.Name) and func.id in _COUNTS:
        for at, arg in enumerate(args):
            if not isinstance(arg, ast.Constant | ast.Starred):
                for off in _off_by_one(arg):
                    yield ast.Call(func, [*args[:at], off, *args[at + 1 :]], keywords)
    for at, (one, two) in enumerate(itertools.pairwise(args)):
        yield ast.Call(func, [*args[:at], two, one, *args[at + 2 :]], keywords)
    for at in range(len(keywords)):
        yield ast.Call(func, args, [*keywords[:at], *keywords[at + 1 :]])


def _slices(at: ast.Slice) -> Iterator[ast.Slice]:
    if at.lower is not None:
        for lower in (None, *_off_by_one(at.lower)):
            yield ast.Slice(lower, at.upper, at.step)
    if at.upper is not None:
        for upper in (None, *_off_by_one(at.upper)):
            yield ast.Slice(at.lower, upper, at.step)


def _off_by_one(value: ast.expr) -> Iterator[ast.expr]:
    yield ast.BinOp(value, ast.Add(), ast.Constant(1))
    yield ast.BinOp(value, ast.Sub(), ast.Constant(1))


def _text(what: ast.AST | list[ast.stmt]) -> str:
    """The first line of some code, in one spelling."""
    nodes = what if isinstance(what, list) else [what]
    text = ast.unparse(ast.fix_missing_locations(copy.deepcopy(nodes[0])))
    return text.splitlines()[0] if text else "pass"
