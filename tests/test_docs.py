"""Every fenced block of the documents is run, parsed, or says that it is only text.

A document is read top to bottom, as a reader would, in one copy of the tree, whose .venv is
the environment the tests run in:

- `sh` and `console`: run by bash, which stops at the first command that fails. A comment
  `# exit 1` announces another exit status. What a console block shows must be what is printed;
  `...` stands for anything.
- `make TARGET` only asks whether the target exists, `git clone` links the copy, and `pip install`
  does nothing: really running them is CI's work.
- `python`: a block with tests in it goes to pytest, another one is run. A block whose first line
  is a comment with a file name is saved under that name, and left to the commands that name it,
  or its folder.
- `toml` and `json`: parsed. `yaml`: a file of this tree, which has a test of its own. `text`: not
  run. Any other block is an error.
"""

import doctest
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.tree import ROOT

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
)
PRELUDE = """
set -euo pipefail
make() { command make --dry-run "$@" > /dev/null; }
git() { [ "$1" = clone ] && ln -sfn "$PWD" labtester; }
pip() { [ "$1" = install ]; }
"""
ENOUGH_S = 1200  # for a command that hangs
IGNORED = shutil.ignore_patterns(".git", ".venv*", ".*_cache", "__pycache__", ".hypothesis")


@dataclass(frozen=True)
class Block:
    """One fenced block: the document's line of its first line, its language, its text."""

    line: int
    language: str
    text: str


def blocks(document: str) -> list[Block]:
    """The fenced blocks of a document, in order."""
    fence = re.compile(r"^(`{3,})(\w*)[^\n`]*\n(.*?)^\1`*$", re.MULTILINE | re.DOTALL)
    return [
        Block(document.count("\n", 0, found.start(3)) + 1, found[2], found[3])
        for found in fence.finditer(document)
    ]


