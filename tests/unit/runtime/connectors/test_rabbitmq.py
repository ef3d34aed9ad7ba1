"""A real RabbitMQ to Kafka and back, by connectors that are killed while the server restarts."""

import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pika
import pytest
from kafka_platform_runtime.connectors.kinds.rabbitmq_sink import Publisher, Settings
from kafka_platform_runtime.connectors.records import Record
from kafka_platform_runtime.connectors.settings import Secrets
from kafka_platform_runtime.failures import Transient

from tests.authority import Authority
from tests.connector_process import HEADER, Arrived, LocalConnector, eventually, headers_of, make_topics, read, write
from tests.kafka_process import LocalKafka
from tests.ports import free_ports
from tests.rabbitmq_process import RabbitMqServer, needed_rabbitmq, user
from tests.tiers import IS_LONG

MESSAGES = 3000
"""The server takes long to start: that of the source's test has to do otherwise."""
KEYS = 30
BATCH = 100
LARGEST = 100_000
PASSWORD = "pass-of-sink"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("authority"))
    for name in ("server", "client"):
        made.sign(name, made.folder / f"{name}.pem", made.folder / f"{name}-key.pem")
    return made


@pytest.fixture(scope="module")
def tls_port() -> int:
    (port,) = free_ports(1)
    return port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority, tls_port: int) -> Iterator[RabbitMqServer]:
    root = needed_rabbitmq()
    definitions = {
        "vhosts": [{"name": "/"}],
        "users": [user("guest", "guest"), user("sink", PASSWORD)],
        "permissions": [
            {"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"},
            # All that a sink needs.
            {"user": "sink", "vhost": "/", "configure": "^$", "write": "^(amq\\.default|events)$", "read": "^$"},
        ],
        "queues": [
            {"name": name, "vhost": "/", "durable": True, "auto_delete": False, "arguments": {}}
            for name in ("orders", "events-a")
        ],
        "exchanges": [
            {
                "name": name,
                "vhost": "/",
                "type": "direct",
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": {},
            }
            for name in ("events", "others")
        ],
        "bindings": [
            {
                "source": "events",
                "vhost": "/",
                "destination": "events-a",
                "destination_type": "queue",
                "routing_key": "a",
                "arguments": {},
            }
        ],
    }
    lines = [
        f"max_message_size = {LARGEST}",
        f"listeners.ssl.1 = 127.0.0.1:{tls_port}",
        f"ssl_options.cacertfile = {authority.certificate}",
        f"ssl_options.certfile = {authority.folder / 'server.pem'}",
        f"ssl_options.keyfile = {authority.folder / 'server-key.pem'}",
        "ssl_options.verify = verify_peer",
        "ssl_options.fail_if_no_peer_cert = true",
    ]
    made = RabbitMqServer(tmp_path_factory.mktemp("rabbit") / "server", root, definitions, lines)
    try:
        made.start()
        yield made
    finally:
        made.end()


def publish(server: RabbitMqServer, queue: str, numbers: range) -> None:
    connection = server.connection()
    channel = connection.channel()
    channel.queue_declare(queue, durable=True)
    channel.confirm_delivery()
    for number in numbers:
        body = json.dumps({"n": number}).encode()
        properties = pika.BasicProperties(delivery_mode=2, message_id=str(number), headers={"origin": "test"})
        channel.basic_publish("", queue, body, properties, mandatory=True)
    connection.close()


def arrived(kafka: LocalKafka, topic: str) -> Arrived:
    found = [("q", json.loads(each.value() or b"")["n"]) for each in read(kafka, topic)]
    return Arrived(numbers=found)


