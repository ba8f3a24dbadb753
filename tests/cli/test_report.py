"""`labtester report`, and `--report` of the other commands: the files that pages go to."""

import json
from pathlib import Path

import pytest

from tests.running import TWO_CLIENTS, Runner, labtester, submit_lock

__all__ = ["labtester"]

SEED = ("lock", TWO_CLIENTS, "--seed", "0", "--submission", "maybe")


@pytest.fixture
def maybe(labtester: Runner) -> Runner:
    """Where a lock that is wrong has been handed in."""
    submit_lock(labtester.folder)
    return labtester


def test_a_failing_seed_is_drawn_with_its_data_and_its_story(maybe: Runner) -> None:
    done = maybe("report", *SEED, "-o", "run.html", "--json", "run.json", "--text", "run.txt")
    assert (done.status, done.err) == (1, "")
    data = json.loads(Path("run.json").read_text())
    assert done.out == f"run.html: {data['title']}\n"
    assert data["title"].startswith("seed 0: ")
    assert data["title"] == data["story"].splitlines()[0]
    assert (data["format"], data["verdict"]) == ("labtester-page", "fail")
    assert data["command"].startswith("labtester replay lock ")
    assert Path("run.txt").read_text() == data["story"]
    page = Path("run.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert f"<title>{data['title']}</title>" in page


def test_a_passing_seed_is_drawn_under_a_name_of_its_own(labtester: Runner) -> None:
    done = labtester("report", "tiny", "test_third", "--seed", "0")
    assert (done.status, done.out) == (0, "test_third-0.html: seed 0: passes\n")
    assert Path("test_third-0.html").is_file()


def test_the_page_can_go_to_standard_output(labtester: Runner) -> None:
    done = labtester("report", "tiny", "test_third", "--seed", "0", "-o", "-")
    assert done.out.startswith("<!DOCTYPE html>")
    assert done.out.endswith("</html>\n")


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("tiny", "test_third"), "expected a seed with the test, got none; add --seed S"),
        (("tests/x.py::test_x",), "tests/x.py: there is no such file or folder"),
        (("x.py::t", "--seed", "1", "--submission", "a"), "expected a lab with --submission"),
        (("nothing.sim",), "nothing.sim"),
        (("tiny", "test_third", "--seed", "0", "-o", "none/run.html"), "cannot write none/run.h"),
    ],
)
def test_misuse_is_one_sentence(labtester: Runner, args: tuple[str, ...], sentence: str) -> None:
    done = labtester("report", *args)
    assert (done.status, done.out) == (2, "")
    assert sentence in done.err
    assert len(done.err.splitlines()) == 1


def test_commands_draw_the_page_of_the_failure_they_show(maybe: Runner) -> None:
    pages = {
        maybe(command, *SEED, "--report", f"{command}.html").status: f"{command}.html"
        for command in ("replay", "explain")
    }
    assert pages.keys() == {1}
    done = maybe("run", "lock", "--seeds", "1", "--tests", TWO_CLIENTS, "--submission", "maybe",
                 "--report", "pages")  # fmt: skip
    assert f"page: pages/{TWO_CLIENTS}-0.html" in done.err
    pages_of = [Path("replay.html"), Path("explain.html"), Path(f"pages/{TWO_CLIENTS}-0.html")]
    titles = {path.read_text().partition("<title>")[2].partition("<")[0] for path in pages_of}
    assert len(titles) == 1
    assert titles.pop().startswith("seed 0: ")
