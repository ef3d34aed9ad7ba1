"""Avro's values and bytes, beside Apache's and fastavro's; and what strangers may send as schemas, values and records."""

import asyncio
import io
import json
import random
import sys
import time
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader
from kafka_platform_runtime.gateway.errors import GatewayError
from kafka_platform_runtime.gateway.schemas import schemas as module
from kafka_platform_runtime.gateway.schemas.avro import AvroCodec
from kafka_platform_runtime.gateway.schemas.avro_writing import number as varint
from kafka_platform_runtime.gateway.schemas.misfit import Misfit, Unusable
from kafka_platform_runtime.gateway.schemas.schemas import Schemas, Unresolved
from kafka_platform_runtime.gateway.settings import Registry

LIST = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"], "default": None}]}
EVERYTHING: dict[str, Any] = {
    "type": "record",
    "name": "All",
    "namespace": "a.b",
    "fields": [
        {"name": "nothing", "type": "null"},
        {"name": "flag", "type": "boolean"},
        {"name": "small", "type": "int"},
        {"name": "large", "type": "long"},
        {"name": "half", "type": "float"},
        {"name": "real", "type": "double"},
        {"name": "text", "type": "string"},
        {"name": "raw", "type": "bytes"},
        {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 4}},
        {"name": "color", "type": {"type": "enum", "name": "Color", "symbols": ["RED", "BLUE"]}},
        {"name": "row", "type": {"type": "array", "items": "a.b.Color"}},
        {"name": "names", "type": {"type": "map", "values": ["long", "string"]}},
        {"name": "when", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {
            "name": "tree",
            "type": ["null", {"type": "record", "name": "Leaf", "fields": [{"name": "x", "type": "int"}]}],
        },
    ],
}
VALUE: dict[str, Any] = {
    "nothing": None,
    "flag": True,
    "small": -(2**31),
    "large": 2**63 - 1,
    "half": 0.5,
    "real": -1e300,
    "text": 'Grüße \U0001f600 "\\\n',
    "raw": "\u0000\u00ff",
    "hash": "abcd",
    "color": "BLUE",
    "row": ["RED", "BLUE"],
    "names": {"a": {"long": 1}, "b": {"string": "x"}},
    "when": 1_700_000_000_000,
    "tree": {"a.b.Leaf": {"x": 5}},
}


def test_every_type_comes_back_as_it_was_sent_and_fastavro_reads_the_same() -> None:
    codec = AvroCodec(json.dumps(EVERYTHING))
    content = codec.write(json.loads(json.dumps(VALUE)))
    assert json.loads(codec.read(content)) == VALUE
    native: Any = schemaless_reader(io.BytesIO(content), parse_schema(EVERYTHING), None)
    assert (native["large"], native["raw"], native["names"]) == (2**63 - 1, b"\0\xff", {"a": 1, "b": "x"})


@pytest.mark.parametrize("number", [0, 1, -1, 63, 64, -64, -65, 1023, 1024, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63)])
def test_whole_numbers_of_every_length(number: int) -> None:
    codec = AvroCodec('"long"')
    content = codec.write(number)
    assert schemaless_reader(io.BytesIO(content), "long", None) == number
    assert codec.read(content) == str(number).encode()


