"""What a clerk must make of the answers it hears: the rules of the key/value labs, one by one."""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from tester.report import values
from tester.report.broken import Broken, listed
from tester.report.exchange import Request
from tester.world.failure import TooManyRpcs
from tester.world.history import Op, operation_name
from tester.world.run import Outcome

_QUICK_US: Final = 50_000
"""A request that takes longer may have been sent again by a copy that never left."""
_WRONG_LEADER: Final = "ErrWrongLeader"
_DECIDES: Final = frozenset({"OK", "ErrNoKey", "ErrVersion"})
"""What a server says of a put that it has looked at: other errors say nothing of it."""
_VERBS: Final = frozenset({"get", "put", "append"})
_CROWD: Final = 3
"""This many copies of a request without a pause are no retries: they were sent at once."""
_PAUSE_US: Final = 15_000
"""Who lets less than this pass between two requests has not waited for a reply."""
_FEW: Final = 3
"""Of more requests without a reply, the first and the last are named."""
_SHOWN: Final = 6
"""This many requests are listed."""


def first_broken(
    outcome: Outcome,
    sent: Sequence[Request],
    returned: Mapping[int, int],
    keys: Container[Hashable] | None,
) -> Broken | None:
    """The first operation whose result is not what the answers to its requests allow."""
    own: dict[int, list[Request]] = {}
    for request in sent:
        if request.op is not None:
            own.setdefault(request.op, []).append(request)
    if isinstance(outcome.error, TooManyRpcs) and (flood := _flood(outcome, own)):
        return flood
    for op in sorted(returned, key=lambda number: returned[number]):
        asked = outcome.history.ops[op]
        if asked.method not in _VERBS or not asked.args:
            continue
        if keys is not None and asked.args[0] not in keys:
            continue
        rule = next(_broken_by(asked, own.get(op, [])), None)
        if rule is None and isinstance(outcome.error, TooManyRpcs):
            rule = _sent_once_more(asked, own.get(op, []))
        if rule is not None:
            return Broken(returned[op], rule, op=op, others=[one.rpc for one in own.get(op, [])])
    return None


def _broken_by(op: Op, sent: Sequence[Request]) -> Iterator[str]:
    name = op.method.capitalize()
    got = values.result(op.result)
    answers = "" if op.method == "put" and op.result is None else f" {got}"
    if not sent:
        yield f"{name} returned{answers} without a request: no server was asked."
        return
    if not any(request.fate == "reply" for request in sent):
        yield f"{name} returned{answers}, but {_unanswered(sent)}: {_again(name)}."
        return
    if op.method == "put" and len(op.args) == 3:
        puts = [one for one in sent if one.verb == "put" and {*one.args} >= {"key", "version"}]
        looked = len(puts) < len(sent)
        if not looked or any(one.args["version"] != op.args[2] for one in puts):
            yield from _of_put(op, str(op.result), puts)
    elif op.method == "get":
        yield from _of_get(op.result, got, sent)


def _unanswered(sent: Sequence[Request]) -> str:
    if len(sent) > 1:
        return f"none of its {len(sent)} requests was answered"
    why = {
        "reply lost": f"the reply to #{sent[0].rpc} was lost",
        "request lost": f"#{sent[0].rpc} was lost",
    }
    return why.get(sent[0].fate, f"#{sent[0].rpc} was not answered")


def _again(name: str) -> str:
    article = "an" if name[0] in "AEIOU" else "a"
    return f"{article} {name} without a reply must be sent again"


