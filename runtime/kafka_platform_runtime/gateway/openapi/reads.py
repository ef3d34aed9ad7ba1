"""Routes that read records without state in the gateway."""

from kafka_platform_runtime.gateway.openapi.elements import (
    BASE64_OR_NULL,
    FORMATS,
    HEADERS,
    INTEGER,
    LONG,
    OF_A_TOPIC,
    PARTITION,
    RECORD_TYPES,
    STRING,
    TEXT_OR_NULL,
    TOPIC,
    Json,
    content,
    list_of,
    object_of,
    operation,
    query,
    schema,
)


def _read_record(content: Json, key: Json | None = None) -> Json:
    return object_of(
        {
            "topic": STRING,
            "key": content if key is None else key,
            "value": content,
            "partition": INTEGER,
            "offset": LONG,
            "timestamp": {"type": "integer", "format": "int64", "description": "Milliseconds since 1970."},
            "headers": HEADERS,
            "format": {
                "enum": FORMATS,
                "description": "The record's own format, if its key or value does not fit the requested one: that is in base64.",
            },
        },
        ["topic", "key", "value", "partition", "offset"],
    )


def _merged(records: str) -> Json:
    return object_of(
        {
            "records": schema(records),
            "cursor": {"type": "string", "description": "Where to continue: the next `from`, or `Last-Event-ID`."},
            "gaps": schema("Gaps"),
        },
        ["records", "cursor"],
    )


SCHEMAS: Json = {
    "ReadJsonRecords": list_of(_read_record({})),
    "ReadBinaryRecords": list_of(_read_record(BASE64_OR_NULL)),
    "ReadTextRecords": list_of(_read_record(TEXT_OR_NULL)),
    "ReadTextJsonRecords": list_of(_read_record({}, TEXT_OR_NULL)),
    "Gaps": list_of(
        object_of({"partition": INTEGER, "from": LONG, "to": LONG}, ["partition", "from", "to"]),
        description="Offsets from the cursor to the first record: Kafka has deleted those in between.",
    ),
    "MergedJsonRecords": _merged("ReadJsonRecords"),
    "MergedBinaryRecords": _merged("ReadBinaryRecords"),
    "MergedTextRecords": _merged("ReadTextRecords"),
    "MergedTextJsonRecords": _merged("ReadTextJsonRecords"),
}

READ = [
    {
        "topic": "orders",
        "key": "order-17",
        "value": {"item": "chair", "count": 2},
        "partition": 2,
        "offset": 100,
        "timestamp": 1788000000000,
    }
]
READ_BINARY = [{**READ[0], "key": "b3JkZXItMTc=", "value": "a2Fma2E="}]
READ_TEXT = [{**READ[0], "value": "two chairs"}]
MERGED = {"records": READ, "cursor": "0:5,1:9,2:101"}
EVENTS = (
    "retry: 1000\nid: 0:5,1:9\n\n"
    'id: 0:5,1:10\ndata: {"partition":1,"offset":9,"timestamp":1788000000000,"key":"order-17","value":{"count":2}}\n\n'
    ": alive\n"
)

TIMEOUT = query("timeout", "Milliseconds to wait for the first record.", {"type": "integer", "minimum": 0})
MAX_BYTES = query(
    "max_bytes", "Approximate maximum bytes of keys and values in the response.", {"type": "integer", "minimum": 1}
)
MAX_RECORDS = query(
    "max_records",
    "Maximum number of records in the response.",
    {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 500},
)
FROM = "earliest, latest, a cursor such as `0:5,1:9`, milliseconds since 1970 or an ISO 8601 time."


def answer_of_records(description: str) -> Json:
    """A response with records in any of the formats."""
    return {
        "description": description,
        "content": {
            **content(RECORD_TYPES["json"], "ReadJsonRecords", {"response": READ}),
            **content(RECORD_TYPES["binary"], "ReadBinaryRecords", {"response": READ_BINARY}),
            **content(RECORD_TYPES["text"], "ReadTextRecords", {"response": READ_TEXT}),
            **content(RECORD_TYPES["text-json"], "ReadTextJsonRecords", {"response": READ}),
        },
    }


