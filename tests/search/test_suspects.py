"""Suspicious lines are found, and ordinary ones are not."""

from __future__ import annotations

import pytest

from tester.search.suspects import suspects


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
    assert [suspect.line for suspect in suspects(source, "x.py")] == [4]


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
    assert not suspects(f"seen = set()\n{line}\n", "x.py")


def test_what_is_not_python_has_no_suspects() -> None:
    assert not suspects("for x in", "x.py")
