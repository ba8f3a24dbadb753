"""The table at the end of a pytest run."""

from tester.report.summary import summary
from tests import snapshots


def test_the_table() -> None:
    rows: list[tuple[str, dict[str, float]]] = [
        (
            "tests/test_mine.py::test_two",
            {"seeds": 100, "rpcs": 24_680, "ops": 20_000, "virtual_us": 123_456_789, "wall_s": 2},
        ),
        (
            "tests/test_mine.py::test_one",
            {"seeds": 1, "rpcs": 0, "ops": 0, "virtual_us": 0, "wall_s": 0.0},
        ),
    ]
    snapshots.check("summary", "\n".join(summary(rows)) + "\n")
