"""The rules of a lock that is kept in a key/value server: which answer let a second client in.

A lock is written by puts of `acquire` and `release`; whoever put what stands in its key holds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from linearizability.verdict import counted
from tester.report import values
from tester.report.broken import Broken
from tester.report.exchange import Request
from tester.world.events import Call, Return
from tester.world.failure import MutualExclusionViolated, Stuck
from tester.world.history import Op, seconds
from tester.world.run import Outcome

_METHODS: Final = frozenset({"acquire", "release", "borrow"})
_SOURCE: Final = "docs/3-labs.md, lock"
_FREE: Final = (
    "Acquire puts its value only at a version at which it has read that the lock is free"
)
_OWN: Final = "Release frees the lock only if the caller still holds it"
_UNIQUE: Final = "Each client puts a value into the lock that no other client puts"
_LOOK: Final = "After ErrVersion or ErrMaybe, acquire reads the lock again to know whose it is"
_GIVES: Final = "After release has returned, the lock is free for others"
_HELD: Final = "A lock that a client has acquired is free for others once it has released it"
_APART: Final = "Locks of different names are independent"
_GETS_IN: Final = "Acquire returns once the lock is the caller's, and goes on trying until then"


@dataclass(frozen=True)
class _Write:
    """A put that a server carried out."""

    request: Request
    op: Op
    place: int

    @property
    def name(self) -> str:
        return f"#{self.request.rpc}"

    @property
    def value(self) -> Any:
        return self.request.args.get("value")

    @property
    def version(self) -> int:
        """The version that the key has since then."""
        return int(self.request.args.get("version", 0)) + 1


class _Lock:
    """One key in which a lock is kept, and who did what to it."""

    def __init__(
        self, outcome: Outcome, sent: Sequence[Request], key: Any, ids: values.Ids
    ) -> None:
        self.outcome = outcome
        self.key = key
        self.ids = ids
        self.sent = [one for one in sent if one.args.get("key") == key]
        ops = outcome.history.ops
        self.writes = sorted(
            (
                _Write(one, ops[one.op], one.answers[0][0])
                for one in sent
                if one.op is not None
                and one.verb == "put"
                and one.args.get("key") == key
                and (one.answered or {}).get("err") == "OK"
            ),
            key=lambda write: write.place,
        )

    def before(self, place: int) -> _Write | None:
        """The last write before an event."""
        found = [write for write in self.writes if write.place < place]
        return found[-1] if found else None

    def shown(self, value: Any) -> str:
        """What was put, as a reader can make sense of it."""
        return values.shown(self.ids.named(value), 20)


def first_broken(outcome: Outcome, sent: Sequence[Request]) -> Broken | None:
    """The first answer of which a lock made something else than it says; None if none is known."""
    ids = values.Ids()
    for one in sent:
        ids.sent(one.end, one.payload)
    if isinstance(outcome.error, MutualExclusionViolated) and outcome.error.moments:
        return _two_holders(outcome, sent, outcome.error.moments[0], ids)
    if isinstance(outcome.error, Stuck):
        return _waits(outcome, sent, ids)
    return None


def _key_of(own: Sequence[Request]) -> Any:
    """The key that an operation on a lock asked for: the lock's."""
    keys = [one.args["key"] for one in own if "key" in one.args]
    return max(dict.fromkeys(keys), key=keys.count, default=None)


# -- two holders --------------------------------------------------------------------------------


