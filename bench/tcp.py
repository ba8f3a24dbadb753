"""`python -m bench.tcp`: RPCs per CPU second over real connections, beside grpc's asyncio.

Client and server are in one process, so its CPU time is what an RPC costs both of them; the clock
on the wall, and what else the machine does, have no say. grpc sends the same messages, encoded by
msgspec as ours are, through generic handlers. It is installed into an environment of its own;
where that fails, its line is left out. The last line is the same bytes, echoed by asyncio's
streams.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec

from bench.rpc import AddArgs, AddReply, Bank
from labrpc import Server
from labrpc.frames import HEADER
from labrpc.tcp import connect, serve

ROOT: Final = Path(__file__).resolve().parents[1]
ENVIRONMENT: Final = ROOT / ".venv-grpc"
RPCS: Final = 4_000
IN_FLIGHT: Final = 1, 100
ROUNDS: Final = 5
DEADLINE_MS: Final = 60_000

Method = Callable[[Bank, AddArgs], object]
Measure = Callable[[int], float]
"""CPU seconds of RPCS calls with this many in flight at once."""


async def take_turns(call: Callable[[], Awaitable[object]], in_flight: int) -> float:
    """CPU seconds of RPCS calls by this many callers, each of which waits for its reply."""
    await call()  # connects

    async def caller() -> None:
        for _ in range(RPCS // in_flight):
            await call()

    start = time.process_time()
    await asyncio.gather(*(caller() for _ in range(in_flight)))
    return time.process_time() - start


def ours(at: str, method: Method) -> Measure:
    """Measure labrpc over an address."""

    async def main(in_flight: int) -> float:
        async with (
            await serve(Server(Bank()), at) as listener,
            connect(listener.address, deadline_ms=DEADLINE_MS) as end,
        ):

            async def call() -> None:
                reply = await end.call(method, AddArgs("k", 1))
                assert isinstance(reply, AddReply)

            return await take_turns(call, in_flight)

    return lambda in_flight: asyncio.run(main(in_flight))


def echo(in_flight: int) -> float:
    """Measure asyncio's streams: on each of this many connections, the bytes of one request."""
    body = bytes(HEADER) + msgspec.msgpack.encode((1, "Bank.add", b"0123456789abcdef"))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(await reader.readexactly(len(body)))
        except asyncio.IncompleteReadError:
            writer.close()

    async def main() -> float:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        pairs = [await asyncio.open_connection(host, port) for _ in range(in_flight)]
        free = asyncio.LifoQueue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]()
        for pair in pairs:
            free.put_nowait(pair)

        async def call() -> None:
            reader, writer = pair = free.get_nowait()
            writer.write(body)
            await reader.readexactly(len(body))
            free.put_nowait(pair)

        taken = await take_turns(call, in_flight)
        for _, writer in pairs:
            writer.close()
            await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return taken

    return asyncio.run(main())


def grpc(in_flight: int) -> float:
    """Measure grpc's asyncio, in its own environment."""
    done = subprocess.run(
        [ENVIRONMENT / "bin" / "python", ROOT / "bench" / "grpcaio.py", str(RPCS), str(in_flight)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(json.loads(done.stdout))


def install_grpc() -> str | None:
    """Make the environment, unless it is there; what went wrong, if anything did."""
    python = ENVIRONMENT / "bin" / "python"
    try:
        if not python.exists():
            venv.create(ENVIRONMENT, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run(
            [*pip, "grpcio", "msgspec"], check=False, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        return str(error)
    return done.stderr.strip().splitlines()[-1] if done.returncode else None


def main() -> None:
    """Measure, and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        subjects: dict[str, Measure] = {
            "labrpc, TCP, def": ours("127.0.0.1:0", Bank.add),
            "labrpc, TCP, async def": ours("127.0.0.1:0", Bank.add_in_task),
            "labrpc, Unix socket, def": ours(f"{folder}/bank.sock", Bank.add),
        }
        if why := install_grpc():
            print(f"grpc is left out, because it cannot be installed: {why}", file=sys.stderr)
        else:
            subjects["grpc.aio, TCP, async def"] = grpc
        subjects["asyncio streams, TCP, echo"] = echo
        taken: dict[tuple[str, int], list[float]] = {}
        for _ in range(ROUNDS):  # all take turns, so that a slow minute is everybody's
            for name, measure in subjects.items():
                for in_flight in IN_FLIGHT:
                    taken.setdefault((name, in_flight), []).append(measure(in_flight))
    print(f"RPCs per CPU second, client and server together, median of {ROUNDS} rounds:\n")
    print(f"{'':28}" + "".join(f"{count:>6} in flight" for count in IN_FLIGHT))
    for name in subjects:
        figures = (RPCS / statistics.median(taken[name, count]) for count in IN_FLIGHT)
        print(f"{name:28}" + "".join(f"{figure:16,.0f}".replace(",", " ") for figure in figures))


if __name__ == "__main__":
    main()
