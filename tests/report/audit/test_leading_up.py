"""What led up to a broken rule: what befell several servers at one instant is one row."""

from tester.engine.choices import Choices, Seeded
from tester.labs import LABS, suite
from tester.report.audit.leading_up import leading_up
from tester.report.broken import Broken
from tester.report.lines import Line
from tester.world.run import run

RIGHT = run(
    suite.tests_of(LABS["kvsrv"].suite)["test_reliable_put"], Choices(Seeded(0)), keep_trace=True
)


def test_what_befell_several_is_said_of_all_of_them() -> None:
    befell = {
        "s0": ["is cut off from the others", "applies 1: 'crashes, is gone'"],
        "s1": ["is cut off from the others", "applies 1: 'crashes, is gone'"],
        "s2": ["crashes"],
    }
    lines = [Line(5, who, what) for who, whats in befell.items() for what in whats]
    broken = Broken(3, "s2 answered.", "s2 answered", "A rule", servers=["s2"])
    mark = Line(9, "s2", "answered", "does", place=3, marked=True)
    rows = leading_up([*lines, mark], [], broken, RIGHT)
    assert [(row.who, row.what) for row in rows if isinstance(row, Line)] == [
        ("s0, s1", "are cut off from the others, apply 1: 'crashes, is gone'"),
        ("s2", "crashes"),
        ("s2", "answered"),
    ]
