"""The gateway's formats with schemas, on a real registry and a real Kafka, beside Confluent's own serializers."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message_factory import GetMessageClass
from kafka_platform_runtime.gateway.schemas.protobuf_compiler import descriptors

from tests.kafka_process import LocalKafka
from tests.registry_process import LocalRegistry
from tests.unit.runtime.gateway.conftest import V2, Program, authorization

AVRO = "application/vnd.kafka.avro.v2+json"
ORDER: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "amount", "type": "long"},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "lines", "type": {"type": "array", "items": "string"}, "default": []},
    ],
}
SENT = {"id": "order-1", "amount": 12, "note": {"string": "quick"}, "lines": ["a", "b"]}
NATIVE = {"id": "order-1", "amount": 12, "note": "quick", "lines": ["a", "b"]}


@pytest.fixture(scope="module")
def start(
    kafka: LocalKafka, registry: LocalRegistry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Program]]:
    started: list[Program] = []

    def program(url: str = "", **settings: Any) -> Program:
        folder = tmp_path_factory.mktemp("gateway")
        for name, content in (("username", "reader"), ("password", "reader-password")):
            (folder / name).write_text(content)
        chosen = {"url": url or registry.url, "login": str(folder), **settings}
        started.append(Program(kafka, folder, {"registry": chosen}))
        return started[-1].wait()

    yield program
    for each in started:
        each.kill()


@pytest.fixture(scope="module")
def gateway(start: Callable[..., Program]) -> Program:
    return start()


@pytest.fixture(scope="module")
def topic(kafka: LocalKafka) -> Callable[[str], str]:
    admin = AdminClient(dict(kafka.client()))

    def made(name: str) -> str:
        admin.create_topics([NewTopic(name, 1, 1)])[name].result(120)
        while admin.list_topics(name, timeout=60).topics[name].error is not None:
            time.sleep(0.05)
        return name

    return made


def register(registry: LocalRegistry, subject: str, schema: Any, **more: Any) -> int:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    status, answer = registry.admin("POST", f"/subjects/{quote(subject, safe='')}/versions", {"schema": text, **more})
    assert status == 200, answer
    return int(answer["id"])


def client(registry: LocalRegistry) -> SchemaRegistryClient:
    return SchemaRegistryClient({"url": registry.url, "basic.auth.user.info": "reader:reader-password"})


def consumed(kafka: LocalKafka, name: str, count: int) -> list[Any]:
    consumer = Consumer({**kafka.client(), "group.id": f"native-{name}", "auto.offset.reset": "earliest"})
    consumer.subscribe([name])
    found: list[Any] = []
    until = time.monotonic() + 240
    while len(found) < count and time.monotonic() < until:
        found += [each for each in consumer.consume(count, 1.0) if each.error() is None]
    consumer.close()
    return found


class TestWrites:
    def test_by_id_by_text_and_as_declared_and_confluents_deserializer_reads_them(
        self, kafka: LocalKafka, registry: LocalRegistry, gateway: Program, topic: Callable[[str], str]
    ) -> None:
        name = topic("written")
        number = register(registry, "written-value", ORDER)
        ways: tuple[dict[str, Any], ...] = (
            {"value_schema_id": number},
            {"value_schema": json.dumps(ORDER, indent=1)},
            {},
        )
        for way in ways:
            reply = gateway.ask(
                "POST", f"/topics/{name}", {"records": [{"value": SENT}, {"value": SENT}], **way}, kind=AVRO
            )
            assert reply.status == 200, reply.body
            assert (reply.json()["value_schema_id"], reply.json()["key_schema_id"]) == (number, None)
        read = AvroDeserializer(client(registry))
        context = SerializationContext(name, MessageField.VALUE)
        assert [read(each.value(), context) for each in consumed(kafka, name, 6)] == [NATIVE] * 6

    def test_keys_with_schemas_and_keys_as_text(
        self, registry: LocalRegistry, gateway: Program, topic: Callable[[str], str]
    ) -> None:
        name = topic("keyed")
        value, key = register(registry, "keyed-value", ORDER), register(registry, "keyed-key", '"string"')
        reply = gateway.ask("POST", f"/topics/{name}", {"records": [{"key": "k", "value": SENT}]}, kind=AVRO)
        assert (reply.json()["key_schema_id"], reply.json()["value_schema_id"]) == (key, value)
        text = AVRO.replace("avro", "text-avro")
        assert (
            gateway.ask("POST", f"/topics/{name}", {"records": [{"key": "k", "value": SENT}]}, kind=text).status == 200
        )
        records = gateway.ask("GET", f"/topics/{name}/records", headers={"accept": AVRO}).json()["records"]
        assert [(each["key"], each.get("format")) for each in records] == [("k", None), ("aw==", "binary-avro")]
        assert [each["value"] for each in records] == [SENT, SENT]

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ({"id": 1, "amount": 2}, "records[1].value.id: is 1: use a string."),
            ({"id": "x", "amount": 2, "lines": ["a", 3]}, "records[1].value.lines[1]: is 3: use a string."),
            ({"id": "x", "amount": 2.5}, "records[1].value.amount: is 2.5: use a whole number (long)."),
            ({"id": "x"}, "records[1].value.amount: is missing, and shop.Order has no default for it."),
            ({"id": "x", "amount": 2, "extra": 1}, "records[1].value.extra: is not a field of shop.Order."),
            ({"id": "x", "amount": 2, "note": {"string": 5}}, "records[1].value.note.string: is 5: use a string."),
            ("text", "records[1].value: is 'text': shop.Order is an object."),
        ],
    )
    def test_a_record_that_does_not_fit_is_refused_by_its_path_and_nothing_is_written(
        self, registry: LocalRegistry, gateway: Program, topic: Callable[[str], str], value: Any, message: str
    ) -> None:
        name = topic(f"misfit-{abs(hash(message))}")
        register(registry, f"{name}-value", ORDER)
        reply = gateway.ask("POST", f"/topics/{name}", {"records": [{"value": SENT}, {"value": value}]}, kind=AVRO)
        assert (reply.status, reply.json()["message"]) == (422, message)
        assert gateway.ask("GET", f"/topics/{name}/records?timeout=0").json()["records"] == []

    def test_what_is_not_registered_is_refused_and_stays_so(
        self, registry: LocalRegistry, gateway: Program, topic: Callable[[str], str]
    ) -> None:
        name = topic("undeclared")
        for way, message in (
            ({}, "value_schema: missing, and subject undeclared-value is not registered"),
            ({"value_schema": json.dumps(ORDER)}, "value_schema: is not registered as undeclared-value"),
            ({"value_schema_id": 987654}, "value_schema_id: 987654 is not in the registry"),
            ({"value_schema_id": 1, "value_schema": "x"}, "value_schema: value_schema_id is given too"),
            ({"value_schema": "{" * 300_000}, "The schema has 300,000 bytes"),
        ):
            reply = gateway.ask("POST", f"/topics/{name}", {"records": [{"value": SENT}], **way}, kind=AVRO)
            assert reply.status == 422, reply.body
            assert message in reply.json()["message"]
        assert registry.admin("GET", "/subjects/undeclared-value/versions")[0] == 404

    def test_a_schema_that_refers_to_others(
        self, kafka: LocalKafka, registry: LocalRegistry, gateway: Program, topic: Callable[[str], str]
    ) -> None:
        name = topic("referring")
        register(
            registry,
            "shop.Price",
            {"type": "record", "name": "Price", "namespace": "shop", "fields": [{"name": "cents", "type": "int"}]},
        )
        schema = {"type": "record", "name": "Sale", "fields": [{"name": "price", "type": "shop.Price"}]}
        references = [{"name": "shop.Price", "subject": "shop.Price", "version": 1}]
        register(registry, f"{name}-value", schema, references=references)
        value = {"price": {"cents": 5}}
        assert gateway.ask("POST", f"/topics/{name}", {"records": [{"value": value}]}, kind=AVRO).status == 200
        assert (
            gateway.ask("GET", f"/topics/{name}/records", headers={"accept": AVRO}).json()["records"][0]["value"]
            == value
        )
        [found] = consumed(kafka, name, 1)
        assert (
            AvroDeserializer(client(registry))(found.value(), SerializationContext(name, MessageField.VALUE)) == value
        )

    def test_an_enforced_topic_takes_only_what_fits_also_as_json(
        self, kafka: LocalKafka, registry: LocalRegistry, start: Callable[..., Program], topic: Callable[[str], str]
    ) -> None:
        name = topic("enforced")
        register(registry, f"{name}-value", ORDER)
        strict = start(enforced=[name])
        refused = strict.ask("POST", f"/topics/{name}", {"records": [{"value": {"id": 1, "amount": 1}}]})
        assert (refused.status, refused.json()["message"]) == (422, "records[0].value.id: is 1: use a string.")
        assert strict.ask("POST", f"/topics/{name}", {"records": [{"key": {"b": 1}, "value": SENT}]}).status == 200
        for form in ("binary", "text", "text-json"):
            reply = strict.ask(
                "POST", f"/topics/{name}", {"records": [{"value": "eA=="}]}, kind=AVRO.replace("avro", form)
            )
            assert reply.status == 422, form
        [found] = consumed(kafka, name, 1)
        assert found.key() == b'{"b":1}'
        assert (
            AvroDeserializer(client(registry))(found.value(), SerializationContext(name, MessageField.VALUE)) == NATIVE
        )


JSONSCHEMA, PROTOBUF = (AVRO.replace("avro", form) for form in ("jsonschema", "protobuf"))
JSON_ORDER = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "amount": {"type": "integer"},
        "price": {"$ref": "price.json"},
    },
    "required": ["id"],
    "additionalProperties": False,
}
PRICE = {"type": "object", "properties": {"cents": {"type": "integer"}}, "additionalProperties": False}
PROTO_ORDER = """syntax = "proto3";
package shop;
import "shop/price.proto";
message Order { string id = 1; int64 amount = 2; shop.Price price = 3; }
message Other { message Inner { string note = 1; } }
"""
PROTO_PRICE = 'syntax = "proto3"; package shop; message Price { int32 cents = 1; }'
JSON_SENT: dict[str, Any] = {"id": "order-1", "amount": 12, "price": {"cents": 5}}
PROTO_SENT: dict[str, Any] = {**JSON_SENT, "amount": "12"}


def register_both(registry: LocalRegistry, name: str) -> tuple[int, int]:
    """Schemas with references of the topics `<name>-json` and `<name>-proto`; their ids."""
    register(registry, "price.json", PRICE, schemaType="JSON")
    register(registry, "shop/price.proto", PROTO_PRICE, schemaType="PROTOBUF")
    made = []
    for topic, kind, schema, used in (
        (f"{name}-json", "JSON", JSON_ORDER, "price.json"),
        (f"{name}-proto", "PROTOBUF", PROTO_ORDER, "shop/price.proto"),
    ):
        references = [{"name": used, "subject": used, "version": 1}]
        made.append(register(registry, f"{topic}-value", schema, schemaType=kind, references=references))
    return made[0], made[1]


def proto_messages() -> tuple[Any, Any]:
    """The messages Order and Other.Inner, as an application's generated code has them."""
    files = descriptors(PROTO_ORDER, [("shop/price.proto", PROTO_PRICE)]).file
    pool = DescriptorPool()
    for each in files:
        pool.Add(each)
    return tuple(GetMessageClass(pool.FindMessageTypeByName(f"shop.{name}")) for name in ("Order", "Other.Inner"))


