"""Names that a user's module bound before the run: found wherever they are, rebound, put back."""

import datetime
import random
import sys
import textwrap
import time
import types
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tester.engine import current
from tester.engine.errors import OutsideWorld
from tester.guard import guard
from tests.guard.nodes import Node


@pytest.fixture
def module() -> Iterator[Callable[[str], types.ModuleType]]:
    made: list[str] = []

    def make(source: str) -> types.ModuleType:
        new = types.ModuleType(f"student{len(made)}")
        made.append(new.__name__)
        sys.modules[new.__name__] = new  # where dataclasses look for their module
        exec(textwrap.dedent(source), vars(new))
        return new

    yield make
    for name in made:
        del sys.modules[name]


Make = Callable[[str], types.ModuleType]


def look(module: types.ModuleType, node: Node | None = None) -> Any:
    with guard.installed([module]):
        outside = module.look()
        current.node = node or Node(us=3_000_000)
        inside = module.look()
        current.node = None
        assert type(module.look()) is type(outside)
    return inside


CLOCKS = {
    "a global": "from time import monotonic\ndef look(): return monotonic()",
    "a renamed global": "from time import monotonic as now\ndef look(): return now()",
    "a module": "import time as t\ndef look(): return t.monotonic()",
    "a default": "import time\ndef look(now=time.monotonic): return now()",
    "a keyword": "import time\ndef look(*, now=time.monotonic): return now()",
    "a class attribute": """
        import time
        class Clock:
            now = time.monotonic
        def look(): return Clock().now() + 0 * Clock.now()
        """,
    "a static method": """
        import time
        class Clock:
            now = staticmethod(time.monotonic)
        def look(): return Clock().now()
        """,
    "a method's default": """
        import time
        class Clock:
            class Inner:
                @classmethod
                def now(cls, read=time.monotonic): return read()
        def look(): return Clock.Inner.now()
        """,
    "a property's default": """
        import time
        class Clock:
            now = property(lambda self, read=time.monotonic: read())
        def look(): return Clock().now
        """,
    "a closure": """
        import time
        def make():
            read = time.monotonic
            def late(): return unbound
            def inner(): return read()
            if not inner: unbound = late
            return inner if late else late
        look = make()
        """,
    "a decorated function": """
        import functools, time
        def twice(f):
            @functools.wraps(f)
            def wrapper(): return f()
            return wrapper
        @twice
        def look(read=time.monotonic): return read()
        """,
    "a cached function": """
        import functools, time
        @functools.cache
        def cached(now, read=time.monotonic): return read()
        def look():
            cached.cache_clear()
            return cached(1)
        """,
    "a dataclass field": """
        import time
        from dataclasses import dataclass, field
        @dataclass
        class Entry:
            at: float = field(default_factory=time.monotonic)
        def look(): return Entry().at
        """,
}


@pytest.mark.parametrize("place", CLOCKS)
def test_a_clock_is_virtual_wherever_the_module_keeps_it(place: str, module: Make) -> None:
    student = module(CLOCKS[place])
    real = student.look()
    assert look(student) == 3.0
    assert student.look() >= real
    with pytest.raises(ValueError, match="x"), guard.installed([student]):
        current.node = Node()
        raise ValueError("x")
    assert student.look() >= real


OTHERS = {
    "from random import randint, Random\ndef look(): return randint(0, 99), Random().random()": (
        random.Random(7).randint(0, 99),
    ),
    "from os import urandom\ndef look(): return (urandom(4),)": (random.Random(7).randbytes(4),),
    "from uuid import uuid4\ndef look(): return (uuid4(),)": (
        uuid.UUID(int=random.Random(7).getrandbits(128), version=4),
    ),
    "from datetime import datetime, date\ndef look(): return datetime.now(), date.today()": (
        datetime.datetime(2000, 1, 1, 0, 0, 3),
        datetime.date(2000, 1, 1),
    ),
    "import datetime as dt\ndef look(): return (dt.datetime.now(),)": (
        datetime.datetime(2000, 1, 1, 0, 0, 3),
    ),
    "import datetime\nnow = datetime.datetime.now\ndef look(): return (now(),)": (
        datetime.datetime(2000, 1, 1, 0, 0, 3),
    ),
    """
    from datetime import datetime
    from dataclasses import dataclass, field
    @dataclass
    class Entry:
        at: datetime = field(default_factory=datetime.now)
        kind: type = datetime
    def look(): return Entry().at, isinstance(Entry().at, datetime)
    """: (datetime.datetime(2000, 1, 1, 0, 0, 3), True),
    "from secrets import token_bytes\ndef look(): return (token_bytes(4),)": (
        random.Random(7).randbytes(4),
    ),
    "from time import time_ns, ctime\ndef look(): return time_ns(), ctime()": (
        946_684_803_000_000_000,
        "Sat Jan  1 00:00:03 2000",
    ),
}


