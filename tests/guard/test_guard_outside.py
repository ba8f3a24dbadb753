"""What a node may not do, the sentence it gets, and that everybody else still may."""

import asyncio
import atexit
import builtins
import concurrent.futures
import concurrent.futures.process
import contextlib
import io
import multiprocessing
import multiprocessing.process
import os
import pdb  # noqa: T100
import signal
import socket
import subprocess
import sys
import threading
import time
import types
import weakref
from collections.abc import Callable

import numpy.random
import pytest

from tester.engine import current
from tester.engine.errors import OutsideWorld
from tester.guard import guard
from tester.guard.outside import OUTSIDE
from tests.guard.nodes import Node, on_node


async def forever() -> None:
    await asyncio.sleep(9e9)


def run_a_coroutine() -> None:
    coroutine = forever()
    try:
        asyncio.run(coroutine)
    finally:
        coroutine.close()


POOL = concurrent.futures.ThreadPoolExecutor(1)
DOING: dict[str, Callable[[], object]] = {
    "time.sleep": lambda: time.sleep(0),
    "socket.socket": lambda: socket.socket(),
    "socket.create_connection": lambda: socket.create_connection(("127.0.0.1", 1)),
    "socket.getaddrinfo": lambda: socket.getaddrinfo("localhost", 1),
    "socket.socketpair": lambda: socket.socketpair(),
    "threading.Thread.start": lambda: threading.Thread(target=int).start(),
    "_thread.start_new_thread": lambda: sys.modules["_thread"].start_new_thread(int, ()),
    "concurrent.futures.ThreadPoolExecutor.submit": lambda: POOL.submit(int),
    "concurrent.futures.ProcessPoolExecutor": lambda: concurrent.futures.ProcessPoolExecutor(
        1
    ).submit(int),
    "multiprocessing.BaseProcess.start": lambda: multiprocessing.Process(target=int).start(),
    "subprocess.Popen": lambda: subprocess.run([sys.executable, "-c", ""], check=True),
    "os.system": lambda: os.system("true"),
    "os.popen": lambda: os.popen("true"),
    "os.fork": lambda: os.fork(),
    "os.posix_spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "os.execv": lambda: os.execv("/bin/true", ["true"]),
    "os.spawnv": lambda: os.spawnv(os.P_WAIT, "/bin/true", ["true"]),
    "os.waitpid": lambda: os.waitpid(-1, os.WNOHANG),
    "os._exit": lambda: os._exit(0),
    "os.kill": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "signal.signal": lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN),
    "signal.alarm": lambda: signal.alarm(1),
    "signal.setitimer": lambda: signal.setitimer(signal.ITIMER_REAL, 1),
    "signal.raise_signal": lambda: signal.raise_signal(signal.SIGTERM),
    "input": lambda: input(),
    "sys.stdin": lambda: sys.stdin.readline(),
    "asyncio.run": run_a_coroutine,
    "asyncio.new_event_loop": lambda: asyncio.new_event_loop(),
    "asyncio.Runner": lambda: asyncio.Runner(),
    "atexit.register": lambda: atexit.register(print),
    "sys.settrace": lambda: sys.settrace(None),
    "sys.setprofile": lambda: sys.setprofile(None),
    "sys.addaudithook": lambda: sys.addaudithook(print),
    "threading.settrace": lambda: threading.settrace(None),
    "numpy.random.random": lambda: numpy.random.random(),
}


@pytest.mark.parametrize("call", sorted(DOING))
def test_a_node_gets_a_sentence_that_names_it_and_what_to_use(call: str) -> None:
    with pytest.raises(OutsideWorld) as caught:
        on_node(DOING[call], Node("server"))
    sentence = str(caught.value)
    assert sentence.startswith(f"node server: {call} ")
    why, _, instead = sentence.partition("; ")
    assert len(why.split()) > 4
    assert len(instead.split()) > 2
    assert "\n" not in sentence


def test_the_sentence_in_full() -> None:
    with pytest.raises(OutsideWorld) as caught:
        on_node(DOING["time.sleep"])
    sentence = "node c0: time.sleep stops the whole node; await asyncio.sleep(...) instead"
    assert str(caught.value) == sentence


SAFE_TO_DO = [
    "time.sleep",
    "socket.socket",
    "socket.socketpair",
    "socket.getaddrinfo",
    "threading.Thread.start",
    "concurrent.futures.ThreadPoolExecutor.submit",
    "subprocess.Popen",
    "asyncio.run",
    "asyncio.new_event_loop",
    "asyncio.Runner",
    "numpy.random.random",
    "threading.settrace",
    "sys.setprofile",
]


def do_and_clean_up(call: str) -> None:
    if call == "asyncio.run":
        asyncio.run(asyncio.sleep(0))
    elif call == "sys.setprofile":
        old = sys.getprofile()
        sys.setprofile(old)
    elif call == "threading.settrace":
        threading.settrace(threading.gettrace())
    else:
        done = DOING[call]()
        for thing in done if isinstance(done, tuple) else (done,):
            if hasattr(thing, "close"):
                thing.close()


@pytest.mark.parametrize("call", SAFE_TO_DO)
@pytest.mark.parametrize("when", ["during", "after"])
def test_outside_node_code_nothing_is_refused(call: str, when: str) -> None:
    with guard.installed([]):
        current.node = Node()
        with pytest.raises(OutsideWorld):
            DOING[call]()
        current.node = None
        if when == "during":
            do_and_clean_up(call)
    if when == "after":
        do_and_clean_up(call)


