"""The whole description, assembled from the groups of routes."""

import kafka_platform_runtime
from kafka_platform_runtime.gateway.openapi import about, consumers, reads, topics, writes
from kafka_platform_runtime.gateway.openapi.elements import INTEGER, STRING, Json, reference
from kafka_platform_runtime.gateway.openapi.failures import ERROR, ERRORS, failure


def _segment(name: str, description: str, kind: Json | None = None) -> Json:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": kind or STRING}


SEGMENTS = {
    "topic": _segment("topic", "Name of the topic."),
    "partition": _segment("partition", "Number of the partition.", INTEGER),
    "group": _segment("group", "Name of the consumer group."),
    "name": _segment("name", "Name of the instance, as at the end of its `base_uri`."),
}

SCHEMAS: Json = {
    "Error": ERROR,
    **writes.SCHEMAS,
    **reads.SCHEMAS,
    **topics.SCHEMAS,
    **consumers.SCHEMAS,
    **about.SCHEMAS,
}


def document() -> Json:
    """The whole description, as JSON values."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kafka over HTTP",
            "version": kafka_platform_runtime.__version__,
            "description": (
                "Read and write the topics of a Kafka cluster with Confluent's REST API v2, as in the Strimzi "
                "bridge. Log in with a Kafka user and password over HTTP Basic; Kafka's ACLs and quotas apply to you."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"basic": []}, {"bearer": []}, {}],
        "tags": [
            {"name": "Writes"},
            {"name": "Reads", "description": "Stateless: any request may go to any pod."},
            {"name": "Consumer instances", "description": "Group consumers that live in the gateway."},
            {"name": "Topics"},
            {"name": "About"},
        ],
        "paths": _paths(),
        "components": {
            "schemas": SCHEMAS,
            "parameters": SEGMENTS,
            "responses": {str(status): failure(status) for status in ERRORS},
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic", "description": "Kafka user and password."},
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "If the gateway is configured to accept tokens; they go to Kafka as OAUTHBEARER.",
                },
            },
        },
    }


def _paths() -> Json:
    """The paths of all groups, each with the methods from any group and the parameters in its name."""
    found: Json = {}
    for group in (
        about.paths(),
        topics.paths(),
        writes.paths(),
        reads.paths(),
        topics.paths_of_bounds(),
        consumers.paths(),
    ):
        for path, operations in group.items():
            found.setdefault(path, {}).update(operations)
    for path, operations in found.items():
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        if names:
            operations["parameters"] = [reference("parameters", name) for name in names]
    return found
