"""Submissions that attack their grader, one a row: what they do, where, and what may come of it.

Each is the reference with some code in it: at the top of the server's module, in its `put`, in the
`put` of the clerk, or in files beside them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tester.grading.isolation import Kind
from tests.grading.handing import changed, reference

SEED: Final = 0x5EC2_E7D1_C0FF_EE15_A_7E57
"""What nobody outside the grader may learn."""
REFUSED: Final = "refused"
"""The submission is not run at all."""


@dataclass(frozen=True)
class Attack:
    """What a submission tries."""

    put: str = ""
    """In the server's put."""
    top: str = ""
    """Run when the server's module is imported."""
    clerk: str = ""
    """In the clerk's put."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """More files."""
    ends: str = Kind.CRASHED
    """What comes of a seed, or REFUSED. "": the honest verdict of the reference."""
    says: str = ""
    """A text that the sentence holds."""
    swallows: bool = True
    """Whether it catches what is raised at it."""

    def submission(self) -> dict[str, bytes]:
        """Its files."""
        files = reference("kvsrv/client.py", "kvsrv/server.py")
        if self.put:
            at = "    def put(self, args: PutArgs) -> PutReply:\n"
            files = changed(files, "kvsrv/server.py", at, at + self._code(self.put, 8))
        if self.clerk:
            at = "    async def put(self, key: str, value: str, version: Version) -> Err:\n"
            files = changed(files, "kvsrv/client.py", at, at + self._code(self.clerk, 8))
        if self.top:
            at = "class KVServer:\n"
            files = changed(files, "kvsrv/server.py", at, self._code(self.top, 0) + "\n\n" + at)
        return {**files, **self.files}

    def _code(self, text: str, indent: int) -> str:
        lines = text.strip("\n").splitlines()
        if self.swallows:
            lines = ["try:", *(f"    {line}" for line in lines), "except Exception:", "    pass"]
        return "".join(f"{' ' * indent}{line}\n" for line in lines)


OUR_SOCKET: Final = """
import os, stat, sys, struct, msgspec
def socket_fd():
    for fd in range(3, 32):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode): return fd
        except OSError: pass
def frame(*parts): return msgspec.msgpack.encode(parts)
def raw(data): os.write(socket_fd(), data)
def say(*parts): data = frame(*parts); raw(struct.pack('>I', len(data)) + data)
"""
"""Helpers for those who speak to the grader over the framework's head."""

NOTHING_OUTSIDE: Final = "asked the system for something"


def asks_outside(top: str) -> Attack:
    """Code that asks the system for something when it is imported: the submission is refused."""
    return Attack(top=top, ends=REFUSED, says=NOTHING_OUTSIDE)


def speaks(put: str, says: str) -> Attack:
    """A put that speaks to the grader over the framework's head, and the sentence that earns."""
    return Attack(top=OUR_SOCKET, put=put, says=says)


