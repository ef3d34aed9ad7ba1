"""Routes of consumer instances, which live in the gateway."""

from collections.abc import Sequence

from kafka_platform_runtime.gateway.openapi.elements import (
    FORMATS,
    INTEGER,
    LONG,
    NOTHING,
    OF_A_BODY,
    STRING,
    TEXT_OR_NULL,
    Json,
    answer,
    body_of,
    list_of,
    object_of,
    operation,
)
from kafka_platform_runtime.gateway.openapi.reads import MAX_BYTES, TIMEOUT, answer_of_records

PLACE = {"topic": STRING, "partition": INTEGER}

SCHEMAS: Json = {
    "NewConsumer": object_of(
        {
            "name": {
                **TEXT_OR_NULL,
                "description": "1 to 200 letters, digits and . _ ~ : + -; generated if absent.",
            },
            "id": {**TEXT_OR_NULL, "description": "Older name of `name`."},
            "format": {
                "type": ["string", "null"],
                "enum": [*FORMATS, None],
                "description": "Of keys and values; binary if absent.",
            },
            "auto.offset.reset": {
                "type": ["string", "null"],
                "enum": ["latest", "earliest", "none", None],
                "description": "Where to start if the group has no offset; latest if absent.",
            },
            "enable.auto.commit": {"type": ["boolean", "string", "null"], "description": "true if absent."},
            "auto.commit.enable": {"type": ["boolean", "string", "null"], "description": "Older name of it."},
            "fetch.min.bytes": {"type": ["integer", "string", "null"]},
            "consumer.request.timeout.ms": {
                "type": ["integer", "string", "null"],
                "description": "How long a read waits for the first record; 1000 if absent.",
            },
            "isolation.level": {
                "type": ["string", "null"],
                "enum": ["read_uncommitted", "read_committed", None],
                "description": "read_uncommitted if absent.",
            },
        },
        additionalProperties=False,
    ),
    "Consumer": object_of(
        {"instance_id": STRING, "base_uri": {"type": "string", "format": "uri"}}, ["instance_id", "base_uri"]
    ),
    "ConsumerDescription": object_of(
        {
            "instance_id": STRING,
            "group": STRING,
            "format": STRING,
            "auto.offset.reset": STRING,
            "enable.auto.commit": {"type": "boolean"},
            "isolation.level": STRING,
        },
        ["instance_id", "group", "format"],
    ),
    "Subscription": object_of(
        {
            "topics": {**list_of(STRING), "type": ["array", "null"]},
            "topic_pattern": {**TEXT_OR_NULL, "description": "A regular expression; instead of `topics`."},
        },
        additionalProperties=False,
    ),
    "Subscribed": object_of(
        {
            "topics": list_of(STRING),
            "topic_pattern": STRING,
            "partitions": list_of(
                {"type": "object", "additionalProperties": list_of(INTEGER)},
                description="The partitions that this instance currently reads, by topic.",
            ),
        },
        ["topics", "partitions"],
    ),
    "Places": object_of(
        {"partitions": list_of(object_of(PLACE, ["topic", "partition"], additionalProperties=False))}, ["partitions"]
    ),
    "Commit": object_of(
        {
            "offsets": {
                **list_of(
                    object_of(
                        {**PLACE, "offset": LONG, "metadata": TEXT_OR_NULL},
                        ["topic", "partition", "offset"],
                        additionalProperties=False,
                    )
                ),
                "type": ["array", "null"],
            }
        },
        additionalProperties=False,
    ),
    "Committed": object_of(
        {
            "offsets": list_of(
                object_of({**PLACE, "offset": {"type": "integer", "format": "int64"}, "metadata": TEXT_OR_NULL})
            )
        },
        ["offsets"],
    ),
    "Positions": object_of(
        {
            "offsets": list_of(
                object_of(
                    {**PLACE, "offset": LONG, "metadata": TEXT_OR_NULL},
                    ["topic", "partition", "offset"],
                    additionalProperties=False,
                )
            ),
            "timestamps": list_of(
                object_of(
                    {**PLACE, "timestamp": {"type": ["integer", "string"]}, "metadata": TEXT_OR_NULL},
                    ["topic", "partition", "timestamp"],
                    additionalProperties=False,
                ),
                description="The first record at or after a time, in milliseconds since 1970 or ISO 8601.",
            ),
        },
        additionalProperties=False,
    ),
}

PLACES = {"partitions": [{"topic": "orders", "partition": 0}, {"topic": "orders", "partition": 1}]}
POSITIONS = {
    "offsets": [{"topic": "orders", "partition": 0, "offset": 15}, {"topic": "orders", "partition": 1, "offset": 42}]
}

TAG = "Consumer instances"
OF_AN_INSTANCE = (403, 404, 408, 413, 500, 504)
"""Error statuses that any request to an instance can get."""
INSTANCE = "/consumers/{group}/instances/{name}"


