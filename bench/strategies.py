"""How many seeds each strategy needs until a planted bug is found, and whether right code passes.

    python -m bench.strategies [--strategies A,B] [--repetitions N] [--limit N] [--results FILE]
                               [LAB[:BUG] ...]

For each bug, the first of the tests that are known to find it runs on seeds until one fails; each
repetition has seeds of its own, the same for every strategy. What has been measured is kept in the
results file, so that a measurement that was ended goes on. The interval of a median is that of the
order statistics: with 20 repetitions the 6th and the 15th hold it in 96 % of the cases.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import statistics
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bench import guided
from tester.engine.strategy import STRATEGIES
from tester.labs import LABS
from tester.labs.patch import Patch, Rewrite, planted
from tester.labs.suite import tests_of
from tester.sweep.interval import interval
from tester.world.run import Scenario, run

REPETITIONS: Final = 20
LIMIT: Final = 200
"""A repetition gives up after this many seeds."""
APART: Final = 1_000_000
"""The seeds of two repetitions lie so far apart; seed 0 is none of them, because it is audited."""

BUGS: Final = (
    "raft:installs_over_what_follows",
    "raft:goes_back_to_old_snapshots",
    "raft:applies_snapshots_by_another_way",
    "rsm:counts_anew_after_a_restart",
    "raft:counts_late_votes",
    "kvraft:goes_back_to_old_snapshots",
    "raft:refused_votes_calm",
    "raft:votes_for_anybody",
    "raft:replaces_a_newer_snapshot",
    "rsm:submits_again_by_itself",
    "raft:truncates_what_matches",
    "raft:forgets_its_vote",
    "raft:commits_beyond_what_is_new",
    "dedup:executes_every_copy_of_a_put",
    "raft:never_steps_down",
    "kvraft-dedup:reads_what_it_has",
    "kvraft:stays_with_the_first_server",
    "kvraft:knows_no_key_when_it_does_not_lead",
    "rsm:wakes_whoever_has_the_index",
    "rsm:knows_requests_by_number_alone",
    "lock:never_looks",
    "raft:counts_late_answers",
    "kvraft-dedup:table_not_in_the_snapshot",
    "kvraft-dedup:table_lost_on_restart",
    "rsm:waits_when_it_is_killed",
    "raft:installs_for_now",
    "raft:commits_as_the_leader_says",
    "raft:answers_before_it_has_saved",
    "dedup:runs_copies_in_flight",
    "raft:saves_no_entries",
)
"""Those of the catalogue that took the most uniform seeds, on average of five repetitions."""


class Measured(NamedTuple):
    """A bug under a strategy: how many seeds each repetition took; LIMIT + 1: more than that."""

    lab: str
    bug: str
    strategy: str
    limit: int
    seeds: list[int]

    @property
    def median(self) -> float:
        """Of the repetitions; one that gave up counts as the largest."""
        return statistics.median(self.seeds)

    @property
    def interval(self) -> tuple[int, int]:
        """Holds the median in 95 % of the cases at least."""
        lowest = rank(len(self.seeds))
        ordered = sorted(self.seeds)
        return ordered[lowest], ordered[-1 - lowest]


def rank(n: int) -> int:
    """The largest r for which the r-th smallest and largest of n hold the median, from 0.

    In 95 % of the cases: the median lies outside with twice the tail of a fair coin.
    """
    tail = 0
    for r in range(n):
        tail += math.comb(n, r)
        if 40 * tail > 2**n:
            return max(0, r - 1)
    return 0


def seeds_to_kill(scenario_seeds: Iterator[bool], limit: int) -> int:
    """How many runs it takes until the first that failed; limit + 1 if none of so many did."""
    for number, failed in enumerate(scenario_seeds, 1):
        if failed:
            return number
        if number == limit:
            break
    return limit + 1


def measure(lab: str, patch: Patch | Rewrite, strategy: str, repetition: int, limit: int) -> int:
    """How many seeds of a repetition a bug's first test takes under a strategy until it fails."""
    with tempfile.TemporaryDirectory(prefix="labtester-") as folder, planted(patch, Path(folder)):
        scenario = tests_of(LABS[lab].suite)[patch.killed_by[0]]
        if strategy in STRATEGIES:
            scenario = scenario.under(None, strategy)
        return seeds_to_kill(verdicts(scenario, strategy, 1 + APART * repetition), limit)


def verdicts(scenario: Scenario, strategy: str, base: int) -> Iterator[bool]:
    """Whether the runs fail, from a seed on."""
    if strategy == guided.NAME:
        yield from (outcome.verdict == "fail" for outcome in guided.guided(scenario, base))
    for seed in itertools.count(base):
        yield run(scenario, scenario.choices(seed)).verdict == "fail"


def false_alarms(lab: str, strategy: str, seeds: int) -> tuple[int, int]:
    """How many runs of right code fail, of how many: every light test on every variant."""
    failed = runs = 0
    for variant in LABS[lab].catalogue().variants:
        with (
            tempfile.TemporaryDirectory(prefix="labtester-") as folder,
            planted(variant, Path(folder)),
        ):
            for scenario in tests_of(LABS[lab].suite).values():
                if scenario.weight > 1:
                    continue
                changed = scenario.under(None, strategy)
                for seed in range(1, seeds + 1):
                    runs += 1
                    failed += run(changed, changed.choices(seed)).verdict != "pass"
    return failed, runs


