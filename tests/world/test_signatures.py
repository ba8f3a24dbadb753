"""Annotations are read without resolving what they name."""

import logging
import sys
from types import FunctionType, ModuleType

import pytest

from tester.guard.fingerprint import closed_over
from tester.guard.foreign import annotated
from tester.world.signatures import signature_of

LAZY = pytest.mark.skipif(
    sys.version_info < (3, 14), reason="such a module cannot be imported before CPython 3.14"
)


@pytest.fixture(params=["'Missing'", pytest.param("Missing", marks=LAZY)])
def module(request: pytest.FixtureRequest) -> ModuleType:
    """A module whose annotations name what only a type checker imports."""
    made = ModuleType("theirs")
    source = """
class Server:
    limit: MISSING

    def __init__(self, end: MISSING, keys: int = 0) -> None:
        self.end = end

home: MISSING
""".replace("MISSING", request.param)
    exec(compile(source, "theirs.py", "exec", dont_inherit=True), vars(made))
    return made


def test_a_signature_needs_no_name_to_be_resolvable(module: ModuleType) -> None:
    assert list(signature_of(module.Server).parameters) == ["end", "keys"]
    assert list(signature_of(module.Server.__init__).parameters) == ["self", "end", "keys"]


def test_what_is_annotated_needs_no_name_to_be_resolvable(module: ModuleType) -> None:
    assert list(annotated(module)) == ["home"]
    assert list(annotated(module.Server)) == ["limit"]
    assert list(annotated(module.Server(None))) == ["limit"]
    assert list(annotated(logging.getLogger())) == []


def test_variables_that_the_compiler_makes_are_not_the_users() -> None:
    def around() -> FunctionType:
        __classdict__: dict[str, int] = {}  # as CPython 3.14 names that of a class
        theirs: list[int] = []

        def uses() -> object:
            return __classdict__, theirs

        assert isinstance(uses, FunctionType)
        return uses

    assert [name for name, _ in closed_over(around())] == ["theirs"]
