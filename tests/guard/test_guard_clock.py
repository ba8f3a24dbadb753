"""Virtual clocks and calendars, and dates that are the same in and out of a run."""

import copy
import datetime
import os
import pickle
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.engine import current
from tester.guard import guard
from tests.guard.nodes import Node, on_node

REAL_DATE, REAL_DATETIME = datetime.date, datetime.datetime
MONOTONIC = ("monotonic", "perf_counter", "process_time", "thread_time")
EPOCH = 946_684_800


@given(st.integers(0, 10**16))
def test_all_clocks_are_exact_functions_of_the_microseconds(us: int) -> None:
    node = Node(us=us)
    read = on_node(
        lambda: {name: getattr(time, name)() for name in dir(time) if name in known}, node
    )
    for name in MONOTONIC:
        assert read[name] == us / 10**6
        assert read[name + "_ns"] == us * 1000
    assert read["time"] == (EPOCH * 10**6 + us) / 10**6
    assert read["time_ns"] == EPOCH * 10**9 + us * 1000


known = {"time", "time_ns", *MONOTONIC, *(name + "_ns" for name in MONOTONIC)}


@given(st.integers(0, 10**15), st.integers(-(10**12), 10**12))
def test_a_wall_clock_may_be_ahead_of_the_others(us: int, ahead_us: int) -> None:
    node = Node(us=us, ahead_us=ahead_us)
    wall = EPOCH * 10**6 + us + ahead_us
    assert on_node(lambda: time.time_ns(), node) == wall * 1000
    assert on_node(lambda: time.time(), node) == wall / 10**6
    now = on_node(lambda: datetime.datetime.now(datetime.UTC), node)
    assert now == REAL_DATETIME(2000, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(
        microseconds=us + ahead_us
    )
    assert on_node(lambda: time.monotonic_ns(), node) == us * 1000


@pytest.mark.parametrize("name", sorted(known))
def test_clocks_are_real_outside_node_code_and_after_it(name: str) -> None:
    with guard.installed([]):
        first = getattr(time, name)()
        current.node = Node(us=10**18)
        assert getattr(time, name)() >= 10**12
        current.node = None
        assert first <= getattr(time, name)() < (10**10 if name[-3:] != "_ns" else 10**19)
    assert not hasattr(getattr(time, name), "__wrapped__")


@pytest.mark.parametrize(
    "clock", ["CLOCK_REALTIME", "CLOCK_MONOTONIC", "CLOCK_PROCESS_CPUTIME_ID"]
)
def test_clock_gettime_tells_wall_time_from_the_rest(clock: str) -> None:
    clk_id = getattr(time, clock)
    base = EPOCH if clock == "CLOCK_REALTIME" else 0
    seconds = on_node(lambda: time.clock_gettime(clk_id), Node(us=2_000_001))
    assert seconds == (base * 10**6 + 2_000_001) / 10**6
    nanoseconds = on_node(lambda: time.clock_gettime_ns(clk_id), Node(us=2_000_001))
    assert nanoseconds == base * 10**9 + 2_000_001_000


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TZ", "ZZZ-13")
    time.tzset()
    assert time.localtime(0).tm_hour == 13
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_east")
def test_calendars_are_virtual_and_leak_no_time_zone() -> None:
    def look() -> list[Any]:
        return [
            tuple(time.localtime()),
            tuple(time.gmtime(None)),
            time.ctime(),
            time.ctime(86400),
            time.asctime(),
            time.asctime(time.gmtime(0)),
            time.strftime("%Y-%m-%d %H:%M:%S"),
            time.strftime("%H", (2000, 1, 1, 23, 0, 0, 5, 1, 0)),
            tuple(time.localtime(86400))[:4],
            time.mktime((1970, 1, 2, 0, 0, 0, 4, 2, 0)),
            datetime.datetime.now(),
            datetime.datetime.today(),
            datetime.datetime.utcnow(),
            datetime.date.today(),
            datetime.datetime.fromtimestamp(86400),
            datetime.date.fromtimestamp(86399),
            datetime.datetime.now(datetime.UTC),
            datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=2))).isoformat(),
            datetime.datetime.fromtimestamp(0, tz=datetime.UTC).isoformat(),
        ]

    now = REAL_DATETIME(2000, 1, 2, 0, 0, 1, 5)
    assert on_node(look, Node(us=86_401_000_005)) == [
        (2000, 1, 2, 0, 0, 1, 6, 2, 0),
        (2000, 1, 2, 0, 0, 1, 6, 2, 0),
        "Sun Jan  2 00:00:01 2000",
        "Fri Jan  2 00:00:00 1970",
        "Sun Jan  2 00:00:01 2000",
        "Thu Jan  1 00:00:00 1970",
        "2000-01-02 00:00:01",
        "23",
        (1970, 1, 2, 0),
        86400.0,
        now,
        now,
        now,
        REAL_DATE(2000, 1, 2),
        REAL_DATETIME(1970, 1, 2),
        REAL_DATE(1970, 1, 1),
        now.replace(tzinfo=datetime.UTC),
        "2000-01-02T02:00:01.000005+02:00",
        "1970-01-01T00:00:00+00:00",
    ]


