"""What a command is about: a lab's tests, a test of a pytest project, or the record of a run."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tester.cli.options import STUCK_AFTER_S, memory_limit, memory_option, resolved
from tester.cli.usage import unknown
from tester.engine.strategy import UNIFORM
from tester.labs import LABS

if TYPE_CHECKING:  # for --help and for a usage error, click is enough
    from contextlib import AbstractContextManager

    from tester.search.corpus import Corpus
    from tester.workers.launch import Project, Python, Setup
    from tester.workers.pool import Pool
    from tester.workers.results import Rerun
    from tester.workers.surroundings import Where
    from tester.workers.wire import Listed


def known_lab(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if value not in LABS:
        raise click.UsageError(unknown("lab", value, LABS))
    return value


lab_argument = click.argument("lab", callback=known_lab)
METAVAR: Final = "LAB TEST | NODE | RECORD"
"""How a command calls one test: of a lab, as pytest names it, or as that of a failing run."""


@dataclass(frozen=True)
class Target:
    """The tests that a command is about, and how they are run."""

    name: str
    """The lab's, or what somebody calls tests of a project: FILE.py, FOLDER, FILE.py::TEST."""
    submission: str | None
    stuck_after: int
    schedule: str | None = None
    strategy: str | None = None
    root: str = ""
    """Where the project begins; "" for a lab, and until that is known."""
    inside: str = ""
    """The part of a project that is meant, from its root on; "": what its name says."""
    only: str = ""
    """The one test of a lab that is meant, for which a record stands; "": all of them."""

    @property
    def lab(self) -> str:
        """The name of the lab; "" for tests of a project, as in a record."""
        return "" if self.is_project else self.name

    @property
    def is_project(self) -> bool:
        """Whether pytest runs these tests as well."""
        return self.name not in LABS

    def setup(self, seeds: int | None = None, **more: Any) -> Setup:
        """What a worker is told."""
        from tester.workers.launch import Setup

        lab = None if self.is_project else LABS[self.name]
        project = self._project() if self.is_project else None
        return Setup(
            lab,
            self.submission,
            seeds,
            self.schedule,
            memory=memory_limit(),
            strategy=self.strategy,
            project=project,
            **more,
        )

    def _project(self) -> Project:
        from tester.workers.launch import Project

        file, *rest = (self.inside or self.name).split("::", 1)
        whole = resolved(Path(self.root, file) if self.inside else file)
        return Project("::".join([whole, *rest]), self.name, self.root, resolved("."))

    def found(self, pool: Pool) -> Target:
        """This target, now that a worker knows where its project begins."""
        return replace(self, root=pool.root) if self.is_project else self

    def words(self, test: str) -> list[str]:
        """How a command line names one of the tests."""
        if not self.is_project:
            return [self.name, test]
        file, *rest = test.split("::", 1)
        return ["::".join([os.path.relpath(Path(self.root, file)), *rest])]

    def command(self, test: str, seed: int) -> str:
        """The shell command that runs a seed of a test again, once the target is found."""
        how = ["--schedule", self.schedule] if self.schedule is not None else []
        how += ["--strategy", self.strategy] if self.strategy not in (None, UNIFORM) else []
        words = ["labtester", "replay", *self.words(test), "--seed", str(seed)]
        return shlex.join([*words, *self.options(), *how])

    def options(self) -> list[str]:
        """The options that a command is to be given as this one was."""
        words = ["--submission", self.submission] if self.submission is not None else []
        if self.stuck_after != STUCK_AFTER_S:
            words += ["--stuck-after", str(self.stuck_after)]
        return words + memory_option()

    def corpus(self) -> Corpus:
        """Where the records of its failures are, once the target is found."""
        from tester.search.corpus import Corpus
        from tester.search.record import FOLDER

        folder = Path(os.path.relpath(Path(self.root, FOLDER))) if self.is_project else None
        return Corpus(self.lab, self.submission, folder)


