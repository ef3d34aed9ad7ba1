"""The description of the HTTP interface (OpenAPI 3.1), made from the table of its operations."""

from collections.abc import Mapping, Sequence
from typing import Any

import kafka_platform_runtime

Json = dict[str, Any]

V2 = "application/vnd.kafka.v2+json"
RECORD_TYPES = {name: f"application/vnd.kafka.{name}.v2+json" for name in ("json", "binary", "text")}

ERRORS: Mapping[int, Mapping[int, str]] = {
    400: {
        40001: "The body is not JSON: JSON is malformed: invalid character (byte 12).",
    },
    401: {40101: "Kafka does not accept these credentials."},
    403: {
        40301: "Topic orders: this user may not do this on the topic: an ACL must allow it.",
        40302: "A page of origin https://shop.example may not call this gateway: cors must name its origin.",
    },
    404: {
        40400: "There is nothing at this path: see /openapi.json.",
        40401: "Topic orders does not exist.",
        40402: "Topic orders has no partition 99.",
        40403: "Consumer instance c1 of group shop was not found.",
    },
    405: {40501: "Use GET, POST here."},
    406: {
        40601: "This instance was made for the format json: accept application/vnd.kafka.json.v2+json, or make another one.",
    },
    408: {40801: "The body did not arrive within 30 s."},
    409: {
        40902: "Consumer instance c1 exists already in group shop: choose another name or delete it.",
        40903: "Subscribe either to topics or to a topic_pattern.",
        40904: "Topic orders: exists already.",
    },
    413: {
        41301: "The body has 2097152 bytes: at most 1048576 are taken.",
        41302: "Offset 7 of partition 0 of topic orders cannot be unpacked: its batch is damaged, or has more than 16 MiB. "
        "What follows can be read from offset 8 on.",
    },
    415: {
        41501: "Set Content-Type to application/vnd.kafka.json.v2+json, application/vnd.kafka.binary.v2+json "
        "or application/vnd.kafka.text.v2+json.",
        41502: "Content-Encoding 'br' is not taken: send the body as it is, or by gzip.",
    },
    416: {41601: "Offset 99 is out of range: partition 0 of topic orders has 10 to 50."},
    417: {41701: "Expect 100-continue, or nothing."},
    422: {42201: "records[0].value: is not base64."},
    429: {42901: "Kafka throttles user shop: over the quota."},
    431: {43101: "The head of the request is too large: at most 32768 bytes and 100 fields are taken."},
    500: {
        50001: "The gateway has a fault: it was written to its log.",
        50002: "Topic orders: Broker: Unknown server error.",
    },
    503: {
        50003: "Record 0: Broker: Not enough in-sync replicas: try again.",
        50301: "The gateway has as many requests in flight as it may: try again in a moment.",
    },
    504: {50401: "Record 0: Kafka did not answer in time: unknown whether it was done (Local: Message timed out)."},
}
"""Every code by status, with a message as it is given."""

MEANINGS = {
    400: "The request cannot be understood.",
    401: "No credentials, or Kafka does not accept them.",
    403: "Kafka's ACLs do not allow it, or a browser asks for a page of another site.",
    404: "There is no such path, topic, partition or consumer instance.",
    405: "Not with this method; the header Allow has those that are taken.",
    406: "No format that the header Accept names is known here.",
    408: "The request arrived too slowly.",
    409: "It exists already, or contradicts what was said before.",
    413: "The body, the number of records or what they unpack to is over the gateway's limit, or a record over the topic's.",
    415: "The body has a content type, or an encoding, that is not known here.",
    416: "There is no record at this offset, and it is not the next either.",
    417: "The request expects what nobody here does.",
    422: "The body can be read, and is not what is asked for.",
    429: "This user has to wait: over a limit of the gateway or a quota of Kafka; Retry-After says how long.",
    431: "The head of the request is too large.",
    500: "Kafka has refused for a reason that nobody here can help, or the gateway has a fault.",
    503: "Everybody has to wait: a limit of the gateway, or Kafka cannot do it at the moment; Retry-After says how long.",
    504: "Kafka did not answer in time: unknown whether it was done.",
}

OF_EVERY_PATH = (400, 405, 417, 431)
OF_A_CALLER = (401, 429, 503)
OF_A_TOPIC = (403, 404, 500, 504)
OF_A_BODY = (408, 413, 415, 422)


