"""Failures as plain data: the user's frames, and a message whatever the exception does."""

import asyncio
import linecache
import os
from pathlib import Path

import pytest

from labrpc import NotAMessage
from tester.world import failure
from tester.world.failure import describe, first, message, printable, user_frames


def caught(function: object, *args: object) -> BaseException:
    try:
        function(*args)  # type: ignore[operator]
    except BaseException as error:
        return error
    raise AssertionError("it raised nothing")


def students_line() -> None:
    os.fspath(7)  # type: ignore[call-overload]


def test_the_frames_are_the_users_outermost_first() -> None:
    def outer() -> None:
        asyncio.run(inner())

    async def inner() -> None:
        students_line()

    frames = user_frames(caught(outer))
    assert [frame.function for frame in frames] == ["caught", "outer", "inner", "students_line"]
    assert {Path(frame.file).name for frame in frames} == {"test_failure.py"}
    assert frames[-1].text.startswith("os.fspath(7)")
    assert frames[-1].line == students_line.__code__.co_firstlineno + 1


def test_a_failure_is_plain_data() -> None:
    found = describe(caught(students_line), "server", "while it slept", 7)
    assert (found.kind, found.node, found.doing, found.time_us, found.misuse) == (
        *("TypeError", "server", "while it slept", 7, False),
    )
    assert found.message.startswith("expected str, bytes or os.PathLike")
    assert describe(NotAMessage("x"), "n", "", None).misuse


@pytest.mark.parametrize("broken", [ValueError, SystemExit, RecursionError])
def test_a_message_that_cannot_be_had_says_why(broken: type[BaseException]) -> None:
    class Hostile(Exception):
        def __str__(self) -> str:
            raise broken

    class NoText(Exception):
        def __str__(self) -> str:
            return 7  # type: ignore[return-value]  # noqa: PLE0307

    assert message(Hostile()) == f"(its __str__ raised {broken.__name__})"
    assert message(NoText()) == "(its __str__ raised TypeError)"


def test_a_key_at_the_keyboard_is_heard_even_while_a_message_is_made() -> None:
    class Slow(Exception):
        def __str__(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        message(Slow())


def test_a_message_is_cut() -> None:
    assert message(ValueError("x" * failure._LONGEST)) == "x" * failure._LONGEST
    cut = message(ValueError("x" * 1_000_000))
    assert cut == "x" * failure._LONGEST + "... (998000 characters more)"


def test_of_a_long_line_no_more_is_kept_than_a_person_reads() -> None:
    code = compile(f"x = '{'y' * 100_000}'; raise ValueError", "long.py", "exec")
    text = f"x = '{'y' * 100_000}'; raise ValueError"
    linecache.cache["long.py"] = (len(text), None, [text], "long.py")
    try:
        frame = failure.line_of(code, 1)
    finally:
        del linecache.cache["long.py"]
    assert frame.text == f"x = '{'y' * 292}..."
    assert failure.clipped(frame) == frame


def test_a_message_holds_no_address() -> None:
    told = message(ValueError(f"{object()!r} at 0xyz, {message!r}"))
    assert told == "<object object at 0x...> at 0xyz, <function message at 0x...>"


def test_a_message_can_be_printed() -> None:
    assert message(ValueError("a\ud800b")) == r"a\ud800b"
    assert printable("grüße \U0001f600") == "grüße \U0001f600"


def test_of_groups_the_first_exception_counts() -> None:
    deep = ExceptionGroup("x", [ExceptionGroup("y", [KeyError("z"), ValueError()]), OSError()])
    assert isinstance(first(deep), KeyError)
    assert describe(deep, "n", "", None).kind == "KeyError"
    error = ValueError()
    assert first(error) is error
