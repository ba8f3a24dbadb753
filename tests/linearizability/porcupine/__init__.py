"""Go's Porcupine as a second opinion: a program of its own, named by an environment variable."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from itertools import combinations
from types import TracebackType
from typing import Self

from linearizability import Operation
from tests.linearizability.texts import row

VARIABLE = "PORCUPINE_CHECK"
MOST_OPEN = 3
"""Of a history with more open operations not every choice is tried."""


def program() -> str | None:
    """The program built from `main.go` beside this file, if somebody says where it is."""
    return os.environ.get(VARIABLE) or None


class Porcupine:
    """The running program: a history in, a verdict out.

    Porcupine has no operations that may never happen. So a history with open ones is put to it
    with each choice of those that happened, at some time before the end; one that is right is
    enough.
    """

    def __init__(self, path: str) -> None:
        self._process = subprocess.Popen(
            [path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is not None and stdout is not None:
            with suppress(BrokenPipeError):  # it ended first, which was reported already
                stdin.close()
            stdout.close()
        self._process.wait()

    def linearizable(self, model: str, history: Sequence[Operation]) -> bool | None:
        """Its verdict; None if it does not know, or there are too many open operations."""
        opens = [number for number, op in enumerate(history) if op.ret is None]
        if len(opens) > MOST_OPEN:
            return None
        verdicts: list[bool | None] = []
        for count in range(len(opens) + 1):
            for happened in combinations(opens, count):
                some = [
                    op
                    for number, op in enumerate(history)
                    if op.ret is not None or number in happened
                ]
                verdicts.append(self._ask(model, some))
                if verdicts[-1]:
                    return True
        return None if None in verdicts else False

    def _ask(self, model: str, history: Sequence[Operation]) -> bool | None:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        answer = ""
        with suppress(BrokenPipeError):
            stdin.write(json.dumps({"model": model, "operations": list(map(row, history))}) + "\n")
            stdin.flush()
            answer = stdout.readline()
        known = {"ok\n": True, "illegal\n": False, "unknown\n": None}
        if answer not in known:
            raise RuntimeError(
                f"{VARIABLE} names a program that answered {answer!r}: expected ok, illegal or"
                " unknown; build it from tests/linearizability/porcupine/main.go"
            )
        return known[answer]
