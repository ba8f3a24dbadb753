"""Suspects: lines of the user's code that may make a run depend on more than its choices.

They are read from the source, and only after a run has diverged. What a line may depend on is
named as the inquiry names its causes: see `tester.workers.inquiry`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tester.world.scenario import Scenario, code_under_test

_SET_MAKERS: Final = frozenset({"set", "frozenset"})
_SET_METHODS: Final = frozenset(
    {"union", "intersection", "difference", "symmetric_difference", "copy"}
)
_ORDERS: Final = frozenset({"list", "tuple", "iter", "enumerate", "zip", "map", "filter", "next"})

_KEPT: Final = ("history", "processes")
_HASHES: Final = ("hash seed", "addresses", "chance")
_FILES: Final = ("folder", "temporary", "chance", "history")
_CLOCKS: Final = ("chance", "time zone")
_MEMORY: Final = ("addresses", "chance", *_KEPT)

_SOURCES: Final[tuple[tuple[str, tuple[str, ...], str], ...]] = (
    (
        "os.environ os.environb os.getenv os.getenvb os.path.expandvars",
        ("environment", "user", "time zone", "locale", "temporary"),
        "reads environment variables",
    ),
    (
        "os.getcwd os.getcwdb os.path.abspath os.path.realpath os.path.relpath pathlib.Path.cwd",
        ("folder",),
        "depends on the working folder",
    ),
    ("sys.argv sys.orig_argv", ("arguments",), "reads the command line"),
    (
        "os.getppid os.getpgid os.getpgrp os.getsid",
        ("parent", "chance"),
        "reads the number of a process",
    ),
    (
        "os.getlogin getpass.getuser pwd os.path.expanduser pathlib.Path.home",
        ("user", "environment"),
        "asks for the user",
    ),
    ("os.umask", ("umask", *_KEPT), "reads or sets the umask"),
    (
        "sys.stdin sys.__stdin__ fileinput os.isatty os.read os.readv os.fstat",
        ("stdin", *_FILES),
        "reads standard input, or an open file",
    ),
    ("tempfile", ("temporary", "chance"), "uses the folder for temporary files"),
    (
        "time.tzname time.timezone time.altzone time.daylight zoneinfo time.tzset",
        ("time zone",),
        "depends on the time zone",
    ),
    ("locale", ("locale", *_KEPT), "depends on the locale, or sets it"),
    (
        """os.listdir os.scandir os.walk os.stat os.open os.path.exists os.path.isfile
        os.path.isdir os.path.getmtime os.path.getsize glob io.open io.FileIO pathlib.Path
        shelve sqlite3 dbm mmap""",
        _FILES,
        "touches files, which outlive a run",
    ),
    (
        "os.getrandom random.SystemRandom random._inst random._urandom numpy.random ssl",
        ("chance",),
        "draws randomness that is not the node's",
    ),
    (
        """resource os.getloadavg os.cpu_count os.sched_getaffinity psutil platform socket
        threading.get_ident threading.get_native_id _thread.get_ident os.times os.getpid""",
        ("chance", "parent"),
        "asks about the real machine or process",
    ),
    ("gc weakref tracemalloc sys.getrefcount ctypes", _MEMORY, "looks at real memory"),
    (
        """contextvars.ContextVar threading.local sys.modules functools.lru_cache functools.cache
        sys.setrecursionlimit sys.setswitchinterval sys.set_int_max_str_digits sys.excepthook
        sys.displayhook sys.path sys.meta_path sys.path_hooks mimetypes linecache copyreg
        codecs.register codecs.register_error csv.register_dialect csv.field_size_limit logging
        atexit signal warnings decimal builtins abc re mmap""",
        _KEPT,
        "may keep something from one run for the next",
    ),
)
_WHEN_KEPT: Final[tuple[tuple[str, tuple[str, ...], str], ...]] = (
    ("time datetime.datetime datetime.date", _CLOCKS, "keeps a clock, which may be the real one"),
    (
        "os.urandom random secrets uuid",
        ("chance",),
        "keeps a source of randomness, which may be the real one",
    ),
)
"""What a node has of its own: the name may go round that only where it is not called at once."""


class Suspect(NamedTuple):
    """A line, and what it may depend on."""

    file: str
    line: int
    why: str
    kinds: tuple[str, ...] = ()
    """Which causes it would explain, the likeliest first."""
    function: str = ""
    """The function in which it stands; "" outside of any."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.why}"


