"""The command line in use: one sentence for every misuse, and a well-behaved process."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tester import cli
from tester.labs import LABS
from tests.running import MAIN, Runner, labtester, submit

__all__ = ["labtester"]


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("rnu tiny", "labtester: there is no command 'rnu'; did you mean run?"),
        ("run tiy", "labtester run: there is no lab 'tiy'; did you mean tiny?"),
        (
            "run zzz",
            f"labtester run: there is no lab 'zzz'; the labs are {', '.join(LABS)}, tiny",
        ),
        ("run", "LAB"),
        ("run tiny /seeds:5", "/seeds:5"),
        (
            "run tiny --submision a",
            "--submission",
        ),
        (
            "run tiny --schedule fifi",
            "labtester run: there is no schedule 'fifi'; did you mean fifo?",
        ),
        ("mutants tiny --schedule x", "there is no schedule 'x'; the schedules are fifo, random"),
        ("replay a.sim --schedule fifo", "a record has its own schedule; leave --schedule out"),
        ("run tiny --seeds 0", "--seeds': expected an integer, 1 to 4294967296, got '0'"),
        ("run tiny --seeds many", "--seeds': expected an integer, 1 to 4294967296, got 'many'"),
        (f"run tiny --seeds {'9' * 5_000}", "got '99999999999"),
        ("run tiny --jobs 0", "--jobs': expected an integer, 1 to 1024, got '0'"),
        ("run tiny --stuck-after 0", "--stuck-after': expected an integer, 1 to 86400, got '0'"),
        ("run tiny --tests test_hevy", "there is no test 'test_hevy'; did you mean test_heavy?"),
        ("run tiny --tests ,", "there is no test ''; the tests are test_unreliable, test_heavy,"),
        ("replay tiny test_thrid --seed 1", "no test 'test_thrid'; did you mean test_third?"),
        (
            "replay tiny test_third",
            "labtester replay: expected a seed with the test, got none; add --seed S",
        ),
        (
            "replay tiny test_third --seed -1",
            "expected a seed in [0, 2**128), got '-1'",
        ),
        ("replay tiny test_third --seed ٣", "expected a seed in [0, 2**128), got '٣'"),
        (f"replay tiny test_third --seed {2**128}", "expected a seed in [0, 2**128), got '"),
        (f"replay tiny test_third --seed {'9' * 5_000}", "... (5000 characters)"),
        ("run tiny --submission ", "expected a folder for --submission, got ''; leave the"),
        ("run tiny --submission \udcff", "expected arguments in UTF-8, got '\\udcff'; rename"),
        ("replay \udcff.sim", "expected arguments in UTF-8, got '\\udcff.sim'; rename the file"),
        ("run tiny --submission nowhere", "/nowhere: expected a folder with packages"),
        (
            "run tiny --json nowhere/a.json",
            "cannot write nowhere/a.json: No such file or directory",
        ),
        ("run tiny --json .", "cannot write .: Is a directory"),
        ("run tiny --json /proc/a.json", "cannot write /proc/a.json: "),
        ("run tiny --json -/a", "cannot write -/a: "),
    ],
)
def test_a_misuse_is_one_sentence(labtester: Runner, command: str, sentence: str) -> None:
    assert sentence in labtester(*command.split(" ")).sentence


def test_a_list_of_choices_is_in_the_sentence(labtester: Runner) -> None:
    """Click has them one below the other, each behind a tab."""
    (labtester.folder / "history.jsonl").write_text("")
    assert re.search(
        r"--model'.* register, cas-register, kv, ", labtester("check", "history.jsonl").sentence
    )


def test_without_a_command_there_is_help(labtester: Runner) -> None:
    done = labtester()
    assert done.status == 2
    assert re.search(r"^  run +Run a lab's tests, each on many seeds", done.out, re.MULTILINE)
    assert "..." not in done.out.partition("Commands:")[2]


def test_a_device_is_written_to_and_not_replaced(labtester: Runner) -> None:
    assert labtester("run", "tiny", "--seeds", "1", "--json", os.devnull).status == 0
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_record_that_does_not_fit_is_a_misuse(labtester: Runner) -> None:
    done = labtester("run", "tiny", "--seeds", "1", "--json", "/dev/full")
    assert (done.status, done.err) == (
        2,
        "labtester: cannot write /dev/full: No space left on device\n",
    )


def test_a_record_that_was_there_is_replaced_behind_its_link(labtester: Runner) -> None:
    Path("real.json").write_text("old")
    Path("link.json").symlink_to("real.json")
    labtester("run", "tiny", "--seeds", "1", "--json", "link.json")
    assert Path("link.json").is_symlink()
    assert json.loads(Path("real.json").read_text())["lab"] == "tiny"


def test_a_record_on_standard_output_is_alone_there(labtester: Runner) -> None:
    theirs = submit(labtester.folder, "raise ValueError")
    done = labtester("run", "tiny", "--seeds", "2", "--submission", theirs, "--json", "-")
    assert json.loads(done.out)["verdict"] == "fail"
    assert "seeds fail" in done.err


# -- the process ---------------------------------------------------------------------------------


def process(code: str, *args: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | more.pop("env", {}),
        **more,
    )


@pytest.mark.parametrize("args", [["--help"], ["run", "--help"], ["run", "nolab"]])
def test_help_and_misuse_import_nothing_heavy(args: list[str]) -> None:
    code = (
        "import atexit, sys; from tester.cli import main;"
        "atexit.register(lambda: print('modules:', *sys.modules)); main()"
    )
    modules = process(code, *args).stdout.rpartition("modules: ")[2].split()
    assert "tester.cli" in modules
    assert {"numpy", "pytest", "rich", "asyncio", "msgspec"}.isdisjoint(modules)


def test_a_run_that_passes_imports_nothing_that_only_a_failure_needs() -> None:
    code = (
        "import sys; from tester.cli import run; from tester.report import json_output, table;"
        "from tester.report.progress import bar; from tester.workers import runner;"
        "print(*sys.modules)"
    )
    modules = set(process(code).stdout.split())
    assert {"tester.workers.pool", "tester.report.table"} <= modules
    unneeded = {"asyncio", "linearizability", "tester.world.run", "tester.report.story"}
    assert unneeded.isdisjoint(modules)
    assert not [name for name in modules if name.startswith("tester.report.page")]


def test_the_parent_never_imports_the_code_under_test(labtester: Runner) -> None:
    labtester("run", "tiny", "--seeds", "1")
    theirs = submit(labtester.folder, before="import sys; sys.exit('imported')")
    assert "imported" in labtester("run", "tiny", "--submission", theirs).sentence
    assert not list(labtester.folder.rglob("__pycache__"))


def test_the_current_folder_is_not_searched_for_modules(labtester: Runner) -> None:
    for name in ("json", "tester", "kvsrv"):
        Path(f"{name}.py").write_text("raise SystemExit('shadowed')")
    assert labtester("run", "tiny", "--seeds", "1").status == 0


def test_a_terminal_without_unicode_is_enough(labtester: Runner) -> None:
    theirs = submit(labtester.folder, "raise ValueError('µ \\udc80')")
    args = ["run", "tiny", "--seeds", "1", "--submission", theirs]
    path = os.pathsep.join(sys.path)
    done = process(MAIN, *args, env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": path})
    assert done.returncode == 1
    assert "\\xb5 \\udc80" in done.stdout
    kept = re.compile(r"kept as \.labtester/tiny-test_\w+-0-theirs\.sim")
    taken, *lines = done.stderr.splitlines()
    assert taken == "theirs: kvsrv/server.py -> KVServer; the reference's: Clerk"
    assert all(kept.fullmatch(line) for line in lines if not line.startswith("tiny: "))


def test_each_command_is_what_its_module_holds(labtester: Runner) -> None:
    said = labtester("--help").out
    for name, about in cli.COMMANDS.items():
        assert f"{name} " in said
        assert about in said
        assert labtester(name, "--help").out.startswith(f"Usage: labtester {name} ")
    assert "did you mean replay?" in labtester("reply").sentence
