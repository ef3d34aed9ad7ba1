"""A light sink that reads records by their schemas in a real registry, and hands them on as JSON."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from kafka_platform_runtime.connectors.records import Outcome, Record, Refusal
from kafka_platform_runtime.connectors.schemas import Decoding, Registry
from kafka_platform_runtime.failures import Refused, Transient

from tests.connector_process import HEADER, LocalConnector, eventually, headers_of, make_topics, read
from tests.kafka_process import LocalKafka
from tests.registry_process import LocalRegistry

ORDER = {
    "type": "record",
    "name": "Order",
    "fields": [{"name": "id", "type": "string"}, {"name": "amount", "type": "long"}],
}
PLAIN = {"type": "object", "title": "Order", "properties": {"id": {"type": "string"}}}


@pytest.fixture
def service() -> Iterator[tuple[str, list[Any]]]:
    """A web service, and the objects that it got."""
    got: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}/", got
    server.shutdown()
    serving.join()
    server.server_close()


def test_avro_json_schema_and_protobuf_arrive_as_json_and_what_does_not_fit_is_a_dead_letter(
    kafka: LocalKafka, registry: LocalRegistry, service: tuple[str, list[Any]], tmp_path: Path
) -> None:
    url, got = service
    make_topics(kafka, "declared", "sink-dead-letters", partitions=1)
    client = SchemaRegistryClient({"url": registry.url, "basic.auth.user.info": "orders-api:orders-api-password"})
    context = SerializationContext("declared", MessageField.VALUE)
    text = 'syntax = "proto3"; message Order { string id = 1; }'
    status, answer = registry.admin(
        "POST", "/subjects/message-value/versions", {"schema": text, "schemaType": "PROTOBUF"}
    )
    assert status == 200, answer
    number = int(answer["id"])
    values = [
        AvroSerializer(client, json.dumps(ORDER))({"id": "a", "amount": 1}, context),
        JSONSerializer(json.dumps(PLAIN), client, conf={"subject.name.strategy": lambda *_: "plain-value"})(
            {"id": "b"}, context
        ),
        b"\x00" + number.to_bytes(4) + b"\x00\x0a\x01c",
        b'{"id": "d"}',
        b"\x00\x00\x00\xff\xff\x00",
    ]
    assert values[0] is not None
    values.append(values[0][:6])
    producer = Producer(kafka.client())
    for each in values:
        producer.produce("declared", each)
    assert producer.flush(120) == 0

    login = tmp_path / "login"
    login.mkdir()
    for name, content in (("username", "reader"), ("password", "reader-password\n")):
        (login / name).write_text(content)
    file = {
        "deadLetters": "sink-dead-letters",
        "group": "sink",
        "kind": "http",
        "name": "sink",
        "registry": registry.url,
        "settings": {"url": url},
        "topics": ["declared"],
    }
    with LocalConnector(
        kafka=kafka, folder=tmp_path, file=file, more={"CONNECTOR_REGISTRY_DIR": str(login)}
    ) as connector:
        eventually(lambda: len(got) >= 4, lambda: f"all arrive: {got}\n{connector.log}")
        dead = eventually(
            lambda: (found := read(kafka, "sink-dead-letters")) and len(found) == 2 and found, connector.log
        )
        assert "reader-password" not in connector.log
    assert got == [{"id": "a", "amount": 1}, {"id": "b"}, {"id": "c"}, {"id": "d"}]
    # As they were, so that they can be read again once the registry has the schema.
    assert [each.value() for each in dead] == values[4:]
    reasons = [str(headers_of(each)[f"{HEADER}exception.message"]) for each in dead]
    assert "has no schema 65535" in reasons[0]
    assert "its schema" in reasons[1]


def record(value: bytes | None) -> Record:
    return Record(topic="t", partition=0, offset=0, timestamp=0, key=None, value=value)


class Target:
    """Leaves or refuses what it gets."""

    def __init__(self, *, refuses: bool) -> None:
        self.refuses = refuses

    def open(self) -> None: ...

    def close(self) -> None: ...

    def deliver(self, records: Any) -> Outcome:
        if self.refuses:
            return Outcome(refused=[Refusal(record=each, reason="no") for each in records])
        return Outcome(left=list(records), trouble="away")


def test_without_a_registry_records_wait(registry: LocalRegistry, tmp_path: Path) -> None:
    with pytest.raises(Transient, match="the schema registry does not answer"):
        Decoding(Target(refuses=True), Registry("http://127.0.0.1:1", None, None)).deliver(
            [record(b"\x00\x00\x00\x00\x01a")]
        )
    # Refused logins are troubles that an administrator ends, and no fault of a record.
    with pytest.raises(Transient, match="the schema registry answers 401"):
        Registry(registry.url, None, None).json(b"\x00\x00\x00\x00\x01a")


def test_what_is_refused_or_left_is_the_record_as_it_was(registry: LocalRegistry, tmp_path: Path) -> None:
    assert registry.admin("POST", "/subjects/kept-as-it-was-value/versions", {"schema": '"string"'})[0] == 200
    number = registry.admin("GET", "/subjects/kept-as-it-was-value/versions/latest")[1]["id"]
    for name, content in (("username", "reader"), ("password", "reader-password")):
        (tmp_path / name).write_text(content)
    known = Registry(registry.url, tmp_path, None)
    given = record(b"\x00" + int(number).to_bytes(4) + b"\x02a")
    assert known.json(given.value or b"") == b'"a"'
    assert [each.record for each in Decoding(Target(refuses=True), known).deliver([given]).refused] == [given]
    assert list(Decoding(Target(refuses=False), known).deliver([given, record(None)]).left) == [given, record(None)]


def test_a_login_that_cannot_be_read_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="the login to the schema registry cannot be read"):
        Registry("http://127.0.0.1:1", tmp_path, None)
