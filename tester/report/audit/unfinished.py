"""What became of the tasks of a MapReduce job that were lost, done twice, or open at its end."""

from __future__ import annotations

from collections.abc import Sequence

from tester.report.audit.job import (
    AGAIN,
    END,
    GONE,
    NEXT,
    ONCE,
    SOURCE,
    broken_by,
    file_of,
    open_maps,
    some,
    tries,
)
from tester.report.audit.tasks import Task, Tasks
from tester.report.broken import Broken, listed
from tester.report.exchange import Request
from tester.world.events import Does, OfNode, Return, Send
from tester.world.failure import Verdict, message
from tester.world.history import seconds
from tester.world.run import Outcome


def never_finished(outcome: Outcome, tasks: Tasks) -> Broken | None:
    """The job hangs: the first task that its worker left, and that nobody finished."""
    gone = _gone(outcome)
    if gone is not None:
        return gone
    for file in tasks.files:
        maps = tasks.of_file(file)
        if all(one.called is None for one in maps):
            return _abandoned(outcome, maps[-1], f"the map of {file}")
    for task in tasks.reduces:
        same = tries(tasks, task)
        if all(one.called is None or one.completed is None for one in same):
            last = same[-1]
            if last.called is not None:
                continue
            which = f"of {last.output}" if last.output else f"that reads {last.reads[0].name}"
            return _abandoned(outcome, last, f"the reduce task {which}")
    return _idle(outcome, tasks)


def _abandoned(outcome: Outcome, last: Task, what: str) -> Broken:
    node = last.node
    place = last.crashed or last.completed or last.place
    when = f"{seconds(outcome.trace[place][0])} s"
    did = "crashes" if last.crashed is not None else "falls silent"
    fate = (
        f"crashed at {when}, before it called again"
        if last.crashed is not None
        else f"has sent nothing since {when}"
    )
    completed = ", completed the file, and " if last.completed is not None else " and "
    return broken_by(
        last,
        place,
        f"{node} {did}, and nobody finishes {what}",
        f"{node} began {what} at {last.began}{last.given}{completed}{fate}. Nobody was seen to "
        f"begin this again until the end, at {seconds(outcome.trace[-1][0])} s",
        AGAIN,
        "",
        events=[last.place],
    )


def _gone(outcome: Outcome) -> Broken | None:
    """Workers go on calling though the coordinator has gone."""
    events = outcome.events
    asked = {op.node for op in outcome.history.ops}
    crashes = [
        place
        for place, event in enumerate(events)
        if isinstance(event, OfNode) and event.kind == "crash" and event.node in asked
    ]
    if not crashes:
        return None
    calls = [
        (place, event.rpc)
        for place, event in enumerate(events)
        if place > crashes[-1] and isinstance(event, Send)
    ]
    if not calls:
        return None
    place, rpc = calls[0]
    node, went = outcome.senders[rpc].node, events[crashes[-1]]
    mine = [one for _, one in calls if outcome.senders[one].node == node]
    return Broken(
        place,
        f"The coordinator went at {seconds(went.time_us)} s. Since #{rpc} {node} has called "
        f"{len(mine)} times, and nobody is there who could answer.",
        f"{node} goes on calling after the coordinator has gone",
        GONE,
        SOURCE,
        rpc=rpc,
        events=[crashes[-1]],
        servers=[node],
    )


def _idle(outcome: Outcome, tasks: Tasks) -> Broken | None:
    """Nobody is seen to have left a task: what was the last that was done."""
    done = [task for task in tasks.reduces if task.completed is not None]
    if not done:
        return _stands_still(outcome) or _none_begun(outcome, tasks)
    last = max(done, key=lambda task: task.completed or 0)
    assert last.completed is not None
    when = seconds(outcome.trace[last.completed][0])
    begun = [one for one in (*tasks.maps, *tasks.reduces) if one.place > last.completed]
    if begun:
        return None
    said = f"{last.node} completed {last.output} at {when} s, and since then no worker was seen "
    said += "to map or reduce anything"
    if tasks.in_hand:
        node, rpc, place = tasks.in_hand[-1]
        said += f". {node} had crashed at {seconds(outcome.trace[place][0])} s with the answer to "
        said += f"#{rpc}, before it called again"
    return broken_by(
        last,
        last.completed,
        f"{last.node} completes {last.output}, no task begins after that, and the job is not done",
        said,
        END,
        message(outcome.error) if outcome.error is not None else "",
    )


