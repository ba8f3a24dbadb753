"""A worker: asks the coordinator for tasks until there are none, and does them."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final, TypeVar

from labrpc import ClientEnd
from mapreduce.api import App, Disk, decode, encode, line, output, partition
from mapreduce.coordinator import Ask, Coordinator, Kind, Report, Task

R = TypeVar("R")
Groups = dict[str, list[str]]
"""The values of each key."""

TRIES: Final = 50
"""The coordinator counts as gone after this many calls without a reply, which take 10 s."""


class CoordinatorGone(Exception):
    """The coordinator does not answer any more: the job is over, or lost."""


async def worker(app: App, end: ClientEnd, disk: Disk) -> None:
    """Work for the coordinator at the other side of the end, until the job is done."""
    try:
        while (task := await _ask(end, Coordinator.next_task, Ask(end.name))).kind != Kind.EXIT:
            if task.kind == Kind.WAIT:
                await asyncio.sleep(0.2)
                continue
            if task.kind == Kind.MAP:
                await _map(app, disk, task)
            else:
                await _reduce(app, disk, task)
            _ = await _ask(end, Coordinator.finished, Report(task.kind, task.number))
    except CoordinatorGone:
        return


async def _ask(end: ClientEnd, method: Callable[[Any, Any], R], args: Any) -> R:
    """Call until an answer comes: all that is asked can be asked twice."""
    for _ in range(TRIES):
        reply = await end.call(method, args)
        if reply is not None:
            return reply
        await asyncio.sleep(0.2)
    raise CoordinatorGone


async def _map(app: App, disk: Disk, task: Task) -> None:
    contents = decode(await disk.read(task.file))
    parts = await mapped(app, task.file, contents, task.n_reduce)
    for number, part in enumerate(parts):
        await _save(disk, task, _between(task.number, number), part)


async def _reduce(app: App, disk: Disk, task: Task) -> None:
    groups: Groups = {}
    for number in range(task.n_map):
        merge(groups, await disk.read(_between(number, task.number)))
    await _save(disk, task, output(task.number), await reduced(app, groups))


async def mapped(app: App, file: str, contents: str, n_reduce: int) -> list[bytes]:
    """What a map task has for each reduce task: the values of its keys, as JSON."""
    groups: Groups = defaultdict(list)
    for key, value in await app.map(file, contents):
        groups[key].append(value)
    combine = getattr(app, "combine", None)
    parts: list[Groups] = [{} for _ in range(n_reduce)]
    for key, values in groups.items():
        combined = values if combine is None else [await combine(key, values)]
        parts[partition(key, n_reduce)][key] = combined
    return [json.dumps(part).encode() for part in parts]


def merge(groups: Groups, part: bytes) -> None:
    """Add what a map task has for a reduce task to what others had."""
    found: Groups = json.loads(part)
    for key, values in found.items():
        groups.setdefault(key, []).extend(values)


async def reduced(app: App, groups: Groups) -> bytes:
    """The output of a reduce task."""
    lines = [line(key, await app.reduce(key, groups[key])) for key in sorted(groups)]
    return encode("".join(lines))


async def _save(disk: Disk, task: Task, name: str, data: bytes) -> None:
    """Write a file that appears under its name when it is complete, and not before."""
    temporary = f"mr-tmp-{task.attempt}-{name}"
    await disk.write(temporary, data)
    await disk.rename(temporary, name)


def _between(map_number: int, reduce_number: int) -> str:
    """The name of what a map task has for a reduce task."""
    return f"mr-{map_number}-{reduce_number}"
