"""The contract check finds what would fail every seed, with file and line, and nothing else."""

import linecache
import re
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tester.labs import LABS, contract
from tester.labs.lab import Expected, Lab
from tester.world.submission import REFERENCE, BadSubmission, Submission

KVSERVER, CLERK = LABS["kvsrv"].classes
LOCK = LABS["lock"].classes[2]
HEADER = "from kvsrv.rpc import GetArgs, GetReply, PutArgs, PutReply\n"


class Handed(Submission):
    """A submission with one module, which is there already."""

    def __init__(self, module: types.ModuleType) -> None:
        super().__init__()
        self._module = module

    def get(self, module: str, name: str) -> Any:
        return getattr(self._module, name)


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Expected, str], None]:
    def run(expected: Expected, source: str) -> None:
        file = tmp_path / "theirs.py"
        file.write_text(HEADER + source)
        linecache.checkcache(str(file))
        module = types.ModuleType("theirs")
        module.__file__ = str(file)
        monkeypatch.setitem(sys.modules, "theirs", module)
        exec(compile(file.read_text(), str(file), "exec"), module.__dict__)
        contract.check(Lab("made", "suite", (expected,)), Handed(module), lambda what: None)

    return run


SERVER = """\
class KVServer:
    def put(self, args: PutArgs) -> PutReply: ...
    def get(self, args: GetArgs) -> GetReply: ...
"""
CLIENT = """\
class Clerk:
    def __init__(self, end): ...
    async def put(self, key, value, version): ...
    async def get(self, key): ...
"""


SAME = """\
import functools
def same(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper
"""
LOCK_WITHOUT_WITH = """\
class Lock:
    def __init__(self, clerk, name): ...
    async def acquire(self): ...
    async def release(self): ...
"""


@pytest.mark.parametrize("lab", LABS)
def test_the_reference_fits(lab: str) -> None:
    seen: list[str] = []
    contract.check(LABS[lab], REFERENCE, seen.append)
    assert seen == [f"{expected.module.replace('.', '/')}.py" for expected in LABS[lab].classes]


@pytest.mark.parametrize(
    ("expected", "source"),
    [
        (KVSERVER, SERVER),
        (KVSERVER, SERVER.replace("    def", "    async def")),
        (KVSERVER, SERVER.replace("(self, args: ", "(this, request: ")),
        (KVSERVER, SERVER.replace(": PutArgs", ": 'PutArgs'")),
        (KVSERVER, SERVER + "    def __init__(self, size=10, *rest, **more): ...\n"),
        (CLERK, CLIENT),
        (CLERK, CLIENT.replace("key, value, version", "*args, patience=1")),
        (CLERK, CLIENT.replace("Clerk", "Base") + "class Clerk(Base): ...\n"),
        (
            CLERK,
            "import dataclasses\n@dataclasses.dataclass\n"
            + CLIENT.replace("def __init__(self, end): ...", "end: object"),
        ),
        (CLERK, SAME + CLIENT.replace("    async def put", "    @same\n    async def put")),
    ],
)  # fmt: skip
def test_what_fits_passes(
    check: Callable[[Expected, str], None], expected: Expected, source: str
) -> None:
    check(expected, source)


@pytest.mark.parametrize(
    ("expected", "source", "line", "said"),
    [
        (
            KVSERVER,
            SERVER + "    def __init__(self, size): ...\n",
            5,
            "KVServer is built by KVServer(), but it takes (size)",
        ),
        (CLERK, CLIENT.replace("self, end", "self"), 3, "built by Clerk(end), but it takes ()"),
        (
            CLERK,
            CLIENT.replace("self, end", "self, end, *, patience"),
            3,
            "built by Clerk(end), but it takes (end, patience)",
        ),
        (
            CLERK,
            CLIENT.replace("key, value, version", "key, value"),
            4,
            "Clerk.put is called as put(key, value, version), but it takes (key, value)",
        ),
        (
            CLERK,
            CLIENT.replace("get(self, key)", "get(key)"),
            5,
            "Clerk.get is called as get(key), but it takes (key)",
        ),
        (CLERK, CLIENT.replace("get", "fetch"), 2, "Clerk has no method get; define get(key)"),
        (CLERK, CLIENT + "    put = 3\n", 2, "has something that is not a method called put"),
        (
            LOCK,
            LOCK_WITHOUT_WITH,
            2,
            "Lock has no method __aenter__; define __aenter__()",
        ),
        (
            KVSERVER,
            SERVER.replace(": PutArgs", ""),
            3,
            "does not annotate args; annotations say what travels, and here it is PutArgs of",
        ),
        (KVSERVER, SERVER.replace(" -> GetReply", ""), 4, "KVServer.get does not annotate return"),
        (
            KVSERVER,
            SERVER.replace("GetReply:", "dict[str, str]:"),
            4,
            "annotates return as dict[str, str], but the lab's message is GetReply of kvsrv.rpc",
        ),
        (KVSERVER, SERVER.replace("(self, args: PutArgs)", "(self, args: GetArgs)"), 3,
            "annotates args as GetArgs of kvsrv.rpc, but the lab's message is PutArgs"),
        (
            KVSERVER,
            SERVER.replace(": PutArgs", ": 'Puts'"),
            3,
            "has an annotation that its module cannot resolve: name 'Puts' is not defined",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_line(
    check: Callable[[Expected, str], None], expected: Expected, source: str, line: int, said: str
) -> None:
    with pytest.raises(BadSubmission) as refusal:
        check(expected, source)
    text = str(refusal.value)
    assert re.match(rf"/\S+/theirs\.py:{line}: ", text), text
    assert said in text


def test_a_class_without_source_is_named_by_its_module(
    check: Callable[[Expected, str], None],
) -> None:
    with pytest.raises(BadSubmission, match=r"^theirs: Clerk has no method put"):
        check(CLERK, "Clerk = type('Clerk', (), {'__init__': lambda self, end: None})\n")


def test_a_constructor_in_c_is_left_to_the_run(check: Callable[[Expected, str], None]) -> None:
    check(Expected("theirs", "Clerk", ("end",), ()), "class Clerk(dict): ...\n")
