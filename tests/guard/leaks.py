"""Leaks of the real machine into a run, made from kinds, places and ways: one server for each.

Each is the source of a `kvsrv/server.py`, and what is right for it: code on a node is `answered`
by its node, `refused`, or keeps state that is `shared` between runs; what no guard sees is
`verified`, by another process.
"""

import textwrap
from collections.abc import Iterator
from typing import NamedTuple


class Leak(NamedTuple):
    """One submission, and what must become of it."""

    name: str
    source: str
    expected: str


_SERVER = """\
import functools
{imports}
from kvsrv.rpc import Err, GetArgs, GetReply, PutArgs, PutReply

{setup}


class KVServer:
    def __init__(self) -> None:
        self.puts = 0

    def get(self, args: GetArgs) -> GetReply:
        {body}
        return GetReply(str(found), 1, Err.OK)

    def put(self, args: PutArgs) -> PutReply:
        self.puts += 1
        return PutReply(Err.OK)
"""


def _leak(name: str, expected: str, imports: str, setup: str, body: str) -> Leak:
    lines = textwrap.indent(textwrap.dedent(body), " " * 8).strip()
    source = _SERVER.format(imports=imports, setup=textwrap.dedent(setup), body=lines)
    return Leak(name, source, expected)


# What tells the time, draws, or numbers the process: a call without arguments, and its module.
_ANSWERED = {
    "time.time": "time",
    "time.monotonic_ns": "time",
    "time.localtime": "time",
    "datetime.datetime.now": "datetime",
    "datetime.date.today": "datetime",
    "_datetime.datetime.now": "_datetime",
    "posix.times": "posix",
    "posix.getppid": "posix",
    "random.random": "random",
    "random._inst.random": "random",
    "os.getpid": "os",
    "uuid.uuid4": "uuid",
    "secrets.token_hex": "secrets",
    "functools.partial(posix.urandom, 8)": "posix",
    "functools.partial(os.urandom, 8)": "os",
    "timeit.default_timer": "timeit",
    "threading.get_native_id": "threading",
    "_thread.get_ident": "_thread",
}

# Where it may be kept before any run: what makes it so, and how it is called then.
_PLACES = {
    "directly": ("", "found = {f}()"),
    "in a global": ("LEAK = {f}", "found = LEAK()"),
    "in a list": ("LEAK = [{f}]", "found = LEAK[0]()"),
    "in a tuple": ("LEAK = (0, {f})", "found = LEAK[1]()"),
    "in a dict of lists": ("LEAK = {{'a': [{f}]}}", "found = LEAK['a'][0]()"),
    "in a partial": ("LEAK = functools.partial({f})", "found = LEAK()"),
    "in a default": ("def leak(f={f}):\n    return f()", "found = leak()"),
    "in a class": ("class Holder:\n    leak = staticmethod({f})", "found = Holder.leak()"),
    "in a closure": (
        "def make():\n    f = {f}\n    return lambda: f()\nLEAK = make()",
        "found = LEAK()",
    ),
    "in an object": (
        "class Holder:\n    def __init__(self):\n        self.leak = {f}\nHOLDER = Holder()",
        "found = HOLDER.leak()",
    ),
    "in a slot": (
        "class Holder:\n    __slots__ = ('leak',)\nHOLDER = Holder()\nHOLDER.leak = {f}",
        "found = HOLDER.leak()",
    ),
    "as a bound call": ("LEAK = ({f}).__call__", "found = LEAK()"),
}

