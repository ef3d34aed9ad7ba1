"""What the exporter asks of the brokers: few requests to each, however many topics and groups there are.

librdkafka asks for every group by itself (its coordinator, its members, its offsets) and cannot tell the sizes of topics.
kafka-python has the requests themselves: a broker lists the groups that it coordinates, so one request of each kind and
broker is enough. It lacks only that for the members of groups of the newer protocol, for which librdkafka is asked.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from kafka import errors
from kafka.protocol.admin import DescribeGroupsRequest, DescribeLogDirsRequest, ListGroupsRequest
from kafka.protocol.consumer import ListOffsetsRequest, OffsetFetchRequest
from kafka.protocol.metadata import MetadataRequest

from kafka_platform_runtime.compacted import CompactedTopic
from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.failures import Rejected, Transient
from kafka_platform_runtime.kafka_python import admin_client, ask

REQUEST_SECONDS = 10.0
"""How long a request may take. A broker that is gone must not hold up the look for long."""
GROUPS_PER_REQUEST = 500
"""Groups asked for at once: an answer stays small enough for a broker."""
EARLIEST = -2
LATEST = -1

Partition = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class Replicas:
    """A partition, as the metadata tell."""

    leader: int
    """-1: none."""
    brokers: Sequence[int]
    """Those that hold a copy, or should."""
    in_sync: int


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """The brokers that are up, and the topics that the user may see."""

    brokers: Sequence[int]
    addresses: Sequence[tuple[str, int]] = ()
    """Where clients reach the brokers."""
    topics: Mapping[str, Mapping[int, Replicas]]


@dataclass(frozen=True, kw_only=True)
class Group:
    """A group, as its coordinator lists it."""

    name: str
    kind: str
    """`classic`, `consumer`, `share` or `streams`."""
    state: str
    coordinator: int


class Cluster:
    """A connection to the brokers. Not for several threads at once.

    Raises:
        Rejected: the login failed.
        Transient: no broker answers.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._admin: AdminClient | None = None
        milliseconds = int(REQUEST_SECONDS * 1000)
        try:
            self._client = admin_client(
                connection,
                bootstrap_timeout_ms=milliseconds,
                metadata_max_age_ms=milliseconds,
                request_timeout_ms=milliseconds,
            )
        except (errors.KafkaError, OSError) as error:
            raise _translated(error) from error

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    def metadata(self) -> Metadata:
        """Brokers and topics."""
        response = self._send(
            MetadataRequest(
                topics=None,
                allow_auto_topic_creation=False,
                include_cluster_authorized_operations=False,
                include_topic_authorized_operations=False,
            )
        )
        topics = {
            topic.name: {
                each.partition_index: Replicas(
                    leader=each.leader_id, brokers=each.replica_nodes, in_sync=len(each.isr_nodes)
                )
                for each in topic.partitions
            }
            for topic in response.topics
            if not topic.error_code
        }
        return Metadata(
            brokers=sorted(each.node_id for each in response.brokers),
            addresses=sorted((each.host, each.port) for each in response.brokers),
            topics=topics,
        )

    def groups(self, broker: int) -> list[Group]:
        """The groups that a broker coordinates."""
        response = self._send(ListGroupsRequest(min_version=0), broker)
        _check(response.error_code)
        return [
            Group(
                name=each.group_id,
                kind=(getattr(each, "group_type", None) or "classic").lower(),
                state=getattr(each, "group_state", None) or "Unknown",
                coordinator=broker,
            )
            for each in response.groups
            # Kafka Connect's and others' groups commit no offsets of topics.
            if each.protocol_type in {"", "consumer", "share", "streams"}
        ]

    def members(self, broker: int, groups: Sequence[str]) -> dict[str, int]:
        """How many members each of a coordinator's classic groups has."""
        found: dict[str, int] = {}
        for part in _parts(groups):
            response = self._send(DescribeGroupsRequest(groups=part, include_authorized_operations=False), broker)
            found |= {each.group_id: len(each.members) for each in response.groups if not each.error_code}
        return found

    def newer_members(self, groups: Sequence[str]) -> dict[str, int]:
        """How many members each group of the newer consumer protocol has."""
        if not groups:
            return {}
        try:
            if self._admin is None:
                self._admin = AdminClient(self._connection.confluent(socket_timeout_ms=int(REQUEST_SECONDS * 1000)))
            asked = self._admin.describe_consumer_groups(list(groups), request_timeout=REQUEST_SECONDS)
            return {name: len(future.result().members) for name, future in asked.items() if future.exception() is None}
        except KafkaException as error:
            raise Transient(str(error)) from error

    def committed(self, broker: int, groups: Sequence[str]) -> dict[str, dict[Partition, int]]:
        """The offsets that a coordinator's groups have committed."""
        found: dict[str, dict[Partition, int]] = {}
        one = OffsetFetchRequest.OffsetFetchRequestGroup
        for part in _parts(groups):
            request = OffsetFetchRequest(
                groups=[one(group_id=each, topics=None) for each in part], min_version=8, max_version=8
            )
            for group in self._send(request, broker).groups:
                if not group.error_code:
                    found[group.group_id] = {
                        (topic.name, each.partition_index): each.committed_offset
                        for topic in group.topics
                        for each in topic.partitions
                        if not each.error_code and each.committed_offset >= 0
                    }
        return found

    def offsets(self, leader: int, partitions: Iterable[Partition], timestamp: int) -> dict[Partition, tuple[int, int]]:
        """Of a leader's partitions the first offset at or after a timestamp, and the timestamp of its record.

        Args:
            leader: the broker.
            partitions: those that it leads.
            timestamp: milliseconds, or EARLIEST or LATEST.

        Returns:
            Only partitions for which there is one.
        """
        topic, partition = ListOffsetsRequest.ListOffsetsTopic, ListOffsetsRequest.ListOffsetsTopic.ListOffsetsPartition
        asked: dict[str, list[Any]] = defaultdict(list)
        for name, number in partitions:
            asked[name].append(partition(partition_index=number, timestamp=timestamp))
        if not asked:
            return {}
        request = ListOffsetsRequest(
            isolation_level=0,
            topics=[topic(name=name, partitions=each) for name, each in asked.items()],
            min_version=1,
        )
        return {
            (topic.name, each.partition_index): (each.offset, each.timestamp)
            for topic in self._send(request, leader).topics
            for each in topic.partitions
            if not each.error_code and each.offset >= 0
        }

    def sizes(self, broker: int) -> dict[str, int]:
        """Bytes of each topic on a broker's disks."""
        response = self._send(DescribeLogDirsRequest(topics=None), broker)
        _check(getattr(response, "error_code", 0))
        found: dict[str, int] = defaultdict(int)
        for folder in response.results:
            _check(folder.error_code)
            for topic in folder.topics:
                found[topic.name] += sum(each.partition_size for each in topic.partitions)
        return dict(found)

    def entries(self, topic: str) -> dict[str, Any]:
        """What a compacted topic of one partition holds, by key.

        Raises:
            Refused, Rejected, Transient: it cannot be read.
        """
        table = CompactedTopic(self._connection, topic, topic, timeout=REQUEST_SECONDS)
        try:
            table.catch_up()
        finally:
            table.close()
        return table.entries

    def _send(self, request: Any, broker: int | None = None) -> Any:
        try:
            return ask(self._client, request, REQUEST_SECONDS, broker)
        except (errors.KafkaError, OSError) as error:
            raise _translated(error) from error


def _parts(groups: Sequence[str]) -> Iterable[list[str]]:
    return (list(groups[each : each + GROUPS_PER_REQUEST]) for each in range(0, len(groups), GROUPS_PER_REQUEST))


def _check(code: int) -> None:
    if code:
        raise _translated(errors.for_code(code)())


def _translated(error: Exception) -> Exception:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, errors.SaslAuthenticationFailedError):
        return Rejected(text)
    return Transient(text)
