"""The arrows between the packages, and what keeps a run a pure function of its choices."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.tree import PACKAGES, PYPROJECT, ROOT, sources

# Who may import what of ours. A module belongs to the longest name that fits it, may import its
# own unit, what stands here, and labrpc.errors: the root of the error tree is for everyone.
FIXED_API = (
    "kvsrv.rpc raft.api kvraft.api kvraft.kvmachine "
    "mapreduce.api mapreduce.apps mapreduce.sequential"
)
ALL_OF_TESTER = f"tester labtester labrpc linearizability {FIXED_API}"
ARROWS = {
    "linearizability": "",
    "labtester": "tester.plugin",
    "labrpc": "",
    "kvsrv": "labrpc",
    "lock": "kvsrv",
    "raft": "labrpc",
    "kvraft": "raft kvsrv labrpc",
    "mapreduce": "labrpc",
    "tester": ALL_OF_TESTER,  # the plugin, the command line, and the public face
    "tester.engine": "",
    "tester.guard": "tester.engine",
    "tester.world": (
        f"tester.engine tester.guard labtester.hidden labrpc linearizability {FIXED_API}"
    ),
    "tester.search": "tester.world tester.engine",
    "tester.workers": "tester.search tester.world tester.guard tester.engine tester.labs.lab",
    # Code that runs in a worker knows the labs, and renders what came of a run; and a look at two
    # workers' runs says how they differ.
    "tester.workers.jobs": ALL_OF_TESTER,
    "tester.workers.main": ALL_OF_TESTER,
    "tester.workers.rerun": ALL_OF_TESTER,
    "tester.workers.selfcheck": "tester.workers tester.report",
    "tester.labs": f"tester.world linearizability {FIXED_API}",
    "tester.report": "tester.world tester.search tester.workers linearizability",
    "tester.cli.mapreduce": f"{ALL_OF_TESTER} mapreduce",  # which runs the reference for real
    "tester.grading": f"{ALL_OF_TESTER}",
    # A sweep gives jobs to workers, keeps what comes back, and has failures told.
    "tester.sweep": "tester.workers tester.report tester.search tester.world tester.engine",
}
THIRD_PARTY = {
    "click": "tester.cli",
    # The extra `cluster`, imported if it is asked for.
    "distributed": "tester.cli.mapreduce tester.sweep.executors",
    "hypothesis": "tester.strategies",
    "msgspec": "labrpc tester",
    "numpy": "tester.sweep.statistics",  # takes long to import: only for statistics
    "pytest": "labtester tester.plugin tester.labs tester.workers.under_pytest",
    # The classes of its reports, and what a mark on a test means, which it does not export.
    "_pytest": "tester.plugin tester.workers.under_pytest",
    "rich": "tester.cli tester.report",
}

# Where decisions are made, nothing may look at the world.
DECISION = "labrpc kvsrv lock raft kvraft mapreduce tester.engine tester.world"
# Who may ask for what all the same: the first ones are code on a node, which the guard answers,
# and a node makes the generator that answers it, whose type `current` names.
EXCUSED = {
    "kvraft.dedup.client": "secrets",
    "kvraft.group": "random",
    "kvraft.rsm": "secrets",
    "kvsrv.dedup.client": "secrets",
    "lock.lock": "uuid",
    "raft.raft": "random",
    "tester.engine.node": "random",
    "tester.engine.current": "random",
}
WORLDLY = {"random", "time", "datetime", "secrets", "uuid"}
_STDLIB = sys.stdlib_module_names | {"annotationlib"}  # which comes with CPython 3.14
SETS = (ast.Set, ast.SetComp)
MODULES = {
    path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path
    for path in sources(*PACKAGES)
}


def within(module: str, units: str) -> bool:
    return any(module == unit or module.startswith(unit + ".") for unit in units.split())


def imports(source: str, module: str, *, is_package: bool = False) -> Iterator[tuple[int, str]]:
    """Line and full name of all that a module imports, wherever in it the import stands."""
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=base, names=names, level=level):
                above = package.split(".")[: package.count(".") + 2 - level] if level else []
                start = ".".join([*above, *([base] if base else [])])
                for alias in names:  # `from a import b` imports a.b where that is a module
                    whole = f"{start}.{alias.name}"
                    yield node.lineno, whole if whole in MODULES else start
            case ast.Call(
                func=ast.Name(id=called) | ast.Attribute(attr=called),
                args=[ast.Constant(value=str(name)), *_],
            ) if called in {"import_module", "__import__"}:
                yield node.lineno, name


def refusal(module: str, target: str) -> str | None:
    """Why a module of ours may not import the target."""
    top = target.partition(".")[0]
    if top in _STDLIB or target == "labrpc.errors":
        return None
    if top in THIRD_PARTY:
        return None if within(module, THIRD_PARTY[top]) else f"only {THIRD_PARTY[top]} may"
    unit = max((u for u in ARROWS if within(module, u)), key=len)
    if within(target, f"{unit} {ARROWS[unit]}"):
        return None
    return f"{unit} may import: {ARROWS[unit] or 'nothing of ours'}"


def looks_at_the_world(source: str, module: str) -> Iterator[str]:
    """What in a decision module could differ from run to run, or hangs on the size of a float."""
    for line, target in imports(source, module):
        if target.partition(".")[0] in WORLDLY - {EXCUSED.get(module)}:
            yield f"{line}: imports {target}; time and chance come from the engine"
    tree = ast.parse(source)
    rounded = {id(arg) for node in ast.walk(tree) if is_pause(node) for arg in ast.walk(node)}
    for node in ast.walk(tree):
        match node:
            case ast.For(iter=order) | ast.AsyncFor(iter=order) | ast.comprehension(iter=order):
                if is_set(order):
                    yield f"{order.lineno}: iterates over a set; sort it or keep a dict"
            case ast.Call(func=ast.Name(id="list" | "tuple" | "iter" | "enumerate"), args=[order]):
                if is_set(order):
                    yield f"{order.lineno}: takes the order of a set; sort it or keep a dict"
            case ast.Call(func=ast.Name(id="hash")):
                yield f"{node.lineno}: hash() of a string differs between processes"
            case ast.Attribute(value=ast.Name(id="os"), attr="urandom" | "getrandom"):
                yield f"{node.lineno}: chance comes from the engine"
            case ast.Constant(value=float(number)) if id(node) not in rounded:
                yield f"{node.lineno}: the float {number}; use integers or a ratio"


def is_set(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case ast.BinOp(left=left, right=right):
            return is_set(left) or is_set(right)
    return isinstance(node, SETS)


def is_pause(node: ast.AST) -> bool:
    """asyncio.sleep and asyncio.timeout: the loop rounds their seconds to whole microseconds."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="asyncio"), attr=name)):
            return name in {"sleep", "timeout"}
    return False


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_along_the_arrows(module: str) -> None:
    path = ROOT / MODULES[module]
    found = imports(path.read_text(), module, is_package=path.name == "__init__.py")
    assert [
        f"{MODULES[module]}:{line} imports {target}: {why}"
        for line, target in found
        if (why := refusal(module, target))
    ] == []


