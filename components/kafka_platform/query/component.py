"""A query engine: Trino answers SQL over topics."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field

import pulumi

from kafka_platform.args import Args
from kafka_platform.kafka.client_pods import with_authority_of
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.kube.images import RUNTIME_IMAGE, TRINO_IMAGE
from kafka_platform.kube.passwords import generated_password
from kafka_platform.kube.place import once_ready, place_all
from kafka_platform.query.objects import QuerySettings, check_size, objects
from kafka_platform.query.sources import QueryDatabase, QueryLake, Sources, sources_of
from kafka_platform.query.spec import (
    QUERY_ENGINE,
    QueryReader,
    QuerySpec,
    check_readers,
    check_sources,
    is_avro,
)
from kafka_platform.values.checks import check_field
from kafka_platform.values.forms import named, namespaces
from kafka_platform.values.names import (
    check_label,
    check_object_user,
    check_service_name,
    check_subdomain,
    check_user,
    user_secret,
)

LOGINS = (None, "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, kw_only=True)
class QueryEngineArgs(QuerySpec, Args):
    """Arguments of a `QueryEngine`."""

    connection: KafkaConnection
    """The Kafka, as its `KafkaCluster` tells. Declare `query_user(spec, topics)` in it."""
    readers: Mapping[str, QueryReader] = field(default_factory=dict)
    """Users of Kafka who may query, by name, each with the topics that it may read. Required."""
    passwords: pulumi.Input[str] = named(check_subdomain, "object name", default=MISSING)
    """Secret with their passwords, in the engine's namespace: `<name of the KafkaResources>-passwords`."""
    user: str = named(check_user, default=QUERY_ENGINE)
    """Kafka user that it reads as, whose Secret `<user>-kafka` is in its namespace: declare it as `query_user()`. Default `query-engine`."""
    namespace: pulumi.Input[str] | None = named(check_label, "namespace")
    """Namespace of the engine, which the Kafka has to let in. Default: the connection's, which it does."""
    reader_namespaces: Sequence[pulumi.Input[str]] = namespaces()
    """With `tls`: namespaces of its users' programs, which may connect. Default: none."""
    registry: RegistryConnection | None = None
    """The schema registry of topics in Avro, with a login that may read. Default: there are no such topics."""
    databases: Mapping[str, QueryDatabase] = field(default_factory=dict)
    """Databases, by the names of their catalogs. Default: none."""
    lakes: Mapping[str, QueryLake] = field(default_factory=dict)
    """Lakes, by the names of their catalogs. Default: none."""
    image: pulumi.Input[str] = TRINO_IMAGE
    """Image of Trino 476. Default: its own."""
    runtime_image: pulumi.Input[str] = RUNTIME_IMAGE
    """Image of this platform's own programs. Default: that of this release."""

    def check(self) -> None:
        """Like every engine; somebody may query, and it can log in."""
        super().check()
        if not self.readers:
            raise ValueError("readers: missing: write who may query, with the topics that each may read")
        try:
            check_readers(self.readers, self.tables)
            check_sources(self.readers, self.sources)
        except ValueError as error:
            raise ValueError(f"readers: {error}") from None
        read = {topic for each in self.readers.values() for topic in each.topics}
        avro = sorted(topic for topic in read if is_avro(topic, self.tables))
        if avro and self.registry is None:
            raise ValueError(f"registry: missing: write how to reach the registry with the schema of {avro[0]!r}")
        check_size(self, self.readers, self.sources)
        check_field("user", check_object_user, self.user)
        if self.connection.sasl_mechanism not in LOGINS or not self.connection.logs_in:
            raise ValueError(
                f"connection: clients log in with {self.connection.login}, and a query engine and its users need passwords of Kafka"
            )

    @property
    def sources(self) -> Sources:
        """Databases and lakes, by the names of their catalogs."""
        return sources_of(self.databases, self.lakes)


class QueryEngine(pulumi.ComponentResource):
    """SQL over topics, by Trino in one pod. Each user logs in with its password of Kafka, and reads what its rights there let it read."""

    namespace: pulumi.Output[str]
    """Namespace of its pod."""
    deployment: pulumi.Output[str]
    """Name of its Deployment, once it answers."""
    user: pulumi.Output[str]
    """Kafka user that it reads as."""

    def __init__(self, name: str, args: QueryEngineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the Deployment and of the Service."""
        super().__init__("kafka-platform:index:QueryEngine", name, {}, opts)
        args = QueryEngineArgs.of(args)
        check_service_name(name, "query engine")
        settings = QuerySettings(
            name=name,
            namespace=args.connection.namespace if args.namespace is None else args.namespace,
            connection=with_authority_of(args.connection, user_secret(args.user)),
            passwords=args.passwords,
            image=args.image,
            runtime_image=args.runtime_image,
            user=args.user,
            readers=args.readers,
            client_namespaces=args.reader_namespaces,
            spec=args,
            registry=args.registry,
            sources=args.sources,
        )
        placed = place_all(self, name, objects(settings, generated_password(f"{name}-internal", self)))
        self.namespace = pulumi.Output.from_input(settings.namespace)
        self.deployment = once_ready(name, placed["Deployment", "pod"])
        self.user = pulumi.Output.from_input(args.user)
        self.register_outputs({"namespace": self.namespace, "deployment": self.deployment, "user": self.user})
