"""Further attacks, each of a kind that `table` has none of."""

from typing import Final

from tester.grading.isolation import Kind
from tests.grading.attacks.table import (
    KNOWN,
    OUR_SOCKET,
    OURS,
    REFUSED,
    Attack,
    asks_outside,
    speaks,
)

FURTHER: Final = {
    "drips its answer": Attack(
        top=OUR_SOCKET,
        put="raw(b'\\0\\0\\x10\\0')\n"
        "while True:\n    for _ in range(3_000_000): pass\n    raw(b'x')",
        ends=Kind.TIMED_OUT,
        says="CPU time",
    ),
    "asks for words for ever": Attack(
        top=OUR_SOCKET,
        put="while True:\n    say('deal', 'node/server', 7)\n    os.read(socket_fd(), 1 << 16)\n"
        "    for _ in range(2_000_000): pass",
        ends=Kind.TIMED_OUT,
        says="CPU time",
    ),
    "has an encoding that raises": Attack(
        files={"kvsrv/client.py": b"# coding: undefined\n"},
        ends=REFUSED,
        says="kvsrv/client.py",
    ),
    "has an encoding that takes hours": Attack(
        files={"kvsrv/client.py": b"# coding: punycode\na-" + b"zzz9" * 200_000},
        ends=REFUSED,
        says="CPU time",
    ),
    "has more under way than the grader can hold": Attack(
        clerk="import asyncio\n"
        "for _ in range(100):\n"
        "    big = PutArgs(key, 'x' * (14 << 20), version)\n"
        "    task = asyncio.create_task(self._end.call(KVServer.put, big))\n"
        "    await asyncio.sleep(0.000001)",
        says="take more than 384 MB together",
    ),
    "has last words without end": speaks(
        "raw(b'Fatal')\nwhile True: raw(bytes(1 << 16))", "flooded"
    ),
    "lists its descriptors": Attack(
        top="import os, stat\nfound = []\nfor fd in range(1024):\n"
        "    try: it = os.fstat(fd)\n    except OSError: continue\n"
        # A system's library stays open once its `ctypes` has been imported.
        "    if it.st_uid or stat.S_IMODE(it.st_mode) != 0o644: found.append(fd)\n"
        "raise RuntimeError(str(found))",
        swallows=False,
        ends=REFUSED,
        says="[0, 1, 2, 31]",
    ),
    "reads a clock that it has hidden": Attack(
        top="import json, time\njson.hidden = time.monotonic.__wrapped__",
        put="import json\njson.hidden()",
        swallows=False,
        ends=Kind.FAILED,
        says="PermissionError",
    ),
    "reads a clock through C": Attack(
        top="import ctypes\nREAD = ctypes.PyDLL(None).clock_gettime\nAT = (ctypes.c_long * 2)()",
        put="assert (READ(1, AT), *AT) == (-1, 0, 0)",
        swallows=False,
        ends="",
    ),
    "counts the cycles of the processor": Attack(
        top="import ctypes, mmap, platform\nCODE = mmap.mmap(-1, 4096, prot=7)\n"
        "CODES = {'x86_64': '0f31c3', 'aarch64': '40e03bd5c0035fd6'}\n"
        "CODE.write(bytes.fromhex(CODES[platform.machine()]))\n"
        "COUNT = ctypes.CFUNCTYPE(int)(ctypes.addressof(ctypes.c_char.from_buffer(CODE)))",
        put="COUNT()",
        swallows=False,
        says="SIGSEGV",
    ),
    "is no attack: it notes when it was imported": Attack(
        top="import datetime, time\n"
        "START = time.time(), time.monotonic(), datetime.datetime.now().year\n"
        "assert START == (946684800.0, 0.0, 2000), START",
        swallows=False,
        ends="",
    ),
    "signals another process": asks_outside("import ctypes\nctypes.CDLL(None).tgkill(1, 1, 0)"),
    "looks for what others can write": Attack(
        top="import os\nplaces = ('/proc', '/sys', '/tmp', '/var', '/dev/shm', '/run', '/home')\n"
        "raise RuntimeError(str([place for place in places if os.path.exists(place)]))",
        swallows=False,
        ends=REFUSED,
        says="RuntimeError('[]')",
    ),
    "locks a file, for others to see": Attack(
        top="import fcntl\nfcntl.lockf(open('/dev/null'), fcntl.LOCK_SH)",
        swallows=False,
        ends=REFUSED,
        says="PermissionError",
    ),
    "watches a file": asks_outside("import ctypes\nctypes.CDLL(None).inotify_init1(0)"),
    "calls the system by numbers of another kind of program": asks_outside(
        "import ctypes\nctypes.CDLL(None).syscall(0x40000000 + 39)"
    ),
    "loads a module into the kernel": Attack(
        top="import ctypes\nraise RuntimeError(f'got {ctypes.CDLL(None).syscall(175, 0, 0, 0)}')",
        swallows=False,
        ends=REFUSED,
        says="got -1",
    ),
    "raises the signal that ends it": Attack(
        top="import signal\nsignal.raise_signal(signal.SIGSYS)", ends=REFUSED, says="was ended"
    ),
    "dumps its memory": Attack(
        top="import resource\nresource.setrlimit(resource.RLIMIT_CORE, (1, 1))",
        swallows=False,
        ends=REFUSED,
        says="not allowed to raise maximum limit",
    ),
    "says by itself that it fits": Attack(
        top=OUR_SOCKET + "say('inspected', '', [])\nwhile True: pass",
        says="in answer to something else",
    ),
    "a timer at the end of time": speaks(
        "say('turn', [], 2**62, 1)\nos.close(socket_fd())\nwhile True: pass", "closed its pipe"
    ),
    "more callbacks than there can be": Attack(
        top=OUR_SOCKET,
        put="say('turn', [], None, 2**62)\nos.close(socket_fd())\nwhile True: pass",
        ends="bad",
    ),
    "a failure that lacks all that one has": speaks(
        "say('turn', [('fail', {'node': 'c0'})], None, 1)\nwhile True: pass", "malformed frame"
    ),
    "an exception whose text leaves": Attack(
        "class Leaves(Exception):\n    def __str__(self): raise SystemExit(0)\nraise Leaves",
        swallows=False,
        ends=Kind.FAILED,
        says="its __str__ raised SystemExit",
    ),
    "an exception whose text never ends": Attack(
        "class Loops(Exception):\n    def __str__(self):\n        while True: pass\nraise Loops",
        swallows=False,
        ends=Kind.TIMED_OUT,
        says="CPU time",
    ),
    "exceptions that cause each other": Attack(
        "one, other = ValueError('one'), KeyError('other')\n"
        "one.__cause__, other.__cause__ = other, one\n"
        "one.__context__, other.__context__ = other, one\nraise one",
        swallows=False,
        ends=Kind.FAILED,
        says="ValueError: one",
    ),
    "a hundred thousand exceptions in one": Attack(
        "error = ValueError('innermost')\n"
        "for _ in range(100_000): error = ExceptionGroup('group', [error])\nraise error",
        swallows=False,
        ends=Kind.FAILED,
        says="innermost",
    ),
    "stops the loop it runs on": Attack(
        clerk="import asyncio\nasyncio.get_running_loop().stop()",
        swallows=False,
        ends=Kind.FAILED,
        says="loop.stop",
    ),
    "always answers that it may have been": Attack(
        clerk="return Err.MAYBE", swallows=False, ends=Kind.FAILED, says="no server was asked"
    ),
    "asks, and always answers that it may have been": Attack(
        clerk="await self._end.call(KVServer.put, PutArgs(key, value, version))\nreturn Err.MAYBE",
        swallows=False,
        ends=Kind.FAILED,
        says="ErrMaybe",
    ),
}
"""On the grader's time and memory, on its reports, and by ways from one process to another."""

ATTACKS: Final = KNOWN | OURS | FURTHER
