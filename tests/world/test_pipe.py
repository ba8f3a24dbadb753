"""Pipes: a message is read whole or not at all, and an ending is put into words."""

import os
import signal
import threading

import pytest

from tester.world.pipe import framed, killed_by, receive, send


def test_a_message_that_no_pipe_holds_at_once_arrives_whole() -> None:
    there, here = os.pipe()
    payload = os.urandom(3 << 20)
    writing = threading.Thread(target=send, args=(here, payload))
    writing.start()
    assert receive(there) == payload
    writing.join()
    send(here, b"")
    send(here, b"the next one")
    assert [receive(there), receive(there)] == [b"", b"the next one"]
    os.close(here)
    os.close(there)


@pytest.mark.parametrize("missing", range(1, 9))
def test_half_a_message_is_none(missing: int) -> None:
    there, here = os.pipe()
    os.write(here, framed(b"half")[:-missing])
    os.close(here)
    with pytest.raises(EOFError):
        receive(there)
    os.close(there)


def test_a_signal_is_named_where_it_has_a_name() -> None:
    assert killed_by(signal.SIGSEGV) == "was killed by SIGSEGV"
    nameless = next(n for n in range(32, 65) if n not in set(signal.Signals))
    assert killed_by(nameless) == f"was killed by signal {nameless}"
