"""A node is a machine: what goes in, what comes out, and that nothing else does."""

import asyncio
import contextvars
import decimal
from collections.abc import Callable
from functools import partial

import pytest

from tester.engine import current
from tester.engine.choices import Choices, Injected, Record, Replayed, Seeded, Source
from tester.engine.errors import Deadlock, Waiting
from tester.engine.node import Event, Node, Turn
from tester.engine.schedule import Fifo, Random, Schedule
from tester.engine.scheduler import Place, Scheduler
from tests.engine.stage import Actor, Stage

MS = 1_000


def actor(name: str = "n", source: Source | None = None, incarnation: int = 0) -> Actor:
    return Actor(name, Choices(source or Replayed({})), Fifo(), incarnation)


# -- a step ---------------------------------------------------------------------------------------


def test_a_step_takes_in_what_arrived_then_what_is_due_and_gives_away_the_rest() -> None:
    n = actor()
    notes: list[str] = []

    def arrive(n: Actor) -> None:
        notes.append("event")
        n.outbox.append(("x", 1))
        for delay in (0.002, 0.005):
            n.loop.call_later(delay, lambda: n.outbox.append((f"timer {n.loop.now}",)))

    assert n.step(3 * MS, [("do", arrive), ("do", arrive)], 100) == ([("x", 1)] * 2, 5 * MS, 0)
    assert n.step(4 * MS, [], 100) == ([], 5 * MS, 0)
    sent = [("late",), ("timer 6000",), ("timer 6000",)]
    late = lambda n: n.outbox.append(("late",))
    assert n.step(6 * MS, [("do", late)], 100) == (sent, 8 * MS, 2)
    assert n.step(8 * MS, [], 100)[1] is None
    assert notes == ["event"] * 2


def test_an_outbox_that_was_given_away_does_not_change_any_more() -> None:
    n = actor()
    send = lambda n: n.outbox.append(("x",))
    first = n.step(0, [("do", send)], 100)[0]
    n.step(1, [("do", send)], 100)
    assert first == [("x",)]


def test_the_limit_leaves_the_rest_for_later() -> None:
    n = actor()
    order: list[int] = []

    def arrive(n: Actor) -> None:
        for i in range(5):
            n.loop.call_soon(order.append, i)

    assert n.step(0, [("do", arrive)], 3) == ([], None, 3)
    assert order == [0, 1, 2]
    assert n.step(0, [], 0)[2] == 0
    assert n.step(0, [], 100)[2] == 2
    assert order == [0, 1, 2, 3, 4]


def test_the_guard_and_asyncio_know_whose_code_runs_and_when_none_does() -> None:
    n = actor()
    seen: list[object] = []

    def look() -> None:
        seen.append(current.node is n and asyncio.get_running_loop() is n.loop)

    def arrive(n: Actor) -> None:
        look()
        n.loop.call_soon(look)

    n.step(0, [("do", arrive)], 100)
    n.inside(look)
    assert seen == [True] * 3
    assert current.node is None


@pytest.mark.parametrize("inside", [False, True])
def test_no_node_is_current_after_an_interruption(inside: bool) -> None:
    n = actor()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        n.inside(interrupt) if inside else n.step(0, [("do", interrupt)], 100)
    assert current.node is None
    assert not inside or asyncio._get_running_loop() is None


def test_a_node_says_what_its_tasks_wait_for() -> None:
    stage = Stage("n")

    async def main() -> None:
        await asyncio.Event().wait()

    stage.start("n", main)
    with pytest.raises(Deadlock):
        stage.run()
    [place] = stage.actors["n"].waiting()
    assert (place.node, place.task, place.line) == ("n", "n", "await asyncio.Event().wait()")
    stage.close()


# -- a machine is a function of its choices and its events ----------------------------------------


class Gossip(Node):
    """Passes on what it hears, after tasks that race for a while; its events are plain data."""

    def __init__(self, name: str, choices: Choices, schedule: Schedule) -> None:
        super().__init__(name, choices, schedule)
        kinds = [f"word{rivals}" for rivals in ("", *("1" * times for times in range(1, 8)))]
        self.receivers |= dict.fromkeys(kinds, self._hear)

    def _hear(self, event: Event) -> None:
        kind, number = event
        for rival in range(3):
            _ = self.loop.create_task(self._rival(kind, number, rival))

    async def _rival(self, kind: str, number: int, rival: int) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(self.random().randrange(3) / 1000)
        if rival == 1 and number < 6:
            self.outbox.append((f"{kind}{rival}", number + 1))
        self.outbox.append(("heard", number))


class Witness:
    """A machine that writes down what another one is asked, and what it answers."""

    def __init__(self, machine: Node) -> None:
        self.machine = machine
        self.asked: list[tuple[int, list[Event], int]] = []
        self.answered: list[tuple[list[Event], int | None, int]] = []

    def waiting(self) -> list[Waiting]:
        return []

    def step(self, now: int, inbox: list[Event], limit: int) -> Turn:
        turn = self.machine.step(now, inbox, limit)
        self.asked.append((now, inbox, limit))
        outbox, next_due, ran = turn
        self.answered.append((list(outbox), next_due, ran))
        return turn


