"""From Protobuf's canonical JSON to its messages: each field becomes a function that sets it, or says what does not fit."""

import base64
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from kafka_platform_runtime.gateway.schemas.avro_writing import LARGEST_FLOAT, NOT_NUMBERS
from kafka_platform_runtime.gateway.schemas.misfit import Misfit, shown
from kafka_platform_runtime.gateway.schemas.protobuf_weight import MOST_BYTES, size_of

Convert = Callable[[Any], Any]
"""From a value of JSON to one of a field. Raises `Misfit`."""
Budget = list[int]
"""The bytes that messages may still take."""
Fill = Callable[[Any, Any, Budget], None]
"""Sets the fields of a message. Raises `Misfit`."""
WELL_KNOWN = frozenset(
    f"google.protobuf.{name}"
    for name in (
        *("Timestamp", "Duration", "FieldMask", "Empty", "Struct", "Value", "ListValue"),
        *(
            f"{each}Value"
            for each in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
        ),
    )
)
"""Messages with a JSON of their own, which the library reads and writes."""
_NULL = {"google.protobuf.Value", "google.protobuf.NullValue"}
"""What null is a value of; it leaves other fields out."""
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_REAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,4})?")
_LONGEST_REAL = 400
_PLAIN = str.maketrans("-_", "+/")
_LISTED = 200


class Writes:
    """The functions that fill the messages of a schema.

    Args:
        pool: where its types are.
    """

    def __init__(self, pool: DescriptorPool) -> None:
        self._pool = pool
        self._known: dict[str, Fill] = {}

    def of(self, descriptor: Descriptor) -> Fill:
        """The function for a kind of message."""
        name = descriptor.full_name
        if name not in self._known:
            self._known[name] = self._well_known(name) if name in WELL_KNOWN else self._made_later(descriptor)
        return self._known[name]

    def of_root(self, descriptor: Descriptor) -> Fill:
        """The function for a kind of message that is filled at once: it is made now, which saves a call for every record."""
        return self.of(descriptor) if descriptor.full_name in WELL_KNOWN else self._message(descriptor)

    def _made_later(self, descriptor: Descriptor) -> Fill:
        # Messages may hold themselves, and most of a large schema's are never used.
        made: list[Fill] = []

        def fill(message: Any, value: Any, budget: Budget) -> None:
            if not made:
                made.append(self._message(descriptor))
            made[0](message, value, budget)

        return fill

    def _well_known(self, name: str) -> Fill:
        def fill(message: Any, value: Any, budget: Budget) -> None:
            try:
                ParseDict(value, message, descriptor_pool=self._pool)
            except (ParseError, ValueError, TypeError, AttributeError, OverflowError) as error:
                said = " ".join(str(error).split()).removesuffix(".")[:_LISTED]
                raise Misfit(f"is {shown(value)}, not a {name}: {said}") from None

        return fill

    def _message(self, descriptor: Descriptor) -> Fill:
        name, size = descriptor.full_name, size_of(descriptor)
        fields: dict[str, Fill] = {}
        plain = {
            field.name: _TYPES[field.type]
            for field in descriptor.fields
            if field.type in _TYPES and field.label != FieldDescriptor.LABEL_REPEATED
        }
        null: set[str] = set()
        twice: list[tuple[str, str]] = []
        oneofs: dict[str, str] = {}
        for field in descriptor.fields:
            one = self._field(field)
            fields[field.json_name] = fields[field.name] = one
            if field.json_name != field.name:
                twice.append((field.json_name, field.name))
            if _may_be_null(field):
                null |= {field.json_name, field.name}
            if field.containing_oneof is not None and len(field.containing_oneof.fields) > 1:
                oneofs[field.json_name] = oneofs[field.name] = field.containing_oneof.name

        def fill(message: Any, value: Any, budget: Budget) -> None:
            if type(value) is not dict:
                raise Misfit(f"is {shown(value)}: {name} is an object")
            budget[0] -= size
            if budget[0] < 0:
                raise Misfit(f"takes more than {MOST_BYTES:,} bytes of memory")
            key = ""
            try:
                for key, each in value.items():
                    if type(each) is plain.get(key):
                        setattr(message, key, each)
                    else:
                        one = fields[key]
                        if each is not None or key in null:
                            one(message, each, budget)
            except Misfit as misfit:
                raise misfit.within(f".{key}") from None
            except KeyError:
                raise Misfit(f"is not a field of {name}", f".{key[:100]}") from None
            except ValueError:
                _explain(fields[key], message, value[key], key, budget)
            if oneofs or twice:
                _check_alternatives(value, oneofs, twice)

        return fill

    def _field(self, field: FieldDescriptor) -> Fill:
        kind = field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            return self._map(field.name, kind)
        name = field.name
        if kind is not None:
            inner = self.of(kind)
            return _messages(name, inner) if field.label == FieldDescriptor.LABEL_REPEATED else _message(name, inner)
        convert = _converter(field)
        return _values(name, convert) if field.label == FieldDescriptor.LABEL_REPEATED else _value(name, convert)

    def _map(self, name: str, entry: Descriptor) -> Fill:
        key_of = _key(entry.fields_by_name["key"])
        field = entry.fields_by_name["value"]
        inner = None if field.message_type is None else self.of(field.message_type)
        convert = None if inner is not None else _converter(field)
        size = size_of(entry)

        def fill(message: Any, value: Any, budget: Budget) -> None:
            if type(value) is not dict:
                raise Misfit(f"is {shown(value)}: use an object")
            budget[0] -= size * len(value)
            content = getattr(message, name)
            for key, each in value.items():
                try:
                    made = key_of(key)
                    if inner is not None:
                        inner(content[made], each, budget)
                    elif convert is not None:
                        content[made] = convert(each)
                except Misfit as misfit:
                    raise misfit.within(f"[{key[:100]!r}]") from None

        return fill


