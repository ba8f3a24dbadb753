"""msgspec's decoders of JSON lines against the careful reading of one line after the other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from linearizability.formats import Decoders, HistoryError, read_jsonl
from linearizability.formats.rows import READERS
from tester.cli.decoders import DECODERS

CAREFUL = Decoders(rows=lambda array: None, kv=lambda array: None)
GET = '{"c":1,"op":"get","k":"x","call":12,"ret":30,"err":"OK","rv":"a","rver":1}'
PUT = '{"c":0,"op":"put","k":"x","v":"a","ver":0,"call":10,"ret":25,"err":"OK"}'

scalars = st.one_of(
    st.sampled_from(["", "a", "x:y", 'q":1', "}{", "},{", "é", "\ud800", "OK", "ErrNoKey"]),
    st.sampled_from(["get", "put", "read", "write", "ok", "fail", "info"]),
    st.integers(-2, 40),
    st.sampled_from([2**53 + 1, 2**63, 2**64, 10**25, 1.0, -0.0, 1e300, True, None]),
)
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.just("a"), scalars)
usual = st.fixed_dictionaries(
    {
        "c": st.integers(0, 2),
        "op": st.sampled_from(["get", "put"]),
        "k": st.sampled_from("xy"),
        "v": st.sampled_from("ab"),
        "ver": st.integers(0, 2),
        "call": st.integers(0, 5),
        "ret": st.integers(5, 9) | st.just(-1),
        "err": st.sampled_from(["OK", "ErrNoKey", "ErrVersion", "ErrMaybe"]),
        "rv": st.sampled_from(["", "a"]),
        "rver": st.integers(0, 2),
    }
)


@st.composite
def lines(draw: st.DrawFn) -> str:
    """A good line, or one with a few fields changed, or one whose text was damaged."""
    row: dict[str, Any] = draw(usual)
    for name in {"get": ("v", "ver"), "put": ("rv", "rver")}[row["op"]]:
        del row[name]
    for name in draw(st.lists(st.sampled_from([*row, "status", "t0", "rvv"]), max_size=2)):
        if draw(st.booleans()):
            row[name] = draw(values)
        else:
            row.pop(name, None)
    text = json.dumps(
        row, separators=draw(st.sampled_from([(",", ":"), (", ", ": "), (",", " :")]))
    )
    if draw(st.integers(0, 5)):
        return text
    damage = draw(st.integers(0, 4))
    place = draw(st.integers(1, max(1, len(text) - 1)))
    if damage == 0:  # a field that is there twice
        return text[:-1] + "," + text[1:]
    if damage == 1:
        return text[:place] + draw(st.sampled_from(['"', "}", "{", ",", "\t", "\n", "9" * 4_400]))
    if damage == 2:
        return (
            text[:place]
            + draw(st.sampled_from(["\n", " ", "}\n{", "e2", "\\u0063"]))
            + text[place:]
        )
    if damage == 3:
        return text + draw(st.sampled_from([",", "\n", " "])) + text
    return text[:place]


def outcome(text: list[str], model: str, decoders: Decoders | None) -> object:
    """Everything that reading gives: operations with their types, lines, failures; or an error."""
    try:
        recorded = read_jsonl(text, "h", model, decoders)
    except HistoryError as error:
        return str(error)
    return repr(recorded.operations), list(recorded.lines), recorded.failed


@given(st.lists(lines(), max_size=5), st.sampled_from(["kv", "register"]), st.booleans())
@example(['{"c":1,"op":"get"', '"k":"x","call":1,"ret":2}'], "kv", True)
@example([GET + "," + GET, '{"c":[{}', "{}]}"], "register", True)
@example(['{"k":"a', '{b"},5'], "register", False)
@example([GET.replace('"c":1', '"c" :1'), GET.replace('"c":1', '"c":0,"c":1')], "kv", True)
@example([GET.replace('"rver":1', '"err":"OK"'), PUT], "kv", True)
@example([GET.replace(',"err":"OK"', ""), PUT.replace('"v"', '"v":"b","v"')], "kv", True)
def test_reading_many_lines_at_once_gives_what_reading_each_alone_gives(
    texts: list[str], model: str, ends: bool
) -> None:
    if model == "register":
        texts = [text.replace('"get"', '"read"').replace('"put"', '"write"') for text in texts]
    texts = [text + "\n" for text in texts] if ends else texts
    careful = outcome(texts, model, CAREFUL)
    assert outcome(texts, model, DECODERS) == careful
    assert outcome(texts, model, None) == careful


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_usual_lines_are_decoded_at_once(
    separators: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the decoders would be right, and of no use."""
    monkeypatch.setattr("linearizability.formats.jsonl._Lines._read_line", None)
    text = [json.dumps(json.loads(line), separators=separators) + "\n" for line in (GET, PUT)]
    [get, put] = read_jsonl(text, "h", "kv", DECODERS).operations
    assert (get.output, put.output) == (("a", 1, "OK"), "OK")
    rows = [line.replace("get", "read").replace("put", "write") for line in text]
    for decoders in (DECODERS, None):
        assert len(read_jsonl(rows, "h", "register", decoders).operations) == 2


def test_a_line_that_is_unusual_in_itself_stays_in_its_place() -> None:
    open_get = '{"c":2,"op":"get","k":"y","call":3,"ret":-1}'
    recorded = read_jsonl([GET, open_get, PUT], "h", "kv", DECODERS)
    assert [op.client for op in recorded.operations] == [1, 2, 0]
    assert list(recorded.lines) == [1, 2, 3]
    assert set(READERS["kv"]) == {"get", "put"}, "what the decoder of kv lines knows"