@pytest.mark.long
def test_nothing_is_lost_when_it_is_killed_and_the_server_restarts(
    quick_kafka: LocalKafka,
    server: RabbitMqServer,
    tmp_path: Path,
) -> None:
    make_topics(quick_kafka, "invoices", partitions=1)
    file = {
        "name": "invoices",
        "kind": "rabbitmq-source",
        "topics": ["invoices"],
        "group": "invoices",
        "inFlight": 200,
        "settings": {"host": "127.0.0.1", "port": server.port, "queue": "invoices"},
    }
    secrets = {"username": "guest", "password": "guest"}
    publish(server, "invoices", range(10))
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file, secrets=secrets) as connector:
        connector.wait_ready()
        for part in range(3):
            begin = 10 + part * 800
            publish(server, "invoices", range(begin, begin + 800))
            connector.again()
        connector.wait_ready()
        server.stop()
        eventually(lambda: "trying again: " in connector.log, "a lost connection")
        server.start()
        publish(server, "invoices", range(2410, MESSAGES))
        done = eventually(
            lambda: len((found := arrived(quick_kafka, "invoices")).distinct) >= MESSAGES and found,
            lambda: f"all: {len(arrived(quick_kafka, 'invoices').distinct)}\n{connector.log}",
        )
        assert done.distinct == set(range(MESSAGES))
        assert done.twice <= 5 * 200
        assert done.disorder == []
        assert headers_of(read(quick_kafka, "invoices")[0])["rabbitmq.message.id"] == "0"
        assert connector.terminate() == 0


def test_a_refused_login_and_a_missing_queue_are_told(
    quick_kafka: LocalKafka,
    server: RabbitMqServer,
    tmp_path: Path,
) -> None:
    make_topics(quick_kafka, "none", partitions=1)
    settings = {"host": "127.0.0.1", "port": server.port, "queue": "none"}
    file = {"name": "none", "kind": "rabbitmq-source", "topics": ["none"], "group": "none", "settings": settings}
    (tmp_path / "wrong").mkdir()
    (tmp_path / "right").mkdir()
    wrong = {"username": "guest", "password": "wrong"}
    with LocalConnector(kafka=quick_kafka, folder=tmp_path / "wrong", file=file, secrets=wrong) as connector:
        eventually(lambda: "login is refused" in connector.get("/readyz")[1], lambda: connector.log)
    right = {"username": "guest", "password": "guest"}
    with LocalConnector(kafka=quick_kafka, folder=tmp_path / "right", file=file, secrets=right) as connector:
        eventually(lambda: "no queue 'none'" in connector.get("/readyz")[1], lambda: connector.log)


def sink_of(topic: str, server: RabbitMqServer, **settings: Any) -> dict[str, Any]:
    return {
        "name": topic,
        "kind": "rabbitmq",
        "topics": [topic],
        "group": topic,
        "deadLetters": f"{topic}-dead",
        "batch": {"records": BATCH, "wait": 0.05},
        "settings": {"host": "127.0.0.1", "port": server.port} | settings,
    }


def taken(server: RabbitMqServer, queue: str, into: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]]:
    """What a queue has now, with the properties of the messages, after what was taken before."""
    connection = server.connection()
    channel = connection.channel()
    while True:
        method, properties, body = channel.basic_get(queue, auto_ack=True)
        if method is None:
            connection.close()
            return into
        into.append((properties, body))


def ready(server: RabbitMqServer, queue: str) -> int:
    """How many messages a queue has."""
    connection = server.connection()
    count: int = connection.channel().queue_declare(queue, passive=True).method.message_count
    connection.close()
    return count


def record(number: int) -> tuple[str, bytes]:
    return f"k{number % KEYS}", json.dumps({"n": number, "key": f"k{number % KEYS}"}).encode()


def test_a_sink_loses_nothing_when_it_is_killed_and_the_server_restarts(
    quick_kafka: LocalKafka, server: RabbitMqServer, tmp_path: Path
) -> None:
    make_topics(quick_kafka, "orders", "orders-dead")
    secrets = {"username": "sink", "password": PASSWORD}
    file = sink_of("orders", server, queue="orders")

    def more(than: int) -> bool:
        return ready(server, "orders") > than

    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file, secrets=secrets) as connector:
        step = MESSAGES // 3
        for part in range(2):
            before = ready(server, "orders")
            write(quick_kafka, "orders", map(record, range(part * step, (part + 1) * step)))
            eventually(partial(more, before), lambda: connector.log)
            connector.again()
        if IS_LONG:
            server.stop()
        write(quick_kafka, "orders", map(record, range(2 * step, MESSAGES)))
        if IS_LONG:
            eventually(lambda: "trying again" in connector.log, lambda: connector.log)
            server.start()
        messages: list[tuple[Any, bytes]] = []

        def arrived() -> Arrived:
            found = [json.loads(body) for _, body in taken(server, "orders", messages)]
            return Arrived(numbers=[(each["key"], each["n"]) for each in found])

        eventually(lambda: len(arrived().distinct) == MESSAGES, lambda: f"{len(arrived().distinct)}\n{connector.log}")
        assert arrived().disorder == []
        assert arrived().twice <= 3 * 3 * BATCH
        properties, _ = messages[0]
        assert (properties.delivery_mode, properties.headers["origin"]) == (2, "test")
        assert properties.message_id == properties.headers["kafka.record"]
        assert connector.terminate() == 0
    assert read(quick_kafka, "orders-dead") == []


