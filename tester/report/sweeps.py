"""What a sweep has come to, for people: the text at the end of the command, and a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from linearizability.verdict import counted
from tester.report.page.html import escaped, standalone
from tester.world.history import seconds

_NAMES: Final = {
    "rpcs": "RPCs",
    "ops": "operations",
    "virtual_us": "virtual time",
    "latency_us": "latency, mean",
    "slowest_us": "latency, worst",
    "steps": "steps",
}
_QUANTILES: Final = ("least", "5 %", "median", "95 %", "most")
_MOST_STORIES: Final = 5
"""Whole stories on a terminal; the page and the JSON have all."""

Test = dict[str, Any]


def text(found: dict[str, Any]) -> str:
    """All of it for a terminal: failures, then a section for each test."""
    parts = list(_failures(found.get("failures", ())))
    parts += ["\n".join(section(test)) for test in found["tests"]]
    if found["seeds_per_s"] is not None:
        parts.append(f"{found['seeds_per_s']} seeds/s over all sessions of {found['store']}")
    return "\n\n".join(parts) + "\n"


def _failures(groups: Sequence[dict[str, Any]]) -> Iterator[str]:
    shown = 0
    for group in groups:
        yield group_head(group)
        for story in group["stories"]:
            if shown == _MOST_STORIES:
                yield f"    another story: seed {story['seed']}: {story['command']}"
                continue
            shown += 1
            yield story["text"].rstrip("\n")
            if story.get("path"):
                yield f"kept as {story['path']}"
        if not group["stories"]:
            yield f"    {group['command']}"


def group_head(group: dict[str, Any]) -> str:
    """`lock::test_x: 12 seeds fail with MutualExclusionViolated: 3, 17, 20, ...`."""
    failed = group["failed"]
    seeds = ", ".join(map(str, group["first_seeds"]))
    more = ", ..." if failed > len(group["first_seeds"]) else ""
    fail = "seed fails" if failed == 1 else "seeds fail"
    head = f"{group['test']}: {failed} {fail} with {group['kind']}: {seeds}{more}"
    if failed > group["runs_shrunk"] > 1:
        head += f" (the smallest of {group['runs_shrunk']} that were looked at)"
    return head


def section(test: Test) -> Iterator[str]:
    """One test: how often it failed, what its runs are like, and what the faults have hit."""
    yield title(test)
    yield f"    {rate(test)}"
    if test["figures"]:
        yield f"    {'per seed':<16}{'  '.join(f'{name:>10}' for name in _QUANTILES)}"
    for name in test["figures"]:
        yield f"    {_NAMES[name]:<16}{'  '.join(_cells(name, test['figures'][name]))}"
    for line in novelty(test):
        yield f"    {line}"
    yield from (f"    {line}" for line in _coverage(test["coverage"]))
    for name, one in test["reached"].items():
        missing = "; the test demands it" if one["demanded"] and not one["seeds"] else ""
        seeds = counted(test["seeds"], "seed")
        yield f"    {name!r}: reached in {one['seeds']} of {seeds}{missing}"


def title(test: Test) -> str:
    """The test, and how it was run where that is not the usual way."""
    how = [f"{name} {test[name]}" for name, usual in _USUAL if test[name] != usual]
    said = f" ({', '.join(how)})" if how else ""
    return f"{test['target']}::{test['test']}{said}"


_USUAL: Final = (("schedule", "random"), ("strategy", "uniform"))


def rate(test: Test) -> str:
    """`10000 seeds, 12 failed: 0.12 % (95 %: 0.062 % to 0.21 %)`."""
    if not test["seeds"]:
        return "no seeds"
    least, most = test["failure_rate_95"]
    unknown = f", {test['unknown']} unknown" if test["unknown"] else ""
    said = f"{counted(test['seeds'], 'seed')}, {test['failed']} failed{unknown}: "
    return f"{said}{_percent(test['failure_rate'])} (95 %: {_percent(least)} to {_percent(most)})"


def _percent(value: float) -> str:
    return f"{100 * value:.2g} %" if value < 0.9995 else f"{100 * value:.4g} %"


def _cells(name: str, values: dict[str, int]) -> list[str]:
    shown = [values[quantile] for quantile in _QUANTILES]
    if name.endswith("_us"):
        return [f"{f'{seconds(value)} s':>10}" for value in shown]
    return [f"{value:>10}" for value in shown]


def novelty(test: Test) -> Iterator[str]:
    """Whether more seeds still bring something new."""
    if not test["traces"]:
        return
    seeds, traces = test["traces"][-1]
    yield f"{counted(traces, 'different trace')} in {counted(seeds, 'seed')}"
    *earlier, (_, patterns) = test["patterns"]
    grown = ", ".join(f"{count} in {counted(mark, 'seed')}" for mark, count in earlier[-3:])
    yield f"{counted(patterns, 'different pattern')} of faults{f' ({grown})' if grown else ''}"
    yield f"the next seed brings a new pattern with {_percent(test['new_pattern_chance'])}"


def _coverage(coverage: dict[str, Any]) -> Iterator[str]:
    table = coverage["hits"]
    if table:
        methods = sorted({method for row in table.values() for method in row})
        yield "seeds in which a fault hit an operation:"
        width = max(map(len, table))
        for method_at in range(0, len(methods), 3):
            some = methods[method_at : method_at + 3]
            yield f"    {'':<{width}}{''.join(f'  {method:>24}' for method in some)}"
            for fault, row in table.items():
                cells = "".join(f"  {row.get(method) or 'never':>24}" for method in some)
                yield f"    {fault:<{width}}{cells}"
    if coverage["absent"]:
        yield f"faults of messages in no seed: {', '.join(coverage['absent'])}"


# -- the page -------------------------------------------------------------------------------------

_STYLE: Final = (
    "body { max-width: 70rem; margin: 1rem auto; padding: 0 1rem }\n"
    "h1, h2, p { overflow-wrap: anywhere }\nh2 { margin-top: 1.4rem }\n"
    "pre { background: var(--raised); padding: .7rem; white-space: pre }\n"
    "pre, .wide { overflow-x: auto }\n.wide td, .wide th { white-space: nowrap }\n"
    "td.never { color: var(--fail) }\n"
)


def page(found: dict[str, Any]) -> str:
    """A page that needs nothing else: all stories, and a table of everything else."""
    tests, groups = found["tests"], found.get("failures", ())
    failed = sum(test["failed"] for test in tests)
    heading = f"{counted(sum(test['seeds'] for test in tests), 'seed')}, {failed} failed"
    verdict = escaped(found["verdict"])
    body = f'<main><h1>{heading} <span class="badge {verdict}">{verdict}</span></h1>\n'
    body += "".join(map(_group_html, groups)) + "".join(map(_test_html, tests))
    return standalone(heading, f"{body}</main>", styles=[_STYLE])


def _group_html(group: dict[str, Any]) -> str:
    stories = "".join(
        f'<pre tabindex="0">{escaped(story["text"])}</pre>\n' for story in group["stories"]
    )
    return f"<h2>{escaped(group_head(group))}</h2>\n{stories}"


def _test_html(test: Test) -> str:
    figures = _table(
        ["", *_QUANTILES],
        [[_NAMES[name], *_cells(name, values)] for name, values in test["figures"].items()],
    )
    hits = test["coverage"]["hits"]
    methods = sorted({method for row in hits.values() for method in row})
    hit = _table(
        ["seeds in which a fault hit", *methods],
        [[fault, *(row.get(m, "never") for m in methods)] for fault, row in hits.items()],
    )
    sizes = _table(
        ["seeds", *(mark for mark, _ in test["patterns"])],
        [
            ["different traces", *(count for _, count in test["traces"])],
            ["different patterns of faults", *(count for _, count in test["patterns"])],
        ],
    )
    reached = _table(
        ["sometimes", "seeds"], [[name, one["seeds"]] for name, one in test["reached"].items()]
    )
    absent = ", ".join(test["coverage"]["absent"])
    said = f"<p>Faults of messages in no seed: {escaped(absent)}</p>\n" if absent else ""
    head = f"<h2>{escaped(title(test))}</h2>\n<p>{escaped(rate(test))}</p>\n"
    return head + figures + sizes + hit + said + reached


def _table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return ""
    top = "".join(f"<th>{escaped(str(cell))}</th>" for cell in head)
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>\n" for row in rows)
    return f'<div class="wide" tabindex="0"><table><tr>{top}</tr>\n{lines}</table></div>\n'


def _cell(value: object) -> str:
    shown = str(value).strip()
    kind = "never" if value == "never" else "number" if shown[:1].isdigit() else ""
    return f'<td class="{kind}">{escaped(shown)}</td>'
