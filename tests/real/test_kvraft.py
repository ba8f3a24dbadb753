"""The unchanged replicated store in processes of its own, of which any one is killed."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from kvraft import Clerk
from kvraft.__main__ import MAX_RAFT_STATE, main, peers
from labrpc.tcp import connect
from linearizability.models import kv
from raft.folder import BadFolder, Folder
from tests.real.processes import Servers, command, free_ports, servers
from tests.real.recorder import RecordedClerk, Recorder

SIZE = 3


@pytest.fixture
def running() -> Iterator[Servers]:
    with servers() as them:
        yield them


class Group:
    """Three servers, each with a folder below the test's."""

    def __init__(self, servers: Servers, folder: Path, addresses: list[str]) -> None:
        self.peers = ",".join(addresses)
        self._servers = servers
        self._folder = folder

    def start(self, number: int) -> None:
        self._servers.start(
            number,
            *("kvraft", "serve", "--peers", self.peers, "--me", str(number)),
            *("--data", str(self._folder / str(number)), "--max-raft-state", "2000"),
        )


def tcp_group(running: Servers, folder: Path) -> Group:
    """A group on free ports: others if somebody was faster."""
    for attempt in range(10):
        group = Group(running, folder, [f"127.0.0.1:{port}" for port in free_ports(SIZE)])
        try:
            for number in range(SIZE):
                group.start(number)
        except AssertionError as error:
            assert "the address is in use" in str(error)  # noqa: PT017
            running.kill_all()
            folder = folder / str(attempt)
        else:
            return group
    raise AssertionError("no three ports are free for long enough")


def unix_group(running: Servers, folder: Path) -> Group:
    group = Group(running, folder, [f"{folder}/{number}.sock" for number in range(SIZE)])
    for number in range(SIZE):
        group.start(number)
    return group


async def clients(recorder: Recorder, group: Group, count: int, puts: int) -> None:
    """Each client puts to a key of all and to one of its own."""

    async def client(number: int) -> None:
        async with AsyncExitStack() as stack:
            ends = [await stack.enter_async_context(connect(peer)) for peer in peers(group.peers)]
            clerk = RecordedClerk(recorder, number, Clerk(ends))
            for n in range(puts):
                for key in ("shared", str(number)):
                    _, version, _ = await clerk.get(key)
                    await clerk.put(key, f"{number}.{n}" + 100 * "x", version)

    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            tasks.create_task(client(number))


def test_a_group_survives_the_death_of_any_one(running: Servers, tmp_path: Path) -> None:
    """Each server in turn is killed, and comes back, while clients work and snapshots are made."""
    group = tcp_group(running, tmp_path)
    recorder = Recorder()

    async def main() -> None:
        work = asyncio.create_task(clients(recorder, group, count=3, puts=12))
        for number in range(SIZE):
            await answers(recorder, len(recorder.history) + 30, work)
            await asyncio.to_thread(running.kill, number)
            await answers(recorder, len(recorder.history) + 10, work)
            await asyncio.to_thread(group.start, number)
        await work

    asyncio.run(main())
    assert len(recorder.history) == 3 * 12 * 4
    recorder.check(kv)
    for number in range(SIZE):
        assert running.end(number) == 0
        assert "Traceback" not in running.errors[number]


async def answers(recorder: Recorder, count: int, work: asyncio.Task[None]) -> None:
    """Wait until that many operations have begun, or all is over."""
    while len(recorder.history) < count and not work.done():
        await asyncio.sleep(0.01)


def test_what_was_put_is_there_after_the_death_of_all(running: Servers, tmp_path: Path) -> None:
    group = unix_group(running, tmp_path)
    asked = ("--peers", group.peers, "--timeout", "500")
    assert command("kvraft", "put", "k", "v", *asked)[0] == 0
    running.kill_all()
    for number in range(SIZE):
        group.start(number)
    assert command("kvraft", "get", "k", *asked) == (0, "1 v\n", "")
    assert command("kvraft", "get", "other", *asked) == (1, "ErrNoKey\n", "")


def test_a_folder_is_used_by_one_server_and_always_by_the_same(
    running: Servers, tmp_path: Path
) -> None:
    there = [f"{tmp_path}/{number}.sock" for number in range(SIZE)]
    serve = ["kvraft", "serve", "--data", str(tmp_path / "data")]
    running.start(0, *serve, "--peers", ",".join(there), "--me", "0")
    status, _, error = command(*serve, "--peers", ",".join(there), "--me", "0")
    assert (status, error.count("\n")) == (2, 1)
    assert "data: another server does" in error
    assert running.end(0) == 0
    for args, mine in (
        (["--peers", ",".join(there), "--me", "1"], "server 1 of 3"),
        (["--peers", ",".join(there[:2]), "--me", "0"], "server 0 of 2"),
    ):
        status, _, error = command(*serve, *args)
        assert (status, error.count("\n")) == (2, 1)
        assert f"the data of {mine}, got those of server 0 of 3" in error


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ("get k", "the following arguments are required: --peers/-p"),
        ("get k --peers a:1,b", "argument --peers/-p: expected HOST:PORT, or the path of a Unix"),
        ("get k --peers a:1,a:1", "expected different addresses, got a:1 for servers 0 and 1"),
        ("get k --peers a:1,a:0", "expected a port from 1 to 65535, got a:0"),
        ("get k --peers=", "expected HOST:PORT, or the path of a Unix socket"),
        ("serve --peers a:1,b:2 --me 2 --data d", "--me/-m: expected a number from 0 to 1"),
        ("serve --peers a:1 --me 0", "the following arguments are required: --data/-d"),
        ("serve --peers a:1 --me 0 --data /dev/null", "/dev/null: expected a folder, got another"),
        ("serve --peers /no/a --me 0 --data {data}", "cannot listen on /no/a: no such file or"),
        ("serve --peers /no/a --me 0 --data {bad}", "contents is damaged: its bytes are not"),
        ("get k --peers /no/a,/no/b -t 1", "from any of /no/a, /no/b within 1 s, got none"),
    ],
)
def test_trouble_is_said_in_one_line(args: str, error: str, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "contents").write_bytes(b"x" * 100)
    filled = args.format(data=tmp_path / "data", bad=tmp_path / "bad").split()
    status, printed, said = command("kvraft", *filled)
    assert (status, printed) == (2, "")
    assert said.count("\n") == 1
    assert error in said


def test_a_server_whose_folder_fails_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that cannot save could promise nothing any more."""
    replace, calls = Folder._replace, 0

    def full(self: Folder, files: dict[str, bytes]) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise OSError(28, "No space left on device")
        replace(self, files)

    monkeypatch.setattr(Folder, "_replace", full)
    args = argparse.Namespace(
        command="serve",
        peers=peers(",".join(f"{tmp_path}/{number}.sock" for number in range(SIZE))),
        me=0,
        data=tmp_path / "data",
        max_raft_state=MAX_RAFT_STATE,
    )
    with pytest.raises(BadFolder, match="data: No space left on device"):
        asyncio.run(main(args))
    assert calls > 1
