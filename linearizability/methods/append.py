"""Put, Append and Get where no token is written twice: each value read tells its own history.

Every value read begins with the token of a Put, or consists of appended tokens only; the values
with the same beginning are prefixes of one *chain*, whose tokens were written in this order. A
chain is walked like the versions of a key, and then counts as one cluster with a zone, as the
values of a register do: between its first and its last observed member no other write may fall,
since a Put would reset it and an Append would show. Outside, unobserved writes do no harm.
O(n log n + bytes).

Where tokens repeat, the same walk is a relaxation, and only what it refutes is believed: a token
was written between the first call and the last return of all that can have written it; a chain is
known by its head only if one Put and nothing else wrote that; and only tokens with one writer bind
a zone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from linearizability.decision import Conflict, Core, FoundConflict, Inapplicable, Proof
from linearizability.inputs import Append, Get, Put
from linearizability.methods.zones import Cluster, Placed, arrange, bounds, overlap, overlap_words
from linearizability.operation import OPEN, Operation, client_name, in_call_order

MISSING = "no moment is left for one of the tokens"


def decide(operations: Sequence[Operation]) -> Proof | Conflict | Inapplicable:
    """Decide one key. Where tokens repeat it may refute, or decline; else it always decides."""
    puts: dict[str, list[Operation]] = {}
    appends: dict[str, list[Operation]] = {}
    for op in operations:
        if not isinstance(op.input, Get):
            kind = puts if isinstance(op.input, Put) else appends
            kind.setdefault(op.input.value, []).append(op)
    written = [*puts, *(token for token in appends if token not in puts)]
    problem = Tokens.problem(written)
    if problem is not None:
        return Inapplicable(problem)
    history = Writes(Tokens(written), puts, appends)
    try:
        chains = _chains(history, values_read(operations))
        clusters = _clusters(history, chains)
    except Contradiction as contradiction:
        return FoundConflict(contradiction.core, proves=history.unique)
    if not history.unique:
        return Inapplicable("a token was written more than once")
    return ChainProof(operations, chains, clusters)


class Contradiction(Exception):
    """Some operations cannot all be right."""

    def __init__(self, operations: Iterable[Operation], why: str, missing: str) -> None:
        super().__init__(why)
        self.core = Core(in_call_order(operations), why, missing)


@dataclass(slots=True)
class Seen:
    """A distinct value that was read, by whom first and by whom last."""

    value: str
    first: Operation  # of the smallest return
    last: Operation  # of the greatest call

    @property
    def says(self) -> str:
        """As "c3's Get returned 'a'"; of an Append, what would have been there after it."""
        if isinstance(self.first.input, Append):
            return f"{who(self.first)}, by its answer, would have made {shown(self.value)}"
        return f"{who(self.first)} returned {shown(self.value)}"


def who(op: Operation) -> str:
    """As "c3's Get"."""
    return f"{client_name(op.client)}'s {type(op.input).__name__}"


def shown(value: str) -> str:
    """A value; of a long one the end."""
    return repr(value) if len(value) <= 40 else f"'...{value[-36:]}'"


def value_read(op: Operation) -> Any:
    """The value an operation shows at its instant; None if it shows nothing, OPEN for nonsense.

    An Append that returned the old value saw that value with its own token added.
    """
    if op.ret is None:
        return None
    if isinstance(op.input, Get):
        return op.output if isinstance(op.output, str) else OPEN
    if op.output is None:
        return None
    if isinstance(op.input, Append) and isinstance(op.output, str):
        return op.output + op.input.value
    return OPEN


def values_read(operations: Iterable[Operation]) -> dict[str, Seen]:
    """Every distinct value that was read. Raises Contradiction for what is no string."""
    found: dict[str, Seen] = {}
    for op in operations:
        value = value_read(op)
        if value is None:
            continue
        if value is OPEN:
            why = f"{who(op)} was answered {op.output!r}, an answer that no server can give."
            raise Contradiction([op], why, "no state of the key allows this answer")
        seen = found.get(value)
        if seen is None:
            found[value] = Seen(value, op, op)
            continue
        if op.call > seen.last.call:
            seen.last = op
        if op.ret is not None and seen.first.ret is not None and op.ret < seen.first.ret:
            seen.first = op
    return found


class Tokens:
    """A set of non-empty strings, none a prefix of another, so that there is one way to cut."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self._tokens = set(tokens)
        self._lengths = sorted({len(token) for token in self._tokens})

    @staticmethod
    def problem(tokens: Iterable[object]) -> str | None:
        """Why these tokens cannot be told apart; None if they can."""
        strings: list[str] = []
        for token in tokens:
            if not isinstance(token, str):
                return f"{token!r} is no string"
            strings.append(token)
        strings.sort()
        if strings and not strings[0]:
            return "an empty string was written"
        for one, other in pairwise(strings):
            if other != one and other.startswith(one):
                return f"{one!r} is the beginning of {other!r}"
        return None

    def first(self, value: str, start: int = 0) -> str | None:
        """The token at a place in a value; None if none stands there."""
        for length in self._lengths:
            token = value[start : start + length]
            if token in self._tokens:
                return token
        return None

    def cut(self, value: str) -> Iterator[str | None]:
        """All tokens of a value in turn; None, last, for a rest that nobody wrote."""
        start = 0
        while start < len(value):
            token = self.first(value, start)
            yield token
            if token is None:
                return
            start += len(token)


