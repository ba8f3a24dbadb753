"""Generated leaks: none is passed over, by whatever name and in whatever place it comes."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tester import Simulation, simulate
from tester.engine.choices import Choices, Seeded
from tester.world.run import Outcome, run
from tests.guard.leaks import LEAKS, Leak

KINDS = {"refused": "OutsideWorld", "shared": "SharedState", "answered": ""}
SAMPLE = 7
"""One leak in so many is tried by `make test`, all of them by `make soak`: see all_leaks.py."""


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Undo what a leak may have left on other people's things."""
    modules = dict(sys.modules)
    yield
    for name in sys.modules.keys() - modules.keys():
        if name.startswith("leak_"):
            del sys.modules[name]


def load(leak: Leak, folder: Path, number: int) -> ModuleType:
    file = folder / f"leak_{number}.py"
    file.write_text(leak.source)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def outcome(module: Any) -> Outcome:
    """What becomes of seed 0, in which a clerk asks the server twice."""

    async def scenario(sim: Simulation) -> None:
        sim.serve(module.KVServer)
        clerk = sim.clerk()
        await clerk.get("k")
        await sim.sleep(0.001)
        await clerk.get("k")

    scenario.__module__ = module.__name__
    return run(simulate(model=None)(scenario).simulation, Choices(Seeded(0)))


def check(leak: Leak, folder: Path) -> None:
    first = outcome(load(leak, folder, 1))
    assert first.kind == KINDS[leak.expected], (leak.name, first.error)
    if leak.expected == "answered":
        assert outcome(load(leak, folder, 2)).digest == first.digest, leak.name


CHECKED = [leak for leak in LEAKS if leak.expected in KINDS]


@pytest.mark.parametrize("leak", CHECKED[::SAMPLE], ids=lambda leak: leak.name)
def test_a_leak_is_not_passed_over(leak: Leak, tmp_path: Path) -> None:
    check(leak, tmp_path)


def test_there_are_many() -> None:
    assert len(CHECKED) >= 200
    assert len({leak.name for leak in LEAKS}) == len(LEAKS)
