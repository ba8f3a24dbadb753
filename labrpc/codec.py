"""The wire codec: a value becomes bytes at its sender and a fresh, equal value at its receiver.

msgspec does the work. This module adds what msgspec leaves open, because here the bytes must be a
pure function of the value, and a mistake must be reported to the person who made it:

- A type that could carry a set, or an object of any class, is refused before the first message
  (`labrpc.signature.admit`).
- A value that is not of its annotated class is refused at the sender. msgspec encodes whatever it
  is handed, a set in hash order included; it looks at annotations only when it decodes.
- The keys of a dict travel sorted, so that two equal dicts have equal bytes.

The second costs a test per message, so each type's test is generated as one expression, the way
dataclasses write `__init__`: a loop over the fields takes five times as long. Only where the test
is false, or msgspec gives up, does `_find_misfit` walk through the value to name the field.
"""

import functools
import inspect
import operator
import re
import reprlib
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect as shape

from labrpc.errors import NotAMessage
from labrpc.signature import NO_SET, admit, class_of, classes_of, is_scalar, spell

_RECORDS = shape.DataclassType | shape.StructType | shape.NamedTupleType
UNDECODABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
"""What `Codec.unpack` raises."""
_PATH = re.compile(r" - at `\$(.*)`$")  # how msgspec ends an error: `$` is the message
_INT_MIN, _INT_MAX = -(2**63), 2**64 - 1  # what msgpack has room for


class Codec:
    """Encodes and decodes the values of one type. Get it from `codec` once, and keep it.

    `encode(value) -> bytes` raises NotAMessage, naming the field, if the value is not exactly of
    the annotated type or holds what has no bytes: an int beyond 64 bits, text that is not UTF-8.

    `decode(data, context="") -> value` raises NotAMessage, naming the field and the `context` (who
    sent it, as the caller knows), if the bytes are not those of such a value.

    `unpack(data) -> value` is the same for whoever decodes many: it raises one of UNDECODABLE, and
    `explain` makes a NotAMessage of that.
    """

    __slots__ = ("encode", "name", "unpack")

    encode: Callable[[Any], bytes]
    unpack: Callable[[bytes], Any]

    def __init__(self, kind: Any, name: str, rule: str) -> None:
        self.name = name
        self.encode = _encoder(_layout(kind, name), name, f"{rule} {spell(kind)}" if rule else "")
        self.unpack = msgspec.msgpack.Decoder(kind).decode

    def decode(self, data: bytes, context: str = "") -> Any:
        """See above."""
        try:
            return self.unpack(data)
        except UNDECODABLE as error:
            raise self.explain(error, context) from error.__cause__

    def explain(self, error: Exception, context: str = "") -> NotAMessage:
        """Say what `unpack` found; the error's cause, if any, is the message's __post_init__'s."""
        text = str(error)
        at = _PATH.search(text)
        field, found = (at[1], text[: at.start()]) if at else ("", text)
        sender = f" ({context})" if context else ""
        return NotAMessage(f"{self.name}{field}{sender} cannot be decoded: {found}")


@functools.cache
def codec(kind: Any, name: str = "", rule: str = "") -> Codec:
    """Return the codec of a message class, or of any type made of plain data.

    Plain data are None, bool, int (64 bits, signed or not), float, str, bytes, Enum and Literal,
    and the list, tuple, dict or union of plain data and messages. A message is a dataclass or a
    msgspec Struct; a NamedTuple may stand inside one. `name` is what errors call the value, and
    the root of the path to its fields; without it, the type's own name. `rule` begins the sentence
    about a value that is of another type altogether: "KVServer.put must return".

    Raises NotAMessage, naming field and file, for an annotation of anything else, and warns once
    per class of a private field.
    """
    return Codec(kind, name or spell(kind), rule)


_ENCODE = """
def encode(value):
    try:
        if {fits}:
            return pack(value)
        reason = ""
    except (AttributeError, OverflowError, RecursionError, UnicodeEncodeError) as error:
        reason = error
    return refuse(value, reason)
"""


