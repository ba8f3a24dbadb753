"""What a hold keeps back arrives when it is released, and nothing else is changed by it."""

import pytest

from labrpc import RELIABLE
from tests.labrpc.lab import END, SERVER, Lab

HOP = RELIABLE.latency_us
LATER = 1_000_000


def test_a_caller_that_waits_gets_its_answer_after_the_release() -> None:
    lab = Lab()
    hold = lab.network.hold(END, waits=True)
    call = lab.call()
    lab.at(LATER, hold.release)
    lab.run(until=LATER - 1)
    assert (len(hold), lab.served, call.answers) == (1, [], [])
    lab.run()
    assert lab.served == [(LATER, b"request")]
    assert call.answers == [(LATER + HOP, b"reply")]


def test_a_caller_that_does_not_wait_gets_none_at_once_and_the_request_still_arrives() -> None:
    lab = Lab()
    hold = lab.network.hold(END)
    call = lab.call()
    lab.at(LATER, hold.release)
    lab.run()
    assert call.answers == [(HOP, None)]
    assert lab.served == [(LATER, b"request")]
    assert lab.network.unanswered(END, "Service.method") == {"request lost": 1}
    traffic = lab.network.traffic(END)
    assert (traffic.sent, traffic.answered, traffic.unanswered) == (1, 0, 1)


def test_later_requests_pass_when_it_has_stopped() -> None:
    lab = Lab()
    hold = lab.network.hold(END, waits=True)
    early = lab.call()
    lab.run()
    hold.stop()
    late = lab.call()
    lab.run()
    assert (early.answers, late.answers) == ([], [(3 * HOP, b"reply")])
    hold.release()
    lab.run()
    assert early.answers == [(4 * HOP, b"reply")]
    assert len(hold) == 0


def test_a_newer_hold_replaces_an_older_one() -> None:
    lab = Lab()
    older = lab.network.hold(END)
    newer = lab.network.hold(END)
    _ = lab.call()
    lab.run()
    assert (len(older), len(newer)) == (0, 1)
    older.stop()
    _ = lab.call()
    lab.run()
    assert len(newer) == 2


@pytest.mark.parametrize(
    ("newest_first", "order"), [(False, [b"0", b"1", b"2"]), (True, [b"2", b"1", b"0"])]
)
def test_the_order_of_a_release(newest_first: bool, order: list[bytes]) -> None:
    lab = Lab()
    hold = lab.network.hold(END)
    for i in range(3):
        lab.network.send(END, "Service.method", b"%d" % i, lambda reply: None)
    lab.run()
    hold.release(newest_first=newest_first)
    assert [payload for _, payload in lab.served] == order


def test_only_large_requests_up_to_a_number_are_held() -> None:
    lab = Lab()
    hold = lab.network.hold(END, least_bytes=2, at_most=2)
    for payload in (b"1", b"12", b"1", b"123", b"1234"):
        lab.network.send(END, "Service.method", payload, lambda reply: None)
    lab.run()
    assert [payload for _, payload in lab.served] == [b"1", b"1", b"1234"]
    hold.release()
    assert [payload for _, payload in lab.served[3:]] == [b"12", b"123"]


@pytest.mark.parametrize("waits", [False, True])
def test_a_held_request_reaches_the_restarted_server(waits: bool) -> None:
    lab = Lab()
    hold = lab.network.hold(END, waits=waits)
    call = lab.call()
    lab.run()
    got: list[bytes] = []
    lab.network.delete_server(SERVER)
    lab.network.add_server(SERVER, lambda event: got.append(event[4]))
    hold.release()
    lab.run()
    assert (lab.served, got) == ([], [b"request"])
    assert call.answers == ([] if waits else [(HOP, None)])


def test_without_a_server_nobody_gets_it_and_who_waits_is_told() -> None:
    lab = Lab()
    hold = lab.network.hold(END, waits=True)
    call = lab.call()
    lab.run()
    lab.network.delete_server(SERVER)
    hold.release()
    lab.run()
    assert [reply for _, reply in call.answers] == [None]


def test_a_lost_request_is_not_held() -> None:
    lab = Lab()
    hold = lab.network.hold(END)
    _ = lab.call(request_lost=1)
    _ = lab.call(late=1)
    lab.run()
    assert len(hold) == 0
    assert len(lab.served) == 1
