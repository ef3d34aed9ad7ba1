"""The container images that run unless others are given. No Pulumi."""

RUNTIME_IMAGE = "ghcr.io/kafka-platform/runtime:0.1.0"
"""This platform's own programs, of this release."""
REGISTRY_IMAGE = "docker.io/apicurio/apicurio-registry:3.3.3"
"""Apicurio Registry, for a schema registry."""
CONNECT_IMAGE = "ghcr.io/kafka-platform/connect:0.1.0"
"""Kafka with the plugins of connectors, of this release; runtime/connect/Dockerfile makes it."""
STRIMZI_CONNECT_IMAGE = "ghcr.io/kafka-platform/connect-strimzi:0.1.0"
"""The same plugins in Strimzi's image of Kafka: the target `strimzi` of the same file."""


def kafka_image(version: str) -> str:
    """Kafka's own image, for a cluster without an operator."""
    return f"docker.io/apache/kafka:{version}"


PROMETHEUS_IMAGE = "docker.io/prom/prometheus:v3.13.5"
"""Prometheus, where the stack runs one without an operator."""
ALERTMANAGER_IMAGE = "docker.io/prom/alertmanager:v0.34.2"
"""Alertmanager, beside that Prometheus."""
FLINK_IMAGE = "ghcr.io/kafka-platform/flink:0.1.0"
"""Flink with the connector of Kafka, of this release; runtime/flink/Dockerfile makes it."""
OBJECT_STORE_IMAGE = "docker.io/versity/versitygw:v1.8.0"
"""versitygw, for an object store."""
TRINO_IMAGE = "docker.io/trinodb/trino:476"
"""Trino, for a query engine."""
COLLECTOR_IMAGE = "docker.io/otel/opentelemetry-collector-contrib:0.155.0"
"""The OpenTelemetry Collector with the parts of its community, for a log collector."""