def paths() -> Json:
    """The operations on an instance by path: its life, what it reads, its records and its positions."""
    return {**_instances(), **_subscriptions(), **_records(), **_positions()}


def _instances() -> Json:
    return {
        "/consumers/{group}": {
            "post": operation(
                "createConsumer",
                TAG,
                "Create a consumer instance",
                {
                    "200": answer(
                        "Created.",
                        "Consumer",
                        {"instance_id": "c1", "base_uri": "http://localhost:8080/consumers/shop/instances/c1"},
                    )
                },
                (403, 409, 500, 504, *OF_A_BODY),
                description="It is deleted after some minutes without a request. Only its creator may use it.",
                body=body_of(
                    "NewConsumer",
                    {"name": "c1", "format": "json", "auto.offset.reset": "earliest", "enable.auto.commit": False},
                    required=False,
                ),
            )
        },
        INSTANCE: {
            "get": operation(
                "consumer",
                TAG,
                "Settings of an instance",
                {
                    "200": answer(
                        "The instance.",
                        "ConsumerDescription",
                        {
                            "instance_id": "c1",
                            "group": "shop",
                            "format": "json",
                            "auto.offset.reset": "earliest",
                            "enable.auto.commit": False,
                            "isolation.level": "read_uncommitted",
                        },
                    )
                },
                OF_AN_INSTANCE,
            ),
            "delete": operation("deleteConsumer", TAG, "Delete an instance", {"204": NOTHING}, OF_AN_INSTANCE),
        },
    }


def _subscriptions() -> Json:
    return {
        f"{INSTANCE}/subscription": {
            "get": operation(
                "subscription",
                TAG,
                "Topics of an instance, and the partitions that it currently reads",
                {
                    "200": answer(
                        "The subscription.", "Subscribed", {"topics": ["orders"], "partitions": [{"orders": [0, 1, 2]}]}
                    )
                },
                OF_AN_INSTANCE,
            ),
            "post": operation(
                "subscribe",
                TAG,
                "Subscribe to topics, replacing the previous ones",
                {"204": NOTHING},
                [*OF_AN_INSTANCE, 409, 415, 422],
                body=body_of("Subscription", {"topics": ["orders", "customers"]}),
            ),
            "delete": operation("unsubscribe", TAG, "Unsubscribe", {"204": NOTHING}, OF_AN_INSTANCE),
        },
        f"{INSTANCE}/assignments": {
            "get": operation(
                "assignments",
                TAG,
                "Manually assigned partitions",
                {"200": answer("The partitions.", "Places", PLACES)},
                OF_AN_INSTANCE,
            ),
            "post": _on_places("assign", "Read these partitions, without the group's assignment", [409]),
        },
    }


def _records() -> Json:
    return {
        f"{INSTANCE}/records": {
            "get": operation(
                "consume",
                TAG,
                "Read the next records",
                {"200": answer_of_records("The records; none if none arrived in time.")},
                [*OF_AN_INSTANCE, 406, 409],
                parameters=[TIMEOUT, MAX_BYTES],
            )
        },
        f"{INSTANCE}/offsets": {
            "get": operation(
                "committed",
                TAG,
                "Offsets that the group has committed",
                {
                    "200": answer(
                        "The offsets.",
                        "Committed",
                        {"offsets": [{"topic": "orders", "partition": 0, "offset": 21, "metadata": ""}]},
                    )
                },
                [*OF_AN_INSTANCE, 415, 422],
                description="Of the partitions in the body; without a body, of those that the instance reads.",
                body=body_of("Places", PLACES, required=False),
            ),
            "post": operation(
                "commit",
                TAG,
                "Commit offsets",
                {"204": NOTHING},
                [*OF_AN_INSTANCE, 409, 415, 422],
                description="Those in the body; without a body, after the last records read.",
                body=body_of("Commit", POSITIONS, required=False),
            ),
        },
    }


def _positions() -> Json:
    return {
        f"{INSTANCE}/positions": {
            "post": operation(
                "seek",
                TAG,
                "Seek to these offsets or times",
                {"204": NOTHING},
                [*OF_AN_INSTANCE, 409, 415, 422],
                body=body_of("Positions", POSITIONS),
            )
        },
        f"{INSTANCE}/positions/beginning": {"post": _on_places("seekToBeginning", "Seek to the oldest records", [409])},
        f"{INSTANCE}/positions/end": {"post": _on_places("seekToEnd", "Seek past the newest records", [409])},
    }


def _on_places(identity: str, summary: str, failures: Sequence[int] = ()) -> Json:
    return operation(
        identity,
        TAG,
        summary,
        {"204": NOTHING},
        [*OF_AN_INSTANCE, 415, 422, *failures],
        body=body_of("Places", PLACES),
    )
