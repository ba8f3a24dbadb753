"""Tests of the wire codec: exact round trips, pure bytes, and errors that name the field."""

import dataclasses
import enum
import os
import subprocess
import sys
import types
import typing
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labrpc.codec import codec
from labrpc.errors import NotAMessage
from labrpc.signature import PrivateFieldWarning

T = TypeVar("T")


class Err(enum.StrEnum):
    OK = "OK"
    VERSION = "ErrVersion"


class Role(enum.Enum):
    FOLLOWER = 1
    LEADER = 2


@dataclass(frozen=True, slots=True)
class PutArgs:
    key: str
    value: str
    version: int


@dataclass(frozen=True, slots=True)
class PutReply:
    err: Err


@dataclass
class Entry:
    term: int
    command: bytes
    tags: list[str] = field(default_factory=list)


class Point(NamedTuple):
    x: int
    y: int


class Inc(msgspec.Struct, tag=True, frozen=True):
    by: int


class Dec(msgspec.Struct, tag=True, array_like=False):
    by: int
    why: str | None = None


class Compact(msgspec.Struct, array_like=True, omit_defaults=True):
    term: int
    votes: list[int] = []


class Box(msgspec.Struct, Generic[T]):
    item: T


@dataclass
class Tree:
    name: str
    children: "list[Tree]" = field(default_factory=list)
    by_name: "dict[str, Tree | None]" = field(default_factory=dict)


@dataclass
class Everything:
    number: int
    ratio: float
    entries: list[Entry]
    by_key: dict[str, PutArgs]
    by_shard: dict[int, list[str]]
    by_pair: dict[tuple[int, str], Role]
    by_bytes: dict[bytes, bool]
    by_err: dict[Err, int]
    place: Point
    command: Inc | Dec | None
    votes: tuple[int, ...]
    pair: tuple[bool, Err]
    compact: Compact
    tree: Tree
    boxes: tuple[Box[int], Box[str]]
    literal: Literal["a", "b"] = "a"
    maybe: int | str | None = None


ints = st.integers(-(2**63), 2**64 - 1)
small = st.integers(-300, 300)
words = st.text(max_size=8)
errs = st.sampled_from(Err)
puts = st.builds(PutArgs, words, words, ints)
entries = st.builds(Entry, ints, st.binary(max_size=8), st.lists(words, max_size=3))
trees = st.recursive(
    st.builds(Tree, words),
    lambda kids: st.builds(
        Tree, words, st.lists(kids, max_size=2), st.dictionaries(words, kids, max_size=2)
    ),
    max_leaves=5,
)
everything = st.builds(
    Everything,
    number=ints,
    ratio=st.floats(allow_nan=False),
    entries=st.lists(entries, max_size=3),
    by_key=st.dictionaries(words, puts, max_size=3),
    by_shard=st.dictionaries(small, st.lists(words, max_size=2), max_size=4),
    by_pair=st.dictionaries(st.tuples(small, words), st.sampled_from(Role), max_size=4),
    by_bytes=st.dictionaries(st.binary(max_size=3), st.booleans(), max_size=3),
    by_err=st.dictionaries(errs, ints, max_size=2),
    place=st.builds(Point, small, small),
    command=st.none() | st.builds(Inc, ints) | st.builds(Dec, ints, st.none() | words),
    votes=st.lists(ints, max_size=3).map(tuple),
    pair=st.tuples(st.booleans(), errs),
    compact=st.builds(Compact, ints, st.lists(ints, max_size=2)),
    tree=trees,
    boxes=st.tuples(st.builds(Box, ints), st.builds(Box, words)),
    literal=st.sampled_from(["a", "b"]),
    maybe=st.none() | ints | words,
)


