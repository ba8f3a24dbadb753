"""The proof of "same seed, same digest": the labs under every CPython found on this machine.

Installs the distribution into one virtual environment per interpreter (.venv-<version>, kept for
the next time), runs the labs there with one worker, with two, and under another PYTHONHASHSEED,
and compares the digests; of the replicated labs it runs a few tests with --few, which CI does, on
one interpreter of each minor version, and all without. The bytes of a few pages are compared
likewise. With --bugs it compares one run of each planted bug instead. Exits 1 when two digests
differ, when a lab does not pass, and when the machine has two fitting interpreters but fewer than
two could be compared. `make digests` runs it.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SEEDS = dict.fromkeys(("kvsrv", "lock", "dedup"), 20)
SEEDS |= {"rsm": 4, "raft": 2, "kvraft": 1, "kvraft-dedup": 1, "mapreduce": 10}
HEAVY = {"rsm", "raft", "kvraft", "kvraft-dedup"}
"""Labs that run in every way under the first interpreter only, and in one way under the others."""
FEW = {
    "rsm": ("test_restart_replay_4a", "test_snapshot_4c", "test_snapshots_at_different_times"),
    "raft": (
        "test_figure8_unreliable_3c",
        "test_unreliable_churn_3c",
        "test_snapshot_install_un_crash_3d",
        "test_power_fails_at_any_save",
        "test_requests_from_long_ago",
    ),
    "kvraft": ("test_snapshot_unreliable_recover_concurrent_partition_linearizable_4c",),
    "kvraft-dedup": ("test_snapshot_unreliable_recover_concurrent_partition_linearizable_4b",),
}
"""Of each lab that takes long: tests with every kind of trouble in them."""
CERTAIN = ROOT / "docs" / "examples" / "certain"
PAGES = {  # name: what `labtester report` draws
    "page of kvsrv": ("kvsrv", "test_unreliable_net", "--seed", "0"),
    "page of a failure": ("kvsrv", "test_unreliable_net", "--seed", "3", "--submission", CERTAIN),
    "page of raft": ("raft", "test_initial_election_3a", "--seed", "1"),
}
OLDEST = (3, 11)
WAYS = {  # name: (options, PYTHONHASHSEED)
    "one worker": (("--jobs", "1"), "0"),
    "two workers": (("--jobs", "2"), "0"),
    "other hash seed": (("--jobs", "1"), "1"),
}
PROBE = "import platform as p; print(p.python_implementation() + ' ' + p.python_version())"
ENOUGH_S = 1800  # for a command of ours that hangs: CI must end


class CannotCompare(Exception):
    """An interpreter cannot run the labs at all; the text says why."""


@dataclass(frozen=True)
class Outcome:
    """What one lab run under one interpreter in one way reported."""

    where: str
    digest: str
    tests: dict[str, str]  # name: digest


def candidates() -> Iterator[Path]:
    """Whatever calls itself Python here, this one first; some are too old, some lead nowhere."""
    yield Path(sys.executable)
    for folder in os.get_exec_path():
        yield from sorted(p for p in Path(folder).glob("python3.*") if p.name[8:].isdigit())
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob("versions/*/bin/python"))


def reason_to_skip(identity: str) -> str | None:
    """Why an interpreter with this implementation and version ("CPython 3.12.1") does not fit."""
    implementation, version = identity.split()
    if implementation != "CPython":
        return "is not CPython"
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < OLDEST:
        return "is older than " + ".".join(map(str, OLDEST))
    return None


def find(*, few: bool = False) -> dict[str, Path]:
    """The fitting interpreters, one a version; says of each other one why it is skipped.

    A few: one a minor version.
    """
    found: dict[str, Path] = {}
    for python in candidates():
        try:
            identity = run([python, "-c", PROBE]).strip()
        except (OSError, subprocess.SubprocessError):
            print(f"skipped {python}: does not start")
            continue
        if reason := reason_to_skip(identity):
            print(f"skipped {python}: {identity} {reason}")
        elif few and _minor(identity) in {_minor(one) for one in found if one != identity}:
            print(f"skipped {python}: {identity} is of a minor version that is there already")
        else:
            found.setdefault(identity, python)
    return found


def _minor(identity: str) -> str:
    """Its beginning without the last number, such as "CPython 3.12" of "CPython 3.12.1"."""
    return identity.rpartition(".")[0]


def install(identity: str, python: Path) -> Path:
    """A virtual environment of that interpreter holding the distribution; its bin directory."""
    venv = ROOT / f".venv-{identity.split()[1]}"
    try:
        if not (venv / "bin" / "pip").exists():
            run([python, "-m", "venv", venv])
        pip = [venv / "bin" / "python", "-m", "pip", "install", "--quiet"]
        tried = dict.fromkeys(("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT"), "constraints.txt")
        run([*pip, "--disable-pip-version-check", "--only-binary=:all:", ROOT], **tried)
    except subprocess.CalledProcessError as error:
        step = " ".join(map(str, error.cmd[1:4]))
        last = (error.stderr.strip() or error.stdout.strip()).rpartition("\n")[2]
        raise CannotCompare(f"`{step}` failed: {last}") from error
    return venv / "bin"


def run_lab(where: str, bin_dir: Path, lab: str, way: str, tests: Sequence[str] = ()) -> Outcome:
    """Run a lab's suite, or some tests of it, far from the source tree.

    A lab that does not pass ends everything.
    """
    options, hash_seed = WAYS[way]
    command = [
        bin_dir / "labtester",
        "run",
        lab,
        "--seeds",
        str(SEEDS[lab]),
        *options,
        *(["--tests", ",".join(tests)] if tests else []),
        "--json",
        "-",
    ]
    with tempfile.TemporaryDirectory() as folder:
        report = json.loads(run(command, cwd=folder, PYTHONHASHSEED=hash_seed))
    digests = {test["name"]: test["digest"] for test in report["tests"]}
    return Outcome(f"{where}, {way}", report["digest"], digests)


def run_bugs(where: str, bin_dir: Path, lab: str) -> Outcome:
    """Run each planted bug of a lab once, far from the source tree."""
    script = Path(__file__).with_name("bug_digests.py")
    with tempfile.TemporaryDirectory() as folder:
        said = run([bin_dir / "python", "-P", script, lab], cwd=folder, PYTHONHASHSEED="0")
    return Outcome(where, hashlib.sha256(said.encode()).hexdigest(), json.loads(said))


def draw_page(where: str, bin_dir: Path, page: str, hash_seed: str) -> Outcome:
    """The digest of the bytes of a page, drawn far from the source tree."""
    with tempfile.TemporaryDirectory() as folder:
        command = [bin_dir / "labtester", "report", *PAGES[page], "-o", "page.html"]
        status = 1 if "--submission" in PAGES[page] else 0
        ran(command, folder, {"PYTHONHASHSEED": hash_seed}, status)
        drawn = Path(folder, "page.html").read_bytes()
    digest = hashlib.sha256(drawn).hexdigest()
    return Outcome(f"{where}, hash seed {hash_seed}", digest, {page: digest})


def differences(outcomes: list[Outcome]) -> list[str]:
    """One line for each outcome that is not as the first, naming the tests that differ."""
    first = outcomes[0]
    return [
        f"{other.where}: {other.digest}, but {first.where}: {first.digest}; these tests differ: "
        + ", ".join(
            name
            for name in sorted(first.tests.keys() | other.tests.keys())
            if first.tests.get(name) != other.tests.get(name)
        )
        for other in outcomes[1:]
        if other.digest != first.digest
    ]


def run(command: list[Any], cwd: str | Path = ROOT, **environment: str) -> str:
    """The standard output of a command that must succeed."""
    return ran(command, cwd, environment, 0)


def ran(command: list[Any], cwd: str | Path, environment: dict[str, str], status: int) -> str:
    """The standard output of a command that must exit with this status."""
    env = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME"}}
    done = subprocess.run(
        [str(word) for word in command],
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=env | environment,
        timeout=ENOUGH_S,
    )
    if done.returncode != status:
        raise subprocess.CalledProcessError(done.returncode, done.args, done.stdout, done.stderr)
    return done.stdout


def compare_pages(ready: dict[str, Path]) -> int:
    """1 if the bytes of a page differ between interpreters or hash seeds, else 0."""
    wrong = 0
    for page in PAGES:
        outcomes = [
            draw_page(identity, bin_dir, page, hash_seed)
            for identity, bin_dir in ready.items()
            for hash_seed in ("0", "1")
        ]
        for outcome in outcomes:
            print(f"{page}, {outcome.where}: {outcome.digest}", flush=True)
        for line in differences(outcomes):
            print(f"{page} differs: {line}")
            wrong = 1
    return wrong


def compare_bugs(ready: dict[str, Path]) -> int:
    """1 if a run of a planted bug differs between interpreters, else 0."""
    wrong = 0
    for lab in SEEDS:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            outcomes = list(pool.map(run_bugs, ready, ready.values(), [lab] * len(ready)))
        for outcome in outcomes:
            size = len(outcome.tests)
            print(f"{size} bugs of {lab}, {outcome.where}: {outcome.digest}", flush=True)
        for line in differences(outcomes):
            print(f"the bugs of {lab} differ: {line}")
            wrong = 1
    return wrong


def compare_labs(ready: dict[str, Path], *, few: bool) -> int:
    """1 if a lab differs between interpreters, ways or hash seeds, else 0."""
    wrong = 0
    for lab, seeds in SEEDS.items():
        wanted = [
            (identity, bin_dir, lab, way, FEW.get(lab, ()) if few else ())
            for at, (identity, bin_dir) in enumerate(ready.items())
            for way in (WAYS if at == 0 or lab not in HEAVY else [*WAYS][:1])
        ]
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # each waits for a process of its own
            outcomes = list(pool.map(lambda run: run_lab(*run), wanted))
        for outcome in outcomes:
            print(f"{lab}, {seeds} seeds, {outcome.where}: {outcome.digest}", flush=True)
        for line in differences(outcomes):
            print(f"{lab} differs: {line}")
            wrong = 1
    return wrong


def main(*, few: bool = False, bugs: bool = False) -> int:
    """Compare; the exit status."""
    found = find(few=few)
    ready = {}
    for identity, python in found.items():
        try:
            ready[identity] = install(identity, python)
        except CannotCompare as error:
            print(f"skipped {python}: {identity}, {error}")
    if bugs:
        wrong = compare_bugs(ready)
    else:
        wrong = compare_pages(ready) | compare_labs(ready, few=few)
    if len(ready) < min(2, len(found)):
        print(f"{len(found)} interpreters fit, but only {len(ready)} could be compared")
        wrong = 1
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", action="store_true", help="a few tests and interpreters")
    parser.add_argument("--bugs", action="store_true", help="one run of each planted bug instead")
    try:
        asked = parser.parse_args()
        sys.exit(main(few=asked.few, bugs=asked.bugs))
    except subprocess.CalledProcessError as failed:
        command = " ".join(failed.cmd)
        sys.exit(f"{command} exited {failed.returncode}\n{failed.stdout}{failed.stderr}")