def _none_begun(outcome: Outcome, tasks: Tasks) -> Broken | None:
    """All maps that were begun are finished, and no reduce was seen to begin."""
    if tasks.reduces or not tasks.maps:
        return None
    last = max(tasks.maps, key=lambda task: task.called or 0)
    if last.called is None:
        return None
    when = seconds(outcome.trace[last.called][0])
    return broken_by(
        last,
        last.called,
        f"{last.node} has mapped {last.file}, the last, and no reduce task begins",
        f"{last.node} had mapped {last.file}, and called again at {when} s. Each map that was "
        "begun had been finished then, and no worker was seen to reduce anything",
        NEXT,
        message(outcome.error) if outcome.error is not None else "",
    )


def _stands_still(outcome: Outcome) -> Broken | None:
    """A worker hangs, or crashed, after a call, before it was seen to begin anything."""
    calls: dict[str, int] = {}
    still: dict[str, tuple[int, int]] = {}
    for place, event in enumerate(outcome.events):
        match event:
            case Send(rpc=rpc):
                node = outcome.senders[rpc].node
                calls[node] = rpc
                _ = still.pop(node, None)
            case OfNode(node=node, kind="pause") if node in calls:
                still[node] = place, calls[node]
            case OfNode(node=node, kind="resume"):
                _ = still.pop(node, None)
            case _:
                pass
    if not still:
        return None
    node, (place, rpc) = next(iter(still.items()))
    when = seconds(outcome.trace[place][0])
    verdict = "" if outcome.error is None else f"{message(outcome.error).rstrip('.')}. "
    return Broken(
        place,
        f"{verdict}{node} has been paused since {when} s, after its call #{rpc}.",
        f"{node} is paused after #{rpc}, and the job is never done",
        AGAIN,
        SOURCE,
        rpc=rpc,
        events=[place],
        servers=[node],
    )


def repeated(outcome: Outcome, tasks: Tasks, verdict: str) -> Broken | None:
    """A task was done twice: where the second time began, and how far the first was then."""
    moments = outcome.error.moments if isinstance(outcome.error, Verdict) else ()
    if len(moments) < 2:
        return None
    pairs = [
        (first, second)
        for first in _at(outcome, tasks, moments[0])
        for second in _at(outcome, tasks, moments[1])
        if first.place < second.place
        and (
            first.file == second.file != ""
            or (first.reads and second.reads and second in tries(tasks, first))
        )
    ]
    if not pairs:
        return None
    first, second = pairs[0]
    what = second.file or f"what stands in {second.reads[0].name}"
    if first.called is not None and first.called < second.place:
        again = outcome.events[first.called]
        number = f" (#{again.rpc})" if isinstance(again, Send) else ""
        called = f"{seconds(again.time_us)} s{number}"
        said = f"{first.node}{first.given} had called again at {called}"
    else:
        said = f"{first.node}{first.given} had not called again"
    verb = "maps" if second.file else "reduces"
    who = "it" if first.node == second.node else first.node
    return broken_by(
        second,
        second.place,
        f"{second.node} {verb} {what}, which {who} had begun at {first.began}",
        f"When {second.node} began that{second.given}, {said}",
        ONCE,
        verdict,
        others=[] if first.rpc is None else [first.rpc],
        events=[first.place],
    )


