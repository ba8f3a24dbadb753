"""What a sweep has come to, in numbers: one plain record for each subject of a store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tester.sweep.interval import interval
from tester.sweep.store import Store, Subject
from tester.world.streams import FATE_KINDS

Numbers = npt.NDArray[np.int64]

_QUANTILES: Final = {"least": 0.0, "5 %": 0.05, "median": 0.5, "95 %": 0.95, "most": 1.0}
_FIGURES: Final = ("rpcs", "ops", "virtual_us", "latency_us", "slowest_us", "steps")
_STEPS: Final = (1, 2, 5)


def of_store(store: Store, subjects: Sequence[Subject] | None = None) -> dict[str, Any]:
    """All of it, or some subjects. Only `seeds_per_s` and `cpu_s` differ between machines."""
    seeds, elapsed_us = store.sessions()
    return {
        "store": str(store.path),
        "seeds_per_s": round(seeds * 1_000_000 / elapsed_us, 1) if elapsed_us else None,
        "tests": [of_subject(store, one) for one in (subjects or store.subjects())],
    }


def of_subject(store: Store, subject: Subject) -> dict[str, Any]:
    """The numbers of one subject."""
    names = ("verdict", "digest", *_FIGURES, "hits", "reached", "wall_us")
    rows = list(store.column(subject, *names))
    seeds = len(rows)
    failed = sum(row[0] == "fail" for row in rows)
    done = [row for row in rows if row[1]]  # a lost run has no digest, and no numbers
    columns = {name: _column(done, at) for at, name in enumerate(_FIGURES, 2)}
    texts = store.texts()
    hits = _column(done, 8)
    return {
        **subject._asdict(),
        "seeds": seeds,
        "failed": failed,
        "unknown": sum(row[0] == "unknown" for row in rows),
        "failure_rate": failed / seeds if seeds else None,
        "failure_rate_95": interval(failed, seeds) if seeds else None,
        "cpu_s": sum(row[10] for row in rows) / 1_000_000,
        "figures": {name: quantiles(values) for name, values in columns.items() if len(values)},
        "traces": growth(np.array([row[1] for row in done], dtype="S32")),
        "patterns": growth(hits),
        "new_pattern_chance": unseen(hits),
        "coverage": coverage(hits, texts),
        "reached": reached(_column(done, 9), texts, subject.sometimes),
    }


def _column(rows: Sequence[Sequence[Any]], at: int) -> Numbers:
    return np.array([row[at] for row in rows], dtype=np.int64)


def quantiles(values: Numbers) -> dict[str, int]:
    """Some quantiles, each a value that occurs."""
    found = np.quantile(values, list(_QUANTILES.values()), method="inverted_cdf")
    return dict(zip(_QUANTILES, map(int, found), strict=True))


def growth(values: npt.NDArray[Any]) -> list[tuple[int, int]]:
    """How many different ones were among the first 1, 2, 5, 10, ... and among all."""
    _, first = np.unique(values, return_index=True)
    first.sort()
    size, marks = len(values), []
    decade = 1
    while decade <= size:
        marks += [step * decade for step in _STEPS if step * decade < size]
        decade *= 10
    marks += [size] if size else []
    return [(mark, int(np.searchsorted(first, mark))) for mark in marks]


def unseen(values: Numbers) -> float | None:
    """How likely the next seed shows something new: the share of singles (Good and Turing)."""
    if not len(values):
        return None
    _, counts = np.unique(values, return_counts=True)
    return float((counts == 1).sum() / len(values))


def coverage(hits: Numbers, texts: dict[int, str]) -> dict[str, Any]:
    """In how many seeds each kind of fault hit each kind of operation, and which never did.

    `never`: pairs of a fault and an operation that both occurred. `absent`: faults of messages
    that no seed had at all; whether they can occur, the conditions of the test say.
    """
    patterns, counts = np.unique(hits, return_counts=True)
    found: Counter[tuple[str, str]] = Counter()
    for pattern, count in zip(patterns.tolist(), counts.tolist(), strict=True):
        for fault, method in json.loads(texts[pattern]):
            found[fault, method] += count
    faults = sorted({fault for fault, _ in found})
    methods = sorted({method for _, method in found})
    table = {fault: {m: found[fault, m] for m in methods if found[fault, m]} for fault in faults}
    return {
        "hits": table,
        "never": [[f, m] for f in faults for m in methods if not found[f, m]],
        "absent": [kind for kind in FATE_KINDS.values() if kind not in table],
    }


def reached(
    values: Numbers, texts: dict[int, str], demanded: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """In how many seeds each `sometimes` was reached."""
    found: Counter[str] = Counter(dict.fromkeys(demanded, 0))
    numbers, counts = np.unique(values, return_counts=True)
    for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
        for name, did in json.loads(texts[number]).items():
            found[name] += count if did else 0
    return {
        name: {"seeds": count, "demanded": name in demanded}
        for name, count in sorted(found.items())
    }
