"""Pipes: a message is read whole or not at all, and an ending is put into words."""

import os
import signal
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.world.pipe import Messages, framed, killed_by, receive, send


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


@given(
    st.lists(st.binary(max_size=300)), st.lists(st.integers(1, 400)), st.integers(0, 2), st.data()
)
def test_messages_are_read_however_they_arrive(
    messages: list[bytes], cuts: list[int], cut_off: int, data: st.DataObject
) -> None:
    there, here = os.pipe()
    whole = b"".join(map(framed, messages))
    if cut_off and messages:  # then the last message is none
        whole = whole[: -data.draw(st.integers(1, len(framed(messages[-1]))))]
        messages = messages[:-1]
    found = []
    heard = Messages(there)
    try:
        os.write(here, whole)
        os.close(here)
        with pytest.raises(EOFError), pytest.MonkeyPatch.context() as patch:
            sizes = iter(cuts)
            read = os.read
            patch.setattr(os, "read", lambda pipe, size: read(pipe, min(size, next(sizes, size))))
            while True:
                found.append(heard.next())
    finally:
        os.close(there)
    assert found == messages


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
