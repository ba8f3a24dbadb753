"""Attacks from the labs with peers: forged reports, disks and frames, on Raft and what uses it."""

from dataclasses import dataclass
from typing import Final

from tester.grading.isolation import Kind
from tests.grading.attacks.table import NOTHING_OUTSIDE, OUR_SOCKET, REFUSED
from tests.grading.handing import SUBMISSIONS


@dataclass(frozen=True)
class LabAttack:
    """What the reference of a lab does with some code at the end of one of its modules."""

    module: str
    code: str
    ends: str = Kind.CRASHED
    """What comes of a seed, or REFUSED. "": the honest verdict of the reference."""
    says: str = ""
    """A text that the sentence holds."""
    lab: str = "raft"
    test: str = "test_basic_agree_3b"

    def submission(self) -> dict[str, bytes]:
        """Its files."""
        files = SUBMISSIONS[self.lab]
        return {**files, self.module: files[self.module] + b"\n\n" + self.code.encode()}


RAFT: Final = "raft/raft.py"
NO_HARNESS: Final = "as no harness does"
_FORGES: Final = """\
from tester.world.probe import Probe
REALLY, COUNT = Probe.report, [0]
def report(self, what, *data):
    COUNT[0] += 1
    REALLY(self, what, *data)
    if COUNT[0] == {after}: REALLY(self, {report})
Probe.report = report
"""
_SPEAKS: Final = (
    OUR_SOCKET
    + """
import tester.grading.node as node
ANSWER, TURNS = node._answer, [0]
def answer(*args):
    TURNS[0] += 1
    if TURNS[0] == 3:
        {does}
        while True: pass
    return ANSWER(*args)
node._answer = answer
"""
)
_SAVES: Final = """\
from raft.api import SNAPSHOT, STATE, Persister
def save(self, state, snapshot):
    self._saved += 1
    self._disk.write({files})
Persister.save = save
"""


def reports(report: str, ends: str = Kind.CRASHED, says: str = NO_HARNESS) -> LabAttack:
    """A Raft whose harness reports something else once."""
    return LabAttack(RAFT, _FORGES.format(after=3, report=report), ends, says)


def speaks(does: str, says: str, ends: str = Kind.CRASHED) -> LabAttack:
    """A Raft whose process speaks to the grader itself, instead of its third answer."""
    return LabAttack(RAFT, _SPEAKS.format(does=does), ends, says)


def of_kvraft(report: str, ends: str = Kind.CRASHED, says: str = NO_HARNESS) -> LabAttack:
    """A store whose harness reports something else once."""
    code = _FORGES.format(after=2, report=report)
    return LabAttack("kvraft/server.py", code, ends, says, "kvraft", "test_basic_4b")


def of_worker(code: str, ends: str = Kind.CRASHED, says: str = NO_HARNESS) -> LabAttack:
    """A worker of the MapReduce lab."""
    return LabAttack("mapreduce/worker.py", code, ends, says, "mapreduce", "test_wc")


def saves(files: str, says: str) -> LabAttack:
    """A Raft that saves something else than it is asked to."""
    code = _SAVES.format(files=files)
    return LabAttack(RAFT, code, Kind.FAILED, says, test="test_snapshot_basic_3d")


