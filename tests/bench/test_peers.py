"""The peers do the same work, and where one is missing a sentence says so."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path

import pytest

from bench import kv, peer, peers
from kvsrv.rpc import Err, PutArgs, PutReply

NEEDS_A_PEER = "labtester", "seedloop", "simloop", "simloom"


@pytest.mark.parametrize("subject", peer.SUBJECTS)
def test_each_side_does_what_it_is_asked(subject: str) -> None:
    name, _, clients = subject.partition(", ")
    if name in peers.PEERS and importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    if name in NEEDS_A_PEER and "client" not in clients:
        puts = 2 * kv.CLIENTS * kv.PUTS
        assert puts < peer.SUBJECTS[subject](2) < 2 * puts  # the lost ones are sent again
    else:
        assert peer.SUBJECTS[subject](40) == 40


async def _no_reply_then(replies: list[PutReply | None], args: PutArgs) -> PutReply | None:
    return replies.pop(0)


def test_the_peers_clerk_is_that_of_the_lab() -> None:
    def put(*replies: PutReply | None) -> Err:
        left = [*replies]
        coro = peer._put(lambda args: _no_reply_then(left, args), PutArgs("k", "a", 0))
        with pytest.raises(StopIteration) as ended:
            coro.send(None)
        err = ended.value.value
        assert isinstance(err, Err)
        return err

    assert put(PutReply(Err.OK)) is Err.OK
    assert put(None, PutReply(Err.OK)) is Err.OK
    assert put(PutReply(Err.VERSION)) is Err.VERSION
    assert put(None, PutReply(Err.VERSION)) is Err.MAYBE


def test_a_reply_to_an_earlier_request_comes_too_late() -> None:
    sent: list[peer.Request] = []
    caller = peer._Caller(sent.append)
    coro = caller.call(PutArgs("k", "a", 0))

    async def late_and_right() -> PutReply | None:
        waiting = asyncio.ensure_future(coro)
        await asyncio.sleep(0)
        caller.receive((0, PutReply(Err.NO_KEY)))
        caller.receive((1, PutReply(Err.OK)))
        caller.receive((1, PutReply(Err.VERSION)))
        return await waiting

    assert asyncio.run(late_and_right()) == PutReply(Err.OK)
    assert sent == [(1, PutArgs("k", "a", 0))]


def test_an_interpreter_that_is_too_old_or_missing_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peers, "OLDEST", sys.version_info[:2])
    assert peers.interpreter(["no-such-python", sys.executable]) == sys.executable
    old = tmp_path / "old"
    old.write_text("#!/bin/sh\necho cpython 3 6\n")
    old.chmod(0o755)
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert peers.interpreter([str(old), str(broken)]) is None
    monkeypatch.setattr(peers, "here_and_about", lambda: [str(old)])
    peers.main([])
    assert capsys.readouterr().out.endswith("which the peers need, and found none: skipped\n")


def test_a_line_has_the_median_of_the_pairs() -> None:
    pair = peers.Pair("KV scenario", "labtester", "simloop", 20)
    rounds = [peers.Round(1.0, 4.0, 61, 62), peers.Round(2.0, 4.0, 61, 62)]
    rounds.append(peers.Round(4.0, 4.0, 61, 62))
    fields = peers.line(pair, rounds).split()
    assert fields == ["KV", "scenario", "simloop", "10", "5", "2.00", "61", ":", "62"]