def _two_holders(
    outcome: Outcome, sent: Sequence[Request], since_us: int, ids: values.Ids
) -> Broken | None:
    got = [op for op in outcome.history.ops if op.method == "acquire" and op.ret is not None]
    if len(got) < 2:
        return None
    second = max(got, key=lambda op: op.ret or 0)
    firsts = [op for op in got if op is not second and op.ret_us == since_us]
    own = [one for one in sent if one.op == second.number and one.fate == "reply"]
    key = _key_of(own)
    if not firsts or key is None:
        return None
    lock = _Lock(outcome, sent, key, ids)
    last = max(own, key=lambda one: one.answers[0][0])
    found = _took(lock, own, last, second, firsts[-1])
    if found is None:
        return None
    place, sentence, rule, others = found
    freed = [write.op for write in lock.writes if write.place == place]
    wrong = freed[-1] if freed and freed[-1].method == "release" else second
    return Broken(
        place,
        sentence,
        f"{second.node} acquired the lock while {firsts[-1].node} held it",
        rule,
        _SOURCE,
        rpc=last.rpc,
        others=others,
        events=_events(outcome, [firsts[-1], second]),
        op=wrong.number,
    )


_Found = tuple[int, str, str, list[int]]


def _took(
    lock: _Lock, own: Sequence[Request], last: Request, second: Op, first: Op
) -> _Found | None:
    """Which answer let a second holder in: its place, what is wrong, and other requests of it."""
    place = last.answers[0][0]
    said = (last.answered or {}).get("err")
    prior = lock.before(place)
    who, holder = second.node, first.node
    if prior is None:
        return None
    if last.verb == "put" and said == "OK":
        if prior.op.method == "acquire":
            return _over_a_holder(lock, own, last, prior, who)
        return _freed_by_another(lock, prior, who)
    if last.verb == "put":
        then = f"the lock held {lock.shown(prior.value)} then, which {prior.name} had put"
        sentence = (
            f"{who}'s Acquire returned after #{last.rpc} was answered {said}: {then} for "
            f"{prior.op.node}."
        )
        return place, sentence, _LOOK, [prior.request.rpc]
    value = (last.answered or {}).get("value")
    if prior.value == value and prior.op.node != who:
        sentence = (
            f"{who}'s Acquire returned after #{last.rpc} had shown {lock.shown(value)}, which "
            f"{prior.name} had put for {prior.op.node}."
        )
        mine = any(write.value == value and write.op.node == who for write in lock.writes)
        tried = any(one.verb == "put" and one.args.get("value") == value for one in own)
        if mine or tried:
            sentence += f" {who} puts the same value, and took it for its own."
        return place, sentence, _UNIQUE, [prior.request.rpc]
    if prior.op.node == holder:
        shown = values.reply(last.answers[0][1])
        sentence = f"{who}'s Acquire returned after #{last.rpc} was answered {shown}."
        return place, sentence, _FREE, [prior.request.rpc]
    return None


def _over_a_holder(
    lock: _Lock, own: Sequence[Request], last: Request, prior: _Write, who: str
) -> _Found:
    version = last.args.get("version")
    sentence = (
        f"{who}'s Acquire put {lock.shown(last.args.get('value'))} by #{last.rpc} at version "
        f"{version}, at which {prior.op.node} held the lock since {prior.name}."
    )
    reads = [
        one for one in own if one.verb == "get" and one.ended is not None and one.ended < last.sent
    ]
    others = [prior.request.rpc]
    if reads:
        seen, shown = reads[-1], values.reply(reads[-1].answers[0][1], lock.ids)
        sentence += f" #{seen.rpc} was answered {shown}."
        others += [one.rpc for one in reads[-2:]]
    if len(reads) > 1:
        began = seconds(lock.outcome.trace[reads[0].sent][0])
        puts = sum(one.verb == "put" and one.sent < last.sent for one in own)
        before = {0: "had not put anything", 1: "had put once"}.get(puts, f"had put {puts} times")
        sentence += (
            f" This Acquire had read the lock {len(reads)} times by then, the first time at "
            f"{began} s, and {before} before."
        )
    return last.answers[0][0], sentence, _FREE, others


