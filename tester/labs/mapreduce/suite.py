"""The suite of the MapReduce lab: the seven tests of the course, and ours of what goes wrong."""

from __future__ import annotations

import asyncio
from typing import Final

from tester.labs.mapreduce.job import Job
from tester.labs.mapreduce.verdicts import NotParallel, WrongOutput
from tester.labs.mapreduce.worker_faults import ALL, CRASH, SILENCE, SLOW
from tester.world.limits import Limits
from tester.world.simulate import LONG_REORDERING, UNRELIABLE, simulate
from tester.world.simulation import Simulation

LIMITS: Final = Limits(virtual_s=600, steps=1_000_000)
"""Many times what a right solution takes whose workers fall silent again and again."""
LONG_S: Final = 30
ODD: Final[dict[str, str]] = {
    "empty": "",
    "no word": " 1 2\r\n--\n",
    "one": "word",
    "again": "word word\nand another ",
    "the same again": "word word\nand another ",
    "long": "long" * 1_000,
}
"""The names of the files have spaces, too."""
TWELVE: Final = {f"{i}.txt": f"one of twelve files and {'abcdefghijkl'[i] * 3}" for i in range(12)}
"""More than ten: a number that ends in 1, or begins with it, is not always 1."""
LONG_FILES: Final = {
    "short": "a few words",
    "long": " ".join("abcdefghij"[i % 10] * (1 + i % 7) for i in range(5_000)),
    "one word": "same " * 3_000,
}
"""More words than any buffer of a few hundred or thousand takes."""


# -- of the course --------------------------------------------------------------------------------


@simulate(model=None, limits=LIMITS)
async def test_wc(sim: Simulation) -> None:
    """Three workers count words, and every file is mapped once."""
    job = Job(sim, "wc")
    await job.run()
    job.check_done_once()


@simulate(model=None, limits=LIMITS)
async def test_indexer(sim: Simulation) -> None:
    """Two workers list the files in which each word occurs."""
    job = Job(sim, "indexer", workers=2)
    await job.run()
    job.check_done_once()


@simulate(model=None, limits=LIMITS)
async def test_map_parallel(sim: Simulation) -> None:
    """Two workers map at the same time."""
    job = Job(sim, "mtiming", workers=2)
    await job.run()
    lines = job.lines()
    who = [key.removeprefix("times-") for key in lines if key.startswith("times-")]
    if len(who) != 2:
        raise NotParallel(f"two workers were there, and of all files {_those(who)} mapped some")
    seen = [n for key, value in lines.items() if "parallel" in key for n in value.split()]
    if "2" not in seen:
        raise NotParallel("both workers have mapped files, and never at the same time")


@simulate(model=None, limits=LIMITS)
async def test_reduce_parallel(sim: Simulation) -> None:
    """Two workers reduce at the same time."""
    job = Job(sim, "rtiming", workers=2)
    await job.run()
    job.check_done_once()
    lines = job.lines()
    if sorted(lines) != list("abcdefghij"):
        raise WrongOutput(f"expected the ten keys from a to j in the output, got {sorted(lines)}")
    if list(lines.values()).count("2") < 2:
        raise NotParallel(f"two workers were there, and hardly reduced at the same time: {lines}")


@simulate(model=None, limits=LIMITS)
async def test_job_count(sim: Simulation) -> None:
    """Eight files take eight calls of map, if nobody is silent; who comes late finds nothing."""
    job = Job(sim, "jobcount", workers=2)
    await job.start()
    await asyncio.sleep(1)
    job.hire(2)
    await job.finish()
    job.check_done_once()
    if job.lines() != {"a": "8"}:
        raise WrongOutput(f"expected the line 'a 8' in the output, got {job.lines()}")


@simulate(model=None, limits=LIMITS)
async def test_early_exit(sim: Simulation) -> None:
    """Some keys take long to reduce, and nobody leaves before the output is complete."""
    job = Job(sim, "early_exit")
    await job.run()
    job.check_done_once()


@simulate(model=None, limits=LIMITS)
async def test_crash_worker(sim: Simulation) -> None:
    """Workers crash, or stand still, whenever they map or reduce."""
    await Job(sim, "crash").run()


# -- ours -----------------------------------------------------------------------------------------


