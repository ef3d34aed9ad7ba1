"""Which module knows which kind of connector."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.connectors.records import Origin, Target
from kafka_platform_runtime.connectors.settings import Connector, Secrets, parse
from kafka_platform_runtime.failures import Refused

SINKS: Mapping[str, str] = {
    "http": "http_sink",
    "opensearch": "search_sink",
    "elasticsearch": "search_sink",
    "redis": "redis_sink",
    "mqtt": "mqtt_sink",
    "rabbitmq": "rabbitmq_sink",
    "s3": "s3_sink",
    "hdfs": "hdfs_sink",
    "cassandra": "cassandra_sink",
}
SOURCES: Mapping[str, str] = {
    "http-source": "http_source",
    "mqtt-source": "mqtt_source",
    "rabbitmq-source": "rabbitmq_source",
    "s3-source": "s3_source",
}


@dataclass(frozen=True, kw_only=True)
class Side:
    """The other side of a connector: one of both."""

    target: Target | None = None
    origin: Origin | None = None


def made(connector: Connector, secrets: Secrets, connection: Connection) -> Side:
    """The other side, not connected yet.

    Raises:
        Refused: the kind is unknown, or its settings or secrets have a fault.
    """
    name = SINKS.get(connector.kind) or SOURCES.get(connector.kind)
    if name is None:
        known = ", ".join(sorted({*SINKS, *SOURCES}))
        raise Refused([f"CONNECTOR_FILE: kind: {connector.kind!r} is unknown: use one of {known}"])
    module = importlib.import_module(f"kafka_platform_runtime.connectors.kinds.{name}")
    settings = parse(connector.settings, module.Settings, "CONNECTOR_FILE: settings")
    if connector.kind in SINKS:
        return Side(target=module.target(settings, secrets, connector))
    if len(connector.topics) != 1:
        raise Refused(["CONNECTOR_FILE: topics: a source writes to one topic"])
    return Side(origin=module.origin(settings, secrets, connector, connection))
