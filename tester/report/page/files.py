"""Files that pages and their data go to: written whole or not at all."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from tester.report.inside import NOTHING
from tester.report.page.document import Document
from tester.report.page.from_run import Look, Watch, of_run
from tester.report.page.html import write_page
from tester.search.explain import Explanation
from tester.world.run import Outcome

_ODD: Final = re.compile(r"[^A-Za-z0-9._-]+")


def file_name(document: Document) -> str:
    """A name for the page of a run: its test and seed, such as `test_basic-7.html`."""
    test = document.source.split(" ")[-1] or "run"
    return f"{_ODD.sub('_', f'{test}-{document.seed}').strip('_')[:120]}.html"


def write_text(path: str | Path, text: str) -> None:
    """Write a file, whole or not at all. Raises OSError."""
    target = Path(path)
    if target.exists() and not target.is_file():  # a device must not be replaced by a file
        target.write_text(text, encoding="utf-8", newline="")
        return
    real = target.resolve()
    draft = real.with_name(f".{real.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8", newline="")
        draft.replace(real)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def write_into(folder: str | Path, document: Document) -> Path:
    """Write the page of a run into a folder, which is made if need be. Raises OSError."""
    target = Path(folder) / file_name(document)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, write_page(document))
    return target


def page_of_test(
    where: str,
    seed: int,
    outcome: Outcome,
    watch: Watch,
    *,
    command: str,
    source: str,
    explanation: Explanation | None = None,
    look: Look = lambda broken: NOTHING,
) -> str:
    """Write the page of a test's run to a file named *.html, or into a folder.

    Returns a sentence that says where it is, or why there is none: a failure is worth more than
    its picture.
    """
    try:
        drawn = of_run(
            seed,
            outcome,
            watch,
            command=command,
            source=source,
            explanation=explanation,
            look=look,
        )
        if where.endswith(".html"):
            write_text(where, write_page(drawn))
            return f"page: {where}"
        return f"page: {write_into(where, drawn)}"
    except OSError as error:
        return f"no page: cannot write {error.filename or where}: {error.strerror}"
    except Exception as error:  # noqa: BLE001 - such as a model that raises when it is asked
        return f"no page: drawing it raised {type(error).__name__}: {error}"
