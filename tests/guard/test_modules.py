"""Every kind of state a module can keep, changed by a run and not, and the line that is named."""

import importlib.util
import sys
import textwrap
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.guard import guard, modules
from tester.guard.modules import Change, ModuleState, state_of

Load = Callable[..., types.ModuleType]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    names: list[str] = []

    def make(source: str, name: str = "student") -> types.ModuleType:
        path = tmp_path / f"{name}.py"
        path.write_text(textwrap.dedent(source).lstrip("\n"))
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        names.append(name)
        spec.loader.exec_module(module)
        return module

    yield make
    for name in names:
        sys.modules.pop(name, None)


def changes(module: types.ModuleType, *runs: str) -> list[Change]:
    state = ModuleState([module])
    assert state.changed() == []
    for run in runs:
        exec(run, vars(module), {})
    return state.changed()


# source, what the run calls, the name that changed; the line that does it ends with `# here`
CHANGING = {
    "a global": (
        """
        n = 0
        def show(): return n
        def shadow():
            n = 1
            n += 1
        def run():
            global n
            n += 1  # here
        """,
        "n",
    ),
    "a new global": ("def run():\n    global cache\n    cache = {}  # here", "cache"),
    "a deleted global": ("n = 0\ndef run():\n    global n\n    del n  # here", "n"),
    "an imported name": (
        "from math import pi\ndef run():\n    global pi\n    pi = 3  # here",
        "pi",
    ),
    "a global rebound by import": (
        "tau = 5\ndef run():\n    global tau\n    from math import tau  # here",
        "tau",
    ),
    "a dict": ("d = {}\ndef get(): return d.get(1)\ndef run(): d[1] = 2  # here", "d"),
    "a dict in a dict": ("d = {1: {}}\ndef run():\n    d[1].update(a=2)  # here", "d"),
    "a list": ("log = []\ndef run(log_=log): log.append(1)  # here", "log"),
    "a list in a tuple": ("t = ([], 1)\ndef run(): t[0].append(1)  # here", "t"),
    "an item deleted": ("log = [1]\ndef run():\n    del log[0]  # here", "log"),
    "a sorted list": ("log = [2, 1]\ndef run(): log.sort()  # here", "log"),
    "a value of equal number": ("log = [1]\ndef run(): log[0] = True  # here", "log"),
    "a set": ("seen = set()\ndef run(): seen.add('x')  # here", "seen"),
    "a set of objects": (
        """
        class Thing: pass
        seen = {Thing(), 1}
        def run():
            seen.add(Thing())  # here
        """,
        "seen",
    ),
    "a deque": (
        "from collections import deque\nq = deque()\ndef run(): q.appendleft(1)  # here",
        "q",
    ),
    "a defaultdict": (
        "from collections import defaultdict as dd\nd = dd(int)\ndef run(): d[5] += 1  # here",
        "d",
    ),
    "an OrderedDict": (
        """
        from collections import OrderedDict
        d = OrderedDict.fromkeys("ab")
        def run():
            d.move_to_end("a")  # here
        """,
        "d",
    ),
    "a Counter": (
        "from collections import Counter\nc = Counter()\ndef run():\n    c['a'] += 1  # here",
        "c",
    ),
    "a ChainMap": (
        "from collections import ChainMap\nc = ChainMap({})\ndef run():\n    c['a'] = 1  # here",
        "c",
    ),
    "a bytearray": ("b = bytearray(1)\ndef run(): b.extend(b'x')  # here", "b"),
    "an array": ("from array import array\na = array('b', [1])\ndef run(): a[0] = 2  # here", "a"),
    "a numpy array": ("import numpy\na = numpy.zeros(3)\ndef run(): a[0] = 2  # here", "a"),
    "a namespace": (
        "from types import SimpleNamespace\ns = SimpleNamespace()\ndef run(): s.n = 1  # here",
        "s",
    ),
    "a queue": (
        "import asyncio\nq = asyncio.Queue()\ndef run(): q.put_nowait(1)  # here",
        "q",
    ),
    "an event": ("import threading\ne = threading.Event()\ndef run(): e.set()  # here", "e"),
    "a counter": (
        "from itertools import count\nids = count()\ndef run(): return next(ids)  # here",
        "ids",
    ),
    "a counter's method": (
        "from itertools import count\nnew = count().__next__\ndef run(): return new()  # here",
        "new",
    ),
    "an iterator": ("i = iter([1, 2])\ndef run():\n    for _ in i: break  # here", "i"),
    "a range iterator": ("i = iter(range(9))\ndef run(): return next(i)  # here", "i"),
    "an enumeration": ("i = enumerate('ab')\ndef run(): return next(i)  # here", "i"),
    "a generator": (
        "def g():\n    yield 1\n    yield 2\ni = g()\ndef run(): return next(i)  # here",
        "i",
    ),
    "a generator of Random": (
        "from random import Random\nrng = Random(1)\ndef run(): rng.random()  # here",
        "rng",
    ),
    "a class attribute": (
        """
        class Clerk:
            next_id = 0
            def __init__(self):
                self.next_id = 5
                Clerk.next_id += 1  # here
        def run(): Clerk()
        """,
        "Clerk.next_id",
    ),
    "a class attribute by cls": (
        """
        class Clerk:
            n = 0
            @classmethod
            def new(cls):
                cls.n = 1  # here
        def run(): Clerk.new()
        """,
        "Clerk.n",
    ),
    "a class attribute by type": (
        """
        class Clerk:
            n = 0
            def new(self):
                type(self).n += 1  # here
        def run(): Clerk().new()
        """,
        "Clerk.n",
    ),
    "a new class attribute": (
        "class C: pass\ndef run():\n    C.cache = {}  # here",
        "C.cache",
    ),
    "a class's dict": (
        """
        class Clerk:
            cache: dict[int, int] = {}
            def put(self):
                self.cache[1] = 2  # here
        def run(): Clerk().put()
        """,
        "Clerk.cache",
    ),
    "a class's list grown in place": (
        """
        class Clerk:
            seen: list[int] = []
            def put(self):
                self.seen += [1]  # here
        def run(): Clerk().put()
        """,
        "Clerk.seen",
    ),
    "an inner class": (
        """
        class Clerk:
            class Ids:
                last = 0
        def run():
            Clerk.Ids.last = 3  # here
        """,
        "Clerk.Ids.last",
    ),
    "a subclass": (
        """
        class Base:
            seen = []
            def put(self): self.seen.append(1)  # here
        class Clerk(Base): pass
        def run(): Clerk().put()
        """,
        "Base.seen",
    ),
    "a default argument": (
        """
        def put(x, seen=[]):
            seen.append(x)  # here
        def run(): put(1)
        """,
        "put.seen",
    ),
    "a keyword default": (
        """
        class Clerk:
            def __init__(self, *, seen={}):
                seen[1] = self  # here
        def run(): Clerk()
        """,
        "Clerk.__init__.seen",
    ),
    "a default of a static method": (
        """
        class Clerk:
            @staticmethod
            def put(seen=set()):
                seen.add(1)  # here
        def run(): Clerk.put()
        """,
        "Clerk.put.seen",
    ),
    "a default of a decorated function": (
        """
        import functools
        def twice(f):
            @functools.wraps(f)
            def wrapper(): return f()
            return wrapper
        @twice
        def run(seen=[]):
            seen.append(1)  # here
        """,
        "run.seen",
    ),
    "a function attribute": (
        """
        def run():
            run.calls = getattr(run, "calls", 0) + 1  # here
        """,
        "run.calls",
    ),
    "a function attribute there was": (
        """
        def run():
            run.calls += 1  # here
        run.calls = 0
        """,
        "run.calls",
    ),
    "a closure": (
        """
        def counter():
            n = 0
            def inc():
                nonlocal n
                n += 1  # here
                return n
            return inc
        n = 5
        run = counter()
        """,
        "run.n",
    ),
    "a closure's dict": (
        """
        def memo():
            known = {}
            def get(): known[1] = 2  # here
            return get
        run = memo()
        """,
        "run.known",
    ),
    "a decorator's closure": (
        """
        def count(f):
            calls = [0]
            def wrapper():
                calls[0] += 1  # here
                return f()
            return wrapper
        class Clerk:
            @count
            def put(): pass
        def run(): Clerk.put()
        """,
        "Clerk.put.calls",
    ),
    "a closure in a dict": (
        """
        def counter():
            n = 0
            def inc():
                nonlocal n
                n += 1
            return inc
        table = {"inc": counter()}
        def run(): table["inc"]()  # here
        """,
        "table",
    ),
    "a cached function": (
        "import functools\n@functools.cache\ndef f(x): return x\ndef run(): f(1)  # here",
        "f",
    ),
    "a full cache": (
        """
        import functools
        @functools.lru_cache(maxsize=1)
        def f(x): return x
        f(0)
        def run(): f(1)  # here
        """,
        "f",
    ),
    "a cached method": (
        """
        import functools
        class Clerk:
            @functools.lru_cache
            def f(self): return 1
        def run(): Clerk().f()  # here
        """,
        "Clerk.f",
    ),
    "an object": (
        """
        class Store:
            def __init__(self): self.data = {}
        store = Store()
        def run(): store.data["k"] = 1  # here
        """,
        "store",
    ),
    "an object by its method": (
        """
        class Store:
            def __init__(self): self.data = {}
            def put(self): self.data["k"] = 1
        store = Store()
        def run(): store.put()  # here
        """,
        "store",
    ),
    "an object with slots": (
        """
        class Store:
            __slots__ = ("n", "unset")
        store = Store()
        store.n = [Store()]
        def run():
            store.n[0].unset = 1  # here
        """,
        "store",
    ),
    "a dict with attributes": (
        """
        class Store(dict): pass
        store = Store()
        def run():
            store.extra = 1  # here
        """,
        "store",
    ),
    "a dataclass": (
        """
        from dataclasses import dataclass, field
        @dataclass
        class Store:
            data: list[int] = field(default_factory=list)
        store = Store()
        def run(): store.data.append(1)  # here
        """,
        "store",
    ),
    "a message": (
        """
        import msgspec
        class Store(msgspec.Struct):
            n: int = 0
        store = Store()
        def run():
            store.n += 1  # here
        """,
        "store",
    ),
    "an object in a cycle": (
        """
        class Node:
            def __init__(self): self.next, self.n = self, 0
        node = Node()
        def run():
            node.next.next.n = 1  # here
        """,
        "node",
    ),
    "a bound method": (
        """
        class Store:
            n = 0
            def put(self): self.n += 1
        put = Store().put
        def run(): put()  # here
        """,
        "put",
    ),
    "a partial": (
        "import functools\np = functools.partial(list.append, [])\ndef run(): p(1)  # here",
        "p",
    ),
    "an enum's own attribute": (
        """
        import enum
        class Err(enum.Enum):
            OK = 1
        def run():
            Err.seen = 1  # here
        """,
        "Err.seen",
    ),
    "a heap": (
        "import heapq\nheap = []\ndef run(): heapq.heappush(heap, 1)  # here",
        "heap",
    ),
}