def _topic_records() -> Json:
    return operation(
        "read",
        "Reads",
        "Read records of all partitions, and continue later with the cursor",
        {
            "200": {
                "description": "Records that exist or arrive in time; in order within each partition.",
                "content": {
                    **content(RECORD_TYPES["json"], "MergedJsonRecords", {"response": MERGED}),
                    **content(
                        RECORD_TYPES["binary"],
                        "MergedBinaryRecords",
                        {"response": {**MERGED, "records": READ_BINARY}},
                    ),
                    **content(
                        RECORD_TYPES["text"],
                        "MergedTextRecords",
                        {"response": {**MERGED, "records": READ_TEXT}},
                    ),
                    **content(RECORD_TYPES["text-json"], "MergedTextJsonRecords", {"response": MERGED}),
                },
            }
        },
        (*OF_A_TOPIC, 406, 416),
        parameters=[
            query("from", f"Where to start: {FROM}", {"type": "string", "default": "earliest"}),
            TIMEOUT,
            MAX_BYTES,
            MAX_RECORDS,
        ],
    )


def _partition_records() -> Json:
    return operation(
        "readPartition",
        "Reads",
        "Read records of one partition from an offset on",
        {"200": answer_of_records("Records that exist or arrive in time.")},
        (*OF_A_TOPIC, 406, 416),
        parameters=[
            query("offset", "Of the first record.", {**LONG, "default": 0}),
            TIMEOUT,
            MAX_BYTES,
            MAX_RECORDS,
        ],
    )


def _stream() -> Json:
    return operation(
        "stream",
        "Reads",
        "Records as they arrive, as Server-Sent Events or over WebSocket",
        {
            "200": {
                "description": (
                    "An event for each record, or for several with `batch`; its id is the cursor after it. `gap`: "
                    "Kafka has deleted records that would have come next. `error`: the stream ends, with the reason."
                ),
                "content": {"text/event-stream": {"schema": STRING, "example": EVENTS}},
            },
            "101": {
                "description": (
                    'With `Upgrade: websocket`: frames `{"records":[...],"cursor":"..."}`, `{"gap":...}`, '
                    '`{"error":...}` and `{"alive":true}`. With `acknowledge`, frames `{"acknowledged":"..."}` from you '
                    "commit everything up to the cursor of a frame."
                )
            },
        },
        (*OF_A_TOPIC, 406, 416),
        description=(
            "Reconnect with the id of the last event received, and each record arrives exactly once. With `group` the "
            "group's readers share the partitions, and delivered records are committed."
        ),
        parameters=[
            query("from", f"Where to start: {FROM}", {"type": "string", "default": "latest"}),
            query("group", "Consumer group to read as.", STRING),
            query(
                "acknowledge",
                "WebSockets with `group`: commit what you acknowledge, not what was sent.",
                {"type": "boolean", "default": False},
            ),
            query("batch", "Records in an event, as an array.", {"type": "integer", "minimum": 1, "default": 1}),
            query("format", "Of keys and values.", {"enum": FORMATS, "default": "json"}),
            query("heartbeat", "Seconds between signs of life.", {"type": "integer", "minimum": 1, "maximum": 300}),
            {
                "name": "Last-Event-ID",
                "in": "header",
                "description": "Id of the last event received; takes precedence over `from`.",
                "schema": STRING,
            },
        ],
    )


def paths() -> Json:
    """The operations that read records once or as a stream, by path."""
    return {
        f"{TOPIC}/records": {"get": _topic_records()},
        f"{PARTITION}/records": {"get": _partition_records()},
        f"{TOPIC}/stream": {"get": _stream()},
    }