class _Layout:
    """What a type is made of, and the test of its values; the same whatever they are called."""

    __slots__ = ("code", "names", "root", "sorts_keys")

    def __init__(self, root: shape.Type) -> None:
        test = _Test(root)
        self.root = root
        self.names = test.names
        self.sorts_keys = test.sorts_keys
        self.code = compile(_ENCODE.format(fits=test.source), "<codec>", "exec")


_layouts: dict[Any, _Layout] = {}


def _layout(kind: Any, name: str) -> _Layout:
    """The layout of a type that can travel. Raises NotAMessage, in which the type has that name.

    A message is taken by several methods and sent under several names: to look into it takes
    longer than all the rest.
    """
    found = _layouts.get(kind)
    if found is None:
        found = _layouts[kind] = _Layout(admit(kind, name))
    return found


def _encoder(layout: _Layout, name: str, rule: str) -> Callable[[Any], bytes]:
    def refuse(value: object, reason: object) -> bytes:
        try:
            _find_misfit(layout.root, value, name, rule)
        except RecursionError:
            raise NotAMessage(f"{name} is nested too deeply, or contains itself") from None
        raise NotAMessage(f"{name} cannot be encoded: {reason}")

    pack = msgspec.msgpack.Encoder(order="deterministic").encode
    pack = _pack_sorted if layout.sorts_keys else pack
    names = {**layout.names, "refuse": refuse, "pack": pack}
    exec(layout.code, names)  # noqa: S102 (see the top of this module)
    encode: Callable[[Any], bytes] = names["encode"]
    return encode


def _pack_sorted(value: object) -> bytes:
    """Encode with the keys of every dict sorted; msgspec itself sorts none but str."""
    plain = msgspec.to_builtins(value, builtin_types=(bytes,))
    return msgspec.msgpack.encode(_sort_keys(plain))


def _sort_keys(plain: Any) -> Any:
    if type(plain) is dict:
        return {key: _sort_keys(plain[key]) for key in sorted(plain)}
    if type(plain) in (list, tuple):
        return [_sort_keys(item) for item in plain]
    return plain


class _Test:
    """The source of an expression that is true for exactly the values of a type, and its names."""

    def __init__(self, root: shape.Type) -> None:
        self.names: dict[str, Any] = {}
        self.sorts_keys = False
        self._records: dict[type, str] = {}  # class -> the name of its test; it may hold itself
        # Most messages are one flat record: spare them a call.
        is_record = isinstance(root, (shape.DataclassType, shape.StructType))
        self.source = self._record(root, "value") if is_record else self._fits(root, "value")

    def _fits(self, node: shape.Type, x: str) -> str:
        """Return the test of the expression `x`."""
        if is_scalar(node):
            return self._is_a(node, x)
        tests = [self._is_a(node, x)]
        match node:
            case shape.UnionType(types=options):
                return f"({' or '.join(self._fits(option, x) for option in options)})"
            case shape.LiteralType(values=values):
                tests.append(f"{x} in {self._bind(values)}")
            case shape.ListType(item_type=item) | shape.VarTupleType(item_type=item):
                tests.append(self._each(item, x))
            case shape.TupleType(item_types=items):
                tests.append(f"len({x}) == {len(items)}")
                tests += [self._fits(item, f"{x}[{i}]") for i, item in enumerate(items)]
            case shape.DictType(key_type=key, value_type=value):
                tests += [self._each(key, x), self._each(value, f"{x}.values()")]
                self.sorts_keys |= not isinstance(key, shape.StrType)
            case shape.DataclassType() | shape.StructType() | shape.NamedTupleType():
                if node.cls not in self._records:
                    self._records[node.cls] = test = self._bind(None)
                    self._define(test, self._record(node, "v"))
                return f"{self._records[node.cls]}({x})"
        return f"({' and '.join(tests)})"

    def _record(self, node: Any, x: str) -> str:
        fields = [self._fits(field.type, f"{x}.{field.name}") for field in node.fields]
        return f"({' and '.join([self._is_a(node, x), *fields])})"

    def _each(self, node: shape.Type, x: str) -> str:
        if is_scalar(node):  # sets of classes, and only compared
            return f"{{*map(type, {x})}} <= {self._bind(frozenset(classes_of(node)))}"
        if isinstance(node, _RECORDS) and all(is_scalar(field.type) for field in node.fields):
            # Flat records, such as the entries of a log: field by field, without a call for each.
            columns: list[tuple[str, tuple[type, ...]]] = [(x, (class_of(node),))]
            for field in node.fields:
                get = self._bind(operator.attrgetter(field.name))
                columns.append((f"map({get}, {x})", classes_of(field.type)))
            tests = [f"{{*map(type, {of})}} <= {self._bind(frozenset(cs))}" for of, cs in columns]
            return f"({' and '.join(tests)})"
        test = self._bind(None)
        self._define(test, self._fits(node, "v"))
        return f"all(map({test}, {x}))"

    def _is_a(self, node: shape.Type, x: str) -> str:
        classes = classes_of(node)
        if len(classes) == 1:
            return f"type({x}) is {self._bind(classes[0])}"
        return f"type({x}) in {self._bind(frozenset(classes))}"

    def _bind(self, value: object) -> str:
        name = f"n{len(self.names)}"
        self.names[name] = value
        return name

    def _define(self, name: str, test: str) -> None:
        exec(f"def {name}(v): return {test}", self.names)  # noqa: S102


