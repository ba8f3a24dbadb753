"""Tests of the wiring: names, switches, and who is told that something was cut off."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labrpc import TesterError
from labrpc.network import Network
from labrpc.wiring import Request, Wire
from tests.labrpc.lab import Lab


class Noted(Network):
    """A network that only notes what is cut off: an end, or None for any."""

    def __init__(self) -> None:
        self.cuts: list[str | None] = []
        lab = Lab()
        super().__init__(lab.world, lambda name: lab.world, lambda event: None)
        self.make_end("end")

    @property
    def end(self) -> Wire:
        return self._ends["end"]

    def _cut_off(self, end: Wire | None = None) -> None:
        self.cuts.append(None if end is None else end.name)


switches = st.one_of(
    st.tuples(st.just("enable"), st.booleans()),
    st.tuples(st.just("block"), st.booleans(), st.booleans()),
)


@given(st.lists(switches))
def test_an_end_is_enabled_while_it_is_on_and_open_one_way(
    acts: list[tuple[str, bool] | tuple[str, bool, bool]],
) -> None:
    wiring = Noted()
    on, requests, replies = False, True, True
    assert not wiring.end.enabled
    for act in acts:
        cuts = len(wiring.cuts)
        if act[0] == "enable":
            on = act[1]
            wiring.enable("end", on)
        else:
            requests, replies = (not cut for cut in act[1:])
            wiring.block("end", requests=not requests, replies=not replies)
        assert wiring.end.enabled is (on and (requests or replies))
        assert wiring.cuts[cuts:] == ([] if wiring.end.enabled else ["end"])


def test_a_server_that_comes_or_goes_may_cut_off_any_end() -> None:
    def one(request: Request) -> None:
        """One incarnation of a server."""

    def other(request: Request) -> None:
        """The next one."""

    wiring = Noted()
    wiring.add_server("server", one)
    wiring.add_server("server", other)
    wiring.retire_server("server", one)  # it had lost its name already
    assert wiring.cuts == [None, None]
    wiring.retire_server("server", other)
    wiring.retire_server("server", other)
    assert wiring.cuts == [None, None, None]


def test_an_end_can_be_wired_before_there_is_a_server() -> None:
    lab = Lab()
    lab.network.connect("end", "later")
    early = lab.call(unreachable_ms=1)
    lab.network.add_server("later", lambda event: lab.network.reply(event[1], b"here"))
    late = lab.call()
    lab.run()
    assert early.answers == [(1_500, None)]
    assert late.answers == [(1_000, b"here")]


def test_names_are_used_once_and_must_exist() -> None:
    network = Lab().network
    with pytest.raises(TesterError, match="expected a new name for an end, got 'end'"):
        network.make_end("end")
    for act in (network.enable, network.block):
        with pytest.raises(TesterError, match=r"no end 'other'; expected one of \['end'\]"):
            act("other")
    with pytest.raises(TesterError, match=r"no server 'other'; expected one of \['server'\]"):
        network.delete_server("other")
