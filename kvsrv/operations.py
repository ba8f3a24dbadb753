"""A get or a put as a command: its arguments, and a clerk's operation whose result is printed."""

from __future__ import annotations

import argparse
from typing import Any, Final, Protocol

from kvsrv.rpc import Err, Version
from labrpc.command import NO, YES, answered, whole

TIMEOUT_S: Final = 30
EPILOG: Final = "Exits with 0 for yes, 1 for no (such as ErrNoKey), and 2 for trouble."


class Clerk(Protocol):
    """What the commands need of a clerk."""

    async def get(self, key: str) -> tuple[str, Version, Err]: ...

    async def put(self, key: str, value: str, version: Version) -> Err: ...


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Add `get` and `put` to what `add_subparsers` has returned; returns their parsers."""
    get = commands.add_parser("get", epilog=EPILOG, help="print a key's version and value")
    put = commands.add_parser("put", epilog=EPILOG, help="install a value, at a given version")
    for command in (get, put):
        command.add_argument("key")
        command.add_argument(
            *("--timeout", "-t"),
            type=whole(1, 1_000_000),
            default=TIMEOUT_S,
            metavar="S",
            help="how many seconds to wait for an answer (%(default)s)",
        )
    put.add_argument("value")
    put.add_argument(
        *("--version", "-v"),
        type=whole(0, 2**64 - 1),
        default=0,
        metavar="V",
        help="the version that the key has now; 0, the default, creates it",
    )
    return [get, put]


async def perform(clerk: Clerk, args: argparse.Namespace, server: str) -> int:
    """Print the version and the value, or what came of a put; returns the exit status.

    Raises NoAnswer if that takes too long.
    """
    if args.command == "get":
        value, version, err = await answered(clerk.get(args.key), args.timeout, server)
        print(err if err is not Err.OK else f"{version} {value}")  # noqa: T201
    else:
        put = clerk.put(args.key, args.value, args.version)
        err = await answered(put, args.timeout, server)
        print(err)  # noqa: T201
    return YES if err is Err.OK else NO