@simulate(model=None, limits=LIMITS)
async def test_crashes_at_any_step(sim: Simulation) -> None:
    """Workers crash before and after they read, write or rename a file."""
    await Job(sim, "wc", faults=[CRASH]).run()


@simulate(model=None, limits=LIMITS)
async def test_silence(sim: Simulation) -> None:
    """Workers stand still, for longer than a task may take, and then go on."""
    await Job(sim, "wc", faults=[SILENCE]).run()


@simulate(model=None, limits=LIMITS)
async def test_slow_workers(sim: Simulation) -> None:
    """Files take long to read, write or rename; what was handed out again is finished late."""
    await Job(sim, "indexer", faults=[SLOW]).run()


@simulate(network=UNRELIABLE, model=None, limits=LIMITS)
async def test_lost_replies(sim: Simulation) -> None:
    """The network loses requests and replies."""
    await Job(sim, "wc").run()


@simulate(network=LONG_REORDERING, model=None, limits=LIMITS)
async def test_late_replies(sim: Simulation) -> None:
    """Replies are held back for up to two seconds."""
    await Job(sim, "indexer").run()


@simulate(network=UNRELIABLE, model=None, limits=LIMITS)
async def test_everything_at_once(sim: Simulation) -> None:
    """Workers crash, stand still and are slow, and the network loses messages."""
    await Job(sim, "wc", workers=4, faults=ALL).run()


@simulate(model=None, limits=LIMITS)
async def test_one_worker_hangs(sim: Simulation) -> None:
    """A worker stands still in its first task, for ever; the others do without it."""
    job = Job(sim, "wc")
    await job.start()
    sim.after(1_000, sim.node("w0").pause)
    await asyncio.sleep(LONG_S)
    await job.finish_without("w0")


@simulate(model=None, limits=LIMITS)
async def test_three_workers_hang(sim: Simulation) -> None:
    """Two workers hang in their first tasks, and ten seconds later one who gets such a task."""
    job = Job(sim, "wc", workers=5)
    await job.start()
    idle, hung = [*job.workers], []
    for nth in range(3):
        if nth == 2:
            await asyncio.sleep(2)  # for the tasks of those who do not hang
            await job.check_pace(idle, 7)
        hung.append(await job.begins(*idle))
        sim.node(hung[-1]).pause()
        idle.remove(hung[-1])
    await asyncio.sleep(LONG_S)
    await job.finish_without(*hung)
    job.check_hand_outs(hung)


@simulate(model=None, limits=LIMITS)
async def test_workers_come_late(sim: Simulation) -> None:
    """A job waits for its workers, and those that come when it is under way share the work."""
    job = Job(sim, "wc", workers=0)
    await job.start()
    await asyncio.sleep(LONG_S)
    job.hire(1)
    await asyncio.sleep(0.01)
    job.hire(3)
    await job.finish()
    job.check_done_once()


@simulate(model=None, limits=LIMITS)
async def test_odd_files(sim: Simulation) -> None:
    """Files are empty, without a word, equal, or one word; some reduce tasks have no keys."""
    job = Job(sim, "wc", files=ODD, n_reduce=7)
    await job.run()
    job.check_done_once()


@simulate(model=None, limits=LIMITS)
async def test_more_workers_than_tasks(sim: Simulation) -> None:
    """Six workers have two files and three reduce tasks between them."""
    files = ("pg-sherlock_holmes.txt", "pg-tom_sawyer.txt")
    job = Job(sim, "early_exit", workers=6, files=files, n_reduce=3)
    await job.run()
    job.check_done_once()


@simulate(model=None, limits=LIMITS)
async def test_more_than_ten_tasks(sim: Simulation) -> None:
    """Twelve files and twelve reduce tasks: what one has for another goes to no third one."""
    job = Job(sim, "wc", files=TWELVE, n_reduce=12)
    await job.run()
    job.check_done_once()


@simulate(model=None, limits=LIMITS)
async def test_long_files(sim: Simulation) -> None:
    """Files have thousands of words, and most of them are equal."""
    job = Job(sim, "wc", files=LONG_FILES, n_reduce=3)
    await job.run()
    job.check_done_once()


def _those(names: list[str]) -> str:
    return " and ".join(names) if names else "nobody"
