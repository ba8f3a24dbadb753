"""`python -m bench.malformed`: a server among bad clients; is a good one served, is memory flat?

The server is `python -m kvsrv serve` with its own limits. The bad clients connect 10 000 times,
400 at a time, and send what no client should. A good one calls all the while, on one connection.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from kvsrv import GetArgs, KVServer
from labrpc.codec import codec
from labrpc.frames import HEADER, LIMITS, REQUEST, Request
from labrpc.tcp import Address, connect, parse

AT_ONCE: Final = 400
EVERY: Final = 1_000
"""Connections between two looks at the server's memory."""
PAUSE_MS: Final = 1
"""Of the good client, after each call."""
DEADLINE_MS: Final = 60_000

BODY: Final = REQUEST.encode(Request(1, "KVServer.get", codec(GetArgs).encode(GetArgs("k"))))
GOOD: Final = len(BODY).to_bytes(HEADER) + BODY

Attack = Callable[[asyncio.StreamReader, asyncio.StreamWriter, random.Random], Awaitable[None]]


async def until_closed(reader: asyncio.StreamReader) -> None:
    """Take what the server still sends."""
    while await reader.read(65_536):
        pass


async def random_bytes(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, luck: random.Random
) -> None:
    """Up to two thousand bytes of anything, and no more."""
    writer.write(luck.randbytes(luck.randrange(1, 2_000)))
    writer.write_eof()
    await until_closed(reader)


async def nonsense(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, luck: random.Random
) -> None:
    """A frame whose body is anything."""
    body = luck.randbytes(luck.randrange(2_000))
    writer.write(len(body).to_bytes(HEADER) + body)
    await until_closed(reader)


async def truncated(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, luck: random.Random
) -> None:
    """The beginning of a good request, and then the end."""
    writer.write(GOOD[: luck.randrange(1, len(GOOD))])
    writer.write_eof()
    await until_closed(reader)


async def oversized(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, luck: random.Random
) -> None:
    """The length of what would be too large, and a beginning of it."""
    writer.write(luck.randrange(LIMITS.frame_bytes + 1, 2**32).to_bytes(HEADER) + bytes(10_000))
    await until_closed(reader)


async def slow(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, luck: random.Random
) -> None:
    """The beginning of a good request, and then nothing."""
    writer.write(GOOD[: luck.randrange(1, len(GOOD))])
    await until_closed(reader)


async def large(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, luck: random.Random
) -> None:
    """A part of a frame that is as large as may be, and then nothing."""
    writer.write(LIMITS.frame_bytes.to_bytes(HEADER) + bytes(200_000))
    await until_closed(reader)


async def vanishes(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, luck: random.Random
) -> None:
    """Good requests, and a reset before the replies have come."""
    writer.write(GOOD * luck.randrange(1, 50))
    await asyncio.sleep(0)
    writer.transport.abort()


ATTACKS: Final[tuple[Attack, ...]] = (
    *(random_bytes, nonsense, truncated, oversized, slow, large, vanishes),
)


async def attack(at: Address, kind: Attack, luck: random.Random) -> None:
    """One bad connection, until it is closed by either side."""
    reader, writer = await asyncio.open_connection(at.host, at.port)
    try:
        await kind(reader, writer, luck)
    except OSError:
        pass  # the server has closed, perhaps with bytes unread
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def resident_kb(pid: int) -> int:
    """Of a process, as Linux counts it."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s*(\d+) kB", status)
    assert found, status
    return int(found[1])


async def main(count: int) -> int:
    """Attack, and print what came of it; the exit status is 1 if the good client had no reply."""
    with tempfile.TemporaryFile("w+") as log:
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kvsrv", "serve", "--port", "0"),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
        try:
            assert server.stdout is not None
            line = (await server.stdout.readline()).decode()
            at = parse(line.split()[-1])
            print(f"{'connections':>11} {'good calls':>10} {'unanswered':>10} {'resident MB':>11}")
            answered, unanswered = await _attack_all(at, server.pid, count)
        finally:
            server.terminate()
            await server.wait()
        log.seek(0)
        _print_reasons(log.read())
    print(f"\n{answered} calls of the good client were answered, {unanswered} were not.")
    return int(unanswered > 0)


async def _attack_all(at: Address, pid: int, count: int) -> tuple[int, int]:
    luck = random.Random(1)
    calls: Counter[bool] = Counter()
    left = iter(range(count))

    async def bad() -> None:
        for number in left:
            if number % EVERY == 0:
                _print_line(number, calls, pid)
            await attack(at, ATTACKS[number % len(ATTACKS)], luck)

    async def good() -> None:
        async with connect(at, deadline_ms=DEADLINE_MS) as end:
            while True:
                calls[await end.call(KVServer.get, GetArgs("k")) is not None] += 1
                await asyncio.sleep(PAUSE_MS / 1_000)

    client = asyncio.create_task(good())
    await asyncio.gather(*(bad() for _ in range(AT_ONCE)))
    _print_line(count, calls, pid)
    client.cancel()
    await asyncio.wait([client])
    return calls[True], calls[False]


def _print_line(number: int, calls: Counter[bool], pid: int) -> None:
    resident = resident_kb(pid) / 1_024
    print(f"{number:11} {calls[True]:10} {calls[False]:10} {resident:11.1f}", flush=True)


def _print_reasons(log: str) -> None:
    reasons: Counter[str] = Counter()
    for line in log.splitlines():
        _, found, why = line.partition("connection closed: ")
        reasons[re.sub(r"\d+", "N", why).partition(":")[0] if found else line] += 1
    print("\nConnections that the server closed, as its log says:\n")
    for reason, times in sorted(reasons.items()):
        print(f"{times:6} {reason}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=10_000, metavar="N")
    sys.exit(asyncio.run(main(parser.parse_args().connections)))
