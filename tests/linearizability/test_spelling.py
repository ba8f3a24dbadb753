"""Values that may be spelled in several ways: no spelling changes a verdict."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from linearizability import Operation, check
from linearizability.formats import read_jsonl
from linearizability.formats.jepsen_edn import read_jepsen_edn
from tests.linearizability import objects, texts

JSON = [
    ["1", "1.0", "1e0", "10e-1"],
    ["0", "-0.0", "0.0"],
    ["1.5", "15e-1"],
    ["true"],
    ['"1"', r'"\u0031"'],
    ['"true"'],
    ["[1]", "[ 1.0 ]"],
    ['["1"]'],
    ['["true"]'],
    ["[]"],
    ["{}"],
    ['{"a":1,"b":[]}', '{"b":[],"a":1.0}', '{ "b" : [ ] , "a":1e0}'],
    ['["{\\"a\\": 1}"]'],
    ['{"a":1}'],
    ['"\N{LATIN SMALL LETTER E WITH ACUTE}"', r'"\u00e9"'],
    [r'"e\u0301"'],
    [r'"\ud800"'],
]
EDN = [
    ["1", "+1", "1N"],
    ["1.0", "1.00", "1e0"],
    ["0.0", "-0.0"],
    ["0", "-0"],
    ["true"],
    ['"1"', r'"\u0031"'],
    ['"true"'],
    ["[1]", "(1)", "[ 1, ]", "[1 #_ 2]"],
    ['["1"]'],
    ["[]", "()"],
    ["#{}"],
    ["{}"],
    ["#{1 2}", "#{2 1}"],
    ["{:a 1 :b []}", "{:b [], :a 1N}"],
    ["#x{:a 1 :b []}", "#x {:b () :a +1}"],
    ['{"a" 1}'],
    ["{:a 1}"],
    [":a"],
    ['":a"'],
    ["a"],
    ['"a"'],
    [r"\a"],
    ['""'],
    ["1/2"],
    ["##NaN"],
    ["[nil]"],
]


class Spelling:
    """Gives each value of a history another one of a table, each time in one of its spellings."""

    def __init__(self, rng: random.Random, table: list[list[str]], nothing: str) -> None:
        self._rng = rng
        self._ways = rng.sample(table, len(table))
        self._chosen: dict[Any, list[str]] = {None: [nothing], "": [nothing]}

    def __call__(self, value: Any) -> str:
        if value not in self._chosen:
            self._chosen[value] = self._ways.pop()
        return self._rng.choice(self._chosen[value])


def as_json(history: list[Operation], spell: Callable[[Any], str]) -> list[str]:
    rows = map(texts.row, history)
    return [
        "{"
        + ",".join(
            f'"{name}":{spell(value) if name in ("v", "rv") else json.dumps(value)}'
            for name, value in row.items()
        )
        + "}"
        for row in rows
    ]


def as_edn(history: list[Operation], spell: Callable[[Any], str]) -> list[str]:
    def show(process: int, op: Operation, returned: bool) -> str:
        kind, function = "ok" if returned else "invoke", type(op.input).__name__.lower()
        value = op.input.value if len(op.input) > 1 else op.output if returned else None
        return f"{{:process {process}, :type :{kind}, :f :{function}, :value {spell(value)}}}"

    return texts.events_of(history, show)


@pytest.mark.parametrize("name", ["register-repeated", "queue-repeated", "stack"])
@pytest.mark.parametrize("format", ["jsonl", "jepsen-edn"])
def test_spelling_does_not_change_a_verdict(name: str, format: str) -> None:
    subject = objects.SUBJECTS[name]
    seen: list[bool] = []
    for seed in range(150):
        rng = random.Random(seed)
        history = objects.random_history(rng, subject)
        if not texts.can_be_written(history):
            continue
        if format == "jsonl":
            lines = as_json(history, Spelling(rng, JSON, "null"))
            read = read_jsonl(lines, "h", subject.model.name)
        else:
            lines = as_edn(history, Spelling(rng, EDN, "nil"))
            read = read_jepsen_edn(lines, "h", subject.model.name)
        verdict = check(subject.model, read.operations)
        assert bool(verdict) is bool(check(subject.model, history)), (seed, history)
        seen.append(bool(verdict))
    assert 10 < sum(seen) < len(seen) - 10
