"""One side of `bench.peers`: runs its workload when asked, and answers what CPU time it took.

It runs in the environment that `bench.peers` makes. Each line of its input is a number of seeds,
or of RPCs; each line of its output is JSON. The KV scenario is that of `bench.kv`: 5 clients put
10 times each through a network that loses a tenth of the requests and a tenth of the replies, and
the history is checked, everywhere by `linearizability`. Messages travel as bytes, encoded by
msgspec, as labtester's do; over seedloop, which carries objects, once more as they are.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import itertools
import json
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from bench import kv, rpc
from bench.rounds import simulate_once
from kvsrv.rpc import Err, PutArgs, PutReply
from kvsrv.server import KVServer
from linearizability import Ok, Operation, check
from linearizability.models import Put
from linearizability.models import kv as kv_model
from tester.engine.choices import Choices, Seeded
from tester.guard.guard import standing
from tester.world.run import run

LOSS: Final = 0.1
DELAY_S: Final = 0.0, 0.026
"""seedloop's own delays are 1 to 20 ms each way, and have no setting."""
PATIENCE_S: Final = 0.1
"""After which a clerk takes a message for lost, where nobody tells it; twice the longest delay."""

Request = tuple[int, PutArgs]
Reply = tuple[int, PutReply]
Call = Callable[[PutArgs], Awaitable[PutReply | None]]
"""Sends a request; the reply, or None when none came in time."""


class Answer(NamedTuple):
    """What one batch took."""

    cpu_s: float
    rpcs: int
    """Requests sent, those that were lost with them."""


class History:
    """Operations as the checker takes them, stamped by one counter."""

    def __init__(self) -> None:
        self._stamps = itertools.count()
        self._operations: list[Operation] = []

    async def put_ten(self, number: int, call: Call) -> None:
        """Be client `number`: what `kvsrv.Clerk` does, each Put recorded."""
        key = f"k{number}"
        for version in range(kv.PUTS):
            start = next(self._stamps)
            err = await _put(call, PutArgs(key, str(version), version))
            assert err in (Err.OK, Err.MAYBE)
            put = Put(key, str(version), version)
            operation = Operation(number, put, str(err), call=start, ret=next(self._stamps))
            self._operations.append(operation)

    def check(self) -> None:
        """Every history must be linearizable, and whole."""
        assert len(self._operations) == kv.CLIENTS * kv.PUTS
        assert isinstance(check(kv_model, self._operations), Ok)


async def _put(call: Call, args: PutArgs) -> Err:
    repeated = False
    while True:
        reply = await call(args)
        if reply is not None:
            return Err.MAYBE if reply.err is Err.VERSION and repeated else reply.err
        repeated = True


