"""Inside the code: which line gave the answer that breaks a rule, or changed what it should not.

A failing run is shown once more to a close-up of the nodes that the broken rule is about.
"""

from __future__ import annotations

import linecache
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tester.report.broken import Broken, listed
from tester.report.exchange import Request, requests
from tester.report.paths import short
from tester.search.watched import show
from tester.world import submission
from tester.world.closeup import Change, CloseUp, Measured, Part, Step
from tester.world.events import Answer, Call, Deliver, Does, OfNode, Return, Send
from tester.world.failure import Frame, ProcessDied, Stuck
from tester.world.history import operation_name
from tester.world.run import Outcome, Scenario

_FAR: Final = 300
"""The most events of a run that a close-up covers."""
_MOST_CHANGES: Final = 2
"""The most changed attributes that are shown."""
_MOST_PAUSES: Final = 2
"""The most lines at which a handler waited that are shown."""
_MOST_HELD: Final = 3
"""The most rows of unchanged state that are shown."""
_SPOKEN: Final = {
    "commit": ("commit",),
    "vote": ("vote",),
    "voted": ("vote",),
    "deleted": ("log", "entr"),
    "entr": ("log", "entr"),
    "log": ("log", "entr"),
    "appl": ("appl",),
    "snapshot": ("snap", "base", "includ"),
    "leader": ("lead", "role", "state"),
    "leads": ("lead", "role", "state"),
    "term": ("term",),
}
"""What names of attributes contain, by the beginning of the words in a rule that speak of them."""
_ROOM: Final = 240
"""Columns for a line of code and its place."""
_LEAST: Final = 30
"""The fewest of them for the code."""
_PLACE: Final = re.compile(r"(\S+\.py:\d+): ")
"""Where a line of code stands."""
_VALUE: Final = 36
"""Characters of a value."""


@dataclass(frozen=True)
class Inside:
    """What the code did, and held."""

    lines: Sequence[str] = ()
    """Below the event that breaks the rule: lines of the code, and what they did."""
    held: str = ""
    """A sentence about what the node held; "" for none."""
    is_atomic: bool = False
    """Whether no handler of the requests that a rule speaks of let another one run."""

    @property
    def place(self) -> str:
        """The first line of code below the event, as `kvsrv/server.py:30`; "" if there is none."""
        found = (_PLACE.match(line) for line in self.lines)
        return next((match[1] for match in found if match), "")


NOTHING: Final = Inside()


def look(scenario: Scenario, outcome: Outcome, broken: Broken | None) -> Inside:
    """What the code did at the event that breaks a rule, or what a measured object holds.

    Nothing where it cannot be seen: the nodes are in other processes, or the run goes another way
    when it is watched.
    """
    if outcome.error is None or not outcome.trace or outcome.leaked_state:
        return NOTHING
    if scenario.isolated or scenario.start_node or isinstance(outcome.error, ProcessDied):
        return NOTHING
    if broken is None and not isinstance(outcome.error, AssertionError):
        return NOTHING
    if broken is not None and _is_of_restart(outcome, broken):
        return NOTHING  # what a server has not saved, no line of its restart has done
    windows = {} if broken is None else dict(_windows(outcome, broken))
    seen = CloseUp(windows=windows)
    if not show(scenario, outcome, seen):
        return NOTHING
    if broken is None:
        return Inside(held=_grown(outcome, seen.measured))
    return _of_rule(outcome, broken, seen)


def _is_of_restart(outcome: Outcome, broken: Broken) -> bool:
    event = outcome.events[broken.place] if broken.place < len(outcome.trace) else None
    return isinstance(event, OfNode) and event.kind == "restart"


# -- where to look --------------------------------------------------------------------------------


def _windows(outcome: Outcome, broken: Broken) -> Iterator[tuple[str, tuple[int, int]]]:
    """The node that broke the rule, and from when until when it is worth looking at."""
    at = max(0, min(broken.place, len(outcome.trace) - 1))
    if broken.op is not None:
        op = outcome.history.ops[broken.op]
        end = _returned(outcome, broken.op)
        if end is None and broken.servers:  # the run ended with its answer
            end = len(outcome.trace)
        if end is not None:
            yield op.node, (max(0, end - _FAR), end)
        return
    node = _actor(outcome, broken, at)
    if node:
        sent = requests(outcome)
        numbers = {broken.rpc, *broken.others}
        starts = [place for one in sent if one.rpc in numbers for place in one.arrivals]
        first = min([start for start in starts if at - _FAR <= start <= at], default=at)
        yield node, (max(0, min(first, at - 1)), max(at, broken.seen or 0))