@pytest.mark.parametrize(
    ("schema", "value", "path", "reason"),
    [
        (EVERYTHING, VALUE | {"small": 2**31}, ".small", "is 2147483648: too large for int"),
        (EVERYTHING, VALUE | {"flag": 1}, ".flag", "is 1: use true or false"),
        (EVERYTHING, VALUE | {"small": True}, ".small", "is true: use a whole number (int)"),
        (EVERYTHING, VALUE | {"half": 1e39}, ".half", "is 1e+39: too large for float"),
        (
            EVERYTHING,
            VALUE | {"raw": "\u0100"},
            ".raw",
            "has characters beyond U+00FF, and each is a byte: escape them",
        ),
        (EVERYTHING, VALUE | {"hash": "abc"}, ".hash", "has 3 bytes: a.b.Hash has 4"),
        (EVERYTHING, VALUE | {"color": "GREEN"}, ".color", "is 'GREEN': use one of RED, BLUE"),
        (EVERYTHING, VALUE | {"row": ["RED", None]}, ".row[1]", "is null: use one of RED, BLUE"),
        (EVERYTHING, VALUE | {"names": {"a": {"long": "x"}}}, ".names['a'].long", "is 'x': use a whole number (long)"),
        (
            EVERYTHING,
            VALUE | {"tree": {"a.b.Leaf": {}}},
            ".tree.a.b.Leaf.x",
            "is missing, and a.b.Leaf has no default for it",
        ),
        (["null", "string"], 5, "", "is 5: use a string"),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(schema: Any, value: Any, path: str, reason: str) -> None:
    with pytest.raises(Misfit) as caught:
        AvroCodec(json.dumps(schema)).write(json.loads(json.dumps(value)))
    assert (caught.value.path, caught.value.reason) == (path, reason)


def test_a_branch_of_a_union_needs_no_name_where_there_is_no_doubt() -> None:
    codec = AvroCodec('["null", "long", "string", {"type": "array", "items": "int"}]')
    for value, tag in ((1, "long"), ("x", "string"), ([1], "array")):
        assert json.loads(codec.read(codec.write(value))) == {tag: value}
    two = AvroCodec(json.dumps([{"type": "map", "values": "int"}, LIST]))
    with pytest.raises(Misfit, match="use one of map, Node"):
        two.write({})


@pytest.mark.parametrize(
    "schema",
    [
        "{",
        "5",
        "[]]",
        '{"type": "record", "name": "A", "fields": 5}',
        '{"type": "record", "fields": []}',
        '{"type": "record", "name": "A", "fields": [{"name": "x", "type": "Unknown"}]}',
        '{"type": "record", "name": "A", "fields": [{"name": "x", "type": "int", "default": "y"}]}',
        '{"type": "fixed", "name": "A", "size": -1}',
        '{"type": "fixed", "name": "A", "size": 99999999999}',
        '{"type": "array"}',
        '{"type": "array", "items":' * 10_000 + '"int"' + "}" * 10_000,
        '{"type": "array", "items":' * 70 + '"int"' + "}" * 70,
        json.dumps([{"type": "record", "name": f"R{i}", "fields": []} for i in range(4000)]),
        json.dumps(
            [{"type": "record", "name": "R0", "fields": []}]
            + [
                {"type": "record", "name": f"R{i}", "fields": [{"name": "a", "type": f"R{i - 1}"}, {"name": "b", "type": f"R{i - 1}"}]}
                for i in range(1, 60)
            ]
        ),
    ],
)  # fmt: skip
def test_schemas_that_are_none_or_take_too_much_are_refused_at_once(schema: str) -> None:
    begun = time.process_time()
    with pytest.raises(Unusable):
        AvroCodec(schema)
    assert time.process_time() - begun < 5


def nested(depth: int) -> Any:
    value: Any = {"next": None}
    for _ in range(depth):
        value = {"next": {"Node": value}}
    return value


def test_values_nested_too_deeply_are_refused() -> None:
    codec = AvroCodec(json.dumps(LIST))
    assert codec.read(codec.write(nested(50))) == json.dumps(nested(50), separators=(",", ":")).encode()
    with pytest.raises(Misfit):
        codec.write(nested(sys.getrecursionlimit()))


@pytest.mark.parametrize(
    ("schema", "record"),
    [
        (LIST, b"\x02" * 1_000_000),
        ({"type": "array", "items": "null"}, b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f\0"),
        ({"type": "array", "items": {"type": "record", "name": "E", "fields": []}}, b"\xfe\xff\xff\xff\x0f\0"),
        ({"type": "array", "items": {"type": "array", "items": "null"}}, b"\xfe\x01" * 500_000),
        ({"type": "map", "values": "null"}, b"\xfe\xff\xff\xff\x0f" + b"\0" * 1_000_000),
        ("string", b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7fx"),
        ("string", b"\x01x"),
        ("string", b"\x04\xff\xff"),
        ("long", b"\xff" * 30),
        ("long", b""),
        ("boolean", b"\x02"),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, b"\x02"),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, b"\x01"),
        (["null", "int"], b"\x09"),
        ("int", b"\x02trailing"),
    ],
)
def test_hostile_records_are_no_records_and_take_neither_memory_nor_time(schema: Any, record: bytes) -> None:
    codec = AvroCodec(json.dumps(schema))
    begun = time.process_time()
    with pytest.raises(ValueError):  # noqa: PT011 - it has no message: the record is handed out in base64
        codec.read(record)
    assert time.process_time() - begun < 10


LONG = "n" * 251


def a_record(name: str = "R", *fields: Any, **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **more}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (a_record("R", {"name": LONG, "type": "int"}), "longer than 250"),
        (a_record(LONG), "longer than 250"),
        (a_record("R", {"name": "a", "type": a_record("S", namespace=LONG)}), "longer than 250"),
        (a_record("R", aliases=["A", LONG]), "longer than 250"),
        (a_record("R", {"name": "a", "type": "int", "aliases": [LONG]}), "longer than 250"),
        ({"type": "enum", "name": "E", "symbols": ["A", LONG]}, "longer than 250"),
        ({"type": "fixed", "name": LONG, "size": 1}, "longer than 250"),
        (["null", {"type": "map", "values": a_record(LONG)}], "longer than 250"),
        # What is within it inherits it: of 4 KB of text a thousand times as much.
        (
            a_record("R", *({"name": f"f{i}", "type": a_record(f"S{i}")} for i in range(900)), namespace=LONG),
            "longer than",
        ),
    ],
)
def test_names_have_a_bound(schema: Any, reason: str) -> None:
    with pytest.raises(Unusable, match=reason) as caught:
        AvroCodec(json.dumps(schema))
    assert len(str(caught.value)) < 200


