"""`make fuzz`: every method against brute force, on hundreds of thousands of small histories.

    python -m tests.linearizability.fuzz [--histories N] [--first SEED] [NAME ...]

Each history is decided by the model's special method, by the generic search, and by trying all
orders; witnesses are replayed, cores and prefixes checked. A mismatch prints its seed and ends the
run with exit 1: the same name with `--first SEED --histories 1` shows it again.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import time
from collections import Counter
from collections.abc import Callable

from linearizability import Model, Operation
from linearizability.models import kv, mutex, versioned_kv
from tests.linearizability import histories, objects
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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.linearizability.fuzz")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(TARGETS))
    parser.add_argument("--histories", type=int, default=200_000, help="per name")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in TARGETS]
    if unknown:
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    for name in options.names or TARGETS:
        fuzz(name, options.first, options.histories)
    print("no mismatch")


if __name__ == "__main__":
    main()
