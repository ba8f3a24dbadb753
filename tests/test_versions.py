"""The versions of other libraries: what is allowed, what was tried, and whose words are whose."""

import ast
import importlib
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.lower_bounds import oldest, requirements
from tests.tree import PACKAGES, ROOT, sources

ALL_PINS = [
    Requirement(line)
    for line in re.findall(r"^[^#\n]+", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
]
PINS: dict[str, Requirement] = {
    canonicalize_name(requirement.name): requirement
    for requirement in ALL_PINS
    if requirement.marker is None or requirement.marker.evaluate()
}
"""Those for this interpreter."""


def needed(*names: str) -> Iterator[str]:
    """The distributions that these need, and those that they need in turn, as installed here."""
    seen: set[tuple[str, str]] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        one = waiting.pop()
        for extra in ["", *sorted(one.extras)]:
            if (one.name, extra) in seen:
                continue
            seen.add((one.name, extra))
            yield canonicalize_name(one.name)
            for text in importlib.metadata.requires(one.name) or []:
                other = Requirement(text)
                if other.marker is None or other.marker.evaluate({"extra": extra}):
                    waiting.append(other)


def test_a_pin_names_one_version() -> None:
    for pin in ALL_PINS:
        assert re.fullmatch(r"==[\w.]+", str(pin.specifier)), f"{pin.name} is not pinned"
        assert pin.url is None


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14", "3.15"])
def test_a_name_is_pinned_once_for_each_interpreter(python: str) -> None:
    names = [
        canonicalize_name(pin.name)
        for pin in ALL_PINS
        if pin.marker is None or pin.marker.evaluate({"python_version": python})
    ]
    assert len(names) == len(set(names))
    assert {canonicalize_name(pin.name) for pin in ALL_PINS} == set(names)


@pytest.mark.parametrize(
    ("version", "constraints"),
    [((3, 11, 2), "constraints.txt"), ((3, 15, 0), "constraints.txt"), ((3, 16, 0), "/dev/null")],
)
def test_a_newer_interpreter_is_not_held_to_what_was_tried(
    tmp_path: Path, version: tuple[int, ...], constraints: str
) -> None:
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = {version}; $2"\n'
    )
    python.chmod(0o755)
    show = "show:\n\t@echo $(CONSTRAINTS)\n"
    command = ["make", "-s", "-f", "Makefile", "-f", "-", "show", f"PYTHON={python}"]
    done = subprocess.run(
        command, cwd=ROOT, input=show, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == f"{constraints}\n"


def test_all_that_is_installed_is_pinned() -> None:
    installed = set(needed("labtester[dev]")) - {"labtester"}
    for name in installed & set(PINS):
        if importlib.metadata.version(name) not in PINS[name].specifier:
            pytest.skip(f"{name} has another version here, and other versions may need others")
    assert installed <= set(PINS)


@pytest.mark.parametrize("requirement", requirements())
def test_what_was_tried_is_allowed(requirement: str) -> None:
    asked = Requirement(requirement)
    (pin,) = PINS[canonicalize_name(asked.name)].specifier
    assert asked.specifier.contains(pin.version)


def test_each_requirement_has_one_oldest_version() -> None:
    for constraint, requirement in zip(oldest(requirements()), requirements(), strict=True):
        (pin,) = Requirement(constraint).specifier
        asked = Requirement(requirement)
        assert asked.specifier.contains(pin.version)
        assert Requirement(constraint).name == asked.name
        assert not asked.specifier.contains(f"{pin.version}.dev0", prereleases=True)


@pytest.mark.parametrize("requirement", ["click", "click<9", "click>=8,<9", "click @ file:///x"])
def test_a_requirement_without_an_oldest_version_is_refused(requirement: str) -> None:
    with pytest.raises(ValueError, match="expected NAME>=VERSION"):
        list(oldest([requirement]))


# -- whose words are whose -----------------------------------------------------------------------

LIBRARIES = ["click", "msgspec", "rich"]
"""Those whose sentences reach a user of ours. Those of pytest do so as well, on purpose."""
_BREAK = re.compile(r"%\(\w+\)[srd]|%[srdiRU\d]+|\{[^{}]*\}|[`'\"]")
_WORDS = 3
_SENTENCE = r"\w+(?:[,;:]? [\w-]+){2,}"


def phrases(text: str) -> Iterator[str]:
    """What a message says between its placeholders, where that is three words or more."""
    for part in _BREAK.split(text):
        words = part.strip(" .:,;()[]\n")
        if len(re.findall(r"[A-Za-z]{2,}", words)) >= _WORDS and re.fullmatch(_SENTENCE, words):
            yield words


def said_in_python(source: str) -> Iterator[str]:
    """The texts that a module raises or translates."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id="_" | "ngettext"), args=args):
                texts: list[ast.AST] = list(args)
            case ast.Raise(exc=ast.Call(args=args)):
                texts = list(args)
            case _:
                continue
        for text in texts:
            for part in ast.walk(text):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


def said_in_c(binary: bytes) -> Iterator[str]:
    """The texts in a compiled module; most are of other things, and none of them is ours."""
    for found in re.findall(rb"[\x20-\x7e]{10,}", binary):
        yield found.decode("ascii")


def messages(library: ModuleType) -> set[str]:
    """What a library may say to its user, in phrases."""
    assert library.__file__ is not None
    found: set[str] = set()
    for path in Path(library.__file__).parent.rglob("*"):
        if path.suffix == ".py":
            texts = said_in_python(path.read_text(encoding="utf-8"))
        elif path.suffix == ".so":
            texts = said_in_c(path.read_bytes())
        else:
            continue
        found.update(phrase for text in texts for phrase in phrases(text))
    return found


def pinned() -> dict[str, str]:
    """The texts that tests compare with: their own literals, and the snapshots."""
    texts = {}
    for path in sources("tests"):
        if path == "tests/test_versions.py":
            continue
        tree = ast.parse((ROOT / path).read_text())
        literals = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
        texts[path] = "\n".join(one.value for one in literals if isinstance(one.value, str))
    for file in (ROOT / "tests" / "snapshots").rglob("*.txt"):
        texts[file.relative_to(ROOT).as_posix()] = file.read_text()
    return texts


@pytest.mark.parametrize("name", LIBRARIES)
def test_no_test_compares_with_the_words_of_another_library(name: str) -> None:
    theirs = messages(importlib.import_module(name))
    assert theirs, "nothing was read, so nothing can be found"
    ours = "".join((ROOT / path).read_text() for path in sources(*PACKAGES))
    found = [
        f"{path}: {phrase}"
        for path, text in pinned().items()
        for said in sorted(theirs)
        for phrase in (said, said[:1].lower() + said[1:])  # it may stand after a colon of ours
        if phrase in text and phrase not in ours  # a phrase may be everybody's
    ]
    assert found == []


def test_a_phrase_of_a_library_is_found() -> None:
    assert list(phrases("Object missing required field `%U`%U")) == [
        "Object missing required field"
    ]
    assert list(phrases("{name!r} is not a valid {number_type}.")) == ["is not a valid"]
    raised = 'raise UsageError(_("No such option {name!r}").format(name=n))'
    assert "No such option {name!r}" in set(said_in_python(raised))
    assert list(said_in_c(b"\0\x01Input data was truncated\0abc")) == ["Input data was truncated"]