def test_what_a_schema_says_in_other_places_may_be_long() -> None:
    fields = [
        {"name": "a", "type": "string", "default": LONG, "doc": LONG},
        {"name": "b", "type": "int", "example": LONG},
    ]
    codec = AvroCodec(json.dumps(a_record("n" * 250, *fields, doc=LONG, namespace="n" * 250)))
    assert json.loads(codec.read(codec.write({"b": 1}))) == {"a": LONG, "b": 1}


def chain(length: int) -> AvroCodec:
    """Records within each other, each in a schema of its own."""
    links = [a_record(f"R{i}", *([{"name": "x", "type": f"R{i - 1}"}] if i else [])) for i in range(length)]
    return AvroCodec(json.dumps(links[-1]), [json.dumps(each) for each in links[:-1]])


def test_records_within_each_other_have_a_bound_also_by_references() -> None:
    assert chain(100)
    for length in (101, 1200):
        with pytest.raises(Unusable, match=r"has more than 100 records within each other|is nested too deeply"):
            chain(length)


@pytest.mark.parametrize(
    ("schema", "item"),
    [
        (a_record("R", {"name": "n" * 250, "type": "null"}), b""),
        (a_record("R", *({"name": f"{i:0250}".replace("0", "n", 1), "type": "null"} for i in range(1000))), b""),
        ({"type": "enum", "name": "E", "symbols": ["n" * 250]}, b"\0"),
        (["null", a_record("n" * 250, namespace="n" * 250)], b"\x02"),
    ],
)
def test_a_few_bytes_do_not_become_any_number_of_names(schema: Any, item: bytes) -> None:
    codec = AvroCodec(json.dumps({"type": "array", "items": schema}))
    for count in (1000, 1_000_000):
        begun = time.process_time()
        record = b"".join((varint(count), item * count, b"\0"))
        try:
            found = len(codec.read(record))
        except ValueError:
            found = 0
        assert found <= 300_000 + 110 * len(record)
        assert time.process_time() - begun < 5


def test_what_a_schema_adds_to_a_value_has_a_bound() -> None:
    added = a_record("R", {"name": "a", "type": "string", "default": "x" * 900_000})
    codec = AvroCodec(json.dumps({"type": "array", "items": added}))
    assert len(codec.write([{}] * 10)) > 9_000_000
    with pytest.raises(Misfit, match="takes more than 16 MiB with what its schema adds") as caught:
        codec.write([{}] * 100_000)
    assert caught.value.path == "[18]"