def rebuilt(value: Any) -> Any:
    """An equal value that shares no mutable part with `value`, and whose dicts run backwards."""
    if isinstance(value, dict):
        return {rebuilt(key): rebuilt(item) for key, item in reversed(value.items())}
    if isinstance(value, Point):
        return Point(*map(rebuilt, value))
    if isinstance(value, (list, tuple)):
        return type(value)(map(rebuilt, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        words = [f.name for f in dataclasses.fields(value)]
        return type(value)(**{word: rebuilt(getattr(value, word)) for word in words})
    if isinstance(value, msgspec.Struct):
        words = list(value.__struct_fields__)
        return type(value)(**{word: rebuilt(getattr(value, word)) for word in words})
    if type(value) is str:
        return "".join(list(value))
    return value


def parts(value: Any) -> list[object]:
    """The mutable objects of a value, itself included."""
    if isinstance(value, dict):
        return [value, *(part for item in value.values() for part in parts(item))]
    if isinstance(value, (list, tuple)):
        own = [value] if isinstance(value, list) else []
        return own + [part for item in value for part in parts(item)]
    if hasattr(value, "__dict__") and not isinstance(value, (enum.Enum, type)):
        return [value, *(part for item in vars(value).values() for part in parts(item))]
    return []


@given(everything)
def test_a_decoded_value_equals_the_encoded_one_and_shares_nothing_with_it(
    value: Everything,
) -> None:
    wire = codec(Everything)
    decoded = wire.decode(wire.encode(value))
    assert decoded == value
    assert repr(rebuilt(rebuilt(decoded))) == repr(decoded)
    assert not {id(part) for part in parts(decoded)} & {id(part) for part in parts(value)}


@given(everything)
def test_equal_values_built_differently_have_equal_bytes(value: Everything) -> None:
    wire = codec(Everything)
    other = rebuilt(value)
    assert other == value
    assert wire.encode(other) == wire.encode(value)
    assert wire.encode(wire.decode(wire.encode(value))) == wire.encode(value)


@given(st.dictionaries(words, st.dictionaries(words, small, max_size=4), max_size=4))
def test_equal_dicts_of_str_have_equal_bytes(table: dict[str, dict[str, int]]) -> None:
    wire = codec(dict[str, dict[str, int]])
    assert wire.encode(rebuilt(table)) == wire.encode(table)


def test_dicts_arrive_sorted_by_key() -> None:
    assert list(codec(dict[str, int]).decode(codec(dict[str, int]).encode({"b": 1, "a": 2}))) == [
        "a",
        "b",
    ]
    wire = codec(dict[int, dict[str, int]])
    decoded = wire.decode(wire.encode({300: {}, -1: {"b": 1, "a": 2}, 2: {}}))
    assert list(decoded) == [-1, 2, 300]
    assert list(decoded[-1]) == ["a", "b"]


def test_the_bytes_are_msgpack_with_the_fields_by_name() -> None:
    data = codec(PutArgs).encode(PutArgs("k", "v", 3))
    assert data == b"\x83\xa3key\xa1k\xa5value\xa1v\xa7version\x03"
    assert codec(tuple[str, int]).encode(("k", 1)) == b"\x92\xa1k\x01"


HASH_SEED_PROBE = """
from labrpc.codec import codec
words = set("the order of a set of words depends on the hash seed".split())
print(codec(dict[str, int]).encode({word: len(word) for word in words}).hex())
print(codec(dict[bytes, int]).encode({word.encode(): 1 for word in words}).hex())
"""


def test_bytes_do_not_depend_on_the_hash_seed() -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", HASH_SEED_PROBE],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0]
    assert outputs[0] == outputs[1]


# labgob's own three tests.


def test_gob_round_trip_of_nested_values() -> None:
    value = Everything(
        number=2**64 - 1,
        ratio=0.5,
        entries=[Entry(1, b"\x00\xff", ["a"]), Entry(2, b"")],
        by_key={"k": PutArgs("k", "v", 0)},
        by_shard={2: ["g"], 1: []},
        by_pair={(1, "a"): Role.LEADER},
        by_bytes={b"": True},
        by_err={Err.OK: 1},
        place=Point(3, 4),
        command=Dec(1, "because"),
        votes=(1, 2),
        pair=(False, Err.VERSION),
        compact=Compact(7),
        tree=Tree("root", [Tree("leaf")], {"x": None}),
        boxes=(Box(1), Box("one")),
        maybe="text",
    )
    decoded = codec(Everything).decode(codec(Everything).encode(value))
    assert decoded == value
    assert type(decoded.command) is Dec
    assert type(decoded.place) is Point
    assert decoded.pair[1] is Err.VERSION


@dataclass
class Hidden:
    shown: int
    _hidden: int


@dataclass
class Outer:
    slots: list[dict[str, Hidden]]


def test_gob_warns_once_of_a_private_field_in_a_list_of_dicts() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        wire = codec(Outer)
        codec(Outer, "again")
        codec(list[Hidden])
    assert [warning.category for warning in caught] == [PrivateFieldWarning]
    text = str(caught[0].message)
    assert "Hidden._hidden" in text
    assert f"{Path(__file__).name}:" in text
    value = Outer([{"a": Hidden(1, 2)}])
    assert wire.decode(wire.encode(value)) == value  # a warning only: the field does travel


@dataclass
class Defaults:
    version: int = 7
    value: str = "old"
    log: list[int] = field(default_factory=lambda: [1, 2])


@pytest.mark.parametrize("kind", [Defaults, Compact])
def test_gob_default_values_overwrite_and_every_decoded_value_is_fresh(kind: type) -> None:
    wire = codec(kind)
    zero = Defaults(0, "", []) if kind is Defaults else Compact(0, [])
    data = wire.encode(zero)
    first, second = wire.decode(data), wire.decode(data)
    assert first == second == zero
    assert first is not second
    (log,) = [part for part in parts_of_fields(first) if isinstance(part, list)]
    log.append(9)
    assert second == zero
    assert wire.decode(data) == zero


def parts_of_fields(value: Any) -> list[object]:
    names = getattr(value, "__struct_fields__", None) or [
        f.name for f in dataclasses.fields(value)
    ]
    return [getattr(value, name) for name in names]


# What a type may not be.


@dataclass
class Tagged:
    tags: set[str]


@dataclass
class Nested:
    first: int
    rows: dict[str, list[Tagged | None]]


@dataclass
class Untyped:
    log: list  # type: ignore[type-arg]


@dataclass
class AnyKey:
    table: dict[int | str, int]


@dataclass
class FloatKey:
    table: list[dict[float, int]]


@dataclass
class Callback:
    done: "type[int]"


@dataclass
class Ambiguous:
    command: PutArgs | PutReply


@dataclass
class Unresolved:
    other: "Misspelt"  # type: ignore[name-defined]  # noqa: F821


@dataclass
class Unused:
    extra: dataclasses.InitVar[int]


class Mixed(enum.Enum):
    A = 1
    B = "b"


class Opaque:
    pass


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Tagged, ["Tagged.tags is annotated as a set", "sorted list", f"{Path(__file__).name}:"]),
        (Nested, ["Nested.rows[...][...].tags is annotated as a set"]),
        (frozenset[int], ["frozenset[int] is annotated as a set"]),
        (Untyped, ["Untyped.log[...] must name the type it holds", "list[str]"]),
        (Any, ["must name the type it holds"]),
        (list, ["list[...] must name the type"]),
        (Box, ["Box.item must name the type"]),
        (object, ["object must be a message or plain data, got object", "dataclass"]),
        (
            Opaque,
            [
                "Opaque must be a message or plain data, got Opaque",
                "make it a dataclass or a msgspec.Struct",
            ],
        ),
        (tuple[int, Opaque], ["[1] must be a message or plain data, got Opaque"]),
        (Callback, ["Callback.done must be a message or plain data, got type"]),
        (bytearray, ["send an int, str or bytes"]),
        (AnyKey, ["a key of AnyKey.table must be int, str", "sorted"]),
        (FloatKey, ["a key of FloatKey.table[...] must be"]),
        (dict[frozenset[int], int], ["a key of dict[frozenset[int], int] is annotated as a set"]),
        (Ambiguous, ["Ambiguous: ", "PutArgs | ", "tag=True"]),
        (Mixed, ["Mixed: ", "all str or all int"]),
        (Unresolved, ["Unresolved has an annotation", "Misspelt", "TYPE_CHECKING"]),
        (Unused, ["Unused: ", "InitVar"]),
    ],
)
def test_a_type_that_cannot_travel_is_refused_by_name(kind: Any, words: list[str]) -> None:
    for _ in range(2):  # the second time as well: a refusal leaves no half-made codec behind
        with pytest.raises(NotAMessage) as refusal:
            codec(kind)
        for word in words:
            assert word in str(refusal.value)


