"""A key/value server that executes each request once, however often it arrives."""

from __future__ import annotations

from kvsrv.dedup.rpc import AppendReply, GetArgs, GetReply, PutReply, WriteArgs


class KVServer:
    """A table, and per client the number of its last write and what that answered.

    A clerk has one request under way at a time, so a new one says that the answer before it
    arrived: one answer per client is all there is to remember. A put's answer says nothing, so
    nothing is remembered of it but its number.
    """

    def __init__(self) -> None:
        self._table: dict[str, str] = {}
        self._last: dict[int, int] = {}
        self._answer: dict[int, str] = {}

    def get(self, args: GetArgs) -> GetReply:
        """The value of a key. Reading twice does no harm: no need to know who asked."""
        return GetReply(self._table.get(args.key, ""))

    def put(self, args: WriteArgs) -> PutReply:
        """Replace the value of a key."""
        if self._is_new(args):
            self._table[args.key] = args.value
        return PutReply()

    def append(self, args: WriteArgs) -> AppendReply:
        """Append to the value of a key, and answer what it was."""
        if self._is_new(args):
            old = self._table.get(args.key, "")
            self._table[args.key] = old + args.value
            self._answer[args.client] = old
        return AppendReply(self._answer.get(args.client, ""))

    def _is_new(self, args: WriteArgs) -> bool:
        """Whether this write has not been executed; it is to be, now, if so."""
        if args.request <= self._last.get(args.client, 0):
            return False
        self._last[args.client] = args.request
        self._answer.pop(args.client, None)
        return True