def target_of(
    name: str,
    submission: str | None,
    stuck_after: int,
    schedule: str | None = None,
    strategy: str | None = None,
) -> Target:
    """The tests of this name: of a lab, or of a pytest project. Raises click's exceptions.

    A record stands for its test, of the submission and under the schedule that it records.
    """
    if name in LABS:
        return Target(name, submission, stuck_after, schedule, strategy)
    if _is_record(name):
        return _of_record(name, submission, stuck_after, schedule, strategy)
    if not is_node(name):
        raise click.UsageError(unknown("lab", name, LABS))
    if submission is not None:
        raise click.UsageError(f"expected a lab with --submission, got {name}")
    if not Path(name.partition("::")[0]).exists():
        raise click.ClickException(f"{name.partition('::')[0]}: there is no such file or folder")
    return Target(name, None, stuck_after, schedule, strategy)


def _is_record(word: str) -> bool:
    from tester.search.record import SUFFIX

    return word.endswith(SUFFIX) and "::" not in word


def _of_record(
    path: str, submission: str | None, stuck_after: int, schedule: str | None, strategy: str | None
) -> Target:
    from tester.engine.schedule import DEFAULT

    found, rerun = _recorded(path, submission, stuck_after)
    if schedule is None and rerun.schedule != DEFAULT:
        schedule = rerun.schedule
    if not found.is_project:
        return replace(found, only=rerun.test, schedule=schedule, strategy=strategy)
    (node,) = found.words(rerun.test)
    return Target(node, None, stuck_after, schedule, strategy)


def is_node(word: str) -> bool:
    """Whether it names tests of a project, as pytest does, and not a lab or a record."""
    path, colons, _ = word.partition("::")
    if word in LABS or not word:
        return False
    return bool(colons) or path.endswith(".py") or Path(path).is_dir()


def names_test(what: Sequence[str]) -> bool:
    """Whether it is `LAB TEST` or `NODE`, and not a record."""
    return (len(what) == 2 and what[0] in LABS) or (len(what) == 1 and is_node(what[0]))


def one_test(
    what: Sequence[str],
    submission: str | None,
    stuck_after: int,
    schedule: str | None = None,
    strategy: str | None = None,
) -> tuple[Target, str | None]:
    """The target and the test that `LAB TEST`, `NODE` or `RECORD` name; None: its only one."""
    if len(what) == 1 and (is_node(what[0]) or _is_record(what[0])):
        target = target_of(what[0], submission, stuck_after, schedule, strategy)
        return target, target.only or None
    if len(what) != 2:
        got = " ".join(what) or "nothing"
        raise click.UsageError(
            "expected a lab and one of its tests, a test as pytest names it, or a record, got "
            f"{got}"
        )
    if what[0] not in LABS:
        raise click.UsageError(unknown("lab", what[0], LABS))
    return target_of(what[0], submission, stuck_after, schedule, strategy), what[1]


@contextmanager
def pool_of(
    target: Target,
    seeds: int | None,
    jobs: int,
    *,
    python: Python | None = None,
    name_taken: bool = True,
) -> Iterator[Pool]:
    """Workers that have loaded the tests; raises ClickException if they cannot.

    `name_taken`: print what they took from the submission's folder.
    """
    from tester.workers.launch import launch
    from tester.workers.pool import CannotStart, Pool

    def note(text: str) -> None:
        click.echo(f"warning: {text}", err=True)

    how = launch(target.setup(seeds), python=python)
    try:
        with Pool(how, jobs, stuck_s=target.stuck_after, note=note) as pool:
            _ = pool.tests()
            if target.submission is not None and name_taken:
                click.echo(f"{target.submission}: {pool.taken}", err=True)
            yield pool
    except CannotStart as reason:
        raise click.ClickException(str(reason)) from None


def elsewhere(target: Target) -> Callable[[Where], AbstractContextManager[Pool]]:
    """A function that starts one more worker with the tests, in other surroundings.

    Its warnings are dropped, since the first worker has printed them. It raises CannotStart if
    they cannot be loaded there: that is a finding.
    """
    from msgspec.structs import replace as replace_field

    from tester.workers.launch import launch
    from tester.workers.pool import Pool
    from tester.workers.surroundings import amid

    usual = target.setup()

    @contextmanager
    def start(where: Where) -> Iterator[Pool]:
        with amid(where) as around:
            how = launch(replace_field(usual, around=around), other_hashes=where.other_hashes)
            with Pool(how, 1, stuck_s=target.stuck_after, note=lambda text: None) as pool:
                yield pool

    return start


