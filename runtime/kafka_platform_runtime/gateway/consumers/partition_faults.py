"""Why a consumer instance's partitions cannot be read."""

from collections.abc import Iterable
from typing import Any

from confluent_kafka import KafkaError

from kafka_platform_runtime.gateway.consumers.faults import failed
from kafka_platform_runtime.gateway.consumers.keys import InstanceKey
from kafka_platform_runtime.gateway.consumers.login import DENIED
from kafka_platform_runtime.gateway.errors import GatewayError, unprocessable
from kafka_platform_runtime.gateway.unpacking import Place
from kafka_platform_runtime.gateway.verdicts import is_unknown_topic


class PartitionFaults:
    """Errors, kept until somebody reads, because librdkafka reports each of them once.

    Args:
        key: group and name of the instance.
    """

    def __init__(self, key: InstanceKey) -> None:
        self._key = key
        self.refused: list[GatewayError] = []
        """Why some partitions cannot be unpacked, not reported yet."""
        self._lasting: dict[Place, KafkaError] = {}
        """Errors that stay until something is done about them."""

    def note(self, message: Any, error: KafkaError, *, is_assigned: bool) -> None:
        """Keep an error if it lasts; `is_assigned`: the caller has assigned the partitions, rather than a group."""
        code = error.code()
        topic = message.topic() or ""
        if code in DENIED or code == KafkaError._AUTO_OFFSET_RESET or (is_assigned and is_unknown_topic(error)):
            partition = message.partition()
            self._lasting[topic, -1 if partition is None else partition] = error

    def mend(self, message: Any) -> None:
        """A record of the partition was read."""
        if self._lasting:
            self._lasting.pop((message.topic(), message.partition()), None)

    def forget(self, places: Iterable[Place] | None) -> None:
        """These partitions, or all, are no longer ours or continue elsewhere."""
        if places is None:
            self._lasting.clear()
        else:
            for place in places:
                self._lasting.pop(place, None)
        self.refused = []

    def forget_topics(self, topics: Iterable[str]) -> None:
        """The group has assigned partitions of these topics; errors without a topic are over, too."""
        self._lasting = {key: each for key, each in self._lasting.items() if key[0] and key[0] not in topics}

    def tell(self) -> None:
        """Report why nothing comes.

        Raises:
            GatewayError: a partition cannot be read.
        """
        if self.refused:
            raise self.refused.pop(0)
        for (topic, partition), error in self._lasting.items():
            raise self._fault(topic, partition, error)

    def _fault(self, topic: str, partition: int, error: KafkaError) -> GatewayError:
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            return unprocessable(
                f"Partition {partition} of topic {topic} has no committed offset that can be read, and auto.offset.reset is "
                "none: set a position."
            )
        if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return failed(error, self._key, f"Group {self._key.group}")
        return failed(error, self._key, f"Topic {topic}", topic)