def test_a_refusal_gives_the_line_of_the_class_that_holds_the_field() -> None:
    lines = Path(__file__).read_text().splitlines()
    line = lines.index("class Tagged:")  # the decorator's line, counted from 1
    with pytest.raises(NotAMessage, match=rf"{Path(__file__).name}:{line}\)"):
        codec(Nested)


def test_names_are_resolved_in_the_module_of_each_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wire_names_a.py").write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "@dataclass\nclass Inner:\n    key: Key\n"
        "Key = int\n"
    )
    (tmp_path / "wire_names_b.py").write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from wire_names_a import Inner as Theirs\n"
        "@dataclass\nclass Outer:\n    inner: Theirs\n    key: Key\n"
        "@dataclass\nclass Child(Theirs):\n    own: Key\n"
        "Key = str\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from wire_names_a import Inner  # type: ignore[import-not-found]
    from wire_names_b import Child  # type: ignore[import-not-found]
    from wire_names_b import Outer as Whole

    wire = codec(Whole)
    assert wire.decode(wire.encode(Whole(Inner(1), "k"))) == Whole(Inner(1), "k")
    with pytest.raises(NotAMessage, match=r"Outer.inner.key must be int, got 'k' \(str\)"):
        wire.encode(Whole(Inner("k"), "k"))
    assert codec(Child).encode(Child(1, "k"))
    with pytest.raises(NotAMessage, match=r"Child.own must be str"):
        codec(Child).encode(Child(1, 1))


