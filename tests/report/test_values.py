"""Values in a story: short, and as their reader would write them."""

import msgspec
import pytest

from kvsrv import Err
from tester.report.values import differing, message, operation, reply, result


@pytest.mark.parametrize(
    ("method", "args", "text"),
    [
        ("put", ("k", "a", 3), "Put('k', 'a', v3)"),
        ("put", ("k", "a"), "Put('k', 'a')"),
        ("get", ("k",), "Get('k')"),
        ("acquire", (), "Acquire()"),
        ("get", ("ke" * 21,), "Get('kekekekekekekekek...ekekekekekekekeke')"),
        ("put", ("k", "ab" * 50, 3), "Put('k', 'abababa...bababab', v3)"),
        ("put", ("k", "a" * 100, 3), "Put('k', 'a' * 100, v3)"),
    ],
)
def test_a_call_as_text(method: str, args: tuple[object, ...], text: str) -> None:
    assert operation(method, args) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "done"),
        (Err.OK, "OK"),
        ("ErrMaybe", "ErrMaybe"),
        (("a", 3, Err.OK), "('a', v3)"),
        (["a", 3, "OK"], "('a', v3)"),
        (("", 0, Err.NO_KEY), "ErrNoKey"),
        (7, "7"),
        ("", "''"),
        ("Error" * 9, "'ErrorErrorErrorEr...orErrorErrorError'"),
        ("a" * 41, "'a' * 41"),
        (b"a" * 41, "b'a' * 41"),
        ((1, 2), "(1, 2)"),
        ([3, 1, True], "(3, 1, True)"),
    ],
)
def test_a_result_as_text(value: object, text: str) -> None:
    assert result(value) == text


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"key": "k", "value": "a", "version": 3}, "'k', 'a', v3"),
        ({"term": 3, "granted": True}, "term=3, granted=True"),
        (
            {"term": 1, "entries": [{"term": 1, "command": b"x"}]},
            "1, [{'term': 1, 'command': b'x'}]",
        ),
        (
            {"term": 1, "commit": 2, "entries": list(range(9))},
            "term=1, commit=2, entries=[0, 1, 7 more]",
        ),
        (17, "17"),
    ],
)
def test_a_message_as_text(fields: object, text: str) -> None:
    assert message(msgspec.msgpack.encode(fields)) == text


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"err": "OK"}, "OK"),
        ({"err": "ErrVersion", "value": "a"}, "ErrVersion"),
        ({"err": "OK", "value": "a", "version": 1}, "'a', v1"),
        ({"term": 2, "success": False}, "term=2, success=False"),
    ],
)
def test_a_reply_as_text(fields: object, text: str) -> None:
    assert reply(msgspec.msgpack.encode(fields)) == text


@pytest.mark.parametrize(
    ("one", "other", "texts"),
    [
        ({"value": "a", "err": "OK"}, {"value": "b", "err": "OK"}, ("value='a'", "value='b'")),
        (
            {"value": "a", "err": "OK"},
            {"value": "", "err": "ErrNoKey"},
            ("value='a', err='OK'", "value='', err='ErrNoKey'"),
        ),
        ({"value": "a"}, {"err": "OK"}, ("{'value': 'a'}", "{'err': 'OK'}")),
        (1, b"x", ("1", "b'x'")),
    ],
)
def test_where_two_values_differ(one: object, other: object, texts: tuple[str, str]) -> None:
    assert differing(one, other) == texts


def test_a_text_that_would_look_like_another_one_has_escapes() -> None:
    assert operation("get", ("e\u0301",)) == "Get('e\\u0301')"
    assert operation("get", ("\u00e9",)) == "Get('\u00e9')"