def late(outcome: Outcome, tasks: Tasks, verdict: str) -> Broken | None:
    """A map of a worker that hangs was handed out again, and too late."""
    moments = outcome.error.moments if isinstance(outcome.error, Verdict) else ()
    pairs = [
        (first, second)
        for first in tasks.maps
        for second in tasks.maps
        if (first.time_us, second.time_us) == tuple(moments) and first.file == second.file
    ]
    if not pairs:
        return None
    first, second = pairs[0]
    hangs = [
        place
        for place, event in enumerate(outcome.events)
        if isinstance(event, OfNode) and event.node == first.node and event.kind == "pause"
    ]
    return broken_by(
        second,
        second.place,
        f"{second.node} maps {first.file} only at {second.began}; {first.node}, who hangs, had "
        f"begun at {first.began}",
        f"{second.node} got the task of {first.node}{first.given} by its last call{second.given}",
        AGAIN,
        verdict,
        others=[] if first.rpc is None else [first.rpc],
        events=[first.place, *hangs[:1]],
    )


def _at(outcome: Outcome, tasks: Tasks, moment: int) -> list[Task]:
    """The tasks that may have been under way at a moment: a map is named by where it began."""
    found = [task for task in tasks.maps if task.time_us == moment]
    for task in tasks.reduces:
        end_us = moment if task.completed is None else outcome.trace[task.completed][0]
        if task.time_us <= moment <= end_us:
            found.append(task)
    return found


def ended(outcome: Outcome, tasks: Tasks, sent: Sequence[Request], verdict: str) -> Broken | None:
    """Somebody took the job for done: who was at which task then."""
    events = outcome.events
    ends = [
        place
        for place, event in enumerate(events)
        if isinstance(event, Return) or (isinstance(event, Does) and event.what == "returns")
    ]
    if not ends:
        return None
    place = ends[-1]
    event = events[place]
    who = event.node if isinstance(event, Does) else "the coordinator"
    title = f"{who} returns" if isinstance(event, Does) else f"{who} says that the job is done"
    at_work = [one for one in tasks.reduces if _is_open(tasks, one)]
    early = open_maps(tasks, place)
    if not verdict.startswith(who):
        return None
    own = [one for one in sent if outcome.senders[one.rpc].node == who]
    if at_work:
        said = _at_work(outcome, at_work)
        title += f" before {at_work[0].node} has completed its reduce task"
    elif early:
        said = f"Not finished: the map of {some([file_of(one) for one in early])}"
        title += f" while the map of {file_of(early[0])} is not finished"
    else:
        said = "No worker was seen at a reduce task that it had not completed"
        if own and own[-1].fate != "reply":
            title += f" after #{own[-1].rpc}, which had no answer"
    if own:
        heard = "was answered" if own[-1].fate == "reply" else "had no answer"
        said += f". The last call of {who}, #{own[-1].rpc}, {heard}"
    given = [one.rpc for one in at_work if one.rpc is not None]
    rpcs = [*given, *(one.rpc for one in own[-1:])]
    return Broken(
        place,
        f"{verdict.rstrip('.')}. {said}.",
        title,
        END,
        SOURCE,
        others=list(dict.fromkeys(rpcs)),
        events=[one.place for one in at_work],
        servers=[*dict.fromkeys([*(one.node for one in at_work), who])],
    )


def _at_work(outcome: Outcome, tasks: Sequence[Task]) -> str:
    """Who had begun a reduce task that was not completed: the first, and the others in short."""
    first, *others = tasks
    said = f"{first.node} had begun a reduce task at {first.began}{first.given}, and "
    said += "had not completed it"
    if first.crashed is not None:
        said += f" when it crashed at {seconds(outcome.trace[first.crashed][0])} s"
    if not others:
        return said
    return f"{said}; so it was with {listed([f'{one.node}{one.given}' for one in others])}"


def _is_open(tasks: Tasks, task: Task) -> bool:
    """Whether a reduce has not been completed, by its node or by another."""
    names = {one.name for one in task.reads}
    return task.completed is None and not any(
        other.completed is not None and names & {one.name for one in other.reads}
        for other in tasks.reduces
    )
