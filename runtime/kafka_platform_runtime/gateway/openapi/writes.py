"""Routes that write records."""

from kafka_platform_runtime.gateway.openapi.elements import (
    BASE64_OR_NULL,
    HEADERS,
    INTEGER,
    LONG,
    OF_A_BODY,
    OF_A_TOPIC,
    PARTITION,
    RECORD_TYPES,
    STRING,
    TEXT_OR_NULL,
    TOPIC,
    V2,
    Json,
    content,
    list_of,
    object_of,
    operation,
    query,
    schema,
)


def _record(value: Json, key: Json) -> Json:
    return object_of(
        {
            "key": {**key, "description": "Absent or null: no key."},
            "value": {**value, "description": "Absent or null: deletes the key in a compacted topic."},
            "partition": {**INTEGER, "type": ["integer", "null"], "description": "Absent: chosen by the key."},
            "timestamp": {
                **LONG,
                "minimum": 1,
                "type": ["integer", "null"],
                "description": "Milliseconds since 1970; absent or null: the time of the write.",
            },
            "headers": {**HEADERS, "type": ["array", "null"]},
        },
        additionalProperties=False,
        anyOf=[{"required": ["value"]}, {"required": ["key"]}],
    )


NO_SCHEMA: Json = {"type": "null", "description": "This format has no schemas."}
SCHEMA: Json = {
    **TEXT_OR_NULL,
    "description": "Text of a schema that is registered for the topic. Absent or null, and no id: the latest one.",
}
SCHEMA_ID: Json = {**INTEGER, "type": ["integer", "null"], "description": "Id of a schema in the registry."}


def _records(item: str, text: Json = NO_SCHEMA, number: Json = NO_SCHEMA) -> Json:
    return object_of(
        {
            "records": list_of(schema(item), minItems=1),
            "key_schema": text,
            "key_schema_id": number,
            "value_schema": text,
            "value_schema_id": number,
        },
        ["records"],
        additionalProperties=False,
    )


SCHEMAS: Json = {
    "JsonRecord": _record({}, {}),
    "BinaryRecord": _record(BASE64_OR_NULL, BASE64_OR_NULL),
    "TextRecord": _record(TEXT_OR_NULL, TEXT_OR_NULL),
    "TextJsonRecord": _record({}, TEXT_OR_NULL),
    "JsonRecords": _records("JsonRecord"),
    "BinaryRecords": _records("BinaryRecord"),
    "TextRecords": _records("TextRecord"),
    "TextJsonRecords": _records("TextJsonRecord"),
    "SchemaRecords": _records("JsonRecord", SCHEMA, SCHEMA_ID),
    "TextSchemaRecords": _records("TextJsonRecord", SCHEMA, SCHEMA_ID),
    "Written": object_of({"partition": INTEGER, "offset": LONG}, ["partition", "offset"], additionalProperties=False),
    "Failed": object_of(
        {"error_code": {"type": "integer"}, "error": STRING}, ["error_code", "error"], additionalProperties=False
    ),
    "Offsets": object_of(
        {
            "offsets": list_of(
                {"oneOf": [schema("Written"), schema("Failed")]}, description="An entry per record, in order."
            ),
            "error_code": {"type": "integer", "description": "If the status is an error."},
            "message": STRING,
            "key_schema_id": {**INTEGER, "type": ["integer", "null"], "description": "With schemas: that of the keys."},
            "value_schema_id": {
                **INTEGER,
                "type": ["integer", "null"],
                "description": "With schemas: that of the values.",
            },
        },
        ["offsets"],
    ),
}

JSON_RECORDS = {
    "records": [
        {"key": "order-17", "value": {"item": "chair", "count": 2}},
        {"value": ["anything", "that", "JSON", "can", "say"], "partition": 1},
        {
            "value": 53.5,
            "timestamp": 1788000000000,
            "headers": [{"key": "trace", "value": "MDBmMDY3YWEwYmE5MDJiNw=="}],
        },
    ]
}
BINARY_RECORDS = {"records": [{"key": "a2V5", "value": "a2Fma2E="}, {"value": "bG9ncw=="}]}
TEXT_RECORDS = {"records": [{"key": "order-17", "value": "two chairs"}, {"value": None}]}
AVRO_RECORDS = {"records": [{"value": {"id": "order-17", "amount": 2, "note": {"string": "quick"}}}]}
PROTOBUF_RECORDS = {"records": [{"value": {"id": "order-17", "amount": "2", "note": "quick"}}]}
TEXT_SCHEMA_RECORDS = {"records": [{"key": "order-17", "value": {"id": "order-17", "amount": 2, "note": None}}]}
SCHEMA_EXAMPLES: dict[str, Json] = {
    "avro": AVRO_RECORDS,
    "jsonschema": TEXT_SCHEMA_RECORDS,
    "protobuf": PROTOBUF_RECORDS,
}
WRITTEN = {
    "offsets": [{"partition": 2, "offset": 100}, {"partition": 1, "offset": 101}, {"partition": 2, "offset": 101}]
}
PARTLY = {
    "offsets": [
        {"partition": 2, "offset": 100},
        {"error_code": 40402, "error": "Record 1: no such partition."},
    ]
}


def _with_schemas() -> Json:
    """The content of writes with schemas."""
    made: Json = {}
    for form, records in SCHEMA_EXAMPLES.items():
        by_id = {"value_schema_id": 7, **records}
        made |= content(RECORD_TYPES[form], "SchemaRecords", {"latest": records, "by-id": by_id})
        made |= content(RECORD_TYPES[f"text-{form}"], "TextSchemaRecords", {"request": TEXT_SCHEMA_RECORDS})
    return made


WRITE_BODY: Json = {
    "required": True,
    "content": {
        **content(RECORD_TYPES["json"], "JsonRecords", {"request": JSON_RECORDS}),
        **content(RECORD_TYPES["binary"], "BinaryRecords", {"request": BINARY_RECORDS}),
        **content(RECORD_TYPES["text"], "TextRecords", {"request": TEXT_RECORDS}),
        **content(RECORD_TYPES["text-json"], "TextJsonRecords", {"request": JSON_RECORDS}),
        **_with_schemas(),
    },
}
WRITE_ANSWERS: Json = {
    "200": {
        "description": "Kafka has acknowledged each record (acks=all), or its entry says why not.",
        "content": content(V2, "Offsets", {"all": WRITTEN, "all-but-one": PARTLY}),
    },
    "202": {"description": "With `async=true`: the records are on their way.", "content": {V2: {"example": {}}}},
}
ASYNC = query(
    "async",
    "Whether to answer 202 at once, without waiting for Kafka: the outcome of the records is not reported.",
    {"type": "boolean", "default": False},
)
FAILURES = (*OF_A_TOPIC, *OF_A_BODY)


def paths() -> Json:
    """The operations that write to a topic or to one of its partitions, by path."""
    return {
        TOPIC: {
            "post": operation(
                "write", "Writes", "Write records", WRITE_ANSWERS, FAILURES, parameters=[ASYNC], body=WRITE_BODY
            )
        },
        PARTITION: {
            "post": operation(
                "writeToPartition",
                "Writes",
                "Write records to one partition",
                WRITE_ANSWERS,
                FAILURES,
                parameters=[ASYNC],
                body=WRITE_BODY,
            )
        },
    }
