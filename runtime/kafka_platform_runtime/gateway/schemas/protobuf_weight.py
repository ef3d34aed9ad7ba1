"""How much memory a message takes once it is read: two bytes may become one with a thousand fields.

The library takes memory for all fields of a message, also of an empty one, and has no bound.
"""

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from kafka_platform_runtime.gateway.schemas.reading import varint

MOST_BYTES = 64 * 1024 * 1024
"""Of one record."""
_OF_A_MESSAGE = 100
_OF_A_FIELD = 16
_FIXED = {1: 8, 5: 4}
_VARINT, _LENGTH = 0, 2


def size_of(descriptor: Descriptor) -> int:
    """About how many bytes an empty message takes."""
    return _OF_A_MESSAGE + _OF_A_FIELD * len(descriptor.fields)


class Weight:
    """What messages of a kind take.

    Args:
        size: of an empty one.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.largest = size
        """Of it, and of every message in it."""
        self.inner: dict[int, Weight] = {}
        """Of the fields that are messages, by number."""

    def check(self, data: bytes, at: int) -> None:
        """Raises `ValueError` if a record takes too much; `at` is where it begins."""
        if (len(data) >> 1) * self.largest > MOST_BYTES and self._taken(data, at) > MOST_BYTES:
            raise ValueError

    def _taken(self, data: bytes, at: int) -> int:
        taken = self.size
        waiting = [(self, at, len(data))]
        while waiting and taken <= MOST_BYTES:
            kind, at, end = waiting.pop()
            while at < end:
                tag, at = varint(data, at)
                wire = tag & 7
                if wire in _FIXED:
                    at += _FIXED[wire]
                elif wire == _VARINT:
                    _, at = varint(data, at)
                elif wire == _LENGTH:
                    size, at = varint(data, at)
                    inner = kind.inner.get(tag >> 3)
                    if inner is not None:
                        taken += inner.size
                        waiting.append((inner, at, min(at + size, end)))
                    at += size
        return taken


class Weights:
    """The weights of a schema's messages."""

    def __init__(self) -> None:
        self._known: dict[str, Weight] = {}

    def of(self, descriptor: Descriptor) -> Weight:
        """That of a message."""
        name = descriptor.full_name
        if name in self._known:
            return self._known[name]
        found = self._known[name] = Weight(size_of(descriptor))
        waiting: list[tuple[Any, Weight]] = [(descriptor, found)]
        reached = {name: found}
        while waiting:
            each, weight = waiting.pop()
            for field in each.fields:
                if field.type != FieldDescriptor.TYPE_MESSAGE:
                    continue
                inner = field.message_type
                if inner.full_name not in reached:
                    reached[inner.full_name] = self._known.get(inner.full_name) or Weight(size_of(inner))
                    waiting.append((inner, reached[inner.full_name]))
                weight.inner[field.number] = reached[inner.full_name]
        found.largest = max(each.size for each in reached.values())
        return found
