"""A real RabbitMQ to Kafka, by a connector that is killed while the server restarts."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest
from pika.exceptions import AMQPError

from tests.connector_process import (
    Arrived,
    LocalConnector,
    eventually,
    headers_of,
    make_topics,
    read,
)
from tests.kafka_process import LocalKafka
from tests.ports import free_ports

MESSAGES = 3000
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


class Server:
    """Debian's RabbitMQ, with everything below one folder."""

    def __init__(self, folder: Path) -> None:
        self.port, self._dist, self._epmd = free_ports(3)
        self._folder = folder
        folder.mkdir()
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\nvm_memory_high_watermark.absolute = 400MB\n"
            "log.console = true\nlog.console.level = warning\n"
        )
        (folder / "enabled_plugins").write_text("[].")
        self._process: subprocess.Popen[bytes] | None = None
        self._port_mapper: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        folder = self._folder
        environment = os.environ | {
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_DIST_PORT": str(self._dist),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }
        epmd = shutil.which("epmd")
        if self._port_mapper is None and epmd is not None:
            # The server would start one that outlives it.
            self._port_mapper = subprocess.Popen([epmd, "-address", "127.0.0.1", "-port", str(self._epmd)])
        with (folder / "out").open("ab") as log:
            self._process = subprocess.Popen([str(SERVER)], stdout=log, stderr=log, env=environment)
        eventually(self._answers, lambda: (folder / "out").read_text()[-2000:])

    def _answers(self) -> bool:
        try:
            self.connection().close()
        except (AMQPError, OSError):
            return False
        return True

    def connection(self) -> pika.BlockingConnection:
        return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.port, socket_timeout=5))

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def end(self) -> None:
        self.stop()
        if self._port_mapper is not None:
            self._port_mapper.kill()
            self._port_mapper.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not SERVER.exists():
        pytest.skip("no RabbitMQ: install rabbitmq-server")
    made = Server(tmp_path_factory.mktemp("rabbit") / "server")
    try:
        made.start()
        yield made
    finally:
        made.end()


def publish(server: Server, queue: str, numbers: range) -> None:
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


def test_nothing_is_lost_when_it_is_killed_and_the_server_restarts(
    quick_kafka: LocalKafka,
    server: Server,
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
    server: Server,
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