async def _all(clients: Iterable[Coroutine[Any, Any, None]]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for client in clients:
            tasks.create_task(client)


def labtester(seeds: int) -> int:
    """Ours, as a worker makes one run after another."""
    rpcs = 0
    with standing():
        for seed in range(1, seeds + 1):
            outcome = run(kv.SCENARIO, Choices(Seeded(seed)))
            assert outcome.verdict == "pass", outcome.error
            rpcs += outcome.rpcs
    return rpcs


class _Caller:
    """A client's requests by number, and the future of the one that is under way."""

    def __init__(self, send: Callable[[Request], object]) -> None:
        self._send = send
        self._number = 0
        self._reply: asyncio.Future[PutReply] | None = None

    async def call(self, args: PutArgs) -> PutReply | None:
        """See `Call`."""
        self._number += 1
        self._reply = asyncio.get_running_loop().create_future()
        self._send((self._number, args))
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._reply
        except TimeoutError:
            return None

    def receive(self, reply: Reply) -> None:
        """Take a reply; one to an earlier request comes too late."""
        if reply[0] == self._number and self._reply is not None and not self._reply.done():
            self._reply.set_result(reply[1])


_encode: Final = msgspec.msgpack.Encoder().encode
_request: Final = msgspec.msgpack.Decoder(tuple[int, PutArgs]).decode
_reply: Final = msgspec.msgpack.Decoder(tuple[int, PutReply]).decode


def _as_it_is(message: Any) -> Any:
    return message


def seedloop(seeds: int, *, encoded: bool = False) -> int:
    """Its endpoints carry objects, which both sides then share; or bytes, as others do."""
    pack, request, reply = (_encode, _request, _reply) if encoded else (_as_it_is,) * 3
    library = importlib.import_module("seedloop")
    rpcs = 0

    class ServerNode:
        def __init__(self, world: Any) -> None:
            self._endpoint, self._store = world.net.bind(0, loss=LOSS), KVServer()

        async def run(self) -> None:
            nonlocal rpcs
            while True:
                sender, data = await self._endpoint.recv()
                number, args = request(data)
                await self._endpoint.send(sender, pack((number, self._store.put(args))))

    class Client:
        def __init__(self, world: Any, number: int) -> None:
            self._endpoint, self._number = world.net.bind(number + 1, loss=LOSS), 0

        async def call(self, args: PutArgs) -> PutReply | None:
            nonlocal rpcs
            rpcs += 1
            self._number += 1
            await self._endpoint.send(0, pack((self._number, args)))
            try:
                async with asyncio.timeout(PATIENCE_S):
                    while True:
                        number, put = reply((await self._endpoint.recv())[1])
                        if number == self._number:
                            assert isinstance(put, PutReply)
                            return put
            except TimeoutError:
                return None

    async def scenario(world: Any) -> None:
        world.start(ServerNode(world))
        history = History()
        await _all(history.put_ten(n, Client(world, n).call) for n in range(kv.CLIENTS))
        history.check()

    library.check(scenario, seeds=range(1, seeds + 1))
    return rpcs


PORT: Final = 9000


class _ServerProtocol(asyncio.DatagramProtocol):
    """Answers each datagram as it arrives."""

    def __init__(self) -> None:
        self._store = KVServer()

    def connection_made(self, transport: Any) -> None:
        """Keep what answers go through."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Put, and answer the sender."""
        number, args = _request(data)
        self._transport.sendto(_encode((number, self._store.put(args))), addr)


class _ClientProtocol(asyncio.DatagramProtocol):
    """Hands replies to the caller."""

    def connection_made(self, transport: Any) -> None:
        """Make the caller, which sends through this transport."""
        self.sent = 0
        self._transport = transport
        self.caller = _Caller(self._send)

    def _send(self, request: Request) -> None:
        self.sent += 1
        self._transport.sendto(_encode(request))

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Take a reply."""
        self.caller.receive(_reply(data))


async def _client(history: History, number: int, server: str) -> int:
    """Put ten times through a datagram endpoint of this client's own; how many RPCs that took."""
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_datagram_endpoint(_ClientProtocol, remote_addr=(server, PORT))
    await history.put_ten(number, protocol.caller.call)
    return protocol.sent


def simloop(seeds: int) -> int:
    """Datagrams between hosts."""
    library = importlib.import_module("simloop")
    rpcs = 0

    async def scenario() -> None:
        nonlocal rpcs
        loop: Any = asyncio.get_running_loop()
        loop.net.set_defaults(latency=DELAY_S, drop=LOSS)
        history = History()

        async def serve() -> None:
            await loop.create_datagram_endpoint(_ServerProtocol, local_addr=("server", PORT))

        await loop.net.host("server").create_task(serve())
        clients = [
            loop.net.host(f"c{n}").create_task(_client(history, n, "server"))
            for n in range(kv.CLIENTS)
        ]
        rpcs += sum(await asyncio.gather(*clients))
        history.check()

    report = library.explore(scenario, range(1, seeds + 1))
    assert report is None, report.render()
    return rpcs


def simloom(seeds: int) -> int:
    """Datagrams between hosts; an exploration without its second run of each seed."""
    library = importlib.import_module("simloom")
    rpcs = 0

    async def scenario(world: Any) -> None:
        nonlocal rpcs
        loop = asyncio.get_running_loop()
        world.net.set_latency(*DELAY_S)
        world.net.set_datagram_loss(round(100 * LOSS))
        history, counts = History(), list[int]()

        async def serve() -> None:
            await loop.create_datagram_endpoint(_ServerProtocol, local_addr=("server", PORT))

        async def client(number: int) -> None:
            counts.append(await _client(history, number, "server"))

        await world.host("server").spawn(serve)
        hosts = [world.host(f"c{n}") for n in range(kv.CLIENTS)]
        await asyncio.gather(*(host.spawn(partial(client, n)) for n, host in enumerate(hosts)))
        rpcs += sum(counts)
        history.check()

    for seed in range(1, seeds + 1):
        library.run(scenario, seed=seed)
    return rpcs


def rpcs_here(customers: int, rpcs: int) -> int:
    """RPCs in simulation, reliable, to a `def` handler."""
    times = rpcs // customers
    simulate_once(rpc.in_simulation, kind="def", customers=customers, times=times)
    return times * customers


def rpcs_on_asyncio(customers: int, rpcs: int) -> int:
    """The RPCs on asyncio, without virtual time, choices or a record."""
    rpc.on_stock_asyncio("def", customers, rpcs // customers)
    return rpcs // customers * customers


SUBJECTS: Final[dict[str, Callable[[int], int]]] = {
    "labtester": labtester,
    "seedloop": seedloop,
    "seedloop, bytes": partial(seedloop, encoded=True),
    "simloop": simloop,
    "simloom": simloom,
    "labtester, 1 client": partial(rpcs_here, 1),
    "labtester, 10 clients": partial(rpcs_here, 10),
    "asyncio, 1 client": partial(rpcs_on_asyncio, 1),
    "asyncio, 10 clients": partial(rpcs_on_asyncio, 10),
}
"""By name, what does a number of seeds, or of RPCs, and says how many RPCs that took."""


def main() -> None:
    """Serve the subject that the command line names."""
    work = SUBJECTS[sys.argv[1]]
    for line in sys.stdin:
        gc.collect()
        start = time.process_time()
        rpcs = work(int(line))
        print(json.dumps(Answer(time.process_time() - start, rpcs)), flush=True)


if __name__ == "__main__":
    main()
