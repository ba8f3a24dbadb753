"""What a server may answer to the requests it gets: the key/value models, applied to its answers.

The requests of a run are a history of their own, with the server for the object: a request
begins when it arrives, and ends when it is answered. Where that history is impossible, the server
is at fault, at the first answer that makes it so.
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from linearizability import Illegal, Model, Operation, check
from linearizability.models import Append, Get, Put, kv, kv_append
from tester.report import collisions, identity, values
from tester.report.broken import Broken, listed
from tester.report.exchange import Request
from tester.world.events import OfNode, only
from tester.world.run import Outcome

_LOOKED: Final = frozenset({"OK", "ErrNoKey", "ErrVersion"})
"""The errors of a server that has looked at its table."""
_BUDGET: Final = 20_000
_MOST: Final = 20_000
"""Of more requests, no history is made."""
_MOST_COPIES: Final = 200
"""It is tried of so many repetitions whether one of them was carried out."""


@dataclass(frozen=True)
class _Handled:
    """A request as the server carried it out, or was to."""

    request: Request
    input: Get | Put | Append
    call: int
    ret: int | None
    output: Any


def first_broken(
    outcome: Outcome, sent: Sequence[Request], keys: Container[Hashable] | None
) -> Broken | None:
    """The first answer that fits no order of the requests that the server, or the group, has got.

    A group of replicas answers as one server that survives crashes. What one of them leaves to
    others may have been carried out all the same.
    """
    asked = [one for one in sent if one.verb in {"get", "put", "append"} and one.arrivals]
    servers = {one.server for one in asked}
    if not servers or len(asked) > _MOST:
        return None
    in_group = len(servers) > 1
    if in_group:
        asked = [_decided(one) for one in asked]
    elif any((one.answered or {}).get("err", "OK") not in _LOOKED for one in asked):
        return None  # it leaves requests to others
    elif any(event.node in servers for event in only(OfNode, outcome.events)):
        return None
    versioned = all({*one.args} <= {"key", "value", "version"} for one in asked) and any(
        "version" in one.args for one in asked
    )
    if versioned:
        handled = [one for request in asked for one in _versioned(request)]
        return _first(kv, handled, keys, in_group=in_group)
    return _of_appends(outcome, asked, keys, in_group=in_group)


def _decided(request: Request) -> Request:
    """A request with those answers only that say what has been carried out."""
    if (request.answered or {}).get("err", "OK") in _LOOKED:
        return request
    return replace(request, answers=[], fate="")


def _by_key(handled: Iterable[_Handled], keys: Container[Hashable] | None) -> list[list[_Handled]]:
    found: dict[str, list[_Handled]] = {}
    for one in handled:
        if keys is None or one.input.key in keys:
            found.setdefault(one.input.key, []).append(one)
    return list(found.values())


# -- the versioned server -------------------------------------------------------------------------


def _versioned(request: Request) -> list[_Handled]:
    """Each arrival is a request of its own; which answer is whose is not known of copies."""
    args = request.args
    fields = {"key", "value", "version"} if request.verb == "put" else {"key"}
    if {*args} != fields:
        return []
    asked: Get | Put = Get(args["key"])
    if request.verb == "put":
        asked = Put(args["key"], args["value"], args["version"])
    first, *copies = request.arrivals
    if copies:
        open_ = [_Handled(request, asked, place, None, None) for place in copies]
        if request.verb == "put" and (request.answered or {}).get("err") == "OK":
            return [_Handled(request, asked, first, request.answers[0][0], "OK"), *open_]
        return [_Handled(request, asked, first, None, None), *open_]
    if not request.answers:
        return [_Handled(request, asked, request.arrivals[0], None, None)]
    place, _ = request.answers[0]
    said = request.answered or {}
    output: Any = said.get("err")
    if request.verb == "get":
        output = said.get("value"), said.get("version"), said.get("err")
    return [_Handled(request, asked, request.arrivals[0], place, output)]


def _first(
    model: Model,
    handled: Sequence[_Handled],
    keys: Container[Hashable] | None,
    *,
    in_group: bool,
) -> Broken | None:
    """The first answer that is impossible, of all keys; and for which other key it is right."""
    of_keys = {one[0].input.key: one for one in _by_key(handled, None)}
    found = [
        broken
        for key, of_key in of_keys.items()
        if keys is None or key in keys
        if (broken := _first_of_key(model, of_key, in_group=in_group)) is not None
    ]
    first = min(found, key=lambda broken: broken.place, default=None)
    return None if first is None else _of_another_key(model, of_keys, first)


def _of_another_key(model: Model, of_keys: dict[str, list[_Handled]], broken: Broken) -> Broken:
    """The impossible answer, with the key that the server takes for the same one, if it does."""
    at = next(one for of in of_keys.values() for one in of if one.request.rpc == broken.rpc)
    key = at.input.key
    written = {
        other: done[-1].request.rpc
        for other, handled in of_keys.items()
        if other != key
        if (done := [one for one in handled if one.call < broken.place and _has_written(one)])
    }

    def fits(other: str) -> bool:
        return _possible(model, [*of_keys[key], *_renamed(of_keys[other], key)], broken.place)

    other = collisions.closest(key, [*written], fits)
    if other is None:
        return broken
    sentence = f"{broken.sentence} {collisions.right_for(other, written[other])}"
    return replace(broken, sentence=sentence, others=[*broken.others, written[other]])


def _has_written(one: _Handled) -> bool:
    return not isinstance(one.input, Get) and one.ret is not None and _was_done(one)


def _renamed(handled: Sequence[_Handled], key: str) -> list[_Handled]:
    """Requests as if they had been about another key."""
    return [replace(one, input=one.input._replace(key=key)) for one in handled]


def _first_of_key(model: Model, handled: Sequence[_Handled], *, in_group: bool) -> Broken | None:
    at = _first_impossible(model, handled)
    return None if at is None else _sentence(model, handled, at, in_group=in_group)


def _first_impossible(model: Model, handled: Sequence[_Handled]) -> _Handled | None:
    answered = sorted(
        (one for one in handled if one.ret is not None), key=lambda one: one.ret or 0
    )
    if not answered or _possible(model, handled, None):
        return None
    low, high = 0, len(answered) - 1
    while low < high:
        middle = (low + high) // 2
        if _possible(model, handled, answered[middle].ret):
            low = middle + 1
        else:
            high = middle
    return answered[low]


def _possible(
    model: Model,
    handled: Sequence[_Handled],
    until: int | None,
    instead: tuple[_Handled, Any] | None = None,
) -> bool:
    """Whether the answers given until then fit, one of them replaced perhaps."""
    history = []
    for one in handled:
        if until is not None and one.call > until:
            continue
        known = one.ret is not None and (until is None or one.ret <= until)
        output = one.output
        if instead is not None and one is instead[0]:
            output = instead[1]
        history.append(
            Operation(
                f"#{one.request.rpc}",
                one.input,
                output if known else None,
                one.call,
                one.ret if known else None,
            )
        )
    return not isinstance(check(model, history, budget=_BUDGET), Illegal)


def _sentence(
    model: Model, handled: Sequence[_Handled], at: _Handled, *, in_group: bool
) -> Broken:
    """Which answer was expected, and why, in the words of the lab."""
    before = [
        one for one in handled if one.ret is not None and one.ret < (at.ret or 0) and one is not at
    ]
    wrote = [one for one in before if not isinstance(one.input, Get) and _was_done(one)]
    possible = [
        output
        for output in _answers(model, at, wrote)
        if _possible(model, handled, at.ret, (at, output))
    ]
    got, name = _shown(at, at.output), f"#{at.request.rpc}"
    together = [one for one in wrote if (one.ret or 0) > at.call]
    who = at.request.server if in_group else "The server"
    said = f"{who} answered {got} to {name} ({_asked(at)})"
    expected = listed([_shown(at, output) for output in possible], "or") if possible else ""
    others = [one.request.rpc for one in (wrote[-1:] or [])]
    sentence = f"{said}: expected {expected}. " if expected else f"{said}. "
    sentence += _because(model, at, wrote)
    perhaps = ""
    if together and not isinstance(at.input, Get) and not in_group:
        both = listed([f"#{one.request.rpc}" for one in [*together, at]])
        others = [one.request.rpc for one in together]
        perhaps = (
            f"{both} were in the server at the same time: one may have run between the check and "
            "the write of the other."
        )
    return Broken(
        at.ret or 0,
        sentence.strip(),
        rpc=at.request.rpc,
        others=others,
        together=others if perhaps else [],
        perhaps=perhaps,
        in_short=f"{said}: expected {expected}." if expected else f"{said}.",
    )


def _was_done(one: _Handled) -> bool:
    return one.output == "OK" or not (isinstance(one.input, Put) and one.input.version is not None)


def _answers(model: Model, at: _Handled, wrote: Sequence[_Handled]) -> list[Any]:
    """The answers there might have been, the likeliest first."""
    if model is kv:
        if isinstance(at.input, Put):
            return ["OK", "ErrVersion", "ErrNoKey"]
        puts = [
            (one.input.value, (one.input.version or 0) + 1, "OK")
            for one in wrote[::-1]
            if isinstance(one.input, Put)
        ]
        return [*dict.fromkeys(puts[:8]), ("", 0, "ErrNoKey")]
    texts = [""]
    for one in wrote:
        if isinstance(one.input, Put):
            texts.append(one.input.value)
        elif isinstance(one.input, Append):
            texts.append(texts[-1] + one.input.value)
    return list(dict.fromkeys(texts[::-1]))[:8]


def _because(model: Model, at: _Handled, wrote: Sequence[_Handled]) -> str:
    key = at.input.key
    if not wrote:
        return f"No put of {values.shown(key)} had been carried out."
    last = wrote[-1]
    if model is kv:
        assert isinstance(last.input, Put)
        version = (last.input.version or 0) + 1
        if isinstance(at.input, Put):
            return f"{values.shown(key)} was at version {version} since #{last.request.rpc}."
        return f"#{last.request.rpc} had put {values.shown(last.input.value)} as v{version}."
    done = "put" if isinstance(last.input, Put) else "appended"
    return f"#{last.request.rpc} had {done} {values.shown(_written(last))}."


def _written(one: _Handled) -> str:
    return "" if isinstance(one.input, Get) else one.input.value


def _asked(one: _Handled) -> str:
    name = type(one.input).__name__
    return values.operation(name.lower(), [part for part in one.input if part is not None])


def _shown(one: _Handled, output: Any) -> str:
    if isinstance(output, tuple):
        return values.result(output)
    return str(output) if one.request.verb == "put" else values.shown(output)


# -- the server of 2024 -------------------------------------------------------------------------


def _of_appends(
    outcome: Outcome,
    asked: Sequence[Request],
    keys: Container[Hashable] | None,
    *,
    in_group: bool,
) -> Broken | None:
    """The first answer that is impossible if each operation is carried out once.

    Its other requests are repetitions: they must be answered as the first was, and change nothing.
    """
    groups: dict[int, list[Request]] = {}
    for request in asked:
        if request.op is not None:
            groups.setdefault(request.op, []).append(request)
    clerks = {op for op in groups if _is_clerks(outcome, op)}
    foreign = [one for one in asked if one.op not in clerks and one.verb != "get"]
    if any("key" not in one.args for one in foreign):
        return None  # somebody wrote, and nobody knows what
    written = {one.args["key"] for one in foreign}
    groups = {
        op: group
        for op, group in groups.items()
        if op in clerks and outcome.history.ops[op].args[0] not in written
    }
    once = [one for op, group in groups.items() if (one := _once(outcome, op, group)) is not None]
    again = [broken for group in groups.values() if (broken := _differs(group, keys)) is not None]
    broken = _first(kv_append, once, keys, in_group=in_group)
    if broken is not None:
        wrong, at = next(one for one in asked if one.rpc == broken.rpc), broken.place

        def fits_without(ops: set[int]) -> bool:
            of_key = [one for one in once if one.input.key == wrong.args["key"]]
            return _possible(kv_append, [one for one in of_key if one.request.op not in ops], at)

        taken = identity.taken(outcome, asked, in_group=in_group)
        alike = identity.behind(outcome, taken, wrong, broken, fits_without)
        if alike is not None:
            return alike
        if not in_group:
            broken = _in_progress(groups, broken)
        rpcs = {one.rpc for one in taken}
        broken = _carried_out_again(outcome, groups, broken, keys, rpcs) or broken
    if broken is None and not again:
        return identity.of_crowd(outcome, identity.taken(outcome, asked, in_group=in_group))
    return min([*again, *([broken] if broken else [])], key=lambda one: one.place, default=None)


def _is_clerks(outcome: Outcome, op: int) -> bool:
    """Whether an operation is one of a clerk, and says what it asks for."""
    asked = outcome.history.ops[op]
    return len(asked.args) == {"get": 1, "put": 2, "append": 2}.get(asked.method)


def _once(outcome: Outcome, op: int, group: Sequence[Request]) -> _Handled | None:
    """An operation as it was first carried out."""
    asked = outcome.history.ops[op]
    call = min(one.arrivals[0] for one in group)
    answered = [one for one in group if one.answers]
    first = min(answered, key=lambda one: one.answers[0][0], default=None)
    made = {"get": Get, "put": Put, "append": Append}[asked.method]
    if first is None:
        return (
            None
            if asked.method == "get"
            else _Handled(group[0], made(*asked.args), call, None, None)
        )
    text = _text(first)
    if asked.method == "get" and text is None:
        return None
    return _Handled(first, made(*asked.args), call, first.answers[0][0], text)


def _text(request: Request) -> str | None:
    """The one text in an answer that is no error; a put has none."""
    if request.verb == "put":
        return None
    said = request.answered or {}
    found = [v for k, v in said.items() if isinstance(v, str) and k != "err"]
    return found[0] if len(found) == 1 else None


def _differs(group: Sequence[Request], keys: Container[Hashable] | None) -> Broken | None:
    """An append whose clerk heard another answer than that to the request carried out first.

    What is answered to a copy that nobody waits for any more is of no importance.
    """
    appends = [one for one in group if one.verb == "append" and one.answers]
    heard = [one for one in appends if one.fate == "reply"]
    if not heard or (keys is not None and appends[0].args.get("key") not in keys):
        return None
    first = min(appends, key=lambda one: one.answers[0][0])
    last = min(heard, key=lambda one: one.ended or 0)
    was, now = first.answers[0][1], last.answers[0][1]
    same = was == now if _text(first) is None else _text(first) == _text(last)
    return None if same else _repeated(first, last, last.answers[0][0], was, now)


def _repeated(before: Request, one: Request, place: int, first: bytes, payload: bytes) -> Broken:
    was, now = values.reply(first), values.reply(payload)
    who = f"#{one.rpc} repeats #{before.rpc}"
    if differing := [f for f in one.args if one.args[f] != before.args.get(f)]:
        fields = listed([f"{f}={before.args.get(f)!r} and {one.args[f]!r}" for f in differing])
        sentence = (
            f"#{before.rpc} and #{one.rpc} are the same Append, but were sent with {fields}: the "
            "server cannot know that one repeats the other, and has carried out both."
        )
        return Broken(place, sentence, rpc=one.rpc, others=[before.rpc])
    sentence = (
        f"{who}: expected the answer {was}, got {now}. A repetition must get the answer of the "
        "first request, and change nothing."
    )
    return Broken(place, sentence, rpc=one.rpc, others=[before.rpc])


def _carried_out_again(
    outcome: Outcome,
    groups: dict[int, list[Request]],
    broken: Broken,
    keys: Container[Hashable] | None,
    taken: Container[int],
) -> Broken | None:
    """The same, if it fits where a repetition was carried out once more: that is what is wrong.

    `taken` are the requests that a server may have carried out.
    """
    tried = 0
    ops = outcome.history.ops
    wrong = next(op for op, group in groups.items() if broken.rpc in {one.rpc for one in group})
    for op, group in groups.items():
        if ops[op].method == "get" or ops[op].args[0] != ops[wrong].args[0]:
            continue
        arrivals = [(place, one) for one in group if one.rpc in taken for place in one.arrivals]
        arrivals.sort(key=lambda pair: pair[0])
        for place, one in arrivals[1:]:
            if place >= broken.place or tried >= _MOST_COPIES:
                break
            tried += 1
            if _fits_with(outcome, groups, broken, keys, op, place, one):
                first = arrivals[0][1]
                how = f"#{one.rpc} repeats #{first.rpc}"
                if one.rpc == first.rpc:
                    how = f"#{one.rpc} arrived twice"
                sentence = f"{how}, and was carried out again. {broken.sentence}"
                others = [*broken.others, one.rpc, first.rpc]
                return Broken(broken.place, sentence, rpc=broken.rpc, others=others)
    return None


def _in_progress(groups: dict[int, list[Request]], broken: Broken) -> Broken:
    """The same, if the server was still at the operation for another request, or copy, of it."""
    group = next(group for group in groups.values() if broken.rpc in {one.rpc for one in group})
    wrong = next(one for one in group if one.rpc == broken.rpc)
    if len([place for place in wrong.arrivals if place < broken.place]) > 1:
        sentence = f"Another copy of #{wrong.rpc} was still in progress then."
        return replace(
            broken, sentence=f"{broken.sentence} {sentence}", together=[wrong.rpc], perhaps=""
        )
    for one in group:
        ended = one.answers[0][0] if one.answers else None
        is_open = ended is None or ended > broken.place
        if one is not wrong and one.arrivals[0] < wrong.arrivals[0] and is_open:
            sentence = f"#{one.rpc}, which #{wrong.rpc} repeats, was still in progress then."
            return replace(
                broken, sentence=f"{broken.sentence} {sentence}", together=[one.rpc], perhaps=""
            )
    return broken


def _fits_with(
    outcome: Outcome,
    groups: dict[int, list[Request]],
    broken: Broken,
    keys: Container[Hashable] | None,
    op: int,
    place: int,
    one: Request,
) -> bool:
    once = [h for o, group in groups.items() if (h := _once(outcome, o, group)) is not None]
    mine = next((h for h in once if h.request.op == op), None)
    if mine is None:
        return False
    copy = _Handled(one, mine.input, place, None, None)
    return all(
        _possible(kv_append, handled, broken.place)
        for handled in _by_key([*once, copy], keys)
        if any(h.input.key == mine.input.key for h in handled)
    )
