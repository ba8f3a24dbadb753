"""A close-up: which lines answered, waited, and changed what a node holds."""

import asyncio
import linecache

from kvsrv import Err, GetArgs, KVServer, PutArgs, PutReply
from tester import Simulation
from tester.engine.choices import Choices, Seeded
from tester.search.watched import show
from tester.world.closeup import CloseUp
from tester.world.failure import Frame
from tester.world.run import Outcome, Scenario, run
from tester.world.scenario import SimulatedTest


class Waits(KVServer):
    """A server that waits between the check and the write."""

    async def put(self, args: PutArgs) -> PutReply:  # type: ignore[override]
        before = super().get(GetArgs(args.key)).version
        await self._pause()  # first
        if before != args.version:
            return PutReply(Err.VERSION)  # refused
        self._table[args.key] = (args.value, before + 1)  # written
        return PutReply(Err.OK)  # accepted

    async def _pause(self) -> None:
        await asyncio.sleep(0)  # within


class Clerk:
    def __init__(self, number: int) -> None:
        self.number = number

    async def twice(self) -> int:
        self.number *= 2  # doubled
        return self.number  # returned


async def races(sim: Simulation) -> None:
    server = sim.serve(Waits)
    one, two = sim.clerk(), sim.clerk()
    async with asyncio.TaskGroup() as group:
        group.create_task(one.put("k", "a", 0))
        group.create_task(two.put("k", "b", 0))
    sim.measure(server)


async def doubles(sim: Simulation) -> None:
    node = sim.node("n")
    clerk = node.make(Clerk, 4)
    assert await clerk.twice() == 8


def scenario(test: SimulatedTest) -> Scenario:
    return Scenario(function=test, name=test.__name__, model=None)


def seen_of(test: SimulatedTest, node: str) -> tuple[Outcome, CloseUp]:
    outcome = run(scenario(test), Choices(Seeded(1)), keep_trace=True)
    close = CloseUp(windows={node: (0, len(outcome.trace))})
    assert show(scenario(test), outcome, close)
    return outcome, close


def marked(line: Frame | None) -> str:
    assert line is not None
    assert line.file == __file__
    assert linecache.getline(line.file, line.line).strip() == line.text
    return line.text.partition("  # ")[2]


def last(lines: list[Frame], function: str) -> str:
    return marked([line for line in lines if line.function == function][-1])


def test_the_lines_that_answered_are_known_by_rpc() -> None:
    _, close = seen_of(races, "server")
    answers = {rpc: lines for step in close.steps for rpc, lines in step.answers.items()}
    assert {rpc: last(lines, "put") for rpc, lines in answers.items()} == {
        1: "accepted",
        2: "refused",
    }


def test_a_change_has_the_line_that_made_it() -> None:
    _, close = seen_of(races, "server")
    found = [change for step in close.steps for change in step.changes if "[" in change.name]
    [(name, before, after, line)] = found
    assert (name, before, after) == ("table['k']", None, "('a', 1)")
    assert marked(line) == "written"


def test_a_handler_waits_at_its_innermost_line() -> None:
    _, close = seen_of(races, "server")
    assert {(pause.task, marked(pause.line)) for pause in close.pauses} == {
        ("#1 KVServer.put", "within"),
        ("#2 KVServer.put", "within"),
    }


def test_an_operation_has_the_line_that_returned() -> None:
    _, close = seen_of(doubles, "n")
    [(op, lines)] = [pair for step in close.steps for pair in step.returns.items()]
    assert (op, last(lines, "twice")) == (0, "returned")
    [change] = [change for step in close.steps for change in step.changes if change.before]
    assert (change.name, change.before, change.after) == ("number", "4", "8")
    assert marked(change.line) == "doubled"


def test_steps_outside_the_window_are_not_looked_at() -> None:
    outcome = run(scenario(races), Choices(Seeded(1)), keep_trace=True)
    close = CloseUp(windows={"server": (len(outcome.trace), len(outcome.trace))})
    assert show(scenario(races), outcome, close)
    assert (close.steps, close.pauses) == ([], [])


def test_a_measured_object_is_taken_apart() -> None:
    _, close = seen_of(races, "server")
    [measured] = close.measured
    [part] = measured.parts
    assert (part.name, part.many, part.last) == ("_table", 1, "'k': ('a', 1)")


class Tidy(KVServer):
    """A server that returns from within blocks that end after that."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = asyncio.Lock()

    async def put(self, args: PutArgs) -> PutReply:  # type: ignore[override]
        async with self._lock:
            if args.value == "a":
                return PutReply(Err.OK)  # in with
        try:
            await asyncio.sleep(0)
            return PutReply(Err.VERSION)  # in try
        finally:
            self._table.clear()


async def leaves_blocks(sim: Simulation) -> None:
    sim.serve(Tidy)
    clerk = sim.clerk()
    await clerk.put("k", "a", 0)
    await clerk.put("k", "b", 0)


def test_what_returns_from_within_a_block_is_the_return_and_not_the_blocks_end() -> None:
    _, close = seen_of(leaves_blocks, "server")
    answers = {rpc: lines for step in close.steps for rpc, lines in step.answers.items()}
    assert [last(lines, "put") for lines in answers.values()] == ["in with", "in try"]
    assert [last(step.returned, "put") for step in close.steps if step.answers] == [
        "in with",
        "in try",
    ]
