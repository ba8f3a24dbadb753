"""The failures of a sweep: a few seeds of each kind are made small, and told in groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from tester.report import aborted
from tester.report.paths import relative
from tester.report.progress import bar
from tester.report.ways import alike
from tester.sweep.job import COMMAND
from tester.sweep.plan import Sought
from tester.sweep.store import Store, StoredRun, Story, Subject
from tester.workers.launch import launch
from tester.workers.plan import Reruns
from tester.workers.pool import Pool
from tester.workers.results import Rerun
from tester.workers.wire import Ran

TOLD: Final = 4
"""The most seeds of each kind of failure that are shrunk."""
KINDS: Final = 20
"""The most kinds of failures of each test that are shrunk."""
_SEEDS_SHOWN: Final = 5

Command = Callable[[Subject, int], str]


@dataclass(frozen=True)
class Kind:
    """Failing seeds of one test that have their symptom in common."""

    subject: Subject
    symptom: tuple[str, ...]
    seeds: Sequence[int]

    @property
    def headline(self) -> str:
        """`NotLinearizable`, or `KeyError at server.py:12`."""
        name, *where = self.symptom or ("failed",)
        return f"{name} at {' in '.join(map(relative, where))}" if where else name


def kinds_of(store: Store, subject: Subject) -> list[Kind]:
    """The kinds of failures of a subject; the most frequent first."""
    found: dict[tuple[str, ...], list[int]] = {}
    for run in store.runs(subject):
        if run.verdict == "fail":
            found.setdefault(run.symptom, []).append(run.seed)
    kinds = [Kind(subject, symptom, seeds) for symptom, seeds in found.items()]
    return sorted(kinds, key=lambda kind: (-len(kind.seeds), kind.seeds[0]))


def report_failures(
    store: Store, sought: Sequence[Sought], jobs: int, stuck_s: int, command: Command
) -> None:
    """Make a few failing seeds of each kind small, unless the store has them, and keep them."""
    for one in sought:
        known = {story.seed for story in store.stories(one.subject)}
        runs = {run.seed: run for run in store.runs(one.subject) if run.verdict == "fail"}
        wanted = [
            seed
            for kind in kinds_of(store, one.subject)[:KINDS]
            for seed in kind.seeds[:TOLD]
            if seed not in known
        ]
        if not wanted:
            continue
        reruns = [_rerun(one.subject, runs[seed], command) for seed in sorted(wanted)]
        how = launch(one.setup)
        with Pool(how, min(jobs, len(reruns)), stuck_s=stuck_s, note=lambda _: None) as pool:
            plan = Reruns(reruns)
            with bar(one.subject.test) as shown:
                pool.work(plan, partial(shown, plan))
        store.put_stories(one.subject, (_story(rerun) for rerun in reruns))


def _rerun(subject: Subject, run: StoredRun, command: Command) -> Rerun:
    first = Ran(run.verdict, run.digest.hex(), run.rpcs, run.ops, run.virtual_us, 0)
    return Rerun(subject.test, run.seed, command(subject, run.seed), first)


def _story(rerun: Rerun) -> Story:
    return Story(
        seed=rerun.seed,
        likeness=rerun.likeness,
        size=rerun.size.visible if rerun.size is not None else (),
        story=aborted.story(rerun).replace(rerun.command, COMMAND),
        record=rerun.found,
    )


def groups(store: Store, subject: Subject, command: Command) -> list[dict[str, Any]]:
    """The kinds of failures, each with the ways it was reported, the smallest story first."""
    stories = {story.seed: story for story in store.stories(subject)}
    found = []
    for kind in kinds_of(store, subject):
        known = [stories[seed] for seed in kind.seeds if seed in stories]
        ways = [min(way, key=_size) for way in alike(known, _likeness)]
        found.append(
            {
                "test": subject.name,
                "kind": kind.headline,
                "failed": len(kind.seeds),
                "first_seeds": list(kind.seeds[:_SEEDS_SHOWN]),
                "runs_shrunk": len(known),
                "stories": [
                    {
                        "seed": story.seed,
                        "command": command(subject, story.seed),
                        "text": story.story.replace(COMMAND, command(subject, story.seed)),
                        "record": story.record,
                    }
                    for story in sorted(ways, key=_size)
                ],
                "command": command(subject, kind.seeds[0]),
            }
        )
    return found


def _likeness(story: Story) -> str:
    """What could not be made small is like the others of its kind: nothing more is known of it."""
    return story.likeness or "not made small"


def _size(story: Story) -> tuple[bool, tuple[int, ...], int]:
    return not story.size, story.size, story.seed
