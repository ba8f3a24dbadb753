"""The attack on a server in a process of its own: it says what happened to whom."""

from __future__ import annotations

import asyncio
import sys

import pytest

from bench import malformed


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_small_attack_is_reported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = [kind for kind in malformed.ATTACKS if kind not in (malformed.slow, malformed.large)]
    monkeypatch.setattr(malformed, "ATTACKS", quick)
    assert asyncio.run(malformed.main(20)) == 0
    printed = capsys.readouterr().out
    assert "expected a frame of at most N bytes, got one of N\n" in printed
    assert printed.endswith("calls of the good client were answered, 0 were not.\n")
