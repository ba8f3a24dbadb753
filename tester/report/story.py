"""The story of a failing run, for the person who wrote the code: 80 columns, no frames of ours."""

from __future__ import annotations

import itertools
import os
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from tester.report import excerpt, machine_rules
from tester.report.again import again_by, beside, effort_of, next_step
from tester.report.audit.beside import side_by_side
from tester.report.audit.leading_up import later, leading_up
from tester.report.broken import Broken
from tester.report.inside import NOTHING, Inside
from tester.report.lines import HEADER, Line, lines, listed
from tester.report.matters import matters
from tester.report.paths import relative
from tester.report.pending import open_calls
from tester.report.reason import core_of, reason
from tester.report.values import operation, result
from tester.report.width import WIDTH, wrapped
from tester.search.explain import Explanation
from tester.world.events import Note, only
from tester.world.execution import TEST
from tester.world.failure import (
    FRAMES_KEPT,
    Failure,
    Frame,
    HandlerCrashed,
    LimitReached,
    Misused,
    NonDeterministic,
    NotLinearizable,
    OutsideWorld,
    ProcessDied,
    SharedState,
    Stuck,
    Unawaited,
    Undecided,
    Verdict,
    Waiting,
    message,
    user_frames,
)
from tester.world.history import Op, seconds
from tester.world.run import Outcome
from tester.world.spectator import Said

_CORE_INDENT: Final = 18
_MOST_PLACES: Final = 6
"""This many places are shown at which tasks wait."""
_DEATHS: Final = 2
"""What led to this many deaths of tasks is shown: later ones may follow from them."""
_MOST_FORGOTTEN: Final = 3
"""This many calls are shown that nobody awaited."""
_MOST_CAUSES: Final = 3
"""Of more faults that are left, the messages that they hit are not shown."""
_WHOLE: Final = 30
"""A story of at most so many lines has every line up to the event that decides."""
_HERE: Final = f"{Path(__file__).parent.parent}{os.sep}"
_LONGEST_HEADLINE: Final = 200
_OUTER_FRAMES: Final = 3
_INNER_FRAMES: Final = 7
"""Of a deep traceback, this many frames at either end."""


def render_story(
    seed: int,
    outcome: Outcome,
    command: str,
    explanation: Explanation | None = None,
    *,
    full: bool = False,
    logged: bool = False,
    said: Sequence[Said] = (),
    look: Callable[[Broken | None], Inside] = lambda broken: NOTHING,
    unshrunk: str = "",
) -> str:
    """What happened with this seed, why that is wrong, and the command that runs it again.

    `outcome` is of a run that kept its trace; with an explanation, it is the shrunken one. Of a
    long run only what is worth telling is shown, unless `full` asks for every line, with what was
    `said` in between: logged and printed. `look` is asked what the code did when a rule was
    broken: see `tester.report.inside`. `logged`: what it logs is shown too. `unshrunk` says why it
    is not the smallest run.
    """
    core, why = core_of(outcome), reason(outcome)
    inside = look(why)
    title = why.headline if why is not None and why.headline else headline(outcome)
    all_lines = _marked(lines(outcome, said), why, inside)
    here, *rest = _below_the_rows(outcome, core, why, inside)
    if unshrunk:
        here, rest = _added(here, rest, unshrunk)
    effort = ""
    if explanation is not None:
        here, rest = _added(here, rest, explanation.sentence)
        effort = effort_of(explanation) if explanation.shrunk.runs else ""
    other = beside(command, why, _may_be_noted(outcome))
    place = inside.place
    more = next_step(command, explanation, full, logged, place)
    again = again_by(effort, command, more, other)
    explained = explanation is not None
    first = _wrap(f"seed {seed}: {title}")
    sections = [first, here, *rest]
    room = _WHOLE - _assembled(sections, HEADER, again, explained).count("\n")
    happened = (
        listed(all_lines)
        if full
        else _excerpt(all_lines, outcome, core, why, explanation, inside, room)
    )
    if _is_whole(happened, all_lines):
        more = next_step(command, explanation, True, logged, place)
        again = again_by(effort, command, more, other)
    return _assembled(sections, happened, again, explained)


