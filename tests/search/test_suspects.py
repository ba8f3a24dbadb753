"""Suspicious lines are found, and ordinary ones are not."""

from __future__ import annotations

import pytest

from tester.search.suspects import suspects

LATER = ("history", "processes")


@pytest.mark.parametrize(
    "line",
    [
        "for x in {'a', 'b'}: pass",
        "for x in set(names): pass",
        "for x in self.peers: pass",
        "names = [x for x in seen]",
        "list(seen)",
        "','.join(seen)",
        "seen.pop()",
        "for x in seen | other: pass",
        "for x in seen.union(other): pass",
        "for x in argument: pass",
        "hash('a') % 3",
        "id(self)",
        "asyncio.as_completed(calls)",
        "asyncio.wait_for(call, 1)",
    ],
)
def test_a_suspect(line: str) -> None:
    source = f"seen = set()\nself.peers: set[str] = f()\ndef f(argument: set[int]): pass\n{line}\n"
    assert [found.line for found in suspects(source, "x.py") if found.kinds != LATER] == [4]


@pytest.mark.parametrize(
    "line",
    [
        "for x in sorted(seen): pass",
        "len(seen)",
        "'a' in seen",
        "seen.add('a')",
        "for x in names: pass",
        "for x in {'a': 1}: pass",
        "for x in [1, 2]: pass",
        "queue.pop()",
    ],
)
def test_not_a_suspect(line: str) -> None:
    source = f"seen = set()\n{line}\n"
    assert [found.line for found in suspects(source, "x.py") if found.kinds != LATER] == []


def test_what_is_not_python_has_no_suspects() -> None:
    assert not suspects("for x in", "x.py")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("os.environ['X']", "environment"),
        ("from os import getenv as g; g('X')", "environment"),
        ("os.getcwd()", "folder"),
        ("pathlib.Path.cwd()", "folder"),
        ("sys.argv[1:]", "arguments"),
        ("os.getppid()", "parent"),
        ("getpass.getuser()", "user"),
        ("os.path.expanduser('~')", "user"),
        ("os.umask(0)", "umask"),
        ("sys.stdin.readline()", "stdin"),
        ("tempfile.gettempdir()", "temporary"),
        ("time.tzname", "time zone"),
        ("locale.getlocale()", "locale"),
        ("open('/tmp/x')", "temporary"),
        ("open('/dev/urandom', 'rb')", "chance"),
        ("clocks = [time.monotonic]", "chance"),
        ("functools.partial(time.time)", "chance"),
        ("sources = {'a': os.urandom}", "chance"),
        ("sorted(xs, key=id)", "addresses"),
        ("f'{self!r}'", "addresses"),
        ("repr(self)", "addresses"),
        ("def f(seen=[]): pass", "history"),
        ("def f():\n    global count", "history"),
        ("sys.runs = 1", "history"),
        ("import logging\nlogging.disable(1)", "processes"),
    ],
)
def test_a_suspect_says_what_it_may_depend_on(line: str, kind: str) -> None:
    modules = "functools getpass locale os pathlib sys tempfile time"
    source = f"import {', '.join(modules.split())}\n{line}\n"
    assert kind in {kind for found in suspects(source, "x.py") for kind in found.kinds}


@pytest.mark.parametrize(
    "line",
    [
        "def f(id): return id + 1",
        "def f(): return time.monotonic()",
        "def f(): return random.random()",
        "def f(seen=None): pass",
        "self.count = 1",
    ],
)
def test_what_a_node_has_of_its_own_is_no_suspect(line: str) -> None:
    assert not suspects(f"import random, time\n{line}\n", "x.py")


def test_a_suspect_knows_its_function() -> None:
    source = "def outer():\n    def inner():\n        id(1)\n    hash(2)\n"
    assert [found.function for found in suspects(source, "x.py")] == ["inner", "outer"]
