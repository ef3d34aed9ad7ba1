"""How connectors of Kafka Connect write and read keys and values. No Pulumi."""

from collections.abc import Mapping

from kafka_platform.connect.common import RecordFormat
from kafka_platform.connect.kinds import Context

REGISTRY = "registry"
"""Folder of the login to the schema registry, below the connector's."""
REGISTRY_CA = "registry-ca"
"""Folder of the authority of the registry's certificate."""
_JSON = "org.apache.kafka.connect.json.JsonConverter"
_TEXT = "org.apache.kafka.connect.storage.StringConverter"
BY_REGISTRY = {
    RecordFormat.AVRO: "kafkaplatform.converters.AvroConverter",
    RecordFormat.JSONSCHEMA: "kafkaplatform.converters.JsonSchemaConverter",
    RecordFormat.PROTOBUF: "kafkaplatform.converters.ProtobufConverter",
}
"""Converters of this release's images, whose sources are in runtime/connect/schemas."""
_LONGEST_PAUSE_MILLISECONDS = 10_000


def converters(values: RecordFormat, keys: RecordFormat, context: Context) -> dict[str, str]:
    """Settings of the converters of keys and of values."""
    return {
        f"{part}.converter{option}": value
        for part, format_ in (("key", keys), ("value", values))
        for option, value in _converter(format_, context).items()
    }


def waiting() -> dict[str, str]:
    """Of sinks: while the registry does not answer, records wait. Otherwise each would go to the dead letters, though none has a fault."""
    return {"errors.retry.delay.max.ms": str(_LONGEST_PAUSE_MILLISECONDS), "errors.retry.timeout": "-1"}


def _converter(format_: RecordFormat, context: Context) -> Mapping[str, str]:
    if format_ is RecordFormat.TEXT:
        return {"": _TEXT}
    if format_ not in BY_REGISTRY:
        # Exact numbers, as a person writes them.
        return {"": _JSON, ".decimal.format": "NUMERIC"}
    found = {
        "": BY_REGISTRY[format_],
        ".registry.registers": str(context.registers).lower(),
        ".registry.url": context.registry_url,
    }
    if context.registry_login:
        found[".registry.password"] = context.secret("password", REGISTRY)
        found[".registry.username"] = context.secret("username", REGISTRY)
    if context.registry_authority:
        found[".registry.authority"] = context.secret_file("ca.crt", REGISTRY_CA)
    return found