def select_one(tests: Sequence[Listed], name: str | None) -> Listed:
    """The test of exactly this name; None: the only one there is."""
    if name is None and len(tests) == 1:
        return tests[0]
    if name is None:
        raise click.ClickException(
            f"expected one test, got {len(tests)}: {', '.join(test.name for test in tests)}"
        )
    for test in tests:
        if test.name == name:
            return test
    raise click.ClickException(unknown("test", name, [test.name for test in tests]))


def labelled(
    what: Sequence[str],
    seed: int | None,
    submission: str | None,
    stuck_after: int,
    schedule: str | None = None,
    strategy: str | None = None,
) -> tuple[Target, Rerun]:
    """The target and the run that `FILE`, or `LAB TEST --seed S` or `NODE --seed S`, name."""
    from tester.search.record import SUFFIX
    from tester.workers.results import Rerun

    if len(what) == 1 and what[0] not in LABS and not is_node(what[0]):
        if seed is not None:
            raise click.UsageError("a record has its own seed; leave --seed out")
        if schedule is not None:
            raise click.UsageError("a record has its own schedule; leave --schedule out")
        if strategy is not None:
            raise click.UsageError("a record has its own strategy; leave --strategy out")
        return _recorded(what[0], submission, stuck_after)
    if not what or (len(what) == 1 and what[0] in LABS) or len(what) > 2:
        if len(what) > 1 and what[0].endswith(SUFFIX):
            raise click.UsageError(f"expected one record, got {len(what)}")
        got = " ".join(what) or "nothing"
        raise click.UsageError(
            f"expected a record, a lab and one of its tests, or a test as pytest names it, "
            f"got {got}"
        )
    if what[0] not in LABS and what[0].endswith(SUFFIX):
        raise click.UsageError(f"expected one record, got {len(what)}")
    target, test = one_test(what, submission, stuck_after, schedule, strategy)
    if seed is None:
        raise click.UsageError("expected a seed with the test, got none; add --seed S")
    if test is None:  # what pytest calls it is known once it has been collected
        return target, Rerun("", seed, "")
    return target, Rerun(test, seed, target.command(test, seed))


def _recorded(path: str, submission: str | None, stuck_after: int) -> tuple[Target, Rerun]:
    from tester.search.record import FOLDER, BadRecord, load
    from tester.workers.results import rerun_of

    try:
        kept = load(Path(path))
    except BadRecord as error:
        raise click.ClickException(str(error)) from None
    if kept.lab in LABS:
        target = Target(kept.lab, submission or kept.submission or None, stuck_after)
        asked = replace(target, submission=submission)
    elif kept.lab:
        raise click.ClickException(f"{path} records a test of a lab that is not here: {kept.lab}")
    elif submission is not None:
        raise click.UsageError(
            f"expected the record of a lab with --submission, and {path} is of a pytest project"
        )
    else:
        folder = Path(resolved(path)).parent
        root = folder.parent if folder.name == FOLDER else Path(resolved("."))
        file = kept.test.partition("::")[0]
        if not (root / file).exists():
            raise click.ClickException(
                f"{path} records {kept.test} of a pytest project, and there is no {file} in "
                f"{root}; keep the record in that project's {FOLDER}"
            )
        target = asked = Target(path, None, stuck_after, root=str(root), inside=kept.test)
    command = shlex.join(["labtester", "replay", path, *asked.options()])
    return target, rerun_of(kept, command)


@contextmanager
def pool_for(target: Target, rerun: Rerun) -> Iterator[Pool]:
    """A worker for a rerun; also fills in what is known only of tests that have been loaded."""
    with pool_of(target, None, 1) as pool:
        test = select_one(pool.tests(), rerun.test if rerun.command else None)
        rerun.test = test.name
        rerun.command = rerun.command or target.found(pool).command(test.name, rerun.seed)
        if not rerun.record:
            rerun.schedule = test.schedule
        yield pool
