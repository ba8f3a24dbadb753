"""Addresses: what is one, how it is written, and what is said of what is none."""

import errno
import socket

import pytest

from labrpc.address import Address, BadAddress, parse, reason


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:4000", Address("127.0.0.1", 4000)),
        ("example.org:0", Address("example.org", 0)),
        (":4000", Address("127.0.0.1", 4000)),
        ("[::1]:65535", Address("::1", 65_535)),
        ("./kv.sock", Address(path="./kv.sock")),
        ("/run/kv:1", Address(path="/run/kv:1")),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    assert parse(text) == address
    assert parse(str(address)) == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected HOST:PORT"),
        ("4000", "expected HOST:PORT"),
        ("kv.sock", "with a slash in it, got 'kv.sock'"),
        ("::1:4000", "expected HOST:PORT"),
        ("localhost:http", "expected HOST:PORT"),
        ("localhost:-1", "expected HOST:PORT"),
        ("localhost:٤", "expected HOST:PORT"),
        ("localhost:65536", "expected a port from 0 to 65535, got 65536"),
        ("localhost:" + "9" * 5_000, "expected a port"),
        ("a..b:1", "expected the name of a host, got 'a..b' in 'a..b:1'"),
        ("/run/\0", "expected the path of a Unix socket"),
    ],
)
def test_what_is_no_address_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadAddress) as caught:
        parse(text)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EADDRINUSE, "anything"), "the address is in use"),
        (OSError(errno.EACCES, "anything"), "permission denied"),
        (OSError("AF_UNIX path too long"), "AF_UNIX path too long"),
        (socket.gaierror(socket.EAI_NONAME, "who is that"), "who is that"),
    ],
)
def test_an_error_is_put_into_words(error: OSError, words: str) -> None:
    assert words in reason(error)
