"""The file of a page: whole in itself, and closed to what stands in its data."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

from tester.report.page.files import file_name, write_into
from tester.report.page.html import standalone, write_page
from tests.report.page import runs


class _Elements(HTMLParser):
    """The elements of a page, and what stands in its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts.append(data)


def test_a_page_fetches_nothing() -> None:
    page = write_page(runs.drawn(runs.restarts))
    elements = _Elements(page)
    for tag, attributes in elements.found:
        for name in ("src", "href"):
            assert attributes.get(name, "data:,") == "data:,", tag
    assert not re.search(r"\burl\(|@import|fetch\(|XMLHttpRequest|https?://", page)
    policy = next(a["content"] for t, a in elements.found if t == "meta" and "content" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_hostile_values_do_not_end_the_data() -> None:
    document = runs.drawn(runs.hostile)
    elements = _Elements(write_page(document))
    assert len(elements.scripts) == 2
    data = json.loads(elements.scripts[0])
    assert any(runs.HOSTILE[:9] in event[3] for event in data["run"]["events"])
    assert "alert(1)" not in elements.scripts[1]


def test_a_hostile_title_is_text() -> None:
    page = standalone("</title><script>alert(1)</script>", "<main></main>")
    assert [tag for tag, _ in _Elements(page).found].count("script") == 0


def test_a_file_is_named_after_its_test_and_seed(tmp_path: Path) -> None:
    document = runs.drawn(runs.restarts)
    document.source = "tests/a b.py::test_x[../../etc]"
    assert file_name(document) == "b.py_test_x_.._.._etc_-0.html"
    assert write_into(tmp_path / "new", document).parent == tmp_path / "new"
