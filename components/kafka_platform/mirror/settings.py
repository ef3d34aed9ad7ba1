"""What MirrorMaker 2 is told, whoever runs its connectors, without how it logs in. No Pulumi."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kafka_platform.connect.spec import CONNECT
from kafka_platform.mirror.spec import MIRROR, Naming, ReplicationSpec, expression
from kafka_platform.values.names import OWN_TOPICS
from kafka_platform.values.units import milliseconds

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection

_PACKAGE = "org.apache.kafka.connect.mirror"
RECORDS_CLASS = f"{_PACKAGE}.MirrorSourceConnector"
OFFSETS_CLASS = f"{_PACKAGE}.MirrorCheckpointConnector"
_POLICIES = {
    Naming.SAME: f"{_PACKAGE}.IdentityReplicationPolicy",
    Naming.PREFIXED: f"{_PACKAGE}.DefaultReplicationPolicy",
}
_BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter"
_INTERNAL = (
    "__.*",
    f"{OWN_TOPICS}-.*",
    f"{CONNECT}-(configs|offsets|offsets-.*|status)",
    f"{MIRROR}-(configs|positions|status)",
    r".*\.internal",
    r".*[.-]replica",
)
"""Topics of Kafka itself, of this platform, of Kafka Connect and of mirrors: where the mirror writes, nobody could use them."""
_MOST_REQUEST_BYTES = 16 * 2**20
"""Of a record on its way: each topic's own limit decides. Kafka's own is 1 MiB before compression, at which a larger record that its
source took would end the task."""
_START_MILLISECONDS = 600_000
"""How long a connector may take to find out at its start what it mirrors: longer than all of its questions together, each of which ends
by itself after a minute. With MirrorMaker's own minute, answers that come later count as known but are given to no task, and nothing is
mirrored until a topic is made or the connector restarts."""
_OF_CLUSTER = "-1"
"""As many replicas as the cluster's default says: MirrorMaker's own is two or three."""


@dataclass(frozen=True, kw_only=True)
class MirrorSettings:
    """Inputs of the objects of a mirror with workers of its own."""

    name: str
    namespace: "Input[str]"
    connection: "KafkaConnection"
    image: "Input[str]"
    spec: ReplicationSpec
    spread: str = "topology.kubernetes.io/zone"


def shared(spec: ReplicationSpec) -> dict[str, str]:
    """Settings of both connectors."""
    return {
        "admin.timeout.ms": str(_START_MILLISECONDS),
        # No converter looks into records and headers.
        **{f"{part}.converter": _BYTES for part in ("header", "key", "value")},
        # By connector and task, as those of Kafka 5 are: the older names are deprecated.
        "metric.names.formats": "new",
        # Where the mirror may write anyway: so its user at the source only reads.
        "offset-syncs.topic.location": "target",
        "offset-syncs.topic.replication.factor": _OF_CLUSTER,
        "replication.policy.class": _POLICIES[spec.names],
    }


def of_records(spec: ReplicationSpec) -> dict[str, str]:
    """Settings of what copies records, without which topics these are."""
    refresh = str(milliseconds(spec.refresh) // 1000)
    return {
        **shared(spec),
        # Each record once here, whatever is killed: positions are committed with the records.
        "exactly.once.support": "required",
        # Heartbeats are written where they are read from, and the mirror writes nothing there.
        "heartbeats.replication.enabled": "false",
        # Each record tells where it is in both Kafkas; no more than ten such notes are on their way, and the newest wins.
        # MirrorMaker's own is a note for a hundred records, which a group would read twice.
        "offset.lag.max": "0",
        "producer.override.max.request.size": str(_MOST_REQUEST_BYTES),
        "refresh.topics.interval.seconds": refresh,
        "replication.factor": _OF_CLUSTER,
        # What a transaction gave up is not copied.
        "source.consumer.isolation.level": "read_committed",
        # Rights are declared: to copy them, the mirror would have to be able to change all of them.
        "sync.topic.acls.enabled": "false",
        "sync.topic.configs.enabled": str(spec.follow_settings).lower(),
        "sync.topic.configs.interval.seconds": refresh,
    }


def of_offsets(spec: ReplicationSpec) -> dict[str, str]:
    """Settings of what translates offsets, without of which groups."""
    interval = str(milliseconds(spec.checkpoints) // 1000)
    return {
        **shared(spec),
        "checkpoints.topic.replication.factor": _OF_CLUSTER,
        "emit.checkpoints.interval.seconds": interval,
        "refresh.groups.interval.seconds": str(milliseconds(spec.refresh) // 1000),
        "sync.group.offsets.enabled": "true",
        "sync.group.offsets.interval.seconds": interval,
    }


def topics(spec: ReplicationSpec) -> str:
    """The topics, as regular expressions with commas."""
    return _list(spec.topics)


def excluded(spec: ReplicationSpec) -> str:
    """The topics that are not mirrored, as regular expressions with commas."""
    # Also copies of copies: a ring of Kafkas is as endless as two that mirror each other.
    own = [] if spec.known_as is None else [rf"(.*\.)?{re.escape(spec.known_as)}\..*"]
    return ",".join([*_INTERNAL, *own, *map(expression, spec.exclude)])


def groups(spec: ReplicationSpec) -> str:
    """The consumer groups, as regular expressions with commas."""
    return _list(spec.groups)


def _list(patterns: Sequence[str]) -> str:
    return ",".join(map(expression, patterns))
