"""The names of a line's fields: which there are, and which name was probably meant.

What the format does not know travels as metadata. A reply under a wrong name would travel too, and
the operation would be judged as if it had none; so a name that looks like one of ours is refused
where the field it stands for is missing.
"""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]

FIELDS = frozenset(
    {"c", "op", "k", "v", "ver", "from", "call", "ret", "err", "rv", "rver", "status"}
)
OWN = frozenset({"t0", "t1", "meta", "metadata"})
"""Names of metadata that the documents suggest; they are never a slip."""

TELLS = frozenset({"get", "read", "dequeue", "pop", "delete-min", "contains", "txn"})
"""Operations whose reply is a value."""

_MEANT = {
    "rv": "value val result res reply response output out returned returnvalue rval observed",
    "rver": "version vers rversion returned_version",
    "err": "error errors errcode err_code code result reply response outcome ok",
    "status": "type state",
}
_ALIASES = {
    field: frozenset(name.replace("_", "") for name in names.split())
    for field, names in _MEANT.items()
}
_WHAT = {
    "rv": "the value returned",
    "rver": "the version returned",
    "err": "the error returned",
    "status": "ok, fail or info",
}


def misnamed(row: Row, op: str, *, returned: bool) -> str | None:
    """What is wrong with the names of a line, as a sentence; None if nothing is.

    `row` has fields that the format does not know, or fields that say nothing in this operation.
    """
    strange = sorted(row.keys() - FIELDS - OWN)
    for name in strange:
        plain = name.casefold().replace("_", "").replace("-", "")
        for field in _candidates(op, returned=returned):
            if field in row or (field == "rv" and "err" in row):
                continue
            if plain == field or plain in _ALIASES[field] or _one_edit(plain, field):
                return f"{name!r} is not a field of this format: {_WHAT[field]} is {field!r}"
    if not returned or op not in TELLS or "err" in row or "rv" in row or row.get("rver"):
        return None
    for name, field in (("v", "rv"), ("ver", "rver")):
        if row.get(name) and op not in ("contains", "txn"):
            return f"{name!r} says nothing in a {op}: {_WHAT[field]} is {field!r}"
    if strange:
        return (
            f"'rv' is missing, and {strange[0]!r} is not a field of this format:"
            f" expected the value returned as 'rv', or an 'err'"
        )
    return None


def _candidates(op: str, *, returned: bool) -> tuple[str, ...]:
    """The fields that a wrong name may stand for."""
    if not returned:
        return ("status",)
    return ("rv", "rver", "err", "status") if op in TELLS else ("err", "status")


def _one_edit(name: str, field: str) -> bool:
    """Whether a name is a field with one letter too many, too few, wrong, or two swapped."""
    if len(field) < 3 or abs(len(name) - len(field)) > 1:
        return False
    start = next(
        (i for i, (a, b) in enumerate(zip(name, field, strict=False)) if a != b), len(field)
    )
    one, other = name[start:], field[start:]
    return (
        one[1:] == other[1:]
        or one[1:] == other
        or one == other[1:]
        or (one[:2] == other[1::-1] and one[2:] == other[2:])
    )
