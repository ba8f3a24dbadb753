"""The figures of Raft come from runs that pass, and are told with their tail."""

from __future__ import annotations

import pytest

from bench import raft
from bench.raft import FIGURES, Figure, line, samples
from tester.labs.raft.network import ROUGH


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: f"{figure.name}-{figure.servers}")
def test_a_figure_is_sampled(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raft, "COMMANDS", 10)
    monkeypatch.setattr(raft, "FAILOVERS", 2)
    found = samples(figure, 2)
    assert len(found) in (2, 4)
    assert all(x > 0 for x in found)
    assert found == samples(figure, 2)


def test_a_line_tells_mean_and_tail() -> None:
    figure = Figure("failover, ms", raft.failover_ms, ROUGH, 5)
    assert line(figure, [float(x) for x in range(1, 102)]) == (
        "failover, ms              5  unreliable    51.0    51.0    96.0   100.0   101.0"
    )
