"""EDN read a line at a time, where a map is plain, is EDN read token by token."""

import random
from typing import Any

import pytest

from linearizability.formats import HistoryError, edn
from linearizability.formats.edn import read_edn

PIECES = (
    *(":a", ":b", ":a/b", ":process", ":value", ":1", ":", "::a", "a", "a:b", "nil", "true"),
    *("1", "-2", "+3", "4N", "007", "1.5", "2.0", "1e3", "1e999", "9" * 30, "9" * 5_000),
    *(
        "[",
        "]",
        "[1 2]",
        "[:a nil]",
        "[[1] [2 [3]]]",
        "[]",
        "[1 2",
        "a[1]b",
        "[" * 120 + "]" * 120,
    ),
    *("{", "}", "{:c 1}", "#{1}", "#_", "#x", "(1)", '"s"', '"', "\\a", "##NaN", ";", "\u0663"),
)
SPACES = (" ", " ", " ", ", ", ",", "\t", "", "\u00a0", "\r")


def outcome(lines: list[str]) -> Any:
    try:
        return [(number, repr(found)) for number, found in read_edn(lines, "h")]
    except HistoryError as error:
        return str(error)


def test_a_plain_line_is_read_as_every_other(monkeypatch: pytest.MonkeyPatch) -> None:
    read = refused = 0
    for seed in range(4_000):
        rng = random.Random(seed)
        lines = []
        for _ in range(rng.randint(1, 3)):
            words = []
            for number in range(rng.randint(1, 4)):
                usual = rng.random() < 0.85
                words.append(f":k{number}" if usual else rng.choice(PIECES))
                words.append(rng.choice(SPACES) if rng.random() < 0.1 else " ")
                words.append(rng.choice(PIECES[:29] if usual else PIECES))
                words.append(rng.choice(SPACES) if rng.random() < 0.3 else ", ")
            lines.append(rng.choice(("", "", " ", "[")) + "{" + "".join(words) + "}")
        found = outcome(lines)
        with monkeypatch.context() as patch:
            patch.setattr(edn, "_plain", lambda line: None)
            assert found == outcome(lines), (seed, lines)
        read += not isinstance(found, str)
        refused += isinstance(found, str)
    assert min(read, refused) > 400
