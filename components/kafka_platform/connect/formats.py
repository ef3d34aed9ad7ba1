"""How connectors of Kafka Connect write and read keys and values. No Pulumi."""

from collections.abc import Mapping

from kafka_platform.connect.common import RecordFormat
from kafka_platform.connect.kinds import Context
from kafka_platform.kafka.registry import RegistryConnection

REGISTRY = "registry"
"""Folder of the login to the schema registry, below the connector's."""
_JSON = "org.apache.kafka.connect.json.JsonConverter"
_AVRO = "io.apicurio.registry.utils.converter.AvroConverter"
_COMPATIBLE, _OWN = "/apis/ccompat/v7", "/apis/registry/v2"
"""The registry's API for Confluent's clients, and the one that this converter speaks."""


def converters(format_: RecordFormat, context: Context, *, is_sink: bool) -> dict[str, str]:
    """Settings of the converters of keys and of values."""
    own = _avro(context, is_sink=is_sink) if format_ is RecordFormat.AVRO else _json()
    return {f"{part}.converter{option}": value for part in ("key", "value") for option, value in own.items()}


def _json() -> Mapping[str, str]:
    # Exact numbers, as a person writes them.
    return {"": _JSON, ".decimal.format": "NUMERIC"}


def _avro(context: Context, *, is_sink: bool) -> Mapping[str, str]:
    return {
        "": _AVRO,
        ".apicurio.auth.password": context.secret("password", REGISTRY),
        ".apicurio.auth.username": context.secret("username", REGISTRY),
        # As Confluent's clients and the HTTP gateway write and read records: a zero, and four bytes with the schema's number.
        ".apicurio.registry.as-confluent": "true",
        ".apicurio.registry.auto-register": str(not is_sink).lower(),
        ".apicurio.registry.headers.enabled": "false",
        ".apicurio.registry.url": context.registry_url.replace(_COMPATIBLE, _OWN),
        ".apicurio.registry.use-id": "contentId",
    }


def check_registry(registry: RegistryConnection | None) -> None:
    """Raises unless connectors reach this registry with Avro."""
    if registry is None:
        raise ValueError("avro needs a schema registry: run one, or use json")
    if registry.ca_secret is not None:
        raise ValueError(
            "the registry's certificate is of an authority of its own, and the converter takes trust stores of Java only: let "
            "the registry speak HTTP in the cluster, or use json"
        )
    if registry.secret is None:
        raise ValueError("the converter has to log in to the registry: name its Secret, or use json")
