"""All generated leaks: for `make soak`, which names this file to pytest."""

from pathlib import Path

import pytest

from tests.guard.leaks import Leak
from tests.guard.test_leaks import CHECKED, check


@pytest.mark.parametrize("leak", CHECKED, ids=lambda leak: leak.name)
def test_no_leak_is_passed_over(leak: Leak, tmp_path: Path) -> None:
    check(leak, tmp_path)