def gossip(seed: int) -> tuple[list[Witness], Record]:
    choices = Choices(Seeded(seed))
    schedule = Random(put_off=True)
    places: list[Place] = []

    def route(place: Place, event: Event) -> None:
        if event[0] != "heard":
            other = places[1 - places.index(place)]
            scheduler.post(scheduler.now + choices.below(5, "net") * MS, other.put, event)

    scheduler = Scheduler(
        schedule.for_run(choices),
        route,
        time_limit_us=10**9,
        step_limit=10**6,
        instant_limit=10**6,
    )
    witnesses = [Witness(Gossip(name, choices, schedule)) for name in "ab"]
    places += [scheduler.place(w.machine.name, w) for w in witnesses]  # type: ignore[arg-type]
    places[0].put(("word", 0))
    with pytest.raises(Deadlock):
        scheduler.run(lambda: False)
    return witnesses, choices.record()


def test_a_machine_can_be_run_by_itself_from_its_choices_and_its_events() -> None:
    """A child process runs a machine like this. Different seeds do give different runs."""
    runs = set()
    for seed in range(5):
        witnesses, record = gossip(seed)
        runs.add(repr([w.answered for w in witnesses]))
        for witness in witnesses:
            name = witness.machine.name
            alone = Gossip(name, Choices(Replayed(record)), Random(put_off=True))
            turns = [alone.step(*asked) for asked in witness.asked]
            assert turns == witness.answered
            assert alone.choices.record() == {
                stream: values for stream, values in record.items() if stream.endswith(f"/{name}")
            }
    assert len(runs) == 5


# -- its clock and its randomness -----------------------------------------------------------------


def test_the_clock_of_a_node_is_that_of_the_run_plus_its_skew() -> None:
    n = actor()
    n.loop.offset = -700
    n.step(5_000, [], 100)
    assert n.time_us() == 4_300
    assert n.loop.time() == 0.0043


def test_the_generator_of_a_node_costs_one_choice_when_it_is_first_used() -> None:
    n = actor(source=Replayed({"node/n": [5]}))
    assert n.choices.record() == {}
    generator = n.random()
    assert n.choices.record() == {"node/n": [5]}
    assert n.random() is generator


def test_each_node_has_its_own_generator_when_all_choices_are_zero() -> None:
    """Symmetric peers would time out together and split their votes for ever."""
    numbers = [
        machine.random().random()
        for machine in (
            actor("a"),
            actor("b"),
            actor("a", incarnation=1),
            actor("a", Replayed({"node/a": [1]})),
        )
    ]
    assert len(set(numbers)) == 4
    assert actor("a").random().random() == numbers[0] == 0.5126569929997209


def test_every_seed_of_its_generator_can_be_drawn() -> None:
    asked: list[tuple[int, str]] = []

    def draw(n: int, stream: str) -> int:
        asked.append((n, stream))
        return n - 1

    actor(source=Injected(draw)).random()
    assert asked == [(2**32, "node/n")]


# -- its context ----------------------------------------------------------------------------------

variable = contextvars.ContextVar("variable", default="unset")


def seen_by(name: str, seen: list[str]) -> Callable[[Actor], None]:
    return lambda _: seen.append(f"{name} {variable.get()}")


def test_a_context_variable_set_by_a_plain_function_stays_on_its_node() -> None:
    stage = Stage("a", "b")
    seen: list[str] = []
    stage.do("a", lambda a: variable.set("a's"))
    stage.do("a", seen_by("a", seen))
    stage.do("b", seen_by("b", seen))
    stage.do("b", lambda b: b.loop.call_soon(lambda: variable.set("callback's")))
    stage.do("b", lambda b: b.loop.call_later(1, seen_by("b later", seen), b))
    with pytest.raises(Deadlock):
        stage.run()
    for name, machine in stage.actors.items():
        look = seen_by(f"{name} inside", seen)
        machine.inside(partial(look, machine))
    assert seen == ["a a's", "b unset", "b later unset", "a inside a's", "b inside unset"]
    assert variable.get() == "unset"


def test_context_variables_of_the_caller_do_not_reach_a_node() -> None:
    """The precision of decimal numbers is a context variable as well."""
    stage = Stage("a", "b")
    seen: list[object] = []

    def divide(_: Actor) -> None:
        seen.append(str(decimal.Decimal(1) / 3))

    def careless(_: Actor) -> None:
        decimal.getcontext().prec = 3

    token = variable.set("the test's")
    with decimal.localcontext(prec=5):
        stage.do("a", seen_by("a", []))
        stage.do("a", divide)
        stage.do("a", careless)
        stage.do("a", divide)
        stage.do("b", divide)
        stage.do("b", lambda b: seen.append(variable.get()))
        with pytest.raises(Deadlock):
            stage.run()
    variable.reset(token)
    assert seen == ["0." + 28 * "3", "0.333", "0." + 28 * "3", "unset"]