def _explain(one: Fill, message: Any, value: Any, key: str, budget: Budget) -> None:
    """Raises `Misfit` for what the library has refused to set."""
    try:
        one(message, value, budget)
    except Misfit as misfit:
        raise misfit.within(f".{key}") from None
    raise Misfit(f"is {shown(value)}, which does not fit", f".{key[:100]}")


def _may_be_null(field: FieldDescriptor) -> bool:
    kind = field.message_type or field.enum_type
    return field.label != FieldDescriptor.LABEL_REPEATED and kind is not None and kind.full_name in _NULL


def _check_alternatives(value: Mapping[str, Any], oneofs: Mapping[str, str], twice: list[tuple[str, str]]) -> None:
    for one, other in twice:
        if one in value and other in value:
            raise Misfit(f"is given as {other} too", f".{one[:100]}")
    found: dict[str, str] = {}
    for key, each in value.items():
        group = oneofs.get(key)
        if group is not None and each is not None and found.setdefault(group, key) != key:
            raise Misfit(f"is given beside {found[group][:100]}: {group} is one of them", f".{key[:100]}")


def _value(name: str, convert: Convert) -> Fill:
    return lambda message, value, _: setattr(message, name, convert(value))


def _values(name: str, convert: Convert) -> Fill:
    def fill(message: Any, value: Any, budget: Budget) -> None:
        made = []
        try:
            for each in _array(value):
                made.append(convert(each))
        except Misfit as misfit:
            raise misfit.within(f"[{len(made)}]") from None
        getattr(message, name).extend(made)

    return fill


def _message(name: str, inner: Fill) -> Fill:
    def fill(message: Any, value: Any, budget: Budget) -> None:
        part: Message = getattr(message, name)
        part.SetInParent()
        inner(part, value, budget)

    return fill


def _messages(name: str, inner: Fill) -> Fill:
    def fill(message: Any, value: Any, budget: Budget) -> None:
        content = getattr(message, name)
        try:
            for each in _array(value):
                inner(content.add(), each, budget)
        except Misfit as misfit:
            raise misfit.within(f"[{len(content) - 1}]") from None

    return fill


def _array(value: Any) -> list[Any]:
    if type(value) is not list:
        # The path has a place within it by then, which there is none of.
        raise _NoArray(f"is {shown(value)}: use an array")
    return value


class _NoArray(Misfit):
    def within(self, part: str) -> Misfit:
        return Misfit(self.reason)