def _of_put(op: Op, result: str, puts: Sequence[Request]) -> Iterator[str]:
    """What is wrong with the result of a put of the versioned server."""
    version = op.args[2]
    other = next((one for one in puts if one.args["version"] != version), None)
    if other is not None:
        yield (
            f"Put was called with version {version}, and #{other.rpc} puts at version "
            f"{other.args['version']}: a Put is carried out at the version it was given, or not."
        )
    heard = [(one, str(one.heard["err"])) for one in puts if one.heard and "err" in one.heard]
    said = {err for _, err in heard}
    last = puts[-1]
    answer = str(last.heard["err"]) if last.heard and "err" in last.heard else ""
    if answer == "OK" != result:
        yield (
            f"The server answered OK to #{last.rpc}, but Put returned {result}: OK says that the "
            "Put was carried out."
        )
    if not said & _DECIDES:
        return
    doubtful = [one for one in puts[:-1] if one.fate != "reply" or _leads_not(one)]
    silent = [one for one in doubtful if one.fate != "reply"]
    refused = answer == "ErrVersion" and said <= {"ErrVersion", _WRONG_LEADER}
    if result in {"OK", "ErrVersion"} and refused and doubtful:
        yield _in_doubt(result, silent, last) if silent else _no_proof(result, doubtful, last)
    if result in {"OK", "ErrNoKey"} and result not in said:
        yield f"Put returned {result}, but no server answered {result} to it: {_heard(heard)}."
    if result == "ErrVersion" and "ErrVersion" not in said:
        yield f"No server answered ErrVersion to this Put: {_heard(heard)}."
    if result == "ErrMaybe" and len(puts) > 1 and answer == "ErrNoKey":
        yield _no_key(puts, last)
    quick = last.ended_us - last.sent_us < _QUICK_US
    if result == "ErrMaybe" and len(puts) == 1 and answer in {"ErrVersion", "ErrNoKey"} and quick:
        yield (
            f"This Put was sent once, as #{last.rpc}, and answered {answer}: it was not "
            f"carried out, so Put must return {answer}, not ErrMaybe."
        )


def _no_key(puts: Sequence[Request], last: Request) -> str:
    return (
        f"{listed([f'#{one.rpc}' for one in puts[-_SHOWN:]])} are the same Put, and #{last.rpc} "
        "was answered ErrNoKey: no key ever goes away, so none of them was carried out, and Put "
        "must return ErrNoKey, not ErrMaybe."
    )


def _flood(outcome: Outcome, own: Mapping[int, Sequence[Request]]) -> Broken | None:
    """The operation of which most copies of one request were sent at once."""
    batches = {op: max(_batches(sent), key=len) for op, sent in own.items()}
    op = max(batches, key=lambda number: len(batches[number]), default=None)
    if op is None or len(batches[op]) < _CROWD:
        return None
    batch, asked = batches[op], outcome.history.ops[op]
    before = [one for one in own[op] if one.sent < batch[0].sent]
    what = f"of the same {operation_name(asked.method)} "
    after = ""
    if before and before[-1].payload == batch[0].payload:
        what, after = "", f"after {_ended(before[-1])} "
    sentence = (
        f"{after}the clerk of {asked.node} sent {len(batch)} copies {what}at once, "
        f"#{batch[0].rpc} to #{batch[-1].rpc}: a request is sent again when there was no reply to "
        "the one before, and after a pause."
    )
    others = [one.rpc for one in (*before[-1:], batch[0], batch[-1])]
    said = sentence[:1].upper() + sentence[1:]
    return Broken(batch[0].sent, said, rpc=batch[0].rpc, others=others)


def _batches(sent: Sequence[Request]) -> list[list[Request]]:
    """The requests of an operation; those together that are equal and were sent at once."""
    found: dict[tuple[str, bytes], list[list[Request]]] = {}
    for one in sent:
        alike = found.setdefault((one.method, one.payload), [])
        batch = alike[-1] if alike else []
        is_open = any(other.ended is None or other.ended > one.sent for other in batch)
        if is_open and one.sent_us - batch[-1].sent_us < _PAUSE_US:
            batch.append(one)
        else:
            alike.append([one])
    return [batch for alike in found.values() for batch in alike]