def _actor(outcome: Outcome, broken: Broken, at: int) -> str:
    """The node whose code made the event happen."""
    who = broken.headline.partition(" ")[0].removesuffix("'s")
    if who in broken.servers:
        return who
    event = outcome.events[at]
    match event:
        case Answer():
            return next((one.server for one in requests(outcome) if one.rpc == event.rpc), "")
        case Deliver():
            return event.server
        case Send():
            return outcome.senders[event.rpc].node
        case Call() | Return():
            return outcome.history.ops[event.op].node
        case Does() | OfNode():
            return event.node
    return ""


def _returned(outcome: Outcome, op: int) -> int | None:
    for place, event in enumerate(outcome.events):
        if isinstance(event, Return) and event.op == op:
            return place
    return None


# -- what was seen --------------------------------------------------------------------------------


def _of_rule(outcome: Outcome, broken: Broken, seen: CloseUp) -> Inside:
    if broken.op is not None:
        return Inside(_of_operation(outcome, broken.op, seen))
    sent = requests(outcome)
    own = next((one for one in sent if one.rpc == broken.rpc), None)
    key = repr(own.args["key"]) if own is not None and "key" in own.args else None
    upto = max(broken.place, broken.seen or 0)
    steps = [step for step in seen.steps if step.place <= upto]
    answered = [step for step in steps if own is not None and own.rpc in step.answers]
    if answered and not broken.servers:
        steps = answered[-1:]
    of_raft = broken.source.startswith("Raft paper")
    said = [broken.headline, *([] if answered else [broken.sentence])]  # an answer has its line
    stems = [stem for text in said for stem in _stems(text)]
    stems = stems if of_raft else []
    step, changes = _deciding(steps, stems, key, broken.index if of_raft else None)
    if step is None:
        return NOTHING
    copied = own is not None and len(own.arrivals) > 1
    lines = [*_pauses(broken, seen, copied), *_changed_before(steps[-1:], broken, seen, key)]
    at = [one.line for one in changes if one.line is not None]
    written: list[str] = []
    if own is not None and key is not None and not (lines or changes or broken.servers):
        written = list(_written(step, own, sent, key, broken, seen))
    if own is not None and answered and not written and not (changes and broken.servers):
        line = _of_function(answered[-1].answers[own.rpc], own.verb)
        if line.function == own.verb or not of_raft:  # a Raft asks helpers, last of all its log
            at.append(line)
    if broken.servers and not of_raft:  # nobody who hands in a service changes the Raft below it
        at = [line for line in at if not submission.current().is_reference(line.file)]
    lines += [*written, *(_code(line) for line in at if _is_of_use(line, step.node, seen))]
    held = " ".join(f"{step.node}'s {_changed(one)}." for one in changes) or _held(step, key)
    waited = {pause.task.partition(" ")[0] for pause in seen.pauses}
    is_atomic = not waited & {f"#{rpc}" for rpc in (*broken.together, broken.rpc)}
    return Inside(list(dict.fromkeys(lines)), held, is_atomic)


def _deciding(
    steps: Sequence[Step], stems: Sequence[str], key: str | None, index: int | None
) -> tuple[Step | None, Sequence[Change]]:
    """The latest step that changed what the rule speaks of, and how; or else the last.

    If that is an entry of a log, the changes of others are of no interest.
    """
    for step in reversed(steps):
        if key is not None:
            found = [one for one in _net(step) if f"[{key}]" in one.name]
        else:
            found = []
            for stem in stems:
                found = found or [one for one in _net(step) if stem in _bare(one.name)]
        if found:
            of_entry = [one for one in found if one.name.endswith(f"[{index}]")]
            return step, (of_entry or found)[:_MOST_CHANGES]
    if not steps:
        return None, []
    return steps[-1], []


def _changed_before(
    deciding: Sequence[Step], broken: Broken, seen: CloseUp, key: str | None
) -> Iterator[str]:
    """The line that changed what is held under a key, if none of the writes did that are known."""
    if key is None or not deciding:
        return
    before = [step for step in seen.steps if step.place < deciding[0].place]
    for step in reversed(before):
        found = [
            one
            for one in _net(step)
            if f"[{key}]" in one.name and one.line and _is_of_use(one.line, step.node, seen)
        ]
        if found and step.answers.keys() & {*broken.others}:
            return
        for one in found[:1]:
            assert one.line is not None
            asked = " and ".join(f"#{rpc}" for rpc in step.answers)
            yield f"{_code(one.line)}{', while it handled ' if asked else ''}{asked}"
        if found:
            return


