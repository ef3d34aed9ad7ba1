"""A real Kafka on loopback, started by hand from a folder of jars: for tests of the runtime programs and for benchmarks.

The nodes are configured as the embedded engine configures its pods (KRaft, SCRAM-SHA-512 for clients, PLAIN between the
nodes, the standard authorizer with deny by default), without containers and without Kubernetes.
"""

import atexit
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.ports import free_ports
from tests.sandbox_cache import cache, needed_layer, newest_layer, unpacked

JARS_VARIABLE = "KAFKA_JARS_DIR"
ADMIN_USER = "admin"
ADMIN_PASSWORD = "admin-of-the-test"
BROKER_USER = "broker"
BROKER_PASSWORD = "broker-of-the-test"
CLUSTER_ID = "bG9jYWwta2Fma2EtdGVzdA"
START_SECONDS = 240.0
STOP_SECONDS = 30.0
CONTROLLERS_OF_A_LARGE_CLUSTER = 3
INTERNAL_PARTITIONS = "5"
"""Of each of Kafka's own topics. The default of 50 takes a node of a busy machine so long to create that a first group's request
for its coordinator ends by its time limit."""
QUICK = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Options of the JVM for a test's brokers: half the processor time until one has started (6.2 -> 3.2 s), and they do not live
long enough to gain from better code."""
KAFKA_JVM = ("-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35")
"""As Kafka's own scripts run it: for benchmarks."""

LOG4J = """\
Configuration:
  Appenders:
    Console:
      name: STDOUT
      PatternLayout:
        pattern: "%d %p %m (%c)%n"
  Loggers:
    Root:
      level: INFO
      AppenderRef:
        - ref: STDOUT
"""


def find_jars() -> Path | None:
    """The folder of Kafka's jars: KAFKA_JARS_DIR, or what the sandbox keeps in the user's cache; None if there is none."""
    named = os.environ.get(JARS_VARIABLE)
    if named:
        return Path(named) if any(Path(named).glob("kafka_2.13-*.jar")) else None
    layer = newest_layer("kafka")
    return unpacked(layer, "libs", below="opt/kafka/libs/") if layer else None


def needed_agent() -> Path:
    """The JMX agent that the sandbox keeps for the runtime image; the test is skipped where there is none."""
    layer = needed_layer("agent", "no JMX agent: `python3 -m sandbox up` fetches it once")
    return next(unpacked(layer, "libs", below="opt/kafka-platform/agent/").glob("*.jar"))


def needed_jars() -> Path:
    """The folder of Kafka's jars; the test is skipped, with the reason, where no Kafka can be started."""
    jars = find_jars()
    if jars is None:
        pytest.skip(f"no Kafka jars: set {JARS_VARIABLE} to a folder with kafka_2.13-*.jar and its dependencies")
    if java() is None:
        pytest.skip("no Java runtime: install openjdk-17-jre-headless or set JAVA_HOME")
    return jars


def java() -> str | None:
    """The java program of JAVA_HOME, or of PATH."""
    home = os.environ.get("JAVA_HOME")
    if home and (Path(home) / "bin" / "java").exists():
        return str(Path(home) / "bin" / "java")
    return shutil.which("java")