def reference(kind: str, name: str) -> Json:
    """A reference to a component."""
    return {"$ref": f"#/components/{kind}/{name}"}


def schema(name: str) -> Json:
    """A reference to a schema."""
    return reference("schemas", name)


def _object(properties: Json, required: Sequence[str] = (), **more: Any) -> Json:
    made: Json = {"type": "object", "properties": properties}
    if required:
        made["required"] = list(required)
    return {**made, **more}


def _list(items: Json, **more: Any) -> Json:
    return {"type": "array", "items": items, **more}


INTEGER = {"type": "integer", "format": "int32", "minimum": 0}
LONG = {"type": "integer", "format": "int64", "minimum": 0}
STRING = {"type": "string"}
BASE64 = {"type": "string", "contentEncoding": "base64"}
HEADERS = _list(
    _object({"key": STRING, "value": {**BASE64, "type": ["string", "null"]}}, ["key"], additionalProperties=False)
)


def _record(value: Json, key: Json) -> Json:
    return _object(
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


NO_SCHEMA: Json = {"type": "null", "description": "There is no schema registry here."}


def _records(item: str) -> Json:
    return _object(
        {
            "records": _list(schema(item), minItems=1),
            "key_schema": NO_SCHEMA,
            "key_schema_id": NO_SCHEMA,
            "value_schema": NO_SCHEMA,
            "value_schema_id": NO_SCHEMA,
        },
        ["records"],
        additionalProperties=False,
    )


PLACE = {"topic": STRING, "partition": INTEGER}
TEXT_OR_NULL: Json = {"type": ["string", "null"]}
BASE64_OR_NULL: Json = {**BASE64, "type": ["string", "null"]}


def _read_record(content: Json) -> Json:
    return _object(
        {
            "topic": STRING,
            "key": content,
            "value": content,
            "partition": INTEGER,
            "offset": LONG,
            "timestamp": {"type": "integer", "format": "int64", "description": "Milliseconds since 1970."},
            "headers": HEADERS,
            "format": {
                "const": "binary",
                "description": "Key and value are in base64, because they do not fit the format that was asked for.",
            },
        },
        ["topic", "key", "value", "partition", "offset"],
    )


def _merged(records: str) -> Json:
    return _object(
        {
            "records": schema(records),
            "cursor": {"type": "string", "description": "Where to go on: `from` of the next read, or `Last-Event-ID`."},
            "gaps": schema("Gaps"),
        },
        ["records", "cursor"],
    )


SCHEMAS: Json = {
    "Error": _object(
        {
            "error_code": {"type": "integer", "description": "The status and two more digits."},
            "message": {"type": "string", "description": "One sentence."},
        },
        ["error_code", "message"],
    ),
    "JsonRecord": _record({}, {}),
    "BinaryRecord": _record(BASE64_OR_NULL, BASE64_OR_NULL),
    "TextRecord": _record(TEXT_OR_NULL, TEXT_OR_NULL),
    "JsonRecords": _records("JsonRecord"),
    "BinaryRecords": _records("BinaryRecord"),
    "TextRecords": _records("TextRecord"),
    "Written": _object({"partition": INTEGER, "offset": LONG}, ["partition", "offset"], additionalProperties=False),
    "Failed": _object(
        {"error_code": {"type": "integer"}, "error": STRING}, ["error_code", "error"], additionalProperties=False
    ),
    "Offsets": _object(
        {
            "offsets": _list(
                {"oneOf": [schema("Written"), schema("Failed")]}, description="An entry per record, in their order."
            ),
            "error_code": {"type": "integer", "description": "Where the status is that of a failure."},
            "message": STRING,
        },
        ["offsets"],
    ),
    "ReadJsonRecords": _list(_read_record({})),
    "ReadBinaryRecords": _list(_read_record(BASE64_OR_NULL)),
    "ReadTextRecords": _list(_read_record(TEXT_OR_NULL)),
    "Gaps": _list(
        _object({"partition": INTEGER, "from": LONG, "to": LONG}, ["partition", "from", "to"]),
        description="Offsets from where the cursor stood to where there are records: Kafka has deleted those between.",
    ),
    "MergedJsonRecords": _merged("ReadJsonRecords"),
    "MergedBinaryRecords": _merged("ReadBinaryRecords"),
    "MergedTextRecords": _merged("ReadTextRecords"),
    "Names": _list(STRING),
    "Brokers": _object({"brokers": _list(INTEGER)}, ["brokers"]),
    "Replica": _object(
        {"broker": INTEGER, "leader": {"type": "boolean"}, "in_sync": {"type": "boolean"}},
        ["broker", "leader", "in_sync"],
    ),
    "Partition": _object(
        {
            "partition": INTEGER,
            "leader": {"type": "integer", "description": "Broker; -1 while there is none."},
            "replicas": _list(schema("Replica")),
        },
        ["partition", "leader", "replicas"],
    ),
    "Partitions": _list(schema("Partition")),
    "Topic": _object(
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
    "Bounds": _object(
        {
            "beginning_offset": {**LONG, "description": "Of the oldest record that is kept."},
            "end_offset": {**LONG, "description": "That the next record will have."},
        },
        ["beginning_offset", "end_offset"],
    ),
    "NewTopic": _object(
        {
            "topic_name": STRING,
            "partitions_count": {"type": ["integer", "null"], "minimum": 1, "description": "Absent: the cluster's."},
            "replication_factor": {"type": ["integer", "null"], "minimum": 1, "description": "Absent: the cluster's."},
        },
        ["topic_name"],
        additionalProperties=False,
    ),
    "NewConsumer": _object(
        {
            "name": {
                **TEXT_OR_NULL,
                "description": "1 to 200 letters, digits and . _ ~ : + -; absent: one is made up.",
            },
            "id": {**TEXT_OR_NULL, "description": "Older name of `name`."},
            "format": {
                "type": ["string", "null"],
                "enum": ["binary", "json", "text", None],
                "description": "Of keys and values; binary if absent.",
            },
            "auto.offset.reset": {
                "type": ["string", "null"],
                "enum": ["latest", "earliest", "none", None],
                "description": "Where to begin if the group has no offset; latest if absent.",
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
    "Consumer": _object(
        {"instance_id": STRING, "base_uri": {"type": "string", "format": "uri"}}, ["instance_id", "base_uri"]
    ),
    "ConsumerDescription": _object(
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
    "Subscription": _object(
        {
            "topics": {**_list(STRING), "type": ["array", "null"]},
            "topic_pattern": {**TEXT_OR_NULL, "description": "A regular expression; instead of `topics`."},
        },
        additionalProperties=False,
    ),
    "Subscribed": _object(
        {
            "topics": _list(STRING),
            "topic_pattern": STRING,
            "partitions": _list(
                {"type": "object", "additionalProperties": _list(INTEGER)},
                description="The partitions that this instance reads at the moment, by topic.",
            ),
        },
        ["topics", "partitions"],
    ),
    "Places": _object(
        {"partitions": _list(_object(PLACE, ["topic", "partition"], additionalProperties=False))}, ["partitions"]
    ),
    "Commit": _object(
        {
            "offsets": {
                **_list(
                    _object(
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
    "Committed": _object(
        {
            "offsets": _list(
                _object({**PLACE, "offset": {"type": "integer", "format": "int64"}, "metadata": TEXT_OR_NULL})
            )
        },
        ["offsets"],
    ),
    "Positions": _object(
        {
            "offsets": _list(
                _object(
                    {**PLACE, "offset": LONG, "metadata": TEXT_OR_NULL},
                    ["topic", "partition", "offset"],
                    additionalProperties=False,
                )
            ),
            "timestamps": _list(
                _object(
                    {**PLACE, "timestamp": {"type": ["integer", "string"]}, "metadata": TEXT_OR_NULL},
                    ["topic", "partition", "timestamp"],
                    additionalProperties=False,
                ),
                description="The first record at or after a time, in milliseconds since 1970 or ISO 8601.",
            ),
        },
        additionalProperties=False,
    ),
    "Information": _object({"bridge_version": STRING}, ["bridge_version"]),
}


def _segment(name: str, description: str, kind: Json | None = None) -> Json:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": kind or STRING}


def _query(name: str, description: str, kind: Json) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": kind}


SEGMENTS = {
    "topic": _segment("topic", "Name of the topic."),
    "partition": _segment("partition", "Number of the partition.", INTEGER),
    "group": _segment("group", "Name of the consumer group."),
    "name": _segment("name", "Name of the instance, as it stands at the end of its `base_uri`."),
}
ASYNC = _query(
    "async",
    "Whether to answer 202 at once, without waiting for Kafka: nobody is told whether the records were written.",
    {"type": "boolean", "default": False},
)
TIMEOUT = _query("timeout", "Milliseconds to wait for the first record.", {"type": "integer", "minimum": 0})
MAX_BYTES = _query(
    "max_bytes", "About how many bytes of keys and values to answer with.", {"type": "integer", "minimum": 1}
)

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
WRITTEN = {
    "offsets": [{"partition": 2, "offset": 100}, {"partition": 1, "offset": 101}, {"partition": 2, "offset": 101}]
}
PARTLY = {
    "offsets": [
        {"partition": 2, "offset": 100},
        {"error_code": 40402, "error": "Record 1: no such partition."},
    ]
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
PARTITION = {
    "partition": 0,
    "leader": 1,
    "replicas": [{"broker": 1, "leader": True, "in_sync": True}, {"broker": 2, "leader": False, "in_sync": True}],
}
PLACES = {"partitions": [{"topic": "orders", "partition": 0}, {"topic": "orders", "partition": 1}]}
POSITIONS = {
    "offsets": [{"topic": "orders", "partition": 0, "offset": 15}, {"topic": "orders", "partition": 1, "offset": 42}]
}


def _content(kind: str, name: str, examples: Mapping[str, Any]) -> Json:
    found: Json = {"schema": schema(name)}
    if examples:
        found["examples"] = {key: {"value": value} for key, value in examples.items()}
    return {kind: found}


def _answer(description: str, name: str, example: Any, kind: str = V2) -> Json:
    return {"description": description, "content": _content(kind, name, {"response": example})}


def _answer_records(description: str) -> Json:
    return {
        "description": description,
        "content": {
            **_content(RECORD_TYPES["json"], "ReadJsonRecords", {"response": READ}),
            **_content(RECORD_TYPES["binary"], "ReadBinaryRecords", {"response": READ_BINARY}),
            **_content(RECORD_TYPES["text"], "ReadTextRecords", {"response": READ_TEXT}),
        },
    }


def _body(name: str, example: Any, *, required: bool = True) -> Json:
    return {"required": required, "content": _content(V2, name, {"request": example})}


NOTHING: Json = {"description": "Done."}
WRITE_BODY: Json = {
    "required": True,
    "content": {
        **_content(RECORD_TYPES["json"], "JsonRecords", {"request": JSON_RECORDS}),
        **_content(RECORD_TYPES["binary"], "BinaryRecords", {"request": BINARY_RECORDS}),
        **_content(RECORD_TYPES["text"], "TextRecords", {"request": TEXT_RECORDS}),
    },
}
WRITE_ANSWERS: Json = {
    "200": {
        "description": "Kafka has acknowledged each record (acks=all), or its entry says why not.",
        "content": _content(V2, "Offsets", {"all": WRITTEN, "all-but-one": PARTLY}),
    },
    "202": {"description": "With `async=true`: the records are on their way.", "content": {V2: {"example": {}}}},
}


def _operation(
    identity: str,
    tag: str,
    summary: str,
    answers: Json,
    failures: Sequence[int],
    *,
    description: str = "",
    parameters: Sequence[Json] = (),
    body: Json | None = None,
    public: bool = False,
) -> Json:
    made: Json = {"operationId": identity, "tags": [tag], "summary": summary}
    if description:
        made["description"] = description
    if parameters:
        made["parameters"] = list(parameters)
    if body is not None:
        made["requestBody"] = body
    codes = {*failures, *OF_EVERY_PATH, *(() if public else OF_A_CALLER)}
    made["responses"] = {**answers, **{str(code): reference("responses", str(code)) for code in sorted(codes)}}
    if public:
        made["security"] = []
    return made


OF_AN_INSTANCE = (403, 404, 408, 413, 500, 504)
INSTANCE = "/consumers/{group}/instances/{name}"


def _places(identity: str, summary: str, failures: Sequence[int] = ()) -> Json:
    return _operation(
        identity,
        "Consumer instances",
        summary,
        {"204": NOTHING},
        [*OF_AN_INSTANCE, 415, 422, *failures],
        body=_body("Places", PLACES),
    )


def _paths() -> Json:
    topic, partition = "/topics/{topic}", "/topics/{topic}/partitions/{partition}"
    writes = (*OF_A_TOPIC, *OF_A_BODY)
    plain = {"text/plain": {"schema": STRING}}
    return {
        "/": {
            "get": _operation(
                "information",
                "About",
                "Version as JSON; for browsers (Accept: text/html) a page to try the interface",
                {
                    "200": {
                        "description": "The version, in the Strimzi bridge's form.",
                        "content": {
                            **_content("application/json", "Information", {"response": {"bridge_version": "0.1.0"}}),
                            "text/html": {"schema": STRING},
                        },
                    }
                },
                (),
                public=True,
            )
        },
        "/openapi.json": {"get": _description("openapi")},
        "/openapi": {"get": _description("openapiAlias")},
        "/healthz": {
            "get": _operation(
                "healthz",
                "About",
                "Whether the program runs",
                {"200": {"description": "It does.", "content": plain}},
                (),
                public=True,
            )
        },
        "/readyz": {
            "get": _operation(
                "readyz",
                "About",
                "Whether Kafka answers and the program is not about to end",
                {
                    "200": {"description": "Both.", "content": plain},
                    "503": {"description": "One line with the reason why not.", "content": plain},
                },
                (),
                public=True,
            )
        },
        "/brokers": {
            "get": _operation(
                "brokers",
                "Topics",
                "Numbers of the brokers",
                {"200": _answer("In order.", "Brokers", {"brokers": [0, 1, 2]})},
                (500, 504),
            )
        },
        "/topics": {
            "get": _operation(
                "topics",
                "Topics",
                "Names of the topics",
                {"200": _answer("Those that this user may describe, in order.", "Names", ["customers", "orders"])},
                (500, 504),
            )
        },
        "/admin/topics": {
            "post": _operation(
                "createTopic",
                "Topics",
                "Make a topic",
                {"201": {"description": "It was made.", "content": {V2: {"example": {}}}}},
                (403, 409, 500, 504, *OF_A_BODY),
                description="The user needs the ACL CREATE on the topic or the cluster.",
                body={
                    "required": True,
                    "content": _content(
                        RECORD_TYPES["json"],
                        "NewTopic",
                        {"request": {"topic_name": "orders", "partitions_count": 3, "replication_factor": 2}},
                    ),
                },
            )
        },
        topic: {
            "get": _operation(
                "topic",
                "Topics",
                "Settings and partitions of a topic",
                {
                    "200": _answer(
                        "The topic.",
                        "Topic",
                        {
                            "name": "orders",
                            "configs": {"cleanup.policy": "delete", "retention.ms": "604800000"},
                            "partitions": [PARTITION],
                        },
                    )
                },
                OF_A_TOPIC,
            ),
            "post": _operation(
                "write", "Writes", "Write records", WRITE_ANSWERS, writes, parameters=[ASYNC], body=WRITE_BODY
            ),
        },
        f"{topic}/partitions": {
            "get": _operation(
                "partitions",
                "Topics",
                "Partitions of a topic",
                {"200": _answer("In order.", "Partitions", [PARTITION])},
                OF_A_TOPIC,
            )
        },
        partition: {
            "get": _operation(
                "partition",
                "Topics",
                "Leader and replicas of a partition",
                {"200": _answer("The partition.", "Partition", PARTITION)},
                OF_A_TOPIC,
            ),
            "post": _operation(
                "writeToPartition",
                "Writes",
                "Write records to one partition",
                WRITE_ANSWERS,
                writes,
                parameters=[ASYNC],
                body=WRITE_BODY,
            ),
        },
        **_reads(),
        f"{partition}/offsets": {
            "get": _operation(
                "offsets",
                "Topics",
                "First offset and end of a partition",
                {"200": _answer("The bounds.", "Bounds", {"beginning_offset": 10, "end_offset": 50})},
                OF_A_TOPIC,
            )
        },
        **_consumers(),
    }


FROM = "earliest, latest, a cursor such as `0:5,1:9`, milliseconds since 1970 or an ISO 8601 time."
MAX_RECORDS = _query(
    "max_records",
    "How many records to answer with.",
    {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 500},
)
EVENTS = (
    "retry: 1000\n\n"
    'id: 0:5,1:10\ndata: {"partition":1,"offset":9,"timestamp":1788000000000,"key":"order-17","value":{"count":2}}\n\n'
    ": alive\n\n"
)


def _reads() -> Json:
    topic = "/topics/{topic}"
    merged = {"records": READ, "cursor": "0:5,1:9,2:101"}
    return {
        f"{topic}/records": {
            "get": _operation(
                "read",
                "Reads",
                "Read records of all partitions, and go on later by the cursor",
                {
                    "200": {
                        "description": "What is there, or what has come in time; in order within each partition.",
                        "content": {
                            **_content(RECORD_TYPES["json"], "MergedJsonRecords", {"response": merged}),
                            **_content(
                                RECORD_TYPES["binary"],
                                "MergedBinaryRecords",
                                {"response": {**merged, "records": READ_BINARY}},
                            ),
                            **_content(
                                RECORD_TYPES["text"],
                                "MergedTextRecords",
                                {"response": {**merged, "records": READ_TEXT}},
                            ),
                        },
                    }
                },
                (*OF_A_TOPIC, 406, 416),
                parameters=[
                    _query("from", f"Where to begin: {FROM}", {"type": "string", "default": "earliest"}),
                    TIMEOUT,
                    MAX_BYTES,
                    MAX_RECORDS,
                ],
            )
        },
        f"{topic}/partitions/{{partition}}/records": {
            "get": _operation(
                "readPartition",
                "Reads",
                "Read records of one partition from an offset on",
                {"200": _answer_records("What is there, or what has come in time.")},
                (*OF_A_TOPIC, 406, 416),
                parameters=[
                    _query("offset", "Of the first record.", {**LONG, "default": 0}),
                    TIMEOUT,
                    MAX_BYTES,
                    MAX_RECORDS,
                ],
            )
        },
        f"{topic}/stream": {
            "get": _operation(
                "stream",
                "Reads",
                "Records as they come, as Server-Sent Events or by WebSocket",
                {
                    "200": {
                        "description": (
                            "An event for each record, or with `batch` for several; its id is the cursor behind it. `gap`: Kafka "
                            "has deleted records that would have been next. `error`: the stream ends for the reason in it."
                        ),
                        "content": {"text/event-stream": {"schema": STRING, "example": EVENTS}},
                    },
                    "101": {
                        "description": (
                            'With `Upgrade: websocket`: frames `{"records":[...],"cursor":"..."}`, `{"gap":...}`, '
                            '`{"error":...}` and `{"alive":true}`.'
                        )
                    },
                },
                (*OF_A_TOPIC, 406, 416),
                description=(
                    "Come back with the id of the last event that arrived, and each record comes exactly once. With `group` the "
                    "readers of the group share the partitions, and what was delivered is committed."
                ),
                parameters=[
                    _query("from", f"Where to begin: {FROM}", {"type": "string", "default": "latest"}),
                    _query("group", "Consumer group to read as.", STRING),
                    _query(
                        "batch", "Records in an event, as an array.", {"type": "integer", "minimum": 1, "default": 1}
                    ),
                    _query("format", "Of keys and values.", {"enum": ["json", "binary", "text"], "default": "json"}),
                    _query(
                        "heartbeat", "Seconds between signs of life.", {"type": "integer", "minimum": 1, "maximum": 300}
                    ),
                    {
                        "name": "Last-Event-ID",
                        "in": "header",
                        "description": "Id of the last event that arrived; wins over `from`.",
                        "schema": STRING,
                    },
                ],
            )
        },
    }


def _description(identity: str) -> Json:
    return _operation(
        identity,
        "About",
        "This description",
        {"200": {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type": "object"}}}}},
        (),
        public=True,
    )


def _consumers() -> Json:
    tag = "Consumer instances"
    address = "http://localhost:8080/consumers/shop/instances/c1"
    return {
        "/consumers/{group}": {
            "post": _operation(
                "createConsumer",
                tag,
                "Make a consumer instance",
                {"200": _answer("It was made.", "Consumer", {"instance_id": "c1", "base_uri": address})},
                (403, 409, 500, 504, *OF_A_BODY),
                description="It is deleted after some minutes without a request. Only the user who has made it may use it.",
                body=_body(
                    "NewConsumer",
                    {"name": "c1", "format": "json", "auto.offset.reset": "earliest", "enable.auto.commit": False},
                    required=False,
                ),
            )
        },
        INSTANCE: {
            "get": _operation(
                "consumer",
                tag,
                "Settings of an instance",
                {
                    "200": _answer(
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
            "delete": _operation("deleteConsumer", tag, "Delete an instance", {"204": NOTHING}, OF_AN_INSTANCE),
        },
        f"{INSTANCE}/subscription": {
            "get": _operation(
                "subscription",
                tag,
                "Topics of an instance, and the partitions that it reads at the moment",
                {
                    "200": _answer(
                        "The subscription.", "Subscribed", {"topics": ["orders"], "partitions": [{"orders": [0, 1, 2]}]}
                    )
                },
                OF_AN_INSTANCE,
            ),
            "post": _operation(
                "subscribe",
                tag,
                "Subscribe to topics, in place of those before",
                {"204": NOTHING},
                [*OF_AN_INSTANCE, 409, 415, 422],
                body=_body("Subscription", {"topics": ["orders", "customers"]}),
            ),
            "delete": _operation("unsubscribe", tag, "Give the topics up", {"204": NOTHING}, OF_AN_INSTANCE),
        },
        f"{INSTANCE}/assignments": {
            "get": _operation(
                "assignments",
                tag,
                "Partitions that were assigned by hand",
                {"200": _answer("The partitions.", "Places", PLACES)},
                OF_AN_INSTANCE,
            ),
            "post": _places("assign", "Read these partitions, without sharing them out in the group", [409]),
        },
        f"{INSTANCE}/records": {
            "get": _operation(
                "consume",
                tag,
                "Read the next records",
                {"200": _answer_records("The records; none if none came in time.")},
                [*OF_AN_INSTANCE, 406, 409],
                parameters=[TIMEOUT, MAX_BYTES],
            )
        },
        f"{INSTANCE}/offsets": {
            "get": _operation(
                "committed",
                tag,
                "Offsets that the group has committed",
                {
                    "200": _answer(
                        "The offsets.",
                        "Committed",
                        {"offsets": [{"topic": "orders", "partition": 0, "offset": 21, "metadata": ""}]},
                    )
                },
                [*OF_AN_INSTANCE, 415, 422],
                description="Of the partitions in the body; without a body, of those that the instance reads.",
                body=_body("Places", PLACES, required=False),
            ),
            "post": _operation(
                "commit",
                tag,
                "Commit offsets",
                {"204": NOTHING},
                [*OF_AN_INSTANCE, 409, 415, 422],
                description="Those in the body; without a body, behind the last records read.",
                body=_body("Commit", POSITIONS, required=False),
            ),
        },
        f"{INSTANCE}/positions": {
            "post": _operation(
                "seek",
                tag,
                "Read on from these offsets or times",
                {"204": NOTHING},
                [*OF_AN_INSTANCE, 409, 415, 422],
                body=_body("Positions", POSITIONS),
            )
        },
        f"{INSTANCE}/positions/beginning": {
            "post": _places("seekToBeginning", "Read on from the oldest records", [409])
        },
        f"{INSTANCE}/positions/end": {"post": _places("seekToEnd", "Read on behind the newest records", [409])},
    }


def _error(status: int) -> Json:
    examples = {str(code): {"error_code": code, "message": text} for code, text in ERRORS[status].items()}
    made: Json = {"description": MEANINGS[status], "content": _content(V2, "Error", examples)}
    if status in {429, 503}:
        made["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    if status == 401:
        made["headers"] = {"WWW-Authenticate": {"schema": STRING}}
    if status == 405:
        made["headers"] = {"Allow": {"schema": STRING}}
    return made


def document() -> Json:
    """The description, complete."""
    paths = _paths()
    for path, operations in paths.items():
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        if names:
            operations["parameters"] = [reference("parameters", name) for name in names]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kafka over HTTP",
            "version": kafka_platform_runtime.__version__,
            "description": (
                "Write and read the topics of a Kafka cluster in the dialect of Confluent's REST API v2 and of the Strimzi "
                "bridge. Log in with a Kafka user and password by HTTP Basic; Kafka's ACLs and quotas hold for you."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"basic": []}, {"bearer": []}, {}],
        "tags": [
            {"name": "Writes"},
            {"name": "Reads", "description": "Without state at the gateway: any request may go to any pod."},
            {"name": "Consumer instances", "description": "Consumers of a group that live at the gateway."},
            {"name": "Topics"},
            {"name": "About"},
        ],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "parameters": SEGMENTS,
            "responses": {str(status): _error(status) for status in ERRORS},
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic", "description": "User and password of Kafka."},
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Where the gateway is told to take tokens; they go to Kafka as OAUTHBEARER.",
                },
            },
        },
    }
