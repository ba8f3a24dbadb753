"""The pipeline of one request, row by row, to the microsecond, with a fate chosen by the test."""

import pytest

from labrpc import LONG_REORDERING, RELIABLE, UNRELIABLE
from tests.labrpc.lab import RISKY, Lab

MS = 1_000
HOP = RELIABLE.latency_us


def test_a_reliable_call_takes_a_latency_each_way() -> None:
    lab = Lab()
    call = lab.call()
    lab.run()
    assert lab.served == [(HOP, b"request")]
    assert call.answers == [(2 * HOP, b"reply")]
    assert (lab.network.rpc_total, lab.network.byte_total) == (1, len(b"request") + len(b"reply"))


# -- step 0: counted in any case ----------------------------------------------------------------


@pytest.mark.parametrize("why", ["disabled", "unconnected", "no server", "lost"])
def test_a_request_is_counted_even_if_it_reaches_nobody(why: str) -> None:
    lab = Lab()
    lab.cut(why)
    lab.call(request_lost=int(why == "lost"))
    lab.run()
    assert (lab.network.rpc_total, lab.network.byte_total) == (1, len(b"request"))
    assert lab.network.rpc_count("server") == 0


# -- step 1: nobody to be reached ---------------------------------------------------------------


@pytest.mark.parametrize("why", ["disabled", "unconnected", "no server"])
def test_an_unreachable_server_costs_its_wait_and_a_latency_and_runs_nothing(why: str) -> None:
    lab = Lab()
    lab.cut(why)
    call = lab.call(unreachable_ms=73)
    lab.run()
    assert call.answers == [(73 * MS + HOP, None)]
    assert lab.served == []


def test_even_the_shortest_wait_for_an_unreachable_server_lets_time_pass() -> None:
    lab = Lab()
    lab.cut("disabled")
    call = lab.call(unreachable_ms=0)
    lab.run()
    assert call.answers == [(HOP, None)]


def test_enabling_the_end_meanwhile_neither_helps_the_call_nor_delays_the_next() -> None:
    lab = Lab()
    lab.cut("disabled")
    early = lab.call(unreachable_ms=90)
    lab.at(10 * MS, lambda: lab.network.enable("end"))
    lab.run(until=10 * MS)
    late = lab.call()
    lab.run()
    assert early.answers == [(90 * MS + HOP, None)]
    assert late.answers == [(10 * MS + 2 * HOP, b"reply")]


# -- steps 2 and 3: delayed, lost ---------------------------------------------------------------


def test_a_delayed_request_arrives_later() -> None:
    lab = Lab(UNRELIABLE)
    call = lab.call(request_delay_ms=26)
    lab.run()
    assert lab.served == [(26 * MS + HOP, b"request")]
    assert call.answers == [(26 * MS + 2 * HOP, b"reply")]


def test_a_lost_request_runs_nothing_and_is_told_after_its_delay() -> None:
    lab = Lab(UNRELIABLE)
    call = lab.call(request_delay_ms=20, request_lost=1)
    lab.run()
    assert lab.served == []
    assert lab.network.rpc_count("server") == 0
    assert call.answers == [(20 * MS + HOP, None)]


def test_requests_may_overtake_each_other() -> None:
    lab = Lab(UNRELIABLE)
    slow, fast = lab.call(request_delay_ms=9), lab.call(request_delay_ms=2)
    lab.run()
    assert fast.answers[0][0] < slow.answers[0][0]


# -- steps 5 and 6: the server dies while the handler runs --------------------------------------


@pytest.mark.parametrize("death", ["disable", "delete", "replace"])
def test_a_call_learns_of_a_death_at_the_next_of_its_polls(death: str) -> None:
    lab = Lab(slow=True)
    call = lab.call()
    lab.at(230 * MS, lambda: lab.kill(death))
    lab.run()
    assert call.answers == [(HOP + 300 * MS, None)]


def test_a_death_at_the_very_poll_is_noticed_by_the_next_one() -> None:
    lab = Lab(slow=True)
    call = lab.call()
    lab.at(HOP + 200 * MS, lambda: lab.kill("delete"))
    lab.run()
    assert call.answers == [(HOP + 300 * MS, None)]


