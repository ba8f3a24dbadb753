"""Tests of signatures: what the annotations of a method say; test_method.py has more of them."""

from dataclasses import dataclass

import msgspec

from labrpc.signature import is_message, signature


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
