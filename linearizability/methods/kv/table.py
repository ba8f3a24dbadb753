"""One pass over a history: per key and version, the few operations that bind its transitions."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple

from linearizability.operation import OPEN, Operation, returned_early

OK, NO_KEY, VERSION, MAYBE = "OK", "ErrNoKey", "ErrVersion", "ErrMaybe"


class Dialect(NamedTuple):
    """How a server and its clerk use their errors; see `versioned_kv`."""

    loose_maybe: bool = False
    version_error_without_key: bool = False


LABS = Dialect()


def read_only(input: Any, output: Any) -> bool:
    """A Get, or a Put that was refused: whatever the state, it stays as it is."""
    return len(input) == 1 or (output is not OPEN and output in (VERSION, NO_KEY))


def is_get(op: Operation) -> bool:
    """A Get has only a key; a Put a key, a value and a version."""
    return len(op.input) == 1


class Clash(NamedTuple):
    """Two operations that cannot both be right, or one that cannot be right at all."""

    kind: str
    operations: tuple[Operation, ...]


class Table:
    """What the versions of one key owe to which operation; operations themselves, no copies."""

    __slots__ = (
        "clash",
        "exists",
        "first_get",
        "last_get",
        "maybe",
        "missing",
        "ok",
        "operations",
        "refused",
        "refused_call",
        "refused_end",
        "strange",
    )

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.first_get: dict[int, Operation] = {}  # of each version the Get that returned first
        self.last_get: dict[int, Operation] = {}  # of each version the Get that was called last
        self.ok: dict[int, Operation] = {}
        self.refused: dict[int, list[Operation]] = {}
        self.refused_call: dict[int, int] = {}  # the first call of each group
        self.refused_end: dict[int, int] = {}  # the first return of each group
        self.maybe: dict[int, list[Operation]] = {}  # ErrMaybe and open
        self.missing: Operation | None = None  # the ErrNoKey Put that was called last
        self.strange: list[Operation] = []  # refused Puts whose version cannot be hashed
        # The refused Puts that returned first and say that version 1, or version 2, was reached.
        self.exists: list[Operation | None] = [None, None]
        self.clash: Clash | None = None

    @property
    def needed(self) -> int:
        """The version that was certainly reached."""
        exists = [v for v, op in enumerate(self.exists, 1) if op is not None]
        return max([0, *exists, max(self.ok, default=-1) + 1, max(self.first_get, default=0)])

    def note(self, clash: Clash) -> None:
        """Keep the first clash."""
        self.clash = self.clash or clash

    def note_existence(self) -> None:
        """A refusal says that the key existed; at version 1, that it had left that version."""
        first = {
            version: end for version, end in self.refused_end.items() if version not in (0, 1)
        }
        others = list(self.strange)
        if first:
            others += self.refused[min(first, key=first.__getitem__)]
        for v, group in enumerate((others, self.refused.get(1, []))):
            self.exists[v] = min(group, key=end, default=None)

    def find_clash(self) -> Clash | None:
        """Operations that contradict each other whatever the time, if there are any."""
        if self.clash is None:
            for column in (self.first_get, self.ok):
                if not set(map(type, column)) <= {int}:
                    for version, op in column.items():
                        if version % 1 != 0:
                            return Clash("nonsense", (op,))
        return self.clash

    def lower(self, v: int) -> Operation | None:
        """The operation that says latest that version v still held."""
        op = self.last_get.get(v)
        if v == 0 and self.missing is not None and (op is None or op.call < self.missing.call):
            return self.missing
        return op

    def uppers(self, v: int) -> list[Operation]:
        """The operations that say that version v + 1 had been reached; Gets say it best."""
        found = (self.exists[v] if v < 2 else None, self.first_get.get(v + 1))
        return [op for op in found if op is not None]


def end(op: Operation) -> float:
    """When it returned; never, if it is open."""
    return math.inf if op.ret is None else op.ret


def tabulate(history: Iterable[Operation], dialect: Dialect) -> dict[Hashable, Table]:
    """The tables of all keys. Raises ValueError for an operation that returns before its call."""
    # One loop and no calls in it, because it is what checking costs: see bench/checker.py.
    strict = not dialect.loose_maybe
    tables: dict[Hashable, Table] = {}
    for op in history:
        asked, ret = op.input, op.ret
        key = asked[0]
        if key in tables:
            table = tables[key]
        else:
            table = tables[key] = Table()
        table.operations.append(op)
        if ret is not None and ret < op.call:
            raise returned_early(op)
        try:
            if ret is None:
                if len(asked) > 1:
                    table.maybe.setdefault(asked[2], []).append(op)
                continue
            call, output = op.call, op.output
            if len(asked) == 1:
                value, version, err = output
                if version < 1 if err == OK else (err != NO_KEY or version != 0 or value != ""):
                    table.note(Clash("nonsense", (op,)))
                    continue
                last_get = table.last_get
                if version in last_get:
                    last = last_get[version]
                    if last.output[0] != value:
                        table.note(Clash("values", (last, op)))
                    if call > last.call:
                        last_get[version] = op
                    if ret < table.first_get[version].ret:  # type: ignore[operator]
                        table.first_get[version] = op
                else:
                    last_get[version] = table.first_get[version] = op
                continue
            version = asked[2]
            if output == OK:
                if version in table.ok:
                    table.note(Clash("lost update", (table.ok[version], op)))
                elif version < 0:
                    table.note(Clash("nonsense", (op,)))
                table.ok[version] = op
                continue
            if output == MAYBE:
                table.maybe.setdefault(version, []).append(op)
                if not strict:
                    continue
            elif output == NO_KEY and version != 0:
                if table.missing is None or call > table.missing.call:
                    table.missing = op
                continue
            elif output != VERSION:
                table.note(Clash("nonsense", (op,)))
                continue
            if version in table.refused:
                table.refused[version].append(op)
                if call < table.refused_call[version]:
                    table.refused_call[version] = call
                if ret < table.refused_end[version]:
                    table.refused_end[version] = ret
            else:
                table.refused[version] = [op]
                table.refused_call[version] = call
                table.refused_end[version] = ret
        except (TypeError, ValueError):  # not to be unpacked, hashed or compared
            _enter_strange(table, op, dialect)
    return tables


def _enter_strange(table: Table, op: Operation, dialect: Dialect) -> None:
    """An operation whose reply is no reply, or whose version is no version."""
    if is_get(op) or (op.ret is not None and op.output == OK):
        table.note(Clash("nonsense", (op,)))
    elif op.ret is not None and not (op.output == MAYBE and dialect.loose_maybe):
        table.strange.append(op)
