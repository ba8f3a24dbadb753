"""`make fuzz`: every method against brute force, on hundreds of thousands of small histories.

    python -m tests.linearizability.fuzz [--histories N] [--first SEED] [NAME ...]

Each history is decided by the model's special method and by trying all orders, each fourth by the
generic search as well; witnesses are replayed, cores and prefixes checked. Histories that are
written in a format and read again must have the same verdict. Where PORCUPINE_CHECK names the
program built from porcupine/main.go, Go's Porcupine is asked too. A mismatch prints its seed and
ends the run with exit 1: the same name with `--first SEED --histories 1` shows it again.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from linearizability import Model, Operation, check
from linearizability.formats import Recorded, read_jsonl
from linearizability.formats.jepsen import read_jepsen
from linearizability.formats.jepsen_edn import read_jepsen_edn
from linearizability.formats.porcupine import read_porcupine
from linearizability.inputs import Cas, Contains, Get, Read
from linearizability.models import counter, kv, mutex, set_, versioned_kv
from tests.linearizability import histories, objects, porcupine, texts
from tests.linearizability.oracle import brute_force, compare

SEARCHED = 4
"""Of so many histories one is left to the generic search, too, which takes the longest."""

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
            truth = brute_force(model, history)
            verdict = compare(model, history, truth)
            if model.method is not None and seed % SEARCHED == 0:
                assert compare(searched, history, truth) == verdict
            assert (kind, verdict) != ("simulated", "Illegal"), "right by construction"
        except Exception:
            print(f"{name}: seed {seed} ({kind}):", *history, sep="\n    ", flush=True)
            raise
        seen[kind, verdict] += 1
    shares = [f"{kind} {seen[kind, 'Ok']} Ok + {seen[kind, 'Illegal']} Illegal" for kind in draws]
    seconds = time.perf_counter() - start
    print(f"{name:<20}{count:>8}  {seconds:4.0f} s  {'; '.join(shares)}", flush=True)


REGISTERS, STORES = ("register", "register-repeated", "cas-register"), ("queue", "stack")
FORMATS: dict[str, tuple[str, ...]] = {
    "jsonl": (
        *("kv", *REGISTERS, *STORES, "priority-queue", "counter", "set", "txn"),
        *("kv-append", "kv-append-repeated", "mutex"),
    ),
    "jepsen-edn": (*REGISTERS, *STORES, "counter", "set", "txn"),
    "maelstrom": (*REGISTERS, *STORES, "counter", "set"),
    "jepsen-etcd": ("cas-register",),
    "porcupine-kv": ("kv-append", "kv-append-repeated"),
}


def compare_format(name: str, rng: random.Random) -> str:
    """Write a history of any model, read it, and decide both; the verdict's name."""
    target = rng.choice(FORMATS[name])
    model, draws = TARGETS[target]
    history: list[Operation] = []
    while not (history and texts.can_be_written(history)):
        history = draws[rng.choice(list(draws))](rng)
        if name == "maelstrom":  # several keys, each with a history of its own
            other = draws[rng.choice(list(draws))](rng)
            history += [replace(op, input=op.input._replace(key="y")) for op in other]
    if name == "jsonl":
        read = read_jsonl(texts.jsonl(history), name, model.name)
        assert len(read.operations) == len(history)
    else:
        history = _as_recorded(name, model, history)
        read = _written(name, model, history)
    one, other_verdict = check(model, history), check(model, read.operations)
    assert type(one) is type(other_verdict), (one, other_verdict)
    return type(one).__name__


def _as_recorded(name: str, model: Model, history: list[Operation]) -> list[Operation]:
    """What the other formats can say of a history, which is less."""
    if name == "porcupine-kv":
        return [op if isinstance(op.input, Get) else replace(op, output=None) for op in history]
    if name == "jepsen-etcd":
        return history
    history = [op for op in history if not (isinstance(op.input, Cas) and op.output is False)]
    if model is set_:  # Jepsen knows no Contains, and no reply of an add
        history = [op for op in history if not isinstance(op.input, Contains)]
        for op in history:
            op.output = None if isinstance(op.output, bool) else op.output
    elif model is counter:
        for op in history:
            op.output = op.output if isinstance(op.input, Read) else None
    return history


def _written(name: str, model: Model, history: list[Operation]) -> Recorded:
    """The history as it comes back from its text."""
    if name == "porcupine-kv":
        return read_porcupine(texts.porcupine(history), name)
    if name == "jepsen-etcd":
        return read_jepsen(texts.etcd(history), name)
    return read_jepsen_edn(texts.edn(history, keyed=name == "maelstrom"), name, model.name)


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


PORCUPINE = ("register", "cas-register", "kv-append", "counter", "queue", "stack")
"""What the program in `porcupine` has models of."""


def fuzz_porcupine(name: str, first: int, count: int) -> None:
    """Compare with Go's Porcupine on `count` seeds, or say why that cannot be done."""
    path = porcupine.program()
    if path is None:
        print(f"{name:<20} skipped: {porcupine.VARIABLE} names no program", flush=True)
        return
    seen = Counter[str]()
    subjects = [s for s in objects.SUBJECTS.values() if s.model.name in PORCUPINE]
    with porcupine.Porcupine(path) as other:
        for seed in range(first, first + count):
            rng = random.Random(seed)
            subject = rng.choice(subjects)
            history = subject.model.settle(objects.draw(rng, subject))
            if not texts.can_be_written(history):
                seen["left out"] += 1
                continue
            verdict = check(subject.model, history)
            truth = other.linearizable(subject.model.name, history)
            if truth is not None and truth is not bool(verdict):
                print(f"{name}: seed {seed}:", *history, sep="\n    ", flush=True)
                raise AssertionError(f"Porcupine says {truth}, not {verdict}")
            seen["left out" if truth is None else type(verdict).__name__] += 1
    shares = " + ".join(f"{number} {what}" for what, number in sorted(seen.items()))
    print(f"{name:<20}{count:>8}  {shares}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.linearizability.fuzz")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=", ".join([*TARGETS, *FORMATS, "porcupine"])
    )
    parser.add_argument("--histories", type=int, default=200_000, help="per name")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    known = [*TARGETS, *FORMATS, "porcupine"]
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(known)}")
    for name in options.names or known:
        run = fuzz_format if name in FORMATS else fuzz
        run = fuzz_porcupine if name == "porcupine" else run
        run(name, options.first, options.histories)
    print("no mismatch")


if __name__ == "__main__":
    main()
