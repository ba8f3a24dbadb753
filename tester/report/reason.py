"""A reason: the first event of a failing run that breaks a rule of its lab, and which rule.

Whoever shows a run, as text or as a page, asks here: a `Broken` names the rule, where it stands in
the paper, and the indexes in the trace of the event that broke it and of the one that led to it.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from operator import attrgetter

from linearizability import Illegal
from tester.report import clerk_rules, lock_rules, machine_rules, server_rules, task_rules
from tester.report.audit import raft
from tester.report.broken import Broken
from tester.report.exchange import requests, returns
from tester.world.history import Op
from tester.world.run import Outcome


def reason(outcome: Outcome) -> Broken | None:
    """The first broken rule of a run that failed and kept its trace; None if none is known.

    Of a history that is not linearizable, only the key that is not is looked at. What did not
    happen, and should have, is asked last.
    """
    if outcome.error is None or not outcome.trace:
        return None
    sent = requests(outcome)
    keys = _keys(outcome)
    group = raft.group_of(outcome, sent)
    found = [
        broken
        for broken in (
            clerk_rules.first_broken(outcome, sent, returns(outcome), keys),
            None if group is None else raft.unsafe(group),
            None if group is None else machine_rules.first_broken(group, core_of(outcome), sent),
            server_rules.first_broken(outcome, sent, keys),  # which only sees what came of those
        )
        if broken is not None
    ]
    if found:
        return _with_source(outcome, min(found, key=attrgetter("place")))
    job = task_rules.first_broken(outcome, sent)
    if job is not None:
        return job
    locked = lock_rules.first_broken(outcome, sent)
    if locked is not None:
        return locked
    return None if group is None else raft.without_progress(group) or raft.judged(group)


def _with_source(outcome: Outcome, broken: Broken) -> Broken:
    """The rule, with the place of the key/value lab in the guide if it names none."""
    if broken.source:
        return broken
    writes = {(op.method, len(op.args)) for op in outcome.history.ops}
    lab = "dedup" if writes & {("put", 2), ("append", 2)} else "kvsrv"
    return replace(broken, source=f"docs/3-labs.md, {lab}")


def core_of(outcome: Outcome) -> list[Op]:
    """The operations that cannot be ordered; none, if that is not what is wrong."""
    if not isinstance(outcome.checked, Illegal):
        return []
    numbers = sorted(op.metadata for op in outcome.checked.headline.core)
    return [outcome.history.ops[number] for number in numbers]


def _keys(outcome: Outcome) -> set[Hashable] | None:
    """The keys to look at; None for all of them."""
    if isinstance(outcome.checked, Illegal):
        return {outcome.checked.headline.key}
    return None
