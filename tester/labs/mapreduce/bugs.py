"""The bugs that the suite of the MapReduce lab must notice, and what it must let pass."""

from __future__ import annotations

from typing import Final

from tester.labs.mapreduce.solutions import SOLUTIONS
from tester.labs.patch import Catalogue, Edits, Patch, Rewrite

COORDINATOR, WORKER = "mapreduce/coordinator.py", "mapreduce/worker.py"
CRASHES, HANG = "test_crashes_at_any_step", "test_three_workers_hang"

READ = "        merge(groups, await disk.read(_between(number, task.number)))\n"
READ_WHAT_IS_THERE: Final = (
    (
        READ,
        """\
        try:
            merge(groups, await disk.read(_between(number, task.number)))
        except (FileNotFoundError, json.JSONDecodeError):
            continue
""",
    ),
)
"""A worker that takes a file that is missing, or incomplete, for an empty one."""
REPORTS = "            _ = await _ask(end, Coordinator.finished, Report(task.kind, task.number))\n"
SAVE = """\
    temporary = f"mr-tmp-{task.attempt}-{name}"
    await disk.write(temporary, data)
    await disk.rename(temporary, name)
"""
REDUCED = "    lines = [line(key, await app.reduce(key, groups[key])) for key in sorted(groups)]\n"
MERGED = "        groups.setdefault(key, []).extend(values)\n"


def _both(
    name: str,
    about: str,
    coordinator: Edits,
    worker: Edits,
    killed_by: tuple[str, ...],
    seeds: int = 5,
) -> Rewrite:
    """A bug that takes edits of both files."""
    edits = ((COORDINATOR, coordinator), (WORKER, worker))
    files = tuple((file, Patch(name, about, file, its).source()) for file, its in edits)
    return Rewrite(name, about, files, killed_by, seeds)