# What a value may not be.


class Text(str):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class BetterArgs(PutArgs):
    more: int = 0


def entry(**changes: Any) -> Entry:
    return dataclasses.replace(Entry(1, b"x", ["a"]), **changes)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (PutReply, PutReply(None), "PutReply.err must be Err, got None"),  # type: ignore[arg-type]
        (PutReply, PutReply("OK"), "PutReply.err must be Err, got 'OK' (str)"),  # type: ignore[arg-type]
        (PutReply, None, "PutReply must be PutReply, got None"),
        (
            PutReply,
            PutArgs("k", "v", 0),
            "PutReply must be PutReply, got a value of class PutArgs",
        ),
        (PutArgs, BetterArgs("k", "v", 0), "must be PutArgs, got a value of class BetterArgs"),
        (PutArgs, PutArgs("k", "v", True), "PutArgs.version must be int, got True (bool)"),
        (
            PutArgs,
            PutArgs(Text("k"), "v", 0),
            "PutArgs.key must be str, got a value of class Text",
        ),
        (PutArgs, PutArgs({"k"}, "v", 0), "PutArgs.key must be str, got a value of class set"),  # type: ignore[arg-type]
        (
            PutArgs,
            PutArgs("k", "v", 2**64),
            "PutArgs.version must be an int of 64 bits, got an int of 65 bits",
        ),
        (
            PutArgs,
            PutArgs("k", "v", -(2**63) - 1),
            "PutArgs.version must be an int of 64 bits, got an int of 64 bits",
        ),
        (
            PutArgs,
            PutArgs("k", "v", 10**5000),
            "must be an int of 64 bits, got an int of 16610 bits",
        ),
        (PutArgs, PutArgs("k", "\ud800", 0), "PutArgs.value must be valid Unicode, got"),
        (Entry, entry(tags={"a"}), "Entry.tags must be list, got a value of class set: a set has"),
        (Entry, entry(tags=frozenset("a")), "sorted list or tuple"),
        (Entry, entry(tags=("a",)), "Entry.tags must be list, got a value of class tuple"),
        (Entry, entry(tags=["a", None]), "Entry.tags[1] must be str, got None"),
        (Entry, entry(command="x"), "Entry.command must be bytes, got 'x' (str)"),
        (Entry, entry(command=bytearray(b"x")), "got a value of class bytearray"),
        (list[Entry], [entry(), entry(tags=[{"a"}])], "list[Entry][1].tags[0] must be str"),
        (
            dict[str, list[int]],
            {"a": [0, 2**65]},
            "['a'][1] must be an int of 64 bits, got an int of 66 bits",
        ),
        (dict[int, int], {True: 1}, "a key of dict[int, int] must be int, got True (bool)"),
        (dict[str, int], {"\udfff": 1}, "a key of dict[str, int] must be valid Unicode"),
        (tuple[int, str], (1,), "must have 2 items, got 1"),
        (tuple[int, str], (1, 2), "[1] must be str, got 2 (int)"),
        (tuple[int, ...], (1, 2, "x"), "[2] must be int"),
        (Literal["a", "b"], "c", "must be one of ('a', 'b'), got 'c' (str)"),
        (float, "1", "must be float or int, got '1' (str)"),
        (float, 2**70, "must be an int of 64 bits, got an int of 71 bits"),
        (int | None, "x", "must be int or None, got 'x' (str)"),
        (list[int] | None, [1, "x"], "[1] must be int"),
        (Inc | Dec, Dec(2**64), ".by must be an int of 64 bits, got an int of 65 bits"),
        (Tree, Tree("a", [Tree("b", [], {"k": 3})]), "Tree.children[0].by_name['k'] must be"),  # type: ignore[dict-item]
        (tuple[Box[int], Box[str]], (Box(1), Box(2)), "[1].item must be str, got 2 (int)"),
        (Point, Point(1, "y"), "Point.y must be int"),  # type: ignore[arg-type]
    ],
)
def test_a_value_that_does_not_fit_is_refused_at_the_sender(
    kind: Any, value: object, text: str
) -> None:
    name = "list[Entry]" if kind == list[Entry] else ""
    with pytest.raises(NotAMessage) as refusal:
        codec(kind, name).encode(value)
    assert text in str(refusal.value)


