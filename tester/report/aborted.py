"""The stories of seeds that have none of their own: hung, died, or not the same twice."""

from __future__ import annotations

import itertools
import linecache
import textwrap
from typing import TYPE_CHECKING

from tester.report.width import WIDTH
from tester.workers.results import Lost, Rerun

if TYPE_CHECKING:  # the parent is about what is lost, and needs no simulation for that
    from tester.world.failure import Failure
    from tester.world.run import Outcome


def story(rerun: Rerun) -> str:
    """The story of a seed, whatever became of the attempt to tell it."""
    if rerun.lost is not None:
        return lost(rerun.seed, rerun.lost, rerun.command)
    if rerun.report is None and rerun.draft:
        return rerun.draft.rstrip("\n")
    if rerun.report is None:
        kind = rerun.first.symptom[:1] if rerun.first is not None else ()
        head = f"seed {rerun.seed}: {kind[0] if kind else 'not decided'}"
        return _letter(head, "Interrupted before its story was written.", command=rerun.command)
    if rerun.differed:
        return _differed(rerun)
    return rerun.report.story.rstrip("\n")


def lost(seed: int | None, what: Lost, command: str) -> str:
    """A seed whose process hung or died; None: a run of none, whose choices were enumerated."""
    of = "" if seed is None else f"seed {seed}: "
    places = [(place.file, place.line, place.function) for place in what.users()]
    if what.what:
        head, said = f"{of}{what.what}", what.sentence
    elif what.waited:
        head = f"{of}stuck"
        said = (
            f"The run waited for {what.stuck_s} seconds of real time, so its process was ended. A "
            "call that blocks the whole process, such as reading from a pipe or a socket, never "
            "lets anybody else run, and no virtual time passes in it. (This limit alone goes by "
            "the wall clock; it is ten times what --stuck-after says.)"
        )
    elif what.stuck_s:
        head = f"{of}stuck"
        said = (
            f"The run made no progress in {what.stuck_s} seconds of CPU time, so its process was "
            "ended. An infinite loop without an `await` never lets anybody else run, and no "
            "virtual time passes in it. (--stuck-after sets the limit.)"
        )
    else:
        head = f"{of}its process died"
        said = (
            f"The process that ran it {what.ending}, and so did the one that tried it again. Code "
            "on a node may fail, but not end the process: os._exit, a signal or a crash in C does."
        )
    where = _stood(places) if places else []
    return _letter(head, said, *where, command=command)


def still_fails(path: str, *, run_anew: bool) -> str:
    """What comes before the story of a record that has failed again, or of its seed."""
    how = "passes, and its seed still fails" if run_anew else "still fails"
    return f"Recorded failure: {path} {how}.\n\n"


def stale(error: Exception, *, run_anew: bool) -> str:
    """What comes before the story of a record made of other code, or of the seed run instead."""
    what = "its seed, run anew" if run_anew else "what it does now"
    said = f"StaleReplay: {error}. This is {what}:"
    return textwrap.fill(said, WIDTH, break_long_words=False, break_on_hyphens=False) + "\n\n"


def escaped(seed: int, failure: Failure, command: str) -> str:
    """A run out of which an exception came that no simulation lets through."""
    places = [(frame.file, frame.line, frame.function) for frame in failure.frames]
    said = f"{failure.kind} left the simulation: {failure.message or 'it has no message'}"
    where = _stood(places) if places else []
    return _letter(f"seed {seed}: {failure.kind}", said, *where, command=command)


def without_story(seed: int, outcome: Outcome, error: Exception, command: str) -> str:
    """A run that failed, and telling its story failed too."""
    said = f"{outcome.kind}: {outcome.error!s:.1000}"
    excuse = f"Telling its story failed: {type(error).__name__}: {error}"
    return _letter(f"seed {seed}: {outcome.verdict}", said, excuse, command=command)


def _differed(rerun: Rerun) -> str:
    assert rerun.first is not None
    assert rerun.report is not None
    first, again = rerun.first, rerun.report.ran
    said = (
        "The same seed was run twice and came to two things, so nothing this code does can be "
        "trusted or repeated. Something chose, and it was not the seed: look for the iteration "
        "over a set, id() or hash() of an object, a file, or state that outlives a run."
    )
    runs = "\n".join(
        f"    {when:<5}  {ran.verdict:<7}  {ran.rpcs} RPCs, {ran.ops} ops, digest {ran.digest}"
        for when, ran in (("first", first), ("then", again))
    )
    head = f"seed {rerun.seed}: not deterministic"
    return _letter(head, said, runs, command=rerun.command)


def _stood(places: list[tuple[str, int, str]]) -> list[str]:
    lines = []
    for place, repeated in itertools.groupby(places):
        file, line, function = place
        times = sum(1 for _ in repeated)
        often = f", {times} times" if times > 1 else ""
        lines.append(f"    {file}:{line} in {function}{often}")
        if text := linecache.getline(file, line).strip():
            lines.append(f"        {text}")
    return ["It stood here:", "\n".join(lines)]


def _letter(head: str, *parts: str, command: str) -> str:
    wrapped = [part if part.startswith(" ") else textwrap.fill(part, WIDTH) for part in parts]
    return "\n\n".join([head, *wrapped, f"To run it again:\n    {command}"])