@dataclass(slots=True)
class Writes:
    """Who wrote which token, and which tokens were seen."""

    tokens: Tokens
    puts: dict[str, list[Operation]]
    appends: dict[str, list[Operation]]
    seen: set[str] = field(default_factory=set)

    def of(self, token: str) -> list[Operation]:
        """All writers of a token."""
        return self.puts.get(token, []) + self.appends.get(token, [])

    @property
    def unique(self) -> bool:
        return len(self.puts.keys() & self.appends.keys()) == 0 and all(
            len(ops) == 1 for kind in (self.puts, self.appends) for ops in kind.values()
        )


@dataclass(slots=True)
class Chain:
    """Tokens in their order, who can have written each, and who saw the value around them."""

    longest: Seen
    initial: bool
    writers: list[list[Operation]]
    seen: list[Seen | None]  # one more than writers; before the head of a chain nothing was seen
    times: list[float] = field(default_factory=list)  # the earliest instant of each write

    def evidence(self, index: int) -> list[Operation]:
        """Who saw first that a write belongs here; nobody, if the writer itself tells."""
        value = value_read(self.writers[index][0])
        if isinstance(value, str) and self.longest.value.startswith(value):
            return []
        later = [seen.first for seen in self.seen[index + 1 :] if seen is not None]
        return [min(later, key=lambda op: (op.ret or 0, op.call))]


def _chains(history: Writes, values: dict[str, Seen]) -> list[Chain]:
    """The chains that the values read belong to, walked."""
    groups: dict[str | None, list[Seen]] = {}
    for seen in values.values():
        head = history.tokens.first(seen.value)
        if head is None and seen.value:
            raise _unwritten(seen, seen.value)
        if head is None or head not in history.puts:
            groups.setdefault(None, []).append(seen)
        elif len(history.of(head)) == 1:
            groups.setdefault(head, []).append(seen)
        else:
            _check_ambiguous(history, head, seen)
    uses: dict[str, list[Seen]] = {}
    chains: list[Chain] = []
    for head, group in groups.items():
        longest = max(group, key=lambda seen: len(seen.value))
        chain, lengths = _cut(history, longest, head is None, uses)
        for seen in group:
            _enter(chain, lengths, seen)
        chains.append(chain)
    for chain in chains:
        _walk(chain)
    return chains


def _check_ambiguous(history: Writes, head: str, seen: Seen) -> None:
    """A value whose first token tells no chain; it must not come before all its writers."""
    for token in history.tokens.cut(seen.value):
        if token is None:
            raise _unwritten(seen, seen.value)
        history.seen.add(token)
    writer = min(history.of(head), key=lambda op: op.call)
    assert seen.first.ret is not None
    if seen.first.ret < writer.call:
        why = f"{seen.says} at {seen.first.ret}, but the first to write {head!r}, {who(writer)},"
        raise Contradiction([seen.first, writer], f"{why} began at {writer.call}.", MISSING)


def _cut(
    history: Writes, longest: Seen, initial: bool, uses: dict[str, list[Seen]]
) -> tuple[Chain, dict[int, int]]:
    """The chain of its longest value, and how many writers made each length of it.

    `uses` tells who saw each token in all chains so far: each time it was another write.
    """
    writers: list[list[Operation]] = []
    length = 0
    lengths = {0: 0}
    for token in history.tokens.cut(longest.value):
        if token is None:
            raise _unwritten(longest, longest.value[length:])
        kind = history.appends if writers or initial else history.puts
        if token not in kind:
            why = f"{longest.says}, but {token!r} was put, not appended: it replaces what was."
            raise Contradiction([longest.first], why, "a Put replaces the whole value")
        uses.setdefault(token, []).append(longest)
        if len(uses[token]) > len(kind[token]):
            times = "once" if len(kind[token]) == 1 else f"{len(kind[token])} times"
            reads = " and ".join(dict.fromkeys(seen.says for seen in uses[token]))
            why = f"{reads}: {token!r} is there more often than it was written ({times})."
            core = [seen.first for seen in uses[token]]
            raise Contradiction(core, why, f"{token!r} was written {times}")
        history.seen.add(token)
        writers.append(kind[token])
        length += len(token)
        lengths[length] = len(writers)
    return Chain(longest, initial, writers, [None] * (len(writers) + 1)), lengths


