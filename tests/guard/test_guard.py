"""Who gets the node's answer, who the real one, and what is left when the run is over."""

import asyncio
import contextlib
import copyreg
import datetime
import gc
import importlib
import inspect
import logging
import os
import random
import socket
import sys
import threading
import time
import types
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import labrpc.errors
from tester.engine import current
from tester.guard import caller, guard
from tester.guard.blocking import WAITS
from tester.guard.clock import CLOCKS
from tester.guard.entropy import ENTROPY
from tester.guard.outside import OUTSIDE
from tests.guard.nodes import Node, on_node

TABLES = (CLOCKS, ENTROPY, OUTSIDE, WAITS)
ELSEWHERE = {"KqueueSelector"}  # classes of other systems


def patched() -> Iterator[tuple[Any, str]]:
    """Yield every owner and name that the tables know and this Python has."""
    for table in TABLES:
        for path, fakes in table.items():
            module, _, cls = path.partition(":")
            if module in sys.modules and cls not in ELSEWHERE:
                owner = getattr(sys.modules[module], cls) if cls else sys.modules[module]
                yield from ((owner, name) for name in fakes if name in vars(owner))


def snapshot() -> dict[tuple[str, str], object]:
    names = [*patched(), (datetime, "date"), (datetime, "datetime"), (sys, "stdin")]
    return {(owner.__name__, name): vars(owner)[name] for owner, name in names}


def test_the_node_is_asked_while_its_code_runs_and_the_machine_otherwise() -> None:
    with guard.installed([]):
        before = time.time()
        current.node = Node()
        on = time.time()
        current.node = None
        after = time.time()
    assert on == 946_684_801.5
    assert 1.7e9 < before <= after


def test_another_thread_keeps_the_real_world_while_node_code_runs() -> None:
    def look() -> tuple[float, int, str, datetime.datetime, logging.LogRecord, bytes, str]:
        record = logging.makeLogRecord({"msg": "x"})
        with socket.socket() as s:
            kind = type(s).__name__
        now = datetime.datetime.now()
        return time.time(), os.getpid(), kind, now, record, os.urandom(8), socket.gethostname()

    with ThreadPoolExecutor(1) as pool, guard.installed([]):
        pool.submit(look).result()  # the pool's thread is started before node code runs
        state = (node := Node()).rng.getstate()
        seen: list[Any] = []
        ask, answered = threading.Event(), threading.Event()

        def waiting() -> None:
            ask.wait()
            seen.extend(look())
            answered.set()

        pool.submit(waiting)
        current.node = node
        ask.set()
        while not answered.is_set():  # code on a node may not wait
            pass
    assert seen[0] > 1.7e9
    assert seen[1] == os.getpid() != 1
    assert seen[2] == "socket"
    assert seen[3].year > 2020
    assert seen[4].created > 1.7e9
    assert not hasattr(seen[4], "node")
    assert node.rng.getstate() == state
    assert seen[6] == socket.gethostname()


def test_a_run_on_another_thread_has_that_thread_as_its_own() -> None:
    def run() -> tuple[float, float]:
        with guard.installed([]):
            current.node = Node()
            on = time.time()
            asked.set()
            while not looked.is_set():
                pass
            return on, time.monotonic()

    asked, looked = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        asked.wait(600)
        assert caller.node() is None
        assert time.time() > 1.7e9
        looked.set()
        assert running.result() == (946_684_801.5, 1.5)


@pytest.mark.parametrize("raised", [None, ValueError, KeyboardInterrupt, SystemExit])
def test_everything_is_put_back_however_the_run_ends(raised: type[BaseException] | None) -> None:
    before, factory = snapshot(), logging.getLogRecordFactory()
    pickling = dict(copyreg.dispatch_table)
    expected = contextlib.nullcontext() if raised is None else pytest.raises(raised)
    with expected, guard.installed([]):
        during = snapshot()
        current.node = Node()
        if raised is not None:
            raise raised
    after = snapshot()
    assert {name for name in before if before[name] is not after[name]} == set()
    assert {name for name in before if before[name] is during[name]} == set()
    assert logging.getLogRecordFactory() is factory
    assert copyreg.dispatch_table == pickling
    assert current.node is None
    assert caller.node() is None
    assert time.time() > 1.7e9