def test_a_server_that_is_back_before_the_poll_has_not_died() -> None:
    lab = Lab(slow=True)
    call = lab.call()
    lab.at(210 * MS, lambda: lab.network.enable("end", on=False))
    lab.at(290 * MS, lambda: lab.network.enable("end"))
    lab.at(900 * MS, lab.finish)
    lab.run()
    assert call.answers == [(900 * MS + HOP, b"reply")]


def test_a_handler_that_returns_after_a_death_has_run_for_nothing() -> None:
    lab = Lab(slow=True)
    call = lab.call()
    lab.at(210 * MS, lambda: lab.kill("delete"))
    lab.at(220 * MS, lab.finish)
    lab.run()
    assert len(lab.served) == 1
    assert call.answers == [(220 * MS + HOP, None)]


def test_a_call_of_which_nobody_lives_to_answer_ends_even_if_the_handler_never_returns() -> None:
    lab = Lab(slow=True)
    calls = [lab.call() for _ in range(3)]
    lab.at(50 * MS, lambda: lab.kill("delete"))
    lab.run()
    assert [call.answers for call in calls] == [[(HOP + 100 * MS, None)]] * 3


@pytest.mark.parametrize("death", ["disable", "delete"])
def test_a_death_while_the_request_travels_does_not_stop_it_but_its_reply(death: str) -> None:
    lab = Lab(UNRELIABLE)
    call = lab.call(request_delay_ms=20)
    lab.at(10 * MS, lambda: lab.kill(death))
    lab.run()
    assert lab.served == [(20 * MS + HOP, b"request")]
    assert lab.network.rpc_count("server") == 1
    assert call.answers == [(20 * MS + 2 * HOP, None)]


def test_a_death_while_the_request_travels_is_noticed_if_the_handler_never_returns() -> None:
    lab = Lab(UNRELIABLE, slow=True)
    call = lab.call(request_delay_ms=20)
    lab.at(10 * MS, lambda: lab.kill("delete"))
    lab.run()
    assert call.answers == [(20 * MS + HOP + 100 * MS, None)]


def test_the_server_of_a_call_is_the_one_that_was_there_when_it_entered() -> None:
    lab = Lab(UNRELIABLE)
    successor: list[bytes] = []
    call = lab.call(request_delay_ms=20)
    replace = lambda: lab.network.add_server("server", lambda event: successor.append(event[4]))
    lab.at(10 * MS, replace)
    lab.run()
    assert (len(lab.served), successor) == (1, [])
    assert call.answers == [(20 * MS + 2 * HOP, None)]


# -- steps 7 to 9: the reply --------------------------------------------------------------------


def test_a_lost_reply_is_told_at_once_and_its_bytes_are_not_counted() -> None:
    lab = Lab(UNRELIABLE)
    call = lab.call(reply_lost=1)
    lab.run()
    assert len(lab.served) == 1
    assert lab.network.rpc_count("server") == 1
    assert call.answers == [(2 * HOP, None)]
    assert lab.network.byte_total == len(b"request")


@pytest.mark.parametrize(("span", "part", "ms"), [(0, 0, 200), (1_999, 0, 200), (999, 1_000, 700)])
def test_a_held_reply_comes_late(span: int, part: int, ms: int) -> None:
    lab = Lab(LONG_REORDERING)
    call = lab.call(reply_held=1, hold_span_ms=span, hold_part=part)
    lab.run()
    assert call.answers == [(2 * HOP + ms * MS, b"reply")]


def test_the_bytes_of_a_held_reply_are_counted_when_it_is_delivered() -> None:
    lab = Lab(LONG_REORDERING)
    lab.call(reply_held=1)
    lab.run(until=100 * MS)
    assert lab.network.byte_total == len(b"request")
    lab.run()
    assert lab.network.byte_total == len(b"request") + len(b"reply")