def _assembled(sections: Sequence[str], happened: str, again: str, shrunk: bool) -> str:
    """A story of its headline, what follows its rows directly, all else, and its end.

    What a shrunk failure needs, and how that was found, belong together.
    """
    first, here, *rest = sections
    head = [first, f"{happened}{here}"] if happened else [f"{first}{here}"]
    above = "\n\n".join([*head, *rest])
    gap = "\n" if shrunk else "\n\n"
    return f"{above}{gap}{again}\n"


def _below_the_rows(
    outcome: Outcome, core: Sequence[Op], why: Broken | None, inside: Inside
) -> list[str]:
    """What is said below the rows; the first is what follows them directly, so far nothing."""
    sections = [""]
    if why is not None:
        sections += _broken(outcome, why, inside)
    elif inside.held:
        sections.append(_wrap(inside.held))
    if why is None or not (why.stands_alone or _follows(outcome)):
        sections += _why(outcome, core)
    elif not why.stands_alone:
        sections[-1] = _wrap(f"{sections[-1]} {consequence(outcome, why)}".strip())
        sections += _frames(outcome)
    return [*sections, *_before_that(outcome), *_forgotten(outcome.unawaited)]


def _added(here: str, rest: Sequence[str], sentence: str) -> tuple[str, list[str]]:
    """The sections with a sentence at the end of the last of them, on a line of its own."""
    if not rest:
        return f"{here}\n\n{_wrap(sentence)}", []
    return here, [*rest[:-1], f"{rest[-1]}\n{_wrap(sentence)}"]


def _may_be_noted(outcome: Outcome) -> bool:
    """Whether a test found what is wrong by itself, and has not said what it saw before."""
    return type(outcome.error) is AssertionError and not any(only(Note, outcome.events))


def _is_whole(happened: str, all_lines: Sequence[Line]) -> bool:
    """Whether nothing is left out of the rows of a story."""
    return len(all_lines) <= happened.count("\n") and happened == listed(all_lines)


def _broken(outcome: Outcome, broken: Broken, inside: Inside) -> list[str]:
    """Which rule was broken, and how; of a rule of Raft also the servers, and what came of it."""
    known = bool(broken.source) and broken.source in broken.sentence
    where = f" ({broken.source})." if broken.source and not (known or broken.rule) else ""
    sentence = f"{broken.sentence.rstrip('.')}{where}" if where else broken.sentence
    perhaps = "" if inside.is_atomic else broken.perhaps
    parts = [sentence, perhaps, inside.held, "" if known else broken.reference]
    said = " ".join(filter(None, parts))
    if not broken.stands_alone:
        return [_wrap(said)]
    table = side_by_side(outcome, broken)
    after = consequence(outcome, broken)
    return [*([table] if table else []), _wrap(f"{said} {after}".rstrip())]


def consequence(outcome: Outcome, broken: Broken) -> str:
    """What came of a broken rule: the verdict, in short; "" where the rule itself says that."""
    if not broken.stands_alone:
        return _verdict(outcome, broken.headline) if _follows(outcome) else ""
    verdict = message(outcome.error) if isinstance(outcome.error, BaseException) else ""
    kind = "" if isinstance(outcome.error, AssertionError) else outcome.kind
    what = verdict.removeprefix(f"{outcome.kind}: ")
    what = what or ("" if kind else "an assertion does not hold")
    if isinstance(outcome.error, Stuck):
        kind, what = _stuck(outcome), outcome.error.sentence
    is_end = broken.place == len(outcome.trace) - 1
    judged = broken.sentence.lower().startswith(verdict.lower()) or (
        is_end and outcome.kind in machine_rules.JUDGED
    )
    return "" if judged else later(outcome, broken, kind, what)


def every_line(outcome: Outcome, said: Sequence[Said] = ()) -> str:
    """All that happened in a run that kept its trace, and was said; "" if nothing did."""
    return listed(lines(outcome, said))