@pytest.mark.parametrize("kind", CHANGING)
def test_what_a_run_changes_is_named_with_its_line(kind: str, load: Load) -> None:
    source, name = CHANGING[kind]
    module = load(source)
    found = changes(module, "run()")
    assert [change.name for change in found] == [name]
    (change,) = found
    assert change.module == "student"
    assert change.file == module.__file__
    assert Path(change.file).read_text().splitlines()[change.line - 1].endswith("# here")
    assert change.sentence.startswith(f"{name} is a")
    assert "0x" not in change.sentence


@pytest.mark.parametrize("kind", CHANGING)
def test_what_no_run_touches_has_not_changed(kind: str, load: Load) -> None:
    module = load(CHANGING[kind][0])
    state = ModuleState([module])
    for _ in range(3):
        assert state.changed() == []
    assert [change.name for change in changes(module, "run()")] == [CHANGING[kind][1]]


HARMLESS = {
    "reading": ("d = {1: [2]}\nn = 5\ndef run(): return d[1][0] + n", "run()"),
    "instances": (
        """
        class Clerk:
            n = 0
            def __init__(self): self.n += 1
        def run(): Clerk().n
        """,
        "run()",
    ),
    "putting back": ("log = []\ndef run():\n    log.append(1)\n    log.clear()", "run()"),
    "an equal value": (
        "n = 1000\nd = {}\ndef run():\n    global n, d\n    n, d = int('1000'), {}",
        "run()",
    ),
    "an equal object": (
        """
        class Store:
            def __init__(self): self.data = {}
        def run():
            global store
            store = Store()
        run()
        """,
        "run()",
    ),
    "a set put back": ("s = set(range(9))\ndef run():\n    s.remove(3)\n    s.add(3)", "run()"),
    "loggers": (
        """
        import logging
        log = logging.getLogger("student")
        info = log.info
        def run():
            log.setLevel(10)
            log.addHandler(logging.NullHandler())
            info("x")
        """,
        "run()",
    ),
    "submodules": ("def run():\n    global json\n    import json", "run()"),
    "imported objects": (
        (
            "from sys import modules\nfrom os import environ\n"
            "import sys\nfrom fractions import *\n"
            "def run(): modules['student.x'] = sys\n"
        ),
        "run(); del modules['student.x']; modules['student.y'] = sys; ",
    ),
    "warnings": (
        (
            "import warnings\ndef run():\n    with warnings.catch_warnings():\n"
            "        warnings.simplefilter('ignore')\n        warnings.warn('x')"
        ),
        "run(); assert '__warningregistry__' in globals()",
    ),
    "annotations": (
        (
            "import typing\nclass C: pass\nclass D:\n    x: int = 0\n"
            "def run(): return C.__annotations__, typing.get_type_hints(D)"
        ),
        "run()",
    ),
    "context variables": (
        (
            "from contextvars import ContextVar, copy_context\nv = ContextVar('v')\n"
            "def run(): copy_context().run(v.set, 1)"
        ),
        "run(); v.set(2)",
    ),
    "patterns": (
        "import re\np = re.compile('a+')\ndef run(): return p.match('aa'), re.match('b', 'b')",
        "run()",
    ),
    "abstract classes": (
        """
        import abc, typing
        class A(abc.ABC): pass
        class P(typing.Protocol):
            x: int
        R = typing.runtime_checkable(P)
        def run(): return isinstance(5, A), isinstance(5, R), A.register(int)
        """,
        "run()",
    ),
    "typing": (
        """
        from typing import Generic, TypeVar
        T = TypeVar("T")
        class Box(Generic[T]): pass
        Alias = dict[str, Box[int]]
        def run(): return Box[int](), Alias()
        """,
        "run()",
    ),
    "dataclasses": (
        """
        from dataclasses import asdict, dataclass, field, replace
        @dataclass(frozen=True, order=True)
        class Op:
            key: str = ""
            at: list[int] = field(default_factory=list)
        DEFAULT = Op()
        def run(): return asdict(replace(DEFAULT, key="x")), repr(DEFAULT), DEFAULT < Op("y")
        """,
        "run()",
    ),
    "enums": (
        """
        import enum
        class Perm(enum.Flag):
            R = 1
            W = 2
            X = 4
        class Err(enum.StrEnum):
            OK = "OK"
        def run(): return Perm.R | Perm.W, Perm(7), Err("OK"), list(Err), ~Perm.X
        """,
        "run()",
    ),
    "messages": (
        """
        import dataclasses, msgspec
        @dataclasses.dataclass
        class Put:
            key: str
        def run(): return msgspec.json.decode(msgspec.json.encode(Put("k")), type=Put)
        """,
        "run()",
    ),
    "a cache of nothing": (
        "import functools\n@functools.lru_cache(maxsize=0)\ndef f(x): return x\ndef run(): f(1)",
        "run()",
    ),
    "a cache that is only read": (
        "import functools\n@functools.cache\ndef f(x): return x\nf(1)\ndef run(): f(1)",
        "run()",
    ),
    "dispatch": (
        """
        import functools
        @functools.singledispatch
        def f(x): return 1
        @f.register
        def _(x: int): return 2
        def run(): return f(1), f("x")
        """,
        "run()",
    ),
    "context managers": (
        (
            "import contextlib\n@contextlib.contextmanager\ndef f():\n    yield 1\n"
            "def run():\n    with f(): pass"
        ),
        "run()",
    ),
    "locks": (
        (
            "import asyncio, threading\na, t = asyncio.Lock(), threading.Lock()\n"
            "async def hold():\n    async with a: pass\n"
            "def run():\n    with t: asyncio.run(hold())"
        ),
        "run()",
    ),
    "odd objects": (
        """
        class Odd:
            __class__ = property(lambda self: 1 / 0)
            def __getattr__(self, name): raise RuntimeError(name)
            def __eq__(self, other): raise RuntimeError("compared")
            def __repr__(self): raise RuntimeError("shown")
            __hash__ = None
            __slots__ = ()
        odd = [Odd()]
        def run(): pass
        """,
        "run()",
    ),
    "deep data": ("deep = []\nfor _ in range(5000): deep = [deep]\ndef run(): pass", "run()"),
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_does_not_outlive_a_run_is_left_alone(kind: str, load: Load) -> None:
    source, run = HARMLESS[kind]
    module = load(source)
    state = ModuleState([module])
    for _ in range(2):
        exec(run, vars(module))
        assert state.changed() == []


def test_the_sentence_says_what_happened_and_what_to_do(load: Load) -> None:
    module = load(
        """
        n = 0
        class Clerk:
            next_id = 7
        def put(seen=[]): seen.append(1)
        def run():
            global n, new
            n, new = "x" * 99, 1
            Clerk.next_id += 1
            put()
        """
    )
    assert [change.sentence for change in changes(module, "run()")] == [
        (
            "n is a global that outlives the run, which changed it from 0 to "
            "'xxxxxxxxxxxx...xxxxxxxxxxxxx': keep it in an object that each run makes"
        ),
        (
            "Clerk.next_id is a class attribute that outlives the run, "
            "which changed it from 7 to 8: "
            "set it on self, in __init__"
        ),
        (
            "put.seen is a default argument that outlives the run, which changed it: "
            "default to None, and make it inside"
        ),
        (
            "new is a global that outlives the run, which made it: "
            "keep it in an object that each run makes"
        ),
    ]


def test_changes_come_in_the_order_of_definition_and_one_for_each_object(load: Load) -> None:
    one = load("b = []\na = b\nclass C:\n    b = b\ndef f(b=b): b.append(1)\nz = 0", "one")
    two = load("from one import b, f\nn = 0\ndef run():\n    global n\n    n = 1\n    f()", "two")
    state = ModuleState([two, one])
    two.run()
    vars(one)["z"] = 1
    assert [(c.module, c.name) for c in state.changed()] == [
        ("two", "n"),
        ("one", "b"),
        ("one", "z"),
    ]


def test_a_class_that_a_run_makes_is_one_change(load: Load) -> None:
    module = load("def run():\n    global C\n    class C:\n        n, m = 0, 1")
    assert [(c.name, c.line) for c in changes(module, "run()")] == [("C", 3)]


def test_without_source_the_name_is_all_there_is() -> None:
    module = types.ModuleType("made_up")
    exec("n = []\ndef run(): n.append(1)", vars(module))
    (change,) = changes(module, "run()")
    assert (change.name, change.file, change.line) == ("n", "<made_up>", 1)


def test_a_change_from_outside_names_the_definition(load: Load) -> None:
    module = load(
        "import math\nn = 0\nclass C:\n    x = 1\n    y = 2\ndef f(a,\n      b=[]): pass"
    )
    found = changes(module, "global n; n = 1; C.y = 3; f.__defaults__[0].append(1); f.z = 1")
    assert [(c.name, c.line) for c in found] == [("n", 2), ("C.y", 5), ("f.b", 7), ("f.z", 6)]


@pytest.mark.parametrize(
    "change",
    [
        "f.__code__ = (lambda a, b=0: 1).__code__",
        "object.__setattr__(f, '__defaults__', (1,))",
        "type(f).__defaults__.__set__(f, (1,))",
        "del f.__defaults__",
        "f.__kwdefaults__ = {'c': 1}",
        "f.__kwdefaults__['c'] = 1",
        "del f.__kwdefaults__",
    ],
)
def test_a_part_of_a_function_that_is_replaced_is_a_change(load: Load, change: str) -> None:
    module = load("def f(a, b=0, *, c=0): pass")
    assert changes(module, change)


def test_functions_of_which_nothing_has_been_replaced_are_not_read(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load("def f(a=0): pass")
    state = ModuleState([module])
    monkeypatch.setattr(modules, "_parts", None)  # each read would be an event of its own
    assert state.changed() == []


def test_the_guard_itself_changes_nothing(load: Load) -> None:
    module = load(
        """
        from dataclasses import dataclass, field
        from datetime import datetime
        from time import monotonic
        @dataclass
        class Entry:
            at: float = field(default_factory=monotonic)
        class Clock:
            now = monotonic
        def look(clock=monotonic): return datetime.now(), Entry(), clock()
        """
    )
    state = ModuleState([module])
    with guard.installed([module]):
        module.look()
    assert state.changed() == []
    assert state._then.holds()


def test_stock_is_taken_again_only_when_something_has_changed(load: Load) -> None:
    module, other = load("seen = []\nn = 1\nm = 1"), load("n = 1", "other")
    state = state_of([module])
    vars(module)["m"] = 2
    vars(module)["m"] = 1
    assert state_of([module]) is state
    for change in (lambda: module.seen.append(1), lambda: setattr(module, "n", 2)):
        change()
        fresh = state_of([module])
        assert fresh is not state
        assert fresh.changed() == []
        assert [each.name for each in state.changed()] != []
        state = fresh
    assert state_of([module, other]) is not state


def test_a_type_alias_takes_no_second_look(load: Load) -> None:
    aliases = "from collections.abc import Callable\nF, L = Callable[[], int], list[int]"
    assert ModuleState([load(aliases)])._then._mutable == []


def test_after_equal_values_the_quick_look_is_quick_again(load: Load) -> None:
    module = load("d = {1: 2}\ndef run():\n    global d\n    d = {1: 2}")
    state = ModuleState([module])
    module.run()
    assert not state._then.holds()
    assert state.changed() == []
    assert state._then.holds()
    module.d[1] = 3
    assert [change.name for change in state.changed()] == ["d"]
    assert [change.name for change in state.changed()] == ["d"]  # as long as it is so


atoms = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2)
data = st.recursive(
    atoms | st.sets(st.integers(0, 3)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab", max_size=1), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=8,
)


def plain(value: object) -> object:
    """Spell a value so that equal means the same types all the way down."""
    match value:
        case dict():
            return ["dict", [(key, plain(inner)) for key, inner in value.items()]]
        case set():
            return ["set", sorted(value)]
        case list() | tuple():
            return [type(value).__name__, [plain(inner) for inner in value]]
    return [type(value).__name__, value]


@given(data, data)
def test_a_global_has_changed_exactly_if_its_value_has(before: object, after: object) -> None:
    module = types.ModuleType("made_up")
    module.__dict__["x"] = before
    state = ModuleState([module])
    module.__dict__["x"] = after
    assert bool(state.changed()) == (plain(before) != plain(after))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2)), max_size=6))
