"""The building blocks of every route's description: schemas, parameters, responses and operations."""

from collections.abc import Mapping, Sequence
from typing import Any

from kafka_platform_runtime.gateway.formats import SCHEMA_TYPES, Format

Json = dict[str, Any]
V2 = "application/vnd.kafka.v2+json"
FORMATS = [each.value for each in Format]
"""The formats of keys and values; `text-json` is text for keys, and JSON for values. Those with `avro`, `jsonschema` and `protobuf` need a schema
registry."""
RECORD_TYPES = {
    name: f"application/vnd.kafka.{name}.v2+json"
    for name in (
        *("json", "binary", "text", "text-json"),
        *(f"{keys}{form.value}" for form in SCHEMA_TYPES for keys in ["", "text-"]),
    )
}

INTEGER = {"type": "integer", "format": "int32", "minimum": 0}
LONG = {"type": "integer", "format": "int64", "minimum": 0}
STRING = {"type": "string"}
BASE64 = {"type": "string", "contentEncoding": "base64"}
TEXT_OR_NULL: Json = {"type": ["string", "null"]}
BASE64_OR_NULL: Json = {**BASE64, "type": ["string", "null"]}

TOPIC = "/topics/{topic}"
PARTITION = "/topics/{topic}/partitions/{partition}"

OF_EVERY_PATH = (400, 405, 417, 431)
"""Error statuses that any request can get; those below are added according to what the request needs."""
OF_A_CALLER = (401, 429, 503)
OF_A_TOPIC = (403, 404, 500, 504)
OF_A_BODY = (408, 413, 415, 422)

NOTHING: Json = {"description": "Done."}


def reference(kind: str, name: str) -> Json:
    """A reference to a component."""
    return {"$ref": f"#/components/{kind}/{name}"}


def schema(name: str) -> Json:
    """A reference to a schema."""
    return reference("schemas", name)


def object_of(properties: Json, required: Sequence[str] = (), **more: Any) -> Json:
    """Schema of an object; `more` are further JSON Schema keywords."""
    made: Json = {"type": "object", "properties": properties}
    if required:
        made["required"] = list(required)
    return {**made, **more}


def list_of(items: Json, **more: Any) -> Json:
    """Schema of an array; `more` are further JSON Schema keywords."""
    return {"type": "array", "items": items, **more}


HEADERS = list_of(
    object_of({"key": STRING, "value": {**BASE64, "type": ["string", "null"]}}, ["key"], additionalProperties=False)
)


def query(name: str, description: str, kind: Json) -> Json:
    """A query parameter."""
    return {"name": name, "in": "query", "description": description, "schema": kind}


def content(kind: str, name: str, examples: Mapping[str, Any]) -> Json:
    """Content of one media type: the schema by name, and examples by name."""
    found: Json = {"schema": schema(name)}
    if examples:
        found["examples"] = {key: {"value": value} for key, value in examples.items()}
    return {kind: found}


def answer(description: str, name: str, example: Any, kind: str = V2) -> Json:
    """A response with one example."""
    return {"description": description, "content": content(kind, name, {"response": example})}


def body_of(name: str, example: Any, *, required: bool = True) -> Json:
    """A request body with one example."""
    return {"required": required, "content": content(V2, name, {"request": example})}


def operation(
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
    """One method of a path; `failures` are the statuses besides those of every request; `public` needs no login."""
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