LAB_ATTACKS: Final = {
    "reports an index that is none": reports("'applied', 'x', b'y'"),
    "reports what nobody knows": reports("'nonsense'"),
    "reports half of it": reports("'back'"),
    "reports a log of no numbers": reports("'log', 'a', 0, 0, 7"),
    "reports an index beyond all": reports("'applied', 2**63, b'y'"),
    "applies what is far away": reports(
        "'applied', 2**62, b'y'", Kind.FAILED, "applied out of order"
    ),
    "applies what nobody has started": reports(
        "'applied', 1, b'100'", Kind.FAILED, "out of nowhere"
    ),
    "leads without a vote": reports("'state', 9, True", Kind.FAILED, "out of nowhere"),
    "shows a log that has a hole": reports("'log', 5, 1, 2**40, [1]", Kind.FAILED, ""),
    "installs a snapshot of its own": reports(
        "'installed', 3, b'zz'", Kind.FAILED, "state machine safety violated"
    ),
    "keeps its log under another name": saves(
        "{STATE: b'', 'z': bytes(20_000), SNAPSHOT: snapshot or b''}",
        "log too long",
    ),
    "keeps its log in the snapshot": saves(
        "{STATE: b'', SNAPSHOT: (snapshot or b'') + bytes(20_000)}",
        "state machine safety violated",
    ),
    "answers for another server": speaks(
        "say('turn', [('answer', 999_999, b'')], None, 1)", "which it was not asked"
    ),
    "sends from an end of another server": speaks(
        "say('turn', [('send', 1, 's1->s2', 'Raft.request_vote', b'', None)], None, 1)",
        "which is not its own",
    ),
    "begins a frame that never ends": speaks(
        "raw(b'\\x7f\\xff\\xff\\xff' + bytes(1 << 16))", "flooded"
    ),
    "sends a frame of nothing": speaks("raw(bytes(4))", "malformed frame"),
    "answers twice at once": speaks(
        "data = frame('turn', [], None, 0); raw((struct.pack('>I', len(data)) + data) * 2)",
        "said more than it was asked",
    ),
    "sets a timer that is no number": speaks(
        "say('turn', [], float('nan'), 1)", "malformed frame"
    ),
    "annotates with what is no text": speaks(
        "say('turn', [('annotate', 7, '', '', -1, False)], None, 1)", "malformed frame"
    ),
    "sends its descriptors to the grader": LabAttack(
        RAFT,
        OUR_SOCKET + "import socket\n"
        "own = socket.socket(fileno=os.dup(socket_fd()))\n"
        "for _ in range(20): socket.send_fds(own, [b'x'], [socket_fd()])\n",
        REFUSED,
    ),
    "sends urgent data": LabAttack(
        RAFT,
        OUR_SOCKET + "import socket\n"
        "own = socket.socket(fileno=os.dup(socket_fd()))\n"
        "own.send(b'x', socket.MSG_OOB)\n",
        REFUSED,
    ),
    "reads how much of the processor it has used": LabAttack(
        RAFT, "import resource\nresource.getrusage(0)\n", REFUSED, "PermissionError"
    ),
    "waits for real in the kernel": LabAttack(
        RAFT,
        "import ctypes\nlibc = ctypes.CDLL(None)\nword = ctypes.c_int(0)\n"
        "for _ in range(60): libc.syscall(202, ctypes.byref(word), 0, 0,\n"
        "    ctypes.byref((ctypes.c_long * 2)(1, 0)), None, 0)\n",
        REFUSED,
        "no CPU time",
    ),
    "looks for the reference by all that imports": LabAttack(
        RAFT,
        "import gc, importlib, importlib.machinery, importlib.util, inspect, linecache, pkgutil\n"
        "import sys, zipimport\nfound = []\n"
        "def looks(how, *args):\n"
        "    try: got = how(*args)\n    except Exception: return\n    if got: found.append(got)\n"
        "for name in ('kvraft.server', 'kvsrv.server', 'mapreduce.worker', 'lock.lock',\n"
        "             'tester.labs.raft.solution_loops', 'tester.labs.raft.bugs'):\n"
        "    file = name.replace('.', '/') + '.py'\n"
        "    looks(importlib.import_module, name)\n    looks(importlib.util.find_spec, name)\n"
        "    looks(pkgutil.get_data, name.rpartition('.')[0], file.rpartition('/')[2])\n"
        "    looks(linecache.getlines, file)\n"
        "    looks(importlib.machinery.PathFinder.find_spec, name, sys.path)\n"
        "    looks(lambda: sys.meta_path[0].get_source(name))\n"
        "    looks(lambda: sys.meta_path[0]._data(file))\n"
        "    for place in sys.path: looks(lambda: zipimport.zipimporter(place).get_source(name))\n"
        "for one in gc.get_objects():\n"
        "    if type(one) is dict and 'kvraft/server.py' in one and one['kvraft/server.py']:\n"
        "        if hasattr(one['kvraft/server.py'], 'read_bytes'):\n"
        "            looks(one['kvraft/server.py'].read_bytes)\n"
        "if found: raise RuntimeError(str(found)[:500])\n",
        "",
    ),
    "is honest where it looks like grading": LabAttack(
        RAFT,
        "import os, sys\n"
        "if not (os.getuid() > 1000 and os.getcwd() == '/' and not os.path.exists('/proc/1')):\n"
        "    del Raft.start\n",
        "",
    ),
    "describes a log without end": LabAttack(
        RAFT,
        "Raft.describe = lambda self: {'base': 0, 'base_term': 0, 'terms': [1] * 1_000_001}\n",
        Kind.FAILED,
        "no list of at most",
    ),
    "never stops describing": LabAttack(
        RAFT,
        "def describe(self):\n    while True: pass\nRaft.describe = describe\n",
        Kind.TIMED_OUT,
        "CPU time",
    ),
    "applies an order to the terminal": LabAttack(
        RAFT,
        "from raft.api import ApplyMsg\nMADE = Raft.__init__\n"
        "def made(self, *given):\n    MADE(self, *given)\n"
        "    text = b'\\x1b[2J\\r\\n<script>=cmd()</script>'\n"
        "    given[3].put_nowait(ApplyMsg(command_valid=True, command=text, command_index=1))\n"
        "Raft.__init__ = made\n",
        Kind.FAILED,
        "out of nowhere",
    ),
    "talks by System V's semaphores": LabAttack(
        RAFT, "import ctypes\nctypes.CDLL(None).semget(7, 1, 0o1666)\n", REFUSED, NOTHING_OUTSIDE
    ),
    "talks by locks of files": LabAttack(
        RAFT,
        "import fcntl, os\nfcntl.flock(os.open('/dev/null', 0), fcntl.LOCK_EX)\n",
        REFUSED,
        NOTHING_OUTSIDE,
    ),
    "a store that has applied before the first": of_kvraft("'applied', 0, b'x', b'y'"),
    "a store that restores what is not there": of_kvraft(
        "'restored', 2**60", Kind.FAILED, "replicas diverged"
    ),
    "a store that logs texts": of_kvraft("'logged', 1, 2, 'x'"),
    "a worker that takes a thousand years": of_worker(
        _FORGES.format(after=2, report="'stalls', 10**15")
    ),
    "a worker that excuses itself": of_worker(
        _FORGES.format(after=2, report="'stalls', 7"), Kind.FAILED, "never does"
    ),
    "a worker that maps a number": of_worker(_FORGES.format(after=2, report="'maps', 7")),
    "a worker that writes for another name": of_worker(
        "async def worker(app, end, disk):\n    await disk.write('mr-out-0', b'=cmd 1\\n')\n",
        Kind.FAILED,
        "",
    ),
    "a coordinator that is done at once": LabAttack(
        "mapreduce/coordinator.py",
        "Coordinator.done = lambda self: True\n",
        Kind.FAILED,
        "",
        "mapreduce",
        "test_wc",
    ),
}
