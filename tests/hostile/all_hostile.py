"""Every hostile submission: too many for each run of the tests; `make soak` runs them."""

from pathlib import Path

import pytest

from tests.hostile.table import HOSTILE
from tests.hostile.test_hostile import comes_to_a_clear_end


@pytest.mark.parametrize("name", HOSTILE)
def test_every_hostile_submission_comes_to_a_clear_end(name: str, tmp_path: Path) -> None:
    comes_to_a_clear_end(HOSTILE[name], tmp_path)