def _ended(one: Request) -> str:
    """What became of a request, after "after"."""
    if one.fate == "reply":
        return f"#{one.rpc} had been answered {values.reply(one.answers[0][1])}"
    if one.fate == "reply lost":
        return f"the reply to #{one.rpc} was lost"
    return f"#{one.rpc} was lost" if one.fate == "request lost" else f"#{one.rpc} had no reply"


def _sent_once_more(op: Op, sent: Sequence[Request]) -> str | None:
    """A request that was sent though the one before it had been answered."""
    for before, after in pairwise(sent):
        if after.payload == before.payload and before.heard and before.ended_us <= after.sent_us:
            answer = values.reply(before.answers[0][1])
            return (
                f"#{before.rpc} had been answered {answer} when the clerk sent the same "
                f"{op.method.capitalize()} again, as #{after.rpc}."
            )
    return None


def _leads_not(one: Request) -> bool:
    """Whether a server answered that it does not lead: it may have led when it was asked."""
    return one.heard is not None and one.heard.get("err") == _WRONG_LEADER


def _no_proof(result: str, doubtful: Sequence[Request], last: Request) -> str:
    names = [f"#{one.rpc}" for one in doubtful[-_SHOWN:]]
    return (
        f"{listed(names)} were answered {_WRONG_LEADER}, which is no proof that nothing happened: "
        f"ErrVersion to #{last.rpc} may mean that one of them was carried out, so Put must return "
        f"ErrMaybe, not {result}."
    ).replace(f"{names[0]} were", f"{names[0]} was" if len(names) == 1 else f"{names[0]} were")


def _in_doubt(result: str, doubtful: Sequence[Request], last: Request) -> str:
    which = "it" if len(doubtful) == 1 else "one of those"
    silent = [f"#{one.rpc}" for one in doubtful]
    both, said = listed([*silent, f"#{last.rpc}"]), f"{listed(silent)} had no reply"
    if len(silent) > _FEW:
        both = f"{silent[0]}, ..., {silent[-1]} and #{last.rpc}"
        said = f"{silent[0]}, ..., {silent[-1]} had no reply"
    return (
        f"{both} are the same Put, and {said}: ErrVersion to #{last.rpc} may mean that {which} "
        f"was carried out, so Put must return ErrMaybe, not {result}."
    )


def _heard(heard: Sequence[tuple[Request, str]]) -> str:
    deciding = [(one, err) for one, err in heard if err != _WRONG_LEADER] or heard
    parts = [f"{err} to #{one.rpc}" for one, err in deciding[-_SHOWN:]]
    return f"it heard {listed(parts)}"


def _of_get(result: Any, got: str, sent: Sequence[Request]) -> Iterator[str]:
    """What is wrong with the result of a get: no server gave it."""
    gets = [one for one in sent if one.verb == "get" and one.heard is not None]
    if not gets or len({one.rpc for one in gets}) != len(sent) - _silent(sent):
        return
    if isinstance(result, list | tuple) and len(result) == 3:
        given: list[Any] = [_read(one.heard) for one in gets]
        wanted: Any = (*result[:2], str(result[2]))
    else:
        given = [_text(one.heard) for one in gets]
        wanted = result
    if None in given or wanted in given:
        return
    last = values.reply(gets[-1].answers[0][1])
    yield f"The server answered #{gets[-1].rpc} with {last}, but Get returned {got}."


def _silent(sent: Sequence[Request]) -> int:
    return sum(one.heard is None for one in sent)


def _read(heard: Mapping[str, Any] | None) -> tuple[Any, ...] | None:
    if heard is None or not {"value", "version", "err"} <= heard.keys():
        return None
    return heard["value"], heard["version"], heard["err"]


def _text(heard: Mapping[str, Any] | None) -> str | None:
    """The one text in an answer that is no error; None if there is none, or several."""
    found = [v for k, v in (heard or {}).items() if isinstance(v, str) and k != "err"]
    return found[0] if len(found) == 1 else None
