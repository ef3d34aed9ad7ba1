"""Runs of the provisioner against a real Kafka, and what they left there."""

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)
from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.failures import Rejected, Transient
from kafka_platform_runtime.provisioner.cluster import Cluster
from kafka_platform_runtime.provisioner.declarations import Mechanism
from kafka_platform_runtime.provisioner.ledger import Ledger
from kafka_platform_runtime.provisioner.quotas import QuotaChange, QuotaClient
from kafka_platform_runtime.provisioner.report import Report
from kafka_platform_runtime.provisioner.run import DONE, run

from tests.kafka_process import LocalKafka

READER = [
    {"resource": "topic", "name": "orders", "pattern": "prefixed", "operations": ["DESCRIBE", "READ"]},
    {"resource": "group", "name": "billing", "pattern": "literal", "operations": ["READ"]},
]
WRITER = [{"resource": "topic", "name": "orders", "pattern": "literal", "operations": ["DESCRIBE", "WRITE"]}]
PASSWORD = "correct-horse-battery"


@dataclass
class Bench:
    """One owner's declarations and what a run of the provisioner answers."""

    kafka: LocalKafka
    folder: Path
    owner: str
    files: dict[str, Any] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    more: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        declarations = self.folder / "declarations"
        passwords = self.folder / "passwords"
        for folder, contents in (
            (declarations, {name: json.dumps(value) for name, value in self.files.items()}),
            (passwords, self.passwords),
        ):
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.iterdir():
                old.unlink()
            for name, text in contents.items():
                (folder / name).write_text(text)
        return {
            **self.kafka.environment(),
            "OWNER": self.owner,
            "DECLARATIONS_DIR": str(declarations),
            "PASSWORDS_DIR": str(passwords),
            "TERMINATION_LOG": str(self.folder / "termination-log"),
            "DEADLINE_SECONDS": "240",
            **self.more,
        }

    def run(self) -> tuple[int, str]:
        return run(self.environment(), Report())

    def apply(self) -> str:
        code, message = self.run()
        assert code == DONE, message
        return message

    @cached_property
    def admin(self) -> AdminClient:
        return AdminClient(self.kafka.client())

    @property
    def topics(self) -> set[str]:
        return set(self.admin.list_topics(timeout=60).topics)

    @property
    def ledger(self) -> dict[str, Any]:
        ledger = Ledger(self.connection, self.owner)
        try:
            return dict(ledger.read().mine)
        finally:
            ledger.close()

    @property
    def connection(self) -> Connection:
        return Connection.from_environment(self.kafka.environment())

    def configs(self, topic: str) -> dict[str, str | None]:
        resource = ConfigResource(ResourceType.TOPIC, topic)
        entries = self.admin.describe_configs([resource])[resource].result()
        return {name: entry.value for name, entry in entries.items()}

    def alter(self, topic: str, name: str, value: str) -> None:
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        self.admin.incremental_alter_configs([resource])[resource].result()

    def acls(self, user: str) -> set[tuple[str, str, str]]:
        found: list[Any] = self.admin.describe_acls(rules_of(user)).result()
        return {(acl.restype.name, acl.name, acl.operation.name) for acl in found}

    def quotas(self, user: str) -> dict[str, float]:
        with QuotaClient(self.connection) as client:
            return client.read().get(user, {})

    def credentials(self, user: str) -> frozenset[Mechanism]:
        with Cluster(self.connection) as cluster:
            return cluster.credentials().get(user, frozenset())

    def remove(self, user: str) -> None:
        """Take all that there is of a user out of Kafka, whoever made it."""
        every = rules_of(user)
        self.admin.delete_acls([every])[every].result()
        with Cluster(self.connection) as cluster:
            held = cluster.credentials().get(user)
            if held:
                cluster.remove_passwords({user: held})
            cluster.change_quotas([QuotaChange(user=user, unset=tuple(self.quotas(user)))])

    def can_log_in(self, user: str, password: str, seconds: float = 60) -> bool:
        client = AdminClient(self.connection.as_user(user, password).confluent())
        try:
            client.list_topics(timeout=seconds)
        except KafkaException:
            return False
        return True

    def refuses(self, user: str, password: str, seconds: float = 60) -> bool:
        """Whether Kafka says no to the login, rather than nothing in time; brokers know of a change a moment later."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(Transient), Cluster(self.connection.as_user(user, password)) as cluster:
                try:
                    cluster.metadata(timeout=1)
                except Rejected:
                    return True
                time.sleep(0.1)
        return False

    def write(self, user: str, password: str, topic: str) -> KafkaError | None:
        outcome: list[KafkaError | None] = []
        producer = Producer({**self.kafka.client(user, password), "message.timeout.ms": 60_000, "log_level": 0})
        producer.produce(topic, b"hello", key=b"key", on_delivery=lambda error, _: outcome.append(error))
        producer.flush(90)
        return outcome[0]


def rules_of(user: str) -> AclBindingFilter:
    nothing: Any = None
    return AclBindingFilter(
        ResourceType.ANY,
        nothing,
        ResourcePatternType.ANY,
        f"User:{user}",
        nothing,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )


@pytest.fixture
def bench(local_kafka: LocalKafka, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(kafka=local_kafka, folder=tmp_path, owner=request.node.name.replace("/", "-"))
    yield made
    declared = {name.removeprefix("topic.") for name in made.files if name.startswith("topic.")}
    made.files, made.passwords, made.more = {}, {}, {}
    made.run()
    # What is kept when it is no longer declared, or was never this owner's.
    left = [name for name in made.topics if name in declared]
    if left:
        for future in made.admin.delete_topics(left).values():
            future.result()


def topic(partitions: int = 2, replicas: int = 1, **more: Any) -> dict[str, Any]:
    return {"partitions": partitions, "replicas": replicas, **more}
