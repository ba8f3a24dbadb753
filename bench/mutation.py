"""`python -m bench.mutation LAB`: which small changes of a reference does the lab's suite miss?

Each mutant of the reference's modules is run until the first test fails it: first seed 0 of every
test, then seed 1, and so on. Those that no test fails are listed as alive, unless docs/mutants.md
says why they are right all the same. Verdicts depend neither on `--jobs` nor on the machine, but
for mutants that loop for ever: these are ended by the CPU time that one run has taken.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import click

from bench.mutate import mutants
from tester.engine.choices import Choices, Seeded
from tester.labs import LABS
from tester.labs.contract import check_contract
from tester.labs.suite import tests_of
from tester.world import submission
from tester.world.run import run
from tester.world.scenario import Scenario

ROOT: Final = Path(__file__).resolve().parents[1]
VERDICTS: Final = ROOT / "docs" / "mutants.md"

FILES: Final = {
    "kvsrv": ("kvsrv/server.py", "kvsrv/client.py"),
    "lock": ("lock/lock.py",),
    "dedup": ("kvsrv/dedup/server.py", "kvsrv/dedup/client.py"),
    "raft": ("raft/core.py", "raft/log.py", "raft/raft.py", "raft/state.py"),
    "rsm": ("kvraft/rsm.py",),
    "kvraft": ("kvraft/server.py", "kvraft/client.py", "kvraft/group.py", "kvraft/rsm.py"),
    "mapreduce": ("mapreduce/coordinator.py", "mapreduce/worker.py"),
    "kvraft-dedup": ("kvraft/dedup/server.py", "kvraft/dedup/client.py", "kvraft/group.py"),
}
"""What is changed, by lab."""

CPU_S: Final = 30
"""More than any run of a suite needs."""
MEMORY: Final = 4 * 2**30
"""Bytes of address space for one mutant."""


class Job(NamedTuple):
    """A mutant and where it stands."""

    number: int
    file: str
    line: int
    name: str
    """`file scope: change`, as docs/mutants.md quotes it."""
    source: str


class Killed(NamedTuple):
    """What noticed a mutant: a test on a seed, or, before any test, the contract check."""

    test: str
    seed: int
    how: str


class Verdict(NamedTuple):
    """A mutant that has been run; `killed` is None if it is alive."""

    job: Job
    killed: Killed | None


def jobs_of(lab: str, files: Sequence[str] = ()) -> list[Job]:
    """The mutants of a lab's reference, or of some of its files."""
    found: list[Job] = []
    for file in files or FILES[lab]:
        for mutant in mutants((ROOT / file).read_text(encoding="utf-8")):
            name = f"{file} {mutant.name}"
            found.append(Job(len(found), file, mutant.line, name, mutant.source))
    return found


