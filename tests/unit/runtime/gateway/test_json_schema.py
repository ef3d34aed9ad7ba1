"""JSON Schema's values beside another validator; and what strangers may send as schemas, patterns and values."""

import contextlib
import json
import random
import socket
import time
from typing import Any

import jsonschema
import pytest
from kafka_platform_runtime.gateway.schemas import json_schema as module
from kafka_platform_runtime.gateway.schemas.json_schema import JsonSchemaCodec
from kafka_platform_runtime.gateway.schemas.misfit import Misfit, Unusable

ORDER: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^order-[0-9]+$"},
        "amount": {"type": "integer", "minimum": 1},
        "note": {"type": ["null", "string"]},
        "lines": {"type": "array", "items": {"$ref": "#/definitions/line"}, "uniqueItems": True},
    },
    "required": ["id", "amount"],
    "additionalProperties": False,
    "definitions": {"line": {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]}},
}
VALUE: dict[str, Any] = {"id": "order-1", "amount": 2, "note": None, "lines": [{"sku": "é"}, {"sku": "b"}]}
TREE = {"properties": {"next": {"$ref": "#"}, "also": {"$ref": "#"}}}
TWICE: dict[str, Any] = {
    "anyOf": [
        {"allOf": [{"properties": {"next": {"$ref": "#"}}}, {"required": [name]}]} for name in ("never", "neither")
    ]
}
"""It takes twice as long with every level of the value."""


def codec(schema: Any, **references: Any) -> JsonSchemaCodec:
    return JsonSchemaCodec(json.dumps(schema), [(name, json.dumps(each)) for name, each in references.items()])


def nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth):
        value = {"next": value}
    return value


def test_a_value_is_stored_as_the_json_that_was_checked() -> None:
    written = codec(ORDER).write(VALUE, b"\0\0\0\0\7")
    assert written[:5] == b"\0\0\0\0\7"
    assert json.loads(written[5:]) == VALUE
    assert codec(ORDER).read(written[5:]) == written[5:]
    assert codec(True).write(10**30) == str(10**30).encode()