def _marked(all_lines: Sequence[Line], broken: Broken | None, inside: Inside) -> list[Line]:
    """The lines, with a mark at the answer that breaks a rule, and the code below it."""
    place = -1 if broken is None else broken.place
    return [
        replace(line, marked=True, below=inside.lines) if line.place == place >= 0 else line
        for line in all_lines
    ]


def _excerpt(
    all_lines: Sequence[Line],
    outcome: Outcome,
    core: Sequence[Op],
    broken: Broken | None,
    explanation: Explanation | None,
    inside: Inside,
    room: int,
) -> str:
    """What happened, or the part of it that is worth telling: all of it if there is `room`."""
    struck = _struck(all_lines, explanation)
    if broken is not None and broken.stands_alone:
        return listed(leading_up(all_lines, struck, broken, outcome, inside.lines, room))
    matter = matters(outcome, core, broken, [all_lines[at] for at in struck])
    of_memory = broken is None and bool(inside.held)  # no single operation is at fault then
    if (
        not of_memory
        and matter.ops
        and not (broken is None and any(line.is_state for line in all_lines) and not core)
    ):
        return listed(excerpt.about(all_lines, matter, room))
    moments = outcome.error.moments if isinstance(outcome.error, Verdict) else ()
    deaths = [line.time_us for line in all_lines if line.is_death][:_DEATHS]
    return listed(
        excerpt.latest(
            all_lines,
            struck,
            [*moments, *deaths],
            room,
            stuck=isinstance(outcome.error, Stuck),
        )
    )


def render_placement(outcome: Outcome, command: str, *, full: bool = False) -> str:
    """What happened under one placement of faults, and why that is wrong; it has no seed."""
    return render_story(0, outcome, command, full=full).replace("seed 0: ", "", 1)


def _struck(all_lines: Sequence[Line], explanation: Explanation | None) -> list[int]:
    """Which lines are about a death, or of messages that met with the faults that are left."""
    causes = [] if explanation is None else explanation.causes
    if len(causes) > _MOST_CAUSES:
        causes = []  # it is the timing then, and none of them alone says anything
    marks = tuple(
        f"    {number} " for cause in causes for number in re.findall(r"#\d+", cause.what)
    )
    return [
        at for at, line in enumerate(all_lines) if line.is_death or line.text.startswith(marks)
    ]


def headline(outcome: Outcome) -> str:
    """What went wrong, in a few words."""
    error = outcome.error
    match error:
        case NotLinearizable():
            return "not linearizable"
        case Undecided():
            return "undecided: the checker's budget was spent"
        case LimitReached():
            return f"limit reached: {error.sentence}"
        case Stuck():
            return f"{_stuck(outcome)}: {error.sentence}"
        case HandlerCrashed() | Misused():
            return f"{error.failure.node} raised {outcome.kind}"
        case ProcessDied():
            return "the process of a node died"
        case SharedState():
            return "nodes or runs share state"
        case OutsideWorld():
            return "code on a node reached for the outside world"
        case NonDeterministic():
            return "not the same when it is run again"
        case Verdict():
            return re.sub("(?<=.)([A-Z])", r" \1", outcome.kind).lower().replace("rpcs", "RPCs")
        case AssertionError():
            return f"the test failed: {_first_line(error)}"
    return f"the test raised {outcome.kind}" if error is not None else "passes"


def _stuck(outcome: Outcome) -> str:
    """What kind of standstill it is, in words that need not be known."""
    kind = outcome.kind.lower()
    return f"{kind} (it runs, and gets nowhere)" if kind == "livelock" else kind


def _first_line(error: BaseException) -> str:
    text = message(error).strip().partition("\n")[0] or "an assertion does not hold"
    return textwrap.shorten(text, _LONGEST_HEADLINE, placeholder=" ...")


def core_clients(outcome: Outcome) -> frozenset[str]:
    """The clients whose operations cannot be ordered; none, if that is not what went wrong."""
    return frozenset(op.client for op in core_of(outcome))


def _follows(outcome: Outcome) -> bool:
    """Whether the verdict is one on answers, and so comes of a rule that was broken before."""
    others = Stuck | HandlerCrashed | Misused | ProcessDied | Undecided
    return isinstance(outcome.error, AssertionError) and not isinstance(outcome.error, others)


