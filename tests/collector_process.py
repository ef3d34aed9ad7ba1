"""A real OpenTelemetry Collector that collects what a test writes as a kubelet would, with the file that the platform renders."""

import contextlib
import json
import os
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kafka_platform import KafkaConnection, LogCollectorSpec, SaslMechanism, SecurityProtocol, log_topics
from kafka_platform.kube.pods import METRICS_PORT
from kafka_platform.logs.config import HEALTH_PORT, LOGS, STATE, config
from kafka_platform.logs.objects import ARGUMENTS, TERMINATION_SECONDS

from sandbox import build
from tests.connector_process import PATIENCE_SECONDS, eventually
from tests.kafka_process import ADMIN_PASSWORD, ADMIN_USER, LocalKafka
from tests.ports import free_ports
from tests.sandbox_cache import cache

UID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def needed_collector() -> Path:
    """The collector's program; the test is skipped, with the reason, where it is not compiled."""
    compiled = build.compiled(cache(), build.COLLECTOR)
    if compiled is None:
        pytest.skip("no log collector: `make collector` compiles one (six minutes of processor time, once)")
    return compiled / "otelcol-contrib"


class Container:
    """The file of a container's lines."""

    def __init__(self, logs: Path, namespace: str, pod: str, name: str = "main") -> None:
        self.folder = logs / f"{namespace}_{pod}_{UID}" / name
        self.folder.mkdir(parents=True)
        self.file = self.folder / "0.log"
        self._rotations = 0

    def write(self, *lines: str, stream: str = "stdout", tag: str = "F") -> None:
        """Lines as containerd writes them: each with when it was written, and whether it is whole (F) or goes on (P)."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        with self.file.open("a", encoding="utf-8", errors="surrogateescape") as file:
            file.write("".join(f"{now} {stream} {tag} {line}\n" for line in lines))

    def write_long(self, line: str, part: int = 16 * 1024) -> None:
        """A line in the parts that containerd makes of it."""
        parts = [line[start : start + part] for start in range(0, len(line), part)]
        for each in parts[:-1]:
            self.write(each, tag="P")
        self.write(parts[-1])

    def rotate(self) -> None:
        """As the kubelet does: the file gets another name, and its runtime begins a new one."""
        self._rotations += 1
        self.file.rename(self.file.with_name(f"0.log.20260101-{self._rotations:06d}"))


@dataclass(frozen=True)
class Line:
    """A record."""

    topic: str
    partition: int
    key: bytes
    headers: Mapping[str, str]
    value: Mapping[str, Any]

    @property
    def text(self) -> str:
        return str(self.value["line"])


def _line(record: Any) -> Line:
    headers = {name: value.decode() for name, value in record.headers() or []}
    return Line(record.topic(), record.partition(), record.key(), headers, json.loads(record.value()))


class Collector:
    """One process at a time, which keeps what it has on disk when it is killed."""

    def __init__(
        self, program: Path, folder: Path, kafka: LocalKafka, spec: LogCollectorSpec, namespace: str = "streaming"
    ) -> None:
        self.logs, self._folder, self._program, self._kafka, self.spec = folder / "pods", folder, program, kafka, spec
        self.logs.mkdir(parents=True)
        (folder / "login").mkdir()
        (folder / "login" / "password").write_text(ADMIN_PASSWORD)
        self.health, self.metrics_port = free_ports(2)
        connection = KafkaConnection(
            cluster="kafka",
            namespace=namespace,
            bootstrap_servers=kafka.bootstrap_servers,
            security_protocol=SecurityProtocol(kafka.client_protocol).value,
            sasl_mechanism=SaslMechanism.SCRAM_SHA_512.value,
        )
        told = config(spec, "log-collector", namespace, connection, str(folder / "login"), "")
        for here, there in (
            (LOGS, str(self.logs)),
            (STATE, str(folder / "state")),
            (f"0.0.0.0:{HEALTH_PORT}", f"127.0.0.1:{self.health}"),
            (f'"port": {METRICS_PORT}', f'"port": {self.metrics_port}'),
            ("0.0.0.0", "127.0.0.1"),
        ):
            assert here in told
            told = told.replace(here, there)
        self._file = folder / "config.yaml"
        self._file.write_text(told)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    def start(self) -> None:
        login = {
            "KAFKA_BOOTSTRAP_SERVERS": self._kafka.bootstrap_servers,
            "KAFKA_SASL_USERNAME": ADMIN_USER,
            "NODE_NAME": "machine-1",
        }
        command = [str(self._program), *ARGUMENTS, f"--config={self._file}"]
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | login)
        eventually(self._is_healthy, lambda: self.log[-3000:])

    def _is_healthy(self) -> bool:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{self.health}/", timeout=5) as answer,
        ):
            return bool(answer.status == 200)
        return False

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL after a while, as a kubelet ends a pod: without Kafka a collector does not end by itself."""
        assert self.process is not None
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(TERMINATION_SECONDS)
        self.kill()

    def memory(self) -> int:
        """MiB that the process has used at most."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) // 1024

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=60) as answer:
            return str(answer.read().decode())


@contextlib.contextmanager
def collecting(
    folder: Path, kafka: LocalKafka, spec: LogCollectorSpec, namespace: str = "streaming"
) -> Iterator[Collector]:
    """A collector whose topics exist, and which is ended at the end."""
    collector = Collector(needed_collector(), folder, kafka, spec, namespace)
    make_topics(kafka, spec)
    collector.start()
    try:
        yield collector
    finally:
        if collector.process is not None:
            collector.kill()


def make_topics(kafka: LocalKafka, spec: LogCollectorSpec) -> None:
    """The topics as the platform declares them."""
    admin = AdminClient(kafka.client())
    made = [
        NewTopic(name, num_partitions=topic.partitions, replication_factor=1, config=topic.kafka_config())
        for name, topic in log_topics(spec).items()
    ]
    for future in admin.create_topics(made).values():
        future.result(60)


class Reader:
    """Reads the topics of a collector from their beginning, again and again."""

    def __init__(self, kafka: LocalKafka, spec: LogCollectorSpec) -> None:
        self._consumer = Consumer({**kafka.client(), "group.id": "unused", "enable.auto.commit": False})
        self._consumer.assign(
            [TopicPartition(topic, number, 0) for topic in spec.topics for number in range(spec.partitions)]
        )
        self.lines: list[Line] = []

    def read(self, seconds: float = 1.0) -> list[Line]:
        """Everything so far."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for each in self._consumer.consume(5000, timeout=0.2):
                if each.error() is None:
                    self.lines.append(_line(each))
        return self.lines

    def wait_for(self, *texts: str) -> list[Line]:
        """Everything, once lines with these texts have come; on a busy machine they may take long, but some always come."""
        missing, seen, until = set(texts), 0, time.monotonic() + PATIENCE_SECONDS
        while missing:
            missing.difference_update(each.text for each in self.read(0.3)[seen:])
            if len(self.lines) > seen:
                seen, until = len(self.lines), time.monotonic() + PATIENCE_SECONDS
            assert time.monotonic() < until, f"missing {len(missing)} of {len(texts)}: {sorted(missing)[:3]}"
        return self.lines

    def close(self) -> None:
        self._consumer.close()


class Writer(threading.Thread):
    """Writes numbered lines at a rate into containers by turns, which are rotated meanwhile."""

    def __init__(self, containers: list[Container], lines: int, rate: float, rotate_after: int) -> None:
        super().__init__(daemon=True)
        self._containers, self._count, self._rate, self._rotate_after = containers, lines, rate, rotate_after
        self.written: list[str] = []

    def run(self) -> None:
        began = time.monotonic()
        for number in range(self._count):
            container = self._containers[number % len(self._containers)]
            container.write(f"order {number} placed")
            self.written.append(f"order {number} placed")
            if number % self._rotate_after == self._rotate_after - 1:
                container.rotate()
            ahead = began + number / self._rate - time.monotonic()
            if ahead > 0.005:
                time.sleep(ahead)

    def wait_for(self, lines: int) -> None:
        """Until so many are written."""
        while len(self.written) < lines and self.is_alive():
            time.sleep(0.05)
