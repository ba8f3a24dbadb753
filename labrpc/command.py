"""What the commands share that run a server or a clerk for real: `python -m kvsrv` and others.

They exit with 0 for yes, 1 for no (there is no such key), and 2 for trouble, which is said in one
sentence on the standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

from labrpc.address import Address, BadAddress, parse
from labrpc.errors import TesterError
from labrpc.tcp import Listener

YES, NO, TROUBLE = 0, 1, 2

T = TypeVar("T")


class Parser(argparse.ArgumentParser):
    """An argument parser that says what is wrong, and not all that would be right."""

    def error(self, message: str) -> NoReturn:
        """See argparse."""
        self.exit(TROUBLE, f"{self.prog}: {message}; see {self.prog} --help\n")


def address(text: str) -> Address:
    """Read an address; what is wrong with it is an error of the argument."""
    try:
        return parse(text)
    except BadAddress as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def socket_path(text: str) -> Address:
    """Read the path of a Unix socket, with or without a slash in it."""
    if not text:
        raise argparse.ArgumentTypeError("expected the path of a Unix socket, got nothing")
    return Address(path=text)


def whole(least: int, most: int) -> Callable[[str], int]:
    """A reader of whole numbers in a range."""

    def read(text: str) -> int:
        fits = text.removeprefix("-").isdigit() and text.isascii() and len(text) < 25
        if not fits or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"expected a whole number from {least} to {most}, got {text!r}"
            )
        return int(text)

    return read


def run(program: str, main: Coroutine[Any, Any, int], level: int = logging.WARNING) -> NoReturn:
    """Run a command, and exit; what is of this level or above is logged on the standard error."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=level)
    try:
        status = asyncio.run(main)
    except TesterError as error:
        print(f"{program}: {error}", file=sys.stderr)  # noqa: T201
        status = TROUBLE
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    sys.exit(status)


async def answered(work: Coroutine[Any, Any, T], timeout_s: int, what: str) -> T:
    """What a clerk's operation returns. Raises NoAnswer if that takes too long."""
    try:
        async with asyncio.timeout(timeout_s):
            return await work
    except TimeoutError:
        raise NoAnswer(
            f"expected an answer from {what} within {timeout_s} s, got none: is a server running "
            "there? If this was a put, it may have been carried out"
        ) from None


class NoAnswer(TesterError):
    """A clerk has asked for as long as it was to; whether a put took place is unknown."""


async def serving(listener: Listener, name: str) -> None:
    """Say where the server listens, and return when SIGTERM or SIGINT comes."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    print(f"{name} listens on {listener.address}", flush=True)  # noqa: T201
    await stopped.wait()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)  # a second one ends what takes too long to close
