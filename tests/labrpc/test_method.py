"""Tests of handlers and operations as read from annotations, and of the type of `call`."""

import asyncio
import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from labrpc.errors import NotAMessage
from labrpc.method import handler, handlers, operation
from labrpc.signature import where

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class PutArgs:
    key: str


class PutReply(msgspec.Struct):
    err: str


@dataclass
class SetArgs:
    keys: set[str]


def traced(function: F) -> F:
    """A decorator such as students write."""

    @functools.wraps(function)
    async def inner(*args: Any) -> Any:
        return await function(*args)

    return inner  # type: ignore[return-value]


class KVServer:
    limit = 3

    def put(self, args: PutArgs) -> PutReply:
        return PutReply(args.key)

    async def get(self, args: "PutArgs") -> "PutReply":
        return PutReply(args.key)

    @traced
    async def scan(self, args: PutArgs) -> PutReply:
        return PutReply(args.key)

    def _private(self, args: PutArgs) -> PutReply:
        return PutReply(args.key)

    def no_argument_annotation(self, args) -> PutReply:  # type: ignore[no-untyped-def]
        return PutReply(args.key)

    def no_return_annotation(self, args: PutArgs):  # type: ignore[no-untyped-def]
        return PutReply(args.key)

    def no_annotation(self, args, more):  # type: ignore[no-untyped-def]
        return args, more

    def two(self, args: PutArgs, more: PutArgs) -> PutReply:
        return PutReply(args.key + more.key)

    def none(self) -> PutReply:
        return PutReply("")

    def text(self, args: str) -> PutReply:
        return PutReply(args)

    def kill(self, args: PutArgs) -> None:
        del args

    def unresolved(self, args: "Misspelt") -> PutReply:  # type: ignore[name-defined]  # noqa: F821
        return PutReply(args.key)

    def star(self, *args: PutArgs) -> PutReply:
        return PutReply(args[0].key)


class Sub(KVServer):
    def put(self, args: PutArgs) -> PutReply:
        return PutReply("sub " + args.key)


class Clerk:
    async def put(self, key: str, value: str = "v", version: int = 0) -> tuple[str, int] | None:
        return key + value, version

    def forget(self) -> None:
        """Takes nothing and gives nothing back."""

    def named(self, *, key: str) -> None:
        del key


def line_of(text: str) -> str:
    """`file:line` of the only line of this file that is `text`."""
    lines = [line.strip() for line in Path(__file__).read_text().splitlines()]
    assert lines.count(text) == 1
    return f"{Path(__file__).name}:{lines.index(text) + 1}"


def test_a_handler_has_the_codecs_of_its_message_and_reply() -> None:
    for method, is_async in ((KVServer.put, False), (KVServer.get, True), (KVServer.scan, True)):
        found = handler(method)
        assert found.name == f"KVServer.{method.__name__}"
        assert found.is_async is is_async
        assert found.args.decode(found.args.encode(PutArgs("k"))) == PutArgs("k")
        assert found.reply.decode(found.reply.encode(PutReply("OK"))) == PutReply("OK")
    assert handler(KVServer.put) is handler(KVServer.put)


def test_errors_say_whose_message_it_is() -> None:
    found = handler(KVServer.put)
    with pytest.raises(NotAMessage, match=r"^KVServer.put's PutArgs.key must be str, got None$"):
        found.args.encode(PutArgs(None))  # type: ignore[arg-type]
    with pytest.raises(NotAMessage, match=r"^KVServer.put must return PutReply, got None$"):
        found.reply.encode(None)
    with pytest.raises(NotAMessage, match=r"^KVServer.put takes PutArgs, got 'k' \(str\)$"):
        found.args.encode("k")
    with pytest.raises(NotAMessage, match=r"^KVServer.put's PutReply.err \(from s1\) cannot be"):
        found.reply.decode(b"\x81\xa3err\x01", "from s1")