@pytest.mark.parametrize("source", OTHERS)
def test_other_names_are_the_nodes_too(source: str, module: Make) -> None:
    student = module(source)
    before = dict(vars(student))
    expected = OTHERS[source]
    assert look(student)[: len(expected)] == expected
    assert vars(student) == before
    assert all(vars(student)[name] is before[name] for name in before)


def test_refusals_reach_names_bound_before(module: Make) -> None:
    student = module(
        """
        from asyncio import run
        from os import system
        from socket import socket
        from threading import Thread
        from time import sleep
        """
    )
    acts: list[Callable[[], object]] = [
        lambda: student.sleep(0),
        lambda: student.system("true"),
        lambda: student.socket(),
        lambda: student.Thread().start(),
        lambda: student.run(None),
    ]
    for act in acts:
        with guard.installed([student]), pytest.raises(OutsideWorld):
            current.node = Node()
            act()


def test_a_name_bound_during_a_run_is_real_after_it(module: Make) -> None:
    student = module("def look():\n    global now\n    from time import monotonic as now")
    with guard.installed([student]):
        current.node = Node(us=5_000_000)
        student.look()
        assert student.now() == 5.0
    assert student.now() > 5.0
    assert abs(student.now() - time.monotonic()) < 100
    with guard.installed([student]):
        current.node = Node(us=6_000_000)
        assert student.now() == 6.0


def test_other_modules_and_foreign_things_are_left_alone(module: Make) -> None:
    mine = module("from time import monotonic\nclass Mine:\n    now = staticmethod(monotonic)")
    other = module("")
    other.__dict__["Mine"] = mine.Mine
    other.__dict__["look"] = mine.Mine.now
    with guard.installed([other]):
        current.node = Node(us=5_000_000)
        assert mine.monotonic() == 5.0  # a name of any module is found
        assert mine.Mine.now() > 5
        assert other.look() == 5.0


@pytest.mark.parametrize("held", ["vars(builtins)", "vars(time)", "[builtins.__import__]"])
def test_the_names_of_another_module_may_be_held(held: str, module: Make) -> None:
    source = f"import builtins, time\nheld = {held}\ndef look():\n    import math\n    return math"
    with guard.standing():
        for _ in range(3):
            student = module(source)
            student.time.sleep(0)
            assert look(student).pi > 3


def test_objects_with_odd_attributes_are_not_asked(module: Make) -> None:
    student = module(
        """
        from time import monotonic
        class Odd:
            def __getattr__(self, name): raise RuntimeError(name)
            def __eq__(self, other): raise RuntimeError("compared")
            __hash__ = None
        odd = Odd()
        def look(): return monotonic()
        """
    )
    assert look(student) == 3.0


def test_what_a_test_replaces_stays_replaced(
    module: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "from time import monotonic\nfrom uuid import uuid4\n"
    student = module(source + "def look(): return monotonic(), uuid4()")
    assert look(student)[0] == 3.0
    monkeypatch.setattr(student, "uuid4", lambda: 5)
    assert look(student) == (3.0, 5)
    assert student.look()[1] == 5
    monkeypatch.undo()
    assert look(student) == (3.0, uuid.UUID(int=random.Random(7).getrandbits(128), version=4))


def test_the_modules_of_a_run_are_its_own(module: Make) -> None:
    source = "from time import monotonic\ndef look(now=monotonic): return now()"
    one, two = module(source), module(source)
    for modules in ([one], [two], [one, two], [], [one]):
        with guard.installed(modules):
            current.node = Node(us=4_000_000)
            assert [m.look() == 4.0 for m in (one, two)] == [one in modules, two in modules]
