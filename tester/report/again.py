"""The end of a story: how it was shrunk, the command that runs it again, and what shows more."""

from __future__ import annotations

import textwrap
from typing import Final

from tester.report.broken import listed
from tester.report.width import WIDTH
from tester.search.explain import Explanation
from tester.search.shortest import STEPS
from tester.search.shrink import Shrunk
from tester.world.run import Outcome

_AGAIN: Final = "To run it again:"


def again_by(effort: str, command: str, more: str) -> str:
    """How the run was shrunk, the command that runs it again, and what may be added to it."""
    one_line = f"{effort}  {_AGAIN}".lstrip()
    head = f"{_AGAIN[:-1]} ({more}):" if more else _AGAIN
    if effort and len(one_line) <= WIDTH:
        return f"{one_line}\n    {command}" + (f"\n    ({more})" if more else "")
    before = [textwrap.fill(effort, WIDTH, break_on_hyphens=False)] if effort else []
    if len(head) > WIDTH:
        return "\n".join([*before, _AGAIN, f"    {command}", f"    ({more})"])
    return "\n".join([*before, head, f"    {command}"])


def next_step(command: str, explanation: Explanation | None, full: bool, logged: bool) -> str:
    """What may be added to the command that runs it again, to see more; "" for nothing."""
    if not command.startswith("labtester replay "):
        return ""
    if explanation is not None and explanation.causes:
        return "`explain` for `replay`: the nearest passing run beside it"
    more = [] if full else ["--full: every event"]
    more += [] if logged else ["--log-level DEBUG: what your code logs"]
    return "; ".join(more)


def effort_of(explanation: Explanation) -> str:
    shrunk = explanation.shrunk
    runs, before = explanation.runs, shrunk.choices_before
    left = f"{shrunk.choices_after}{_sizes(shrunk.outcome)}"
    return (
        f"Shrunk from {before} {'choice' if before == 1 else 'choices'} to "
        f"{left} in {runs} {'run' if runs == 1 else 'runs'}"
        f"{f', and stopped at the limit of {_bound(shrunk)}' if shrunk.bound else ''}."
    )


def _sizes(outcome: Outcome) -> str:
    """What is left of the workload: `, with 2 clients and 1 round,`; "" if all of it is."""
    parts = []
    for name, size in outcome.sizes.items():
        noun = name.replace("_", " ")
        if noun.endswith("s"):
            parts.append(f"{size:,} {noun[:-1] if size == 1 else noun}".replace(",", " "))
        else:
            parts.append(f"{noun} {size}")
    return f", with {listed(parts)}," if parts else ""


def _bound(shrunk: Shrunk) -> str:
    """The limit of the search for a smaller run, and where it comes from."""
    if shrunk.steps < shrunk.most_steps or shrunk.most_steps == STEPS:
        return shrunk.bound
    return f"{shrunk.bound}, a share of what the run took"