@pytest.mark.parametrize(
    ("method", "line", "words"),
    [
        (
            KVServer.no_argument_annotation,
            "def no_argument_annotation(self, args) -> PutReply:  # type: ignore[no-untyped-def]",
            [
                "KVServer.no_argument_annotation (",
                "does not annotate args",
                "def no_argument_annotation(self, args: NoArgumentAnnotationArgs",
            ],
        ),
        (
            KVServer.no_return_annotation,
            "def no_return_annotation(self, args: PutArgs):  # type: ignore[no-untyped-def]",
            ["does not annotate return"],
        ),
        (
            KVServer.no_annotation,
            "def no_annotation(self, args, more):  # type: ignore[no-untyped-def]",
            ["does not annotate args and more and return", "(self, key: str, value: str) -> "],
        ),
        (
            KVServer.two,
            "def two(self, args: PutArgs, more: PutArgs) -> PutReply:",
            ["it takes 2 arguments besides self", "one message and returns one"],
        ),
        (KVServer.none, "def none(self) -> PutReply:", ["it takes 0 arguments besides self"]),
        (
            KVServer.text,
            "def text(self, args: str) -> PutReply:",
            ["args is annotated str", "dataclass"],
        ),
        (
            KVServer.kill,
            "def kill(self, args: PutArgs) -> None:",
            ["the reply is annotated None"],
        ),
        (
            KVServer._private,
            "def _private(self, args: PutArgs) -> PutReply:",
            ["its name is private"],
        ),
        (
            KVServer.star,
            "def star(self, *args: PutArgs) -> PutReply:",
            ["expected a positional parameter, got args by *"],
        ),
        (
            KVServer.unresolved,
            (
                'def unresolved(self, args: "Misspelt") -> PutReply:  '
                "# type: ignore[name-defined]  # noqa: F821"
            ),
            ["Misspelt", "TYPE_CHECKING"],
        ),
    ],
)
def test_what_is_no_handler_is_refused_with_its_line(
    method: Callable[..., Any], line: str, words: list[str]
) -> None:
    with pytest.raises(NotAMessage) as refusal:
        handler(method)
    for word in (*words, line_of(line)):
        assert word in str(refusal.value)


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (
            KVServer().put,
            "expected a method of a class, as in call(KVServer.put, ...), got one of",
        ),
        ("KVServer.put", "expected a method, got a str: write KVServer.put without"),
        ("put", "expected a method, as in end.call(Server.method, ...), got the str 'put'"),
        (
            len,
            "expected a method, as in end.call(Server.method, ...), got a value of class builtin",
        ),
        (KVServer, "expected a method, as in end.call(Server.method, ...), got KVServer"),
        (
            functools.partial(len),
            "expected a method, as in end.call(Server.method, ...), got a value of class partial",
        ),
    ],
)
def test_only_a_method_as_its_class_has_it_is_a_handler(thing: Any, words: str) -> None:
    with pytest.raises(NotAMessage, match=re.escape(words)):
        handler(thing)


def test_handlers_of_a_class_are_those_from_one_message_to_another() -> None:
    assert list(handlers(KVServer)) == ["get", "put", "scan"]
    assert handlers(KVServer)["put"] is handler(KVServer.put)


def test_handlers_are_inherited_and_overridden_like_methods() -> None:
    assert list(handlers(Sub)) == ["get", "put", "scan"]
    assert handlers(Sub)["get"] is handler(KVServer.get)
    assert handlers(Sub)["put"] is handler(Sub.put)


def test_a_handler_whose_message_cannot_travel_is_refused_when_its_class_is_registered() -> None:
    class Bad:
        def put(self, args: SetArgs) -> PutReply:
            return PutReply(str(args))

    with pytest.raises(NotAMessage, match=r"^Bad.put's SetArgs.keys is annotated as a set"):
        handlers(Bad)


