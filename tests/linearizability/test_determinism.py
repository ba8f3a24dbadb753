"""Every word of a verdict is the same in every process, whatever the hash seed."""

import hashlib
import os
import random
import subprocess
import sys

from linearizability import check, explain
from linearizability.explanation.data import as_data
from linearizability.models import kv
from tests.linearizability.histories import mutated
from tests.linearizability.objects import SUBJECTS, draw
from tests.tree import ROOT


def digest() -> str:
    """Of all that is said about a few hundred histories of every model."""
    words = hashlib.sha256()
    for seed in range(60):
        rng = random.Random(seed)
        cases = [(kv, mutated(rng))]
        cases += [(subject.model, draw(rng, subject)) for subject in SUBJECTS.values()]
        for model, history in cases:
            verdict = check(model, history, all_partitions=True)
            words.update(explain(verdict).encode())
            words.update(repr(as_data(verdict)).encode())
    return words.hexdigest()


def test_hash_seeds_do_not_matter() -> None:
    code = "from tests.linearizability.test_determinism import digest; print(digest())"
    for seed in ("0", "1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == digest()
