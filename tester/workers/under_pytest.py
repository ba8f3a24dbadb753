"""Tests of a pytest project in a worker: collected by pytest, run with their fixtures."""

from __future__ import annotations

import contextlib
import gc
import io
import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NoReturn, Protocol

import pytest
from _pytest.skipping import evaluate_skip_marks

from tester.workers.launch import Project
from tester.workers.wire import Job
from tester.world.failure import HandlerCrashed
from tester.world.run import Outcome
from tester.world.scenario import Scenario

PYTEST_EXCEPTIONS: Final = (pytest.skip.Exception, pytest.xfail.Exception, pytest.exit.Exception)
"""Exceptions that a test raises to skip, to fail as expected, or to exit; they are no failures."""
_IMPORTED: Final = "pytest.PytestAssertRewriteWarning"
"""The warning that this package was imported before pytest could rewrite it, as in a worker."""
_OFF: Final = {"numprocesses": 0, "timeout": 0}
"""Options of other plugins that would run tests elsewhere, or end this process."""


@dataclass(frozen=True)
class Case:
    """A collected test."""

    name: str
    """Its node id, which begins at the root of the project."""
    scenario: Scenario
    """Without its fixtures."""
    module: str = ""
    """The module to import it from; "" for a method, and for one case of a parametrized test."""
    fixtures: tuple[str, ...] = ()
    """The names of its fixtures."""


class Server(Protocol):
    """The worker process that does the jobs."""

    def ready(self, cases: Sequence[Case], root: str) -> None:
        """The tests have been collected."""
        ...

    def refuse(self, sentence: str) -> NoReturn:
        """Say why there is nothing to run."""
        ...

    def receive_job(self) -> Job:
        """The next job. Raises EOFError if the parent has hung up."""
        ...

    def do(self, job: Job, scenario: Scenario) -> None:
        """Run a job of a test whose fixtures are set up."""
        ...

    def cannot_do(self, job: Job, sentence: str) -> None:
        """Answer a job of a test that cannot be run."""
        ...

    def to_the_end(self) -> contextlib.AbstractContextManager[None]:
        """End this process when there are no more jobs, and when something goes wrong."""
        ...

    def watch_crashes(self) -> None:
        """Say where the process stands, should it crash."""
        ...


def serve(project: Project, server: Server) -> NoReturn:
    """Have pytest collect the project's tests, and do each job inside the call of its test."""
    said = io.StringIO()
    with contextlib.ExitStack() as starting:
        _ = starting.enter_context(contextlib.redirect_stderr(said))
        args = [project.what, "--capture=no", f"-Wignore::{_IMPORTED}"]
        args += [f"--rootdir={project.root}"] if project.root else []
        if project.folder and not project.root:  # or pytest would name tests from where we are
            try:
                os.chdir(project.folder)
            except OSError as error:
                server.refuse(
                    f"{project.folder}: {error.strerror}; whoever runs {project.shown} needs the "
                    "same folders"
                )
        try:
            status = pytest.main(args, [_Starter(server, project, starting.close)])
        except Exception as error:  # noqa: BLE001 - of one of the project's plugins, perhaps
            server.refuse(f"pytest could not start: {type(error).__name__}: {error}")
    words = " ".join(said.getvalue().replace("ERROR:", "error:").split())
    reason = words.rpartition("error: ")[2]
    server.refuse(f"pytest ended with status {int(status)}: {reason or 'it did not say why'}")


class _Starter:
    """The plugin that prepares pytest for what a worker is to do."""

    def __init__(self, server: Server, project: Project, started: Callable[[], None]) -> None:
        self._server = server
        self._project = project
        self._started = started
        self._broken = ""

    @pytest.hookimpl(wrapper=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, object, object]:
        """Turn off what would take the tests away from this process, or this process from us."""
        for name, value in _OFF.items():
            if hasattr(config.option, name):
                setattr(config.option, name, value)
        return (yield)

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Take over; what is registered last is called first."""
        self._started()
        self._server.watch_crashes()
        config.pluginmanager.register(_Jobs(self._server, self._project))

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self, session: pytest.Session) -> Generator[None, object, object]:
        """Refuse a project that cannot be collected."""
        try:
            found = yield
        except pytest.UsageError as error:
            # Of a file that cannot be imported, pytest finds no test, and says only that.
            sentence = self._broken or " ".join(str(error).split())
        else:
            if not self._broken:
                return found
            sentence = self._broken
        with self._server.to_the_end():
            self._server.refuse(sentence)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep the first thing that could not be imported."""
        if report.failed and not self._broken:
            crash = getattr(report.longrepr, "reprcrash", None)
            last = [line for line in str(report.longrepr).splitlines() if line.strip()]
            why = crash.message if crash is not None else last[-1].removeprefix("E").strip()
            self._broken = f"{report.nodeid}: pytest cannot collect it: {why}"