CIRCLES = {
    # A loop makes tasks, futures and handles, and each of these belongs to a loop.
    frozenset({"tester.engine.loop", "tester.engine.tasks"}),
}


def circles(arrows: dict[str, set[str]]) -> set[frozenset[str]]:
    """The groups of modules of which each is reached from each other, after Tarjan."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    found: set[frozenset[str]] = set()

    def visit(module: str) -> None:
        order[module] = lowest[module] = len(order)
        path.append(module)
        for target in sorted(arrows.get(module, ())):
            if target not in order:
                visit(target)
                lowest[module] = min(lowest[module], lowest[target])
            elif target in path:
                lowest[module] = min(lowest[module], order[target])
        if lowest[module] == order[module]:
            group = frozenset(path[path.index(module) :])
            del path[path.index(module) :]
            if len(group) > 1:
                found.add(group)

    for module in arrows:
        if module not in order:
            visit(module)
    return found


def test_no_modules_import_each_other_but_those_with_a_reason() -> None:
    """Imports for annotations alone, and those inside functions, count as well."""
    arrows = {}
    for module, path in MODULES.items():
        source = (ROOT / path).read_text()
        found = imports(source, module, is_package=path.endswith("__init__.py"))
        arrows[module] = {target for _, target in found if target in MODULES} - {module}
    assert circles(arrows) == CIRCLES


def test_a_circle_is_found() -> None:
    arrows = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": set(), "f": {"a", "f"}}
    assert circles(arrows) == {frozenset("abc")}
    assert circles({"a": {"b"}, "b": {"a"}, "c": {"d"}, "d": {"c", "a"}}) == {
        frozenset("ab"),
        frozenset("cd"),
    }


@pytest.mark.parametrize("module", [m for m in MODULES if within(m, DECISION)])
def test_a_decision_module_does_not_look_at_the_world(module: str) -> None:
    assert list(looks_at_the_world((ROOT / MODULES[module]).read_text(), module)) == []


def test_every_dependency_has_its_place() -> None:
    project = PYPROJECT["project"]
    specs = [*project["dependencies"], *project["optional-dependencies"]["cluster"]]
    names = {re.split(r"[^\w-]", spec)[0] for spec in specs}
    assert names == {package.removeprefix("_") for package in THIRD_PARTY}


@pytest.mark.parametrize("package", ["labrpc", "kvsrv", "lock", "linearizability"])
def test_what_students_import_is_light(
    package: str, record_property: Callable[[str, object], None]
) -> None:
    code = (
        "import asyncio, sys, time; start = time.perf_counter_ns();"
        f"import {package}; print((time.perf_counter_ns() - start) // 1000, *sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    microseconds, *modules = done.stdout.split()
    record_property("import_us", microseconds)
    print(f"import {package}: {microseconds} us beyond asyncio")
    assert package in modules
    assert {"numpy", "pytest", "tester"}.isdisjoint(modules)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("labrpc.network", "import tester"),
        ("labrpc.network", "from tester.engine import choices"),
        ("labrpc.network", "def f():\n    import tester.world"),
        ("labrpc.network", "if TYPE_CHECKING:\n    from tester import Simulation"),
        ("labrpc.network", "importlib.import_module('tester.plugin')"),
        ("labrpc.network", "from ..tester import engine"),
        ("labrpc.network", "import numpy"),
        ("linearizability.checker", "from labrpc import Network"),
        ("linearizability.checker", "import msgspec"),
        ("lock.lock", "from raft import Raft"),
        ("tester.world.simulation", "from kvsrv import PutArgs"),
        ("tester.world.simulation", "from kvsrv.server import KVServer"),
        ("tester.world.simulation", "from ..search import runner"),
        ("tester.labs.kvsrv", "from kvsrv import Clerk"),
        ("tester.engine.loop", "from tester.guard import guard"),
        ("tester.guard.audit", "from tester.world.host import Host"),
        ("tester.cli", "import requests"),
    ],
)
def test_a_wrong_arrow_is_found(module: str, source: str) -> None:
    assert [target for _, target in imports(source, module) if refusal(module, target)]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("labrpc.network", "import asyncio\nfrom . import errors\nimport msgspec"),
        ("linearizability.checker", "from labrpc.errors import TesterError"),
        ("tester.engine.choices", "import hashlib"),
        ("tester.world.simulation", "from ..engine import loop\nfrom kvsrv.rpc import PutArgs"),
        ("tester.plugin", "from tester.report import text\nimport pytest, _pytest.reports"),
    ],
)
def test_a_right_arrow_passes(module: str, source: str) -> None:
    assert not [target for _, target in imports(source, module) if refusal(module, target)]


@pytest.mark.parametrize(
    "source",
    [
        "import random",
        "def f():\n    from time import monotonic",
        "os.urandom(8)",
        "for x in {1, 2}: pass",
        "[x for x in set(y)]",
        "list(set(a) - b)",
        "hash('a')",
        "if below(10) < 0.5: pass",
    ],
)
def test_a_look_at_the_world_is_found(source: str) -> None:
    assert len(list(looks_at_the_world(source, "labrpc.network"))) == 1


@pytest.mark.parametrize(
    "source", ["await asyncio.sleep(0.1)", "for x in sorted({1, 2}): pass", "if x in {1, 2}: pass"]
)
def test_an_innocent_line_passes(source: str) -> None:
    assert list(looks_at_the_world(source, "labrpc.network")) == []
