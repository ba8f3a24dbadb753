"""Apps by their names, and what is said of those that fail."""

import asyncio
from pathlib import Path

import pytest

from mapreduce.folder import Split
from mapreduce.loading import Adapted, BadApp, load
from mapreduce.worker import mapped, merge, reduced

THEIRS = """
class Plain:
    def map(self, file, contents):
        for word in contents.split():
            yield word, "1"

    def reduce(self, key, values):
        return str(len(values))


class Raises(Plain):
    def map(self, file, contents):
        yield "a", "1"
        raise ValueError("no such luck")


class RaisesLater(Plain):
    def reduce(self, key, values):
        return {}["x"]


class Numbers(Plain):
    def map(self, file, contents):
        return [("a", 1)]


class NoPairs(Plain):
    def map(self, file, contents):
        return [1, 2]


class Lines(Plain):
    def map(self, file, contents):
        return [("a\\nb", "1")]


class NoText(Plain):
    def reduce(self, key, values):
        return len(values)


class TwoLines(Plain):
    def reduce(self, key, values):
        return "a\\nb"


class NoNumber(Plain):
    def combine(self, key, values):
        return len(values)


class Needs(Plain):
    def __init__(self, what):
        self.what = what


class Breaks:
    def __init__(self):
        raise OSError("broken")
    map = reduce = None


class NoReduce:
    def map(self, file, contents): ...


thing = 7
"""


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "theirs_for_mapreduce.py").write_text(THEIRS)
    (tmp_path / "broken_for_mapreduce.py").write_text("import theirs_for_nobody\n")
    monkeypatch.syspath_prepend(tmp_path)
    return "theirs_for_mapreduce"


def run(name: str, contents: str = "a b a") -> str:
    """The output for one part; what goes wrong, as a sentence."""
    made = Adapted(load(name), name, {"part-0": Split("book.txt", "", 0, 5)})

    async def job() -> str:
        groups: dict[str, list[str]] = {}
        for part in await mapped(made, "part-0", contents, 1):
            merge(groups, part)
        return (await reduced(made, groups)).decode()

    try:
        return asyncio.run(job())
    except Exception as error:
        return made.failure(error)


def test_apps_of_ours_and_theirs_run(theirs: str) -> None:
    assert run("wc") == run(f"{theirs}:Plain") == "a 2\nb 1\n"
    assert run("indexer") == "a 1 book.txt\nb 1 book.txt\n"
    assert run("grep=^a") == "a b a 1\n"
    assert load(f"{theirs}:Needs=x=y").what == "x=y"


@pytest.mark.parametrize(
    ("cls", "said"),
    [
        ("Raises", "raised ValueError: no such luck ("),
        ("Raises", "when it mapped book.txt, bytes 0 to 5"),
        ("RaisesLater", "raised KeyError: 'x' ("),
        ("RaisesLater", "when it reduced the key 'a'"),
        ("Numbers", "failed when it reduced the key 'a': map emitted a value of int"),
        ("NoPairs", "emitted what is no pair of two str when it mapped book.txt"),
        ("Lines", "map emitted a key with the end of a line in it"),
        ("NoText", "failed when it reduced the key 'a': reduce returned int, expected str"),
        ("TwoLines", "reduce returned a text with the end of a line in it"),
        ("NoNumber", "failed when it combined values of the key 'a': combine returned int"),
    ],
)
def test_what_an_app_does_wrong_is_said_with_the_task_and_the_key(
    theirs: str, cls: str, said: str
) -> None:
    found = run(f"{theirs}:{cls}")
    assert found.startswith(f"the app {theirs}:{cls} ")
    assert said in found


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("wordcount", "expected one of wc, indexer, grep, or MODULE:CLASS, got 'wordcount'"),
        ("nowhere_at_all:C", "nowhere_at_all:C: there is no module nowhere_at_all"),
        ("broken_for_mapreduce:C", "importing broken_for_mapreduce raised ModuleNotFoundError"),
        ("THEIRS:thing", "expected a class thing in"),
        ("THEIRS:Nothing", ", got none"),
        ("THEIRS:NoReduce", "expected a method reduce, got none"),
        ("THEIRS:Needs", "an argument is given as THEIRS:Needs=ARGUMENT"),
        ("THEIRS:Breaks", "expected a method map, got none"),
        ("grep=(", "grep: expected a regular expression, got '('"),
    ],
)
def test_an_app_that_cannot_be_made_is_named(theirs: str, name: str, said: str) -> None:
    with pytest.raises(BadApp) as raised:
        load(name.replace("THEIRS", theirs))
    assert said.replace("THEIRS", theirs) in str(raised.value)