def _verdict(outcome: Outcome, title: str) -> str:
    """What came of a broken rule, in short; "" where the title says it, or there is no more."""
    error = outcome.error
    assert error is not None
    said = message(error)
    if isinstance(error, NotLinearizable):
        return ""  # the rule says what the checker only concludes
    if (title or headline(outcome)).endswith(_first_line(error)):
        return ""
    return f"So the test failed: {said.rstrip('.')}." if said else ""


def _frames(outcome: Outcome) -> list[str]:
    """Where it was found, if that is in a test of the reader's own."""
    error = outcome.error
    frames = [] if error is None else [*_without_the_harness(user_frames(error))]
    theirs = [frame for frame in frames if not frame.file.startswith(_HERE)]
    return [_raised("", "", theirs)] if theirs else []


def _why(outcome: Outcome, core: Sequence[Op]) -> list[str]:
    """What the verdict says."""
    error = outcome.error
    match error:
        case NotLinearizable():
            return [
                "No order of these operations gives every client the answer it got:",
                "\n".join(f"{'':>8}  {op.client:<7} {_operation(op)}" for op in core),
                _wrap(str(error)),
            ]
        case Undecided():
            return [
                _wrap(
                    "It is not known whether the answers were right, and unknown is never a "
                    f"pass: {error}"
                )
            ]
        case Stuck():
            return still_waiting(outcome)
        case HandlerCrashed() | Misused():
            failure = error.failure
            return [
                _raised(failure.kind, failure.message, failure.shown),
                _wrap(f"It happened on {failure.node}{_when(failure)}, {failure.doing}."),
            ]
        case ProcessDied():
            return [_wrap(f"{error}. Code on a node may fail, but not end its process.")]
        case Verdict() if not user_frames(error):  # it was found by looking on
            return [_wrap(message(error))]
        case None:
            return []
    if type(error) is AssertionError and headline(outcome).endswith(message(error)):
        return _frames(outcome) if message(error) else [_raised("", "", user_frames(error))]
    said = message(error)
    kind = "" if said and isinstance(error, Verdict) else outcome.kind
    ours = "" if kind else _HERE  # where one of our own tests found it, its words say so
    shown = [one for one in user_frames(error) if not (ours and one.file.startswith(ours))]
    return [_raised(kind, said, shown)]


def _when(failure: Failure) -> str:
    if failure.time_us is None:
        return ""
    return f", at {seconds(failure.time_us)} virtual seconds"


def _before_that(outcome: Outcome) -> list[str]:
    """What a background task died of before the failure, and may have led to it: the first."""
    known = outcome.error.failure if isinstance(outcome.error, HandlerCrashed | Misused) else None
    dated = [death for death in outcome.died if death.time_us is not None]
    earliest = min(dated, key=lambda death: death.time_us or 0, default=None)
    if earliest is None or _is_same(earliest, known):
        return []
    if earliest.node == TEST and isinstance(outcome.error, NotLinearizable):
        return []  # what a client of the test has found, the history says as well
    return [
        _wrap(f"Before that, {earliest.doing} on {earliest.node}{_when(earliest)}:")
        + f"\n\n{_raised(earliest.kind, earliest.message, earliest.shown)}"
    ]


def _is_same(death: Failure, known: Failure | None) -> bool:
    """Whether it is what the story is about, on another node perhaps."""
    return known is not None and (death.kind, death.frames) == (known.kind, known.frames)


def _forgotten(calls: Sequence[Unawaited]) -> list[str]:
    """The calls that nobody awaited, each place once; the first may be why all others are."""
    places = list({(call.file, call.line): call for call in reversed(calls)}.values())[::-1]
    sentences = [
        f"{'The test' if call.node == TEST else call.node} called {call.what}() without `await` "
        f"at {relative(call.file)}:{call.line}, so it never ran: write `await` before the call, "
        "or make a task of it."
        for call in places[:_MOST_FORGOTTEN]
    ]
    if len(places) > _MOST_FORGOTTEN:
        sentences.append(f"So it was with calls at {len(places) - _MOST_FORGOTTEN} more places.")
    return ["\n".join(map(_wrap, sentences))] if sentences else []


