"""Right solutions of the MapReduce lab, each in a style of its own."""

from __future__ import annotations

from typing import Final

from tester.labs.patch import Patch, Rewrite

COORDINATOR, WORKER = "mapreduce/coordinator.py", "mapreduce/worker.py"

BACKUP_TASKS: Final = Patch(
    "backup_tasks",
    "Whoever is idle gets a copy of the oldest task that has been under way for ten seconds.",
    COORDINATOR,
    (
        (
            "            del self._since[number]\n        self._since[number] = now\n",
            "            return number\n        self._since[number] = now\n",
        ),
    ),
)
"""Several workers may be at one task then, as the clock of a task starts with its first one."""

PUSHES: Final = Patch(
    "pushes",
    "The coordinator keeps an idle worker's call, and answers it when it has a task.",
    COORDINATOR,
    (
        (
            "        self._attempts = 0\n",
            "        self._attempts = 0\n        self._changed = asyncio.Event()\n",
        ),
        ("    def next_task(self, ask: Ask) -> Task:\n", "    def _next(self) -> Task:\n"),
        (
            "    def finished(self, report: Report) -> Noted:\n",
            '''\
    async def next_task(self, ask: Ask) -> Task:
        """A task, as soon as there is one."""
        while (task := self._next()).kind is Kind.WAIT:
            changed = self._changed
            try:
                async with asyncio.timeout(1):
                    await changed.wait()
            except TimeoutError:
                pass
        return task

    def finished(self, report: Report) -> Noted:
''',
        ),
        (
            "        return Noted()\n",
            """\
        self._changed.set()
        self._changed = asyncio.Event()
        return Noted()
""",
        ),
    ),
)
COMBINER: Final = Patch(
    "combines_everywhere",
    "Values are combined while a file is mapped, and once more before they are reduced.",
    WORKER,
    (
        (
            '        groups[key].append(value)\n    combine = getattr(app, "combine", None)\n',
            """\
        groups[key].append(value)
        if combine is not None and len(groups[key]) > 3:
            groups[key] = [await combine(key, groups[key])]
""",
        ),
        (
            "    groups: Groups = defaultdict(list)\n    for",
            """\
    groups: Groups = defaultdict(list)
    combine = getattr(app, "combine", None)
    for""",
        ),
        (
            "    lines = [line(key,",
            """\
    if (combine := getattr(app, "combine", None)) is not None:
        groups = {key: [await combine(key, values)] for key, values in groups.items()}
    lines = [line(key,""",
        ),
    ),
)
NO_COMBINER: Final = Patch(
    "never_combines",
    "All values of a key travel, and a reduce task has no order of keys.",
    WORKER,
    (
        ('    combine = getattr(app, "combine", None)\n', "    combine = None\n"),
        ("for key in sorted(groups)]", "for key in groups]"),
    ),
)

SLEEPS: Final = Patch(
    "sleeps_for_a_second",
    "A worker asks once a second, and leaves after ten calls in a row without an answer.",
    WORKER,
    (
        ("TRIES: Final = 50", "TRIES: Final = 11"),
        (
            "            if task.kind == Kind.WAIT:\n                await asyncio.sleep(0.2)\n",
            "            if task.kind == Kind.WAIT:\n                await asyncio.sleep(1)\n",
        ),
        (
            "            return reply\n        await asyncio.sleep(0.2)\n",
            "            return reply\n        await asyncio.sleep(1)\n",
        ),
    ),
)
TIDIES_UP: Final = Patch(
    "tidies_up",
    "Temporary files begin as the output does, and what was left of an earlier try is deleted.",
    WORKER,
    (
        (
            '    temporary = f"mr-tmp-{task.attempt}-{name}"\n',
            """\
    for left in await disk.names(f"{name}-tmp-{task.attempt}-"):
        await disk.remove(left)
    temporary = f"{name}-tmp-{task.attempt}-"
""",
        ),
    ),
)