def _enter(chain: Chain, lengths: dict[int, int], seen: Seen) -> None:
    """Find the place of a value in its chain."""
    longest = chain.longest
    if not longest.value.startswith(seen.value):
        why = (
            f"{longest.says} and {seen.says}: until a Put, one must be the beginning of the other."
        )
        raise Contradiction([longest.first, seen.first], why, "values only grow until a Put")
    if len(seen.value) not in lengths:
        known = max(length for length in lengths if length < len(seen.value))
        raise _unwritten(seen, seen.value[known:])
    chain.seen[lengths[len(seen.value)]] = seen


def _unwritten(seen: Seen, rest: str) -> Contradiction:
    why = f"{seen.says}; nobody wrote {shown(rest)}."
    return Contradiction([seen.first], why, f"nobody wrote {shown(rest)}")


def _walk(chain: Chain) -> None:
    """Give each write the earliest instant that its neighbours allow."""
    time, cause = -math.inf, chain.longest.first
    for index, writers in enumerate(chain.writers):
        before, after = chain.seen[index], chain.seen[index + 1]
        if before is not None and before.last.call > time:
            time, cause = before.last.call, before.last
        earliest = min(writers, key=lambda op: op.call)
        if earliest.call > time:
            time, cause = earliest.call, earliest
        if after is not None and after.first.ret is not None and after.first.ret < time:
            why = f"{after.says} (at {after.first.ret}) before {who(cause)} began (at {time})"
            raise Contradiction([after.first, cause], f"{why}, {_too_late(cause)}.", MISSING)
        ends = [op.ret for op in writers if op.ret is not None]
        if len(ends) == len(writers) and max(ends) < time:
            token = writers[0].input.value
            subject = f"{who(writers[0])} of" if len(writers) == 1 else "Every write of"
            why = f"{subject} {token!r} had returned (at {max(ends)}) before {who(cause)} began"
            core = [*writers, cause, *chain.evidence(index)]
            raise Contradiction(core, f"{why} (at {time}), {_too_late(cause)}.", MISSING)
        chain.times.append(time)


def _too_late(cause: Operation) -> str:
    if isinstance(cause.input, Get):
        return "which still saw less"
    return f"but {cause.input.value!r} comes no later in the value"


def _clusters(history: Writes, chains: Sequence[Chain]) -> list[Cluster]:
    """A cluster for each chain, then one for each write that nobody saw and that returned."""
    clusters = []
    for chain in chains:
        cluster = Cluster("only what was appended to the first value", f=-math.inf)
        if not chain.initial:
            cluster = Cluster(f"a value that begins with {chain.writers[0][0].input.value!r}")
        for writers in chain.writers:
            if len(history.of(writers[0].input.value)) == 1:
                cluster.add(writers[0])
        for seen in chain.seen:
            if seen is not None:
                cluster.add(seen.first)
                cluster.add(seen.last)
        clusters.append(cluster)
    for kind in (history.puts, history.appends):
        for token, writers in kind.items():
            for writer in writers:
                if token not in history.seen and writer.ret is not None:
                    clusters.append(Cluster(repr(token)))
                    clusters[-1].add(writer)
    clash = overlap(clusters)
    if clash is not None:
        core = bounds(*clash)
        for cluster, chain in zip(clusters, chains, strict=False):
            if cluster is clash[0] or cluster is clash[1]:
                for index, (writer, *_) in enumerate(chain.writers):
                    appended = isinstance(writer.input, Append)
                    if appended and (writer is cluster.first or writer is cluster.last):
                        core += chain.evidence(index)
        raise Contradiction(core, overlap_words(*clash), "a key holds one value at a time")
    return clusters


@dataclass(frozen=True)
class ChainProof(Proof):
    """Chains of tokens with one writer each, whose zones do not exclude each other."""

    operations: Sequence[Operation]
    chains: Sequence[Chain]
    clusters: Sequence[Cluster]

    def order(self) -> list[int]:
        places: dict[str, tuple[int, int]] = {}
        values: dict[str, tuple[int, int]] = {}
        for number, chain in enumerate(self.chains):
            for index, [writer] in enumerate(chain.writers):
                places[writer.input.value] = number, index
            for index, seen in enumerate(chain.seen):
                if seen is not None:
                    values[seen.value] = number, index
        unseen = {
            op.input.value: number
            for number, op in enumerate(c.last for c in self.clusters)
            if number >= len(self.chains) and op is not None
        }
        placed: list[Placed] = []
        for position, op in enumerate(self.operations):
            if isinstance(op.input, Get):
                if op.ret is not None:
                    number, index = values[op.output]
                    after = self.chains[number].times[index - 1] if index else -math.inf
                    placed.append((number, max(op.call, after), 2 * index, position))
            elif op.input.value in places:
                number, index = places[op.input.value]
                placed.append((number, self.chains[number].times[index], 2 * index + 1, position))
            elif op.ret is not None:
                placed.append((unseen[op.input.value], op.call, 0, position))
        return arrange(self.clusters, placed)
