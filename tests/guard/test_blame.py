"""Which line of a module changes a name: scopes, shadows, and the sure before the possible."""

import ast
import os
import subprocess
import sys
import types
from pathlib import Path
from textwrap import dedent

import pytest

from tester.guard import blame
from tests.tree import ROOT


def module(text: str) -> types.ModuleType:
    made = types.ModuleType("student")
    blame._trees[made] = ast.parse(dedent(text).strip("\n"))
    return made


# the name and where it is kept; the line looked for ends with `# here`
CASES = {
    "a local of the same name is another": (
        ("global", "", "n", 0),
        """
        n = 0
        def f():
            n = 1
            n += 1
            def g():
                global n
                n = 2  # here
        """,
    ),
    "an argument of the same name is another": (
        ("global", "", "d", 0),
        """
        d = {}
        def f(d): d[1] = 2
        def g(*, d): d.clear()
        def h(): d[1][2].x = 3  # here
        """,
    ),
    "a sure change beats an earlier possible one": (
        ("global", "", "d", 0),
        """
        d = {}
        def f():
            d.get(1)
            show(d)
            del d[1]  # here
        """,
    ),
    "a possible one beats the definition": (
        ("global", "", "d", 0),
        """
        d = make()
        def f():
            d.act()  # here
        """,
    ),
    "what only reads is no change": (
        ("global", "", "d", 0),
        """
        x = 1
        if x:
            d = {}  # here
        def f(): return d[1], [k for k in d if d]
        """,
    ),
    "what runs at import is no change": (
        ("global", "", "d", 0),
        """
        d = {}
        d[1] = 2
        d.clear()
        def f():
            return (d.
                update(a=1))  # here
        """,
    ),
    "a lambda is a function": (
        ("global", "", "d", 0),
        """
        d = {}
        f = lambda: d.clear()  # here
        """,
    ),
    "a tuple of targets": (
        ("global", "", "n", 0),
        """
        n = 0
        def f():
            global n
            m, (n, *k) = 1, (2, 3)  # here
        """,
    ),
    "a walrus, a with, a for": (
        ("global", "", "n", 0),
        """
        n = 0
        def f():
            global n
            with open() as n: pass  # here
            for n in range(3): pass
            if (n := 5): pass
        """,
    ),
    "an attribute of the class": (
        ("class", "Clerk", "n", 0),
        """
        class Clerk:
            n = 0
            def f(self):
                self.n = 1
                other.n = 2
                self.__class__.n += 1  # here
        """,
    ),
    "an attribute's definition": (
        ("class", "Clerk.Inner", "n", 0),
        """
        class Clerk:
            n = 0
            class Inner:
                m = 0
                n = 0  # here
        """,
    ),
    "an item through self": (
        ("class", "Clerk", "cache", 0),
        """
        class Clerk:
            cache = {}
            def f(self):
                self.cache.get(1)
                self.cache["a"].b.append(1)  # here
        """,
    ),
    "a default": (
        ("default", "f", "seen", 2),
        """
        def g(seen): seen.append(1)
        def f(x, seen=[]):
            def inner(seen): seen.append(1)
            seen.append(x)  # here
        """,
    ),
    "a default of a decorated function": (
        ("default", "f", "seen", 2),
        """
        seen = 1
        @decorated
        async def f(seen=[]):
            seen += [1]  # here
        """,
    ),
    "a variable of an enclosing function": (
        ("closure", "f", "n", 5),
        """
        n = 0
        def make():
            n = 0
            m = 1
            def get(): return n
            def inc():
                nonlocal n
                n += 1  # here
            return get
        """,
    ),
    "its definition": (
        ("closure", "f", "n", 4),
        """
        n = 0
        def make():
            n = thing()  # here
            def get(): return n
            return get
        """,
    ),
    "an attribute of a function": (
        ("function", "f", "calls", 0),
        """
        def f():
            g.calls += 1
            f.calls += 1  # here
        """,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_line_is_found(case: str) -> None:
    (kind, scope, name, line), text = CASES[case]
    lines = dedent(text).strip("\n").splitlines()
    found = blame.line_of_change(module(text), kind, scope, name, line)
    expected = next(i for i, line in enumerate(lines, 1) if line.endswith("# here"))
    if case == "what runs at import is no change":
        expected -= 1  # a call is where it begins
    assert found == expected


def test_a_name_from_nowhere_is_at_the_top() -> None:
    assert blame.line_of_change(module(""), "global", "", "n", 0) == 1
    assert blame.line_of_change(module("x = 1\nclass C: pass"), "class", "C", "n", 0) == 2


def test_imported_names_are_known_by_their_statements() -> None:
    made = module(
        """
        import a, b.c, d.e as f
        from g import h, i as j
        if x:
            from k import l
        try:
            import m
        except ImportError:
            m = None
        def run(): import n
        class C: import o
        p = 1
        """
    )
    assert blame.imported(made) == {"a", "b", "f", "h", "j", "l", "m"}


def test_a_star_brings_what_is_there() -> None:
    made = module("from os.path import *\nfrom nowhere import *")
    import os.path

    made.__dict__.update(join=os.path.join, split=5)
    assert blame.imported(made) == {"join"}


def test_a_module_that_runs_as_main_has_its_source(tmp_path: Path) -> None:
    """Its loader knows it by another name than its own."""
    (tmp_path / "mine.py").write_text(
        "import sys\n"
        "from tester.guard.blame import tree\n"
        "print(len(tree(sys.modules['__main__']).body))\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mine"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "3\n"
