"""A key/value server whose puts are conditional on a version; the reference solution."""

from __future__ import annotations

from kvsrv.rpc import Err, GetArgs, GetReply, PutArgs, PutReply, Version


class KVServer:
    """One table in memory. A plain `def` handler runs without interruption: no lock is needed."""

    def __init__(self) -> None:
        self._table: dict[str, tuple[str, Version]] = {}

    def get(self, args: GetArgs) -> GetReply:
        """The value and version of a key."""
        if args.key not in self._table:
            return GetReply("", 0, Err.NO_KEY)
        value, version = self._table[args.key]
        return GetReply(value, version, Err.OK)

    def put(self, args: PutArgs) -> PutReply:
        """Install the value if the version matches, and count the version up.

        No memory of who asked is kept: a request that is repeated after it was executed finds
        another version and changes nothing.
        """
        version = self._table[args.key][1] if args.key in self._table else 0
        if version == 0 and args.version > 0:
            return PutReply(Err.NO_KEY)
        if version != args.version:
            return PutReply(Err.VERSION)
        self._table[args.key] = (args.value, version + 1)
        return PutReply(Err.OK)