def test_one_type_under_two_names_is_refused_under_each() -> None:
    for name in ("Server.get's Pair", "Server.put's Pair"):
        with pytest.raises(NotAMessage, match=f"^{name}"):
            codec(tuple[int, str], name).encode((1, 2))
        with pytest.raises(NotAMessage, match=f"^{name}"):
            codec(set[int], name)


def test_a_field_that_was_never_set_is_refused() -> None:
    value = entry()
    del value.term
    with pytest.raises(NotAMessage, match=r"Entry\.term was never set"):
        codec(Entry).encode(value)


def test_a_value_that_contains_itself_is_refused() -> None:
    loop = Tree("loop")
    loop.children.append(loop)
    with pytest.raises(NotAMessage, match="Tree is nested too deeply, or contains itself"):
        codec(Tree).encode(loop)


def test_an_attribute_that_is_no_field_does_not_travel() -> None:
    value = entry()
    value.__dict__["extra"] = {"a"}
    assert codec(Entry).encode(value) == codec(Entry).encode(entry())


def test_ints_travel_up_to_the_ends_of_their_range_and_no_further() -> None:
    wire = codec(int)
    for edge in (-(2**63), 2**64 - 1):
        assert wire.decode(wire.encode(edge)) == edge
    for beyond in (-(2**63) - 1, 2**64):
        with pytest.raises(NotAMessage):
            wire.encode(beyond)


# A brute-force twin of the generated tests: annotations looked at one by one, by other means.

KINDS: list[Any] = [
    int,
    str,
    float,
    Err,
    int | None,
    list[int],
    list[str | None],
    tuple[int, ...],
    tuple[str, int],
    dict[str, list[int]],
    dict[int, str],
    list[tuple[int, str]] | None,
    Literal["a", "b"],
    PutArgs,
    Entry,
    list[PutArgs],
    Tree,
    Inc | Dec | None,
]


