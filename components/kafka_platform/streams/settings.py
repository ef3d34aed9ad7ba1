"""What the objects of a stream job are made from. No Pulumi."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kafka_platform.kafka import relay
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import selector, text_hash
from kafka_platform.kube.store import StoreConnection
from kafka_platform.streams.config import config_yaml, job_id
from kafka_platform.streams.program import ARGUMENTS, CONSUMER, PRODUCER, arguments, clients, used, variables
from kafka_platform.streams.reading import Read
from kafka_platform.streams.script import Brokers, Registry, script
from kafka_platform.streams.spec import StreamFormat, StreamJobSpec, stream_user_name

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection

COMPONENT = "stream-job"
PART = "kafka-platform/part"
SCRIPT = "job.sql"
CONFIG = "/etc/kafka-platform/config"
"""Where the pods have the files of its ConfigMap."""


@dataclass(frozen=True, kw_only=True)
class StreamJobSettings:
    """Inputs of the objects of a stream job."""

    job: str
    namespace: "Input[str]"
    connection: "KafkaConnection"
    store: StoreConnection
    image: "Input[str]"
    runtime_image: "Input[str]"
    sql: str | None
    spec: StreamJobSpec
    registry: RegistryConnection | None = None

    @property
    def name(self) -> str:
        """What its objects are called, and its Kafka user."""
        return stream_user_name(self.job)

    @property
    def read(self) -> Read:
        """What its SQL says, or what is declared of its program."""
        return used(self.sql, self.spec)

    @property
    def own(self) -> dict[str, str]:
        """The labels that find its pods."""
        return selector(self.name, COMPONENT)

    def part(self, part: str) -> dict[str, str]:
        """The labels that find the pods of one of its parts."""
        return self.own | {PART: part}

    @property
    def job_id(self) -> "Input[str]":
        """Its id in Flink."""
        found: Input[str] = derived(lambda known: job_id(known, self.job), self.namespace)
        return found

    @property
    def is_program(self) -> bool:
        """Whether it is a program in an image of its own."""
        return self.sql is None

    @property
    def script_file(self) -> str:
        """What the file is called that says what runs."""
        return ARGUMENTS if self.is_program else SCRIPT

    @property
    def script(self) -> "Input[str]":
        """What Flink runs: a script, or the arguments of a program."""
        if self.is_program:
            return arguments(self.spec)
        found = self.read
        text: Input[str] = self._of_brokers(lambda brokers: script(self.job, self.spec, found, brokers))
        return text

    @property
    def clients(self) -> "Input[Mapping[str, str]]":
        """The files with the options of a program's clients."""
        found: Input[Mapping[str, str]] = self._of_brokers(lambda brokers: clients(self.job, self.spec, brokers))
        return found

    @property
    def client_files(self) -> Sequence[str]:
        """The names of these files."""
        return [*([CONSUMER] if self.spec.reads else []), *([PRODUCER] if self.spec.writes else [])]

    @property
    def variables(self) -> Mapping[str, str]:
        """The variables of a program. SQL has none."""
        if not self.is_program:
            return {}
        return variables(self.job, self.spec, CONFIG, has_registry=self.registry is not None)

    @property
    def pods(self) -> "Input[str]":
        """Another one whenever a program needs other pods, before which it stops."""
        found: Input[str] = derived(
            lambda image, files: text_hash(json.dumps([image, files, self.variables], sort_keys=True)),
            self.image,
            self.clients,
        )
        return found

    def _of_brokers(self, make: Callable[[Brokers], Any]) -> Any:
        connection = self.connection
        return derived(
            lambda servers, protocol, mechanism, registry: make(
                Brokers(
                    bootstrap_servers=servers,
                    security_protocol=protocol,
                    sasl_mechanism=mechanism,
                    has_authority=connection.ca_secret is not None,
                    user=self.name,
                    registry=None
                    if registry is None
                    else Registry(url=relay.URL if self.relayed else registry, logs_in=self.registry_login is not None),
                )
            ),
            connection.bootstrap_servers,
            connection.security_protocol,
            connection.sasl_mechanism,
            None if self.registry is None else self.registry.url,
        )

    @property
    def registry_login(self) -> "Input[str] | None":
        """Secret with the login by which Flink itself reads schemas, if it needs one."""
        return None if self.registry is None or self.relayed else self.registry.secret

    @property
    def relayed(self) -> bool:
        """Whether Flink has schemas from a relay: it registers what it writes, and is to have no right to."""
        if self.is_program:
            return self.registry is not None
        return any(self.spec.tables[each].format is StreamFormat.AVRO for each in self.read.sinks)

    @property
    def plan(self) -> "Input[str]":
        """Another one whenever the job has to be another one, for which it stops and starts from its state."""
        if self.is_program:
            program: Input[str] = derived(
                lambda text, pods: text_hash(f"{self.spec.version}\n{pods}\n{text}"), self.script, self.pods
            )
            return program
        found: Input[str] = derived(lambda text: text_hash(f"{self.spec.version}\n{text}"), self.script)
        return found

    @property
    def config(self) -> "Input[str]":
        """Flink's own configuration."""
        store = self.store
        text: Input[str] = derived(
            lambda namespace, endpoint: config_yaml(
                self.job, self.spec, namespace, endpoint, store.region, f"s3://{store.bucket}/{store.prefix}"
            ),
            self.namespace,
            store.endpoint,
        )
        return text
