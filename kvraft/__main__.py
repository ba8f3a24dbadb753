"""`python -m kvraft`: a server of a replicated key/value store for real, and the group's clerk."""

from __future__ import annotations

import argparse
import asyncio
import logging
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from kvraft.client import Clerk
from kvraft.server import KVServer
from kvsrv import operations
from labrpc import Server
from labrpc.command import YES, Parser, address, run, serving, whole
from labrpc.tcp import Address, Limits, connect, serve
from raft.api import Persister
from raft.folder import BadFolder, Folder

PROGRAM: Final = "python -m kvraft"
IDENTITY: Final = "identity"
LIMITS: Final = Limits(frame_bytes=64 * 1_024 * 1_024)
"""A snapshot travels in one frame."""
MAX_RAFT_STATE: Final = 100_000


def peers(text: str) -> list[Address]:
    """Read the addresses of a group, in the order of its servers, with commas in between."""
    found = [address(part) for part in text.split(",")]
    for number, peer in enumerate(found):
        if not peer.path and peer.port == 0:
            raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535, got {peer}")
        if (first := found.index(peer)) != number:
            raise argparse.ArgumentTypeError(
                f"expected different addresses, got {peer} for servers {first} and {number}"
            )
    return found


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(prog=PROGRAM, description="A key/value store on a group of servers.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="serve | get | put")
    server = commands.add_parser("serve", help="run one server of the group")
    for command in (server, *operations.add(commands)):
        command.add_argument(
            *("--peers", "-p"),
            type=peers,
            required=True,
            metavar="ADDRESS,...",
            help="all servers, in the same order everywhere: HOST:PORT, or the path of a Unix "
            "socket with a slash in it",
        )
    server.add_argument(
        *("--me", "-m"),
        type=whole(0, 1_000),
        required=True,
        metavar="N",
        help="which of the peers this is; the first one is 0",
    )
    server.add_argument(
        *("--data", "-d"),
        type=Path,
        required=True,
        metavar="FOLDER",
        help="what this server alone keeps; made if need be",
    )
    server.add_argument(
        "--max-raft-state",
        type=whole(-1, 2**40),
        default=MAX_RAFT_STATE,
        metavar="BYTES",
        help="make a snapshot when the log comes near this (%(default)s); -1: never",
    )
    args = parser.parse_args()
    if args.command == "serve" and args.me >= len(args.peers):
        server.error(
            f"argument --me/-m: expected a number from 0 to {len(args.peers) - 1}, one for each "
            f"of the peers, got {args.me}"
        )
    return args


async def identify(folder: Folder, args: argparse.Namespace) -> None:
    """Note whose folder it is, once; another server's state would make this one break promises.

    Raises BadFolder if it is another's.
    """
    mine = f"server {args.me} of {len(args.peers)}"
    if not (owner := folder.read(IDENTITY).decode()):
        folder.write({IDENTITY: mine.encode()})
        await folder.sync()
    elif owner != mine:
        raise BadFolder(f"expected in {args.data} the data of {mine}, got those of {owner}")


async def serve_one(args: argparse.Namespace) -> None:
    """Run a server until it is told to stop. Raises BadFolder when its folder fails."""
    loop = asyncio.get_running_loop()
    failure: asyncio.Future[BadFolder] = loop.create_future()

    def failed(error: BadFolder) -> None:
        if not failure.done():
            failure.set_result(error)

    async with AsyncExitStack() as stack:
        folder = Folder(args.data, failed)
        stack.push_async_callback(folder.close)
        await identify(folder, args)
        ends = [
            await stack.enter_async_context(connect(peer, limits=LIMITS)) for peer in args.peers
        ]
        server = KVServer(ends, args.me, Persister(folder), args.max_raft_state)
        stack.callback(server.kill)
        listener = await serve(Server(*server.services()), args.peers[args.me], limits=LIMITS)
        await stack.enter_async_context(listener)
        stopped = loop.create_task(serving(listener, f"server {args.me}"))
        waits: list[asyncio.Future[Any]] = [stopped, failure]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if failure.done():
            stopped.cancel()
            raise failure.result()


async def main(args: argparse.Namespace) -> int:
    """Do what the command line says; returns the exit status."""
    if args.command == "serve":
        await serve_one(args)
        return YES
    async with AsyncExitStack() as stack:
        ends = [
            await stack.enter_async_context(connect(peer, limits=LIMITS)) for peer in args.peers
        ]
        who = f"any of {', '.join(map(str, args.peers))}"
        return await operations.perform(Clerk(ends), args, who)


if __name__ == "__main__":
    args = arguments()
    run(PROGRAM, main(args), logging.INFO if args.command == "serve" else logging.WARNING)