OF_THE_COORDINATOR: Final = (
    Patch(
        "never_hands_out_again",
        "A task that was handed out is never handed out again.",
        COORDINATOR,
        (("self._since[number] < PATIENCE_S", "self._since[number] < 10**9"),),
        killed_by=(CRASHES, "test_one_worker_hangs"),
    ),
    Patch(
        "hands_out_only_map_tasks_again",
        "A reduce task is handed out once.",
        COORDINATOR,
        (
            (
                "            if number < 0 or",
                "            if self.kind is Kind.REDUCE or number < 0 or",
            ),
        ),
        killed_by=(CRASHES,),
    ),
    Patch(
        "has_no_patience",
        "A task is handed out again after a second, though its worker is still at it.",
        COORDINATOR,
        (("PATIENCE_S: Final = 10\n", "PATIENCE_S: Final = 1\n"),),
        killed_by=("test_job_count",),
    ),
    Patch(
        "is_impatient_by_a_second",
        "A task is handed out again after nine seconds.",
        COORDINATOR,
        (("PATIENCE_S: Final = 10\n", "PATIENCE_S: Final = 9\n"),),
        killed_by=(HANG,),
    ),
    Patch(
        "waits_for_half_a_minute",
        "A task is handed out again after half a minute.",
        COORDINATOR,
        (("PATIENCE_S: Final = 10\n", "PATIENCE_S: Final = 30\n"),),
        killed_by=(HANG,),
    ),
    Patch(
        "hands_out_one_late_task_at_a_time",
        "While a task that was handed out again is not finished, no other one is.",
        COORDINATOR,
        (("            del self._since[number]\n", ""),),
        killed_by=(HANG,),
        seeds=20,
    ),
    Patch(
        "hands_out_what_is_finished",
        "After ten seconds a task goes to the next worker, also if it is finished.",
        COORDINATOR,
        (("        _ = self._since.pop(number, None)\n", ""),),
        killed_by=(HANG,),
    ),
    _both(
        "counts_reports",
        "A phase is over after so many reports as it has tasks, whichever they were of.",
        (
            (
                "        return len(self.finished) == self.size\n",
                "        return self.reports >= self.size\n",
            ),
            ("        self.finished: set[int] = set()\n", "        self.reports = 0\n"),
            ("        self.finished.add(number)\n", "        self.reports += 1\n"),
        ),
        READ_WHAT_IS_THERE,
        killed_by=("test_slow_workers", "test_silence"),
        seeds=20,
    ),
    Patch(
        "runs_numbers_together",
        "What map task 1 has for reduce task 11 has the name of what 11 has for 1.",
        WORKER,
        (
            (
                'return f"mr-{map_number}-{reduce_number}"',
                'return f"mr-{map_number}{reduce_number}"',
            ),
        ),
        killed_by=("test_more_than_ten_tasks",),
        seeds=1,
    ),
    Patch(
        "takes_reports_for_the_present_phase",
        "A late report of a map task is taken for one of the reduce task of that number.",
        COORDINATOR,
        (
            (
                "        self._phases[report.kind is Kind.REDUCE].finish(report.number)\n",
                "        self._phases[self._phases[0].over].finish(report.number)\n",
            ),
        ),
        killed_by=("test_slow_workers",),
        seeds=20,
    ),
    Patch(
        "hands_out_what_is_under_way",
        "A worker that finds no reduce task left gets one that another is at.",
        COORDINATOR,
        (
            (
                "            if number < 0 or now - self._since[number] < PATIENCE_S:\n",
                """\
            patience = PATIENCE_S if self.kind is Kind.MAP else 0
            if number < 0 or now - self._since[number] < patience:
""",
            ),
        ),
        killed_by=("test_early_exit",),
    ),
    Patch(
        "is_done_when_all_is_handed_out",
        "The job is called done when the last reduce task has been handed out.",
        COORDINATOR,
        (
            (
                "        return all(phase.over for phase in self._phases)\n",
                "        return self._phases[0].over and not self._phases[1]._waiting\n",
            ),
        ),
        killed_by=("test_early_exit", CRASHES),
    ),
    Patch(
        "is_never_done_after_a_crash",
        "The job is done when as many tasks are reported as were handed out.",
        COORDINATOR,
        (
            (
                "        return all(phase.over for phase in self._phases)\n",
                "        return self._reports == self._attempts > len(self._files)\n",
            ),
            ("        self._attempts = 0\n", "        self._attempts = self._reports = 0\n"),
            ("        return Noted()\n", "        self._reports += 1\n        return Noted()\n"),
        ),
        killed_by=(CRASHES,),
    ),
    Patch(
        "sends_idle_workers_home",
        "A worker that finds nothing to do is told that the job is done.",
        COORDINATOR,
        (("return Task(Kind.WAIT)", "return Task(Kind.EXIT)"),),
        killed_by=("test_wc", "test_early_exit"),
    ),
    Patch(
        "drops_what_is_finished",
        "What was handed out ten seconds ago is handed out again, and is not finished any more.",
        COORDINATOR,
        (
            (
                "            del self._since[number]\n",
                "            del self._since[number]\n            self.finished.discard(number)\n",
            ),
            ("        _ = self._since.pop(number, None)\n", ""),
        ),
        killed_by=("test_job_count",),
    ),
    _both(
        "reduces_before_all_is_mapped",
        "Reduce tasks are handed out as soon as no map task waits, and do what they can.",
        (
            (
                """\
        phase = next((phase for phase in self._phases if not phase.over), None)
""",
                """\
        phase = next((p for p in self._phases if p._waiting), None)
        phase = phase or next((p for p in self._phases if not p.over), None)
""",
            ),
        ),
        READ_WHAT_IS_THERE,
        killed_by=("test_slow_workers", "test_silence"),
        seeds=20,
    ),
)

