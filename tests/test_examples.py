"""The examples in docs/examples: their suites pass, and find the bugs beside them."""

import os
import re
import subprocess
import sys

import pytest

from tests.tree import ROOT

EXAMPLES = ROOT / "docs" / "examples"
PROTOCOLS = sorted(path.parent.name for path in EXAMPLES.glob("*/pytest.ini"))
SEEDS = 50


def test_every_protocol_has_a_suite_and_bugs_and_is_explained() -> None:
    explained = (EXAMPLES / "README.md").read_text()
    assert len(PROTOCOLS) == 5
    for name in PROTOCOLS:
        bugs = re.findall(r"^class \w+\(", (EXAMPLES / name / "bugs.py").read_text(), re.MULTILINE)
        assert len(bugs) >= 2
        assert f"[`{name}`]({name})" in explained


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_passes_and_its_bugs_are_found(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--sim-seeds={SEEDS}"],
        check=False,
        cwd=EXAMPLES / name,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"^[3-9] passed in ", done.stdout, re.MULTILINE)
    assert re.search(rf": reached in \d+ of {SEEDS} seeds$", done.stdout, re.MULTILINE)