def test_a_value_is_not_tried_with_any_number_of_branches() -> None:
    enums = [{"type": "enum", "name": f"E{i}", "symbols": ["A" if i < 1400 else "Z"]} for i in range(1401)]
    codec = AvroCodec(json.dumps({"type": "array", "items": ["null", *enums]}))
    assert codec.read(codec.write([{"E1400": "Z"}])) == b'[{"E1400":"Z"}]'
    begun = time.process_time()
    with pytest.raises(Misfit, match="use one of E0, E1") as caught:
        codec.write(["Z"] * 100_000)
    assert time.process_time() - begun < 2
    assert len(caught.value.reason) < 400


def test_noise_never_does_more_than_not_fit() -> None:
    codec, noise = AvroCodec(json.dumps(EVERYTHING)), random.Random(5)
    sound = codec.write(json.loads(json.dumps(VALUE)))
    for _ in range(3000):
        changed = bytearray(sound)
        for _ in range(noise.randint(1, 4)):
            changed[noise.randrange(len(changed))] = noise.randrange(256)
        try:
            json.loads(codec.read(bytes(changed)))
        except ValueError:
            continue


class TestWhatIsKept:
    def test_no_caller_fills_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[Any] = []

        async def main() -> None:
            schemas = Schemas(Registry(url="http://127.0.0.1:1"))

            async def schema(number: int) -> Any:
                asked.append(number)
                return {"schema": json.dumps(EVERYTHING)} if number < 10**6 else None

            async def find(subject: str, kind: str, text: str) -> Any:
                asked.append(text)
                return None

            monkeypatch.setattr(schemas._client, "schema", schema)
            monkeypatch.setattr(schemas._client, "find", find)
            for number in [*range(2 * module.MOST_SCHEMAS), *range(10**6, 10**6 + 2 * module.MOST_SCHEMAS)]:
                with pytest.raises(Unresolved) as caught:
                    schemas.by_id(number)
                await schemas.resolve(caught.value, "caller")
            assert len(schemas._known) <= module.MOST_SCHEMAS
            assert schemas._parts <= module.MOST_PARTS
            for number in range(2 * module.MOST_TEXTS):
                with pytest.raises(Unresolved) as caught:
                    schemas.of_text("x", "AVRO", str(number))
                await schemas.resolve(caught.value, "caller")
                assert schemas.of_text("x", "AVRO", str(number)) is None
            assert len(schemas._ids) <= module.MOST_TEXTS
            await schemas.close()

        asyncio.run(main())

    def test_one_caller_asks_for_a_few_at_a_time_and_the_same_is_asked_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[int] = []

        async def main() -> None:
            schemas, answered = Schemas(Registry(url="http://127.0.0.1:1")), asyncio.Event()

            async def schema(number: int) -> Any:
                asked.append(number)
                await answered.wait()
                return {"schema": '"string"'}

            monkeypatch.setattr(schemas._client, "schema", schema)

            def ask(number: int, owner: str) -> "asyncio.Task[None]":
                with pytest.raises(Unresolved) as caught:
                    schemas.by_id(number)
                return asyncio.ensure_future(schemas.resolve(caught.value, owner))

            tasks = [ask(number % module.ASKED_AT_A_TIME, "a") for number in range(100)]
            await asyncio.sleep(0)
            refused = ask(99, "a")
            other = ask(98, "b")
            with pytest.raises(GatewayError) as caught:
                await refused
            assert caught.value.status == 429
            answered.set()
            await asyncio.gather(*tasks, other)
            assert sorted(asked) == [*range(module.ASKED_AT_A_TIME), 98]
            await ask(97, "a")
            await schemas.close()

        asyncio.run(main())

    def test_a_batch_of_records_with_many_unknown_schemas_asks_for_a_bounded_number(self) -> None:
        async def main() -> None:
            schemas = Schemas(Registry(url="http://127.0.0.1:1"))
            contents = [b"\0" + number.to_bytes(4) for number in range(100_000)]
            assert len(schemas.unknown(contents)) == module.UNKNOWN_AT_A_TIME
            assert schemas.unknown([None, b"", b"\1abcd", b"\0abc"]) == []

        asyncio.run(main())
