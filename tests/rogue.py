"""A suite whose every test puts, in seeds 3, 8, ..., a key that rogue submissions react to."""

from tester.world.simulate import simulate
from tester.world.simulation import Simulation
from tests.tiny import put_third


@simulate(seeds=10)
async def test_loop(sim: Simulation) -> None:
    await put_third(sim, "loop")


@simulate(seeds=10)
async def test_c_code(sim: Simulation) -> None:
    await put_third(sim, "c_code")


@simulate(seeds=10)
async def test_flood(sim: Simulation) -> None:
    await put_third(sim, "flood")


@simulate(seeds=10)
async def test_exit(sim: Simulation) -> None:
    await put_third(sim, "exit")


@simulate(seeds=10)
async def test_kill(sim: Simulation) -> None:
    await put_third(sim, "kill")


@simulate(seeds=10)
async def test_segfault(sim: Simulation) -> None:
    await put_third(sim, "segfault")


@simulate(seeds=10)
async def test_silence(sim: Simulation) -> None:
    await put_third(sim, "silence")


@simulate(seeds=10)
async def test_babble(sim: Simulation) -> None:
    await put_third(sim, "babble")


@simulate(seeds=10)
async def test_interrupt(sim: Simulation) -> None:
    await put_third(sim, "interrupt")


@simulate(seeds=10)
async def test_system_exit(sim: Simulation) -> None:
    await put_third(sim, "system_exit")


@simulate(seeds=10)
async def test_memory(sim: Simulation) -> None:
    await put_third(sim, "memory")


@simulate(seeds=10)
async def test_hoard(sim: Simulation) -> None:
    await put_third(sim, "hoard")


@simulate(seeds=10)
async def test_calm(sim: Simulation) -> None:
    await put_third(sim, "calm")