def _whole(kind: str, bits: int, *, signed: bool) -> Callable[[Any], int]:
    least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)

    def convert(value: Any) -> int:
        if type(value) is not int:
            if (type(value) is str and _WHOLE.fullmatch(value)) or (type(value) is float and value.is_integer()):
                value = int(value)
            else:
                raise Misfit(f"is {shown(value)}: use a whole number ({kind})")
        if not least <= value < most:
            raise Misfit(
                f"is {shown(value)}: too large for {kind}" if value >= most else f"is {value}: too small for {kind}"
            )
        return int(value)

    return convert


def _real(kind: str, most: float) -> Convert:
    def convert(value: Any) -> float:
        if type(value) is not float:
            if type(value) is str and value in NOT_NUMBERS:
                return NOT_NUMBERS[value]
            if type(value) is int or (
                type(value) is str and len(value) < _LONGEST_REAL and _REAL.fullmatch(value) is not None
            ):
                try:
                    value = float(value)
                except OverflowError:
                    raise Misfit(f"is {shown(value)}: too large for {kind}") from None
            else:
                raise Misfit(f"is {shown(value)}: use a number ({kind})")
        if math.isinf(value) or not -most <= value <= most:
            raise Misfit(f"is {value}: too large for {kind}")
        return value  # type: ignore[no-any-return]

    return convert


def _boolean(value: Any) -> bool:
    if value is not True and value is not False:
        raise Misfit(f"is {shown(value)}: use true or false")
    return value


def _string(value: Any) -> str:
    if type(value) is not str:
        raise Misfit(f"is {shown(value)}: use a string")
    return value


def _bytes(value: Any) -> bytes:
    text = _string(value).translate(_PLAIN)
    try:
        return base64.b64decode(text if "=" in text else text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise Misfit("is not base64") from None


def _enum(kind: EnumDescriptor) -> Convert:
    names = {each.name: each.number for each in kind.values}
    numbers, closed = frozenset(names.values()), kind.is_closed
    listed = ", ".join(names)[:_LISTED]
    whole = _whole(kind.full_name, 32, signed=True)
    takes_null = kind.full_name in _NULL

    def convert(value: Any) -> int:
        if type(value) is str and value in names:
            return int(names[value])
        if value is None and takes_null:
            return 0
        if type(value) is not int or (closed and value not in numbers):
            raise Misfit(f"is {shown(value)}: use one of {listed}")
        return whole(value)

    return convert


_F = FieldDescriptor
_CONVERTERS: Mapping[int, Convert] = {
    **dict.fromkeys((_F.TYPE_INT32, _F.TYPE_SINT32, _F.TYPE_SFIXED32), _whole("32 bits", 32, signed=True)),
    **dict.fromkeys((_F.TYPE_INT64, _F.TYPE_SINT64, _F.TYPE_SFIXED64), _whole("64 bits", 64, signed=True)),
    **dict.fromkeys((_F.TYPE_UINT32, _F.TYPE_FIXED32), _whole("32 bits, not negative", 32, signed=False)),
    **dict.fromkeys((_F.TYPE_UINT64, _F.TYPE_FIXED64), _whole("64 bits, not negative", 64, signed=False)),
    _F.TYPE_FLOAT: _real("float", LARGEST_FLOAT),
    _F.TYPE_DOUBLE: _real("double", float("inf")),
    _F.TYPE_BOOL: _boolean,
    _F.TYPE_STRING: _string,
    _F.TYPE_BYTES: _bytes,
}


_TYPES: Mapping[int, type] = {
    **dict.fromkeys((_F.TYPE_INT32, _F.TYPE_SINT32, _F.TYPE_SFIXED32, _F.TYPE_UINT32, _F.TYPE_FIXED32), int),
    **dict.fromkeys((_F.TYPE_INT64, _F.TYPE_SINT64, _F.TYPE_SFIXED64, _F.TYPE_UINT64, _F.TYPE_FIXED64), int),
    _F.TYPE_DOUBLE: float,
    _F.TYPE_BOOL: bool,
    _F.TYPE_STRING: str,
}
"""What the library itself sets, or refuses, as the functions above would: in half the time."""


def _converter(field: FieldDescriptor) -> Convert:
    return _enum(field.enum_type) if field.type == _F.TYPE_ENUM else _CONVERTERS[field.type]


def _key(field: FieldDescriptor) -> Convert:
    """From a member's name to a map's key."""
    if field.type == _F.TYPE_BOOL:
        return lambda text: _boolean({"true": True, "false": False}.get(text, text))
    return _CONVERTERS[field.type]