def _find_misfit(node: shape.Type, value: Any, path: str, rule: str = "") -> None:
    """Raise NotAMessage for the first place, in field order, where `value` does not fit.

    `rule` says what was wanted; without it, that is read from the type.
    """
    cls, classes = type(value), classes_of(node)
    if cls not in classes:
        wanted = rule or f"{path} must be {' or '.join(map(spell, classes))}"
        raise NotAMessage(f"{wanted}, got {_describe(value)}{_remedy(value)}")
    match node:
        case shape.UnionType(types=options):
            fitting = next(option for option in options if cls in classes_of(option))
            _find_misfit(fitting, value, path, rule)
        case shape.LiteralType(values=values):
            if value not in values:
                raise NotAMessage(f"{path} must be one of {values}, got {_describe(value)}")
        case shape.IntType() | shape.FloatType():
            if cls is int and not _INT_MIN <= value <= _INT_MAX:
                raise NotAMessage(f"{path} must be an int of 64 bits, got {_describe(value)}")
        case shape.StrType():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise NotAMessage(
                    f"{path} must be valid Unicode, got {error}: send bytes"
                ) from None
        case shape.ListType(item_type=item) | shape.VarTupleType(item_type=item):
            for i, one in enumerate(value):
                _find_misfit(item, one, f"{path}[{i}]")
        case shape.TupleType(item_types=items):
            if len(value) != len(items):
                wanted = f"{rule}: {len(items)} items" if rule else ""
                wanted = wanted or f"{path} must have {len(items)} items"
                raise NotAMessage(f"{wanted}, got {len(value)}")
            for i, one in enumerate(value):
                _find_misfit(items[i], one, f"{path}[{i}]")
        case shape.DictType(key_type=key_type, value_type=value_type):
            for key, one in value.items():
                _find_misfit(key_type, key, f"a key of {path}")
                _find_misfit(value_type, one, f"{path}[{key!r}]")
        case shape.DataclassType() | shape.StructType() | shape.NamedTupleType():
            for field in node.fields:
                if not hasattr(value, field.name):
                    raise NotAMessage(f"{path}.{field.name} was never set")
                _find_misfit(field.type, getattr(value, field.name), f"{path}.{field.name}")


def _remedy(value: object) -> str:
    if isinstance(value, (set, frozenset)):
        return f": {NO_SET}"
    if inspect.iscoroutine(value):
        return f": write `await` before the call of {value.__qualname__}"
    return ""


def _describe(value: object) -> str:
    if isinstance(value, int) and not _INT_MIN <= value <= _INT_MAX:
        # Python refuses to print thousands of digits: gh-95778
        return f"an int of {value.bit_length()} bits"
    if type(value) in (int, float, bool, str, bytes):
        return f"{reprlib.repr(value)} ({spell(type(value))})"
    return "None" if value is None else f"a value of class {spell(type(value))}"
