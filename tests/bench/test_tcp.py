"""The figures of real connections come from calls that were answered."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bench import tcp
from bench.rpc import Bank


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "RPCS", 40)


@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("method", [Bank.add, Bank.add_in_task])
def test_labrpc_is_measured(in_flight: int, method: tcp.Method, tmp_path: Path) -> None:
    assert tcp.ours(f"{tmp_path}/bank.sock", method)(in_flight) > 0


@pytest.mark.parametrize("in_flight", [1, 4])
def test_an_echo_is_measured(in_flight: int) -> None:
    assert tcp.echo(in_flight) > 0


@pytest.mark.parametrize("in_flight", [1, 4])
def test_the_callers_share_the_calls(in_flight: int) -> None:
    calls: list[None] = []

    async def call() -> None:
        calls.append(None)

    asyncio.run(tcp.take_turns(call, in_flight))
    assert len(calls) == 1 + 40


def test_what_cannot_be_installed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\necho first >&2\necho no network >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(tcp, "ENVIRONMENT", tmp_path)
    assert tcp.install_grpc() == "no network"
