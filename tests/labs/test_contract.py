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
        contract.check_contract(
            Lab("made", "suite", (expected,)), Handed(module), lambda what: None
        )

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
    contract.check_contract(LABS[lab], REFERENCE, seen.append)
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
            "expected the constructor KVServer(), got parameters (size)",
        ),
        (CLERK, CLIENT.replace("self, end", "self"), 3, "Clerk(end), got parameters ()"),
        (
            CLERK,
            CLIENT.replace("self, end", "self, end, *, patience"),
            3,
            "expected the constructor Clerk(end), got parameters (end, patience)",
        ),
        (
            CLERK,
            CLIENT.replace("key, value, version", "key, value"),
            4,
            "expected Clerk.put(key, value, version), got parameters (key, value)",
        ),
        (
            CLERK,
            CLIENT.replace("get(self, key)", "get(key)"),
            5,
            "expected Clerk.get(key), got parameters (key)",
        ),
        (CLERK, CLIENT.replace("get", "fetch"), 2, "expected a method Clerk.get(key), got none"),
        (CLERK, CLIENT + "    put = 3\n", 2, "method Clerk.put(key, value, version), got int"),
        (
            LOCK,
            LOCK_WITHOUT_WITH,
            2,
            "expected a method Lock.__aenter__(), got none",
        ),
        (
            KVSERVER,
            SERVER.replace(": PutArgs", ""),
            3,
            "KVServer.put: expected the annotation PutArgs of kvsrv.rpc for args, got none",
        ),
        (KVSERVER, SERVER.replace(" -> GetReply", ""), 4, "for return, got none"),
        (
            KVSERVER,
            SERVER.replace("GetReply:", "dict[str, str]:"),
            4,
            "expected the annotation GetReply of kvsrv.rpc for return, got dict[str, str]",
        ),
        (KVSERVER, SERVER.replace("(self, args: PutArgs)", "(self, args: GetArgs)"), 3,
            "expected the annotation PutArgs of kvsrv.rpc for args, got GetArgs of kvsrv.rpc"),
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
    with pytest.raises(
        BadSubmission,
        match=r"^theirs: expected a method Clerk.put\(key, value, version\), got none",
    ):
        check(CLERK, "Clerk = type('Clerk', (), {'__init__': lambda self, end: None})\n")


def test_a_constructor_in_c_is_left_to_the_run(check: Callable[[Expected, str], None]) -> None:
    check(Expected("theirs", "Clerk", ("end",), ()), "class Clerk(dict): ...\n")
