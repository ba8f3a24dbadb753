"""The rules of a MapReduce job, and how a break of one is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tester.report.audit.tasks import Read, Task, Tasks
from tester.report.broken import Broken, listed

SOURCE: Final = "docs/10-mapreduce.md"
FIRST_MAP: Final = "No reduce task begins before every map task is finished"
RENAME: Final = (
    "A file is written under a name that nobody else uses, and renamed when it is complete"
)
ALL: Final = "A reduce task reads what each map task made for it, each once"
AGAIN: Final = (
    "A task whose worker has been silent for 10 s is handed out again, and whoever gets it "
    "finishes it"
)
ONCE: Final = "Each worker has 10 s for a task, and what is finished is not done again"
END: Final = "The job is done, and a worker returns, when all output files are complete"
NEXT: Final = "Reduce tasks are handed out once every map task is finished"
GONE: Final = "A worker returns when the coordinator does not answer any more"
OUTPUT: Final = "The output is that of the sequential run"


def open_maps(tasks: Tasks, place: int) -> list[Task | str]:
    """The maps that were not finished then: the latest try of each, or a file nobody had mapped.

    A map counts as finished when its node has called again.
    """
    found: list[Task | str] = []
    for file in tasks.files:
        begun = [one for one in tasks.of_file(file) if one.place < place]
        if any(one.called is not None and one.called < place for one in begun):
            continue
        found.append(begun[-1] if begun else file)
    return found


def file_of(one: Task | str) -> str:
    return one if isinstance(one, str) else one.file


def tries(tasks: Tasks, task: Task) -> list[Task]:
    """All tries of a reduce: they read the same files."""
    names = {one.name for one in task.reads}
    return [
        one for one in tasks.reduces if one is task or names & {read_.name for read_ in one.reads}
    ]


def files(reads: Sequence[Read]) -> str:
    names = list(dict.fromkeys(one.name for one in reads))
    return names[0] if len(names) == 1 else some(names)


def some(names: Sequence[str]) -> str:
    """Names, or how many: `a`, `a and b`, `8 files, from a to h`."""
    if len(names) <= 2:
        return listed(names)
    return f"{len(names)} files, from {names[0]} to {names[-1]}"


def broken_by(
    task: Task,
    place: int,
    headline: str,
    sentence: str,
    rule: str,
    verdict: str,
    *,
    others: Sequence[int] = (),
    events: Sequence[int] = (),
) -> Broken:
    """What a task broke; the verdict that came of it stands first, if there is one."""
    before = f"{verdict.rstrip('.')}. " if verdict else ""
    rpcs = [*others, *([] if task.rpc is None else [task.rpc])]
    return Broken(
        place,
        f"{before}{sentence}.",
        headline,
        rule,
        SOURCE,
        others=list(dict.fromkeys(rpcs)),
        events=[*events, place],
        servers=[task.node],
    )