@pytest.mark.parametrize("call", [c for c in SAFE_TO_DO if c != "asyncio.run"])
def test_on_another_thread_nothing_is_refused(call: str) -> None:
    go = threading.Event()

    def work() -> None:
        go.wait(600)
        do_and_clean_up(call)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        result = pool.submit(work)
        with guard.installed([]):
            current.node = Node()
            go.set()
            while not result.done():
                pass
        assert result.result() is None


def test_every_refusal_in_the_table_goes_to_the_real_thing_outside_node_code() -> None:
    """The stand-ins are all made alike, so what is shown above for some holds for each."""
    makers = set()
    with guard.installed([]):
        for path, fakes in OUTSIDE.items():
            module, _, cls = path.partition(":")
            owner = sys.modules.get(module)
            if owner is None or (cls and not hasattr(owner, cls)):
                continue  # not imported yet, or not of this system
            owner = getattr(owner, cls) if cls else owner
            standing = [vars(owner)[name] for name in fakes if name in vars(owner)]
            makers |= {vars(fake).get("_make", fake).__code__ for fake in standing}
    assert [code.co_name for code in makers] == ["ask"]


def test_a_swallowed_refusal_is_still_known() -> None:
    with guard.installed([]) as refusals:
        current.node = Node()
        for _ in range(2):
            with contextlib.suppress(Exception):
                time.sleep(1)
        assert [str(error)[:19] for error in refusals] == ["node c0: time.sleep"] * 2
    with guard.installed([]) as refusals:
        assert refusals == []


def test_a_machine_knows_its_own_name_and_runs_one_process() -> None:
    node = Node("server")
    assert on_node(lambda: socket.gethostname(), node) == "server"
    assert on_node(lambda: socket.getfqdn(), node) == "server"
    assert on_node(lambda: socket.getfqdn("elsewhere"), node) == "elsewhere"
    assert on_node(lambda: os.getpid(), node) == 1
    with guard.installed([]):
        assert os.getpid() > 1
        assert socket.gethostname() != "server"


@pytest.mark.parametrize(
    "read",
    [
        lambda: sys.stdin.read(),
        lambda: list(sys.stdin),
        lambda: next(sys.stdin),
        lambda: sys.stdin.buffer,
        lambda: sys.stdin.close(),
        lambda: sys.stdin.__enter__(),
    ],
)
def test_standard_input_is_closed_to_nodes(
    read: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", text := io.StringIO("a\nb\n"))
    with pytest.raises(OutsideWorld, match=r"sys\.stdin is the real keyboard"):
        on_node(read)
    assert sys.stdin is text
    assert text.tell() == 0


def test_standard_input_is_open_to_everybody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a\nb\nc\nd\n"))
    with guard.installed([]):
        kept = sys.stdin
        assert input() == "a"
        assert sys.stdin.readline() == "b\n"
        assert next(sys.stdin) == "c\n"
        current.node = Node()
        assert sys.stdin.isatty() is False
        current.node = None
        assert list(sys.stdin) == ["d\n"]
    assert kept.read() == ""  # who keeps the stand-in has the real one for good
    with kept as entered:
        assert entered is sys.stdin
    assert kept.closed


def test_exit_still_means_exit() -> None:
    with pytest.raises(SystemExit):
        on_node(lambda: sys.exit(3))
    with pytest.raises(SystemExit):
        on_node(lambda: builtins.exit(3))  # noqa: PLR1722
    assert not sys.stdin.closed


def test_the_standard_library_may_register_what_it_cleans_up() -> None:
    class Thing:
        pass

    ended: list[int] = []
    weakref.finalize._registered_with_atexit = False  # type: ignore[attr-defined]
    try:
        things = [Thing()]
        on_node(lambda: weakref.finalize(things[0], ended.append, 1))
        things.clear()
        assert ended == [1]
    finally:
        weakref.finalize._registered_with_atexit = True  # type: ignore[attr-defined]


def test_a_debugger_works_on_a_node(monkeypatch: pytest.MonkeyPatch) -> None:
    typed, said = io.StringIO("p value\np __import__('time').time()\nc\n"), io.StringIO()
    tracing = sys.gettrace()

    def code() -> int:
        value = 40
        pdb.Pdb(stdin=typed, stdout=said, nosigint=False, readrc=False).set_trace()
        value += 2
        return value

    try:
        assert on_node(code, Node(us=500_000)) == 42
    finally:
        sys.settrace(tracing)
    assert "(Pdb) 40" in said.getvalue()
    assert "(Pdb) 946684800.5" in said.getvalue()
    with pytest.raises(OutsideWorld):
        on_node(DOING["sys.settrace"])


def test_a_debugger_below_the_engine_is_no_excuse() -> None:
    """Under `python -m pdb`, pdb's frames lie at the bottom of every stack, the engine between."""
    debugger = types.ModuleType("bdb")
    engine = types.ModuleType("tester.engine.loop")
    for module in (debugger, engine):
        exec("def call(f, *args): return f(*args)", vars(module))
    with pytest.raises(OutsideWorld):
        on_node(lambda: debugger.call(engine.call, DOING["time.sleep"]))
    assert on_node(lambda: engine.call(debugger.call, DOING["time.sleep"])) is None
