"""A reason: the first answer of a failing run that breaks a rule of its lab, and which rule."""

from __future__ import annotations

from collections.abc import Hashable
from operator import attrgetter

from linearizability import Illegal
from tester.report import clerk_rules, server_rules
from tester.report.broken import Broken
from tester.report.exchange import requests, returns
from tester.world.run import Outcome


def reason(outcome: Outcome) -> Broken | None:
    """The first broken rule of a run that failed and kept its trace; None if none is known.

    Of a history that is not linearizable, only the key that is not is looked at.
    """
    if outcome.error is None or not outcome.trace:
        return None
    sent = requests(outcome)
    keys = _keys(outcome)
    found = [
        broken
        for broken in (
            clerk_rules.first_broken(outcome, sent, returns(outcome), keys),
            server_rules.first_broken(outcome, sent, keys),
        )
        if broken is not None
    ]
    return min(found, key=attrgetter("place"), default=None)


def _keys(outcome: Outcome) -> set[Hashable] | None:
    """The keys to look at; None for all of them."""
    if isinstance(outcome.checked, Illegal):
        return {outcome.checked.headline.key}
    return None
