"""Protobuf: a schema becomes functions once, between its canonical JSON and its messages, which Google's library encodes.

The library's own JSON takes ten times as long, and has no bound for what a message of a few bytes becomes.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FeatureSet,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, EncodeError, Message
from google.protobuf.message_factory import GetMessageClass

from kafka_platform_runtime.gateway.schemas.misfit import Misfit, Unusable
from kafka_platform_runtime.gateway.schemas.protobuf_compiler import OWN, descriptors
from kafka_platform_runtime.gateway.schemas.protobuf_reading import Reads
from kafka_platform_runtime.gateway.schemas.protobuf_weight import MOST_BYTES, Weights
from kafka_platform_runtime.gateway.schemas.protobuf_writing import Writes
from kafka_platform_runtime.gateway.schemas.reading import PARTS_WITH_DEFAULTS, Reading, varint

MOST_PARTS = 10_000
"""Messages, fields and values of enums; a message counts as four."""
MOST_NESTED = 100
"""Messages within each other: what Google's libraries read."""
LONGEST_NAME = 250
"""Characters of a field or of an enum's value, which every record in JSON has."""
_NEVER_TOO_DEEP = 2 * MOST_NESTED
"""Bytes: a message in another one takes two. What is longer is read once before it is written."""
_PARTS_OF_A_MESSAGE = 4
_TAKEN = frozenset(dir(Message))


class ProtobufCodec:
    """A schema.

    Args:
        text: of the schema, a .proto file. Its first message is what is written; a record says which one it is.
        references: paths and texts of the files that it imports.

    Raises:
        Unusable: it is not Protobuf, or beyond a bound.
        GatewayError: this machine is too busy to tell.
    """

    def __init__(self, text: str, references: Sequence[tuple[str, str]] = ()) -> None:
        files = descriptors(text, references).file
        self.nodes = _checked(files)
        self._pool = DescriptorPool()
        try:
            for each in files:
                self._pool.Add(each)
        except TypeError as error:
            raise Unusable(f"is not valid Protobuf: {' '.join(str(error).split())[:200]}") from None
        self._file: FileDescriptorProto = files[-1]
        if not self._file.message_type:
            raise Unusable("has no message")
        self._kinds: dict[tuple[int, ...], Any] = {}
        self._weights, self._writes, self._reads = Weights(), Writes(self._pool), Reads(self._pool)
        first = self._descriptor((0,))
        self._first: Any = GetMessageClass(first)
        self._fill = self._writes.of_root(first)
        self._has_required = any(_is_required(field) for each in files for field in _fields(each.message_type))

    def write(self, value: Any, header: bytes = b"") -> bytes:
        """A value as the first message of the file, after these bytes.

        Raises:
            Misfit: it does not fit.
        """
        message = self._first()
        try:
            self._fill(message, value, [MOST_BYTES])
            if self._has_required and not message.IsInitialized():
                raise Misfit("is missing", f".{message.FindInitializationErrors()[0][:200]}")
            content: bytes = message.SerializeToString()
            if len(content) > _NEVER_TOO_DEEP:
                self._first.FromString(content)
            # In between is the first message of the file, as most records have it: for one index, 0.
            return b"%b\0%b" % (header, content)
        except (RecursionError, EncodeError, DecodeError):
            raise Misfit("is nested too deeply") from None
        except UnicodeEncodeError:
            raise Misfit("has half of a character: send whole ones") from None

    def read(self, content: memoryview | bytes) -> bytes:
        """A message as its canonical JSON, with every field that has no presence.

        Raises:
            ValueError: it is none of this schema's, or becomes too much JSON or too large in memory.
        """
        data = bytes(content)
        try:
            path, at = _indexes(data)
            kind = self._kinds.get(path)
            if kind is None:
                descriptor = self._descriptor(path)
                kind = self._kinds[path] = (
                    GetMessageClass(descriptor),
                    self._weights.of(descriptor),
                    self._reads.of(descriptor),
                )
            made, weight, read = kind
            weight.check(data, at)
            out = Reading(data, PARTS_WITH_DEFAULTS)
            read(made.FromString(data[at:]), out)
        except (DecodeError, IndexError, RecursionError, OverflowError):
            raise ValueError from None
        return b"".join(out)

    def _descriptor(self, path: Sequence[int]) -> Descriptor:
        """A message by its indexes. Raises `IndexError`."""
        found: DescriptorProto = self._file.message_type[path[0]]
        name = f"{self._file.package}.{found.name}" if self._file.package else found.name
        for each in path[1:]:
            found = found.nested_type[each]
            name = f"{name}.{found.name}"
        if found.options.map_entry:
            raise IndexError
        return self._pool.FindMessageTypeByName(name)


