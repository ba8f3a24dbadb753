"""The mutation tool: what it changes, what it leaves out, and how it runs what it has changed."""

import ast
import itertools
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bench import mutation
from bench.mutate import mutants
from bench.mutation import Job, jobs_of, sampled, verdicts
from tester.labs import LABS, suite

SOURCE = '''\
"""A module."""

class Server:
    """A server."""

    async def put(self, a: int, b: int = 1) -> int:
        """Put."""
        while True:
            if a < b and self.ok:
                await self.save(a, b)
                self.total += a
                return max(a, b + 1)
            if a > 9:
                continue
            self.wait()
'''


def changes(source: str) -> list[str]:
    return [mutant.name for mutant in mutants(source)]


@pytest.mark.parametrize(
    "change",
    [
        "`a < b` -> `a <= b`",
        "`a < b and self.ok` -> `a < b or self.ok`",
        "`a < b and self.ok` -> `self.ok`",
        "`a < b and self.ok` -> `a < b and (not self.ok)`",
        "`if a < b and self.ok:` holds never",
        "`if a < b and self.ok:` holds always",
        "drop `await self.save(a, b)`",
        "`await self.save(a, b)` after `self.total += a`",
        "`await self.save(a, b)` at the end of its block",
        "`await self.save(a, b)` -> `self.save(a, b)`",
        "`self.save(a, b)` -> `self.save(b, a)`",
        "`self.total += a` -> `self.total -= a`",
        "`max(a, b + 1)` -> `min(a, b + 1)`",
        "`b + 1` -> `b - 1`",
        "`b + 1` -> `b`",
        "`1` -> `0`",
        "`while True:` runs once",
        "`continue` -> `break`",
    ],
)
def test_a_change_is_made(change: str) -> None:
    assert f"Server.put: {change}" in changes(SOURCE)


def test_every_mutant_is_a_module_with_a_name_of_its_own() -> None:
    found = mutants(SOURCE)
    assert len({mutant.name for mutant in found}) == len(found)
    assert len({ast.dump(ast.parse(mutant.source)) for mutant in found}) == len(found)
    assert all(8 <= mutant.line <= 15 or mutant.line == 6 for mutant in found)


def test_what_says_nothing_to_the_interpreter_is_left_alone() -> None:
    source = (
        '"""A."""\nfrom __future__ import annotations\nimport a\n\ndef f(x: 1 + 2) -> 3 < 4: ...'
    )
    assert changes(source) == []


def test_what_compiles_to_the_same_is_left_out() -> None:
    assert changes("def f():\n    return None") == []
    assert changes("def f():\n    x = 1\n    return") == [
        "f: drop `x = 1`",
        "f: `x = 1` after `return`",
        "f: `1` -> `2`",
        "f: `1` -> `0`",
    ]


def test_statements_that_can_change_places_stay_where_they_are() -> None:
    source = (
        "def f(self, a):\n    self.a = a\n    self.b = {}\n    self.c = g()\n    self.d = self.c"
    )
    swaps = [change for change in changes(source) if "after" in change or "end of" in change]
    assert swaps == [
        "f: `self.a = a` at the end of its block",
        "f: `self.b = {}` after `self.c = g()`",
        "f: `self.b = {}` at the end of its block",
        "f: `self.c = g()` after `self.d = self.c`",
    ]
    assert not any("1 + a" in change for change in changes("def f(a):\n    return a + 1"))


def test_the_same_change_at_another_place_is_numbered() -> None:
    assert changes("def f(a, b, c):\n    return g(a < b, b < c, a < b)")[:9] == [
        "f: drop `return g(a < b, b < c, a < b)`",
        "f: `g(a < b, b < c, a < b)` -> `g(b < c, a < b, a < b)`",
        "f: `g(a < b, b < c, a < b)` -> `g(a < b, a < b, b < c)`",
        "f: `a < b` -> `a <= b`",
        "f: `a < b` -> `a >= b`",
        "f: `a < b` -> `a != b`",
        "f: `b < c` -> `b <= c`",
        "f: `b < c` -> `b >= c`",
        "f: `b < c` -> `b != c`",
    ]
    assert "f: `a < b` -> `a <= b` (2)" in changes(
        "def f(a, b, c):\n    return g(a < b, c, a < b)"
    )