def _written(
    step: Step,
    own: Request,
    sent: Sequence[Request],
    key: str,
    broken: Broken,
    seen: CloseUp,
) -> Iterator[str]:
    """Of a Get that was answered with what is held: how the latest write came to leave that.

    That is the line that stored it; or the one that answered, if it stored nothing.
    """
    named = [one for one in sent if one.rpc in broken.named - {own.rpc} and "value" in one.args]
    for one in reversed(named):
        if not _is_held(step, own, one, key):
            return
        handled = [other for other in seen.steps if one.rpc in other.answers]
        for other in handled[-1:]:
            line, how = _left_by(other, one, key)
            if line is not None and _is_of_use(line, other.node, seen):
                yield f"{_code(line)}, {how} #{one.rpc}"
        if handled:
            return


def _left_by(step: Step, write: Request, key: str) -> tuple[Frame | None, str]:
    """The line of a handled write that changed what is held under the key, or that answered."""
    changed = [one for one in _net(step) if f"[{key}]" in one.name and one.line is not None]
    if changed:
        return changed[-1].line, "while it handled"
    if any((text or "").endswith("...") for text in step.after.values()):
        return None, ""  # of a long value nobody sees whether it was changed
    return _of_function(step.answers[write.rpc], write.verb), "which answered"


def _is_held(step: Step, own: Request, write: Request, key: str) -> bool:
    """Whether a Get was answered with what is held under its key, which is not what was put."""
    answer = own.answered or {}
    rows = [text or "" for name, text in step.after.items() if f"[{key}]" in name]
    if own.verb != "get" or "value" not in answer:
        return False
    put = write.args["value"]
    if put != answer["value"] and any(_shows(row, put) for row in rows):
        return False
    if not rows:
        return not answer["value"]
    version = rf"\b{answer['version']}\b" if "version" in answer else ""
    return any(_shows(row, answer["value"]) and re.search(version, row) for row in rows)


def _shows(row: str, value: object) -> bool:
    """Whether a value as it is held, maybe cut, is or contains this one."""
    text, start = repr(value), row.removesuffix("...")
    return text in row or (start != row and text.startswith(start.removeprefix("(")))


def _net(step: Step) -> list[Change]:
    """What is different after a step, each with the line that changed it last."""
    merged: dict[str, Change] = {}
    for one in step.changes:
        merged[one.name] = one._replace(before=merged.get(one.name, one).before)
    return [one for one in merged.values() if one.before != one.after]


def _stems(said: str) -> Iterator[str]:
    """Parts of the names that an attribute may have which a sentence speaks of."""
    for word in re.findall("[a-z]+", said.lower()):
        for start, stems in _SPOKEN.items():
            if word.startswith(start):
                yield from stems


def _bare(name: str) -> str:
    return name.replace("_", "").lower()


def _of_operation(outcome: Outcome, number: int, seen: CloseUp) -> list[str]:
    """Where an operation returned, or waits."""
    op = outcome.history.ops[number]
    name = f"{op.client}'s {operation_name(op.method)}"
    for step in seen.steps:
        if number in step.returns:
            line = _of_function(step.returns[number], op.method)
            useful = _is_of_use(line, op.node, seen)
            return [f"{_code(line)}, where {name} returned"] if useful else []
    last = [step for step in seen.steps if step.returned][-1:]
    for line in [line for step in last for line in step.returned if line.function == op.method]:
        if op.ret is None and _is_of_use(line, op.node, seen):
            return [f"{_code(line)}, where {name} returned"]
    if isinstance(outcome.error, Stuck) and op.ret is None:
        for task in outcome.error.waiting:
            if task.node == op.node and task.task == op.method:
                line = Frame(task.file, task.number, "", task.line)
                useful = _is_of_use(line, op.node, seen)
                return [f"{_code(line)}, where {name} waits"] if useful else []
    return []


def _of_function(lines: Sequence[Frame], name: str) -> Frame:
    """The last of some lines that is in a function of that name; or else the very last.

    If some are the submission's, it is one of them.
    """
    lines = [line for line in lines if submission.current().holds(line.file)] or lines
    return next((line for line in reversed(lines) if line.function == name), lines[-1])


