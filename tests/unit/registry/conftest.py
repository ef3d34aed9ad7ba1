"""A Kafka and a registry for the tests of this folder, each started when it is first needed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka_platform import schema_registry_topics, schema_registry_user
from kafka_platform.entities.declarations import declarations

from tests.kafka_process import LocalKafka, needed_jars
from tests.provisioning import Bench
from tests.registry_process import USERS, LocalRegistry, needed_registry


@pytest.fixture(scope="session")
def registry_files() -> Path:
    return needed_registry()


@pytest.fixture(scope="session")
def kafka(registry_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A Kafka with the topics and the user of a registry, as the provisioner makes them, and no more."""
    with LocalKafka(jars=needed_jars(), properties={"group.min.session.timeout.ms": "1000"}) as started:
        bench = Bench(started, tmp_path_factory.mktemp("provisioner"), "registry")
        declared = declarations(schema_registry_topics(), {"schema-registry": schema_registry_user()}, 1)
        bench.files = {name: json.loads(text) for name, text in declared.items()}
        bench.passwords = {"schema-registry": "password-of-the-registry"}
        bench.apply()
        yield started


@pytest.fixture(scope="session")
def registry(registry_files: Path, kafka: LocalKafka) -> Iterator[LocalRegistry]:
    with LocalRegistry(
        files=registry_files, kafka=kafka, user="schema-registry", password="password-of-the-registry", users=USERS
    ) as started:
        yield started