def test_the_reference_has_the_same_mutants_each_time() -> None:
    for lab in ("kvsrv", "lock", "dedup"):
        first, second = jobs_of(lab), jobs_of(lab)
        assert first == second
        assert len({job.name for job in first}) == len(first) > 50


@given(st.integers(1, 300), st.integers(1, 300))
def test_a_sample_is_spread_evenly(n: int, size: int) -> None:
    jobs = [Job(i, "", 0, "", "") for i in range(size)]
    places = [job.number for job in sampled(jobs, n)]
    assert len(places) == min(n, size)
    gaps = {b - a for a, b in itertools.pairwise(places)}
    assert max(gaps, default=1) - min(gaps, default=1) <= 1
    assert min(gaps, default=1) >= 1


def killed(source: str, *, cpu_s: float = 20) -> mutation.Killed | None:
    name = "test_reliable_basic"
    tests = {name: suite.tests_of(LABS["lock"].suite)[name]}
    job = Job(0, "lock/lock.py", 1, "lock/lock.py a change", source)
    (verdict,) = verdicts("lock", [job], tests, seeds=2, cpu_s=cpu_s)
    return verdict.killed


REFERENCE = Path(mutation.ROOT / "lock/lock.py").read_text()


@pytest.mark.parametrize(
    ("old", "new", "how"),
    [
        ("self._me = uuid", "self._mine = uuid", "test_reliable_basic 0 AttributeError"),
        ("holder == self._me and asked", "holder == self._me", None),
        ("        asked = False\n", "        while True: pass\n", "test_reliable_basic 0 stuck"),
        (
            "        asked = False\n",
            "        import faulthandler as f; f.disable(); f._sigsegv()\n",
            " 0 died",
        ),
        ("import asyncio\n", "import asyncio\n1 / 0\n", "loading 0 BadSubmission"),
        ("def acquire(self)", "def acquire(self, x)", "loading 0 BadSubmission"),
    ],
)
def test_a_mutant_is_judged(old: str, new: str, how: str | None) -> None:
    assert REFERENCE.count(old) == 1
    found = killed(REFERENCE.replace(old, new), cpu_s=3)
    assert (found and f"{found.test} {found.seed} {found.how}") == how


@pytest.mark.parametrize("lab", ["kvsrv", "lock", "dedup"])
def test_what_is_said_to_be_equivalent_is_a_mutant_still(lab: str) -> None:
    names = {job.name for job in jobs_of(lab)}
    said = {name for name in mutation.explained() if name.startswith(mutation.FILES[lab])}
    assert said
    assert said <= names, said - names


def test_a_reference_that_fails_itself_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutation, "CPU_S", 1e-4)
    refused = CliRunner().invoke(mutation.main, ["lock", "--tests", "test_reliable_basic"])
    assert refused.exit_code == 1
    assert refused.output.startswith("Error: the reference itself is killed by ")


def test_the_command_lists_and_counts() -> None:
    listed = CliRunner().invoke(mutation.main, ["lock", "--list"])
    assert listed.exit_code == 0
    assert len(listed.output.splitlines()) == len(jobs_of("lock"))
    options = ["lock", "--seeds", "1", "--tests", "test_reliable_basic", "--grep", "drop `return`"]
    ran = CliRunner().invoke(mutation.main, options)
    assert re.search(
        r"^lock: 4 mutants, \d killed, \d equivalent, \d alive$", ran.output, re.MULTILINE
    )
    assert ran.exit_code == 1, "one test of one seed cannot notice all of them"


def test_the_command_refuses_what_does_not_exist() -> None:
    for options in (["--tests", "test_no"], ["--file", "lock/no.py"]):
        refused = CliRunner().invoke(mutation.main, ["lock", *options])
        assert refused.exit_code == 1
        assert options[1] in refused.output
