"""The bench of real jobs checks what it measures."""

from __future__ import annotations

import pytest

from bench import mapreduce


def test_a_text_is_counted_by_one_worker_and_by_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mapreduce, "PIECE_MB", 1)
    mapreduce.compare(2)
    out = capsys.readouterr().out
    assert out.startswith("word count of 2 MB")
    assert [line.split("  ")[0] for line in out.splitlines()[3:6]] == [
        "1 worker",
        "2 workers",
        "Counter",
    ]
    assert out.endswith("the outputs are equal, and those of collections.Counter\n")