def sampled(jobs: Sequence[Job], n: int | None) -> list[Job]:
    """That many of them, spread evenly."""
    if n is None or n >= len(jobs):
        return list(jobs)
    return [jobs[i * len(jobs) // n] for i in range(n)]


# -- one mutant -----------------------------------------------------------------------------------


def judge(lab: str, folder: Path, tests: dict[str, Scenario], seeds: int, cpu_s: float) -> None:
    """In a process of its own: run the tests on a folder, and write what killed it, as JSON."""
    now = Killed("loading", 0, "")
    write, leave = os.write, os._exit  # the guard of a run would refuse both

    def end(how: str) -> None:
        write(1, json.dumps(now._replace(how=how)).encode())
        leave(0)

    signal.signal(signal.SIGPROF, lambda *_: end("stuck"))
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    try:
        check_contract(LABS[lab], submission.load(folder), lambda name: None)
        for seed in range(seeds):
            for name, scenario in tests.items():
                if seed >= max(1, seeds // scenario.weight):
                    continue
                now = Killed(name, seed, "")
                signal.setitimer(signal.ITIMER_PROF, cpu_s)
                outcome = run(scenario, Choices(Seeded(seed)))
                if outcome.verdict != "pass":
                    end(outcome.kind)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the mutant has caused it
        end(type(error).__name__)
    write(1, b"null")
    leave(0)


class Trial:
    """A mutant that is being run, in a child of this process."""

    def __init__(
        self,
        job: Job,
        lab: str,
        tests: dict[str, Scenario],
        seeds: int,
        cpu_s: float,
    ) -> None:
        self.job = job
        self._folder = tempfile.TemporaryDirectory(prefix="labtester-")
        place = Path(self._folder.name) / job.file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(job.source, encoding="utf-8")
        self.answer, theirs = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            with contextlib.suppress(BaseException):
                nowhere = os.open(os.devnull, os.O_RDWR)
                os.dup2(theirs, 1)
                os.dup2(nowhere, 0)
                os.dup2(nowhere, 2)
                sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - open until the end
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
                judge(lab, Path(self._folder.name), tests, seeds, cpu_s)
            os._exit(1)
        os.close(theirs)

    def verdict(self) -> Verdict:
        """Wait for the end of it."""
        answer = b""
        while more := os.read(self.answer, 1 << 16):
            answer += more
        os.close(self.answer)
        os.waitpid(self._pid, 0)
        self._folder.cleanup()
        try:
            found = json.loads(answer)
        except ValueError:
            return Verdict(self.job, Killed("", 0, "died"))
        return Verdict(self.job, None if found is None else Killed(*found))

    def terminate(self) -> None:
        """End it."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self.answer)
        self._folder.cleanup()


def verdicts(
    lab: str,
    jobs: Sequence[Job],
    tests: dict[str, Scenario],
    *,
    seeds: int,
    processes: int = 1,
    cpu_s: float = CPU_S,
) -> Iterator[Verdict]:
    """Run the mutants, several at once, and give each when it has ended."""
    waiting = list(reversed(jobs))
    running: list[Trial] = []
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                running.append(Trial(waiting.pop(), lab, tests, seeds, cpu_s))
            ready, _, _ = select.select([trial.answer for trial in running], [], [])
            for trial in [trial for trial in running if trial.answer in ready]:
                running.remove(trial)
                yield trial.verdict()
    finally:
        for trial in running:
            trial.terminate()


# -- the command ----------------------------------------------------------------------------------


def explained() -> set[str]:
    """The mutants of which docs/mutants.md says why they are right."""
    text = VERDICTS.read_text(encoding="utf-8") if VERDICTS.exists() else ""
    lines = (line for line in text.splitlines() if line.startswith("- ``"))
    return {line[4:].partition("``")[0].strip() for line in lines}


def line(verdict: Verdict) -> str:
    """What became of a mutant, on one line."""
    job, killed = verdict
    if killed is None:
        return f"alive   {job.file}:{job.line}  {job.name}"
    return f"killed  {job.file}:{job.line}  {job.name}  {killed.test} {killed.seed} {killed.how}"


def _check_reference(lab: str, tests: dict[str, Scenario], seeds: int, cpu_s: float) -> None:
    """What the reference fails as well says nothing about a mutant."""
    file = FILES[lab][0]
    same = Job(-1, file, 1, "the reference", (ROOT / file).read_text(encoding="utf-8"))
    (verdict,) = verdicts(lab, [same], tests, seeds=seeds, cpu_s=cpu_s)
    if verdict.killed is not None:
        raise click.ClickException(f"the reference itself is killed by {verdict.killed}")


def _chosen(lab: str, tests: str | None) -> dict[str, Scenario]:
    every = tests_of(LABS[lab].suite)
    names = tests.split(",") if tests else [*every]
    unknown = [name for name in names if name not in every]
    if unknown:
        raise click.ClickException(f"{lab} has no test {unknown[0]}; it has {', '.join(every)}")
    chosen = {name: test for name, test in every.items() if name in names}
    return dict(sorted(chosen.items(), key=lambda item: item[1].weight))


@click.command()
@click.argument("lab", type=click.Choice([*FILES]))
@click.option("--file", "files", multiple=True, help="Change this file only; may be repeated.")
@click.option("--tests", help="Run these tests only, by their names, joined by commas.")
@click.option("--seeds", type=click.IntRange(1), default=50, show_default=True)
@click.option("--sample", type=click.IntRange(1), help="Take so many mutants, spread evenly.")
@click.option("--grep", help="Take the mutants whose name contains this.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True)
@click.option(
    "--cpu",
    type=float,
    default=lambda: CPU_S,
    show_default=str(CPU_S),
    help="Seconds for one run.",
)
@click.option("--json", "json_to", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--list", "listing", is_flag=True, help="List the mutants, and run none.")
@click.option("-q", "--quiet", is_flag=True, help="Print the mutants that live, and the count.")
def main(
    lab: str,
    files: tuple[str, ...],
    tests: str | None,
    seeds: int,
    sample: int | None,
    grep: str | None,
    jobs: int,
    cpu: float,
    json_to: Path | None,
    *,
    listing: bool,
    quiet: bool,
) -> None:
    """Mutate the reference of LAB, and list the mutants that its suite does not notice.

    A test of weight W runs on one W-th of the seeds. Exit status 1 if a mutant is alive and
    docs/mutants.md does not say why it is right.
    """
    strange = [file for file in files if not (ROOT / file).is_file()]
    if strange:
        raise click.ClickException(f"there is no file {strange[0]} below {ROOT}")
    every = [job for job in jobs_of(lab, files) if (grep or "") in job.name]
    chosen = sampled(every, sample)
    if listing:
        for job in chosen:
            click.echo(f"{job.file}:{job.line}  {job.name}")
        return
    found: list[Verdict] = []
    suite = _chosen(lab, tests)
    _check_reference(lab, suite, seeds, cpu)
    for verdict in verdicts(lab, chosen, suite, seeds=seeds, processes=jobs, cpu_s=cpu):
        found.append(verdict)
        if not quiet or verdict.killed is None:
            click.echo(line(verdict))
    found.sort(key=lambda verdict: verdict.job.number)
    known = explained()
    alive = [verdict for verdict in found if verdict.killed is None]
    open_ = [verdict for verdict in alive if verdict.job.name not in known]
    click.echo(
        f"\n{lab}: {len(found)} mutants, {len(found) - len(alive)} killed, "
        f"{len(alive) - len(open_)} equivalent, {len(open_)} alive"
    )
    for verdict in open_:
        click.echo(line(verdict))
    if json_to is not None:
        rows = [
            {"name": v.job.name, "line": v.job.line, "killed": v.killed and v.killed._asdict()}
            for v in found
        ]
        json_to.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    sys.exit(bool(open_))


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # as in the workers of `labtester run`
        os.environ["PYTHONHASHSEED"] = "0"
        command = [sys.executable, "-m", "bench.mutation", *sys.argv[1:]]
        os.execv(sys.executable, command)  # noqa: S606 - no shell is wanted
    main(prog_name="python -m bench.mutation")
