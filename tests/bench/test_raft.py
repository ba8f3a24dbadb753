"""The figures of Raft come from runs that pass, and are shown with their tail."""

from __future__ import annotations

import pytest

from bench import raft
from bench.raft import SETTINGS, Setting, line, samples
from tester.labs.raft.network import ROUGH


@pytest.mark.parametrize(
    "setting", SETTINGS, ids=lambda setting: f"{setting.sample.__name__}-{setting.servers}"
)
def test_every_setting_is_sampled(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raft, "COMMANDS", 10)
    monkeypatch.setattr(raft, "FAILOVERS", 2)
    found = samples(setting, 2)
    assert found
    for values in found.values():
        assert len(values) == (4 if setting.sample is raft.failover else 2)
        assert all(x > 0 for x in values)
    assert found == samples(setting, 2)


def test_a_line_tells_mean_and_tail() -> None:
    setting = Setting(raft.failover, 5, ROUGH)
    assert line("failover, ms", setting, [float(x) for x in range(1, 102)]) == (
        "failover, ms              5  unreliable    51.0    51.0    96.0   100.0   101.0"
    )
