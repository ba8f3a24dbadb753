"""Tests of signatures: what the annotations of a method say; test_method.py has more of them."""

import functools
import inspect
import typing
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from labrpc.errors import NotAMessage
from labrpc.signature import _of_classes, is_message, signature


@dataclass(frozen=True)
class PutArgs:
    key: str


class PutReply(msgspec.Struct):
    err: str


class Clerk:
    async def put(self, key: str, value: str = "v", version: int = 0) -> tuple[str, int] | None:
        """A coroutine, with defaults."""

    def forget(self) -> None:
        """Takes nothing and gives nothing back."""


def test_a_signature_is_what_the_annotations_say() -> None:
    found = signature(Clerk.put)
    assert found.name == "Clerk.put"
    assert found.parameters == {"key": str, "value": str, "version": int}
    assert list(found.parameters) == ["key", "value", "version"]
    assert found.reply == tuple[str, int] | None
    assert found.is_async
    assert not signature(Clerk.forget).is_async


def test_messages_are_dataclasses_and_structs() -> None:
    assert is_message(PutArgs)
    assert is_message(PutReply)
    for other in (str, int | None, list[PutArgs], None, PutArgs("k"), tuple[PutArgs]):
        assert not is_message(other)


class Plain:
    """Methods whose annotations are all names of classes, and others."""

    def named(self, args: PutArgs) -> PutReply: ...  # type: ignore[empty-body]
    def quoted(self, args: "PutArgs", count: "int") -> "PutReply": ...  # type: ignore[empty-body]
    def positional(self, args: str, /, other: Any) -> list: ...  # type: ignore[type-arg, empty-body]
    def nothing(self) -> None: ...
    def union(self, args: "PutArgs | None") -> PutReply: ...  # type: ignore[empty-body]
    def generic(self, args: list[str]) -> PutReply: ...  # type: ignore[empty-body]
    def several(self, *args: str) -> str: ...  # type: ignore[empty-body]
    def by_name(self, *, args: str) -> str: ...  # type: ignore[empty-body]
    def bare(self, args) -> str: ...  # type: ignore[no-untyped-def, empty-body]
    def unknown(self, args: "Nowhere") -> str: ...  # type: ignore[name-defined, empty-body]  # noqa: F821

    @functools.wraps(quoted)
    def wrapped(self, *args: str) -> str: ...  # type: ignore[empty-body]


METHODS = [name for name, value in vars(Plain).items() if inspect.isfunction(value)]


@pytest.mark.parametrize("name", METHODS)
def test_what_is_read_at_once_is_what_typing_says(name: str) -> None:
    method = inspect.unwrap(vars(Plain)[name])
    quick = _of_classes(method)
    if quick is None:
        return
    parameters = list(inspect.signature(method).parameters)[1:]
    assert list(quick) == [*parameters, "return"]
    assert quick == typing.get_type_hints(method)


def test_classes_are_read_at_once_and_all_else_is_not() -> None:
    quick = [name for name in METHODS if _of_classes(vars(Plain)[name]) is not None]
    assert quick == ["named", "quoted", "positional"]
    for name in ("several", "by_name", "bare", "unknown"):
        with pytest.raises(NotAMessage):
            signature(vars(Plain)[name])
