"""A long run gives a sign of life while it gets on, and none where it is stuck."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tester import Simulation
from tester.engine import pulse
from tests.world.lab import once


@pytest.fixture
def beats(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    heard: list[int] = []

    def listener() -> int:
        heard.append(1)
        return 1_000

    monkeypatch.setattr(pulse, "_listeners", [listener])
    monkeypatch.setattr(pulse, "EVERY_STEPS", 1_000)
    return heard


async def many_steps(sim: Simulation) -> None:
    for _ in range(5_000):
        await asyncio.sleep(0.001)


async def few_steps(sim: Simulation) -> None:
    await asyncio.sleep(1_000)


def test_a_run_beats_once_in_a_number_of_steps(beats: list[int]) -> None:
    outcome = once(many_steps, model=None)
    assert outcome.error is None
    assert outcome.steps // 1_100 <= len(beats) <= outcome.steps // 1_000


def test_a_run_that_does_nothing_does_not_beat(beats: list[int]) -> None:
    once(few_steps, model=None)
    assert beats == []


def test_to_listen_changes_no_run(beats: list[int]) -> None:
    listened = once(many_steps, model=None)
    pulse._listeners.clear()
    assert once(many_steps, model=None).digest == listened.digest


async def many_steps_at_once(sim: Simulation) -> None:
    for _ in range(5_000):
        await asyncio.sleep(0)


def test_a_run_beats_while_no_time_passes(beats: list[int]) -> None:
    outcome = once(many_steps_at_once, model=None)
    assert outcome.error is None
    assert outcome.steps // 1_100 <= len(beats) <= outcome.steps // 1_000 + 1


@pytest.mark.parametrize("scenario", [many_steps, many_steps_at_once])
def test_a_listener_sets_the_pace(scenario: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    paces: list[int] = []

    def listener() -> int:
        paces.append(1)
        return 10 if len(paces) == 1 else 2_000

    monkeypatch.setattr(pulse, "_listeners", [listener])
    monkeypatch.setattr(pulse, "EVERY_STEPS", 1_000)
    calm = once(scenario, model=None)
    looks = calm.steps // 4_096  # a node beats when it looks at how many callbacks are ready
    assert calm.steps // 1_000 <= len(paces) <= calm.steps // 1_000 + 1 + looks
