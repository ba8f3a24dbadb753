"""`python -m kvsrv`: the key/value server and its clerk for real, over TCP or a Unix socket."""

from __future__ import annotations

import argparse
import logging
from typing import Final

from kvsrv import operations
from kvsrv.client import Clerk
from kvsrv.server import KVServer
from labrpc import Server
from labrpc.address import LOOPBACK
from labrpc.command import YES, Parser, run, serving, socket_path, whole
from labrpc.tcp import Address, connect, parse, serve

PROGRAM: Final = "python -m kvsrv"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(prog=PROGRAM, description="A key/value server in memory, and its clerk.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="serve | get | put")
    server = commands.add_parser("serve", help="serve until Ctrl-C or SIGTERM")
    for command in (server, *operations.add(commands)):
        where = command.add_mutually_exclusive_group(required=True)
        port_help = "0 serves on a port that is free" if command is server else None
        where.add_argument("--port", "-p", type=whole(0, 65_535), metavar="N", help=port_help)
        unix_help = "a Unix socket instead"
        where.add_argument("--unix", "-u", type=socket_path, metavar="PATH", help=unix_help)
        command.add_argument("--host", default=LOOPBACK, help="%(default)s by default")
    return parser.parse_args()


async def main(args: argparse.Namespace) -> int:
    """Do what the command line says; returns the exit status."""
    at: Address | None = args.unix
    if at is None:
        host = f"[{args.host}]" if ":" in args.host else args.host
        at = parse(f"{host}:{args.port}")
    if args.command == "serve":
        async with await serve(Server(KVServer()), at) as listener:
            await serving(listener, "KVServer")
        return YES
    async with connect(at, deadline_ms=1_000 * args.timeout) as end:
        return await operations.perform(Clerk(end), args, str(at))


if __name__ == "__main__":
    args = arguments()
    run(PROGRAM, main(args), logging.INFO if args.command == "serve" else logging.WARNING)
