"""Runs that commands repeat, with a bar: making a failing one small takes hundreds of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for --help and for a usage error, click is enough
    from tester.workers.pool import Pool
    from tester.workers.results import Rerun


def work_off(pool: Pool, reruns: Sequence[Rerun], title: str) -> None:
    """Do these reruns, and show a terminal how far they have come; each has its lines later."""
    from tester.report.progress import bar
    from tester.workers.plan import Reruns

    plan = Reruns(reruns)
    with bar(title, lines=False) as shown:
        pool.work(plan, lambda: shown(plan))
