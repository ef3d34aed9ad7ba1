"""How connectors of a stack file write and read records: as the schemas of their topics say."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TypeVar

from kafka_platform.connect.common import RecordFormat
from kafka_platform.connect.formats import BY_REGISTRY
from kafka_platform.connect.kinds import ConnectKind
from kafka_platform.connect.spec import Connector
from kafka_platform.schemas.spec import SchemaType
from kafka_platform.values.words import listed

from infra.capabilities.registry import Registry
from infra.settings.core import Core
from infra.settings.faults import Fault, Known
from infra.settings.topic import LANGUAGES, PARTS

KEY = "connectors"
_FORMATS = {
    SchemaType.AVRO: RecordFormat.AVRO,
    SchemaType.JSON: RecordFormat.JSONSCHEMA,
    SchemaType.PROTOBUF: RecordFormat.PROTOBUF,
}
AnyConnector = TypeVar("AnyConnector", bound=Connector)


def with_formats(name: str, connectors: Mapping[str, AnyConnector], settings: Core) -> AnyConnector:
    """The connector of that name. A sink that says no format has that of its topics, if all have the same."""
    connector = connectors[name]
    found = _follow(connector, connectors, settings)
    values, keys = _only(found.get("format")), _only(found.get("keys"))
    return replace(connector, format=values or connector.format, keys=keys or connector.keys)


def _only(formats: Mapping[str, RecordFormat] | None) -> RecordFormat | None:
    known = set((formats or {}).values())
    return known.pop() if len(known) == 1 else None


def format_faults(connectors: Mapping[str, Connector], settings: Core, known: Known) -> Iterator[Fault]:
    """Sinks whose topics have records in several formats."""
    for name, each in connectors.items():
        for field, formats in _follow(each, connectors, settings).items():
            if len(set(formats.values())) > 1 and known("topics") and known(KEY, name):
                told = listed([f"{topic} has {format_.value}" for topic, format_ in sorted(formats.items())])
                what = "values" if field == "format" else "keys"
                message = (
                    f"missing, and its topics differ: {what} of {told}: write one connector for each format, or the one "
                    "that all have"
                )
                yield Fault(path=(KEY, name, field), message=message)


def schema_faults(connectors: Mapping[str, Connector], settings: Core, known: Known) -> Iterator[Fault]:
    """Connectors with schemas where there is no registry, and topics with schemas that a source registers itself."""
    registry = settings.of(Registry)
    for name, each in connectors.items():
        if registry is None and known("registry") and each.by_registry is not None:
            message = f"{each.by_registry.value} needs a schema registry: write registry: {{}}, or use json"
            yield Fault(path=(KEY, name, "format"), message=message)
        for topic in [] if each.is_sink else each.kind.written(name):
            declared = settings.topics.get(topic)
            part = (
                None if declared is None else next((one for one in PARTS if getattr(declared, one) is not None), None)
            )
            if part is not None:
                message = (
                    f"connector {name!r} registers the schemas of its records itself: remove it, or use json there"
                )
                yield Fault(path=("topics", topic, part), message=message)


def _follow(
    connector: Connector, connectors: Mapping[str, Connector], settings: Core
) -> dict[str, dict[str, RecordFormat]]:
    """The fields that a sink leaves out, with the formats of its topics where one of these has schemas."""
    if not isinstance(connector.kind, ConnectKind) or not connector.is_sink:
        return {}
    found = {}
    values = {topic: _value(topic, connectors, settings) for topic in connector.reads}
    if connector.format is None and "value.converter" not in connector.kind.config and _any_schema(values):
        found["format"] = values
        keys = {topic: _key(topic, connectors, settings) for topic in connector.reads}
        if connector.keys is None and "key.converter" not in connector.kind.config:
            found["keys"] = keys
    return found


def _any_schema(formats: Mapping[str, RecordFormat]) -> bool:
    return any(each in BY_REGISTRY for each in formats.values())


def _value(topic: str, connectors: Mapping[str, Connector], settings: Core) -> RecordFormat:
    declared = settings.topics.get(topic)
    if declared is not None and declared.value is not None:
        return _of(declared.value)
    source = _source(topic, connectors)
    return RecordFormat.JSON if source is None else source.values


def _key(topic: str, connectors: Mapping[str, Connector], settings: Core) -> RecordFormat:
    declared = settings.topics.get(topic)
    if declared is not None and declared.key is not None:
        return _of(declared.key)
    source = _source(topic, connectors)
    return RecordFormat.TEXT if source is None else source.keys_format


def _of(file: str) -> RecordFormat:
    return _FORMATS[LANGUAGES[PurePosixPath(file).suffix]]


def _source(topic: str, connectors: Mapping[str, Connector]) -> Connector | None:
    """The connector of Kafka Connect that writes the topic's records."""
    for name, each in connectors.items():
        if isinstance(each.kind, ConnectKind) and not each.is_sink and topic in each.kind.written(name):
            return each
    return None
