"""Fault-space coverage: which faults hit which operation, by the trace and by the choices."""

import asyncio

from tester import Simulation, faults, simulate
from tester.engine.choices import Choices, Replayed
from tester.world.coverage import NOTHING, Coverage
from tester.world.run import Scenario, run
from tester.world.scenario import SimulatedTest
from tester.world.simulate import UNRELIABLE
from tester.world.streams import FATE_FIELDS, FATE_KINDS, FATE_SIZE

PUT, GET = "KVServer.put", "KVServer.get"


def hits(scenario: Scenario, choices: Choices) -> set[tuple[str, str]]:
    coverage = Coverage()
    outcome = run(scenario, choices, coverage=coverage)
    assert outcome.error is None
    return set(coverage.hits(outcome.choices.faults))


async def put_and_get(sim: Simulation) -> None:
    sim.serve()
    clerk = sim.clerk()
    await clerk.put("k", "", 0)
    await clerk.get("k")


def test_each_fault_of_a_message_hits_the_method_of_its_rpc() -> None:
    scenario = simulate(network=UNRELIABLE)(put_and_get).simulation
    assert hits(scenario, Choices(Replayed({}))) == set()
    for field in ("request_lost", "reply_lost"):
        for number, method in enumerate((PUT, GET)):
            record = [0] * (FATE_SIZE * (number + 1))
            record[FATE_SIZE * number + FATE_FIELDS.index(field)] = 1
            found = hits(scenario, Choices(Replayed({"net/c0": record})))
            assert found == {(FATE_KINDS[field], method)}


def test_the_digest_does_not_depend_on_whether_coverage_is_asked_for() -> None:
    scenario = simulate(network=UNRELIABLE)(put_and_get).simulation
    for seed in range(5):
        plain = run(scenario, scenario.choices(seed))
        covered = run(scenario, scenario.choices(seed), coverage=Coverage())
        assert plain.digest == covered.digest


def test_a_crash_hits_what_is_under_way() -> None:
    @simulate()
    async def test(sim: Simulation) -> None:
        server = sim.serve()
        sim.node("server").pause()
        sim.node("server").resume()
        waiting = asyncio.create_task(sim.clerk().put("k", "", 0))
        await sim.sleep(0.0002)
        sim.node("server").crash()
        sim.node("server").restart()
        _ = server
        await waiting

    found = hits(test.simulation, Choices(Replayed({})))
    assert found == {("pause", NOTHING), ("crash", PUT)}


def test_a_strike_of_a_nemesis_is_named_as_in_a_story() -> None:
    @simulate(network=UNRELIABLE, faults=[faults.pause, faults.drift])
    async def test(sim: Simulation) -> None:
        sim.serve()
        clerk = sim.clerk()
        for version in range(20):
            await clerk.put("k", "", version)
            await sim.sleep(0.5)

    scenario = test.simulation
    found = set().union(*(hits(scenario, scenario.choices(seed)) for seed in range(12)))
    kinds = {fault for fault, _ in found}
    assert {"pause", "lost reply", "lost request"} <= kinds
    assert kinds & {"fast clock", "slow clock"}
    assert {method for _, method in found} <= {PUT, NOTHING}


def recovery_us(test: SimulatedTest) -> int:
    coverage = Coverage()
    scenario = simulate()(test).simulation
    assert run(scenario, Choices(Replayed({})), coverage=coverage).error is None
    return coverage.recovery_us


def test_recovery_ends_with_an_operation_that_was_called_after_the_worst_act() -> None:
    async def test(sim: Simulation) -> None:
        sim.serve()
        clerk, node = sim.clerk(), sim.node("server")
        await clerk.put("k", "", 0)
        node.pause()
        open_ = asyncio.create_task(sim.clerk().get("k"))
        await sim.sleep(0.5)
        node.resume()
        await open_
        await sim.sleep(0.25)
        await clerk.get("k")
        node.pause()
        await sim.sleep(0.1)
        node.resume()
        await clerk.get("k")

    assert 500_000 < recovery_us(test) < 510_000


def test_without_an_act_or_an_operation_there_is_no_recovery() -> None:
    async def calm(sim: Simulation) -> None:
        await put_and_get(sim)

    async def alone(sim: Simulation) -> None:
        sim.serve()
        sim.node("server").pause()
        sim.node("server").resume()

    assert recovery_us(calm) == 0
    assert recovery_us(alone) == 0
