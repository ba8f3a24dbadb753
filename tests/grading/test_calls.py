"""The filter of system calls, run instruction by instruction as the kernel runs it."""

import os

import pytest

from tester.grading import calls
from tester.grading.calls import _ALLOWED, _TRAPPED, _Step, machine
from tester.grading.kernel import SIGSYS

THIS = machine()
pytestmark = pytest.mark.skipif(THIS is None, reason="there is no filter for this machine")


def verdict(program: list[_Step], number: int, *args: int, arch: int | None = None) -> int:
    """What the program returns for a call."""
    assert THIS is not None
    words = {0: number, 4: THIS.arch if arch is None else arch}
    words |= {16 + 8 * at: value for at, value in enumerate(args)}
    at, value = 0, 0
    while True:
        step = program[at]
        at += 1
        if step.code == calls._RETURN:
            return step.value
        if step.code == calls._LOAD:
            value = words.get(step.value, 0)
            continue
        holds = {
            calls._IF_EQUAL: value == step.value,
            calls._IF_AT_LEAST: value >= step.value,
            calls._IF_ANY_BIT: bool(value & step.value),
        }[step.code]
        at += step.skip_if if holds else step.skip_else


@pytest.fixture(scope="module")
def program() -> list[_Step]:
    assert THIS is not None
    return list(calls._program(THIS, clocks=False))


def test_each_number_has_the_verdict_of_its_name(program: list[_Step]) -> None:
    assert THIS is not None
    names = {number: name for name, number in THIS.calls.items()}
    allowed, trapped = set(_ALLOWED.split()), set(_TRAPPED.split())
    special = {"open", "openat", "rt_sigaction", "prlimit64", "tgkill"}
    for number in range(1_000):
        name = names.get(number, "")
        if name in special:
            continue
        expected = calls._TRAP if name in trapped else calls._FAIL
        expected = calls._ALLOW if name in allowed else expected
        assert verdict(program, number) == expected, (number, name)
    assert verdict(program, THIS.limit) == verdict(program, THIS.limit + 60) == calls._KILL
    assert verdict(program, 2**32 - 1) == calls._KILL
    assert verdict(program, THIS.calls["read"], arch=0x40000003) == calls._KILL


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("openat", (0, 0, os.O_RDONLY | os.O_CLOEXEC), calls._ALLOW),
        ("openat", (0, 0, os.O_RDWR), calls._TRAP),
        ("openat", (0, 0, os.O_WRONLY | os.O_CREAT), calls._TRAP),
        ("open", (0, os.O_RDONLY), calls._ALLOW),
        ("open", (0, os.O_APPEND), calls._TRAP),
        ("rt_sigaction", (SIGSYS,), calls._KILL),
        ("rt_sigaction", (2,), calls._ALLOW),
        ("tgkill", (calls._OWN_NUMBER, 7, 6), calls._ALLOW),
        ("tgkill", (1, 7, 6), calls._TRAP),
        ("sysinfo", (0,), calls._FAIL),
        ("prlimit64", (0,), calls._ALLOW),
        ("prlimit64", (1,), calls._FAIL),
    ],
)
def test_some_verdicts_are_of_arguments(
    program: list[_Step], name: str, args: tuple[int, ...], expected: int
) -> None:
    assert THIS is not None
    if name in THIS.calls:
        assert verdict(program, THIS.calls[name], *args) == expected


def test_no_number_takes_long_to_find(program: list[_Step]) -> None:
    """When a filter is set, the kernel runs it for each number there is."""
    assert THIS is not None

    def length(number: int) -> int:
        taken: list[_Step] = []

        class Counted(list[_Step]):
            def __getitem__(self, at):  # type: ignore[no-untyped-def]
                taken.append(found := super().__getitem__(at))
                return found

        verdict(Counted(program), number)
        return len(taken)

    assert max(map(length, range(500))) <= 20
