"""The house style that no linter knows, as tests."""

import ast
import re

import pytest

from tests.tree import PACKAGES, ROOT, sources

FILE_LINES = 500
FUNCTION_LINES = 70
LONGER: dict[str, str] = {
    # "path/to/file.py" or "path/to/file.py:function": why a reader would accept it
}

SOURCES = sources(*PACKAGES, "tests", "bench")
TEXTS = [
    *SOURCES,
    *(p.relative_to(ROOT).as_posix() for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]),
    *("Makefile", "pyproject.toml", "constraints.txt", ".ci/run"),
]
FORBIDDEN = {
    "a path of one machine": r"(?<![\w.~-])/(?:home|root|work|Users)/|/tmp/[w]\b",
    "a package index": r"\b(?:index-ur[l]|find-link[s])\b|https?://[^/]*pyp[i]",
    "an unfinished thought": r"\b(?:TO[D]O|FIX[M]E|XX[X])\b",
    "an ignore without a code": r"#\s*(?:noqa|(?:type|pyright):\s*ignore)(?!\s*[:\[]\s*\w)",
}


def opening_fault(source: str) -> str | None:
    """What is wrong with a module's first line, which is to be one whole sentence."""
    docstring = ast.get_docstring(ast.parse(source))
    if docstring is None:
        return "has no docstring"
    first = docstring.splitlines()[0]
    if not first.endswith((".", "?")) or re.search(r"[.?!] [A-Z]", first):
        return f"does not open with one sentence on one line: {first}"
    return None


def long_parts(path: str, source: str) -> dict[str, int]:
    """The file and the functions that are longer than they should be, with their lines."""
    parts = {path: (len(source.splitlines()), FILE_LINES)}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            parts[f"{path}:{node.name}"] = (node.end_lineno - node.lineno + 1, FUNCTION_LINES)
    return {name: lines for name, (lines, most) in parts.items() if lines > most}


def forbidden(text: str) -> list[str]:
    """Each line that holds what is forbidden, with its number and the reason."""
    return [
        f"{number}: {what}: {line.strip()}"
        for number, line in enumerate(text.splitlines(), 1)
        for what, pattern in FORBIDDEN.items()
        if re.search(pattern, line)
    ]


@pytest.mark.parametrize("path", SOURCES)
def test_a_module_opens_by_saying_what_it_is(path: str) -> None:
    assert opening_fault((ROOT / path).read_text()) is None


def test_files_and_functions_are_short_unless_a_reason_is_given() -> None:
    found: dict[str, int] = {}
    for path in sources(*PACKAGES, "bench"):  # a table of cases in a test may be long
        found |= long_parts(path, (ROOT / path).read_text())
    assert found.keys() == LONGER.keys(), found


@pytest.mark.parametrize("path", TEXTS)
def test_nothing_forbidden_is_committed(path: str) -> None:
    assert forbidden((ROOT / path).read_text()) == []


@pytest.mark.parametrize(
    "source",
    ["", "x = 1", '"""no full stop"""', '"""One. Two."""', '"""A sentence that\nwraps."""'],
)
def test_a_poor_opening_is_found(source: str) -> None:
    assert opening_fault(source)


def test_what_is_too_long_is_found() -> None:
    source = "def f():\n" + "    pass\n" * FUNCTION_LINES + "\n" * FILE_LINES
    assert long_parts("a.py", source) == {"a.py": 571, "a.py:f": 71}


@pytest.mark.parametrize(
    "line",
    [
        "see /ho@me/me/x",
        "pip install --find-@links x",
        "# TO@DO: later",
        "x = f()  # no@qa",
        "x = f()  # type: @ignore",
        "x = f()  # pyright: @ignore  # because",
    ],
)
def test_a_forbidden_line_is_found(line: str) -> None:
    assert len(forbidden(line.replace("@", ""))) == 1


@pytest.mark.parametrize(
    "line",
    ["x  # noqa: E501", "x  # type: ignore[attr-defined]", "a/home/b", "~/work/x", "mastodon"],
)
def test_a_good_line_passes(line: str) -> None:
    assert forbidden(line) == []