def proto_writer(message: Any, number: int) -> Callable[[Any, SerializationContext], bytes]:
    """Confluent's serializer, with its own registry in memory: it asks for `format=serialized`, which Apicurio answers with 500
    for schemas with imports. So the id is that of the real one afterwards."""
    write = ProtobufSerializer(
        message, SchemaRegistryClient.new_client({"url": "mock://"}), {"use.deprecated.format": False}
    )

    def written(value: Any, context: SerializationContext) -> bytes:
        content: bytes = write(value, context) or b""
        return content[:1] + number.to_bytes(4) + content[5:]

    return written


class TestJsonSchemaAndProtobuf:
    @pytest.mark.parametrize("form", ["jsonschema", "protobuf"])
    def test_by_id_by_text_and_as_declared_and_confluents_deserializers_read_them(
        self, kafka: LocalKafka, registry: LocalRegistry, gateway: Program, topic: Callable[[str], str], form: str
    ) -> None:
        is_json = form == "jsonschema"
        number = register_both(registry, "ways")[0 if is_json else 1]
        name = topic("ways-json" if is_json else "ways-proto")
        plain: Any = PRICE if is_json else PROTO_PRICE
        alone = register(registry, f"alone-{form}-value", plain, schemaType="JSON" if is_json else "PROTOBUF")
        sent = JSON_SENT if is_json else PROTO_SENT
        kind = AVRO.replace("avro", form)
        for way in ({"value_schema_id": number}, {}):
            reply = gateway.ask("POST", f"/topics/{name}", {"records": [{"value": sent}] * 2, **way}, kind=kind)
            assert (reply.status, reply.json().get("value_schema_id")) == (200, number), reply.body
        text = plain if isinstance(plain, str) else json.dumps(plain)
        reply = gateway.ask(
            "POST",
            f"/topics/{topic(f'alone-{form}')}",
            {"records": [{"value": {"cents": 1}}], "value_schema": text},
            kind=kind,
        )
        assert (reply.status, reply.json().get("value_schema_id")) == (200, alone), reply.body
        context = SerializationContext(name, MessageField.VALUE)
        contents = [each.value() for each in consumed(kafka, name, 4)]
        if is_json:
            read_json = JSONDeserializer(None, schema_registry_client=client(registry))
            assert [read_json(each, context) for each in contents] == [JSON_SENT] * 4
        else:
            order, _ = proto_messages()
            read_proto = ProtobufDeserializer(order, {"use.deprecated.format": False})
            found = [read_proto(each, context) for each in contents]
            assert [MessageToDict(each) for each in found] == [PROTO_SENT] * 4

    def test_what_confluents_serializers_wrote(
        self, kafka: LocalKafka, registry: LocalRegistry, gateway: Program, topic: Callable[[str], str]
    ) -> None:
        _, kept_id = register_both(registry, "native")
        kept = {"auto.register.schemas": False, "use.latest.version": True}
        producer = Producer(dict(kafka.client()))
        write_json = JSONSerializer(
            Schema(json.dumps(JSON_ORDER), "JSON", [SchemaReference("price.json", "price.json", 1)]),
            client(registry),
            conf=kept,
        )
        order, inner = proto_messages()
        writes_proto = [proto_writer(each, kept_id) for each in (order, inner)]
        values: dict[str, list[Any]] = {
            topic("native-json"): [lambda context: write_json(JSON_SENT, context)],
            topic("native-proto"): [
                lambda context: writes_proto[0](ParseDict(PROTO_SENT, order()), context),
                lambda context: writes_proto[1](inner(note="x"), context),
            ],
        }
        for name, writes in values.items():
            for write in writes:
                producer.produce(name, write(SerializationContext(name, MessageField.VALUE)), b"k")
            producer.produce(name, b"not written with a schema", b"k")
        producer.flush(120)
        for name, form, expected in (
            ("native-json", "text-jsonschema", [JSON_SENT]),
            ("native-proto", "text-protobuf", [PROTO_SENT, {"note": "x"}]),
        ):
            kind = AVRO.replace("avro", form)
            read = gateway.ask("GET", f"/topics/{name}/partitions/0/records?offset=0", headers={"accept": kind}).json()
            assert [each["value"] for each in read] == [*expected, "bm90IHdyaXR0ZW4gd2l0aCBhIHNjaGVtYQ=="]
            assert [(each["key"], each.get("format")) for each in read][-2:] == [("k", None), ("k", "text-binary")]
            other = "text-protobuf" if form == "text-jsonschema" else "text-avro"
            unlike = gateway.ask(
                "GET", f"/topics/{name}/records", headers={"accept": AVRO.replace("avro", other)}
            ).json()["records"]
            assert {each["format"] for each in unlike} == {"text-binary"}
            assert streamed(gateway, name, form) == expected[0]
        made = gateway.ask(
            "POST", "/consumers/forms", {"name": "c1", "format": "text-protobuf", "auto.offset.reset": "earliest"}
        ).json()
        path = "/consumers/forms/instances/" + made["base_uri"].rpartition("/")[2]
        assert gateway.ask("POST", f"{path}/subscription", {"topics": ["native-proto"]}, kind=V2).status == 204
        accept = {"accept": AVRO.replace("avro", "text-protobuf")}
        records: list[Any] = []
        until = time.monotonic() + 240
        while len(records) < 3 and time.monotonic() < until:
            records += gateway.ask("GET", f"{path}/records", headers=accept).json()
        assert [each["value"] for each in records][:2] == [PROTO_SENT, {"note": "x"}]

    @pytest.mark.parametrize(
        ("form", "value", "message"),
        [
            ("jsonschema", {"id": 1}, 'records[1].value.id: 1 is not of type "string".'),
            ("jsonschema", {"amount": 1}, "records[1].value.id: is missing."),
            ("jsonschema", {"id": "x", "price": {"euros": 1}}, "records[1].value.price.euros: is not in the schema."),
            ("protobuf", {"id": 1}, "records[1].value.id: is 1: use a string."),
            ("protobuf", {"price": {"euros": 1}}, "records[1].value.price.euros: is not a field of shop.Price."),
            ("avro", {"id": 1}, "refused-value: is of the type JSON, and the request of AVRO."),
        ],
    )
    def test_a_record_that_does_not_fit_is_refused_by_its_path_and_nothing_is_written(
        self,
        registry: LocalRegistry,
        gateway: Program,
        topic: Callable[[str], str],
        form: str,
        value: Any,
        message: str,
    ) -> None:
        register_both(registry, "misfits")
        name = "misfits-proto" if form == "protobuf" else "misfits-json"
        with contextlib.suppress(Exception):
            topic(name)
        body = {"records": [{"value": PROTO_SENT if form == "protobuf" else JSON_SENT}, {"value": value}]}
        reply = gateway.ask("POST", f"/topics/{name}", body, kind=AVRO.replace("avro", form))
        assert (reply.status, reply.json()["message"]) == (422, message.replace("refused", name))
        assert gateway.ask("GET", f"/topics/{name}/records?timeout=0").json()["records"] == []

    def test_enforced_topics_take_only_the_latest_schema_also_as_json(
        self, kafka: LocalKafka, registry: LocalRegistry, start: Callable[..., Program], topic: Callable[[str], str]
    ) -> None:
        ids = register_both(registry, "strict")
        names = topic("strict-json"), topic("strict-proto")
        loose = (
            register(registry, "loose-value", {"type": "object", "properties": {}}, schemaType="JSON"),
            register(
                registry, "loose-proto-value", 'syntax = "proto3"; message A { int32 id = 1; }', schemaType="PROTOBUF"
            ),
        )
        gateway = start(enforced=list(names))
        for name, form, number, other, sent in zip(
            names, ("jsonschema", "protobuf"), ids, loose, (JSON_SENT, PROTO_SENT), strict=True
        ):
            kind = AVRO.replace("avro", form)
            refused = gateway.ask("POST", f"/topics/{name}", {"records": [{"value": {"id": 1}}]})
            assert refused.status == 422
            assert "records[0].value.id: " in refused.json()["message"]
            elsewhere = gateway.ask(
                "POST", f"/topics/{name}", {"records": [{"value": {"id": 1}}], "value_schema_id": other}, kind=kind
            )
            assert elsewhere.json()["message"] == (
                f"value_schema_id: {other} is not the latest one of {name}-value, the only one that topic {name} takes."
            )
            for way in ({}, {"value_schema_id": number}):
                for of in ("application/json", kind, AVRO.replace("avro", f"text-{form}")):
                    reply = gateway.ask("POST", f"/topics/{name}", {"records": [{"value": sent}], **way}, kind=of)
                    assert (reply.status, reply.json().get("value_schema_id")) == (200, number), (of, reply.body)
            assert {each.value()[:5] for each in consumed(kafka, name, 6)} == {b"\0" + number.to_bytes(4)}

    def test_hostile_schemas_harm_nobody(
        self, registry: LocalRegistry, gateway: Program, topic: Callable[[str], str]
    ) -> None:
        register_both(registry, "beside")
        topic("hostile-json"), topic("beside-json")
        hostile = {
            "doubling": {
                **{f"a{i}": {"anyOf": [{"$ref": f"#/definitions/a{i + 1}"}] * 2} for i in range(30)},
                "a30": {"type": "string"},
            },
            "pattern": {"a0": {"type": "string", "pattern": "(?=a)(a+)+$"}},
        }
        for name, schema in hostile.items():
            whole = {"type": "object", "properties": {"a": {"$ref": "#/definitions/a0"}}, "definitions": schema}
            number = register(registry, f"hostile-{name}", whole, schemaType="JSON")
            body = {"records": [{"value": {"a": "a" * 1000}}], "value_schema_id": number}
            reply = gateway.ask("POST", "/topics/hostile-json", body, kind=JSONSCHEMA)
            assert reply.status == 422, reply.body
            assert f"value_schema_id: {number} " in reply.json()["message"]
        topic("hostile-avro")
        added = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "string", "default": "x" * 200_000}]}
        number = register(registry, "hostile-avro-value", added)
        body = {"records": [{"value": {}}] * 10_000, "value_schema_id": number}
        reply = gateway.ask("POST", "/topics/hostile-avro", body, kind=AVRO)
        assert (reply.status, "with what their schema adds" in reply.json()["message"]) == (413, True), reply.body
        named = {"type": "record", "name": "R", "fields": [{"name": "n" * 300, "type": "int"}]}
        number = register(registry, "hostile-names", named)
        reply = gateway.ask(
            "POST", "/topics/hostile-avro", {"records": [{"value": {}}], "value_schema_id": number}, kind=AVRO
        )
        assert (reply.status, "longer than 250" in reply.json()["message"]) == (422, True), reply.body
        sound = gateway.ask("POST", "/topics/beside-json", {"records": [{"value": JSON_SENT}]}, kind=JSONSCHEMA)
        assert sound.status == 200