# What is in the catalogue of docs and specifications, and has been seen elsewhere.
KNOWN: Final = {
    "leaves with success": Attack("import os\nos._exit(0)", ends=Kind.FAILED, says="OutsideWorld"),
    "leaves with success, through C": Attack(
        top="import ctypes\nEXIT = ctypes.PyDLL(None)._exit", put="EXIT(0)", says="exit status 0"
    ),
    "prints a verdict and leaves": Attack(
        top="import ctypes\nEXIT = ctypes.PyDLL(None)._exit",
        put='import os\nos.write(1, b\'{"passed": true, "score": 100}\\n\')\nEXIT(0)',
        says="exit status 0",
    ),
    "raises SystemExit": Attack(
        "raise SystemExit(0)", swallows=False, ends=Kind.FAILED, says="SystemExit"
    ),
    "patches whoever records": Attack(
        "import gc\n"
        "for one in gc.get_objects():\n"
        "    if isinstance(one, type) and one.__name__ in ('History', 'Trace', 'Verdict'):\n"
        "        for name in list(vars(one)):\n"
        "            if not name.startswith('__'): setattr(one, name, lambda *a, **k: None)",
        ends=Kind.FAILED,
        says="gc.get_objects",
    ),
    "patches whoever records when imported": Attack(
        top="import gc\n"
        "for one in gc.get_objects():\n"
        "    if isinstance(one, type) and one.__name__ in ('History', 'Trace', 'Verdict'):\n"
        "        for name in list(vars(one)):\n"
        "            if not name.startswith('__'): setattr(one, name, lambda *a, **k: None)",
        put="raise ValueError('wrong all the same')",
        swallows=False,
        ends=Kind.FAILED,
        says="wrong all the same",
    ),
    "reads the seeds in the frames": Attack(
        "import sys\nframe, found = sys._getframe(), []\n"
        "while frame:\n    found.append(repr(frame.f_locals)[:3000])\n    frame = frame.f_back\n"
        "raise RuntimeError(' '.join(found))",
        swallows=False,
        ends=Kind.FAILED,
    ),
    "reads the seeds in the frames when imported": Attack(
        top="import sys\nframe, found = sys._getframe(), []\n"
        "while frame:\n    found.append(repr(frame.f_locals)[:3000])\n    frame = frame.f_back\n"
        "raise RuntimeError(' '.join(found))",
        swallows=False,
        ends=REFUSED,
    ),
    "looks for the seed in all of memory": Attack(
        top="import gc\nfound = [repr(one)[:300] for one in gc.get_objects(0) + gc.get_objects()\n"
        "         if type(one) in (dict, list, tuple) and 'seed' in repr(one)[:2000]]\n"
        "raise RuntimeError(' '.join(found))",
        swallows=False,
        ends=REFUSED,
    ),
    "patches json and msgspec": Attack(
        top="import json, msgspec\njson.dumps = json.dump = lambda *a, **k: '{\"passed\": true}'",
        ends="",
    ),
    "reads the command line and the tests": Attack(
        "text = open('/proc/self/cmdline').read() + open('/proc/1/environ').read()\n"
        "raise RuntimeError(text)",
        swallows=False,
        ends=Kind.FAILED,
        says="OutsideWorld",
    ),
    "reads the command line when imported": Attack(
        top="text = open('/proc/self/cmdline').read()\nraise RuntimeError(text)",
        swallows=False,
        ends=REFUSED,
        says="FileNotFoundError",
    ),
    "closes the channel": Attack(
        top=OUR_SOCKET + "null = os.open('/dev/null', 0)\nfor fd in range(32): os.dup2(null, fd)",
        ends=REFUSED,
        says="ended by itself",
    ),
    "closes the channel and goes on": Attack(
        top=OUR_SOCKET + "null = os.open('/dev/null', 0)\nfor fd in range(32): os.dup2(null, fd)\n"
        "while True: pass",
        ends=REFUSED,
        says="closed its pipe",
    ),
    "equal to everything": Attack(
        "class Equal(str):\n    __eq__ = lambda self, other: True\n    __hash__ = str.__hash__\n"
        "return PutReply(Equal('nonsense'))",
        ends=Kind.FAILED,
        swallows=False,
    ),
    "lies about its class": Attack(
        "class Liar:\n    __class__ = PutReply\nreturn Liar()", ends=Kind.FAILED, swallows=False
    ),
    "registers for the end": Attack(
        top="import atexit, os\natexit.register(os._exit, 0)", ends=""
    ),
    "starts a thread": Attack(
        "import _thread, time\n_thread.start_new_thread(time.sleep, (600,))",
        ends=Kind.FAILED,
        says="_thread.start_new_thread",
    ),
    "starts a thread when imported": asks_outside(
        "import threading, time\nthreading.Thread(target=time.sleep, args=[600]).start()"
    ),
    "traces everything": Attack(
        top="import sys\nsys.settrace(lambda *a: None)\nsys.setprofile(lambda *a: None)", ends=""
    ),
    "patches random, time and asyncio": Attack(
        top="import random, time, asyncio\nrandom.random = lambda: 0.0\ntime.time = lambda: 0.0\n"
        "asyncio.sleep = None",
        put="raise ValueError('wrong all the same')",
        swallows=False,
        ends=Kind.FAILED,
    ),
    "inspects its caller": Attack(
        "import inspect\nraise RuntimeError(str([f.frame.f_locals for f in inspect.stack()]))",
        swallows=False,
        ends=Kind.FAILED,
    ),
    "names of Python's modules": Attack(
        files={
            "random.py": b"raise SystemExit",
            "asyncio.py": b"raise SystemExit",
            "sitecustomize.py": b"raise SystemExit",
            "usercustomize.py": b"raise SystemExit",
            "msgspec.py": b"raise SystemExit",
            "tester/__init__.py": b"raise SystemExit",
            "kvsrv/__init__.py": b"raise SystemExit",
            "kvsrv/rpc.py": b"raise SystemExit",
        },
        top="import random, asyncio, msgspec, tester",
        ends="",
    ),
    "configures pytest": Attack(
        files={
            "conftest.py": b"raise SystemExit",
            "pytest.ini": b"[pytest]\naddopts = --collect-only\n",
            "pyproject.toml": b"[tool.pytest.ini_options]\naddopts = ['--collect-only']\n",
            "tox.ini": b"",
            "evil.pth": b"import os; os._exit(0)",
        },
        ends="",
    ),
    "sends a pickle": speaks(
        "import pickle, os\n"
        "class Bomb:\n    def __reduce__(self): return (os._exit, (0,))\n"
        "data = pickle.dumps(Bomb())\nraw(struct.pack('>I', len(data)) + data)\n"
        "while True: pass",
        "malformed frame",
    ),
    "prints without end": Attack(
        "while True: print('x' * 1000000, flush=True)", ends=Kind.TIMED_OUT, says="CPU time"
    ),
    "recurses for ever": Attack(
        "def deeper(n): return deeper(n + 1) + 1\ndeeper(0)", ends=Kind.FAILED, swallows=False
    ),
    "recurses for ever, without a limit": Attack(
        top="import sys\nsys.setrecursionlimit(10**9)",
        put="def deeper(n): return max(deeper(n + 1), key=lambda x: x)\ndeeper(0)",
        swallows=False,
        ends="bad",
    ),
    "loops in a handler": Attack("while True: pass", ends=Kind.TIMED_OUT, says="CPU time"),
    "loops when imported": Attack(top="while True: pass", ends=REFUSED, says="CPU time"),
    "waits for nothing": Attack(
        clerk="import asyncio\nawait asyncio.get_running_loop().create_future()", ends=Kind.FAILED
    ),
    "keeps the store in a global": Attack(
        top="import builtins\nbuiltins.shared = {}",
        clerk="import builtins\nstore = vars(builtins).setdefault('shared', {})\n"
        "store[key] = (value, version + 1)\nreturn Err.OK",
        ends=Kind.FAILED,
    ),
}

