"""The examiner: a process that runs one submission's seeds, isolated, and says what they came to.

It is our code and no submission's: the nodes run in processes of their own, shut in. Should it
come to grief, the machine is at fault, and not the submission.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from tester.grading.exam import Progress
from tester.grading.isolation import Isolation, Kind, MachineFault, NothingToTell, SeedResult
from tester.grading.journal import COMMAND, RefusedLine, SeedLine, ShutIn, StoryLine
from tester.grading.plan import Part
from tester.grading.remote import Broken
from tester.grading.sandbox import Limits
from tester.report.likeness import likeness
from tester.report.story import render_story
from tester.workers.processes import end_with_parent
from tester.workers.wire import plain
from tester.world.pipe import receive, send

_BEGIN: Final = (
    "import sys; sys.path[:] = sys.argv[1].split('\\n'); "
    "from tester.grading.examiner import main; main()"
)
_VERDICTS: Final = {
    Kind.PASSED: "pass",
    Kind.FAILED: "fail",
    Kind.UNDECIDED: "unknown",
    Kind.CRASHED: "lost",
    Kind.TIMED_OUT: "lost",
}


class Work(msgspec.Struct, frozen=True):
    """One part that is to be run, from the first seed that has no result yet."""

    part: Part
    seeds: list[int]
    known: list[SeedLine]
    has_story: bool
    """Whether its story is known."""


class Job(msgspec.Struct, frozen=True):
    """What an examiner gets, once."""

    lab: str
    files: Mapping[str, bytes]
    granted: tuple[str, ...]
    limits: Limits
    level: int
    """The least isolation that is enough; all is tried that there is."""
    work: list[Work]
    stories: bool
    """Whether stories of failures are wanted."""
    core: int | None = None
    """Where to run, with all nodes: one of them runs at a time, and finds what the last one left
    in the caches. None: wherever the system puts it."""


class Fault(msgspec.Struct, frozen=True, tag=True):
    """The machine is at fault: there are no more results."""

    sentence: str
    details: str = ""
    """See MachineFault."""


class Over(msgspec.Struct, frozen=True, tag=True):
    """Everything has been said."""


Said = ShutIn | Fault | Over | SeedLine | StoryLine | RefusedLine
said_of: Final = msgspec.msgpack.Decoder(Said).decode
_encode: Final = msgspec.msgpack.Encoder().encode


def command(home: str) -> list[str]:
    """What starts an examiner, which imports what this process would import."""
    path = [str(Path(entry).absolute()) if entry else home for entry in sys.path]
    return [sys.executable, "-s", "-P", "-c", _BEGIN, "\n".join(path)]


def main() -> NoReturn:
    """Read a job from standard input, and write what comes of it to standard output."""
    end_with_parent()
    answers = os.dup(1)
    os.dup2(2, 1)  # nothing but answers may come through that pipe
    status = 1
    try:
        job = msgspec.msgpack.decode(receive(0), type=Job)
        if job.core is not None and sys.platform == "linux":
            with suppress(OSError):  # it may have been taken from us meanwhile
                os.sched_setaffinity(0, {job.core})
        try:
            for said in examined(job):
                send(answers, _encode(said))
            send(answers, _encode(Over()))
        except (MachineFault, MemoryError, OSError) as fault:
            details = fault.details if isinstance(fault, MachineFault) else ""
            send(answers, _encode(Fault(" ".join(plain(str(fault)).split()), plain(details))))
        status = 0
    except BrokenPipeError:  # the grader has gone
        pass
    finally:
        sys.stderr.flush()
        os._exit(status)


def examined(job: Job) -> Iterable[Said]:
    """All results of a job, each as soon as it is known. Raises MachineFault."""
    with Isolation(job.lab, job.files, granted=job.granted, limits=job.limits) as isolated:
        enforced = isolated.enforced
        if enforced.level < job.level:
            raise MachineFault(f"expected isolation of level {job.level}, got {enforced.report()}")
        asked = [f"{name} was asked for and is not there" for name in isolated.missed]
        yield ShutIn(enforced.level, enforced.report(), (*isolated.notes, *asked))
        if isolated.refusal:
            yield RefusedLine(plain(" ".join(isolated.refusal.split())))
            return
        worked = []
        for work in job.work:
            progress = Progress(work.part, work.seeds)
            for known in work.known:
                progress.add(known)
            worked.append((work, progress, last := _Last()))
            while not progress.finished:
                index = len(progress.counted)
                last.result = isolated.run(work.part.test, work.seeds[index])
                line = _line(work.part, index, last.result)
                progress.add(line)
                yield line
        if job.stories:
            for work, progress, last in worked:
                if progress.failed and not work.has_story:
                    yield _story(isolated, progress, last.result)


class _Last:
    """The last seed of a part that was run here, if one was."""

    result: SeedResult | None = None


def _line(part: Part, index: int, result: SeedResult) -> SeedLine:
    verdict = _VERDICTS[result.kind]
    return SeedLine(
        part=part.id,
        index=index,
        verdict=verdict,
        rpcs=result.rpcs,
        ops=result.ops,
        virtual_us=result.virtual_us,
        digest=result.digest,
        last=verdict == "lost",
    )


def _story(isolated: Isolation, progress: Progress, last: SeedResult | None) -> StoryLine:
    """What happened with the first seed that did not pass."""
    part, first = progress.part, progress.failed[0]
    seed = progress.seeds[first.index]
    if first.verdict == "lost":
        if last is None or last.seed != seed:
            last = isolated.run(part.test, seed)
        return _brief(part, seed, last.sentence or "not the same when it was run again")
    try:
        return _told(isolated, part, seed)
    except NothingToTell as nothing:
        return _brief(part, seed, str(nothing))
    except (MachineFault, MemoryError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - a run that knew it was watched may end in any way
        kind = type(error).__name__
        return _brief(part, seed, f"it failed, and what happened cannot be told ({kind})")


def _told(isolated: Isolation, part: Part, seed: int) -> StoryLine:
    found = isolated.diagnosis(part.test, seed)
    if isinstance(found.outcome.error, Broken):
        return _brief(part, seed, str(found.outcome.error))
    text = plain(render_story(seed, found.outcome, COMMAND, found.explanation)).rstrip("\n")
    head = " ".join(text.partition("\n\n")[0].removeprefix(f"seed {seed}: ").split())
    why = found.explanation
    return StoryLine(
        part=part.id,
        text=text,
        headline=head,
        kinds=() if why is None else tuple(dict.fromkeys(cause.kind for cause in why.causes)),
        faults=() if why is None else tuple(cause.what for cause in why.causes),
        sentence="" if why is None else why.sentence,
        likeness=plain(likeness(found.outcome)),
        printed=isolated.printed(part.test, found),
    )


def _brief(part: Part, seed: int, sentence: str) -> StoryLine:
    """The story of a seed of which there is no more to tell."""
    sentence = plain(" ".join(sentence.split()))
    text = f"seed {seed}: {sentence}\n\nTo run it again:\n    {COMMAND}"
    return StoryLine(part=part.id, text=text, headline=sentence, likeness=sentence)
