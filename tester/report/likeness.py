"""What failures have in common: the same rule broken, or a verdict in the same words."""

from __future__ import annotations

import re
from typing import Final

from tester.report.reason import reason
from tester.report.story import headline
from tester.world.run import Outcome

_RPCS: Final = re.compile(r"#\d+(?:(?:, | and |, \.\.\., )#\d+)*")
_QUOTED: Final = re.compile(r"b?'[^']*'|b?\"[^\"]*\"")
_NUMBERS: Final = re.compile(r"\d+(?:\.\d+)?")
_REST: Final = re.compile(r": |, but | \(|\. ")


def likeness(outcome: Outcome) -> str:
    """Equal for failures that have the same words, whatever their numbers and names are."""
    found = reason(outcome)
    if found is not None and found.rule:
        how = found.way or ("after an event" if found.events else "")
        return f"{found.rule} {found.source} {how}".rstrip()
    if found is not None:
        return _REST.split(_plain(found.sentence))[0]
    return " ".join([outcome.kind, *outcome.where, _plain(headline(outcome))])


def _plain(text: str) -> str:
    """A sentence without what differs from run to run."""
    return _NUMBERS.sub("0", _QUOTED.sub("''", _RPCS.sub("#", text)))
