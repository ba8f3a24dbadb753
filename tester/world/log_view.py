"""A replicated log as its server has shown it: the terms of its entries, and where they begin."""

from __future__ import annotations

from collections.abc import Sequence


class LogView:
    """The entries 1 to `base` are in a snapshot, the last of them of `base_term`; `terms` follow.

    What a server shows of itself beyond its log is for the subclass.
    """

    base: int
    base_term: int
    terms: Sequence[int]

    @property
    def last(self) -> int:
        """The index of the last entry."""
        return self.base + len(self.terms)

    @property
    def last_term(self) -> int:
        """The term of the last entry."""
        return self.terms[-1] if self.terms else self.base_term

    def term_at(self, index: int) -> int | None:
        """The term of an entry; None if the log does not have it, or not any more."""
        if index == self.base:
            return self.base_term
        at = index - self.base - 1
        return self.terms[at] if 0 <= at < len(self.terms) else None

    def changed(self, base: int, at: int, terms: Sequence[int]) -> tuple[int, ...]:
        """The terms after `base` once these have replaced all but the first `at` of them."""
        kept = self.terms[base - self.base :][:at] if base >= self.base else ()
        return (*kept, *terms)