class _Jobs:
    """The plugin that has pytest do one job after another, each inside its test."""

    def __init__(self, server: Server, project: Project) -> None:
        self._server = server
        self._project = project
        self._job: Job | None = None
        self._broken = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> object:
        """Set up the test of each job as it comes."""
        items = self._collected(session)
        gc.freeze()  # what is here stays: collections need not look at it again
        with self._server.to_the_end():
            root = str(session.config.rootpath)
            self._server.ready([_case(item) for item in items.values()], root)
            self._job = self._server.receive_job()
        while True:
            job, item = self._job, items[self._job.test]
            self._broken = ""
            item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
            if self._job is job:  # the test itself was not called
                with self._server.to_the_end():
                    why = self._broken or "one of pytest's plugins does not run it"
                    self._server.cannot_do(job, f"{job.test}: {why}")
                    self._job = self._server.receive_job()

    def _collected(self, session: pytest.Session) -> dict[str, pytest.Function]:
        simulated = [
            item
            for item in session.items
            if isinstance(item, pytest.Function) and hasattr(item.obj, "simulation")
        ]
        items = {item.nodeid: item for item in simulated if evaluate_skip_marks(item) is None}
        if items:
            return items
        sentence = f"expected a simulated test in {self._project.shown}, got none"
        if simulated:
            skipped = evaluate_skip_marks(simulated[0])
            assert skipped is not None
            sentence = f"{simulated[0].nodeid} is skipped: {skipped.reason}"
        elif session.items:
            sentence += f": {session.items[0].nodeid} is not under @simulate"
        with self._server.to_the_end():
            self._server.refuse(sentence)
        raise AssertionError

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Do this test's jobs, now that its fixtures are there, until there is one of another."""
        scenario = scenario_of(pyfuncitem)
        if scenario is None:
            return None
        with self._server.to_the_end():
            while self._job is not None and self._job.test == pyfuncitem.nodeid:
                self._server.do(self._job, scenario)
                self._job = self._server.receive_job()
        return True

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Keep why a test could not be set up."""
        if call.when == "setup" and call.excinfo is not None:
            error = call.excinfo.value
            skipped = isinstance(error, PYTEST_EXCEPTIONS)
            how = "is skipped" if skipped else f"its fixtures raise {call.excinfo.typename}"
            self._broken = f"{how}: {' '.join(str(error).split())}"


def scenario_of(item: pytest.Function) -> Scenario | None:
    """The scenario of a test whose fixtures are set up; None if the test is not simulated."""
    scenario: Scenario | None = getattr(item.obj, "simulation", None)
    if scenario is None:
        return None
    names = item._fixtureinfo.argnames
    owner = getattr(item.obj, "__self__", None)
    return scenario.with_arguments(
        *(() if owner is None else (owner,)), **{name: item.funcargs[name] for name in names}
    )


def pytest_exception(outcome: Outcome) -> BaseException | None:
    """The exception for pytest with which a run ended, if any; it is no failure."""
    error = outcome.error
    if isinstance(error, PYTEST_EXCEPTIONS):
        return error
    if isinstance(error, HandlerCrashed):
        for kind in PYTEST_EXCEPTIONS:
            if error.failure.kind == kind.__name__:
                return kind(error.failure.message)
    return None


def _case(item: pytest.Function) -> Case:
    case = Case(item.nodeid, item.obj.simulation)
    if item.originalname != item.name or item.cls is not None:
        return case
    return replace(case, module=item.module.__name__, fixtures=tuple(item._fixtureinfo.argnames))
