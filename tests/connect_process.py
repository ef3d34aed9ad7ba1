"""Real workers of Kafka Connect on loopback, started by hand from what the sandbox keeps of its image, with the settings, the
Secrets and the connectors that a stack renders."""

import json
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, TopicPartition
from kafka_platform import Connector, KafkaConnection, connect_topics, connect_users
from kafka_platform.connect.applying import data_of
from kafka_platform.connect.common import connector_user_name
from kafka_platform.connect.kinds import SECRETS
from kafka_platform.connect.objects import ConnectSettings, config_map, jvm_options, worker_properties
from kafka_platform.connect.spec import CONNECT
from kafka_platform.entities.declarations import declarations
from kafka_platform.kafka.properties import java_properties
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.kafka.secrets import client_files
from kafka_platform.values.names import user_key
from kafka_platform_runtime.connect_applier.__main__ import run
from kafka_platform_runtime.connect_applier.client import Connect
from kafka_platform_runtime.connect_restarter.__main__ import Looking
from kafka_platform_runtime.connect_restarter.page import Page
from kafka_platform_runtime.connect_restarter.restarts import FIRST_SECONDS, LONGEST_SECONDS, Restarts

from tests.kafka_process import LocalKafka, java, needed_agent, needed_jars
from tests.ports import free_ports
from tests.provisioning import Bench
from tests.sandbox_cache import needed_layer, unpacked

START_SECONDS = 240.0
STOP_SECONDS = 30.0
CREDENTIALS = "/etc/kafka-platform/credentials"


def needed_plugins() -> Path:
    """The folder of the plugins; the test is skipped, with the reason, where nobody has fetched them."""
    layer = needed_layer("connect", "no plugins of Kafka Connect: `make connect` fetches them (300 MB)")
    needed_jars()
    return unpacked(layer, "unpacked") / "opt" / "kafka" / "plugins"