# More of the same kinds, and other kinds.
OURS: Final = {
    "shares memory made when imported": Attack(
        top="import mmap\nMEMORY = mmap.mmap(-1, 4096)",
        clerk="import sys, kvsrv.server\nmemory = kvsrv.server.MEMORY\n"
        "if memory[0] == 0 and version == 0: memory[0] = 1\nelse: return Err.MAYBE",
        ends="bad",
    ),
    "shares a file": Attack(
        "open('/tmp/shared', 'w').write('x')", ends=Kind.CRASHED, says=NOTHING_OUTSIDE
    ),
    "shares a file in memory": asks_outside("open('/dev/shm/shared', 'w').write('x')"),
    "makes a file in memory": asks_outside("import os\nos.memfd_create('x')"),
    "opens a socket when imported": asks_outside(
        "import socket\nsocket.socket(socket.AF_UNIX).bind('\\0meet')"
    ),
    "opens a socket": Attack(
        "import socket\nsocket.create_connection(('127.0.0.1', 80))",
        ends=Kind.FAILED,
        says="socket",
    ),
    "shared memory of System V": asks_outside(
        "import ctypes\nctypes.CDLL(None).shmget(42, 4096, 0o1777)"
    ),
    "a key of the kernel's": asks_outside(
        "import ctypes\nctypes.CDLL(None).syscall(248, b'user', b'k', b'v', 1, -3)"
    ),
    "traces another process": asks_outside("import ctypes\nctypes.CDLL(None).ptrace(16, 1, 0, 0)"),
    "reads the memory of another process": asks_outside(
        "import ctypes\nctypes.CDLL(None).process_vm_readv(1, None, 0, None, 0, 0)"
    ),
    "kills everybody": Attack("import os\nos.kill(-1, 9)", ends=Kind.FAILED, says="os.kill"),
    "kills everybody when imported": asks_outside("import os\nos.kill(-1, 9)"),
    "kills its parent when imported": asks_outside("import os\nos.kill(os.getppid(), 9)"),
    "forks and goes away": asks_outside(
        "import os\nif not os.fork():\n    os.setsid()\n    while True: pass"
    ),
    "forks through C": Attack(
        top="import ctypes\nLIBC = ctypes.PyDLL(None)\nFORK = LIBC.fork",
        put="FORK()",
        ends="bad",
    ),
    "runs a program": asks_outside("import subprocess\nsubprocess.run(['/bin/true'])"),
    "becomes a program": asks_outside("import os\nos.execv('/usr/bin/env', ['env'])"),
    "uses a pool of processes": asks_outside(
        "import concurrent.futures\n"
        "concurrent.futures.ProcessPoolExecutor(2).submit(print).result()"
    ),
    "sleeps for real when imported": Attack(
        top="import time\ntime.sleep(600)", swallows=False, ends=REFUSED, says="PermissionError"
    ),
    "sleeps for real": Attack(
        top="import ctypes\nSLEEP = ctypes.PyDLL(None).usleep",
        put="for _ in range(1000): SLEEP(500000)",
        ends="bad",
    ),
    "waits for a lock for ever": Attack(
        top="import _thread\nLOCK = _thread.allocate_lock()\nLOCK.acquire()\nLOCK.acquire()",
        ends=REFUSED,
        says="no CPU time",
    ),
    "catches what ends it": asks_outside(
        "import signal, os\nsignal.signal(signal.SIGSYS, lambda *a: None)\nos.fork()"
    ),
    "ignores what ends it": asks_outside(
        "import signal, os\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGSYS])\nos.fork()"
    ),
    "writes a file where it came from": asks_outside("open(__file__, 'w').write('x')"),
    "opens a file to read and write": asks_outside("import os\nos.open('/dev/null', os.O_RDWR)"),
    "raises its limits": Attack(
        top="import resource\nfor which in range(10):\n    try:\n"
        "        resource.setrlimit(which, (resource.RLIM_INFINITY,) * 2)\n"
        "    except (OSError, ValueError): pass\n"
        "if resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 0: raise SystemExit('free')",
        swallows=False,
        ends="",
    ),
    "becomes root": asks_outside("import os\nos.setuid(0)"),
    "leaves its namespaces": asks_outside("import ctypes\nctypes.CDLL(None).unshare(0x10000000)"),
    "mounts": asks_outside(
        "import ctypes\nctypes.CDLL(None).mount(b'x', b'/', b'tmpfs', 0, None)"
    ),
    "lists the machine": Attack(
        top="import os\nraise RuntimeError(str([sorted(os.listdir(place)) for place in\n"
        "    ('/', '/etc', '/usr')]))",
        swallows=False,
        ends=REFUSED,
        says="['dev', 'etc', 'lib",
    ),
    "looks for the reference on disk": Attack(
        top="import os, sys\nfound = [os.path.join(place, name) for root in ['/', *sys.path]\n"
        "  for place, folders, files in os.walk(root) for name in files\n"
        "  if 'kvsrv' in place and name.endswith('.py')]\n"
        "if found: raise RuntimeError(str(found))\n"
        "raise RuntimeError('nothing of the kind')",
        swallows=False,
        ends=REFUSED,
        says="nothing of the kind",
    ),
    "looks for the reference in memory": Attack(
        top="import gc, sys\nfound = [str(one) for one in gc.get_objects()\n"
        "  if getattr(one, '__name__', '') in ('Clerk', 'KVServer', 'Lock')\n"
        "  and isinstance(one, type)]\n"
        "raise RuntimeError(str(found))",
        swallows=False,
        ends=REFUSED,
        says="RuntimeError('[]')",
    ),
    "imports the reference of another lab": Attack(
        top="import lock.lock", swallows=False, ends=REFUSED, says="was not handed in"
    ),
    "imports the bugs and solutions": Attack(
        top="import tester.labs.kvsrv.solutions", swallows=False, ends=REFUSED, says="solutions"
    ),
    "reads its environment": Attack(
        top="import os\nraise RuntimeError(str(dict(os.environ)))",
        swallows=False,
        ends=REFUSED,
        says="PYTHONHASHSEED",
    ),
    "fills memory when imported": Attack(
        top="hold = []\nwhile True: hold.append(bytearray(1 << 24))",
        swallows=False,
        ends=REFUSED,
        says="MemoryError",
    ),
    "fills shared memory": Attack(
        top="import mmap\nhold = []\n"
        "while True:\n    hold.append(mmap.mmap(-1, 1 << 26))\n"
        "    hold[-1].write(b'x' * (1 << 26))",
        swallows=False,
        ends=REFUSED,
    ),
    "fills memory": Attack(
        "hold = []\nwhile True: hold.append(bytearray(1 << 24))", swallows=False, ends=Kind.FAILED
    ),
    "cannot be compiled without a crash": Attack(
        files={"deep.py": b"x = " + b"(" * 50_000 + b")" * 50_000}, top="import deep", ends=""
    ),
    "crashes in C when imported": Attack(
        top="import ctypes\nctypes.string_at(0)", ends=REFUSED, says="SIGSEGV"
    ),
    "aborts": Attack(top="import os\nos.abort()", ends=REFUSED, says="SIGABRT"),
    "leaves when imported": Attack(
        top="import os\nos._exit(0)", ends=REFUSED, says="exit status 0"
    ),
    "says nonsense": speaks("raw(b'\\0\\0\\0\\4abcd')\nwhile True: pass", "malformed frame"),
    "floods its pipe": speaks(
        "raw(b'\\x7f\\xff\\xff\\xff')\nwhile True: raw(bytes(1 << 16))", "flooded"
    ),
    "floods its pipe, honestly": speaks(
        "while True: say('deal', 'sched/server', 0)", "more than it was asked"
    ),
    "answers twice": speaks("say('turn', [], None, 1)", "said more than it was asked"),
    "answers half": Attack(
        top=OUR_SOCKET + "import ctypes\nEXIT = ctypes.PyDLL(None)._exit",
        put="raw(b'\\0\\0\\1\\0')\nEXIT(0)",
        says="exit status 0",
    ),
    "a turn that takes back time": speaks(
        "say('turn', [], 0, 1)\nos.close(socket_fd())\nwhile True: pass", "time that has passed"
    ),
    "a million events": speaks(
        "say('turn', [('sync', 1)] * 300000, None, 1)\nwhile True: pass", "malformed frame"
    ),
    "an endless nest": speaks(
        "data = b'\\x91' * 100000 + b'\\x90'\nraw(struct.pack('>I', len(data)) + data)\n"
        "while True: pass",
        "malformed frame",
    ),
    "forges an operation's result": speaks(
        "say('turn', [('done', 3, frame('OK'))], None, 1)\nwhile True: pass",
        "was not called on it",
    ),
    "answers what others were asked": speaks(
        "say('turn', [('answer', 999, b'')], None, 1)\nwhile True: pass", "which it was not asked"
    ),
    "sends in another's name": speaks(
        "say('turn', [('send', 1, 'c0', 'KVServer.put', b'', None)], None, 1)\nwhile True: pass",
        "not its own",
    ),
    "asks for the network's choices": speaks(
        "say('deal', 'net/c0', 0)\nwhile True: pass", "asked for the choices"
    ),
    "asks for another node's choices": speaks(
        "say('deal', 'node/c0', 0)\nwhile True: pass", "asked for the choices"
    ),
    "reports without a probe": speaks(
        "say('turn', [('report', 'leader', [1])], None, 1)\nwhile True: pass", "no probe"
    ),
    "writes without a disk": speaks(
        "say('turn', [('write', {'x': b'y'})], None, 1)\nwhile True: pass", "its disk"
    ),
    "claims another node's fault": speaks(
        "say('turn', [('fault', 'net/c0', 0, 'the reply', 'lost')], None, 1)\nwhile True: pass",
        "claimed a fault",
    ),
    "says it was refused nothing": Attack(
        top="from tester.engine import current\ncurrent.refusals = []\n"
        "import tester.grading.node as node\nnode._refused = lambda *a: []",
        put="import os\nos.fork()",  # which is refused all the same
        ends="",
    ),
    "puts words into the grader's mouth": Attack(
        "raise RuntimeError('\\x1b[2J\\x1b[31mPASSED\\x07\\r\\n\\x00 100/100 \\u202e')",
        swallows=False,
        ends=Kind.FAILED,
    ),
    "a text that is none": Attack(
        "raise RuntimeError('\\ud800' * 100)", swallows=False, ends=Kind.FAILED
    ),
    "a very long word": Attack(
        "raise type('E' * 100000, (Exception,), {})('m' * 10**7)",
        swallows=False,
        ends=Kind.FAILED,
    ),
    "turns off the guard": Attack(
        top="from tester.guard import guard, caller\nguard._patches_for = lambda modules: []\n"
        "caller.thread = None",
        put="import time\nif time.time() > 1700000000: raise ValueError('the real time')",
        swallows=False,
        ends="",
    ),
    "a metaclass that exits": Attack(
        top="class Meta(type):\n    def __getattribute__(cls, name): raise SystemExit(0)\n"
        "class Server(metaclass=Meta): pass\nKVServer = Server",
        swallows=False,
        says="SystemExit",
    ),
}
