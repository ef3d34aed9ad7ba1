"""From Avro's bytes to JSON text: each type becomes a function. What a record becomes has a bound, whatever its bytes say."""

import math
from collections.abc import Callable, Mapping
from itertools import chain, repeat
from struct import Struct
from typing import Any

import msgspec

from kafka_platform_runtime.gateway.schemas.avro_types import Functions
from kafka_platform_runtime.gateway.schemas.avro_writing import tag_of
from kafka_platform_runtime.gateway.schemas.reading import Reading

_TENTH_BYTE = 63
_encode = msgspec.json.encode
_DOUBLE, _FLOAT = Struct("<d"), Struct("<f")
_SMALL = [str(each).encode() for each in range(1024)]


Read = Callable[[bytes, int, Reading], int]
"""Appends the text of the value at a position, and returns the position after it. Raises `ValueError`, or `IndexError` at the
end of the bytes."""


class Reads(Functions[Read]):
    """The functions that read the values of a schema."""

    def __init__(self, named: Mapping[str, Any]) -> None:
        super().__init__(named)
        self._primitive = _PRIMITIVE

    def _later(self, name: str) -> Read:
        return lambda data, at, out: self._known[name](data, at, out)

    def _record(self, node: Mapping[str, Any]) -> Read:
        name = node["name"]
        if name not in self._known:
            self._known[name] = lambda data, at, out: read(data, at, out)
        names = (_encode(field["name"]) + b":" for field in node["fields"])
        begins = [mark + each for mark, each in zip(chain([b"{"], repeat(b",")), names, strict=False)]
        fields = list(zip(begins, [self.of(field["type"]) for field in node["fields"]], strict=True))
        end = b"}" if fields else b"{}"
        size = sum(map(len, begins[: len(fields)])) if fields else 0

        def read(data: bytes, at: int, out: Reading) -> int:
            out.names -= size
            if len(out) > out.most or out.names < 0:
                raise ValueError
            for begin, one in fields:
                out.append(begin)
                at = one(data, at, out)
            out.append(end)
            return at

        return read

    def _enum(self, node: Mapping[str, Any]) -> Read:
        symbols = [_encode(each) for each in node["symbols"]]

        def read(data: bytes, at: int, out: Reading) -> int:
            index, at = _long(data, at)
            if index < 0:
                raise ValueError
            out.names -= len(symbols[index])
            if out.names < 0:
                raise ValueError
            out.append(symbols[index])
            return at

        return read

    def _fixed(self, node: Mapping[str, Any]) -> Read:
        size: int = node["size"]

        def read(data: bytes, at: int, out: Reading) -> int:
            end = at + size
            if end > len(data):
                raise ValueError
            out.append(_encode(data[at:end].decode("latin-1")))
            return end

        return read

    def _array(self, node: Mapping[str, Any]) -> Read:
        item = self.of(node["items"])

        def read(data: bytes, at: int, out: Reading) -> int:
            mark = b"["
            while True:
                size, at = _block(data, at)
                if not size:
                    break
                for _ in range(size):
                    if len(out) > out.most:
                        raise ValueError
                    out.append(mark)
                    mark = b","
                    at = item(data, at, out)
            out.append(b"]" if mark == b"," else b"[]")
            return at

        return read

    def _map(self, node: Mapping[str, Any]) -> Read:
        item = self.of(node["values"])

        def read(data: bytes, at: int, out: Reading) -> int:
            mark = b"{"
            while True:
                size, at = _block(data, at)
                if not size:
                    break
                for _ in range(size):
                    if len(out) > out.most:
                        raise ValueError
                    out.append(mark)
                    mark = b","
                    at = _string(data, at, out)
                    out.append(b":")
                    at = item(data, at, out)
            out.append(b"}" if mark == b"," else b"{}")
            return at

        return read

    def _union(self, nodes: list[Any]) -> Read:
        branches = [(None if node == "null" else b"{" + _encode(tag_of(node)) + b":", self.of(node)) for node in nodes]

        def read(data: bytes, at: int, out: Reading) -> int:
            index, at = _long(data, at)
            if not 0 <= index < len(branches):
                raise ValueError
            tag, one = branches[index]
            if tag is None:
                return one(data, at, out)
            out.names -= len(tag)
            if out.names < 0:
                raise ValueError
            out.append(tag)
            at = one(data, at, out)
            out.append(b"}")
            return at

        return read


def _long(data: bytes, at: int) -> tuple[int, int]:
    found = data[at]
    at += 1
    if found < 128:
        return (found >> 1) ^ -(found & 1), at
    found &= 127
    shift = 7
    while True:
        byte = data[at]
        at += 1
        found |= (byte & 127) << shift
        if byte < 128:
            break
        if shift == _TENTH_BYTE:
            raise ValueError
        shift += 7
    found &= 2**64 - 1
    return (found >> 1) ^ -(found & 1), at


def _block(data: bytes, at: int) -> tuple[int, int]:
    """How many items follow, and where they begin."""
    size, at = _long(data, at)
    if size >= 0:
        return size, at
    return -size, _long(data, at)[1]


def _part(data: bytes, at: int) -> tuple[bytes, int]:
    size, at = _long(data, at)
    end = at + size
    if size < 0 or end > len(data):
        raise ValueError
    return data[at:end], end


def _null(data: bytes, at: int, out: Reading) -> int:
    out.append(b"null")
    return at


def _boolean(data: bytes, at: int, out: Reading) -> int:
    if data[at] > 1:
        raise ValueError
    out.append(b"true" if data[at] else b"false")
    return at + 1


def _whole(data: bytes, at: int, out: Reading) -> int:
    number, at = _long(data, at)
    out.append(_SMALL[number] if 0 <= number < len(_SMALL) else str(number).encode())
    return at


def _number(form: Struct) -> Read:
    def read(data: bytes, at: int, out: Reading) -> int:
        end = at + form.size
        if end > len(data):
            raise ValueError
        (number,) = form.unpack_from(data, at)
        if math.isfinite(number):
            out.append(_encode(number))
        else:
            out.append(b'"NaN"' if math.isnan(number) else b'"Infinity"' if number > 0 else b'"-Infinity"')
        return end

    return read


def _string(data: bytes, at: int, out: Reading) -> int:
    text, at = _part(data, at)
    out.append(_encode(text.decode()))
    return at


def _bytes(data: bytes, at: int, out: Reading) -> int:
    content, at = _part(data, at)
    out.append(_encode(content.decode("latin-1")))
    return at


_PRIMITIVE: Mapping[str, Read] = {
    "null": _null,
    "boolean": _boolean,
    "int": _whole,
    "long": _whole,
    "float": _number(_FLOAT),
    "double": _number(_DOUBLE),
    "string": _string,
    "bytes": _bytes,
}