def _freed_by_another(lock: _Lock, prior: _Write, who: str) -> _Found | None:
    """A release of somebody who did not hold the lock any more, after which it looked free."""
    held = lock.before(prior.place)
    if held is None or held.op.method != "acquire" or held.op.node == prior.op.node:
        return None
    sentence = (
        f"{prior.op.node}'s Release put {lock.shown(prior.value)} by {prior.name}, and "
        f"{held.op.node} held the lock since {held.name}: so {who}'s Acquire found it free."
    )
    others = [held.request.rpc, prior.request.rpc]
    release, sent = prior.op.number, prior.request.sent
    reads = [one for one in lock.sent if one.op == release and one.verb == "get"]
    before = [one for one in reads if one.ended is not None and one.ended < sent]
    for seen in [one for one in before if one.fate == "reply"][-1:]:
        shown = values.reply(seen.answers[0][1], lock.ids)
        sentence += f" #{seen.rpc} had answered this Release {shown}."
        others.append(seen.rpc)
    return prior.place, sentence, _OWN, others


def _events(outcome: Outcome, ops: Sequence[Op]) -> list[int]:
    """Where in the trace operations were called, and returned."""
    numbers = {op.number for op in ops}
    return [
        place
        for place, event in enumerate(outcome.events)
        if isinstance(event, Call | Return) and event.op in numbers
    ]


# -- nobody gets in -----------------------------------------------------------------------------


def _waits(outcome: Outcome, sent: Sequence[Request], ids: values.Ids) -> Broken | None:
    """Why an operation on a lock never returned."""
    ops = outcome.history.ops
    waiting = next((op for op in ops if op.ret is None and op.method in _METHODS), None)
    if waiting is None:
        return None
    key = _key_of([one for one in sent if one.op == waiting.number])
    if key is None:
        return None
    lock = _Lock(outcome, sent, key, ids)
    last = lock.writes[-1] if lock.writes else None
    if last is not None and last.op.ret is None and last.op.method in _METHODS:
        waiting = last.op  # for which all others wait
    heard = [one for one in sent if one.op == waiting.number and one.fate == "reply"]
    if not heard:
        return None
    if waiting.method == "borrow" and last is not None and last.op is waiting:
        puts = [one for one in heard if one.verb == "put" and one.args.get("key") == key]
        after = [one for one in puts if one.answers[0][0] > last.place]
        if (broken := _never_releases(outcome, lock, waiting, after, last)) is not None:
            return broken  # it has the lock, and cannot give it back
    if waiting.method == "release":
        return _never_releases(outcome, lock, waiting, heard, last)
    if last is None:
        return None
    in_vain = _in_vain(outcome, lock, waiting, last)
    return in_vain or _never_acquires(outcome, lock, waiting, heard, last)


def _never_releases(
    outcome: Outcome, lock: _Lock, op: Op, heard: Sequence[Request], last: _Write | None
) -> Broken | None:
    puts = [one for one in heard if one.verb == "put"]
    refused = [one for one in puts if (one.answered or {}).get("err") != "OK"]
    if last is None or not puts or len(refused) < len(puts):
        return None
    first = refused[0]
    return Broken(
        first.answers[0][0],
        f"{op.node}'s Release put at version {first.args.get('version')} (#{first.rpc}), and the "
        f"lock was at version {last.version} since {last.name}: {counted(len(refused), 'put')} "
        f"got the answer {(first.answered or {}).get('err')}.",
        f"{op.node}'s Release never puts at the version that the lock has",
        _GIVES,
        _SOURCE,
        rpc=first.rpc,
        op=op.number,
        others=[last.request.rpc],
        events=_events(outcome, [op])[:1],
    )


def _name_of(op: Op) -> str:
    """The name of a lock, by that of the handle: "c0.l"."""
    return op.client.partition(".")[2]


