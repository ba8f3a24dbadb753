"""The log of a peer: its entries by index, from the first one that no snapshot covers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from raft.messages import Entry


@dataclass(slots=True)
class Log:
    """Entries `base + 1` to `last_index`; the snapshot covers all up to `base`.

    Indexes count from 1 and never change, whatever is discarded. Terms never decrease along the
    log, as a leader appends in its own term only, which is higher than all before it.

    Terms and commands are two lists, so that a log of thousands of entries is quickly written to
    the disk. Nobody but this class changes them.
    """

    base: int = 0
    """The last entry that the snapshot covers; 0 without a snapshot."""
    base_term: int = 0
    terms: list[int] = field(default_factory=list)
    commands: list[bytes] = field(default_factory=list)

    @property
    def last_index(self) -> int:
        """The last entry; `base` if there is none."""
        return self.base + len(self.terms)

    @property
    def last_term(self) -> int:
        """The term of the last entry, or of the last one that was discarded; else 0."""
        return self.terms[-1] if self.terms else self.base_term

    def term(self, index: int) -> int:
        """The term of an entry, or of the one at `base`. Raises IndexError outside the log."""
        return self.base_term if index == self.base else self.terms[self._place(index)]

    def command(self, index: int) -> bytes:
        """The command of an entry. Raises IndexError outside the log."""
        return self.commands[self._place(index)]

    def match_term(self, index: int, term: int) -> bool:
        """Whether the log goes up to `index` and has `term` there.

        Then, by the Log Matching Property, it has what the other log has up to there
        (section 5.3).
        """
        at = index - self.base
        if not 0 <= at <= len(self.terms):
            return False
        return (self.terms[at - 1] if at else self.base_term) == term

    def since(self, index: int) -> list[Entry]:
        """The entries from `index` on. Raises IndexError if they are not all there."""
        if index - self.base - 1 == len(self.terms):
            return []
        first = self._place(index)
        return list(map(Entry, self.terms[first:], self.commands[first:]))

    def is_up_to_date(self, last_index: int, last_term: int) -> bool:
        """Whether a log that ends so is at least as up to date as this one (section 5.4.1)."""
        return (last_term, last_index) >= (self.last_term, self.last_index)

    def append(self, entry: Entry) -> None:
        """Add an entry to the end."""
        self.terms.append(entry.term)
        self.commands.append(entry.command)

    def merge(self, prev: int, entries: Sequence[Entry]) -> bool:
        """Take over the entries after `prev`, where the logs agree; returns if anything changed.

        Only an entry that conflicts with a new one goes, with all that follow it (Figure 2,
        AppendEntries 3 and 4). If none does, what follows the new entries stays: the message may
        be an old one, and the leader may count on what later ones have brought.
        """
        conflict = self.find_conflict(prev, entries)
        if conflict is None:
            return False
        place = conflict - self.base - 1
        del self.terms[place:], self.commands[place:]
        for new in entries[conflict - prev - 1 :]:
            self.append(new)
        return True

    def find_conflict(self, prev: int, entries: Sequence[Entry]) -> int | None:
        """The first index after `prev` where this log has not the entry of `entries`, or None."""
        for index, entry in enumerate(entries, prev + 1):
            if index > self.base and not self.match_term(index, entry.term):
                return index
        return None

    def find_conflict_by_term(self, index: int, term: int) -> int:
        """The last index where a log that has `term` at `index` may agree with this one.

        As terms never decrease, the other log has no higher term up to there, and so it agrees
        with nothing here that has one. A place before `base` is out of this log's sight.
        """
        if term < self.base_term:
            return min(index, self.base - 1)
        return min(index, self.base + bisect_right(self.terms, term))

    def compact(self, index: int) -> None:
        """Discard all up to `index`, which a snapshot covers now (section 7)."""
        term = self.term(index)
        del self.terms[: index - self.base], self.commands[: index - self.base]
        self.base, self.base_term = index, term

    def install(self, index: int, term: int) -> None:
        """Begin after a snapshot from elsewhere; what follows it stays if the logs agree there.

        (Figure 13, receiver 6 and 7.)
        """
        if self.match_term(index, term):
            self.compact(index)
        else:
            self.base, self.base_term, self.terms, self.commands = index, term, [], []

    def _place(self, index: int) -> int:
        place = index - self.base - 1
        if not 0 <= place < len(self.terms):
            raise IndexError(
                f"the log has no entry {index}: it goes from {self.base + 1} to {self.last_index}"
            )
        return place