class TestReads:
    def test_what_confluents_serializer_wrote_by_reads_streams_and_consumer_instances(
        self, kafka: LocalKafka, registry: LocalRegistry, gateway: Program, topic: Callable[[str], str]
    ) -> None:
        name = topic("native")
        register(registry, f"{name}-value", ORDER)
        write = AvroSerializer(client(registry), conf={"auto.register.schemas": False, "use.latest.version": True})
        producer = Producer(dict(kafka.client()))
        producer.produce(name, write(NATIVE, SerializationContext(name, MessageField.VALUE)))
        producer.produce(name, b"not written with a schema")
        producer.flush(120)
        read = gateway.ask("GET", f"/topics/{name}/partitions/0/records?offset=0", headers={"accept": AVRO}).json()
        assert [each["value"] for each in read] == [SENT, "bm90IHdyaXR0ZW4gd2l0aCBhIHNjaGVtYQ=="]
        assert [each.get("format") for each in read] == [None, "binary"]
        made = gateway.ask(
            "POST", "/consumers/shop", {"name": "c1", "format": "avro", "auto.offset.reset": "earliest"}
        ).json()
        path = "/consumers/shop/instances/" + made["base_uri"].rpartition("/")[2]
        assert gateway.ask("POST", f"{path}/subscription", {"topics": [name]}, kind=V2).status == 204
        records: list[Any] = []
        until = time.monotonic() + 240
        while len(records) < 2 and time.monotonic() < until:
            records += gateway.ask("GET", f"{path}/records", headers={"accept": AVRO}).json()
        assert [each["value"] for each in records] == [each["value"] for each in read]
        assert streamed(gateway, name) == SENT


