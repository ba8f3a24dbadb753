"""The same RPC as `bench.tcp` makes, over grpc's asyncio; prints the CPU seconds it took.

It runs in an environment that has grpcio and msgspec, and nothing of ours.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import time
from typing import Any

import msgspec

grpc: Any = importlib.import_module("grpc")  # which the type checker's environment lacks
aio: Any = importlib.import_module("grpc.aio")
SERVICE, METHOD = "Bank", "add_in_task"


class AddArgs(msgspec.Struct, frozen=True):
    """As in `bench.rpc`."""

    account: str
    amount: int


class AddReply(msgspec.Struct, frozen=True):
    """As in `bench.rpc`."""

    balance: int


async def main(rpcs: int, in_flight: int) -> float:
    """CPU seconds of this number of calls by this number of callers."""
    balances: dict[str, int] = {}

    async def add(args: AddArgs, context: object) -> AddReply:
        balances[args.account] = balances.get(args.account, 0) + args.amount
        return AddReply(balances[args.account])

    handler = grpc.unary_unary_rpc_method_handler(
        add,
        request_deserializer=msgspec.msgpack.Decoder(AddArgs).decode,
        response_serializer=msgspec.msgpack.Encoder().encode,
    )
    server = aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        method = channel.unary_unary(
            f"/{SERVICE}/{METHOD}",
            request_serializer=msgspec.msgpack.Encoder().encode,
            response_deserializer=msgspec.msgpack.Decoder(AddReply).decode,
        )
        assert await method(AddArgs("k", 1), timeout=60) == AddReply(1)

        async def caller() -> None:
            for _ in range(rpcs // in_flight):
                await method(AddArgs("k", 1), timeout=60)

        start = time.process_time()
        await asyncio.gather(*(caller() for _ in range(in_flight)))
        taken = time.process_time() - start
    await server.stop(None)
    return taken


if __name__ == "__main__":
    print(asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]))))