OTHER_COORDINATOR = '''\
"""One call in which a worker says what it has done and learns what is next; timers, not clocks."""

import asyncio
import dataclasses


@dataclasses.dataclass
class Said:
    done: int
    """The number of the hand-out that is finished; -1: none."""
    files: list[str]


@dataclasses.dataclass
class Order:
    what: str
    ticket: int
    number: int
    reads: list[str]
    n_reduce: int


class Coordinator:
    def __init__(self, files, n_reduce) -> None:
        self.n_reduce = n_reduce
        self.todo = [("map", number, [file]) for number, file in enumerate(files)]
        self.left = {("map", number) for number in range(len(files))}
        self.tickets = {}
        self.made = {}
        self.reducing = False
        if not files:
            self.begin_to_reduce()

    def begin_to_reduce(self) -> None:
        self.reducing = True
        self.left = {("reduce", number) for number in range(self.n_reduce)}
        for number in range(self.n_reduce):
            reads = [files[number] for _, files in sorted(self.made.items())]
            self.todo.append(("reduce", number, reads))

    async def done(self) -> bool:
        return self.reducing and not self.left

    async def talk(self, said: Said) -> Order:
        task = self.tickets.pop(said.done, None)
        if task is not None and task[:2] in self.left:
            self.left.remove(task[:2])
            if task[0] == "map":
                self.made[task[1]] = said.files
                if not self.left:
                    self.begin_to_reduce()
        while self.todo:
            what, number, reads = task = self.todo.pop(0)
            if (what, number) in self.left:
                ticket = self.last = getattr(self, "last", 0) + 1
                self.tickets[ticket] = task
                asyncio.get_running_loop().call_later(10, self.overdue, task)
                return Order(what, ticket, number, reads, self.n_reduce)
        return Order("stop" if await self.done() else "nothing", -1, -1, [], 0)

    def overdue(self, task) -> None:
        if task[:2] in self.left:
            self.todo.append(task)
'''
OTHER_WORKER = '''\
"""Files of a map task bear the number of the hand-out, and who reduces is told which to read."""

import asyncio
from collections import defaultdict

from mapreduce.api import decode, encode, partition
from mapreduce.coordinator import Coordinator, Said


async def put(disk, name, data) -> None:
    await disk.write(f"new-{name}", data)
    await disk.rename(f"new-{name}", name)


async def worker(app, end, disk) -> None:
    said = Said(-1, [])
    heard = asyncio.get_running_loop().time()
    while True:
        order = await end.call(Coordinator.talk, said)
        now = asyncio.get_running_loop().time()
        if order is None:
            if now - heard > 12:
                return
            await asyncio.sleep(0.05)
            continue
        heard = now
        said = Said(-1, [])
        if order.what == "stop":
            return
        if order.what == "nothing":
            await asyncio.sleep(0.5)
        elif order.what == "map":
            parts = [[] for _ in range(order.n_reduce)]
            contents = decode(await disk.read(order.reads[0]))
            for key, value in await app.map(order.reads[0], contents):
                parts[partition(key, order.n_reduce)].append(f"{key} {value}")
            names = [f"from-{order.ticket}-{number}" for number in range(order.n_reduce)]
            saved = (put(disk, *one) for one in zip(names, map(joined, parts)))
            await asyncio.gather(*saved)
            said = Said(order.ticket, names)
        else:
            values = defaultdict(list)
            for data in await asyncio.gather(*map(disk.read, order.reads)):
                for pair in decode(data).split("\\n"):
                    key, _, value = pair.partition(" ")
                    if pair:
                        values[key].append(value)
            lines = [f"{key} {await app.reduce(key, values[key])}" for key in values]
            await disk.write(f"new-out-{order.ticket}", joined(lines))
            await disk.rename(f"new-out-{order.ticket}", f"mr-out-{order.number}")
            said = Said(order.ticket, [])
        heard = asyncio.get_running_loop().time()


def joined(lines) -> bytes:
    return encode("".join(f"{line}\\n" for line in lines))
'''

SOLUTIONS: Final = (
    BACKUP_TASKS,
    PUSHES,
    COMBINER,
    NO_COMBINER,
    SLEEPS,
    TIDIES_UP,
    Rewrite(
        "nothing_of_the_reference",
        "One call for everything, timers, files named after the hand-out, all written at once.",
        ((COORDINATOR, OTHER_COORDINATOR), (WORKER, OTHER_WORKER)),
    ),
)
