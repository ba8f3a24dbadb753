"""The environment variables of labtester: there is none, so one of that name is a mistake."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

PREFIX: Final = "LABTESTER_"
KNOWN: Final[tuple[str, ...]] = ()
"""Every variable that means something. What nobody reads must not seem to have been heard."""


def complaint(names: Iterable[str]) -> str:
    """What is wrong with an environment that has variables of these names; "" if nothing is."""
    unknown = sorted(name for name in names if name.startswith(PREFIX) and name not in KNOWN)
    if not unknown:
        return ""
    them = "it" if len(unknown) == 1 else "them"
    return (
        f"the environment has {', '.join(unknown)}, and the variables labtester reads are: "
        f"{', '.join(KNOWN) or 'none'}; unset {them}"
    )
