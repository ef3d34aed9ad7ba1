"""A stream job: Flink runs SQL over topics."""

from dataclasses import dataclass

import pulumi

from kafka_platform.args import Args
from kafka_platform.kafka.client_pods import with_authority_of
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kafka.entities import Quotas, User
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.kube.images import FLINK_IMAGE, RUNTIME_IMAGE
from kafka_platform.kube.place import once_ready, place_all
from kafka_platform.kube.store import StoreConnection
from kafka_platform.streams.objects import objects
from kafka_platform.streams.program import check_kind, used
from kafka_platform.streams.reading import read
from kafka_platform.streams.settings import StreamJobSettings
from kafka_platform.streams.spec import (
    StreamFormat,
    StreamJobSpec,
    check_stream_job,
    check_tables,
    stream_user_name,
    transactions_of,
)
from kafka_platform.values.checks import check_field
from kafka_platform.values.forms import named
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_label, user_secret

LOGINS = (None, "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, kw_only=True)
class StreamJobArgs(StreamJobSpec, Args):
    """Arguments of a `StreamJob`."""

    sql: str | None = None
    """Its SQL: statements `INSERT INTO topic SELECT ...`, and `CREATE TEMPORARY VIEW`. The tables are the topics of `tables`. Required unless
    `jar` is given."""
    connection: KafkaConnection
    """The Kafka, as its `KafkaCluster` tells. Declare `stream_user(name, args)` in it."""
    store: StoreConnection
    """Where its checkpoints are kept."""
    registry: RegistryConnection | None = None
    """The schema registry, with a login that may read, for tables in Avro. Its Secret also needs the key `jaas.conf`, as those of a
    `SchemaRegistry` have it. Default: none."""
    namespace: pulumi.Input[str] | None = named(check_label, "namespace")
    """Namespace of its pods and of the store's Secret, which the Kafka has to let in. Default: the connection's, which it does."""
    image: pulumi.Input[str] = FLINK_IMAGE
    """Image of Flink with the connector of Kafka; with `jar` one that is based on it and has the jar. Default: that of this release."""
    runtime_image: pulumi.Input[str] = RUNTIME_IMAGE
    """Image of this platform's own programs: its keeper sees to changes. Default: that of this release."""

    def check(self) -> None:
        """It is SQL that fits its tables, or a program, and it can log in."""
        super().check()
        check_kind(self, sql=self.sql, has_image=self.image != FLINK_IMAGE)
        if self.sql is not None:
            if not self.tables:
                raise ValueError("tables: missing: write the topics that the SQL reads and writes, with their columns")
            check_field("tables", check_tables, self.tables)
            check_field("sql", read, self.sql, self.tables)
        if self.registry is None and any(each.format is StreamFormat.AVRO for each in self.tables.values()):
            raise ValueError("registry: missing: tables in Avro need the registry that has their schemas")
        if self.registry is not None and self.registry.ca_secret is not None:
            raise ValueError("registry: ca_secret: stream jobs trust public authorities alone: use such a certificate")
        if self.connection.sasl_mechanism not in LOGINS or (
            self.connection.sasl_mechanism is None and self.connection.logs_in
        ):
            raise ValueError(
                f"connection: clients log in with {self.connection.login}, and a stream job needs a password of Kafka"
            )


def stream_user(
    name: str, sql: str | None, spec: StreamJobSpec, namespace: Input[str] | None = None, quotas: Quotas | None = None
) -> User:
    """The Kafka user of a job, `stream-<name>`: what its SQL reads and writes, its group and its transactions, and nothing else.

    Without SQL it is what the spec says that its program reads and writes.
    """
    found, own = used(sql, spec), stream_user_name(name)
    return User(
        reads=found.sources,
        writes=found.sinks,
        groups=[own] if found.sources else [],
        transactions=[f"{transactions_of(name)}*"],
        namespace=namespace,
        quotas=quotas,
    )


class StreamJob(pulumi.ComponentResource):
    """A job of SQL over topics, or of a program, run by a Flink of its own, with exactly one result for each record.

    One JobManager and as many TaskManagers as declared. Its state is saved in an object store: after a kill it goes on from the last
    checkpoint, and readers of committed records see each result once.
    """

    namespace: pulumi.Output[str]
    """Namespace of its pods."""
    deployment: pulumi.Output[str]
    """Name of the Deployment of its JobManager, once the job runs."""
    user: pulumi.Output[str]
    """Kafka user that it logs in as, and its consumer group."""

    def __init__(self, name: str, args: StreamJobArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the job; its objects and its Kafka user are `stream-<name>`."""
        super().__init__("kafka-platform:index:StreamJob", name, {}, opts)
        args = StreamJobArgs.of(args)
        check_stream_job(name)
        own = stream_user_name(name)
        secret = user_secret(own) if args.connection.sasl_mechanism is not None else None
        settings = StreamJobSettings(
            job=name,
            namespace=args.connection.namespace if args.namespace is None else args.namespace,
            connection=with_authority_of(args.connection, secret),
            store=args.store,
            image=args.image,
            runtime_image=args.runtime_image,
            sql=args.sql,
            spec=args,
            registry=args.registry,
        )
        placed = place_all(self, own, objects(settings))
        self.namespace = pulumi.Output.from_input(settings.namespace)
        self.deployment = once_ready(f"{own}-manager", placed["Job", "change"])
        self.user = pulumi.Output.from_input(own)
        self.register_outputs({"namespace": self.namespace, "deployment": self.deployment, "user": self.user})