OF_THE_WORKER: Final = (
    Patch(
        "asks_seldom",
        "A worker with nothing to do asks again after five seconds.",
        WORKER,
        (
            (
                "                await asyncio.sleep(0.2)\n                continue\n",
                "                await asyncio.sleep(5)\n                continue\n",
            ),
        ),
        killed_by=(HANG,),
        seeds=1,
    ),
    Patch(
        "does_not_wait",
        "A worker with nothing to do asks again at once.",
        WORKER,
        (
            (
                "                await asyncio.sleep(0.2)\n                continue\n",
                "                continue\n",
            ),
        ),
        killed_by=("test_early_exit", "test_job_count"),
    ),
    Patch(
        "gives_up_at_once",
        "A worker takes one call without an answer for the end of the job.",
        WORKER,
        (("TRIES: Final = 50\n", "TRIES: Final = 1\n"),),
        killed_by=("test_lost_replies",),
    ),
    Patch(
        "never_gives_up",
        "A worker that was busy when the job was done asks for ever.",
        WORKER,
        (
            ("    for _ in range(TRIES):\n", "    while True:\n"),
            ("    raise CoordinatorGone\n", ""),
        ),
        killed_by=("test_slow_workers",),
        seeds=20,
    ),
    Patch(
        "writes_the_output_in_place",
        "An output file is written under its own name.",
        WORKER,
        ((SAVE, "    await disk.write(name, data)\n"),),
        killed_by=("test_wc", "test_crash_worker"),
    ),
    Patch(
        "writes_between_in_place",
        "What map tasks make is written under its own name, and can be read half, or be lost.",
        WORKER,
        (
            *READ_WHAT_IS_THERE,
            (
                SAVE,
                "    if task.kind == Kind.MAP:\n        return await disk.write(name, data)\n"
                + SAVE,
            ),
        ),
        killed_by=(CRASHES,),
        seeds=20,
    ),
    Patch(
        "shares_temporary_names",
        "Two workers at one task write to the same temporary file.",
        WORKER,
        (
            *READ_WHAT_IS_THERE,
            (
                SAVE,
                """\
    temporary = f"mr-tmp-{name}"
    await disk.write(temporary, data)
    try:
        await disk.rename(temporary, name)
    except FileNotFoundError:
        return  # somebody else has done it
""",
            ),
        ),
        killed_by=("test_slow_workers",),
        seeds=50,
    ),
    Patch(
        "skips_what_is_there",
        "A task whose files are there is skipped, and not reported: who died had no time to.",
        WORKER,
        (
            (
                "            if task.kind == Kind.MAP:\n",
                """\
            made = (
                _between(task.number, task.n_reduce - 1)
                if task.kind == Kind.MAP
                else output(task.number)
            )
            if await disk.names(made):
                await asyncio.sleep(0.2)
                continue
            if task.kind == Kind.MAP:
""",
            ),
        ),
        killed_by=(CRASHES,),
        seeds=20,
    ),
    Patch(
        "reports_before_it_is_done",
        "A task is reported when it begins.",
        WORKER,
        (
            *READ_WHAT_IS_THERE,
            (REPORTS, ""),
            (
                "            if task.kind == Kind.MAP:\n",
                f"{REPORTS}            if task.kind == Kind.MAP:\n",
            ),
        ),
        killed_by=("test_wc", CRASHES),
    ),
    Patch(
        "partitions_by_hash",
        "The reduce task of a key is found by Python's hash, which differs between processes.",
        WORKER,
        (("parts[partition(key, n_reduce)]", "parts[hash(key) % n_reduce]"),),
        killed_by=("test_wc", "test_indexer"),
    ),
    Patch(
        "reduces_each_part",
        "The values of a key that come from several map tasks are reduced one after the other.",
        WORKER,
        (
            (MERGED, "        groups.setdefault(key, []).append(values)\n"),
            (
                REDUCED,
                """\
    lines = []
    for key in sorted(groups):
        lines += [line(key, await app.reduce(key, part)) for part in groups[key]]
""",
            ),
        ),
        killed_by=("test_wc", "test_crash_worker"),
    ),
    Patch(
        "drops_equal_values",
        "Of equal values of a key one is left.",
        WORKER,
        (
            (
                "await app.reduce(key, groups[key])",
                "await app.reduce(key, sorted(set(groups[key])))",
            ),
        ),
        killed_by=("test_wc", "test_crash_worker"),
    ),
    Patch(
        "combines_by_reducing",
        "What a map task has of a key is reduced at once, and then reduced again.",
        WORKER,
        (
            (
                "values if combine is None else [await combine(key, values)]",
                "[await app.reduce(key, values)]",
            ),
        ),
        killed_by=("test_indexer",),
    ),
    Patch(
        "counts_on_ten_reduce_tasks",
        "There are ten reduce tasks, whatever the coordinator says.",
        WORKER,
        (
            (
                "parts = await mapped(app, task.file, contents, task.n_reduce)",
                "parts = await mapped(app, task.file, contents, 10)",
            ),
        ),
        killed_by=("test_more_workers_than_tasks", "test_odd_files"),
    ),
    Patch(
        "keeps_a_thousand_values",
        "Of a key, a map task keeps a thousand values.",
        WORKER,
        (
            (
                "        groups[key].append(value)\n",
                "        groups[key] = [*groups[key][:999], value]\n",
            ),
        ),
        killed_by=("test_long_files",),
        seeds=1,
    ),
    Patch(
        "forgets_the_last_file",
        "Reduce tasks read what all map tasks but the last one have made.",
        WORKER,
        (("range(task.n_map)", "range(task.n_map - 1)"),),
        killed_by=("test_wc", "test_indexer"),
    ),
)

CATALOGUE: Final = Catalogue((*OF_THE_COORDINATOR, *OF_THE_WORKER), SOLUTIONS)