def suspected(scenario: Scenario) -> Iterator[Suspect]:
    """The suspicious lines of the code under test; the reference's are none."""
    for module in code_under_test(scenario):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_file():
            yield from suspects(Path(file).read_bytes(), file)


def suspects(source: str | bytes, file: str) -> list[Suspect]:
    """The suspicious lines of a module, in order; none for what is not Python.

    Bytes are in the encoding that they name, as Python reads them.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return []
    return sorted(set(_Reader(file, tree).read()))


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


def _makes_mutable(node: ast.expr | None) -> bool:
    return isinstance(node, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp) or (
        isinstance(node, ast.Call) and not isinstance(node.func, ast.Attribute)
    )


def _imported(tree: ast.AST) -> dict[str, str]:
    """What each imported name stands for: {"now": "time.time"}."""
    found = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for name in names:
                    found[name.asname or name.name.partition(".")[0]] = (
                        name.name if name.asname else name.name.partition(".")[0]
                    )
            case ast.ImportFrom(module=str(module), names=names, level=0):
                for name in names:
                    found[name.asname or name.name] = f"{module}.{name.name}"
    return found


class _Reader:
    """Reads a module, and knows in which function it is."""

    def __init__(self, file: str, tree: ast.AST) -> None:
        self._file = file
        self._tree = tree
        self._names = _set_names(tree)
        self._imported = _imported(tree)
        self._bound = {
            node.id if isinstance(node, ast.Name) else node.arg
            for node in ast.walk(tree)
            if isinstance(node, ast.arg)
            or (isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load))
        }
        self._called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        self._inner = {
            id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)
        }

    def read(self) -> Iterator[Suspect]:
        waiting: list[tuple[ast.AST, str]] = [(self._tree, "")]
        while waiting:
            node, function = waiting.pop()
            for line, why, kinds in self._node(node, function):
                yield Suspect(self._file, line, why, kinds, function)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                function = node.name
            waiting += [(child, function) for child in ast.iter_child_nodes(node)]

    def _node(self, node: ast.AST, function: str) -> Iterator[tuple[int, str, tuple[str, ...]]]:
        for at, why, kinds in (
            *self._orders(node),
            *self._uses(node, function),
            *self._keeps(node, function),
        ):
            yield getattr(at, "lineno", 0), why, kinds

    def _orders(self, node: ast.AST) -> Iterator[tuple[ast.AST, str, tuple[str, ...]]]:
        """Whatever goes by hashes or by addresses."""
        match node:
            case ast.For(iter=over) | ast.AsyncFor(iter=over):
                yield from self._iterations([over])
            case ast.ListComp(generators=parts) | ast.DictComp(generators=parts):
                yield from self._iterations(part.iter for part in parts)
            case ast.GeneratorExp(generators=parts):
                yield from self._iterations(part.iter for part in parts)
            case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in _ORDERS:
                yield from self._iterations([first])
            case ast.Call(func=ast.Attribute(attr="join"), args=[first]):
                yield from self._iterations([first])
            case ast.Starred(value=value):
                yield from self._iterations([value])
            case ast.Call(func=ast.Attribute(value=value, attr="pop"), args=[]) if _makes_set(
                value, self._names
            ):
                yield node, "pops from a set: which element, its hashes decide", _HASHES
            case ast.Name(id="hash", ctx=ast.Load()) if "hash" not in self._bound:
                yield node, "calls hash(), which differs between processes", _HASHES
            case ast.Name(id="id", ctx=ast.Load()) if "id" not in self._bound:
                yield node, "calls id(), which differs between processes", ("addresses", "chance")
            case ast.Attribute(attr="__hash__"):
                yield node, "calls hash(), which differs between processes", _HASHES
            case ast.Attribute(attr="as_completed"):
                yield node, "uses as_completed, whose order is that of a set", ("addresses",)
            case ast.Attribute(attr="wait_for"):  # rewritten in 3.12: gh-96764
                yield (
                    node,
                    "uses wait_for, whose steps differ between versions of Python",
                    ("version",),
                )
            case (
                ast.Name(id="repr" | "ascii", ctx=ast.Load()) | ast.FormattedValue(conversion=114)
            ):
                yield node, "shows an object, perhaps with its address", ("addresses", "chance")
            case ast.Attribute(attr="__repr__" | "__str__", value=ast.Name(id="object")):
                yield node, "shows an object with its address", ("addresses", "chance")

    def _iterations(
        self, overs: Iterable[ast.expr]
    ) -> Iterator[tuple[ast.AST, str, tuple[str, ...]]]:
        for over in overs:
            if _makes_set(over, self._names):
                yield over, "iterates over a set: its order is that of its hashes", _HASHES

    def _uses(
        self, node: ast.AST, function: str
    ) -> Iterator[tuple[ast.AST, str, tuple[str, ...]]]:
        """Whatever comes from outside of the simulation."""
        match node:
            case ast.Name(id="open", ctx=ast.Load()) if "open" not in self._bound:
                yield node, "touches files, which outlive a run", _FILES
            case ast.Name(id="input", ctx=ast.Load()) if "input" not in self._bound:
                yield node, "reads standard input", ("stdin",)
            case ast.Constant(value="/dev/urandom" | "/dev/random"):
                yield node, "draws randomness that is not the node's", ("chance",)
            case ast.Constant(value=str(text)) if text.startswith("/proc"):
                yield node, "asks about the real machine or process", ("chance", "parent")
        if not isinstance(node, ast.Name | ast.Attribute) or id(node) in self._inner:
            return
        dotted = self._dotted(node)
        if not dotted:
            return
        for sources in (_SOURCES, _WHEN_KEPT):
            kept = id(node) not in self._called or not function
            for names, kinds, why in sources if kept or sources is _SOURCES else ():
                if any(dotted == name or dotted.startswith(f"{name}.") for name in names.split()):
                    yield node, why, kinds

    def _dotted(self, node: ast.expr) -> str:
        match node:
            case ast.Name(id=name):
                return self._imported.get(name, "")
            case ast.Attribute(value=value, attr=attr):
                before = self._dotted(value)
                return f"{before}.{attr}" if before else ""
        return ""

    def _keeps(
        self, node: ast.AST, function: str
    ) -> Iterator[tuple[ast.AST, str, tuple[str, ...]]]:
        """Whatever may outlive a run."""
        kinds = _KEPT
        match node:
            case ast.Global():
                yield node, "assigns to a global, which outlives a run", kinds
            case ast.Assign(targets=[*targets]):
                for target in targets:
                    match target:
                        case ast.Attribute(value=ast.Name(id=name)) if name in self._imported:
                            yield node, "sets something that outlives a run", kinds
                        case ast.Name() if not function and _makes_mutable(node.value):
                            yield node, "makes an object that outlives a run", kinds
            case ast.AnnAssign(target=ast.Name(), value=value) if not function and _makes_mutable(
                value
            ):
                yield node, "makes an object that outlives a run", kinds
            case ast.arguments(defaults=defaults, kw_defaults=others):
                for value in [*defaults, *others]:
                    if value is not None and _makes_mutable(value):
                        yield value, "has a default that outlives a run", kinds
            case ast.Call(func=ast.Name(id="setattr")):
                yield node, "sets something that may outlive a run", kinds