# What acts on the machine, or waits for it.
_REFUSED = {
    "posix.fork": "posix",
    "posix.abort": "posix",
    "posix.pipe": "posix",
    "functools.partial(posix.system, 'true')": "posix",
    "functools.partial(posix._exit, 0)": "posix",
    "functools.partial(posix.kill, 1, 0)": "posix",
    "functools.partial(posix.putenv, 'A', 'b')": "posix",
    "functools.partial(posix.chdir, '/')": "posix",
    "functools.partial(posix.wait)": "posix",
    "functools.partial(_thread.start_new_thread, print, ())": "_thread",
    "_thread.interrupt_main": "_thread",
    "_socket.socket": "_socket",
    "functools.partial(_socket.gethostbyname, 'localhost')": "_socket",
    "functools.partial(ctypes.CDLL, None)": "ctypes",
    "functools.partial(_ctypes.dlopen, None, 0)": "_ctypes",
    "functools.partial(subprocess.run, ['true'])": "subprocess",
    "functools.partial(select.select, [], [], [], 0)": "select",
    "select.poll": "select",
    "selectors.DefaultSelector": "selectors",
    "signal.pause": "signal",
    "functools.partial(_signal.alarm, 1)": "_signal",
    "functools.partial(time.sleep, 0)": "time",
    "functools.partial(open, '/dev/urandom', 'rb')": "os",
    "functools.partial(io.FileIO, '/proc/self/stat')": "io",
    "functools.partial(os.open, '/dev/random', 0)": "os",
    "functools.partial(resource.getrusage, 0)": "resource",
    "gc.get_objects": "gc",
    "gc.get_count": "gc",
    "functools.partial(fcntl.flock, 0, 8)": "fcntl",
    "input": "os",
    "queue.Queue().get": "queue",
    "queue.SimpleQueue().get": "queue",
    "threading.Event().wait": "threading",
    "threading.Barrier(2).wait": "threading",
    "threading.Semaphore(0).acquire": "threading",
    "concurrent.futures.Future().result": "concurrent.futures",
    "numpy.random.normal": "numpy.random",
    "numpy.random.standard_cauchy": "numpy.random",
}
_WAYS = ("directly", "in a list", "in a partial")

