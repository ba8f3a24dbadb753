"""A page of plots over the seeds of a lab run: latency, RPCs, recovery, failures by fault."""

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
.tables { display: flex; flex-wrap: wrap; gap: .5rem 3rem; align-items: flex-start; }
"""

Measure = Callable[[Sample], float]
_MEASURES: Final[tuple[tuple[str, str, Measure], ...]] = (
    ("latency of an operation", "ms", lambda one: one.latency_us / 1_000),
    ("RPCs per operation", "", lambda one: one.rpcs / one.ops if one.ops else 0.0),
    ("virtual time of a run", "s", lambda one: one.virtual_us / 1_000_000),
)
_RECOVERY: Final = "virtual time to recover from a crash, a pause or a partition"
_UNHARMED: Final = "no fault"
_BAR: Final = 120


def plots_of(result: LabResult) -> str:
    """The page, as the text of an HTML file: for each test distributions and tables.

    Of faults it knows if the lab has been run in detail.
    """
    badge = f'<span class="badge {result.verdict}">{result.verdict}</span>'
    sections = [_section(test) for test in result.tests]
    body = f"<main><h1>{badge} {escaped(result.lab)}</h1>\n{''.join(sections)}</main>"
    return standalone(f"{result.lab}: {result.verdict}", body, styles=[_STYLE])


def _section(test: TestResult) -> str:
    samples = test.counted.samples
    seeds, failed = test.counted.seeds, len(test.counted.failed)
    summary = f"{seeds} {'seed' if seeds == 1 else 'seeds'}, {failed} failed"
    if len(samples) < seeds:
        summary += f"; the first {len(samples)} that have an outcome are drawn"
    figures = [
        _histogram(name, unit, [(measure(one), one.verdict != "pass") for one in samples])
        for name, unit, measure in _MEASURES
        if any(measure(one) for one in samples)
    ]
    recovered = [
        (one.recovery_us / 1_000_000, one.verdict != "pass") for one in samples if one.recovery_us
    ]
    if recovered:
        figures.append(_histogram(_RECOVERY, "s", recovered))
    return (
        f"<section><h2>{escaped(test.name)}</h2><p>{summary}</p>"
        f'<div class="plots">{"".join(figures)}</div>'
        f'<div class="tables">{_ways(samples)}{_faults(samples)}</div></section>\n'
    )


def _faults(samples: Sequence[Sample]) -> str:
    """For each kind of fault, how many seeds it hit, and how many of these did not pass."""
    hit: Counter[str] = Counter()
    bad: Counter[str] = Counter()
    for one in samples:
        for kind in one.faults or (_UNHARMED,):
            hit[kind] += 1
            bad[kind] += one.verdict != "pass"
    if set(hit) <= {_UNHARMED}:
        return ""
    share = {kind: bad[kind] / hit[kind] for kind in hit}
    rows = "".join(
        f'<tr><td>{escaped(kind)}</td><td class="number">{hit[kind]}</td>'
        f'<td class="number">{bad[kind]}</td><td>{_share(share[kind])}</td></tr>'
        for kind in sorted(hit, key=lambda kind: (-share[kind], kind))
    )
    return (
        '<table><thead><tr><th scope="col">hit by</th><th scope="col">seeds</th>'
        '<th scope="col">failed</th><th scope="col">share</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _share(share: float) -> str:
    """A bar as long as the share, and the share in words."""
    text = f"{100 * share:.0f} %"
    bar = f'<rect class="bad" x="0" y="3" width="{share * _BAR:.1f}" height="9"/>' if share else ""
    return (
        f'<svg role="img" width="{_BAR + 50}" height="15" viewBox="0 0 {_BAR + 50} 15" '
        f'aria-label="{text}">{bar}<text x="{share * _BAR + 5:.1f}" y="12">{text}</text></svg>'
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
        at = min(_BINS - 1, int((value - least) / width)) if most > least else _BINS // 2
        (bad if is_bad else good)[at] += 1
    tallest = max(map(sum, zip(good, bad, strict=True)))
    bars = "".join(
        _bar(at, good[at], bad[at], tallest) for at in range(_BINS) if good[at] or bad[at]
    )
    ends = [_shown(least, unit), _shown(most, unit)]
    middle = _shown(numbers[len(numbers) // 2], unit)
    label = f"{name}: {ends[0]} to {ends[1]}, median {middle}"
    if least == most:
        label = f"{name}: {middle} with each seed"
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
