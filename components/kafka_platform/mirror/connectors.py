"""The connectors of a mirror, for Kafka Connect, and what they need in both Kafkas. No Pulumi."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kafka_platform.connect.common import Place, kind
from kafka_platform.connect.kinds import OWN, ConnectKind, Context
from kafka_platform.connect.spec import CONNECT, Connector, connect_topics, connect_users, offsets_topic
from kafka_platform.kafka.entities import Acl, AclResource, Cleanup, Operation, Quotas, Topic, User
from kafka_platform.kafka.protocols import Engine, SaslMechanism
from kafka_platform.mirror import settings
from kafka_platform.mirror.spec import HERE, MIRROR, ReplicationSpec
from kafka_platform.values.later import Input

OFFSETS = f"{MIRROR}-offsets"
"""Name of the connector that translates the offsets of consumer groups."""
_CA = "ca"
"""Folder of the authority of the source, below the connector's."""
_MODULES = {
    SaslMechanism.PLAIN: "org.apache.kafka.common.security.plain.PlainLoginModule",
    SaslMechanism.SCRAM_SHA_256: "org.apache.kafka.common.security.scram.ScramLoginModule",
    SaslMechanism.SCRAM_SHA_512: "org.apache.kafka.common.security.scram.ScramLoginModule",
}


def notes_topic(spec: ReplicationSpec) -> str:
    """The topic with which offset there is which offset here, as MirrorMaker calls it."""
    return f"mm2-offset-syncs.{spec.origin.name}.internal"


def checkpoints_topic(spec: ReplicationSpec) -> str:
    """The topic with the translated offsets of groups, as MirrorMaker calls it."""
    return f"{spec.origin.name}.checkpoints.internal"


@dataclass(frozen=True, kw_only=True)
class MirrorKind(ConnectKind):
    """What both connectors of a mirror have in common: the login to the other Kafka."""

    mirror: ReplicationSpec

    @property
    def is_sink(self) -> bool:
        """They read the other Kafka, and write this one."""
        return False

    def places(self) -> Sequence[Place]:
        """The other Kafka."""
        return self.mirror.origin.places()

    def secrets(self) -> Mapping[str, tuple[Any, Sequence[str]]]:
        """The login, and the authority to trust."""
        source = self.mirror.origin
        found: dict[str, tuple[Any, Sequence[str]]] = {}
        if source.secret is not None:
            found[OWN] = (source.secret, ("password",))
        if source.ca_secret is not None:
            found[_CA] = (source.ca_secret, ("ca.crt",))
        return found

    def clusters(self, context: Context) -> dict[str, str]:
        """How it reaches both Kafkas."""
        source = self.mirror.origin
        there = {"bootstrap.servers": source.bootstrap_servers, "security.protocol": source.security_protocol.value}
        if source.sasl is not None:
            login = f'username="{source.username}" password="{context.secret("password")}"'
            there["sasl.mechanism"] = source.sasl.value
            there["sasl.jaas.config"] = f"{_MODULES[source.sasl]} required {login};"
        if source.ca_secret is not None:
            there |= {"ssl.truststore.location": context.secret_file("ca.crt", _CA), "ssl.truststore.type": "PEM"}
        here = {"bootstrap.servers": context.bootstrap_servers, **context.logs_in}
        return {
            "source.cluster.alias": source.name,
            "target.cluster.alias": HERE,
            **{f"source.cluster.{key}": value for key, value in there.items()},
            **{f"target.cluster.{key}": value for key, value in here.items()},
        }


@dataclass(frozen=True, kw_only=True)
class MirrorRecords(MirrorKind):
    """Copies the records of topics."""

    def written(self, name: str) -> Sequence[str]:
        """The topics, as they are called here."""
        return self.mirror.topics_here

    def kept(self, name: str) -> Mapping[str, Topic]:
        """Which offset there is which offset here."""
        return {notes_topic(self.mirror): Topic(cleanup=Cleanup.COMPACT)}

    def own(self, context: Context) -> dict[str, str]:
        """Settings of MirrorMaker's source connector."""
        return {
            "connector.class": settings.RECORDS_CLASS,
            "topics": settings.topics(self.mirror),
            "topics.exclude": settings.excluded(self.mirror),
            **settings.of_records(self.mirror),
            **self.clusters(context),
        }


@dataclass(frozen=True, kw_only=True)
class MirrorOffsets(MirrorKind):
    """Translates the offsets of consumer groups, and sets them here."""

    def kept(self, name: str) -> Mapping[str, Topic]:
        """The translated offsets."""
        return {checkpoints_topic(self.mirror): Topic(cleanup=Cleanup.COMPACT)}

    def groups(self, name: str) -> Sequence[str]:
        """Those whose offsets it sets."""
        return self.mirror.groups

    def own(self, context: Context) -> dict[str, str]:
        """Settings of MirrorMaker's checkpoint connector."""
        return {
            "connector.class": settings.OFFSETS_CLASS,
            "groups": settings.groups(self.mirror),
            "topics": settings.topics(self.mirror),
            "topics.exclude": settings.excluded(self.mirror),
            **settings.of_offsets(self.mirror),
            **self.clusters(context),
        }