def _is_of_use(line: Frame, node: str, seen: CloseUp) -> bool:
    """Whether whoever wrote the submission can make use of a line.

    A line of the reference is of use where it works together with the submission: not on a node
    on which nothing of the submission was run.
    """
    if not submission.current().is_reference(line.file):
        return True
    return any(step.runs_submission for step in seen.steps if step.node == node)


def _pauses(broken: Broken, seen: CloseUp, copied: bool) -> Iterator[str]:
    """Where handlers waited while another one ran that was in the server at the same time."""
    shown: set[tuple[str, int]] = set()
    for rpc in (*broken.together, broken.rpc) if broken.together else ():
        for pause in seen.pauses:
            place = pause.line.file, pause.line.line
            if pause.task.partition(" ")[0] != f"#{rpc}" or place in shown:
                continue
            if not _is_of_use(pause.line, pause.node, seen):
                continue
            if len(shown) < _MOST_PAUSES:
                shown.add(place)
                who = f"the other copy of #{rpc}" if copied and rpc == broken.rpc else f"#{rpc}"
                yield f"{_code(pause.line)}, where {who} waited"


def _changed(one: Change) -> str:
    return f"{one.name} went from {_value(one.before)} to {_value(one.after)}"


def _value(text: str | None) -> str:
    if text is None:
        return "none"
    end = _VALUE // 2
    if text.endswith("..."):
        return f"{text[: _VALUE - 3]}..."
    return text if len(text) <= _VALUE else f"{text[: end - 3]}...{text[-end:]}"


def _code(line: Frame) -> str:
    """A statement, and the line on which it begins."""
    text, number = line.text, line.line
    where = f"{short(line.file)}:{line.line}: "
    room = max(_LEAST, _ROOM - len(where))
    while sum(map(text.count, "([{")) > sum(map(text.count, ")]}")) and len(text) < room:
        number += 1
        more = linecache.getline(line.file, number).strip()
        text += more if text[-1] in "([{" or more[:1] in {")", "]", "}"} else f" {more}"
        if not more:
            break
    text = text.partition("  # ")[0]
    text = text if len(text) <= room else f"{text[: room - 3]}..."
    whose = " (of the reference solution)" if submission.current().is_reference(line.file) else ""
    return f"{where}{text}{whose}"


def _held(step: Step, key: str | None) -> str:
    """What a node went on holding under a key."""
    if key is None:
        return ""
    rows = [f"{name} = {_value(text)}" for name, text in step.after.items() if f"[{key}]" in name]
    if not rows:
        return ""
    return f"{step.node} held {listed(rows[:_MOST_HELD])} before and after."


def _grown(outcome: Outcome, measured: Sequence[Measured]) -> str:
    """What of an object has grown, or is largest, if the test failed right after measuring it."""
    if not measured or measured[-1].place < len(outcome.trace) - 1:
        return ""
    last = measured[-1]
    first = next(one for one in measured if one.key == last.key)
    before = {} if first is last else {part.name: part for part in first.parts}
    sizes = {part.name: part.size - _size(before.get(part.name)) for part in last.parts}
    most = max(sizes.values(), default=0)
    if most <= 0:
        return ""
    # Through a task, say, an attribute may reach all others: what has more elements has grown.
    large = [part for part in last.parts if 2 * sizes[part.name] >= most]
    grown = max(
        large, key=lambda part: (part.many - _many(before.get(part.name)), sizes[part.name])
    )
    how = f"holds {grown.size} bytes"
    if first is not last:
        how = f"has grown from {_size(before.get(grown.name))} to {grown.size} bytes"
    if grown.many > 0:
        many = "1 element" if grown.many == 1 else f"{grown.many} elements"
        many += _one_for_each(outcome, grown.many)
        latest = f"{', the last' if grown.many > 1 else ''}: {_value(grown.last)}"
        how += f": {many}{latest if grown.last else ''}"
    return f"{last.key.partition('.')[0]}'s {grown.name} {how}."


def _one_for_each(outcome: Outcome, many: int) -> str:
    """Of what a run has had as many as there are elements; "" if that is not known."""
    methods = Counter(op.method for op in outcome.history.ops)
    named = [operation_name(method) for method, count in methods.items() if count == many]
    if not named and methods["put"] + methods["append"] == many:
        named = ["write"]
    if not named and methods.total() == many:
        named = ["operation"]
    return f", as many as there were {named[0]}s" if many > 1 and len(named) == 1 else ""


def _size(part: Part | None) -> int:
    return 0 if part is None else part.size


def _many(part: Part | None) -> int:
    return 0 if part is None else max(part.many, 0)