class Reader:
    """Does what a document says, block by block, in a folder."""

    def __init__(self, document: str, folder: Path) -> None:
        self.blocks = blocks(document)
        self.folder = folder
        self.commands = "".join(b.text for b in self.blocks if b.language in {"sh", "console"})

    def read(self) -> None:
        """Do all of it; AssertionError names the line of the block that does not hold."""
        for block in self.blocks:
            act = getattr(self, "do_" + block.language, None)
            assert act, f"line {block.line}: what is a {block.language!r} block? (text: not run)"
            try:
                act(block)
            except (AssertionError, ValueError) as error:
                raise AssertionError(f"line {block.line}: {error}") from error

    def do_text(self, block: Block) -> None:
        """Nothing: it is there to be read."""

    def do_json(self, block: Block) -> None:
        json.loads(block.text)

    def do_toml(self, block: Block) -> None:
        tomllib.loads(block.text)

    def do_yaml(self, block: Block) -> None:
        """Compare the block with the workflow that it quotes: see tests/test_workflow.py."""
        files = [*ROOT.glob(".github/workflows/*.yml")]
        assert block.text in [file.read_text() for file in files], "expected a file of this tree"

    def do_sh(self, block: Block) -> None:
        self.bash(block.text)

    def do_console(self, block: Block) -> None:
        """Commands stand after `$ `, their further lines after `> `, what they print bare."""
        session = re.compile(r"^\$ (.*(?:\n> .*)*)\n?((?:(?!\$ ).*(?:\n|\Z))*)", re.MULTILINE)
        assert block.text.startswith("$ "), "a console block starts with a command after `$ `"
        for command, shown in session.findall(block.text):
            printed = self.bash(command.replace("\n> ", "\n"))
            if shown.strip():
                assert_alike(shown, printed)

    def do_python(self, block: Block) -> None:
        name = re.match(r"# ([\w/]+\.py)\n", block.text)
        path = self.folder / (name[1] if name else f"test_line_{block.line}.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)
        if name and name[1].partition("/")[0] in self.commands:
            return
        has_tests = re.search(r"^(?:async )?def test_", block.text, re.MULTILINE)
        self.bash(f"python -W error {'-m pytest -q' if has_tests else ''} '{path}'")

    def bash(self, script: str) -> str:
        """What a script prints, on either stream, when it exits as it should."""
        done = subprocess.run(
            ["bash", "-c", PRELUDE + script],
            check=False,
            cwd=self.folder,
            env=environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=ENOUGH_S,
        )
        announced = re.search(r"#.*\bexit (\d+)", script)
        if done.returncode != (int(announced[1]) if announced else 0):
            raise AssertionError(f"{script}\nexits {done.returncode}\n{done.stdout}")
        return done.stdout


def environment() -> dict[str, str]:
    """A reader's: this interpreter's commands come first, 80 columns, and no pytest around us."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "HYPOTHESIS"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return kept | {"PATH": path, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}


def assert_alike(shown: str, printed: str) -> None:
    """Compare as doctest does, `...` standing for anything; trailing blanks do not count."""
    want, got = (re.sub(r"[ \t]+\n", "\n", text.strip() + "\n") for text in (shown, printed))
    checker, example = doctest.OutputChecker(), doctest.Example("", want)
    if not checker.check_output(want, got, doctest.ELLIPSIS):
        raise AssertionError(checker.output_difference(example, got, doctest.REPORT_NDIFF))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_says_what_happens(document: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=IGNORED)
    (copy / ".venv").symlink_to(sys.prefix)
    Reader((ROOT / document).read_text(), copy).read()


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """What `make` needs to know of the tree."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def fenced(language: str, text: str) -> str:
    return f"Prose.\n\n```{language}\n{text}\n```\n"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("", "no language"),
        ("ruby", "puts 1"),
        ("json", "{"),
        ("toml", "a ="),
        ("sh", "false\ntrue"),
        ("sh", "true  # exit 1"),
        ("sh", "make nonesuch"),
        ("sh", "nonesuch"),
        ("console", "echo a"),
        ("console", "$ echo a\nb"),
        ("console", "$ echo a\na\n$ echo b\nc"),
        ("python", "1 / 0"),
        ("python", "import warnings\nwarnings.warn('w')"),
        ("python", "def test_this():\n    assert False"),
        ("python", "# mine.py\n1 / 0"),
    ],
)
def test_a_block_that_does_not_hold_is_found(language: str, text: str, house: Path) -> None:
    with pytest.raises(AssertionError, match="line 4:"):
        Reader(fenced(language, text), house).read()


def test_blocks_build_on_each_other(house: Path) -> None:
    document = (
        fenced("text", "not run: 1 / 0")
        + fenced("python", "# mine/five.py\nraise SystemExit(5)")
        + fenced("sh", "git clone somewhere\ncd labtester\nmake test\ncp mine/five.py six.py")
        + fenced(
            "console", "$ python mine/five.py  # exit 5\n$ echo one 2 \\\n> three\none ... three"
        )
        + fenced("sh", "python six.py  # exit 5")
        + fenced("python", "def test_this():\n    assert True")
    )
    Reader(document, house).read()


PUBLIC = {"strategies", "labs"}
"""Modules of `tester` that documents may import from: all else is to be had of `tester` itself."""


def private_imports(source: str) -> list[str]:
    found = re.findall(r"^\s*(?:from|import) tester\.(\w+)", source, re.MULTILINE)
    return [name for name in found if name not in PUBLIC]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_import_public_names_only(document: str) -> None:
    shown = [b.text for b in blocks((ROOT / document).read_text()) if b.language == "python"]
    assert private_imports("\n".join(shown)) == []


def test_examples_import_public_names_only() -> None:
    for path in (ROOT / "docs" / "examples").glob("**/*.py"):
        assert private_imports(path.read_text()) == [], path
    assert private_imports("from tester.world.disk import Disk") == ["world"]