def test_a_container_has_changed_exactly_if_its_contents_have(acts: list[tuple[str, int]]) -> None:
    module = types.ModuleType("made_up")
    seen, table = {0}, {0: [0]}
    module.__dict__["held"] = held = [seen, (table, 5)]
    state = ModuleState([module])
    before = plain(held)
    for act, n in acts:
        if act == "a":
            seen ^= {n}
        elif act == "b":
            table.setdefault(n, []).append(n)
        else:
            table.pop(n, None)
    assert bool(state.changed()) == (plain(held) != before)


def test_a_very_large_value_is_looked_at_in_part(load: Load) -> None:
    module = load("big = [[i] for i in range(50_000)]")
    state = ModuleState([module])
    module.big[5].append(1)
    assert [change.name for change in state.changed()] == ["big"]
    module.big[5].pop()
    assert state.changed() == []
    module.big.append(1)
    assert [change.name for change in state.changed()] == ["big"]


def test_what_another_module_has_imported_is_still_looked_into(load: Load) -> None:
    """The module that imports comes first in the alphabet, and is looked at first."""
    theirs = load(
        """
        class Server:
            count = 0
            def serve(self):
                Server.count += 1

        def helper(seen=[]):
            seen.append(1)
        """,
        "zebra",
    )
    user = load("from zebra import Server, helper", "aardvark")
    state = ModuleState([user, theirs])
    theirs.Server().serve()
    theirs.helper()
    assert [change.name for change in state.changed()] == ["Server.count", "helper.seen"]
