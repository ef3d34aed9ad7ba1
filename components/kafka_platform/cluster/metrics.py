"""How nodes expose Kafka's own metrics, under the same names on every engine. No Pulumi."""

from enum import Enum
from importlib.resources import files

NODE_METRICS_PORT = 9404
RULES_FILE = "jmx.yaml"
REPORTED = (
    # Those left out are of each partition: a topic with 24 of them would have 270 series.
    "(?!kafka_(cluster_partition|log_log|server_fetcherlagmetrics|server_brokertopicmetrics)_).*",
    # Of each topic and of the whole broker: three, and three more of a topic where something was refused.
    "kafka_server_brokertopicmetrics_(bytesin|bytesout|messagesin|bytesrejected|failed(produce|fetch)requests)persec.*",
    # Of the whole broker alone.
    "kafka_server_brokertopicmetrics_(replication|reassignment)bytes(in|out)persec.*",
)
"""What Strimzi's Metrics Reporter shows: names of metrics, as regular expressions of Java, which must match all of a name."""


class Metrics(Enum):
    """How brokers and controllers expose their metrics, on port 9404."""

    REPORTER = "reporter"
    """By Strimzi's Metrics Reporter, inside Kafka: all of Kafka's metrics but those of each partition. Strimzi only."""
    JMX = "jmx"
    """By the Prometheus JMX agent in the Java process: the metrics that dashboards and alerts need."""
    OFF = "off"
    """Not at all."""


def rules() -> str:
    """The JMX agent's rules: the content of `jmx.yaml`."""
    return (files("kafka_platform.cluster") / RULES_FILE).read_text(encoding="utf-8")