@dataclass(kw_only=True)
class Worker:
    """One worker: where its REST interface is and, while it runs, its process."""

    port: int
    metrics_port: int
    folder: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def log(self) -> str:
        """What it has printed."""
        return (self.folder / "worker.log").read_text()

    def kill(self) -> None:
        """Ends it at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(STOP_SECONDS)
            self.process = None


def mend(connect: "LocalConnect", ending: threading.Event) -> None:
    """What the pod does that restarts failed connectors, by way of whichever worker is there; pauses are a tenth as long."""
    restarts, page = Restarts(FIRST_SECONDS / 10, LONGEST_SECONDS / 10), Page()
    while not ending.wait(1):
        alive = [each for each in connect.members if each.process is not None]
        if alive:
            Looking(Connect(f"http://127.0.0.1:{alive[0].port}"), restarts, page).once()


@dataclass(kw_only=True)
class LocalConnect:
    """Workers of one Kafka Connect; a context manager that starts them and ends them by their ids.

    Args:
        plugins: folder of the plugins.
        kafka: the Kafka; topics and users are made in it as a stack makes them.
        connectors: by name.
        secrets: what the Secrets of each connector hold, by key, or by folder and key.
        workers: how many there are.
        registries: how connectors reach a schema registry, by their names.
        replaced: what stands in declarations for something else, such as an address that only pods know.
    """

    plugins: Path
    kafka: LocalKafka
    connectors: Mapping[str, Connector]
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    workers: int = 1
    replaced: Mapping[str, str] = field(default_factory=dict)
    registries: Mapping[str, RegistryConnection] = field(default_factory=dict)
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="connect-")), init=False)
    members: list[Worker] = field(default_factory=list, init=False)

    def __enter__(self) -> Self:
        try:
            self.provision()
            self._mount()
            self.members = [self._prepared(*free_ports(2)) for _ in range(self.workers)]
            for each in self.members:
                self.start(each)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.members:
            each.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def password(user: str) -> str:
        """The password of a Kafka user."""
        return f"{user}-password-of-kafka"

    @property
    def settings(self) -> ConnectSettings:
        """As a stack has them."""
        connection = KafkaConnection(
            cluster="kafka",
            namespace="streaming",
            bootstrap_servers=self.kafka.bootstrap_servers,
            security_protocol=self.kafka.client_protocol,
            sasl_mechanism="SCRAM-SHA-512",
        )
        return ConnectSettings(
            name="connect",
            namespace="streaming",
            connection=connection,
            image="",
            runtime_image="",
            connectors=self.connectors,
            registries=self.registries,
        )

    def provision(self) -> None:
        """Makes topics and users, with the rights that they have in a stack."""
        topics, users = connect_topics(self.connectors), connect_users(self.connectors)
        bench = Bench(self.kafka, self.folder / "provisioner", "connect")
        replicas = min(3, self.kafka.nodes)
        bench.files = {name: json.loads(text) for name, text in declarations(topics, users, replicas).items()}
        bench.passwords = {user_key(user): self.password(user) for user in users}
        bench.apply()

    def _mount(self) -> None:
        """The files of the Secrets, as the pods have them."""
        for name in self.connectors:
            self._login(self.folder / "mnt" / name / "kafka", connector_user_name(name))
            for key, value in self.secrets.get(name, {}).items():
                file = self.folder / "mnt" / name / (key if "/" in key else f"secret/{key}")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(value)
        self._login(self.folder / "credentials", CONNECT)

    def _login(self, folder: Path, user: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        made = client_files(
            username=user,
            password=self.password(user),
            bootstrap_servers=self.kafka.bootstrap_servers,
            security_protocol=self.kafka.client_protocol,
            sasl_mechanism="SCRAM-SHA-512",
            has_ca=False,
        )
        (folder / "client.properties").write_text(made["client.properties"])

    def _here(self, text: str) -> str:
        """The text with the folders of the pods in this test's folder."""
        for given, here in self.replaced.items():
            text = text.replace(given, here)
        moved = text.replace(SECRETS, str(self.folder / "mnt")).replace(CREDENTIALS, str(self.folder / "credentials"))
        return moved.replace("/opt/kafka/plugins", str(self.plugins))

    def properties(self) -> dict[str, str]:
        """The settings of a worker, without its address."""
        servers, protocol = self.kafka.bootstrap_servers, self.kafka.client_protocol
        return worker_properties(self.settings, servers, protocol, "SCRAM-SHA-512")

    def _prepared(self, port: int, metrics_port: int) -> Worker:
        folder = self.folder / f"worker-{port}"
        folder.mkdir()
        properties = self.properties() | {
            "listeners": f"http://127.0.0.1:{port}",
            "rest.advertised.host.name": "127.0.0.1",
            "rest.advertised.port": str(port),
        }
        (folder / "worker.properties").write_text(self._here(java_properties(properties)))
        for name in ("jmx.yaml", "log4j2.yaml"):
            (folder / name).write_text(config_map(self.settings, "")["data"][name])
        return Worker(port=port, metrics_port=metrics_port, folder=folder)

    def start(self, worker: Worker) -> None:
        """Starts it, and waits until it is ready."""
        kept = [each for each in jvm_options(self.settings) if not each.startswith(("-javaagent", "-Dlog4j2"))]
        command = [
            str(java()),
            *kept,
            "-XX:TieredStopAtLevel=1",
            f"-Dlog4j2.configurationFile={worker.folder / 'log4j2.yaml'}",
        ]
        command += [f"-javaagent:{needed_agent()}={worker.metrics_port}:{worker.folder / 'jmx.yaml'}"]
        command += ["-cp", f"{needed_jars()}/*", "org.apache.kafka.connect.cli.ConnectDistributed"]
        with (worker.folder / "worker.log").open("ab") as log:
            worker.process = subprocess.Popen(
                [*command, str(worker.folder / "worker.properties")], stdout=log, stderr=log, cwd=worker.folder
            )
        deadline = time.monotonic() + START_SECONDS
        while self.ask(worker, "/health")[0] != 200:
            ended = worker.process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise RuntimeError(f"the worker {'ended' if ended else 'is not ready'}:\n{worker.log[-2500:]}")
            time.sleep(0.2)

    @staticmethod
    def ask(worker: Worker, path: str, method: str = "GET") -> tuple[int, Any]:
        """The status and the content of an answer; 0 if there is none."""
        request = urllib.request.Request(f"http://127.0.0.1:{worker.port}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, None

    @staticmethod
    def metrics(worker: Worker) -> str:
        """What Prometheus reads of it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.metrics_port}/metrics", timeout=60) as answer:
            return str(answer.read().decode())

    def apply(self, **more: str) -> tuple[int, str]:
        """Runs the program of the Job that applies connectors; its exit code and last message."""
        folder = self.folder / "declarations"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for key, text in data_of(self.settings.applying).items():
            (folder / key).write_text(self._here(text))
        alive = next(each for each in self.members if each.process is not None)
        return run({"CONNECT_URL": f"http://127.0.0.1:{alive.port}", "DECLARATIONS_DIR": str(folder), **more})

    def worker_of(self, connector: str) -> Worker:
        """The worker that runs the first task of a connector."""
        _, told = self.ask(
            next(each for each in self.members if each.process is not None), f"/connectors/{connector}/status"
        )
        port = int(told["tasks"][0]["worker_id"].rpartition(":")[2])
        return next(each for each in self.members if each.port == port)


def events(kafka: LocalKafka, topic: str) -> list[tuple[Any, Any]]:
    """All records of a topic, with key and value read as JSON."""
    return [
        (json.loads(key) if key else None, json.loads(value) if value else None) for key, value in records(kafka, topic)
    ]


def records(kafka: LocalKafka, topic: str) -> list[tuple[bytes | None, bytes | None]]:
    """All records of a topic."""
    consumer = Consumer(
        kafka.client() | {"group.id": "test", "isolation.level": "read_committed", "enable.partition.eof": True}
    )
    partitions = consumer.list_topics(topic, timeout=60).topics[topic].partitions
    consumer.assign([TopicPartition(topic, each, 0) for each in partitions])
    found: list[tuple[bytes | None, bytes | None]] = []
    ends = 0
    while ends < len(partitions):
        message = consumer.poll(30)
        assert message is not None
        error = message.error()
        if error is not None:
            assert error.code() == KafkaError._PARTITION_EOF
            ends += 1
            continue
        found.append((message.key(), message.value()))
    consumer.close()
    return found


def wait_for(kafka: LocalKafka, topic: str, expected: Counter[str], seconds: float) -> list[tuple[Any, Any]]:
    """The records of a table's topic, once there are as many of each of Debezium's operations as expected; none more, ever."""
    deadline = time.monotonic() + seconds
    while True:
        found = events(kafka, topic)
        seen = Counter(str(value["payload"]["op"]) for _, value in found if value is not None)
        if seen == expected:
            return found
        assert time.monotonic() < deadline, f"{seen}, not {expected}"
        time.sleep(0.5)