def fits(kind: Any, value: Any) -> bool:
    """Whether value is of the kind, read from what `typing` and the class say of it."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return any(fits(option, value) for option in args)
    if origin is Literal:
        return type(value) is str and value in args
    if origin is list:
        return type(value) is list and all(fits(args[0], item) for item in value)
    if origin is dict:
        return type(value) is dict and all(
            fits(args[0], key) and fits(args[1], item) for key, item in value.items()
        )
    if origin is tuple and args[-1] is ...:
        return type(value) is tuple and all(fits(args[0], item) for item in value)
    if origin is tuple:
        return type(value) is tuple and len(value) == len(args) and all(map(fits, args, value))
    if type(value) is int and kind in (int, float):
        return -(2**63) <= value < 2**64
    if type(value) is not kind:
        return False
    hints = typing.get_type_hints(kind) if hasattr(kind, "__annotations__") else {}
    return all(fits(hint, getattr(value, name)) for name, hint in hints.items())


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from([2**63, 2**64, -(2**63) - 1])
    | st.floats(allow_nan=False)
    | st.sampled_from(["a", "b", "OK"])
    | st.binary(max_size=1)
    | errs
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.sampled_from(["a", "b", 1, True]), inner, max_size=2)
        | st.frozensets(scalars, max_size=2)
        | st.builds(PutArgs, inner, scalars, scalars)
        | st.builds(Entry, scalars, st.binary(max_size=1), inner)
        | st.builds(Tree, st.just("t"), st.lists(inner, max_size=2), st.just({}))
        | st.builds(Dec, scalars, inner)
    ),
    max_leaves=6,
)
digits = st.integers(-2, 2) | st.sampled_from([2**63, 2**64])
letters = st.sampled_from(["a", "b", "c"])
# Values that fit the kind of the same place, or nearly: an int may be beyond 64 bits.
VALUES: list[st.SearchStrategy[Any]] = [
    digits,
    letters,
    st.floats(allow_nan=False) | digits,
    errs,
    st.none() | digits,
    st.lists(digits, max_size=3),
    st.lists(st.none() | letters, max_size=3),
    st.lists(digits, max_size=3).map(tuple),
    st.tuples(letters, digits),
    st.dictionaries(letters, st.lists(digits, max_size=2), max_size=2),
    st.dictionaries(digits, letters, max_size=2),
    st.none() | st.lists(st.tuples(digits, letters), max_size=2),
    letters,
    st.builds(PutArgs, letters, letters, digits),
    st.builds(Entry, digits, st.binary(max_size=1), st.lists(letters, max_size=2)),
    st.lists(st.builds(PutArgs, letters, letters, digits), max_size=2),
    trees,
    st.none() | st.builds(Inc, digits) | st.builds(Dec, digits, st.none() | letters),
]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Any, Any]:
    """A kind, and a value of it as often as one of another kind or of none."""
    i = draw(st.integers(0, len(KINDS) - 1))
    values = draw(st.sampled_from([VALUES[i], VALUES[i], VALUES[i], st.one_of(VALUES), anything]))
    return KINDS[i], draw(values)


@given(cases())
def test_encode_accepts_exactly_the_values_that_fit(case: tuple[Any, Any]) -> None:
    kind, value = case
    wire = codec(kind)
    if fits(kind, value):
        assert wire.decode(wire.encode(value)) == value
    else:
        with pytest.raises(NotAMessage):
            wire.encode(value)


# What bytes may not be.


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", "PutArgs"),
        (b"\xc1", "PutArgs"),
        (b"\x80", "PutArgs"),
        (b"\x83\xa3key\xa1k\xa5value\x07\xa7version\x03", "PutArgs.value"),
        (b"\x83\xa3key\xa1\xff", "PutArgs"),
    ],
)
def test_a_decode_error_names_field_and_sender(data: bytes, field: str) -> None:
    with pytest.raises(NotAMessage) as refusal:
        codec(PutArgs).decode(data, "from c0")
    ours, _, reason = str(refusal.value).partition(": ")
    assert ours == f"{field} (from c0) cannot be decoded"
    assert reason  # in the words of the decoder, which are its own


def test_a_decode_error_without_context_names_the_value_as_the_codec_was_told_to() -> None:
    with pytest.raises(NotAMessage) as refusal:
        codec(PutReply, "KVServer.put's PutReply").decode(b"\x81\xa3err\xc0")
    ours = "KVServer.put's PutReply.err cannot be decoded: "
    assert str(refusal.value).startswith(ours)


@dataclass
class Picky:
    size: int

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError("size is negative")


def test_what_a_message_raises_while_decoded_stays_the_cause() -> None:
    data = codec(Picky).encode(Picky(1)).replace(b"\x01", b"\xff")
    with pytest.raises(NotAMessage, match="Picky cannot be decoded: size is negative") as refusal:
        codec(Picky).decode(data)
    assert isinstance(refusal.value.__cause__, ValueError)


@given(st.binary(max_size=30), st.integers(0, 60))
def test_any_bytes_decode_or_are_refused(noise: bytes, cut: int) -> None:
    wire = codec(list[Entry])
    whole = wire.encode([entry(), entry(tags=["b", "c"])])
    for data in (noise, whole[:cut] + noise):
        try:
            value = wire.decode(data)
        except NotAMessage:
            continue
        assert fits(list[Entry], value)


def test_importing_the_codec_is_light() -> None:
    probe = (
        "import sys, labrpc.codec\n"
        "print([name for name in ('numpy', 'pytest', 'tester', 'click') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


# -- lists of flat records ------------------------------------------------------------------------


class Flat(msgspec.Struct):
    """A record of scalars: a list of them is tested field by field."""

    term: int
    command: bytes | None
    role: Role = Role.LEADER


@dataclass
class Slotless:
    """One whose field can be missing."""

    term: int


class Other(Flat):
    """A subclass, which is another class."""


_ODD = st.sampled_from([True, 1.5, "1", b"1", None, Role.FOLLOWER, Err.OK, 2**64, -(2**63) - 1])


@given(
    rows=st.lists(st.tuples(st.integers(0, 9), st.none() | st.binary(max_size=3)), max_size=5),
    wrong=st.none() | st.tuples(st.integers(0, 4), st.sampled_from(Flat.__struct_fields__), _ODD),
)
def test_a_list_of_flat_records_is_refused_exactly_where_one_of_them_is(
    rows: list[tuple[int, bytes | None]], wrong: tuple[int, str, object] | None
) -> None:
    records = [Flat(*row) for row in rows]
    if wrong is not None and wrong[0] < len(records):
        setattr(records[wrong[0]], wrong[1], wrong[2])

    def said(kind: Any, value: object) -> str:
        try:
            assert codec(kind).decode(codec(kind).encode(value)) == value
        except NotAMessage as error:
            return str(error)
        return ""

    single = [said(Flat, record) for record in records]
    assert bool(said(list[Flat], records)) == any(single)
    assert bool(said(dict[int, Flat], dict(enumerate(records)))) == any(single)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([Flat(1, b""), Other(1, b"")], "list[Flat][1] must be Flat, got a value of class Other"),
        ([Flat(1, b""), None], "list[Flat][1] must be Flat, got None"),
        ([Flat(1, b""), Flat(1, 2)], "list[Flat][1].command must be bytes or None, got 2 (int)"),  # type: ignore[arg-type]
    ],
)
def test_what_does_not_fit_in_a_list_of_flat_records_is_named(value: Any, words: str) -> None:
    with pytest.raises(NotAMessage) as caught:
        codec(list[Flat]).encode(value)
    assert str(caught.value) == words


def test_a_field_that_was_never_set_is_named_in_a_list_of_flat_records() -> None:
    records = [Slotless(1), Slotless(2)]
    del records[1].term
    with pytest.raises(NotAMessage, match=r"list\[Slotless\]\[1\].term was never set"):
        codec(list[Slotless]).encode(records)
