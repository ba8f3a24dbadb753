"""Annotations: what a test, or code on a node, wants to be seen at its time in story and page.

Points, intervals that end now, and states that last until they are replaced. They are of one run,
and part of its trace.
"""

from __future__ import annotations

from typing import Final

from labrpc.errors import TesterError
from tester.engine.node import Node
from tester.guard import caller
from tester.world.failure import printable

_LONGEST: Final = 2_000
"""At most this many characters of a text are kept."""
_FIELDS = tuple[str, str, str, int, bool]


def annotation(tag: str, text: str, details: str, since: float | None, lasting: bool) -> _FIELDS:
    """The fields of an annotation as the trace has them. Raises TesterError for odd ones."""
    if not isinstance(tag, str) or not tag or len(tag) > 60:
        raise TesterError(f"expected a tag of 1 to 60 characters to annotate with, got {tag!r}")
    if lasting and since is not None:
        raise TesterError(f"expected lasting or since for the annotation {tag!r}, got both")
    since_us = -1 if since is None else max(0, round(since * 1_000_000))
    return (
        printable(tag),
        printable(str(text)[:_LONGEST]),
        printable(str(details)[:_LONGEST]),
        since_us,
        bool(lasting),
    )


def annotate(
    tag: str,
    text: str = "",
    *,
    details: str = "",
    since: float | None = None,
    lasting: bool = False,
) -> None:
    """Have something seen on this node at this time, in the run's story and on its page.

        annotate("cache", "warm", lasting=True)

    `since`: it began then (as `asyncio.get_running_loop().time()` gave it) and ends now.
    `lasting`: it holds until the next one that lasts, of this tag and node; one without a text
    ends it. For code on nodes; a test calls `sim.annotate`. Outside a run it does nothing.
    """
    machine = caller.node()
    if isinstance(machine, Node):
        machine.outbox.append(("annotate", *annotation(tag, text, details, since, lasting)))
