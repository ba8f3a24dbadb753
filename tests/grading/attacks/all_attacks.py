"""All attacks on the grader; `make attacks` runs them, which takes minutes."""

import pytest

from tests.grading.attacks.labs import LAB_ATTACKS
from tests.grading.attacks.more import ATTACKS
from tests.grading.attacks.suffering import suffer


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_gets_no_points_and_leaves_nothing(name: str) -> None:
    suffer(ATTACKS[name])


@pytest.mark.parametrize("name", LAB_ATTACKS)
def test_an_attack_from_a_lab_with_peers_gets_no_points_either(name: str) -> None:
    suffer(LAB_ATTACKS[name])
