"""The gateway's formats with schemas, on a real registry and a real Kafka, beside Confluent's own serializers."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

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
        admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)
        while admin.list_topics(name, timeout=10).topics[name].error is not None:
            time.sleep(0.05)
        return name

    return made


def register(registry: LocalRegistry, subject: str, schema: Any, **more: Any) -> int:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    status, answer = registry.admin("POST", f"/subjects/{subject}/versions", {"schema": text, **more})
    assert status == 200, answer
    return int(answer["id"])


def client(registry: LocalRegistry) -> SchemaRegistryClient:
    return SchemaRegistryClient({"url": registry.url, "basic.auth.user.info": "reader:reader-password"})


def consumed(kafka: LocalKafka, name: str, count: int) -> list[Any]:
    consumer = Consumer({**kafka.client(), "group.id": f"native-{name}", "auto.offset.reset": "earliest"})
    consumer.subscribe([name])
    found: list[Any] = []
    until = time.monotonic() + 60
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
        producer.flush(30)
        read = gateway.ask("GET", f"/topics/{name}/partitions/0/records?offset=0", headers={"accept": AVRO}).json()
        assert [each["value"] for each in read] == [SENT, "bm90IHdyaXR0ZW4gd2l0aCBhIHNjaGVtYQ=="]
        assert [each.get("format") for each in read] == [None, "binary"]
        made = gateway.ask(
            "POST", "/consumers/shop", {"name": "c1", "format": "avro", "auto.offset.reset": "earliest"}
        ).json()
        path = "/consumers/shop/instances/" + made["base_uri"].rpartition("/")[2]
        assert gateway.ask("POST", f"{path}/subscription", {"topics": [name]}, kind=V2).status == 204
        records: list[Any] = []
        until = time.monotonic() + 60
        while len(records) < 2 and time.monotonic() < until:
            records += gateway.ask("GET", f"{path}/records", headers={"accept": AVRO}).json()
        assert [each["value"] for each in records] == [each["value"] for each in read]
        assert streamed(gateway, name) == SENT


def streamed(gateway: Program, name: str) -> Any:
    """The value of the first record of a stream."""
    connection = http.client.HTTPConnection(gateway.address, gateway.port, timeout=60)
    connection.request(
        "GET", f"/topics/{name}/stream?from=earliest&format=avro", headers={"authorization": authorization("admin")}
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
            begun = time.monotonic()
            reply = lost.ask("POST", f"/topics/{name}", {"records": [{"value": SENT}]}, kind=AVRO)
            assert (reply.status, reply.json()["error_code"]) == (503, 50003)
            assert time.monotonic() - begun < 30
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