def test_annotations_are_resolved_in_the_module_of_the_method(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sig_messages.py").write_text(
        "from dataclasses import dataclass\n@dataclass\nclass Args:\n    key: str\n"
    )
    (tmp_path / "sig_server.py").write_text(
        "from __future__ import annotations\n"
        "import sig_messages as m\n"
        "class Server:\n"
        "    def put(self, args: m.Args) -> Later: ...\n"
        "Later = m.Args\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from sig_messages import Args  # type: ignore[import-not-found]
    from sig_server import Server  # type: ignore[import-not-found]

    found = handler(Server.put)
    assert found.reply.decode(found.args.encode(Args("k"))) == Args("k")
    assert where(Server.put) == f"{tmp_path / 'sig_server.py'}:4"


def test_an_operation_binds_its_arguments_as_a_call_would() -> None:
    put = operation(Clerk.put)
    assert put.bind("k", "w", 3) == ("k", "w", 3)
    assert put.bind("k") == ("k", "v", 0)
    assert put.bind(version=2, key="k") == ("k", "v", 2)
    for args, kwargs in (((), {}), (("k", "v", 0, 1), {}), (("k",), {"size": 1})):
        with pytest.raises(TypeError, match=r"^Clerk\.put\(\): "):
            put.bind(*args, **kwargs)


def test_an_operation_travels_as_the_tuple_of_its_arguments() -> None:
    put = operation(Clerk.put)
    args = put.args.decode(put.args.encode(put.bind("k", version=5)))
    result = asyncio.run(Clerk().put(*args))
    assert put.reply.decode(put.reply.encode(result)) == ("kv", 5)
    assert put.reply.decode(put.reply.encode(None)) is None
    with pytest.raises(NotAMessage, match=r"^Clerk.put's arguments\[1\] must be str, got 3"):
        put.args.encode(put.bind("k", 3))
    with pytest.raises(NotAMessage, match=r"^Clerk.put's result\[1\] must be int, got 'x'"):
        put.reply.encode(("k", "x"))


def test_an_operation_may_take_and_return_nothing() -> None:
    forget = operation(Clerk.forget)
    assert forget.bind() == ()
    assert forget.args.decode(forget.args.encode(())) == ()
    assert forget.reply.decode(forget.reply.encode(None)) is None


def test_an_operation_has_a_place_for_every_argument() -> None:
    with pytest.raises(
        NotAMessage,
        match=r"Clerk.named \(.*\): expected a positional .*, got key by .* keyword only",
    ):
        operation(Clerk.named)


# The type of `ClientEnd.call`, as mypy and pyright see it.

TYPED_CALL = '''
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar, assert_type, overload

import msgspec

A = TypeVar("A")
R = TypeVar("R")


class ClientEnd:
    @overload
    async def call(
        self, method: Callable[[Any, A], Coroutine[Any, Any, R]], args: A
    ) -> R | None: ...
    @overload
    async def call(self, method: Callable[[Any, A], R], args: A) -> R | None: ...
    async def call(self, method: Callable[[Any, A], Any], args: A) -> Any:
        """Send `args` to `method` of the server at the other end; None: no reply came."""
        return None


@dataclass(frozen=True, slots=True)
class PutArgs:
    key: str


class PutReply(msgspec.Struct):
    err: str


@dataclass
class GetArgs:
    key: str


class KVServer:
    def put(self, args: PutArgs) -> PutReply:
        return PutReply(args.key)

    async def put_later(self, args: PutArgs) -> PutReply:
        return PutReply(args.key)


async def right(end: ClientEnd) -> None:
    assert_type(await end.call(KVServer.put, PutArgs("k")), PutReply | None)
    assert_type(await end.call(KVServer.put_later, PutArgs("k")), PutReply | None)
    reply = await end.call(KVServer.put, PutArgs("k"))
    if reply is not None:
        assert_type(reply.err, str)
    later: list[PutReply | None] = [await end.call(KVServer.put_later, PutArgs("k"))]


async def wrong(end: ClientEnd) -> None:
    await end.call(KVServer.put, GetArgs("k"))  # error
    await end.call(KVServer.put_later, GetArgs("k"))  # error
    await end.call(KVServer.put, "k")  # error
    first: PutReply = await end.call(KVServer.put, PutArgs("k"))  # error
    second: GetArgs | None = await end.call(KVServer.put_later, PutArgs("k"))  # error
    (await end.call(KVServer.put, PutArgs("k"))).err  # error
    assert_type(await end.call(KVServer.put, PutArgs("k")), GetArgs)  # error
'''
WRONG_LINES = {
    number for number, line in enumerate(TYPED_CALL.splitlines(), 1) if line.endswith("# error")
}


def run_checker(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )


def test_mypy_infers_the_reply_of_a_call(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed")
    (tmp_path / "typed_call.py").write_text(TYPED_CALL)
    done = run_checker(
        "mypy", "--strict", "--no-error-summary", "--cache-dir", "cache", "typed_call.py",
        cwd=tmp_path,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    errors = {int(line.split(":")[1]) for line in lines if ": error: " in line}
    assert errors == WRONG_LINES, done.stdout + done.stderr


def test_pyright_infers_the_reply_of_a_call(tmp_path: Path) -> None:
    pytest.importorskip("pyright", reason="pyright is not installed")
    (tmp_path / "typed_call.py").write_text("# pyright: strict\n" + TYPED_CALL.lstrip("\n"))
    done = run_checker(
        "pyright", "--outputjson", "--pythonpath", sys.executable, "typed_call.py", cwd=tmp_path
    )
    if not done.stdout.startswith("{"):
        pytest.skip(f"pyright cannot run here (it needs node): {done.stderr.strip()[-200:]}")
    notes = json.loads(done.stdout)["generalDiagnostics"]
    harmless = {"reportUnusedVariable", "reportUnusedExpression", "reportUnusedCoroutine"}
    errors = [
        note for note in notes if note["severity"] == "error" and note["rule"] not in harmless
    ]
    assert {note["range"]["start"]["line"] + 1 for note in errors} == WRONG_LINES, errors