def _in_vain(outcome: Outcome, lock: _Lock, op: Op, last: _Write) -> Broken | None:
    """A release of whoever holds the lock that has returned, and has not released it."""
    holder, since_us = last.op, last.request.answered_us
    releases = [
        (place, outcome.history.ops[event.op])
        for place, event in enumerate(outcome.events)
        if isinstance(event, Return) and outcome.history.ops[event.op].method == "release"
    ]
    after = [
        (place, release)
        for place, release in releases
        if release.client == holder.client and release.call_us >= since_us
    ]
    if holder.method != "acquire" or not after or op.client == holder.client:
        return None
    place, release = after[-1]
    puts = [one for one in lock.sent if one.op == release.number and one.verb == "put"]
    how = "without a Put"
    if puts:
        said = (puts[-1].heard or {}).get("err")
        how = f"after its Put #{puts[-1].rpc} {f'was answered {said}' if said else 'had no reply'}"
    return Broken(
        place,
        f"{lock.key!r} holds {lock.shown(last.value)} since {last.name}, at "
        f"{seconds(since_us)} s: {holder.client}'s Acquire has put it, and its Release has "
        f"returned {how}.",
        f"{op.client}'s Acquire waits for a lock that {holder.client} has not released",
        _GIVES,
        _SOURCE,
        cause=last.place,
        op=release.number,
        others=[last.request.rpc, *(one.rpc for one in puts[-1:])],
        events=_events(outcome, [holder, release]),
    )


def _no_release(outcome: Outcome, last: _Write) -> str:
    """That whoever took the lock did not release it, as a sentence; "" if it did, or tried to."""
    op, since_us = last.op, last.request.answered_us or 0
    if op.method == "release" or (op.method == "borrow" and op.ret is not None):
        return ""
    for other in outcome.history.ops:
        if other.method == "release" and other.client == op.client and other.call_us >= since_us:
            return ""
    end = seconds(outcome.virtual_us)
    return f" No release was called between {seconds(since_us)} s and {end} s."


def _never_acquires(
    outcome: Outcome, lock: _Lock, op: Op, heard: Sequence[Request], last: _Write
) -> Broken | None:
    end = heard[-1]
    since = f"since {last.name}, at {seconds(last.request.answered_us)} s"
    later = [one for one in heard if one.answers[0][0] > last.place]
    by = f"{last.op.client}'s {values.operation(last.op.method, last.op.args)}"
    calls = _events(outcome, [last.op, op])
    frees = last.op.method == "release" or last.op in [
        write.op for write in lock.writes if write is not last and last.op.method == "borrow"
    ]
    rule = _GETS_IN if last.op is op or not later else _GIVES
    held = "is free" if frees and not later else f"{last.op.client} holds"
    if not later and last.op is not op and frees:
        sentence = (
            f"{by} has freed the lock by {last.name}, at {seconds(last.request.answered_us)} s, "
            f"and {op.client}'s Acquire has sent nothing since #{end.rpc}, at "
            f"{seconds(end.sent_us)} s: it does not see that."
        )
        place = last.place
    elif last.op is op:
        sentence = (
            f"The lock holds {lock.shown(last.value)} {since}: this Acquire has put it itself, "
            "and goes on waiting."
        )
        place = later[0].answers[0][0] if later else last.place
    else:
        back = "" if last.op.method == "release" else ", and has not released it"
        never = _no_release(outcome, last)
        rule = (_HELD if last.op.ret is not None else _GETS_IN) if never else _GIVES
        sentence = (
            f"{lock.key!r} holds {lock.shown(last.value)} {since}: {by} has put it{back}.{never}"
        )
        names = [_name_of(last.op), _name_of(op)]
        if last.op.method == op.method == "acquire" and names[0] != names[1]:
            sentence += f" The locks {names[0]!r} and {names[1]!r} are kept at one key."
            rule = _APART
        place = later[0].answers[0][0] if later else last.place
    return Broken(
        place,
        sentence,
        f"{op.client}'s {values.operation(op.method, op.args)} waits for a lock that "
        f"{'it has' if last.op is op else held}",
        rule,
        _SOURCE,
        cause=last.place,
        rpc=later[0].rpc if later else end.rpc,
        op=op.number,
        others=[last.request.rpc, *([later[0].rpc] if later else [])],
        events=calls,
    )
