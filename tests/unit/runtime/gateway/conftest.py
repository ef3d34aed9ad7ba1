"""A real Kafka with users of two tenants, and the gateway as a real process beside it."""

import base64
import contextlib
import functools
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.kafka_process import ADMIN_PASSWORD, ADMIN_USER, LocalKafka, needed_jars
from tests.ports import free_ports
from tests.rules import add_rules

JSON = "application/vnd.kafka.json.v2+json"
BINARY = "application/vnd.kafka.binary.v2+json"
TEXT = "application/vnd.kafka.text.v2+json"
V2 = "application/vnd.kafka.v2+json"
RED, BLUE = "red", "blue"
"""Users: each may write and read topics and use groups whose names begin with the user's own."""
START_SECONDS = 120.0
"""Far beyond what a program or a topic needs on a machine that is busy."""
STOP_SECONDS = 60.0


def password(user: str) -> str:
    """The password of a user of the test."""
    return ADMIN_PASSWORD if user == ADMIN_USER else f"password-of-{user}"


def authorization(user: str, secret: str | None = None) -> str:
    """The header by which a user logs in."""
    return "Basic " + base64.b64encode(f"{user}:{secret or password(user)}".encode()).decode()


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer of the gateway."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


class Program:
    """The gateway as a process of its own.

    Args:
        kafka: the cluster it stands before.
        folder: for its file of settings and its log.
        settings: what stands in the file beside the ports.
        pod: its name.
        environment: further variables.
        module: what is run, with its arguments.
    """

    def __init__(
        self,
        kafka: LocalKafka,
        folder: Path,
        settings: Mapping[str, Any] | None = None,
        *,
        pod: str = "gateway-0",
        environment: Mapping[str, str] | None = None,
        module: Sequence[str] = ("kafka_platform_runtime.gateway",),
    ) -> None:
        chosen = {**(settings or {})}
        missing = [name for name in ("port", "metricsPort") if name not in chosen]
        chosen.update(zip(missing, free_ports(len(missing)), strict=True))
        chosen["limits"] = {"drainSeconds": 0, **chosen.get("limits", {})}
        self.port, self.metrics_port = int(chosen["port"]), int(chosen["metricsPort"])
        self.address = str(chosen.get("address", "127.0.0.1"))
        self.has_tls = "tls" in chosen
        self.log = folder / f"{pod}.log"
        file = folder / f"{pod}.json"
        file.write_text(json.dumps(chosen))
        variables = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "KAFKA_SECURITY_PROTOCOL": kafka.client_protocol,
            "KAFKA_SSL_CA_FILE": str(kafka.ca_file or ""),
            "GATEWAY_SETTINGS": str(file),
            "POD_NAME": pod,
            **(environment or {}),
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([sys.executable, "-m", *module], env=variables, stdout=log, stderr=log)

    def wait(self) -> "Program":
        """Return when it listens.

        Raises:
            RuntimeError: it ended, or does not listen in time; with its log.
        """
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((self.address, self.port), 1):
                return self
            time.sleep(0.05)
        raise RuntimeError(f"the gateway does not listen:\n{self.log.read_text()}")

    def stop(self) -> int:
        """Tell it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str | None = ADMIN_USER,
        secret: str | None = None,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = 60,
    ) -> Reply:
        """Send a request on a connection of its own; `body` is bytes as they are, or anything that JSON can say.

        The content type is `kind`; where it is None, the json format for records and v2 for anything else.
        """
        sent = dict(headers or {})
        if user is not None:
            sent.setdefault("authorization", authorization(user, secret))
        data: bytes | None = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent.setdefault("content-type", kind or (JSON if path.startswith("/topics/") else V2))
        connection = http.client.HTTPConnection(self.address, self.port, timeout=seconds)
        try:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(status=answer.status, headers=names, body=answer.read())
        except TimeoutError as error:
            raise TimeoutError(
                f"no answer to {method} {path} within {seconds:g} s; log:\n{self.log.read_text()[-4000:]}"
            ) from error
        finally:
            connection.close()

    def beside(self, path: str) -> tuple[int, str]:
        """Status and body of what the port of the metrics answers."""
        connection = http.client.HTTPConnection(self.address, self.metrics_port, timeout=60)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def until_metric(self, name: str, is_so: Callable[[float], bool], seconds: float = 240) -> float:
        """Wait until the sum of a metric is as it should be, and return it.

        The gateway counts in the moment it answers, and whoever has the answer may look sooner.
        """
        until = time.monotonic() + seconds
        while not is_so(value := self.metric(name)):
            assert time.monotonic() < until, f"{name} is {value:g} after {seconds:g} s"
            time.sleep(0.05)
        return value

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels; 0 if it is not there."""
        lines = self.beside("/metrics")[1].splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.split("{")[0].split(" ")[0] == name)

    @property
    def megabytes(self) -> float:
        """Resident memory."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the gateway has no resident memory: it has ended")


class Kafka(LocalKafka):
    """The cluster of the tests, with what they need of its administration."""

    @functools.cached_property
    def admin(self) -> AdminClient:
        """A client that may do anything; kept, because what it is asked ends with it."""
        return AdminClient(dict(self.client()))

    def make_topic(self, name: str, partitions: int = 1, **config: str) -> str:
        """Create a topic and wait until the broker knows it; names in `config` have underscores for dots."""
        settings = {key.replace("_", "."): value for key, value in config.items()}
        self.admin.create_topics([NewTopic(name, partitions, 1, config=settings)])[name].result(120)
        until = time.monotonic() + START_SECONDS
        while not self._leads(name):
            assert time.monotonic() < until, f"the broker does not lead topic {name}"
            time.sleep(0.05)
        return name

    def _leads(self, topic: str) -> bool:
        """Whether every partition can be written to."""
        found = self.admin.list_topics(topic, timeout=60).topics[topic]
        return found.error is None and all(each.leader >= 0 for each in found.partitions.values())

    def delete_records(self, topic: str, before: Mapping[int, int]) -> None:
        """Delete the records before an offset of each partition, as retention does.

        A busy broker may answer the client's question for leaders with none (`_NOENT`): it is asked again.
        """
        until = time.monotonic() + START_SECONDS
        for partition, offset in before.items():
            place = TopicPartition(topic, partition, offset)
            while True:
                try:
                    self.admin.delete_records([place])[place].result(120)
                    break
                except KafkaException as error:
                    if error.args[0].code() != KafkaError._NOENT or time.monotonic() > until:
                        raise
                    time.sleep(0.2)

    def make_user(self, user: str, secret: str | None = None) -> None:
        """Create a user or change the password, and wait until the broker accepts it: it is told a moment later."""
        credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(user, credential, (secret or password(user)).encode())
        self.admin.alter_user_scram_credentials([change])[user].result(120)
        login = {**self.client(user, secret or password(user)), "log_level": 0}
        AdminClient(login).list_topics(timeout=START_SECONDS)

    def allow(self, user: str, prefix: str) -> None:
        """Let a user write and read topics and use groups whose names begin with `prefix`; wait until it is so."""
        rules = [
            AclBinding(
                kind, prefix, ResourcePatternType.PREFIXED, f"User:{user}", "*", operation, AclPermissionType.ALLOW
            )
            for kind, operations in (
                (ResourceType.TOPIC, (AclOperation.WRITE, AclOperation.READ, AclOperation.DESCRIBE)),
                (ResourceType.GROUP, (AclOperation.READ, AclOperation.DESCRIBE)),
            )
            for operation in operations
        ]
        self.add_rules(*rules)

    def add_rules(self, *rules: AclBinding) -> None:
        """Create ACLs that are in force at once."""
        add_rules(self.admin, *rules)


@pytest.fixture(scope="module")
def kafka() -> Iterator[Kafka]:
    """One node with the users `red` and `blue`; the tests of a module share it. Skipped with the reason if impossible."""
    with Kafka(jars=needed_jars()) as cluster:
        for user in (RED, BLUE):
            cluster.make_user(user)
            cluster.allow(user, user)
        yield cluster


StartGateway = Callable[..., Program]


@pytest.fixture(scope="module")
def start_gateway(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartGateway]:
    """Starts gateways with settings of their own (the arguments of Program after `folder`); they end with the module."""
    started: list[Program] = []

    def start(settings: Mapping[str, Any] | None = None, **more: Any) -> Program:
        program = Program(kafka, tmp_path_factory.mktemp("gateway"), settings, **more)
        started.append(program)
        return program.wait()

    yield start
    for program in started:
        if program.process.poll() is None:
            program.stop()


@pytest.fixture(scope="module")
def gateway(start_gateway: StartGateway) -> Program:
    """A gateway with the defaults; the tests of a module share it."""
    return start_gateway()