def _operation(op: Op) -> str:
    if op.described:
        room = WIDTH - _CORE_INDENT
        text = op.described
        return text if len(text) <= room else f"{text[: room - 3]}..."
    answer = "no answer" if op.ret is None else result(op.result)
    return f"{operation(op.method, op.args)} -> {answer}"


def _raised(kind: str, said: str, frames: Sequence[Frame]) -> str:
    same = itertools.groupby(_without_the_harness(frames))
    runs = [(frame, len([*times])) for frame, times in same]  # a function may call itself
    shown = []
    left_out = runs[_OUTER_FRAMES : max(_OUTER_FRAMES, len(runs) - _INNER_FRAMES)]
    for at, (frame, times) in enumerate(runs):
        if len(left_out) > 1 and _OUTER_FRAMES <= at < _OUTER_FRAMES + len(left_out):
            if at == _OUTER_FRAMES:
                calls = _as_known(sum(times for _, times in left_out))
                shown.append(f"  ... ({calls} calls are left out)")
            continue
        again = f", {_as_known(times)} times" if times > 1 else ""
        shown.append(f"  {relative(frame.file)}:{frame.line}, in {frame.function}{again}")
        if frame.text:
            shown.append(f"      {frame.text}")
    raised = ": ".join(filter(None, [kind, said.replace(f"{Path.cwd()}{os.sep}", "")]))
    if not raised:
        return "\n".join(shown)
    shown += [line if len(line) <= WIDTH else _wrap(line) for line in raised.splitlines()]
    return "\n".join(shown)


def _as_known(calls: int) -> str:
    """A number of calls; of very many, those in the middle were not kept."""
    return str(calls) if calls < FRAMES_KEPT else f"more than {FRAMES_KEPT - 1}"


def _without_the_harness(frames: Sequence[Frame]) -> list[Frame]:
    """The frames but those by which one part of labtester called another: where it began stays."""
    ours = [frame.file.startswith(_HERE) for frame in frames]
    return [frame for at, frame in enumerate(frames) if not (at and ours[at] and ours[at - 1])]


def still_waiting(outcome: Outcome) -> list[str]:
    """Of a run that hangs: a paragraph for each operation that is open, and who waits where."""
    if not isinstance(outcome.error, Stuck):
        return []
    open_ = _of_open(outcome, outcome.error.waiting)
    return [*map(_wrap, open_calls(outcome)), *_waiting(open_)]


def _of_open(outcome: Outcome, waiting: Sequence[Waiting]) -> Sequence[Waiting]:
    """Of all that wait, what an operation may wait for: on its own node, or handling a request.

    That a server waits for the next message is no news.
    """
    hosts = {TEST, *(op.node for op in outcome.history.ops if op.ret is None)}
    near = [task for task in waiting if task.node in hosts or task.task.startswith("#")]
    return near if {task.node for task in near} > {TEST} else waiting


def _waiting(waiting: Sequence[Waiting]) -> list[str]:
    if not waiting:
        return ["No task of the code under test is waiting for anything."]
    theirs = [task for task in waiting if not (task.node == TEST and task.file.startswith(_HERE))]
    waiting = theirs or waiting
    places: dict[tuple[str, str, int], list[Waiting]] = {}
    for task in waiting:
        places.setdefault((task.node, task.file, task.number), []).append(task)
    shown = ["Who is waiting, and where:", ""]
    for task, *others in list(places.values())[:_MOST_PLACES]:
        who = f"{task.task} and {len(others)} more" if others else task.task
        shown.append(f"  {task.node}, {who}: {relative(task.file)}:{task.number}")
        shown.append(f"      {task.line}")
    if len(places) > _MOST_PLACES:
        left_out = len(waiting) - sum(map(len, list(places.values())[:_MOST_PLACES]))
        shown.append(f"  and {left_out} more")
    return ["\n".join(shown)]


def _wrap(text: str) -> str:
    return "\n".join(wrapped(text, long_words=True))