@pytest.mark.parametrize(
    ("change", "path", "reason"),
    [
        ({"id": 1}, ".id", '1 is not of type "string"'),
        ({"id": "x"}, ".id", '"x" does not match "^order-[0-9]+$"'),
        ({"amount": 2.5}, ".amount", '2.5 is not of type "integer"'),
        ({"amount": 0}, ".amount", "0 is less than the minimum of 1"),
        ({"lines": [{"sku": "a"}, {}]}, ".lines[1].sku", "is missing"),
        ({"extra": 1}, ".extra", "is not in the schema"),
        ({"lines": [{"sku": "a"}] * 2}, ".lines", '[{"sku":"a"},{"sku":"a"}] has non-unique elements'),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(change: dict[str, Any], path: str, reason: str) -> None:
    with pytest.raises(Misfit) as caught:
        codec(ORDER).write(VALUE | change)
    assert (caught.value.path, caught.value.reason) == (path, reason)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(Misfit) as caught:
        codec(ORDER).write({"id": "order-1"})
    assert (caught.value.path, caught.value.reason) == (".amount", "is missing")


SCHEMAS: list[Any] = [
    ORDER,
    {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 2, "exclusiveMinimum": True},
    {"$schema": "http://json-schema.org/draft-06/schema#", "contains": {"const": 1}, "propertyNames": {"maxLength": 2}},
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "if": {"required": ["a"]},
        "then": {"required": ["b"]},
        "else": {"maxProperties": 1},
        "dependencies": {"b": ["c"], "d": {"required": ["a"]}},
        "items": [{"type": "integer"}, True],
        "additionalItems": False,
    },
    {
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "allOf": [{"properties": {"a": True}}, {"$ref": "#named"}],
        "unevaluatedProperties": False,
        "$defs": {"n": {"$anchor": "named", "properties": {"b": {"type": "integer"}}}},
    },
    {
        "prefixItems": [{"enum": [1, "a", None]}],
        "items": {"not": {"type": "string"}},
        "dependentRequired": {"a": ["b"]},
        "dependentSchemas": {"c": {"minProperties": 2}},
        "patternProperties": {"^d": {"multipleOf": 0.5}},
        "minContains": 0,
        "contains": {"type": "null"},
        "maxContains": 1,
    },
    {"oneOf": [{"type": "integer"}, {"minimum": 2}, {"$ref": "#/$defs/a~1b"}], "$defs": {"a/b": {"type": "array"}}},
]


def test_verdicts_are_those_of_another_validator() -> None:
    noise = random.Random(4)

    def value(depth: int) -> Any:
        kind = noise.randrange(8 if depth else 5)
        if kind < 5:
            return [None, True, noise.randrange(4), noise.choice(["", "a", "order-7"]), noise.randrange(8) / 4][kind]
        if kind == 5:
            return [value(depth - 1) for _ in range(noise.randrange(4))]
        return {noise.choice("abcd"): value(depth - 1) for _ in range(noise.randrange(4))}

    for schema in SCHEMAS:
        ours = codec(schema)
        theirs = jsonschema.validators.validator_for(schema)(schema)
        seen = set()
        for _ in range(300):
            sent = value(2)
            try:
                ours.write(sent)
                fits = True
            except Misfit:
                fits = False
            assert fits == theirs.is_valid(sent), (schema, sent)
            seen.add(fits)
        assert seen == {True, False} or schema is ORDER


class TestReferences:
    def test_they_are_taken_by_their_names_or_addresses_and_may_refer_to_each_other(self) -> None:
        schema = {
            "$id": "https://shop.example/a/order.json",
            "properties": {"price": {"$ref": "price.json#/$defs/cents"}, "other": {"$ref": "other.json"}},
        }
        references = {
            "price.json": {"$defs": {"cents": {"type": "integer"}}},
            "other.json": {
                "$id": "https://else.example/x.json",
                "$ref": "https://shop.example/a/price.json#/$defs/cents",
            },
        }
        made = codec(schema, **references)
        made.write({"price": 5, "other": 6})
        for name in ("price", "other"):
            with pytest.raises(Misfit) as caught:
                made.write({name: "x"})
            assert caught.value.path == f".{name}"

    def test_nothing_is_ever_fetched(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(0.2)
            address = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
            for schema in (
                {"$ref": address},
                {"$schema": address},
                {"$id": address, "$ref": "other.json"},
                {"$id": address, "properties": {"a": {"$id": "inner.json", "$ref": "other.json"}}},
                {"$schema": "http://json-schema.org/draft-04/schema#", "id": address, "$ref": "other.json"},
                {"$ref": "file:///etc/passwd"},
            ):
                with pytest.raises(Unusable):
                    codec(schema)
            with pytest.raises(TimeoutError):
                server.accept()


def chained(count: int) -> Any:
    parts = {f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i + 1}"}]} for i in range(count)}
    return {"$defs": {**parts, f"a{count}": True}, "$ref": "#/$defs/a0"}


def doubling(count: int) -> Any:
    parts = {f"a{i}": {"anyOf": [{"$ref": f"#/$defs/a{i + 1}"}] * 2} for i in range(count)}
    return {"$defs": {**parts, f"a{count}": False}, "$ref": "#/$defs/a0"}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ("{", "not JSON"),
        ("5", "has 5 where a schema belongs"),
        ('{"not":' * 10_000 + "{}" + "}" * 10_000, "not JSON"),
        ('{"not":' * 70 + "{}" + "}" * 70, "nested"),
        ({"type": "nonsense"}, "is not valid JSON Schema"),
        ({"allOf": 5}, "has 5 where a list of schemas belongs"),
        ({"properties": [5]}, "has [5] where schemas by name belong"),
        ({"$ref": 5}, "has the $ref 5"),
        ({"$ref": "#/$defs/none"}, "refers to '#/$defs/none'"),
        ({"$ref": "#none"}, "refers to '#none'"),
        ({"$ref": "http://["}, "is not valid"),
        ({"$ref": "#/allOf/" + "9" * 10_000, "allOf": [{}]}, "refers to"),
        ({"$ref": "#"}, "in a circle"),
        ({"not": {"$ref": "#"}}, "in a circle"),
        ({"dependentSchemas": {"a": {"$ref": "#"}}}, "in a circle"),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, "in a circle"),
        ({"$dynamicRef": "#x"}, "write $ref"),
        (chained(500), "parts within each other"),
        (doubling(30), "too many steps"),
        ({"enum": list(range(20_000))}, "more than 10000 parts"),
        ({"pattern": "a{1000}{1000}{1000}"}, "too many steps"),
        ({"pattern": "(?=a)b"}, "is not a"),
        ({"pattern": r"(a)\1"}, "is not a"),
        ({"pattern": "(" * 5000 + ")" * 5000}, "is not a"),
        ({"pattern": r"\w{20000}"}, "is not a"),
    ],
)
def test_schemas_that_are_none_or_take_too_much_are_refused_at_once(schema: Any, reason: str) -> None:
    begun = time.process_time()
    with pytest.raises(Unusable) as caught:
        JsonSchemaCodec(schema if isinstance(schema, str) else json.dumps(schema))
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 400
    assert time.process_time() - begun < 5


