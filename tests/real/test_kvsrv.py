"""The unchanged key/value server, clerk and lock over real connections, and their command."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path

import pytest

from kvsrv import Clerk, Err, KVServer
from labrpc import Server
from labrpc.tcp import Listener, connect, serve
from linearizability.models import Acquire, Release, kv, mutex
from lock import Lock
from tests.real.processes import Servers, command, servers
from tests.real.recorder import RecordedClerk, Recorder

CLIENTS = 5
Client = Callable[[int, RecordedClerk], Awaitable[None]]


@pytest.fixture
def running() -> Iterator[Servers]:
    with servers() as them:
        yield them


@pytest.fixture(params=["tcp", "unix"])
def at(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "127.0.0.1:0" if request.param == "tcp" else f"{tmp_path}/kv.sock"


async def cut_connections(listener: Listener, clients: asyncio.Task[None]) -> int:
    """Break a connection now and then, with whatever is under way on it; returns how many."""
    luck, cut = random.Random(2), 0
    while not clients.done():
        await asyncio.sleep(0.005)
        if listener._known:
            luck.choice(list(listener._known)).drop("the test cuts it")
            cut += 1
    return cut


async def workload(recorder: Recorder, at: str, client: Client) -> None:
    """Several clients, each with a connection of its own, which breaks again and again."""

    async def one(listener: Listener, number: int) -> None:
        async with connect(listener.address) as end:
            await client(number, RecordedClerk(recorder, number, Clerk(end)))

    async def all_of_them(listener: Listener) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(one(listener, number))

    async with await serve(Server(KVServer()), at) as listener:
        clients = asyncio.create_task(all_of_them(listener))
        assert await cut_connections(listener, clients) > 0
        await clients


def test_histories_of_the_store_are_linearizable(at: str) -> None:
    recorder = Recorder()

    async def client(number: int, clerk: RecordedClerk) -> None:
        luck = random.Random(number)
        for n in range(60):
            key = luck.choice("ab")
            _, version, _ = await clerk.get(key)
            await clerk.put(key, f"{number}.{n}", version)

    asyncio.run(workload(recorder, at, client))
    assert len(recorder.history) == CLIENTS * 120
    recorder.check(kv)


def test_a_lock_is_held_by_one_at_a_time(at: str) -> None:
    recorder, locks = Recorder(), Recorder()
    holders: list[int] = []

    async def client(number: int, clerk: RecordedClerk) -> None:
        lock = Lock(clerk, "l")
        for _ in range(5):
            await locks.record(number, Acquire("l", number), lock.acquire())
            holders.append(number)
            await asyncio.sleep(0.001)
            assert holders == [number]
            holders.clear()
            await locks.record(number, Release("l", number), lock.release())

    asyncio.run(workload(recorder, at, client))
    recorder.check(kv)
    locks.check(mutex)


def test_the_command_serves_gets_and_puts(running: Servers) -> None:
    said = running.start(0, "kvsrv", "serve", "--port", "0")
    name, _, port = said.rpartition(":")
    assert name == "KVServer listens on 127.0.0.1"
    there = ("--port", port)
    assert command("kvsrv", "get", "k", *there) == (1, "ErrNoKey\n", "")
    assert command("kvsrv", "put", "k", "a b", *there) == (0, "OK\n", "")
    assert command("kvsrv", "put", "k", "c", *there) == (1, "ErrVersion\n", "")
    assert command("kvsrv", "put", "k", "ä", "--version", "1", *there) == (0, "OK\n", "")
    assert command("kvsrv", "get", "k", *there) == (0, "2 ä\n", "")
    status, _, error = command("kvsrv", "serve", *there)
    assert (status, error.count("\n")) == (2, 1)
    assert error.startswith(f"python -m kvsrv: cannot listen on 127.0.0.1:{port}: the address is")
    assert running.end(0) == 0
    assert running.errors[0] == ""


def test_a_unix_socket_outlives_a_kill_but_not_a_stop(running: Servers, tmp_path: Path) -> None:
    path = tmp_path / "kv.sock"
    there = ("--unix", str(path))
    running.start(0, "kvsrv", "serve", *there)
    running.kill(0)
    assert path.is_socket()
    running.start(0, "kvsrv", "serve", *there)
    assert command("kvsrv", "put", "k", "v", *there) == (0, "OK\n", "")
    assert running.end(0) == 0
    assert not path.exists()


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ("", "python -m kvsrv: the following arguments are required: serve | get | put"),
        ("get k", "python -m kvsrv get: one of the arguments --port/-p --unix/-u is required"),
        ("serve --port x", "serve: argument --port/-p: expected a whole number from 0 to 65535"),
        ("serve --port 65536", "expected a whole number from 0 to 65535, got '65536'"),
        ("serve --port 1 --host a..b", "expected the name of a host, got 'a..b'"),
        ("serve --unix=", "argument --unix/-u: expected the path of a Unix socket, got nothing"),
        ("serve --unix /nowhere/kv", "cannot listen on /nowhere/kv: no such file or directory"),
        ("put k v --port 1 --version -1", "expected a whole number from 0 to 184467440737095516"),
        ("get k --unix /nowhere/kv -t 1", "expected an answer from /nowhere/kv within 1 s, got"),
    ],
)
def test_trouble_is_said_in_one_line(args: str, error: str) -> None:
    status, printed, said = command("kvsrv", *args.split())
    assert (status, printed) == (2, "")
    assert said.count("\n") == 1
    assert error in said


def test_a_coroutine_per_client_is_what_the_workload_takes() -> None:
    """The parts above that a test relies on: what the recorder sees is what the clerk answers."""

    class Fake:
        async def get(self, key: str) -> tuple[str, int, Err]:
            return "v", 1, Err.OK

        async def put(self, key: str, value: str, version: int) -> Err:
            raise ConnectionError

    async def main() -> None:
        recorder = Recorder()
        clerk = RecordedClerk(recorder, 0, Fake())
        with pytest.raises(ConnectionError):
            await clerk.put("k", "v", 0)
        assert await clerk.get("k") == ("v", 1, Err.OK)
        put, get = recorder.history
        assert put.ret is None
        assert get.ret is not None
        assert put.call <= get.call <= get.ret
        recorder.check(kv)

    work: Coroutine[None, None, None] = main()
    asyncio.run(work)
