"""Routes that describe brokers, topics and partitions, and that create a topic."""

from kafka_platform_runtime.gateway.openapi.elements import (
    INTEGER,
    LONG,
    OF_A_BODY,
    OF_A_TOPIC,
    PARTITION,
    RECORD_TYPES,
    STRING,
    TOPIC,
    V2,
    Json,
    answer,
    content,
    list_of,
    object_of,
    operation,
    schema,
)

SCHEMAS: Json = {
    "Names": list_of(STRING),
    "Brokers": object_of({"brokers": list_of(INTEGER)}, ["brokers"]),
    "Replica": object_of(
        {"broker": INTEGER, "leader": {"type": "boolean"}, "in_sync": {"type": "boolean"}},
        ["broker", "leader", "in_sync"],
    ),
    "Partition": object_of(
        {
            "partition": INTEGER,
            "leader": {"type": "integer", "description": "Broker; -1 while there is none."},
            "replicas": list_of(schema("Replica")),
        },
        ["partition", "leader", "replicas"],
    ),
    "Partitions": list_of(schema("Partition")),
    "Topic": object_of(
        {
            "name": STRING,
            "configs": {
                "type": "object",
                "additionalProperties": {"type": ["string", "null"]},
                "description": "All settings with the values in force; empty if this user may not describe them.",
            },
            "partitions": schema("Partitions"),
        },
        ["name", "configs", "partitions"],
    ),
    "Bounds": object_of(
        {
            "beginning_offset": {**LONG, "description": "Of the oldest stored record."},
            "end_offset": {**LONG, "description": "That the next record will have."},
        },
        ["beginning_offset", "end_offset"],
    ),
    "NewTopic": object_of(
        {
            "topic_name": STRING,
            "partitions_count": {"type": ["integer", "null"], "minimum": 1, "description": "Absent: the cluster's."},
            "replication_factor": {"type": ["integer", "null"], "minimum": 1, "description": "Absent: the cluster's."},
        },
        ["topic_name"],
        additionalProperties=False,
    ),
}

PARTITION_EXAMPLE = {
    "partition": 0,
    "leader": 1,
    "replicas": [{"broker": 1, "leader": True, "in_sync": True}, {"broker": 2, "leader": False, "in_sync": True}],
}


def paths() -> Json:
    """The operations on brokers, topics and partitions, by path."""
    return {**_cluster(), **_topic()}


def _cluster() -> Json:
    return {
        "/brokers": {
            "get": operation(
                "brokers",
                "Topics",
                "Numbers of the brokers",
                {"200": answer("In order.", "Brokers", {"brokers": [0, 1, 2]})},
                (500, 504),
            )
        },
        "/topics": {
            "get": operation(
                "topics",
                "Topics",
                "Names of the topics",
                {"200": answer("Those that this user may describe, in order.", "Names", ["customers", "orders"])},
                (500, 504),
            )
        },
        "/admin/topics": {
            "post": operation(
                "createTopic",
                "Topics",
                "Create a topic",
                {"201": {"description": "Created.", "content": {V2: {"example": {}}}}},
                (403, 409, 500, 504, *OF_A_BODY),
                description="The user needs the ACL CREATE on the topic or the cluster.",
                body={
                    "required": True,
                    "content": content(
                        RECORD_TYPES["json"],
                        "NewTopic",
                        {"request": {"topic_name": "orders", "partitions_count": 3, "replication_factor": 2}},
                    ),
                },
            )
        },
    }


def _topic() -> Json:
    return {
        TOPIC: {
            "get": operation(
                "topic",
                "Topics",
                "Settings and partitions of a topic",
                {
                    "200": answer(
                        "The topic.",
                        "Topic",
                        {
                            "name": "orders",
                            "configs": {"cleanup.policy": "delete", "retention.ms": "604800000"},
                            "partitions": [PARTITION_EXAMPLE],
                        },
                    )
                },
                OF_A_TOPIC,
            )
        },
        f"{TOPIC}/partitions": {
            "get": operation(
                "partitions",
                "Topics",
                "Partitions of a topic",
                {"200": answer("In order.", "Partitions", [PARTITION_EXAMPLE])},
                OF_A_TOPIC,
            )
        },
        PARTITION: {
            "get": operation(
                "partition",
                "Topics",
                "Leader and replicas of a partition",
                {"200": answer("The partition.", "Partition", PARTITION_EXAMPLE)},
                OF_A_TOPIC,
            )
        },
    }


def paths_of_bounds() -> Json:
    """The operation that returns where a partition's records begin and end, by path."""
    return {
        f"{PARTITION}/offsets": {
            "get": operation(
                "offsets",
                "Topics",
                "First offset and end of a partition",
                {"200": answer("The bounds.", "Bounds", {"beginning_offset": 10, "end_offset": 50})},
                OF_A_TOPIC,
            )
        },
    }
