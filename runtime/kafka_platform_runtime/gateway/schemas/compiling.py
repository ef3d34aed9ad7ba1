"""From a schema of the registry to what writes and reads by it, in each language; each language's libraries are loaded when it is used."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kafka_platform_runtime.gateway.schemas.misfit import Unusable


class Codec(Protocol):
    """A compiled schema."""

    nodes: int

    def write(self, value: Any, header: bytes = b"") -> bytes:
        """A value in the schema's encoding, after these bytes. Raises `Misfit`."""

    def read(self, content: bytes) -> bytes:
        """Its JSON text. Raises `ValueError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A schema that another one uses."""

    names: Sequence[str]
    """By which it is used."""
    text: str


def compiled(kind: str, text: str, references: Sequence[Reference]) -> Codec:
    """A schema of a kind that the registry names, with those that it uses, each after those that it uses itself.

    Raises:
        Unusable: it is not what it says, is beyond a bound, or of a kind that the gateway does not use.
        GatewayError: this machine is too busy to tell.
    """
    compiler = _COMPILERS.get(kind)
    if compiler is None:
        raise Unusable(f"is of the type {kind[:50]}, which the gateway does not use")
    return compiler(text, references)


def _avro(text: str, references: Sequence[Reference]) -> Codec:
    from kafka_platform_runtime.gateway.schemas.avro import AvroCodec

    return AvroCodec(text, [each.text for each in references])


def _json(text: str, references: Sequence[Reference]) -> Codec:
    from kafka_platform_runtime.gateway.schemas.json_schema import JsonSchemaCodec

    return JsonSchemaCodec(text, _by_name(references))


def _protobuf(text: str, references: Sequence[Reference]) -> Codec:
    from kafka_platform_runtime.gateway.schemas.protobuf import ProtobufCodec

    return ProtobufCodec(text, _by_name(references))


def _by_name(references: Sequence[Reference]) -> list[tuple[str, str]]:
    return [(name, each.text) for each in references for name in each.names]


_COMPILERS: Mapping[str, Callable[[str, Sequence[Reference]], Codec]] = {
    "AVRO": _avro,
    "JSON": _json,
    "PROTOBUF": _protobuf,
}