def _indexes(data: bytes) -> tuple[tuple[int, ...], int]:
    """Which message it is, and where it begins."""
    if data[0] == 0:
        return (0,), 1
    size, at = varint(data, 0)
    if not 0 < size >> 1 <= MOST_NESTED or size & 1:
        raise ValueError
    found = []
    for _ in range(size >> 1):
        index, at = varint(data, at)
        if index & 1 or index >> 1 > MOST_PARTS:
            raise ValueError
        found.append(index >> 1)
    return tuple(found), at


def _checked(files: Sequence[FileDescriptorProto]) -> int:
    """How many parts there are. Raises `Unusable` for what is beyond a bound, or not used here."""
    parts = 0
    for file in files:
        if file.name.startswith(OWN):
            continue
        if file.package.startswith("google.protobuf"):
            raise Unusable("has a package of Google's: name it otherwise")
        if file.options.features.message_encoding == FeatureSet.DELIMITED:
            raise Unusable("has groups: make them messages")
        _check_names(file.enum_type)
        parts += sum(len(each.value) for each in file.enum_type)
        for message in _messages(file.message_type):
            parts += _PARTS_OF_A_MESSAGE + len(message.field) + sum(len(each.value) for each in message.enum_type)
            if parts > MOST_PARTS:
                raise Unusable(f"has more than {MOST_PARTS:,} parts")
            _check_names(message.enum_type)
            for field in message.field:
                _check_field(message, field)
    if parts > MOST_PARTS:
        raise Unusable(f"has more than {MOST_PARTS:,} parts")
    return parts


def _check_names(enums: Sequence[EnumDescriptorProto]) -> None:
    for enum in enums:
        longest = max((len(each.name) for each in enum.value), default=0)
        if longest > LONGEST_NAME:
            raise Unusable(f"has values of {enum.name[:50]} whose names are longer than {LONGEST_NAME}")


def _check_field(message: DescriptorProto, field: FieldDescriptorProto) -> None:
    if len(field.name) > LONGEST_NAME or len(field.json_name) > LONGEST_NAME:
        raise Unusable(
            f"has the field {message.name[:50]}.{field.name[:50]}..., whose name is longer than {LONGEST_NAME}"
        )
    if field.name in _TAKEN:
        raise Unusable(f"has the field {message.name}.{field.name}, a name of Google's library")
    delimited = field.options.features.message_encoding == FeatureSet.DELIMITED
    if field.type == FieldDescriptorProto.TYPE_GROUP or delimited:
        raise Unusable(f"has the group {message.name}.{field.name}: make it a message")
    if field.type_name == ".google.protobuf.Any":
        raise Unusable(f"has the field {message.name}.{field.name} of the type google.protobuf.Any: name its messages")


def _messages(messages: Sequence[DescriptorProto]) -> Iterator[DescriptorProto]:
    for each in messages:
        yield each
        yield from _messages(each.nested_type)


def _fields(messages: Sequence[DescriptorProto]) -> Iterator[FieldDescriptorProto]:
    for each in _messages(messages):
        yield from each.field


def _is_required(field: FieldDescriptorProto) -> bool:
    return bool(field.label == FieldDescriptorProto.LABEL_REQUIRED)
