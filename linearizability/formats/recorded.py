"""What a reader gives: operations, and the lines they came from."""

from __future__ import annotations

from array import array
from collections.abc import Collection
from dataclasses import dataclass, field

from linearizability.operation import Operation


class HistoryError(ValueError):
    """A file that cannot be checked; the message says where, what is wrong and what to write."""


def malformed(name: str, line: int, what: str) -> HistoryError:
    """The error for one line of a file."""
    return HistoryError(f"{name}:{line}: {what}")


def with_article(noun: str) -> str:
    """As "a read", or "an acquire"."""
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def client_number(text: str, name: str, line: int) -> int:
    """The number of a process; Python does not convert thousands of digits."""
    if len(text) > 18:
        raise malformed(name, line, f"a process number of {len(text)} digits")
    return int(text)


@dataclass
class Recorded:
    """A history and, for each operation, the line (from 1) on which it was called."""

    operations: list[Operation] = field(default_factory=list)
    lines: array[int] = field(default_factory=lambda: array("l"))
    failed: int = 0  # operations that certainly did not happen, which are left out
    _index: dict[object, list[tuple[Operation, int]]] | None = field(default=None, repr=False)

    def add(self, operation: Operation, line: int) -> None:
        self.operations.append(operation)
        self.lines.append(line)

    def without(self, failed: Collection[int]) -> Recorded:
        """The history without the operations of these ids, which certainly did not happen."""
        rest = Recorded(failed=self.failed + len(failed))
        for op, line in zip(self.operations, self.lines, strict=True):
            if id(op) not in failed:
                rest.add(op, line)
        return rest

    def line_of(self, operation: Operation) -> int | None:
        """Where an operation stands in the file."""
        if self._index is None:
            self._index = {}
            for op, line in zip(self.operations, self.lines, strict=True):
                self._index.setdefault((op.client, op.call, op.ret), []).append((op, line))
        stamps = (operation.client, operation.call, operation.ret)
        return next((ln for op, ln in self._index.get(stamps, ()) if op is operation), None)

    def overlaps(self) -> list[tuple[int, int]]:
        """Lines of operations of one client that overlap, the earlier call first; at most ten.

        They are allowed, but usually mean that the recorder's stamps tie. Operations that were
        recorded together on one line are not meant.
        """
        found: list[tuple[int, int]] = []
        last: dict[int | str, tuple[Operation, int]] = {}
        order = sorted(range(len(self.operations)), key=lambda i: self.operations[i].call)
        for index in order:
            op, line = self.operations[index], self.lines[index]
            before = last.get(op.client)
            is_over = before is None or (before[0].ret is not None and before[0].ret < op.call)
            if before is not None and not is_over and before[1] != line:
                found.append((before[1], line))
                if len(found) == 10:
                    break
            last[op.client] = (op, line)
        return found
