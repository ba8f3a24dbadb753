"""The rules of a MapReduce job: which task began too early, was lost, or read what was not there.

Nothing is known of the messages of a submission but their order, so each sentence speaks of what
was seen: calls of map, files that were read, written and renamed, calls, and crashes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tester.report.audit.job import (
    ALL,
    FIRST_MAP,
    OUTPUT,
    RENAME,
    SOURCE,
    broken_by,
    file_of,
    files,
    open_maps,
    some,
    tries,
)
from tester.report.audit.tasks import Read, Task, Tasks
from tester.report.audit.unfinished import ended, late, never_finished, repeated
from tester.report.broken import Broken
from tester.report.exchange import Request
from tester.world.events import Does, FileOp
from tester.world.failure import HandlerCrashed, Misused, Stuck, message
from tester.world.history import seconds
from tester.world.run import Outcome

_JOBS: Final = frozenset(
    {"WrongOutput", "ExitedEarly", "TaskRepeated", "TooSlow", "PartialOutput"}
)


def first_broken(outcome: Outcome, sent: Sequence[Request]) -> Broken | None:
    """The first rule of a job that a run broke; None if none is known, or it was no such job."""
    error = outcome.error
    job = isinstance(error, Stuck | HandlerCrashed | Misused) or outcome.kind in _JOBS
    if not job or not any(isinstance(event, FileOp) for event in outcome.events):
        return None
    tasks = Tasks(outcome)
    if isinstance(error, HandlerCrashed | Misused):
        return _found_no_file(outcome, tasks, error)
    if isinstance(error, Stuck):
        return never_finished(outcome, tasks)
    verdict = message(error) if error is not None else ""
    if outcome.kind == "TaskRepeated":
        return repeated(outcome, tasks, verdict)
    if outcome.kind == "TooSlow":
        return late(outcome, tasks, verdict)
    if outcome.kind == "ExitedEarly":
        return ended(outcome, tasks, sent, verdict)
    if outcome.kind == "PartialOutput":
        return _in_place(outcome, verdict)
    done = [task for task in tasks.reduces if task.completed is not None]
    if not done or not verdict:
        return None
    latest = max(done, key=lambda task: task.completed or 0)  # which need not have begun last
    return _of_output(outcome, tasks, latest, verdict)


# -- what a reduce read ---------------------------------------------------------------------------


def _found_no_file(
    outcome: Outcome, tasks: Tasks, error: HandlerCrashed | Misused
) -> Broken | None:
    """A worker raised because a file was not there, which some map was to make."""
    failure = error.failure
    missing = [
        (task, one)
        for task in tasks.reduces
        for one in task.reads
        if task.node == failure.node and one.is_missing
    ]
    if failure.kind != "FileNotFoundError" or not missing:
        return None
    task, one = missing[-1]
    return _bad_read(outcome, tasks, task, one, "")


def _of_output(outcome: Outcome, tasks: Tasks, task: Task, verdict: str) -> Broken:
    """An output file is wrong: because of what its reduce read, or what was made of it."""
    for one in task.reads:
        if (one.is_missing or not one.is_whole) and (
            found := _bad_read(outcome, tasks, task, one, verdict)
        ):
            return found
    return (
        _overwritten(tasks, task, verdict)
        or _left_out(tasks, task, verdict)
        or _twice(task, verdict)
        or _of_another(task, verdict)
        or _by_itself(tasks, task, verdict)
    )


def _bad_read(
    outcome: Outcome, tasks: Tasks, task: Task, one: Read, verdict: str
) -> Broken | None:
    node, when = task.node, f"{seconds(one.time_us)} s"
    if one.is_missing and one.lost is not None and one.stored is None:
        stored, place = one.lost
        crashed = f"{stored.writer} crashed at {seconds(outcome.trace[place][0])} s"
        return broken_by(
            task,
            one.place,
            f"{node} reads {one.name}, which was lost when {stored.writer} crashed",
            f"{node} read {one.name} at {when} and there was no such file: {stored.writer} had "
            f"written it at {seconds(stored.time_us)} s, and {crashed}. What nobody has renamed "
            "is lost in a crash",
            RENAME,
            verdict,
            events=[place],
        )
    if not one.is_missing:
        return _half(tasks, task, one, verdict)
    early = open_maps(tasks, one.place)
    if one.is_missing and early:
        return _too_early(task, one, early, verdict)
    if one.is_missing:
        return broken_by(
            task,
            one.place,
            f"{node} reads {one.name}, and there is no such file",
            f"{node} read {one.name} at {when}, and nobody had made a file of this name",
            ALL,
            verdict,
        )
    return None


def _half(tasks: Tasks, task: Task, one: Read, verdict: str) -> Broken:
    """What was read is not what was last written: a write was under way, then or at the rename."""
    stored, node = one.stored, task.node
    said = f"{node} read {one.name} at {seconds(one.time_us)} s, and got "
    if stored is None:
        said += "something, though nobody had written all of it yet"
    else:
        said += f"something else than {stored.writer} had written at {seconds(stored.time_us)} s"
        if stored.written_as != one.name:
            said += f" as {stored.written_as}"
        others = [
            who
            for _, who, name in tasks.writes
            if name == stored.written_as and who != stored.writer
        ]
        if others:
            said += f"; {others[-1]} wrote to {stored.written_as}, too"
    return broken_by(
        task,
        one.place,
        f"{node} reads {one.name} while it is incomplete",
        f"{said}. Who reads a file while it is written, or after it was renamed in the middle of "
        "that, finds half of it",
        RENAME,
        verdict,
    )


def _too_early(task: Task, one: Read | None, early: Sequence[Task | str], verdict: str) -> Broken:
    """A reduce had begun while a map was not finished."""
    first, node = early[0], task.node
    place, time_us = (task.place, task.time_us) if one is None else (one.place, one.time_us)
    events: list[int] = []
    if isinstance(first, str):
        open_ = f"nobody had begun to map {first}"
        title = f"nobody had mapped {first}"
        said = f"until then {open_}"
        rpcs: list[int] = []
    else:
        title = f"the map of {first.file} by {first.node}{first.given} was not finished"
        said = (
            f"{first.node} had begun to map {first.file} at {first.began}{first.given}, and had "
        )
        said += "not called again"
        events.append(first.place)
        rpcs = [] if first.rpc is None else [first.rpc]
        if first.crashed is not None and first.crashed < place:
            said += ", but crashed"
            events.append(first.crashed)
    if len(early) > 1:
        said += f"; {len(early) - 1} more {'map was' if len(early) == 2 else 'maps were'} open"
    when = f"at {seconds(time_us)} s"
    what = f"was at a reduce task{task.given} {when}"
    if one is not None:
        what = f"read {one.name} for a reduce task{task.given} {when}, and there was no such file"
    return broken_by(
        task,
        place,
        f"{node} was at a reduce task{task.given} while {title}",
        f"{node} {what}: {said}",
        FIRST_MAP,
        verdict,
        others=rpcs,
        events=events,
    )


def _overwritten(tasks: Tasks, task: Task, verdict: str) -> Broken | None:
    """Maps of two inputs have written a file of one name."""
    for one in task.reads:
        if one.name in tasks.clashes:
            first, second = tasks.clashes[one.name]
            return broken_by(
                task,
                one.place,
                f"{task.node} reads {one.name}, which the maps of {first.file} and {second.file} "
                "have written",
                f"{task.node} read {one.name} for {task.output}: {first.node} had written it in "
                f"the map of {first.file}{first.given}, and {second.node} in that of "
                f"{second.file}{second.given}, over the other",
                RENAME,
                verdict,
                events=[first.place, second.place],
            )
    return None


def _not_read(tasks: Tasks, task: Task) -> list[str]:
    """The inputs of which no file was read that their maps wrote; none, if that is not known."""
    sources = [one.stored.task if one.stored else None for one in task.reads]
    if not sources or None in sources:
        return []
    covered = {source.file for source in sources if source is not None}
    return [file for file in tasks.files if file not in covered]


def _left_out(tasks: Tasks, task: Task, verdict: str) -> Broken | None:
    """An input is in none of the files that were read, all of which were whole."""
    missing = _not_read(tasks, task)
    early = [one for one in open_maps(tasks, task.place) if file_of(one) in missing]
    if early:
        return _too_early(task, None, early, verdict)
    missing = [file for file in missing if file in verdict]
    if not missing:
        return None  # a map may have made nothing for it
    last = tasks.of_file(missing[0])[-1]
    more = f", and of {len(missing) - 1} more" if len(missing) > 1 else ""
    return broken_by(
        task,
        task.completed or task.place,
        f"{task.node} completes {task.output} without what the map of {missing[0]} made",
        f"{task.node} read {files(task.reads)} for {task.output}, and none that was written in "
        f"the map of {missing[0]}{more}, which {last.node} had begun at {last.began}{last.given}",
        ALL,
        verdict,
        events=[last.place],
    )


def _twice(task: Task, verdict: str) -> Broken | None:
    """Two maps of one input are both among the files that were read."""
    by_file: dict[str, tuple[Task, str]] = {}
    for one in task.reads:
        made = one.stored.task if one.stored else None
        if made is None:
            continue
        other, name = by_file.setdefault(made.file, (made, one.name))
        if other is not made and name != one.name:
            return broken_by(
                task,
                one.place,
                f"{task.node} reads what two maps of {made.file} made",
                f"{task.node} read {name} and {one.name} for {task.output}: {other.node} and "
                f"{made.node} have both mapped {made.file}, and wrote one each",
                ALL,
                verdict,
                events=[other.place, made.place],
            )
    return None


def _of_another(task: Task, verdict: str) -> Broken | None:
    if not task.output_writer or task.output_writer == task.node:
        return None
    return broken_by(
        task,
        task.completed or task.place,
        f"{task.node} completes {task.output} with a file that {task.output_writer} wrote",
        f"{task.node} gave the name {task.output} to a file that {task.output_writer} had written",
        RENAME,
        verdict,
    )


def _by_itself(tasks: Tasks, task: Task, verdict: str) -> Broken:
    """All that was read was there, and whole."""
    title = f"{task.node} completes {task.output}, and it is wrong"
    said = f"{task.node} had read nothing for it that another task made"
    whole = bool(task.reads) and all(one.is_whole for one in task.reads)
    missing = _not_read(tasks, task)
    if task.reads:
        said = f"{task.node} had read {files(task.reads)} for it"
        said += ", and each was there and complete" if whole else ""
    others = [
        one
        for one in tries(tasks, task)
        if one.node != task.node and one.completed is None and one.crashed is None
    ]
    if others:
        title += f", while {others[-1].node} was at the same task"
        said += (
            f". {others[-1].node} was at the same task since {others[-1].began}"
            f"{others[-1].given}: if both write to one file, one renames what the "
            "other has half written"
        )
    elif missing:
        said += f"; none of these was written in the map of {some(missing)}"
    elif whole and all(one.stored and one.stored.task for one in task.reads):
        said += ": what is wrong is what a worker wrote into these files, or made of them"
    return broken_by(
        task,
        task.completed or task.place,
        title,
        said,
        RENAME if others else OUTPUT,
        verdict,
        events=[one.place for one in others[-1:]],
    )


def _in_place(outcome: Outcome, verdict: str) -> Broken | None:
    """A worker has begun to write an output file under its own name."""
    places = [at for at, event in enumerate(outcome.events) if isinstance(event, Does)]
    event = places and outcome.events[places[-1]]
    if not isinstance(event, Does):
        return None
    return Broken(
        places[-1],
        f"{verdict.rstrip('.')}.",
        f"{event.node} {event.what} in place",
        RENAME,
        SOURCE,
        events=[places[-1]],
        servers=[event.node],
    )
