"""The state of a worker that runs Kafka Streams: its volumes, and how its pods stand in for each other. No Pulumi."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from enum import Enum

from kafka_platform.kafka.entities import Acl, AclResource, Deletion, Operation
from kafka_platform.program.clients import check_option
from kafka_platform.values.form import QUANTITY
from kafka_platform.values.forms import Spec, duration, formed, mapping, named
from kafka_platform.values.free_maps import check_settings
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_subdomain
from kafka_platform.values.ranges import within
from kafka_platform.values.units import milliseconds, quantity

LEAST_VOLUME = "64Mi"
"""RocksDB writes its log and a first table of 16 MiB for each store and partition before it merges anything."""
MOST_STANDBYS = 5
"""Each writes all state once more; Kafka Streams' own documentation speaks of one or two."""
TAKEOVER = "30s"
PROBE_MS = 60_000
"""How often Kafka Streams looks whether a pod has caught up and can take over: its least. Its default is 10 minutes."""
STALE_MS = 23 * 3_600_000
"""Older state is fetched anew. Changelog topics forget deletions after a day (`delete.retention.ms`): a volume that missed one would
bring the key back."""
STREAMS_PROTOCOL_SINCE = (4, 2)
"""Kafka's first version whose group protocol for Kafka Streams is meant for production (KIP-1071)."""
POD = "${env:POD_NAME}"
"""The pod's name in a file that all pods share: the client reads the variable when it starts."""

_CLIENT = re.compile(r"((main|restore|global)\.)?(consumer|producer|admin)\.")
_REFUSED = {
    "application.id": "is the worker's group: write group",
    "application.server": "is the pod's own name and its port `http`: name that port in ports",
    "group.id": "is the worker's group: write group",
    "group.instance.id": "is the pod's name: remove it",
    "group.protocol": "has a field of its own: write protocol",
    "num.standby.replicas": "has a field of its own: write standby_replicas",
    "processing.guarantee": "has a field of its own: write transactional at the worker",
    "session.timeout.ms": "has a field of its own: write takeover",
    "state.dir": "is the volume's folder: remove it",
}


def client_option(key: str) -> str:
    """The option of a client that Kafka Streams passes on, without the prefix that says to which: `main.consumer.`."""
    return _CLIENT.sub("", key)


class StreamsProtocol(Enum):
    """Who assigns the partitions of a Kafka Streams application."""

    CLASSIC = "classic"
    """Its own members: a pod without state catches up before it takes over (warm-up replicas), and one that returns in time keeps
    its partitions (static membership)."""
    STREAMS = "streams"
    """The brokers (KIP-1071; Kafka 4.2): quicker rebalances, but up to Kafka 4.3 without warm-up replicas and static membership."""


def _check_volume(text: str) -> None:
    if quantity(text) < quantity(LEAST_VOLUME):
        raise ValueError(f"{text} is too little for a state store: use at least {LEAST_VOLUME}")


def _check_config(config: Mapping[str, str]) -> None:
    check_settings(config)
    for key in config:
        name = client_option(key)
        if name in _REFUSED:
            raise ValueError(f"{key}: {_REFUSED[name]}")
        check_option(key, name)


@dataclass(frozen=True, kw_only=True)
class WorkerState(Spec):
    """State of a Kafka Streams application: a volume for each pod, and changelog topics from which it can be rebuilt."""

    size: str = formed(MISSING, _check_volume, pattern=QUANTITY, examples=["10Gi"])
    """Size of each pod's volume, at least 64Mi: the state of its partitions and standbys, and a third more for RocksDB. Can
    grow while the number of pods is fixed and the storage class allows it, never shrink. Required."""
    storage_class: Input[str] | None = named(check_subdomain, "object name")
    """StorageClass of the volumes; fixed once they exist. Default: the Kubernetes cluster's default class."""
    standby_replicas: int | None = within(0, MOST_STANDBYS, default=None)
    """Further pods that keep a copy of each partition's state, and take over without rebuilding it. Default: 1, or 0 with
    one pod."""
    takeover: str | None = duration(None, TAKEOVER, least="6s", most="30m")
    """How long a pod may be gone until others take over its partitions; one that returns earlier keeps them. Its partitions
    have no output meanwhile. Default 30s."""
    protocol: StreamsProtocol = StreamsProtocol.CLASSIC
    """Who assigns partitions. Default: classic, the members, with warm-up replicas and static membership."""
    config: Mapping[str, str] = mapping(_check_config)
    """Further options of Kafka Streams by its own names, such as num.stream.threads."""
    deletion: Deletion = Deletion.RETAIN
    """`allow` deletes the volumes with the worker; its changelog topics stay. Default: retain, which keeps them. Pods that go
    by scaling down always leave theirs."""

    def check(self) -> None:
        """What the brokers decide is not set here."""
        if self.protocol is StreamsProtocol.STREAMS:
            for field, name in (("standby_replicas", "num.standby.replicas"), ("takeover", "session.timeout.ms")):
                if getattr(self, field) is not None:
                    raise ValueError(
                        f"{field}: the brokers decide on it in the protocol streams: set streams.{name} of the group with "
                        "kafka-configs.sh, or choose classic"
                    )

    def standbys(self, most_pods: int) -> int:
        """How many pods keep a copy of each partition's state, besides the one that works on it."""
        return min(1, max(most_pods - 1, 0)) if self.standby_replicas is None else self.standby_replicas


def streams_options(
    state: WorkerState, *, group: str, folder: str, most_pods: int, exactly_once: bool, server: str | None
) -> dict[str, str]:
    """Kafka Streams' options, besides those of its connection and its clients.

    Args:
        state: of the worker.
        group: of the worker, which is the application's id.
        folder: where the volume is mounted.
        most_pods: the most pods that there may be.
        exactly_once: whether results and state are written in transactions.
        server: address at which other pods ask this one for its state; None if it has no port for that.
    """
    options = {
        "application.id": group,
        "processing.guarantee": "exactly_once_v2" if exactly_once else "at_least_once",
        "state.cleanup.dir.max.age.ms": str(STALE_MS),
        "state.dir": folder,
    }
    if server is not None:
        options["application.server"] = server
    if state.protocol is StreamsProtocol.STREAMS:
        options["group.protocol"] = "streams"
    else:
        options |= {
            "main.consumer.group.instance.id": POD,
            "main.consumer.session.timeout.ms": str(milliseconds(state.takeover or TAKEOVER)),
            "num.standby.replicas": str(state.standbys(most_pods)),
            "probing.rebalance.interval.ms": str(PROBE_MS),
        }
    return options | dict(state.config)


def internal_prefix(application: str) -> str:
    """With what the names of an application's own topics and transactional ids begin."""
    return f"{application}-"


INTERNAL = (
    Operation.CREATE,
    Operation.DELETE,
    Operation.DESCRIBE,
    Operation.DESCRIBE_CONFIGS,
    Operation.READ,
    Operation.WRITE,
)
"""What Kafka Streams does with its changelog and repartition topics. Records of the latter are deleted once they are read."""


def internal_topics(application: str) -> Acl:
    """What the user of an application may do with its changelog and repartition topics."""
    return Acl(resource=AclResource.TOPIC, name=f"{internal_prefix(application)}*", operations=INTERNAL)
