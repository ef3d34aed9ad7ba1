"""The settings of brokers and topics, wherever they are written."""

from collections.abc import Mapping
from typing import Any

import javaproperties

from infra.reading.values import at, text

RETENTION = "retention.ms"
RETENTION_SIZE = "retention.bytes"
_BROKER_NAMES = {
    "log.retention.ms": RETENTION,
    "log.retention.bytes": RETENTION_SIZE,
    "log.cleanup.policy": "cleanup.policy",
}
"""Broker settings that are the defaults of topic settings with another name."""


def properties(content: str) -> dict[str, str]:
    """The settings in a file of Java properties, as Kafka reads it. A file that it could not read has none."""
    try:
        return javaproperties.loads(content)
    except javaproperties.InvalidUEscapeError:
        return {}


def broker_settings(inputs: Mapping[str, Any] | None) -> dict[str, str] | None:
    """The brokers' settings in a ConfigMap of ours or in a Kafka resource; None if there are none, or not yet known."""
    content = text(inputs, "data", "cluster.properties")
    if content:
        return properties(content)
    config = at(inputs, "spec", "kafka", "config")
    return texts(config) if isinstance(config, Mapping) else None


def topic_defaults(settings: Mapping[str, str]) -> dict[str, str]:
    """What topics get that do not say otherwise, by the topics' names of settings."""
    found = {_BROKER_NAMES.get(key, key): value for key, value in settings.items()}
    hours = whole(settings.get("log.retention.hours"))
    if RETENTION not in found and hours is not None:
        found[RETENTION] = str(hours * 3_600_000)
    return found


def texts(value: Any) -> dict[str, str]:
    """The entries of a mapping as Kafka writes settings; none if it is no mapping."""
    if not isinstance(value, Mapping):
        return {}
    return {str(key): str(each).lower() if isinstance(each, bool) else str(each) for key, each in value.items()}


def whole(value: str | None) -> int | None:
    """The whole number that a setting is; None if it is none, or not set."""
    return int(value) if value is not None and value.lstrip("-").isdigit() else None
