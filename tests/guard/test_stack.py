"""Frames of an exception: all of them in the usual case, and both ends of an endless recursion."""

from hypothesis import example, given
from hypothesis import strategies as st

from tester.guard import stack

MOST = 2_000


def raised(depth: int) -> BaseException:
    """An exception with a traceback as long as wanted, whatever Python's own limit is."""
    error: BaseException = ZeroDivisionError()
    for _ in range(depth):
        try:
            raise error
        except ZeroDivisionError as again:
            error = again
    return error


@given(st.integers(0, 3 * MOST))
@example(MOST)
@example(MOST + 1)
def test_the_ends_are_kept(depth: int) -> None:
    error = raised(depth)
    whole = []
    entry = error.__traceback__
    while entry is not None:
        whole.append((entry.tb_frame, entry.tb_lineno))
        entry = entry.tb_next
    assert len(whole) == depth
    expected = whole if depth <= MOST else [*whole[:100], *whole[-1_900:]]
    assert stack.frames(error) == expected
