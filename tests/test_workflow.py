"""The workflow of nightly seeds: YAML, with commands that there are, and quoted by the guide."""

import re
import shlex
import subprocess
from typing import Any

import click
import pytest

from tester.cli.sweep import run
from tests.tree import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "nightly.yml"


@pytest.fixture
def workflow() -> Any:
    yaml: Any = pytest.importorskip("yaml", reason="PyYAML, which distributed brings, is missing")
    return yaml.safe_load(WORKFLOW.read_text())


def test_the_workflow_has_what_a_workflow_has(workflow: Any) -> None:
    triggers = workflow[True]  # `on`, to a reader of YAML 1.1
    (cron,) = triggers["schedule"]
    assert len(cron["cron"].split()) == 5
    (job,) = workflow["jobs"].values()
    assert job["runs-on"]
    for step in job["steps"]:
        assert ("uses" in step) != ("run" in step)
    upload = job["steps"][-1]
    assert upload["uses"].startswith("actions/upload-artifact@")
    assert upload["if"] == "always()"
    kept = upload["with"]["path"].split()
    assert kept == ["night.db", "night.html", "night.json", ".labtester/"]


def test_the_commands_of_the_workflow_are_shell_and_its_sweep_is_a_sweep(workflow: Any) -> None:
    (job,) = workflow["jobs"].values()
    scripts = [step["run"] for step in job["steps"] if "run" in step]
    for script in scripts:
        done = subprocess.run(["bash", "-n"], input=script, text=True, check=False)
        assert done.returncode == 0
    words = shlex.split(scripts[-1].replace("\\\n", " "))
    assert words[:2] == ["labtester", "sweep"]
    context = run.make_context("sweep", words[2:])
    assert isinstance(context, click.Context)
    assert context.params["fresh"]
    assert context.params["until"].seconds == 7_200
    assert 60 * job["timeout-minutes"] > context.params["until"].seconds


def test_the_guide_quotes_the_workflow() -> None:
    text = (ROOT / "docs" / "12-nightly.md").read_text()
    quoted = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert quoted == [WORKFLOW.read_text()]
