"""The end of a story: how it was shrunk, the command that runs it again, and what shows more."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from tester.report.broken import Broken, listed
from tester.report.width import WIDTH
from tester.search.explain import Explanation
from tester.search.shortest import STEPS
from tester.search.shrink import Shrunk
from tester.world import submission
from tester.world.run import Outcome

_AGAIN: Final = "To run it again:"
_GROUPED: Final = 10_000
"""From here on a number has its digits in groups."""


def again_by(effort: str, command: str, more: Sequence[str], beside: str = "") -> str:
    """How the run was shrunk, the command that runs it again, and what may be added to it.

    Of the ways to say what may be added, the first of those that take the fewest lines; and what
    may be run `beside` it.
    """
    text = min((_again(effort, command, one) for one in more or [""]), key=_lines)
    return f"{text}\n    ({beside})" if beside else text


def _lines(text: str) -> int:
    return sum(1 + (len(line) > WIDTH) for line in text.splitlines())


def _again(effort: str, command: str, more: str) -> str:
    one_line = f"{effort}  {_AGAIN}".lstrip()
    head = f"{_AGAIN[:-1]} ({more}):" if more else _AGAIN
    if effort and len(one_line) <= WIDTH:
        return f"{one_line}\n    {command}" + (f"\n    ({more})" if more else "")
    before = [textwrap.fill(effort, WIDTH, break_on_hyphens=False)] if effort else []
    if len(head) > WIDTH:
        return "\n".join([*before, _AGAIN, f"    {command}", f"    ({more})"])
    return "\n".join([*before, head, f"    {command}"])


def next_step(
    command: str, explanation: Explanation | None, full: bool, logged: bool, place: str
) -> list[str]:
    """The smallest experiment: what may be added to the command to see more, in several ways.

    `place` is the line of code at which the failure was decided, so far as that is known: there a
    student's own log says most.
    """
    if command.startswith("pytest "):
        return ["" if full else "--sim-full: every event"]
    if not command.startswith("labtester replay "):
        return [""]
    if explanation is not None and explanation.causes:
        return ["`explain` instead of `replay`: beside the nearest passing run"]
    every = [] if full else ["--full: every event"]
    said = [f"what you log at {place}"] if place else []
    said += ["what your code logs"]
    logs = [""] if logged else [f"--log-level DEBUG: {what}" for what in said]
    return ["; ".join(filter(None, [*every, log])) for log in logs]


def beside(command: str, broken: Broken | None, silent: bool) -> str:
    """Another experiment, which would tell two suspicions apart; "" for none.

    A service stands on a Raft, which has tests of its own. A test of the reader's own can say what
    it has seen, where nobody knows which rule is broken.
    """
    words = command.split()
    if words[:2] == ["labtester", "replay"] and words[2:3] != ["raft"]:
        if broken is None or not broken.source.startswith("Raft paper") or not _has_its_raft():
            return ""
        of = [word for at, word in enumerate(words) if "--submission" in words[at - 1 : at + 1]]
        return f"{' '.join(['labtester run raft', *of])}: your Raft without the service"
    if command.startswith("pytest ") and broken is None and silent:
        return "sim.note(text) in the test: a line of your own among these"
    return ""


def _has_its_raft() -> bool:
    folder = submission.current().folder
    return folder is None or (folder / "raft").is_dir()


def effort_of(explanation: Explanation) -> str:
    """How much of the run was left out, of its choices and its test; "" if no choice is left."""
    shrunk = explanation.shrunk
    runs, before, after = explanation.runs, shrunk.choices_before, shrunk.choices_after
    sizes = _sizes(shrunk.outcome)
    if not (after or sizes or shrunk.bound):
        return ""
    return (
        f"Shrunk from {number(before)} random {'choice' if before == 1 else 'choices'} to "
        f"{number(after)}{f', and the test to {sizes},' if sizes else ''} in "
        f"{number(runs)} {'run' if runs == 1 else 'runs'}"
        f"{f' (stopped at the limit of {_bound(shrunk)})' if shrunk.bound else ''}."
    )


def number(count: int) -> str:
    """A count, in groups of three digits if it has many: `3285`, `1 000 000`."""
    return str(count) if count < _GROUPED else f"{count:,}".replace(",", " ")


def _sizes(outcome: Outcome) -> str:
    """What is left of the workload: "2 clients and 1 round"; "" if all of it is."""
    parts = []
    for name, size in outcome.sizes.items():
        noun = name.replace("_", " ")
        if noun.endswith("s"):
            parts.append(f"{number(size)} {noun[:-1] if size == 1 else noun}")
        else:
            parts.append(f"{noun} {number(size)}")
    return listed(parts) if parts else ""


def _bound(shrunk: Shrunk) -> str:
    """The limit of the search for a smaller run, and where it comes from."""
    if shrunk.steps < shrunk.most_steps or shrunk.most_steps == STEPS:
        return shrunk.bound
    return f"{shrunk.bound}, a share of what the run took"
