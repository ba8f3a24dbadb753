"""The explanation of a failing seed as plain data, for JSON: what `labtester explain` writes."""

from __future__ import annotations

from typing import Any

from tester.search.explain import Explanation


def of_explanation(explanation: Explanation) -> dict[str, Any]:
    """Why a seed fails: how many choices it takes, which faults are left and needed."""
    shrunk = explanation.shrunk
    return {
        "seed": shrunk.seed,
        "verdict": shrunk.outcome.verdict,
        "kind": shrunk.outcome.kind,
        "runs": explanation.runs,
        "choices_before": shrunk.choices_before,
        "choices_after": shrunk.choices_after,
        "faults_left": [
            {"stream": cause.fault[0], "index": cause.fault[1], "what": cause.what}
            for cause in explanation.causes
        ],
        "necessary": [cause.what for cause in explanation.necessary],
        "sentence": explanation.sentence,
    }
