"""What Kafka clients of a program do by themselves (assignment, offsets, partitions), and the options that they may set. No Pulumi."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from kafka_platform.values.forms import Spec
from kafka_platform.values.names import JAVA_CLASS


class PartitionBy(Enum):
    """How a producer chooses the partition of a record."""

    KEY = "key"
    """By the key: records with the same key are in one partition, in the order in which they were sent, whichever language
    sends them. Records without a key go where there is room."""
    ROUND_ROBIN = "roundRobin"
    """Evenly, whatever the key is. Nothing is said about order."""
    STICKY = "sticky"
    """One batch after the other to one partition each, whatever the key is: the fewest and largest requests. Nothing is
    said about order."""
    CUSTOM = "custom"
    """As a partitioner of your own says."""


LIBRDKAFKA_PARTITIONERS = (
    "consistent",
    "consistent_random",
    "fnv1a",
    "fnv1a_random",
    "murmur2",
    "murmur2_random",
    "random",
)


@dataclass(frozen=True, kw_only=True)
class Partitioning(Spec):
    """How records are assigned to partitions."""

    by: PartitionBy = PartitionBy.KEY
    """By key, evenly, in batches, or by your own partitioner. Default: by key."""
    java: str | None = None
    """With `custom`: class of the Java partitioner, such as `com.example.ByRegion`."""
    librdkafka: str | None = None
    """With `custom`: librdkafka's own partitioner of that name, such as `fnv1a_random`."""

    def check(self) -> None:
        """A partitioner is named where, and only where, one chooses."""
        if self.by is not PartitionBy.CUSTOM:
            for name in ("java", "librdkafka"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name}: partitions are chosen by {self.by.value}: write by custom, or remove it")
            return
        if self.java is None and self.librdkafka is None:
            raise ValueError("java: missing: write the class of the partitioner, or librdkafka")
        if self.java is not None and not JAVA_CLASS.fullmatch(self.java):
            raise ValueError(f"java: {self.java!r} is not a class: write one such as com.example.ByRegion")
        if self.librdkafka is not None and self.librdkafka not in LIBRDKAFKA_PARTITIONERS:
            known = ", ".join(LIBRDKAFKA_PARTITIONERS)
            raise ValueError(f"librdkafka: {self.librdkafka!r} is not a partitioner of librdkafka: use one of {known}")


class OffsetReset(Enum):
    """Where a group starts in a partition without a committed offset (`auto.offset.reset`)."""

    EARLIEST = "earliest"
    """At the oldest record: nothing is left out."""
    LATEST = "latest"
    """At new records: older ones, and those written before the partition was assigned, are skipped."""


class Commit(Enum):
    """Who commits a group's offsets."""

    MANUAL = "manual"
    """The program (or its framework, as Spring and Kafka Streams do), when a record is dealt with: nothing is lost when a
    pod dies, the last records are done again."""
    AUTO = "auto"
    """The client library, every few seconds. librdkafka commits what the program has got, dealt with or not: what a pod
    that dies had in hand is lost, unless the program sets `enable.auto.offset.store=false` and stores offsets itself."""
    NEVER = "never"
    """Nobody: the program keeps its offsets elsewhere, or reads everything each time. There is no lag then."""


class Assignment(Enum):
    """Partition assignment strategy of a group."""

    COOPERATIVE_STICKY = "cooperative-sticky"
    """Members keep what they have and go on with it; only what moves stops for a moment."""
    RANGE = "range"
    """The first partitions of every topic to the same member, so that topics with as many partitions can be joined.
    Everybody stops while it is shared out."""
    ROUND_ROBIN = "roundrobin"
    """In turn. Everybody stops while it is shared out."""
    CONSUMER = "consumer"
    """The brokers assign partitions incrementally, without stopping the group (KIP-848; Kafka 4.0, librdkafka 2.12,
    Java client 4.0)."""


JAVA_ASSIGNORS: Mapping[Assignment, str] = {
    Assignment.COOPERATIVE_STICKY: "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
    Assignment.RANGE: "org.apache.kafka.clients.consumer.RangeAssignor",
    Assignment.ROUND_ROBIN: "org.apache.kafka.clients.consumer.RoundRobinAssignor",
}


# Set by the broker in the protocol `consumer`: a client with one of them does not start.
_NOT_WITH_CONSUMER = frozenset(
    {"heartbeat.interval.ms", "partition.assignment.strategy", "session.timeout.ms", "group.protocol.type"}
)


# Client settings that have fields, or come from the connection and the user's Secret.
_TYPED_CONSUMER = {
    "auto.offset.reset": "offset_reset",
    "enable.auto.commit": "commit",
    "group.id": "group",
    "group.protocol": "assignment",
    "partition.assignment.strategy": "assignment",
}


_TYPED_PRODUCER = {
    "partitioner": "partitioning",
    "partitioner.class": "partitioning",
    "partitioner.ignore.keys": "partitioning",
    "transactional.id": "transactional",
}


_CONNECTION = (
    "bootstrap.",
    "config.providers",
    "enable.sasl.",
    "enable.ssl.",
    "https.ca.",
    "metadata.broker.list",
    "sasl.",
    "security.",
    "ssl.",
)


_REFUSED = {
    "group.instance.id": "all pods would be the same member: set it in the program, from POD_NAME",
    "plugin.library.paths": "it loads code into the client: put the code into the image and let the program load it",
}


def check_clients(
    assignment: Assignment, consumer_config: Mapping[str, str], producer_config: Mapping[str, str]
) -> None:
    """Raises unless the further options of the clients are the worker's to set, and fit the assignment."""
    for field, config, typed in (
        ("consumer_config", consumer_config, _TYPED_CONSUMER),
        ("producer_config", producer_config, _TYPED_PRODUCER),
    ):
        for key in config:
            if field == "consumer_config" and assignment is Assignment.CONSUMER and key in _NOT_WITH_CONSUMER:
                raise ValueError(
                    f"{field}: {key}: the brokers decide on it in the protocol consumer: remove it, or choose another assignment"
                )
            if key in typed:
                raise ValueError(f"{field}: {key}: has a field of its own: write {typed[key]}")
            if key in _REFUSED:
                raise ValueError(f"{field}: {key}: {_REFUSED[key]}")
            check_option(f"{field}: {key}", key)


def check_option(shown: str, key: str) -> None:
    """Raises for an option of a client that comes from its connection; `shown` is how the message calls it."""
    if key.lower().startswith(_CONNECTION):
        raise ValueError(f"{shown}: comes from the connection and the user's Secret: remove it")
