"""A page of plots over the seeds of a lab run: latency, RPCs per operation, time, ways to fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from tester.report.page.html import escaped, standalone
from tester.workers.results import LabResult, Sample, TestResult

_BINS: Final = 24
_WIDTH: Final = 300
_HEIGHT: Final = 110
_STYLE: Final = """
body { padding: 1rem; max-width: 76rem; margin: auto; }
section { border-top: 1px solid var(--line); padding: .8rem 0; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem 2rem; }
figure { margin: 0; }
figcaption { color: var(--quiet); font-size: .86rem; }
svg { display: block; max-width: 100%; height: auto; }
svg .bar { fill: var(--accent); }
svg .bad { fill: var(--fail); stroke: var(--text); stroke-width: 1; }
svg line { stroke: var(--line); }
svg text { fill: var(--quiet); font: 11px var(--sans); }
"""

Measure = Callable[[Sample], float]
_MEASURES: Final[tuple[tuple[str, str, Measure], ...]] = (
    ("latency of an operation", "ms", lambda one: one.latency_us / 1_000),
    ("RPCs per operation", "", lambda one: one.rpcs / one.ops if one.ops else 0.0),
    ("virtual time of a run", "s", lambda one: one.virtual_us / 1_000_000),
)


def plots_of(result: LabResult) -> str:
    """The page, as the text of an HTML file; of a test with operations, three distributions."""
    badge = f'<span class="badge {result.verdict}">{result.verdict}</span>'
    sections = [_section(test) for test in result.tests]
    body = f"<main><h1>{badge} {escaped(result.lab)}</h1>\n{''.join(sections)}</main>"
    return standalone(f"{result.lab}: {result.verdict}", body, styles=[_STYLE])


def _section(test: TestResult) -> str:
    samples = test.counted.samples
    seeds, failed = test.counted.seeds, len(test.counted.failed)
    told = f"{seeds} {'seed' if seeds == 1 else 'seeds'}, {failed} failed"
    if len(samples) < seeds:
        told += f"; the first {len(samples)} that have an outcome are drawn"
    figures = [
        _histogram(name, unit, [(measure(one), one.verdict != "pass") for one in samples])
        for name, unit, measure in _MEASURES
        if any(measure(one) for one in samples)
    ]
    return (
        f"<section><h2>{escaped(test.name)}</h2><p>{told}</p>"
        f'<div class="plots">{"".join(figures)}</div>{_ways(samples)}</section>\n'
    )


def _ways(samples: Sequence[Sample]) -> str:
    """In which ways seeds failed, the most frequent first."""
    ways = Counter(one.kind for one in samples if one.kind)
    if not ways:
        return ""
    rows = "".join(
        f'<tr><td>{escaped(kind)}</td><td class="number">{count}</td></tr>'
        for kind, count in sorted(ways.items(), key=lambda way: (-way[1], way[0]))
    )
    return (
        '<table><thead><tr><th scope="col">failed with</th><th scope="col">seeds</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _histogram(name: str, unit: str, values: Sequence[tuple[float, bool]]) -> str:
    """A distribution: how many seeds have about which value; those that did not pass stand out."""
    numbers = sorted(value for value, _ in values)
    least, most = numbers[0], numbers[-1]
    width = (most - least) / _BINS or 1.0
    good, bad = [0] * _BINS, [0] * _BINS
    for value, is_bad in values:
        at = min(_BINS - 1, int((value - least) / width))
        (bad if is_bad else good)[at] += 1
    tallest = max(map(sum, zip(good, bad, strict=True)))
    bars = "".join(
        _bar(at, good[at], bad[at], tallest) for at in range(_BINS) if good[at] or bad[at]
    )
    ends = [_shown(least, unit), _shown(most, unit)]
    middle = _shown(numbers[len(numbers) // 2], unit)
    label = f"{name}: {ends[0]} to {ends[1]}, median {middle}"
    return (
        f'<figure><figcaption>{escaped(label)}</figcaption><svg role="img" '
        f'width="{_WIDTH}" height="{_HEIGHT + 18}" viewBox="0 0 {_WIDTH} {_HEIGHT + 18}" '
        f'aria-label="{escaped(label)}">{bars}'
        f'<line x1="0" y1="{_HEIGHT}" x2="{_WIDTH}" y2="{_HEIGHT}"/>'
        f'<text x="0" y="{_HEIGHT + 14}">{escaped(ends[0])}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + 14}" text-anchor="end">{escaped(ends[1])}</text>'
        f'<text x="{_WIDTH}" y="11" text-anchor="end">{tallest}</text></svg></figure>'
    )


def _bar(at: int, good: int, bad: int, tallest: int) -> str:
    step = _WIDTH / _BINS
    scale = (_HEIGHT - 16) / tallest
    x, high, low = at * step, good * scale, bad * scale
    parts = []
    if good:
        parts.append(
            f'<rect class="bar" x="{x:.1f}" y="{_HEIGHT - high:.1f}" width="{step - 1.5:.1f}" '
            f'height="{high:.1f}"><title>{good} passed</title></rect>'
        )
    if bad:
        parts.append(
            f'<rect class="bad" x="{x:.1f}" y="{_HEIGHT - high - low:.1f}" '
            f'width="{step - 1.5:.1f}" height="{low:.1f}"><title>{bad} did not pass</title></rect>'
        )
    return "".join(parts)


def _shown(value: float, unit: str) -> str:
    text = f"{value:.3g}" if value < 1_000 else f"{value:.0f}"
    return f"{text} {unit}".rstrip()
