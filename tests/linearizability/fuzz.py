"""`make fuzz`: every method against brute force, on hundreds of thousands of small histories.

    python -m tests.linearizability.fuzz [--histories N] [--first SEED] [NAME ...]

Each history is decided by the model's special method, by the generic search, and by trying all
orders; witnesses are replayed, cores and prefixes checked. Histories that are written in a format
and read again must have the same verdict. A mismatch prints its seed and ends the
run with exit 1: the same name with `--first SEED --histories 1` shows it again.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import time
from collections import Counter
from collections.abc import Callable

from linearizability import Model, Operation, check
from linearizability.formats import read_jsonl
from linearizability.formats.jepsen_edn import read_jepsen_edn
from linearizability.inputs import Cas, Contains, Read
from linearizability.models import counter, kv, mutex, set_, versioned_kv
from tests.linearizability import histories, objects, texts
from tests.linearizability.oracle import compare

Draw = Callable[[random.Random], list[Operation]]


def kv_draws(most: int = 8) -> dict[str, Draw]:
    """Histories of versioned key/value, short enough for brute force."""
    return {
        "random": lambda rng: histories.fully_random(rng)[:most],
        "contended": histories.contended,
        "simulated": lambda rng: histories.simulated(rng)[:most],
        "mutated": lambda rng: histories.mutated(rng)[:most],
    }


def object_draws(subject: objects.Subject) -> dict[str, Draw]:
    """The three kinds of histories of another model."""
    return {
        "random": lambda rng: objects.random_history(rng, subject),
        "simulated": lambda rng: objects.simulated_history(rng, subject),
        "mutated": lambda rng: objects.mutated_history(rng, subject),
    }


TARGETS: dict[str, tuple[Model, dict[str, Draw]]] = {
    "kv": (kv, kv_draws()),
    "kv-loose": (versioned_kv(loose_maybe=True), kv_draws()),
    "kv-any": (versioned_kv(version_error_without_key=True), kv_draws()),
    "kv-loose-any": (
        versioned_kv(loose_maybe=True, version_error_without_key=True),
        kv_draws(),
    ),
    **{name: (subject.model, object_draws(subject)) for name, subject in objects.SUBJECTS.items()},
    "mutex-turns": (mutex, {"random": objects.random_holdings}),
}


def fuzz(name: str, first: int, count: int) -> None:
    """Compare on `count` seeds; prints a line, and the first mismatch if there is one."""
    model, draws = TARGETS[name]
    searched = dataclasses.replace(model, method=None)
    seen = Counter[tuple[str, str]]()
    start = time.perf_counter()
    for seed in range(first, first + count):
        rng = random.Random(seed)
        kind = rng.choice(list(draws))
        history = draws[kind](rng)
        try:
            verdict = compare(model, history)
            if model.method is not None:
                assert compare(searched, history) == verdict
            assert (kind, verdict) != ("simulated", "Illegal"), "right by construction"
        except Exception:
            print(f"{name}: seed {seed} ({kind}):", *history, sep="\n    ", flush=True)
            raise
        seen[kind, verdict] += 1
    shares = [f"{kind} {seen[kind, 'Ok']} Ok + {seen[kind, 'Illegal']} Illegal" for kind in draws]
    seconds = time.perf_counter() - start
    print(f"{name:<20}{count:>8}  {seconds:4.0f} s  {'; '.join(shares)}", flush=True)


FORMATS = {
    "jsonl": (
        *("register", "cas-register", "queue", "stack", "priority-queue", "counter", "set", "txn"),
    ),
    "jepsen-edn": ("register", "cas-register", "queue", "stack", "counter", "set", "txn"),
}


def compare_format(name: str, rng: random.Random) -> str:
    """Write a history of any model, read it, and decide both; the verdict's name."""
    subject = objects.SUBJECTS[rng.choice(FORMATS[name])]
    history = objects.draw(rng, subject)
    while not (history and texts.can_be_written(history)):
        history = objects.draw(rng, subject)
    if name == "jsonl":
        read = read_jsonl(texts.jsonl(history), name, subject.model.name)
        assert len(read.operations) == len(history)
    else:
        history = [op for op in history if not (isinstance(op.input, Cas) and op.output is False)]
        if subject.model is set_:  # Jepsen knows no Contains, and no reply of an add
            history = [op for op in history if not isinstance(op.input, Contains)]
            for op in history:
                op.output = None if isinstance(op.output, bool) else op.output
        elif subject.model is counter:
            for op in history:
                op.output = op.output if isinstance(op.input, Read) else None
        read = read_jepsen_edn(texts.edn(history), name, subject.model.name)
    one, other = check(subject.model, history), check(subject.model, read.operations)
    assert type(one) is type(other), (one, other)
    return type(one).__name__


def fuzz_format(name: str, first: int, count: int) -> None:
    """Compare on `count` seeds; prints a line, and the seed of the first mismatch."""
    seen = Counter[str]()
    for seed in range(first, first + count):
        try:
            seen[compare_format(name, random.Random(seed))] += 1
        except Exception:
            print(f"{name}: seed {seed}", flush=True)
            raise
    print(f"{name:<20}{count:>8}  {seen['Ok']} Ok + {seen['Illegal']} Illegal", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.linearizability.fuzz")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join([*TARGETS, *FORMATS]))
    parser.add_argument("--histories", type=int, default=200_000, help="per name")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    known = [*TARGETS, *FORMATS]
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(known)}")
    for name in options.names or known:
        run = fuzz_format if name in FORMATS else fuzz
        run(name, options.first, options.histories)
    print("no mismatch")


if __name__ == "__main__":
    main()
