"""From Protobuf's messages to their canonical JSON: each field becomes a function that appends its text.

As with Confluent's REST Proxy, fields that have no presence are always there, also with the value that the wire leaves out.
"""

import math
from base64 import b64encode
from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any

import msgspec
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict, SerializeToJsonError

from kafka_platform_runtime.gateway.schemas.protobuf_writing import WELL_KNOWN
from kafka_platform_runtime.gateway.schemas.reading import Reading

Read = Callable[[Any, Reading], None]
"""Appends the text of a value. Raises `ValueError` if it becomes too much."""
_encode = msgspec.json.encode
_FLOAT = Struct("<f")
_DIGITS = range(6, 10)
"""Of a float in text, at least and at most."""


class Reads:
    """The functions that read the messages of a schema.

    Args:
        pool: where its types are.
    """

    def __init__(self, pool: DescriptorPool) -> None:
        self._pool = pool
        self._known: dict[str, Read] = {}

    def of(self, descriptor: Descriptor) -> Read:
        """The function for a kind of message."""
        name = descriptor.full_name
        if name not in self._known:
            self._known[name] = self._well_known() if name in WELL_KNOWN else self._made_later(descriptor)
        return self._known[name]

    def _made_later(self, descriptor: Descriptor) -> Read:
        made: list[Read] = []

        def read(message: Any, out: Reading) -> None:
            if not made:
                made.append(self._message(descriptor))
            made[0](message, out)

        return read

    def _well_known(self) -> Read:
        def read(message: Any, out: Reading) -> None:
            try:
                out.append(_encode(MessageToDict(message, descriptor_pool=self._pool)))
            except (SerializeToJsonError, TypeError, KeyError, OverflowError):
                raise ValueError from None

        return read

    def _message(self, descriptor: Descriptor) -> Read:
        fields = [
            (_encode(field.json_name) + b":", field.name, field.has_presence, self._field(field))
            for field in descriptor.fields
        ]

        def read(message: Any, out: Reading) -> None:
            if len(out) > out.most or out.names < 0:
                raise ValueError
            mark = b"{"
            for begin, name, has_presence, one in fields:
                if has_presence and not message.HasField(name):
                    continue
                out.names -= len(begin)
                out.append(mark + begin)
                mark = b","
                one(getattr(message, name), out)
            out.append(b"}" if mark == b"," else b"{}")

        return read

    def _field(self, field: FieldDescriptor) -> Read:
        kind = field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            return self._map(kind)
        one = _scalar(field) if kind is None else self.of(kind)
        return _array(one) if field.label == FieldDescriptor.LABEL_REPEATED else one

    def _map(self, entry: Descriptor) -> Read:
        field = entry.fields_by_name["value"]
        one = _scalar(field) if field.message_type is None else self.of(field.message_type)
        is_boolean = entry.fields_by_name["key"].type == FieldDescriptor.TYPE_BOOL

        def read(values: Any, out: Reading) -> None:
            mark = b"{"
            for key, each in values.items():
                if len(out) > out.most or out.names < 0:
                    raise ValueError
                out.append(mark + _encode(str(key).lower() if is_boolean else str(key)) + b":")
                mark = b","
                one(each, out)
            out.append(b"}" if mark == b"," else b"{}")

        return read


def _array(one: Read) -> Read:
    def read(values: Any, out: Reading) -> None:
        mark = b"["
        for each in values:
            if len(out) > out.most or out.names < 0:
                raise ValueError
            out.append(mark)
            mark = b","
            one(each, out)
        out.append(b"]" if mark == b"," else b"[]")

    return read


def _whole(value: Any, out: Reading) -> None:
    out.append(b"%d" % value)


def _long(value: Any, out: Reading) -> None:
    out.append(b'"%d"' % value)  # many readers have no numbers of 64 bits


def _boolean(value: Any, out: Reading) -> None:
    out.append(b"true" if value else b"false")


def _string(value: Any, out: Reading) -> None:
    out.append(_encode(value))


def _bytes(value: Any, out: Reading) -> None:
    out.append(b'"' + b64encode(value) + b'"')


def _double(value: Any, out: Reading) -> None:
    if math.isfinite(value):
        out.append(_encode(value))
    else:
        out.append(b'"NaN"' if math.isnan(value) else b'"Infinity"' if value > 0 else b'"-Infinity"')


def _float(value: Any, out: Reading) -> None:
    if math.isfinite(value):
        for digits in _DIGITS:
            short = float(f"{value:.{digits}g}")
            if _as_float(short) == value:
                value = short
                break
    _double(value, out)


def _as_float(value: float) -> float:
    try:
        found: float = _FLOAT.unpack(_FLOAT.pack(value))[0]
    except OverflowError:  # the largest, rounded up
        return math.inf
    return found


def _enum(kind: EnumDescriptor) -> Read:
    names = {number: _encode(each.name) for number, each in kind.values_by_number.items()}

    def read(value: Any, out: Reading) -> None:
        name = names.get(value) or b"%d" % value
        out.names -= len(name)
        out.append(name)

    return read


_F = FieldDescriptor
_SCALARS: Mapping[int, Read] = {
    **dict.fromkeys((_F.TYPE_INT32, _F.TYPE_SINT32, _F.TYPE_SFIXED32, _F.TYPE_UINT32, _F.TYPE_FIXED32), _whole),
    **dict.fromkeys((_F.TYPE_INT64, _F.TYPE_SINT64, _F.TYPE_SFIXED64, _F.TYPE_UINT64, _F.TYPE_FIXED64), _long),
    _F.TYPE_FLOAT: _float,
    _F.TYPE_DOUBLE: _double,
    _F.TYPE_BOOL: _boolean,
    _F.TYPE_STRING: _string,
    _F.TYPE_BYTES: _bytes,
}


def _scalar(field: FieldDescriptor) -> Read:
    if field.type == _F.TYPE_ENUM:
        return _null if field.enum_type.full_name == "google.protobuf.NullValue" else _enum(field.enum_type)
    return _SCALARS[field.type]


def _null(_: Any, out: Reading) -> None:
    out.append(b"null")