def test_what_a_test_had_replaced_before_is_put_back_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def frozen() -> float:
        return 5.0

    monkeypatch.setattr(time, "time", frozen)
    assert on_node(lambda: time.time()) == 946_684_801.5
    assert time.time is frozen


def test_a_failure_to_install_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot()
    monkeypatch.delattr(uuid := sys.modules["uuid"], "uuid1")
    with pytest.raises(KeyError, match="uuid1"), guard.installed([]):
        raise AssertionError("not reached")
    monkeypatch.undo()
    assert vars(uuid)["uuid1"] is before["uuid", "uuid1"]
    assert [n for n, value in snapshot().items() if value is not before[n]] == []
    assert on_node(lambda: time.monotonic()) == 1.5


def test_runs_do_not_nest() -> None:
    with guard.installed([]):
        with (
            pytest.raises(labrpc.errors.TesterError, match="one after another"),
            guard.installed([]),
        ):
            raise AssertionError("not reached")
        current.node = Node()
        assert time.monotonic() == 1.5  # the refused one took nothing with it
    with guard.installed([]):
        pass


def test_no_owner_in_the_tables_is_misspelt() -> None:
    """A name may be missing from a Python; an owner may not, nor a whole owner's names."""
    for path in {path.partition(":")[0] for table in TABLES for path in table}:
        importlib.import_module(path)  # for the tables to find
    with guard.installed([]):
        during = {(owner.__name__, name): vars(owner)[name] for owner, name in patched()}
    assert all(hasattr(value, "__wrapped__") for value in during.values())
    assert {
        path.replace(":", ".")
        for table in TABLES
        for path in table
        if path.partition(":")[2] not in ELSEWHERE
    } == {
        f"{owner.__module__}.{owner.__name__}" if isinstance(owner, type) else owner.__name__
        for owner, _ in patched()
    }


LATER_OR_ELSEWHERE = {  # names of newer Pythons and of other systems
    "getrandom", "uuid6", "uuid7", "startfile", "fork", "forkpty", "posix_spawn", "posix_spawnp",
    "execl", "spawnvp", "spawnvpe", "spawnlp", "spawnlpe", "wait", "wait3", "wait4", "waitid",
    "killpg", "alarm", "setitimer", "siginterrupt", "pthread_sigmask", "pthread_kill", "pause",
    "sigwait", "sigwaitinfo", "sigtimedwait", "clock_gettime", "clock_gettime_ns",
    "clock_settime", "clock_settime_ns", "timerfd_create", "timerfd_settime",
    "timerfd_settime_ns", "settrace_all_threads", "setprofile_all_threads",
    "start_joinable_thread", "kqueue", "devpoll", "epoll", "poll", "lock", "eventfd", "pipe2",
    "memfd_create", "openpty", "setsid", "setpgid", "getpgrp", "getpgid", "getsid", "getloadavg",
    "random_integers", "ranf", "sample", "uname", "fork_exec", "generate_time_safe", "getrusage",
    "_current_exceptions",
}  # fmt: skip


def test_no_name_in_the_tables_is_misspelt() -> None:
    here = {name for _, name in patched()}
    unknown = {n for table in TABLES for fakes in table.values() for n in fakes} - here
    assert unknown <= LATER_OR_ELSEWHERE


# What these modules hold that neither tells the time nor draws.
HARMLESS = {
    "time": {"clock_getres", "get_clock_info", "pthread_getcpuclockid", "strptime", "struct_time"}
    | {"tzset"},
    "random": {"Random", "SystemRandom", "main"},
    "uuid": {"Enum", "SafeUUID", "UUID", "bytes_", "int_", "uuid3", "uuid5", "uuid8", "main"},
    "secrets": {"SystemRandom", "choice", "compare_digest", "randbelow", "randbits"}
    | {"token_bytes", "token_hex", "token_urlsafe"},  # all through random._urandom
}


