"""The count of instructions: of each function, and the same at every look."""

import sys
from functools import partial

from bench import instructions
from bench.instructions import per_rpc, rpcs_here


def _add_up(times: int) -> int:
    return sum(number for number in range(times))


def test_more_work_executes_more_of_the_function_that_does_it() -> None:
    few, more = (instructions.instructions(partial(_add_up, n)) for n in (10, 20))
    grown = {name: more[name] - few[name] for name in more if more[name] > few[name]}
    assert grown
    assert all("_add_up" in name for name in grown)


def test_an_rpc_is_counted_and_the_same_at_every_look() -> None:
    first = per_rpc(rpcs_here)
    assert first == per_rpc(rpcs_here)
    assert first["Node.step"] > first["Bank.add"] > 0


def test_a_debugger_that_was_there_is_put_back() -> None:
    def theirs(*_: object) -> None:
        pass

    before = sys.gettrace()
    sys.settrace(theirs)
    try:
        instructions.instructions(lambda: None)
        assert sys.gettrace() is theirs
    finally:
        sys.settrace(before)