# State that outlives a run: imports, what makes it, and what the handler does with it.
_SHARED = {
    "a StringIO": ("import io", "S = io.StringIO()", "found = S.write('x') + S.tell()"),
    "a BytesIO": ("import io", "S = io.BytesIO()", "S.write(b'x')\nfound = S.getvalue()"),
    "a ContextVar's default": (
        "from contextvars import ContextVar",
        "S = ContextVar('S', default=[])",
        "S.get().append(1)\nfound = len(S.get())",
    ),
    "a threading.local": (
        "import threading",
        "S = threading.local()",
        "S.n = getattr(S, 'n', 0) + 1\nfound = S.n",
    ),
    "a hash": ("import hashlib", "S = hashlib.sha256()", "S.update(b'x')\nfound = S.hexdigest()"),
    "a hash of another kind": (
        "import hashlib",
        "S = hashlib.shake_128()",
        "S.update(b'x')\nfound = S.hexdigest(4)",
    ),
    "an attribute of Err": ("", "Err.n = 0", "Err.n += 1\nfound = Err.n"),
    "an attribute of a package's module": (
        "import kvsrv.rpc",
        "kvsrv.rpc.n = 0",
        "kvsrv.rpc.n += 1\nfound = kvsrv.rpc.n",
    ),
    "a new attribute of a module": (
        "import time",
        "",
        "time.n = getattr(time, 'n', 0) + 1\nfound = time.n",
    ),
    "an attribute that setattr sets": (
        "import json",
        "",
        "setattr(json, 'n', getattr(json, 'n', 0) + 1)\nfound = json.n",
    ),
    "a list on somebody's class": (
        "import string",
        "string.Template.seen = []",
        "string.Template.seen.append(1)\nfound = len(string.Template.seen)",
    ),
    "an attribute of a logger": (
        "import logging",
        "S = logging.getLogger('server')",
        "S.n = getattr(S, 'n', 0) + 1\nfound = S.n",
    ),
    "an attribute of a logger found by name": (
        "import logging",
        "",
        "logging.getLogger('x').n = getattr(logging.getLogger('x'), 'n', 0) + 1\nfound = 0",
    ),
    "an attribute of somebody's function": (
        "import textwrap",
        "",
        "textwrap.dedent.n = getattr(textwrap.dedent, 'n', 0) + 1\nfound = textwrap.dedent.n",
    ),
    "an attribute of builtins": (
        "import builtins",
        "",
        "builtins.n = getattr(builtins, 'n', 0) + 1\nfound = builtins.n",
    ),
    "a singledispatch": (
        "",
        "@functools.singledispatch\ndef S(x):\n    return 0",
        "found = len(S.registry)\nS.register(type('T', (), {}), lambda x: 1)",
    ),
    "a partial's attribute": (
        "",
        "S = functools.partial(int)",
        "S.n = getattr(S, 'n', 0) + 1\nfound = S.n",
    ),
    "a cache": ("", "@functools.cache\ndef S(x):\n    return object()", "S(1)\nfound = 0"),
    "a counter": ("import itertools", "S = itertools.count()", "found = next(S)"),
    "a cycle": ("import itertools", "S = itertools.cycle([1, 2, 3])", "found = next(S)"),
    "a generator": ("", "S = (i for i in range(99))", "found = next(S)"),
    "a list": ("", "S = []", "S.append(1)\nfound = len(S)"),
    "a function's defaults": (
        "",
        "def S(n=0):\n    return n",
        "S.__defaults__ = (S() + 1,)\nfound = S()",
    ),
    "a function's keyword defaults": (
        "",
        "def S(*, n=0):\n    return n",
        "S.__kwdefaults__['n'] += 1\nfound = S()",
    ),
    "a function's code": (
        "",
        "def S():\n    return 0",
        "found = S()\nS.__code__ = (lambda: 1).__code__",
    ),
    "what an exception was made with": (
        "",
        "S = ValueError(0)",
        "S.args = (S.args[0] + 1,)\nfound = S.args[0]",
    ),
    "an attribute of an exception": (
        "",
        "S = ValueError(0)",
        "S.n = getattr(S, 'n', 0) + 1\nfound = S.n",
    ),
    "a bytearray": ("", "S = bytearray()", "S.append(1)\nfound = len(S)"),
    "an array": ("import array", "S = array.array('i')", "S.append(1)\nfound = len(S)"),
    "a deque": ("import collections", "S = collections.deque()", "S.append(1)\nfound = len(S)"),
    "a member of an enumeration": (
        "import enum",
        "class S(enum.Enum):\n    A = 1",
        "S.A.n = getattr(S.A, 'n', 0) + 1\nfound = S.A.n",
    ),
    "the value of a member": (
        "import enum",
        "class S(enum.Enum):\n    A = []",
        "S.A.value.append(1)\nfound = len(S.A.value)",
    ),
    "a property's default": (
        "",
        "seen = []\nclass H:\n    n = property(lambda self, s=seen: s.append(1) or len(s))",
        "found = H().n",
    ),
    "a slot": (
        "",
        "class H:\n    __slots__ = ('n',)\nS = H()\nS.n = 0",
        "S.n += 1\nfound = S.n",
    ),
    "a weak dictionary": (
        "import weakref",
        "class K: pass\nKEY = K()\nS = weakref.WeakKeyDictionary()",
        "S[KEY] = S.get(KEY, 0) + 1\nfound = S[KEY]",
    ),
    "a generator of random's": ("import random", "S = random.Random(1)", "found = S.random()"),
    "a generator of numpy's": (
        "import numpy",
        "S = numpy.random.default_rng()",
        "found = S.normal()",
    ),
    "an old generator of numpy's": (
        "import numpy",
        "S = numpy.random.RandomState(1)",
        "found = S.normal()",
    ),
    "a decimal context": (
        "import decimal",
        "S = decimal.Context()",
        "S.prec += 1\nfound = S.prec",
    ),
    "a held lock": (
        "import threading",
        "S = threading.Lock()",
        "found = S.release() if S.locked() else S.acquire()",
    ),
    "an ordered dictionary's order": (
        "import collections",
        "S = collections.OrderedDict(a=1, b=2)",
        "S.move_to_end(next(iter(S)))\nfound = list(S)",
    ),
    "a queue": ("import queue", "S = queue.Queue()", "S.put_nowait(1)\nfound = S.qsize()"),
    "a parser": (
        "import configparser",
        "S = configparser.ConfigParser()",
        "S.read_dict({str(len(S.sections())): {}})\nfound = len(S.sections())",
    ),
}

# What code may do with its own objects, and only another process tells.
_VERIFIED = {
    "id": ("", "", "found = id(self)"),
    "repr": ("", "", "found = repr(object())"),
    "hash": ("", "", "found = hash(object())"),
    "a set of objects": (
        "",
        "class C: pass",
        "cs = [C() for _ in range(9)]\nfound = [cs.index(c) for c in set(cs)]",
    ),
    "a set of strings": ("", "", "found = list({'a', 'b', 'c', 'd'})"),
}


def _all() -> Iterator[Leak]:
    for what, imports in _ANSWERED.items():
        for where, (setup, body) in _PLACES.items():
            setup, body = setup.format(f=what), body.format(f=what)
            yield _leak(f"{what} {where}", "answered", f"import {imports}", setup, body)
    for what, imports in _REFUSED.items():
        for where in _WAYS:
            setup, body = (text.format(f=what) for text in _PLACES[where])
            yield _leak(f"{what} {where}", "refused", f"import {imports}", setup, body)
    for expected, table in (("shared", _SHARED), ("verified", _VERIFIED)):
        for what, (imports, setup, body) in table.items():
            yield _leak(what, expected, imports, setup, body)


LEAKS = list(_all())