@pytest.mark.parametrize("module", sorted(HARMLESS))
def test_this_python_has_no_clock_and_no_randomness_that_the_tables_lack(module: str) -> None:
    known = HARMLESS[module] | {name for table in TABLES for name in table.get(module, {})}
    public = {
        name
        for name, value in vars(sys.modules[module]).items()
        if callable(value) and not name.startswith("_")
    }
    assert public - known == set()


def test_this_python_has_no_clock_and_no_process_call_in_os_that_the_tables_lack() -> None:
    words = ("time", "random", "exec", "spawn", "fork", "kill", "exit", "abort", "system", "popen")
    known = {name for table in TABLES for name in table.get("os", ())}
    harmless = {"utime", "timerfd_gettime", "timerfd_gettime_ns", "register_at_fork"}
    harmless |= {"get_exec_path", "waitstatus_to_exitcode"}
    suspects = {
        name
        for name, value in vars(os).items()
        if inspect.isroutine(value) and not name.startswith(("_exec", "_spawn", "W"))
        if any(word in name for word in words)
    }
    assert suspects - known - harmless == set()


def test_log_records_of_node_code_carry_virtual_time_and_the_node() -> None:
    record = on_node(lambda: logging.makeLogRecord({"msg": "x"}), Node("server", 61_234_567))
    assert record.created == 946_684_861.234567
    assert record.msecs == 234.0
    assert record.relativeCreated == 61_234.567
    assert vars(record)["node"] == "server"
    assert record.process == 1
    outside = logging.makeLogRecord({"msg": "x"})
    assert outside.created > 1.7e9
    assert not hasattr(outside, "node")


def test_log_records_still_come_from_the_factory_that_was_set() -> None:
    class Mine(logging.LogRecord):
        pass

    old = logging.getLogRecordFactory()
    logging.setLogRecordFactory(Mine)
    try:
        record = on_node(lambda: logging.makeLogRecord({}))
        assert type(record) is Mine
        assert vars(record)["node"] == "c0"
        assert logging.getLogRecordFactory() is Mine
    finally:
        logging.setLogRecordFactory(old)


def test_as_completed_makes_its_tasks_in_the_order_of_its_arguments() -> None:
    async def main() -> list[list[int]]:
        started: list[int] = []

        async def work(i: int) -> int:
            started.append(i)
            return i

        with guard.installed([]):
            current.node = Node()
            once = work(0)
            many = [once, *(work(i) for i in range(1, 50)), asyncio.create_task(work(50)), once]
            got = [await f for f in asyncio.as_completed(many, timeout=5)]
        return [started, got]

    started, got = asyncio.run(main())
    assert started == [50, *range(50)]  # the task was made before the others
    assert sorted(got) == list(range(51))


def test_as_completed_refuses_what_the_original_refuses() -> None:
    async def main() -> None:
        with guard.installed([]):
            current.node = Node()
            future = asyncio.get_running_loop().create_future()
            with pytest.raises(TypeError, match=r"expects? an iterable"):
                _ = next(iter(asyncio.as_completed(future)))
            with pytest.raises(TypeError):
                asyncio.as_completed(3)  # type: ignore[arg-type]

    asyncio.run(main())


@pytest.mark.parametrize("on", [True, False])
def test_the_collector_is_off_for_a_while_and_then_as_it_was(on: bool) -> None:
    was = gc.isenabled()
    try:
        (gc.enable if on else gc.disable)()
        with pytest.raises(ValueError, match="x"), guard.collector_off():
            assert not gc.isenabled()
            raise ValueError("x")
        assert gc.isenabled() is on
    finally:
        (gc.enable if was else gc.disable)()


def test_the_stand_ins_look_like_what_they_stand_for() -> None:
    with guard.installed([]):
        assert inspect.signature(random.randint) == inspect.signature(random.Random(1).randint)
        assert time.time.__name__ == "time"
        assert isinstance(time.time, types.FunctionType)
