"""How rounds become figures, and that every figure has a line of its own that fits a terminal."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from bench.__main__ import SUBJECTS, table
from bench.rounds import Result, Row, measure, per_second


def series(*values: float) -> Callable[[], float]:
    return iter(values).__next__


def row(figure: Callable[[], float], yardstick: Callable[[], float], **budget: float) -> Row:
    return Row("x/s", figure, yardstick, "y", **budget)


def test_the_first_round_warms_up_and_the_medians_of_the_others_count() -> None:
    taken = row(series(999, 10, 30, 20), series(999, 20, 30, 10))
    (result,) = measure([taken], rounds=3)
    assert result == Result(taken, measured=20, ratio=1.0, noise=0.5)


def test_figures_and_yardsticks_take_turns() -> None:
    order: list[str] = []

    def note(name: str) -> Callable[[], float]:
        def take() -> float:
            order.append(name)
            return 1

        return take

    measure([row(note("a"), note("A")), row(note("b"), note("B"))], rounds=1)
    assert order == ["a", "A", "b", "B"] * 2


@pytest.mark.parametrize(
    ("budget", "kept"),
    [
        ({}, None),
        ({"at_least": 20}, True),
        ({"at_least": 21}, False),
        ({"at_most": 20}, True),
        ({"at_most": 19}, False),
    ],
)
def test_a_budget_is_kept_or_not(budget: dict[str, float], kept: bool | None) -> None:
    taken = row(lambda: 20, lambda: 1, **budget)
    assert Result(taken, measured=20, ratio=20, noise=0).within_budget is kept


def test_work_is_counted_by_the_second_of_processor_time() -> None:
    slow = per_second(1_000, lambda: sum(range(200_000)))
    fast = per_second(1_000, lambda: sum(range(2_000)))
    assert 0 < slow < fast


def test_every_figure_has_a_name_of_its_own_and_the_table_fits_80_columns() -> None:
    rows = [row for subject in SUBJECTS for row in subject.rows()]
    names = [row.name for row in rows]
    assert len(set(names)) == len(names) > len(SUBJECTS)
    out = io.StringIO()
    results = [Result(row, measured=1_234_567.0, ratio=0.5, noise=0.02) for row in rows]
    Console(file=out, width=80).print(table(results))
    lines = [line.strip() for line in out.getvalue().splitlines()]
    assert max(map(len, lines)) <= 80
    figures = [line for line in lines if "1 234 567" in line and "0.50" in line]
    assert len(figures) == len(names)
    for name, line in zip(names, figures, strict=True):
        assert line.startswith(f"{name} ") and "…" not in line