def streamed(gateway: Program, name: str, form: str = "avro") -> Any:
    """The value of the first record of a stream."""
    connection = http.client.HTTPConnection(gateway.address, gateway.port, timeout=60)
    connection.request(
        "GET", f"/topics/{name}/stream?from=earliest&format={form}", headers={"authorization": authorization("admin")}
    )
    answer = connection.getresponse()
    try:
        while not (line := answer.readline()).startswith(b"data:"):
            pass
        return json.loads(line.removeprefix(b"data:"))["value"]
    finally:
        connection.close()


class TestWithoutTheRegistry:
    def test_what_is_known_goes_on_and_the_rest_is_503_at_once(
        self, kafka: LocalKafka, registry: LocalRegistry, start: Callable[..., Program], topic: Callable[[str], str]
    ) -> None:
        name = topic("going-on")
        number = register(registry, f"{name}-value", ORDER)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            # It takes connections, and answers nothing.
            lost = start(url=f"http://127.0.0.1:{silent.getsockname()[1]}")
            reply = lost.ask("POST", f"/topics/{name}", {"records": [{"value": SENT}]}, kind=AVRO)
            assert (reply.status, reply.json()["error_code"]) == (503, 50003)
        forwarded = Forwarder(registry.port)
        gateway = start(url=registry.url.replace(str(registry.port), str(forwarded.port)))
        body = {"records": [{"value": SENT}], "value_schema_id": number}
        assert gateway.ask("POST", f"/topics/{name}", body, kind=AVRO).status == 200
        assert gateway.ask("POST", f"/topics/{name}", {"records": [{"value": SENT}]}, kind=AVRO).status == 200
        forwarded.close()
        for _ in range(3):
            assert gateway.ask("POST", f"/topics/{name}", body, kind=AVRO).status == 200
            assert gateway.ask("POST", f"/topics/{name}", {"records": [{"value": SENT}]}, kind=AVRO).status == 200
        assert (
            gateway.ask("GET", f"/topics/{name}/records", headers={"accept": AVRO}).json()["records"][0]["value"]
            == SENT
        )
        unknown = gateway.ask(
            "POST", f"/topics/{name}", {"records": [{"value": SENT}], "value_schema_id": 77}, kind=AVRO
        )
        assert (unknown.status, unknown.headers["retry-after"]) == (503, "1")
        assert gateway.ask("POST", f"/topics/{name}", {"records": [{"value": SENT}]}).status == 200


class Forwarder:
    """Passes connections on to a port, until it is closed."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._open: list[Any] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._open += (near, far)
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_pump, args=(source, sink), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def _pump(source: Any, sink: Any) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