@functools.cache
def _shared_classes(jars: Path) -> list[str]:
    """The JVM's option for an archive of the classes that a broker loads, made once for these jars and this Java.

    A start with it takes 1.8 s of processor time instead of 3. Java ignores an archive that does not fit, and so does
    this function one that cannot be made.
    """
    program = Path(java() or "java").resolve()
    known = [program, *sorted(jars.glob("*.jar"))]
    key = "".join(f"{path} {path.stat().st_mtime_ns}\n" for path in known) + " ".join(QUICK)
    archive = cache() / f"test-classes-{hashlib.sha256(key.encode()).hexdigest()[:16]}.jsa"
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
            made = Path(folder) / archive.name
            with LocalKafka(jars=jars, jvm_options=(*QUICK, f"-XX:ArchiveClassesAtExit={made}")):
                pass
            if made.exists():
                made.rename(archive)
    return [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []


@dataclass(kw_only=True)
class Node:
    """One process: its id, ports, folder and, while it runs, the process."""

    id: int
    client_port: int
    replication_port: int
    controller_port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What the process prints."""
        return self.folder / "kafka.log"

    @property
    def pid(self) -> int:
        """The id of the running process.

        Raises:
            RuntimeError: the node does not run.
        """
        if self.process is None:
            raise RuntimeError(f"node {self.id} does not run")
        return self.process.pid


@dataclass(kw_only=True)
class LocalKafka:
    """A loopback cluster of `nodes` nodes; a context manager that starts them and ends them by process id.

    Args:
        jars: folder of Kafka's jars.
        folder: where configuration, logs and records go; removed at the end if it was made here.
        nodes: number of nodes; as in the embedded engine the first three (or the only one) are controllers too.
        heap: heap of each process, in the JVM's notation.
        first_port: first of 3 x `nodes` consecutive ports; free ones are taken if it is None.
        properties: further broker settings, which win over the ones made here.
        jvm_options: options of the JVM; default: QUICK.
        ca_file: certificate of the authority that signed `keystore_file`; clients then connect by TLS.
        keystore_file: private key and certificate of the brokers in PEM, with 127.0.0.1 among its names.
    """

    jars: Path
    folder: Path | None = None
    nodes: int = 1
    heap: str = "1g"
    first_port: int | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    jvm_options: Sequence[str] = QUICK
    ca_file: Path | None = None
    keystore_file: Path | None = None
    members: list[Node] = field(default_factory=list, init=False)
    _made_folder: bool = field(default=False, init=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def root(self) -> Path:
        """The folder of this cluster.

        Raises:
            RuntimeError: the cluster was not started.
        """
        if self.folder is None:
            raise RuntimeError("the cluster was not started")
        return self.folder

    @property
    def bootstrap_servers(self) -> str:
        """The clients' listener (SASL_PLAINTEXT, SCRAM-SHA-512) of every node."""
        return ",".join(f"127.0.0.1:{node.client_port}" for node in self.members)

    @property
    def client_protocol(self) -> str:
        """How clients connect."""
        return "SASL_PLAINTEXT" if self.keystore_file is None else "SASL_SSL"

    @property
    def admin_password_file(self) -> Path:
        """A file with the password of the user `admin`."""
        return self.root / "admin-password"

    @property
    def broker_password_file(self) -> Path:
        """A file with the password of the user `broker` of the replication listener."""
        return self.root / "broker-password"

    def client(self, user: str = ADMIN_USER, password: str = ADMIN_PASSWORD) -> dict[str, str | int | float | bool]:
        """The settings of a confluent-kafka client that logs in as `user`."""
        settings: dict[str, str | int | float | bool] = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.client_protocol,
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": password,
        }
        if self.ca_file is not None:
            settings["ssl.ca.location"] = str(self.ca_file)
        return settings

    def environment(self) -> dict[str, str]:
        """The KAFKA_* variables of the runtime programs, as the user `admin`."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "KAFKA_SECURITY_PROTOCOL": self.client_protocol,
            "KAFKA_SSL_CA_FILE": str(self.ca_file or ""),
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": ADMIN_USER,
            "KAFKA_SASL_PASSWORD_FILE": str(self.admin_password_file),
        }

    def start(self) -> None:
        """Format the nodes' storage, start them and wait until every one of them is registered.

        Raises:
            RuntimeError: a node ended, or they are not all registered after 90 s; with the last lines of its log.
        """
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="kafka-"))
            self._made_folder = True
        self.folder.mkdir(parents=True, exist_ok=True)
        self.admin_password_file.write_text(ADMIN_PASSWORD)
        self.broker_password_file.write_text(BROKER_PASSWORD)
        (self.root / "log4j2.yaml").write_text(LOG4J)
        count = 3 * self.nodes
        ports = free_ports(count) if self.first_port is None else list(range(self.first_port, self.first_port + count))
        self.members = [
            Node(
                id=number,
                client_port=ports[3 * number],
                replication_port=ports[3 * number + 1],
                controller_port=ports[3 * number + 2],
                folder=self.root / f"node-{number}",
            )
            for number in range(self.nodes)
        ]
        try:
            for node in self.members:
                self._format(node)
            for node in self.members:
                self.start_node(node.id)
            self.wait_until_registered(self.nodes)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every node by its process id and remove the folder if it was made here."""
        for node in self.members:
            if node.process is not None:
                node.process.terminate()
        for node in self.members:
            self._reap(node)
        if self._made_folder and self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start_node(self, number: int) -> None:
        """Start the process of one node (again)."""
        node = self.members[number]
        shared = _shared_classes(self.jars) if self.jvm_options is QUICK else []
        command = [java() or "java", f"-Xmx{self.heap}", f"-Xms{self.heap}", *self.jvm_options, *shared]
        command += [f"-Dlog4j2.configurationFile={self.root / 'log4j2.yaml'}", "-cp", f"{self.jars}/*"]
        command += ["kafka.Kafka", str(node.folder / "server.properties")]
        with node.log.open("ab") as log:
            node.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=node.folder)

    def stop_node(self, number: int) -> None:
        """Let one node shut down in its own time."""
        node = self.members[number]
        if node.process is not None:
            node.process.terminate()
        self._reap(node)

    def kill_node(self, number: int) -> None:
        """End one node at once (SIGKILL)."""
        node = self.members[number]
        if node.process is not None:
            node.process.kill()
        self._reap(node)

    def left_by_themselves(self, group: str) -> list[bool]:
        """For each member that a classic group has lost: whether it left, rather than was given up after its session."""
        name = re.escape(group)
        went = re.compile(rf"(\[Group {name}\] Member \S+ has left group)|Member \S+ in group {name} has failed")
        return [found[1] is not None for node in self.members for found in went.finditer(node.log.read_text())]

    def wait_until_registered(self, count: int, seconds: float = START_SECONDS) -> None:
        """Wait until `count` brokers are in the cluster's metadata.

        Raises:
            RuntimeError: they are not after `seconds`, or a process ended meanwhile.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for node in self.members:
                if node.process is not None and node.process.poll() is not None:
                    raise RuntimeError(f"node {node.id} ended:\n{self._tail(node)}")
            if self._registered() >= count:
                return
            time.sleep(0.3)
        raise RuntimeError(f"{count} brokers are not registered after {seconds:.0f} s:\n{self._tail(self.members[0])}")

    def _registered(self) -> int:
        admin = AdminClient({**self.client(), "log_level": 0, "socket.timeout.ms": 3000})
        try:
            return len(admin.list_topics(timeout=3).brokers)
        except KafkaException:
            return 0

    def _reap(self, node: Node) -> None:
        if node.process is None:
            return
        try:
            node.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            node.process.kill()
            node.process.wait()
        node.process = None

    def _tail(self, node: Node) -> str:
        return "\n".join(node.log.read_text(errors="replace").splitlines()[-15:]) if node.log.exists() else ""

    def _format(self, node: Node) -> None:
        node.folder.mkdir(parents=True, exist_ok=True)
        configuration = node.folder / "server.properties"
        rendered = {**self._rendered(node), **self.properties}
        configuration.write_text("".join(f"{key}={value}\n" for key, value in rendered.items()))
        data = node.folder / "data"
        # A start takes a quarter less where nothing is to be formatted, and what is depends on nothing else.
        template = _templates() / f"{self.nodes}-{node.id}"
        if template.exists() and not data.exists():
            shutil.copytree(template, data)
            return
        command = [java() or "java", *QUICK, "-Xmx128m", "-cp", f"{self.jars}/*", "kafka.tools.StorageTool", "format"]
        command += ["--cluster-id", CLUSTER_ID, "--config", str(configuration), "--ignore-formatted"]
        if node.id < self.controllers:
            command += ["--add-scram", f"SCRAM-SHA-512=[name={ADMIN_USER},password={ADMIN_PASSWORD}]"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=node.folder, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"storage of node {node.id} cannot be formatted:\n{done.stdout}{done.stderr}")
        if not template.exists() and not (data / "__cluster_metadata-0").exists():  # not one that was in use already
            shutil.copytree(data, template)

    @property
    def controllers(self) -> int:
        """How many of the nodes are controllers too."""
        return CONTROLLERS_OF_A_LARGE_CLUSTER if self.nodes >= CONTROLLERS_OF_A_LARGE_CLUSTER else 1

    def _rendered(self, node: Node) -> dict[str, str]:
        plain = (
            "org.apache.kafka.common.security.plain.PlainLoginModule required "
            f'username="{BROKER_USER}" password="{BROKER_PASSWORD}" user_{BROKER_USER}="{BROKER_PASSWORD}";'
        )
        controllers = self.members[: self.controllers]
        is_controller = node in controllers
        listeners = {"INTERNAL": node.client_port, "REPLICATION": node.replication_port}
        bound = {**listeners, "CONTROLLER": node.controller_port} if is_controller else listeners
        copies = str(min(3, self.nodes))
        tls = {} if self.keystore_file is None else _tls(self.keystore_file)
        return {
            **tls,
            "node.id": str(node.id),
            "process.roles": "broker,controller" if is_controller else "broker",
            "controller.quorum.voters": ",".join(f"{each.id}@127.0.0.1:{each.controller_port}" for each in controllers),
            "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in bound.items()),
            "advertised.listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items()),
            "listener.security.protocol.map": (
                f"INTERNAL:{self.client_protocol},REPLICATION:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT"
            ),
            "inter.broker.listener.name": "REPLICATION",
            "controller.listener.names": "CONTROLLER",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "sasl.mechanism.controller.protocol": "PLAIN",
            "listener.name.internal.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.internal.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "listener.name.replication.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.replication.plain.sasl.jaas.config": plain,
            "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.controller.plain.sasl.jaas.config": plain,
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{ADMIN_USER};User:{BROKER_USER}",
            "allow.everyone.if.no.acl.found": "false",
            "auto.create.topics.enable": "false",
            "log.dirs": str(node.folder / "data"),
            "offsets.topic.num.partitions": INTERNAL_PARTITIONS,
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.num.partitions": INTERNAL_PARTITIONS,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": INTERNAL_PARTITIONS,
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
        }


def _tls(keystore: Path) -> dict[str, str]:
    return {
        "listener.name.internal.ssl.keystore.type": "PEM",
        "listener.name.internal.ssl.keystore.location": str(keystore),
    }


@functools.cache
def _templates() -> Path:
    """Formatted storage of this process' first nodes, by the size of the cluster and the node."""
    folder = tempfile.TemporaryDirectory(prefix="kafka-formatted-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


@pytest.fixture(scope="module")
def local_kafka() -> Iterator[LocalKafka]:
    """One node with SCRAM users and the authorizer, for the tests of one module; skipped with the reason if impossible."""
    with LocalKafka(jars=needed_jars()) as cluster:
        yield cluster