def test_a_record_that_no_queue_takes_or_that_is_too_large_goes_to_the_dead_letter_topic(
    quick_kafka: LocalKafka, server: RabbitMqServer, tmp_path: Path
) -> None:
    make_topics(quick_kafka, "events", "events-dead", partitions=1)
    large = b"x" * (LARGEST + 1)
    write(quick_kafka, "events", [("a", b"0"), ("b", b"1"), ("a", b"2"), ("a", large), (None, b"4"), ("a", b"5")])
    file = sink_of("events", server, exchange="events")
    secrets = {"username": "sink", "password": PASSWORD}
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file, secrets=secrets) as connector:
        dead = eventually(lambda: len(found := read(quick_kafka, "events-dead")) == 3 and found, lambda: connector.log)
        messages: list[tuple[Any, bytes]] = []
        eventually(lambda: taken(server, "events-a", messages)[-1:] and messages[-1][1] == b"5", lambda: connector.log)
    assert list(dict.fromkeys(body for _, body in messages)) == [b"0", b"2", b"5"]
    reasons = {headers_of(each)[f"{HEADER}offset"]: headers_of(each)[f"{HEADER}exception.message"] for each in dead}
    assert reasons["1"] == "312 NO_ROUTE: no queue takes its routing key"
    assert "larger than configured max size" in reasons["3"]
    assert reasons["4"] == "it has no key, which says where it goes"


@pytest.mark.parametrize(
    ("settings", "password", "told"),
    [
        ({"queue": "orders"}, "wrong", "login is refused"),
        ({"queue": "nowhere"}, PASSWORD, "no queue takes what is sent to queue nowhere"),
        ({"exchange": "others"}, PASSWORD, "ACCESS_REFUSED"),
        ({"exchange": "missing"}, PASSWORD, "ACCESS_REFUSED"),
    ],
)
def test_a_fault_that_is_no_records_fault_is_told_and_loses_nothing(
    quick_kafka: LocalKafka, server: RabbitMqServer, tmp_path: Path, settings: dict[str, str], password: str, told: str
) -> None:
    topic = f"fault-{'-'.join([*settings.values(), password])}"
    make_topics(quick_kafka, topic, f"{topic}-dead", partitions=1)
    write(quick_kafka, topic, [("a", b"1")])
    secrets = {"username": "sink", "password": password}
    file = sink_of(topic, server, **settings)
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file, secrets=secrets) as connector:
        eventually(lambda: told in connector.log, lambda: connector.log)
    assert read(quick_kafka, f"{topic}-dead") == []


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl: install it")
def test_both_sides_check_the_certificate_of_the_other(
    server: RabbitMqServer, authority: Authority, tls_port: int, tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    own = {"tls.crt": authority.folder / "client.pem", "tls.key": authority.folder / "client-key.pem"}

    def trouble(name: str, files: dict[str, Path]) -> str:
        folder = tmp_path / name
        folder.mkdir()
        for file, source in files.items():
            shutil.copy(source, folder / file)
        (folder / "username").write_text("sink")
        (folder / "password").write_text(PASSWORD)
        settings = Settings(host="127.0.0.1", port=tls_port, tls=True, queue="orders")
        publisher = Publisher(settings, Secrets(folder))
        try:
            publisher.open()
            record = Record(topic="t", partition=0, offset=0, timestamp=0, key=None, value=b"1")
            return publisher.deliver([record]).trouble
        except Transient as failure:
            return str(failure)
        finally:
            publisher.close()

    assert trouble("right", {"ca.crt": authority.certificate, **own}) == ""
    assert "certificate verify failed" in trouble("wrong", {"ca.crt": Authority(stranger).certificate, **own})
    assert trouble("without", {"ca.crt": authority.certificate}) != ""