# -- results --------------------------------------------------------------------------------------


Key = tuple[str, str, str, int, int]
"""Lab, bug, strategy, limit, and the number of a repetition."""


def load(results: Path | None) -> dict[Key, int]:
    """What has been measured so far."""
    if results is None or not results.exists():
        return {}
    rows = map(json.loads, results.read_text().splitlines())
    return {(lab, bug, name, limit, at): seeds for lab, bug, name, limit, at, seeds in rows}


def gathered(found: dict[Key, int], limit: int) -> list[Measured]:
    """The repetitions of each bug under each strategy, together."""
    several: dict[tuple[str, str, str], list[int]] = {}
    for (lab, bug, name, limited, _), seeds in found.items():
        if limited == limit:
            several.setdefault((lab, bug, name), []).append(seeds)
    return [Measured(lab, bug, name, limit, seeds) for (lab, bug, name), seeds in several.items()]


def line(bug: str, several: Sequence[Measured]) -> str:
    """One bug: the median of each strategy and its interval."""
    cells = []
    for one in several:
        least, most = (_count(value, one.limit) for value in one.interval)
        cells.append(f"{_count(one.median, one.limit):>6} {f'({least} to {most})':<15}")
    return f"{bug:<47}{''.join(cells)}".rstrip()


def _count(value: float, limit: int) -> str:
    return f">{limit}" if value > limit else f"{value:g}"


def header(strategies: Sequence[str]) -> str:
    """The head of the table."""
    return f"{'bug':<47}{''.join(f'{name:>6}'.ljust(22) for name in strategies)}".rstrip()


def chosen(wanted: Sequence[str]) -> Iterator[tuple[str, Patch | Rewrite]]:
    """The bugs that were asked for: `LAB`, `LAB:BUG`; none: the hardest."""
    for name in wanted or BUGS:
        lab, _, bug = name.partition(":")
        found = [p for p in LABS[lab].catalogue().bugs if p.killed_by and bug in ("", p.name)]
        if not found:
            raise SystemExit(f"there is no bug {bug} of {lab}")
        yield from ((lab, patch) for patch in found)


def table(found: Iterable[Measured], strategies: Sequence[str]) -> Iterator[str]:
    """The table of all bugs that have been measured under all of the strategies."""
    by_bug: dict[str, dict[str, Measured]] = {}
    for one in found:
        by_bug.setdefault(f"{one.lab} {one.bug}", {})[one.strategy] = one
    yield header(strategies)
    for bug, several in by_bug.items():
        if set(strategies) <= set(several):
            yield line(bug, [several[name] for name in strategies])


def summary(found: dict[Key, int], limit: int, strategies: Sequence[str]) -> Iterator[str]:
    """All hunts together: beside the first strategy, each began at the same seeds.

    `fewer` of the hunts that differ took fewer seeds than that one's; with the exact interval of
    the probability of that, which is 50 % if neither is better.
    """
    hunts: dict[tuple[str, str, int], dict[str, int]] = {}
    for (lab, bug, name, limited, at), seeds in found.items():
        if limited == limit:
            hunts.setdefault((lab, bug, at), {})[name] = seeds
    whole = [one for one in hunts.values() if set(strategies) <= set(one)]
    heads = f"{'strategy':<12}{'hunts':>6}{'mean':>7}{'gave up':>9}{'fewer':>7}{'more':>6}"
    yield f"{heads}  fewer, 95 %"
    for name in strategies:
        took = [one[name] for one in whole]
        fewer = sum(one[name] < one[strategies[0]] for one in whole)
        more = sum(one[name] > one[strategies[0]] for one in whole)
        mean = f"{statistics.mean(took):.1f}" if took else "-"
        row = f"{name:<12}{len(whole):>6}{mean:>7}{sum(n > limit for n in took):>9}"
        if fewer + more:
            least, most = interval(fewer, fewer + more)
            row += f"{fewer:>7}{more:>6}  {100 * least:.0f} % to {100 * most:.0f} %"
        yield row


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what has not been measured, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("bugs", nargs="*", metavar="LAB[:BUG]")
    parser.add_argument("--strategies", default=",".join([*STRATEGIES, guided.NAME]))
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--limit", type=int, default=LIMIT)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--alarms", type=int, metavar="SEEDS", help="run right code instead")
    options = parser.parse_args(arguments)
    strategies = options.strategies.split(",")
    if options.alarms:
        for lab in options.bugs or LABS:
            for strategy in filter(STRATEGIES.__contains__, strategies):
                failed, runs = false_alarms(lab, strategy, options.alarms)
                print(f"{lab:<14}{strategy:<12}{failed:>6} of {runs}", flush=True)
        return
    found = load(options.results)
    bugs = list(chosen(options.bugs))
    for at, (lab, patch), strategy in itertools.product(
        range(options.repetitions), bugs, strategies
    ):
        key = lab, patch.name, strategy, options.limit, at
        if key in found:
            continue
        found[key] = measure(lab, patch, strategy, at, options.limit)
        if options.results is not None:
            with options.results.open("a") as file:
                file.write(json.dumps([*key, found[key]]) + "\n")
    print("\n".join(table(gathered(found, options.limit), strategies)))
    print()
    print("\n".join(summary(found, options.limit, strategies)))


if __name__ == "__main__":
    main()
