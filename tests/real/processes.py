"""Servers in processes of their own: started, killed, and all of them ended when a test ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.tree import ROOT

ENOUGH_S = 600  # for a command that hangs


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}


class Servers:
    """What runs `python -m MODULE ...`, by the number that the test gives it."""

    def __init__(self) -> None:
        self._running: dict[int, subprocess.Popen[str]] = {}
        self.errors: dict[int, str] = {}

    def start(self, number: int, *args: str) -> str:
        """Start a server, and return when it listens: what it says."""
        assert number not in self._running
        self._running[number] = process = subprocess.Popen(
            [sys.executable, "-m", *args],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        line = process.stdout.readline().rstrip()
        if not line:
            self.end(number)
            raise AssertionError(self.errors[number])
        return line

    def kill(self, number: int) -> None:
        """Kill a server with SIGKILL."""
        process = self._running.pop(number)
        process.kill()
        _, self.errors[number] = process.communicate(timeout=ENOUGH_S)

    def end(self, number: int) -> int:
        """Ask a server to stop, and return its exit status."""
        process = self._running.pop(number)
        process.send_signal(signal.SIGTERM)
        _, self.errors[number] = process.communicate(timeout=ENOUGH_S)
        return process.returncode

    def kill_all(self) -> None:
        for number in list(self._running):
            self.kill(number)


@contextmanager
def servers() -> Iterator[Servers]:
    running = Servers()
    try:
        yield running
    finally:
        running.kill_all()


def command(*args: str) -> tuple[int, str, str]:
    """Run `python -m ...` to its end: exit status, standard output, standard error."""
    done = subprocess.run(
        [sys.executable, "-m", *args],
        check=False,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=ENOUGH_S,
    )
    return done.returncode, done.stdout, done.stderr


def free_ports(count: int) -> Sequence[int]:
    """Ports that were free a moment ago."""
    with socket.socket() as first, socket.socket() as second, socket.socket() as third:
        ports = []
        for each in (first, second, third)[:count]:
            each.bind(("127.0.0.1", 0))
            ports.append(each.getsockname()[1])
        return ports
