"""The sentences that every command has for a wrong name."""

import pytest

from tester.cli.usage import shortened, unknown


def test_a_name_that_is_near_is_suggested() -> None:
    said = unknown("lab", "kvsvr", iter(["kvsrv", "lock"]))
    assert said == "there is no lab 'kvsvr'; did you mean kvsrv?"


@pytest.mark.parametrize("name", ["", "zzz", "'"])
def test_a_name_that_is_not_lists_what_there_is(name: str) -> None:
    said = unknown("lab", name, iter(["kvsrv", "lock"]))
    assert said == f"there is no lab {name!r}; the labs are kvsrv, lock"


def test_a_long_value_is_cut() -> None:
    assert shortened("ab") == "'ab'"
    assert shortened("x" * 100) == f"'{'x' * 59}... (100 characters)"