@pytest.mark.parametrize("death", ["disable", "delete", "replace"])
def test_a_held_reply_survives_a_partition_and_a_crash(death: str) -> None:
    lab = Lab(LONG_REORDERING)
    call = lab.call(reply_held=1)
    lab.at(50 * MS, lambda: lab.kill(death))
    lab.run()
    assert call.answers == [(2 * HOP + 200 * MS, b"reply")]


def test_replies_are_held_on_a_reliable_network() -> None:
    lab = Lab(RISKY.but(reply_hold=(1, 1)))
    call = lab.call(reply_held=1)
    lab.run()
    assert call.answers == [(2 * HOP + 200 * MS, b"reply")]


# -- what labrpc lacks --------------------------------------------------------------------------


def test_a_duplicate_is_delivered_as_it_was_sent_and_its_reply_goes_nowhere() -> None:
    lab = Lab()
    call = lab.call(duplicated=1, duplicate_delay_ms=5)
    lab.run()
    assert lab.served == [(HOP, b"request"), (HOP + 5 * MS + 1, b"request")]
    assert call.answers == [(2 * HOP, b"reply")]
    assert lab.network.rpc_count("server") == 2
    assert lab.network.rpc_total == 1


def test_the_reply_to_a_copy_takes_nothing_back() -> None:
    lab = Lab(LONG_REORDERING)
    call = lab.call(duplicated=1, duplicate_delay_ms=10, reply_held=1)
    lab.at(5 * MS, lambda: lab.kill("disable"))
    lab.run()
    assert len(lab.served) == 2
    assert call.answers == [(2 * HOP + 200 * MS, b"reply")]
    assert lab.network.byte_total == len(b"request") + len(b"reply")


def test_a_copy_of_a_lost_request_arrives() -> None:
    lab = Lab(RISKY.but(loss_timeout_ms=50))
    call = lab.call(request_lost=1, duplicated=1)
    lab.run()
    assert lab.served == [(HOP + 1, b"request")]
    assert call.answers == [(HOP + 50 * MS, None)]


def test_a_late_request_arrives_after_its_caller_gave_up() -> None:
    lab = Lab()
    call = lab.call(late=1, late_delay_ms=700)
    lab.run()
    assert call.answers == [(HOP, None)]
    assert lab.served == [(HOP + 700 * MS + 1, b"request")]


@pytest.mark.parametrize("how", ["request_lost", "reply_lost", "late"])
def test_a_caller_learns_of_a_loss_when_its_time_is_over(how: str) -> None:
    lab = Lab(RISKY.but(loss_timeout_ms=300))
    call = lab.call(**{how: 1})
    lab.run()
    hops = 2 if how == "reply_lost" else 1
    assert call.answers == [(hops * HOP + 300 * MS, None)]


def test_a_crash_does_not_bring_forward_the_news_of_a_lost_reply() -> None:
    lab = Lab(RISKY.but(loss_timeout_ms=900))
    call = lab.call(reply_lost=1)
    lab.at(100 * MS, lambda: lab.kill("delete"))
    lab.run()
    assert call.answers == [(2 * HOP + 900 * MS, None)]
    assert lab.network.unanswered("end", "Service.method") == {"reply lost": 1}


def test_an_end_whose_requests_are_cut_reaches_nobody_and_gets_what_is_under_way() -> None:
    lab = Lab(slow=True)
    before = lab.call()
    lab.at(1 * MS, lambda: lab.network.block("end", requests=True))
    lab.run(until=1 * MS)
    after = lab.call(unreachable_ms=30)
    lab.at(500 * MS, lab.finish)
    lab.run()
    assert before.answers == [(500 * MS + HOP, b"reply")]
    assert after.answers == [(31 * MS + HOP, None)]
    assert len(lab.served) == 1


def test_an_end_whose_replies_are_cut_is_served_and_told_nothing() -> None:
    lab = Lab()
    lab.network.block("end", replies=True)
    call = lab.call()
    lab.run()
    assert len(lab.served) == 1
    assert call.answers == [(2 * HOP, None)]
    lab.network.block("end")
    healed = lab.call()
    lab.run()
    assert healed.answers[0][1] == b"reply"
