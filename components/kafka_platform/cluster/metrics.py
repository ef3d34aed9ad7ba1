"""How nodes expose Kafka's own metrics, under the same names on every engine. No Pulumi."""

from enum import Enum
from importlib.resources import files

NODE_METRICS_PORT = 9404
RULES_FILE = "jmx.yaml"


class Metrics(Enum):
    """How brokers and controllers expose their metrics, on port 9404."""

    REPORTER = "reporter"
    """By Strimzi's Metrics Reporter, inside Kafka: all of Kafka's metrics. Strimzi only."""
    JMX = "jmx"
    """By the Prometheus JMX agent in the Java process: the metrics that dashboards and alerts need."""
    OFF = "off"
    """Not at all."""


def rules() -> str:
    """The JMX agent's rules: the content of `jmx.yaml`."""
    return (files("kafka_platform.cluster") / RULES_FILE).read_text(encoding="utf-8")
