"""An address: where a server listens, as a host and a port or as the path of a Unix socket."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass
from typing import Final

from labrpc.errors import TesterError

LOOPBACK: Final = "127.0.0.1"
"""Reached from this machine alone."""


class BadAddress(TesterError):
    """A text is no address, or nothing can listen there."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port or, where `path` is given, a Unix socket.

    To listen on port 0 is to listen on a port that is free.
    """

    host: str = LOOPBACK
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return self.path
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse(text: str) -> Address:
    """Read HOST:PORT, or the path of a Unix socket, which has a slash in it.

    Raises BadAddress. `[::1]:4000` is an IPv6 host, and `:4000` a port of the loopback interface.
    """
    if "/" in text:
        if "\0" in text:
            raise BadAddress(f"expected the path of a Unix socket, got {text!r}")
        return Address(path=text)
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or (":" in host and not bracketed) or not (port.isascii() and port.isdigit()):
        raise BadAddress(
            f"expected HOST:PORT, or the path of a Unix socket with a slash in it, got {text!r}"
        )
    try:
        host.encode("idna")
    except UnicodeError:
        raise BadAddress(f"expected the name of a host, got {host!r} in {text!r}") from None
    if len(port) > 5 or int(port) > 65_535:
        raise BadAddress(f"expected a port from 0 to 65535, got {port} in {text!r}")
    return Address(host.strip("[]") or LOOPBACK, int(port))


def reason(error: OSError) -> str:
    """Why an address cannot be used, and what to do about it, in words."""
    if error.errno == errno.EADDRINUSE:
        return "the address is in use: stop who uses it, or take another (port 0 is a free one)"
    if isinstance(error, socket.gaierror) or not error.errno:
        return str(error.strerror or error)
    return os.strerror(error.errno).lower()
