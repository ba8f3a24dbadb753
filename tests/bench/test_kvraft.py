"""The figures of the replicated store come from runs that pass, and are shown with their tail."""

from __future__ import annotations

import pytest

from bench import kvraft
from bench.kvraft import SETTINGS, Setting, Taken, line, measure
from tester.labs.kvraft.network import ROUGH


@pytest.mark.parametrize("setting", [SETTINGS[0], SETTINGS[-1]])
def test_a_setting_is_measured(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kvraft, "OPERATIONS", 10)
    taken, again = measure(setting, 2), measure(setting, 2)
    assert len(taken.gets_ms) == len(taken.puts_ms) == 20
    assert min(*taken.gets_ms, *taken.puts_ms) >= 20  # four messages
    assert taken.rpcs > 1
    assert taken.size > 100
    assert taken[:4] == again[:4]


def test_a_line_tells_the_tail() -> None:
    taken = Taken([float(x) for x in range(1, 102)], [20.0], 3.04, 512.3, 1_234.5)
    assert line(Setting(5, 5, ROUGH, 1_000), taken) == (
        "      5        5  unreliable  1000   51.0   96.0  100.0   20.0   20.0   20.0   3.0    512"
        "   1234"
    )
