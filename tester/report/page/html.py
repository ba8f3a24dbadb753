"""One HTML file that needs nothing else: markup, style, script and data, put into each other.

`standalone` is for every page of the project: statistics, histories, runs. `write_page` is the
page of a run or a history. The same input gives the same bytes.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Final

import msgspec

from tester.report.page.document import Document

_SCRIPTS: Final = (
    "model.js", "scale.js", "draw.js", "space.js", "list.js", "panels.js", "main.js",
)  # fmt: skip
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
)


def write_page(document: Document) -> str:
    """The page of a run or a history, as the text of an HTML file.

    `tester.report.page.from_run.of_run` makes the document of a run, and
    `tester.report.page.from_history.of_history` that of a recorded history.
    """
    return standalone(
        document.title,
        asset("page.html"),
        styles=[asset("page.css")],
        scripts=[asset(name) for name in _SCRIPTS],
        data=msgspec.json.encode(document).decode(),
    )


def standalone(
    title: str,
    body: str,
    *,
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
    data: str = "",
) -> str:
    """An HTML file with the look of all our pages: see `assets/look.css` for colours and classes.

    `body` is markup: escape what stands in it with `escaped`. `styles` and `scripts` are texts of
    CSS and JavaScript; the scripts share one scope of their own. `data` is JSON, which the
    scripts find as `JSON.parse(document.getElementById("data").textContent)`. The page may fetch
    nothing: its policy forbids it.
    """
    style = "\n".join([asset("look.css"), *styles])
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<link rel="icon" href="data:,">',
        f"<title>{escaped(title)}</title>",
        f"<style>\n{style}</style>",
        "</head>",
        "<body>",
        body.rstrip("\n"),
    ]
    if data:
        parts.append(f'<script type="application/json" id="data">{_in_script(data)}</script>')
    if scripts:
        parts.append(f'<script>\n(() => {{\n"use strict";\n{"".join(scripts)}}})();\n</script>')
    return "\n".join([*parts, "</body>", "</html>", ""])


def escaped(text: str) -> str:
    """Text as it may stand in markup."""
    return html.escape(text)


@cache
def asset(name: str) -> str:
    """A file of `assets`: markup, style or script."""
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def _in_script(data: str) -> str:
    """JSON in which nothing can end the element that it stands in, or begin a comment there."""
    return data.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")