@dataclass(frozen=True, kw_only=True)
class MirrorConnector(Connector):
    """A connector of a mirror."""

    records: MirrorRecords | None = kind()
    """It copies the records of topics."""
    offsets: MirrorOffsets | None = kind()
    """It translates the offsets of consumer groups."""

    @property
    def may_idle(self) -> bool:
        """Whether it may run without a task: as long as none of its groups has committed anything."""
        return self.offsets is not None

    def user(self, name: str, namespace: Input[str] | None = None, quotas: Quotas | None = None) -> User:
        """Its Kafka user here."""
        made = super().user(name, namespace, quotas)
        if self.offsets is not None:
            # Who sets the offset of a group in a topic has to be allowed to read it.
            spec = self.offsets.mirror
            return replace(made, reads=[*made.reads, notes_topic(spec), *spec.topics_here])
        return made if self.records is None else replace(made, acls=makes_topics(self.records.mirror))


def makes_topics(spec: ReplicationSpec) -> list[Acl]:
    """The right to make the topics that are missing here, and to let them grow with those there."""
    operations = [Operation.ALTER, Operation.CREATE, Operation.DESCRIBE_CONFIGS]
    if spec.follow_settings:
        operations.append(Operation.ALTER_CONFIGS)
    return [Acl(resource=AclResource.TOPIC, name=each, operations=operations) for each in spec.topics_here]


def replication_connectors(spec: ReplicationSpec) -> dict[str, Connector]:
    """The connectors of a mirror, for a `KafkaConnect`: one copies records and, if there are groups, another translates their offsets."""
    common: dict[str, Any] = {"state": spec.state, "password_version": spec.password_version}
    found: dict[str, Connector] = {
        MIRROR: MirrorConnector(records=MirrorRecords(mirror=spec), tasks=spec.tasks, **common)
    }
    if spec.groups:
        found[OFFSETS] = MirrorConnector(offsets=MirrorOffsets(mirror=spec), **common)
    return found


def replication_source_user(spec: ReplicationSpec, namespace: Input[str] | None = None) -> User:
    """The user that the mirror needs at its source: it reads topics and their settings, and the offsets of groups. It changes nothing."""
    there = [
        Acl(resource=AclResource.TOPIC, name=each, operations=[Operation.DESCRIBE_CONFIGS]) for each in spec.topics
    ]
    groups = [Acl(resource=AclResource.GROUP, name=each, operations=[Operation.DESCRIBE]) for each in spec.groups]
    return User(reads=spec.topics, acls=[*there, *groups], namespace=namespace)


def replication_topics(spec: ReplicationSpec, engine: Engine | None = None) -> dict[str, Topic]:
    """The topics that the mirror needs here for itself, by name; those that it mirrors it makes. `engine` says who runs this Kafka."""
    connectors = replication_connectors(spec)
    if engine is not Engine.STRIMZI:
        return connect_topics(connectors)
    return worker_topics() | {
        topic: made for name, each in connectors.items() for topic, made in each.kind.kept(name).items()
    }


def replication_users(
    spec: ReplicationSpec, namespace: Input[str] | None = None, engine: Engine | None = None
) -> dict[str, User]:
    """The Kafka users that the mirror needs here.

    Args:
        spec: the mirror.
        namespace: that of its pods.
        engine: who runs this Kafka.
    """
    if engine is not Engine.STRIMZI:
        return connect_users(replication_connectors(spec), namespace, {MIRROR: spec.quotas})
    return {MIRROR: _operated_user(spec, namespace)}


def _operated_user(spec: ReplicationSpec, namespace: Input[str] | None) -> User:
    """Workers and connectors that Strimzi runs log in as one."""
    each = [one.user(name) for name, one in replication_connectors(spec).items()]
    own, of_connect = [*worker_topics()], {offsets_topic(name) for name in (MIRROR, OFFSETS)}
    return User(
        writes=[*own, *(topic for one in each for topic in one.writes if topic not in of_connect)],
        reads=[*own, *(topic for one in each for topic in one.reads if topic not in of_connect)],
        groups=[MIRROR, *spec.groups],
        # The first is the leader's; the others begin with the group and go on with the name that Strimzi gives the connector.
        transactions=[f"{CONNECT}-cluster-{MIRROR}", f"{MIRROR}-*"],
        acls=[acl for one in each for acl in one.acls],
        quotas=spec.quotas,
        namespace=namespace,
        password_version=spec.password_version,
    )


def worker_topics() -> dict[str, Topic]:
    """The topics of workers of a mirror's own."""
    return {
        f"{MIRROR}-configs": Topic(cleanup=Cleanup.COMPACT),
        f"{MIRROR}-positions": Topic(partitions=5, cleanup=Cleanup.COMPACT),
        f"{MIRROR}-status": Topic(partitions=5, cleanup=Cleanup.COMPACT),
    }
