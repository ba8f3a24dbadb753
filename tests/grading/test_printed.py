"""What nodes log and print: the last lines, bounded, in order, and harmless to read."""

import logging
from types import SimpleNamespace

import msgspec
import pytest

from tester.engine import current
from tester.grading.lines import shown
from tester.grading.printed import LINES, Ear, Heard, Line


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    monkeypatch.setattr(current, "node", SimpleNamespace(name="c0"))
    return Ear(clock=lambda: 1_500)


def test_the_last_lines_are_kept_and_the_others_counted(ear: Ear) -> None:
    for number in range(LINES + 5):
        ear.hear("print", "", f"line {number}")
    heard = ear.heard()
    assert (len(heard.lines), heard.before) == (LINES, 5)
    assert heard.lines[-1] == Line(1_500, "print", "", f"line {LINES + 4}")


@pytest.mark.parametrize("text", ["x" * 10_000, "\ud800" * 200, "at 0x7f00 " * 30])
def test_a_line_can_be_sent_whatever_it_is(ear: Ear, text: str) -> None:
    ear.hear("print", text, text)
    there = msgspec.msgpack.decode(msgspec.msgpack.encode(ear.heard()), type=Heard)
    assert there == ear.heard()
    assert "0x7f00" not in there.lines[0].text


def test_prints_and_records_are_heard_while_the_node_runs(ear: Ear) -> None:
    with ear.listening():
        print("one")
        logging.getLogger("store").warning("two %d", 2)
        current.node = None
        print("not of a node")
    assert [(one.level, one.text) for one in ear.lines] == [("print", "one"), ("WARNING", "two 2")]


def test_lines_are_shown_in_order_and_do_nothing_to_a_terminal() -> None:
    late, early = Line(2_000_000, "print", "", "\x1b[2Jlate\n"), Line(500, "INFO", "kv", "early")
    text = shown([("s", Heard([late], 1)), ("c0", Heard([early]))])
    assert text.splitlines() == [
        "(1 earlier line)",
        "   0.001  c0      INFO     kv: early",
        "   2.000  s       print    late",
    ]
    assert shown([("s", Heard())]) == ""