@pytest.mark.usefixtures("far_east")
def test_calendars_are_real_outside_node_code() -> None:
    with guard.installed([]):
        assert time.localtime(0).tm_hour == 13
        assert time.mktime(time.localtime(0)) == 0
        assert time.strftime("%H", time.localtime(0)) == "13"
        assert time.ctime(0) == "Thu Jan  1 13:00:00 1970"
        assert time.localtime().tm_year > 2020
        assert datetime.datetime.fromtimestamp(0) == REAL_DATETIME(1970, 1, 1, 13)
        assert datetime.date.fromtimestamp(12 * 3600) == REAL_DATE(1970, 1, 2)
        assert datetime.datetime.now().year > 2020
        assert datetime.datetime.now(datetime.UTC).utcoffset() == datetime.timedelta(0)
        assert datetime.datetime.today().year > 2020
        assert datetime.date.today().year > 2020


def test_process_times_are_virtual() -> None:
    assert on_node(lambda: tuple(os.times()), Node(us=250_000)) == (0.25, 0, 0, 0, 0.25)
    with guard.installed([]):
        assert os.times().elapsed != 0.25


def test_dates_are_ordinary_values_in_and_out_of_a_run() -> None:
    def look() -> list[Any]:
        dt, d = datetime.datetime, datetime.date
        made: list[Any] = [
            dt.now(),
            dt(2001, 2, 3),
            dt.fromisoformat("2001-02-03"),
            dt.max,
            dt.combine(d.min, dt.max.time()),
        ]
        made += [d.today(), d(2001, 2, 3), d.fromisoformat("2001-02-03"), d.fromordinal(5)]
        made += [dt.strptime("2001", "%Y"), dt.now() + datetime.timedelta(1), dt.now().date()]
        for value in made:
            assert type(value) in (REAL_DATE, REAL_DATETIME)
            assert isinstance(value, d)
            assert isinstance(value, dt) == (type(value) is REAL_DATETIME)
            assert pickle.loads(pickle.dumps(value)) == value
            assert type(copy.deepcopy(value)) is type(value)
        with pytest.raises(TypeError, match="required argument"):
            dt()  # type: ignore[call-arg]
        assert not isinstance(5, dt)
        assert isinstance(made[0], (int, REAL_DATETIME))
        return made

    made = on_node(look)
    assert pickle.loads(on_node(lambda: pickle.dumps(made))) == made
    assert on_node(lambda: pickle.dumps(made)) == pickle.dumps(made)
    assert on_node(lambda: repr(made)) == repr(made)
    assert all(isinstance(value, datetime.date) for value in made)


def test_the_stand_ins_are_classes_like_the_real_ones() -> None:
    def look() -> None:
        dt, d = datetime.datetime, datetime.date
        assert issubclass(dt, d) and issubclass(REAL_DATETIME, dt) and issubclass(dt, REAL_DATE)
        assert not issubclass(d, dt) and not issubclass(int, d)
        assert repr(dt) == repr(REAL_DATETIME)
        assert dt == REAL_DATETIME and d == REAL_DATE and dt != d
        assert {dt: "f"}[REAL_DATETIME] == {REAL_DATETIME: "f"}[dt] == "f"
        assert pickle.loads(pickle.dumps(dt)) is dt

        class Stamp(dt):  # type: ignore[valid-type,misc]
            pass

        assert type(Stamp.now()) is Stamp
        assert type(Stamp.utcnow()) is type(Stamp.fromtimestamp(0)) is Stamp
        assert Stamp.now() == dt.now() == REAL_DATETIME(2000, 1, 1, 0, 0, 1, 500_000)
        assert isinstance(Stamp.now(), dt) and not isinstance(dt.now(), Stamp)
        assert issubclass(Stamp, dt) and not issubclass(dt, Stamp)

    on_node(look)


def test_a_wrong_call_raises_as_ever() -> None:
    with pytest.raises(TypeError):
        on_node(lambda: time.strftime())  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        on_node(lambda: time.time(1))  # type: ignore[call-arg]