NOISE = random.Random(1)
LETTERS = "".join(NOISE.choice("ab") for _ in range(1_000_000)) + "c"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "^(a+)+$"}, "a" * 1_000_000 + "b"),
        ({"pattern": "(x+x+)+y"}, "x" * 1_000_000),
        ({"pattern": "^(?:[ab]*a[ab]{100}c)+$"}, LETTERS),
        ({"pattern": "(?:a?){500}a{500}$"}, "a" * 100_000),
        ({"patternProperties": {"^(?:[ab]*a[ab]{100}c)+$": True}}, {LETTERS: 1}),
        (TWICE, nested(90)),
        (TWICE, [nested(15) for _ in range(5000)]),
        ({"items": {"anyOf": [{"enum": [0, i]} for i in range(1, 1000)]}}, [-1] * 300_000),
        ({"uniqueItems": True}, [{"a": i} for i in range(100_000)]),
        ({"enum": [{"a": i} for i in range(3000)]}, {"a": -1}),
        (TREE, nested(900)),
        (TREE, "\ud800"),
        (
            {"patternProperties": {f"a{i}.*": {"type": "string"} for i in range(1000)}},
            {f"a{i}": 1 for i in range(5000)},
        ),
    ],
)
def test_hostile_schemas_and_values_take_seconds_at_most(schema: Any, value: Any) -> None:
    made = codec(schema)
    begun = time.process_time()
    for _ in range(20):
        with contextlib.suppress(Misfit):
            made.write(value)
        if time.process_time() - begun > 5:
            break
    assert time.process_time() - begun < 15


def test_a_schema_that_takes_long_rests_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    made = codec(TWICE)
    spent = iter(range(0, 1000, 3))
    monkeypatch.setattr(module, "thread_time", lambda: float(next(spent)))
    moment = [1000.0]
    monkeypatch.setattr(module, "now", lambda: moment[0])
    for reason in ("nothing", "rests", "rests"):
        with pytest.raises(Misfit) as caught:
            made.write({"next": {}})
        assert (reason in caught.value.reason) == (reason == "rests")
    moment[0] += module.REST_SECONDS + 1
    with pytest.raises(Misfit) as caught:
        made.write({"next": {}})
    assert "rests" not in caught.value.reason


def test_values_as_deep_as_their_schema_allows_to_check() -> None:
    made = codec(TREE)
    made.write(nested(100))
    with pytest.raises(Misfit, match="nested more than 100 deep"):
        made.write(nested(101))
    with pytest.raises(Misfit, match="does not fit"):
        codec(TWICE).write(nested(10))
    # Many parts within each other, for each part of a value.
    deepest = chained(30)
    deepest["$defs"]["a30"] = {"properties": {"next": {"$ref": "#"}}}
    codec(deepest).write(nested(100))
