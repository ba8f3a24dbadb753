"""The contract in the guide names each test of ours, and no other."""

import importlib
import inspect
import re

import pytest

from tester.labs import LABS
from tests.tree import ROOT

OURS = "# -- not among the tests of the course"


@pytest.mark.parametrize("lab", ["kvsrv", "lock", "dedup"])
def test_each_test_of_ours_says_what_of_the_contract_it_asks(lab: str) -> None:
    source = inspect.getsource(importlib.import_module(LABS[lab].suite))
    ours = re.findall(r"^async def (test_\w+)", source.partition(OURS)[2], re.MULTILINE)
    text = (ROOT / "docs" / "3-labs.md").read_text()
    assert ours
    assert re.findall(rf"^\| {lab} `(\w+)` \|", text, re.MULTILINE) == ours
