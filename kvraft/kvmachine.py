"""The servers of kvsrv as state machines: a fixed API file, the same for all submissions.

It knows the inside of those servers, so it is taken from the distribution together with them, even
if a submission has a kvsrv of its own.
"""

from __future__ import annotations

from typing import Final, Literal

from kvsrv.dedup import server as dedup
from kvsrv.dedup.rpc import GetArgs as AppendGetArgs
from kvsrv.dedup.rpc import WriteArgs
from kvsrv.rpc import GetArgs, GetReply, PutArgs, PutReply, Version
from kvsrv.server import KVServer
from labrpc import Message
from labrpc.codec import codec

# This module is the same for everybody: no submission replaces it.
__fixed__ = True


class KVRequest(Message, frozen=True):
    """What the log holds of a Get, or of a Put if it has a value."""

    key: str
    value: str | None = None
    version: Version = 0


class KVMachine:
    """The versioned server: see `kvraft.api.StateMachine`."""

    def __init__(self) -> None:
        self._server = KVServer()

    def apply(self, request: bytes) -> GetReply | PutReply:
        """Execute a `KVRequest`."""
        it = KV_REQUEST.decode(request)
        if it.value is None:
            return self._server.get(GetArgs(it.key))
        return self._server.put(PutArgs(it.key, it.value, it.version))

    def snapshot(self) -> bytes:
        """All keys with their values and versions."""
        return _KV_STATE.encode(self._server._table)

    def restore(self, data: bytes) -> None:
        """Take over what `snapshot` has returned."""
        self._server._table = _KV_STATE.decode(data)


class AppendRequest(Message, frozen=True):
    """What the log holds of an operation of the 2024 store."""

    method: Literal["get", "put", "append"]
    key: str
    value: str = ""
    client: int = 0
    number: int = 0


class AppendMachine:
    """The server with Put, Append and Get, each executed once: see `kvraft.api.StateMachine`."""

    def __init__(self) -> None:
        self._server = dedup.KVServer()

    def apply(self, request: bytes) -> str:
        """Execute an `AppendRequest`; returns the value, the value before it, or ""."""
        it = APPEND_REQUEST.decode(request)
        if it.method == "get":
            return self._server.get(AppendGetArgs(it.key)).value
        args = WriteArgs(it.key, it.value, it.client, it.number)
        if it.method == "put":
            _ = self._server.put(args)
            return ""
        return self._server.append(args).old

    def snapshot(self) -> bytes:
        """All keys with their values, and what is remembered of each client."""
        server = self._server
        return _APPEND_STATE.encode((server._table, server._last, server._answer))

    def restore(self, data: bytes) -> None:
        """Take over what `snapshot` has returned."""
        server = self._server
        server._table, server._last, server._answer = _APPEND_STATE.decode(data)


KV_REQUEST: Final = codec(KVRequest)
APPEND_REQUEST: Final = codec(AppendRequest)
_KV_STATE: Final = codec(dict[str, tuple[str, Version]])
_APPEND_STATE: Final = codec(tuple[dict[str, str], dict[int, int], dict[int, str]])
