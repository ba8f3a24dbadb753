"""A hundred hostile submissions, most of them made of what they do and where they do it."""

from __future__ import annotations

import textwrap
from typing import Final, NamedTuple


class Hostile(NamedTuple):
    """A submission whose server does something before each put, or when it is imported."""

    put: str = ""
    before: str = ""
    breaks: bool = True
    """Whether it breaks a rule, so that it must not pass."""


_RAISES: Final = {
    "exits": "raise SystemExit(0)",
    "interrupts": "raise KeyboardInterrupt",
    "raises the base": "raise BaseException('no')",
    "recurses": "def again(): again()\nagain()",
    "raises a group": "raise BaseExceptionGroup('many', [SystemExit(0), ValueError()])",
}
_ENDS: Final = {
    "leaves": "libc._exit(0)",
    "aborts": "libc.abort()",
    "kills itself": "libc.kill(libc.getpid(), 9)",
    "crashes": "libc.strlen(0)",
    "forks": "libc.fork()",
    "forks a session": "if not libc.fork(): libc.setsid(), libc.fork(), libc.sleep(600)",
    "loops": "while True: pass",
    "loops in C": "sum(iter(int, 1))",
    "hoards": "hoard = []\nwhile True: hoard.append(str(len(hoard)))",
    "babbles": "for pipe in range(3, 64): libc.write(pipe, b'nobody' * 9, 54)",
    "closes pipes": "for pipe in range(64): libc.close(pipe)",
}
_PLACES: Final = {
    "in a comparison": """\
class Key:
    def __hash__(self): return 1
    def __eq__(self, other):
{act}
        return True
table = {{Key(): 1}}
table.get(Key())""",
    "in a property": """\
class Own:
    @property
    def it(self):
{act}
Own().it""",
    "in a metaclass": """\
class Meta(type):
    def __call__(cls):
{act}
class Made(metaclass=Meta): pass
Made()""",
    "in a descriptor": """\
class Slot:
    def __set_name__(self, owner, name):
{act}
class Holder:
    slot = Slot()""",
    "in the text of an error": """\
class Odd(Exception):
    def __str__(self):
{act}
        return 'odd'
raise Odd""",
    "in a task": """\
import asyncio
class Work:
    async def run(self):
{act}
asyncio.ensure_future(Work().run())""",
    "in a finalizer": """\
class Late:
    def __del__(self):
{act}
Late()""",
    "when a generator closes": """\
class Late:
    def give(self):
        try: yield
        finally:
{act}
            pass
late = Late().give()
next(late)
del late""",
}
_LIBC: Final = "from tests.nobody import libc\n"
_SWALLOWED: Final = ("in a finalizer", "when a generator closes")
"""Python itself drops what is raised there."""


def _placed() -> dict[str, Hostile]:
    acts = _RAISES | _ENDS
    found = {act: Hostile(_LIBC + code) for act, code in acts.items()}
    for i, (place, frame) in enumerate(_PLACES.items()):
        for j, (act, code) in enumerate(acts.items()):
            if (i + j) % 4 == 0:
                put = _LIBC + frame.format(act=textwrap.indent(code, 12 * " "))
                breaks = act in _ENDS or place not in _SWALLOWED
                found[f"{act} {place}"] = Hostile(put, breaks=breaks)
    for act, code in acts.items():
        found[f"{act} when imported"] = Hostile(before=_LIBC + code)
    return found


_SINGLE: Final = {
    "a trace function": Hostile("import sys\nsys.settrace(lambda *event: None)"),
    "a profile function": Hostile("import sys\nsys.setprofile(lambda *event: None)"),
    "an audit hook": Hostile("import sys\nsys.addaudithook(lambda *event: None)"),
    "at exit": Hostile("import atexit\natexit.register(print)"),
    "a signal handler": Hostile("import signal\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)"),
    "a thread": Hostile("import threading\nthreading.Thread(target=print).start()"),
    "posix.fork": Hostile("import posix\nposix.fork()"),
    "posix._exit": Hostile("import posix\nposix._exit(0)"),
    "a process": Hostile("import subprocess\nsubprocess.Popen(['sleep', '600'])"),
    "a socket": Hostile("import _socket\n_socket.socket()"),
    "sleeps": Hostile("import time\ntime.sleep(600)"),
    "waits in C": Hostile(_LIBC + "libc.pause()"),
    "stops itself": Hostile(_LIBC + "libc.kill(libc.getpid(), 19)"),
    "floods the loop": Hostile(
        "import asyncio\n"
        "def again():\n"
        "    loop = asyncio.get_running_loop()\n"
        "    loop.call_soon(again), loop.call_soon(again)\n"
        "again()"
    ),
    "floods the loop with tasks": Hostile(
        "import asyncio\n"
        "async def again(): asyncio.create_task(again()), asyncio.create_task(again())\n"
        "asyncio.ensure_future(again())"
    ),
    "recurses without a limit": Hostile(
        "def again(): return again()\nagain()", before="import sys\nsys.setrecursionlimit(10**9)"
    ),
    "floods": Hostile("while True: print('x' * 100_000)"),
    "writes much": Hostile("print('x' * 10_000_000)", breaks=False),
    "writes odd bytes": Hostile(
        "print('\\x1b[2J\\0\\ud800'.encode('utf-8', 'replace'))", breaks=False
    ),
    "no collector": Hostile("import gc\ngc.disable()", breaks=False),
    "a threshold": Hostile("import gc\ngc.set_threshold(1)", breaks=False),
    "a recursion limit": Hostile("import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()"),
    "a long integer": Hostile("str(10 ** 5_000)"),
    "deep data": Hostile("deep = []\nfor _ in range(10**5): deep = [deep]\nrepr(deep)"),
    "a number that is none": Hostile("return PutReply(float('nan'))"),
    "a reply that is none": Hostile("return None"),
    "a reply that lies": Hostile(
        "class Lie:\n    __class__ = property(lambda self: PutReply)\nreturn Lie()"
    ),
    "a reply that is deep": Hostile(
        "deep = []\nfor _ in range(10**5): deep = [deep]\nreturn PutReply(deep)"
    ),
    "a reply of a subclass": Hostile(
        "class Text(str):\n    def __str__(self): raise SystemExit\nreturn PutReply(Text('OK'))"
    ),
    "an endless reply": Hostile("import itertools\nreturn PutReply(itertools.count())"),
    "a codec of its own": Hostile("import msgspec\nmsgspec.msgpack = None"),
    "no builtins": Hostile("import builtins\nbuiltins.len = None"),
    "no asyncio": Hostile("import asyncio\nasyncio.Future = None"),
    "an odd module": Hostile(before="def __getattr__(name): raise SystemExit(0)", breaks=False),
    "an endless module": Hostile(
        before="def __getattr__(name):\n    while True: pass", breaks=False
    ),
    "a thread when imported": Hostile(
        before="import threading, time\nthreading.Thread(target=time.sleep, args=[600]).start()"
    ),
    "a daemon when imported": Hostile(
        before="import os, time\n"
        "if not os.fork():\n    os.setsid()\n    if os.fork(): os._exit(0)\n    time.sleep(600)"
    ),
    "no modules": Hostile(before="import sys\nsys.modules.clear()"),
    "an import hook": Hostile(
        before="import builtins\nbuiltins.__import__ = lambda *names: SystemExit"
    ),
    "no output": Hostile(before="import sys\nsys.stdout = sys.stderr = None", breaks=False),
    "swallows everything": Hostile("import os\ntry:\n    os._exit(0)\nexcept BaseException: pass"),
}

HOSTILE: Final = _placed() | _SINGLE
