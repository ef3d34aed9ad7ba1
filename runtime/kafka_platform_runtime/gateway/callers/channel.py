"""How a caller's records reach Kafka."""

import logging

from confluent_kafka import KafkaError, KafkaException, Producer

from kafka_platform_runtime.gateway import errors
from kafka_platform_runtime.gateway.errors import overloaded
from kafka_platform_runtime.gateway.rights import Wish
from kafka_platform_runtime.supervision import whereabouts

LOG = logging.getLogger("gateway")


class Channel:
    """How a caller's records reach Kafka: an idempotent producer, until it fails for good.

    Args:
        producer: the client.
    """

    __slots__ = ("absent", "awaited", "failure", "producer", "turn")

    def __init__(self, producer: Producer) -> None:
        self.producer = producer
        self.turn = 0
        """Counts polls for acknowledgements: records without a key change partition every few of them."""
        self.awaited = 0
        """Requests that wait for acknowledgements of this producer."""
        self.failure: KafkaError | None = None
        """Why it can never write again; None while it can."""
        self.absent = 0
        """Missing topics that it was asked for."""

    def failed(self, error: BaseException) -> int:
        """Record what `poll` has raised.

        It raises fatal errors instead of passing them to the error callback, and whatever a callback raises; the next
        poll continues with the next callback.

        Returns:
            What `poll` would return: that something has happened.
        """
        cause = error.args[0] if isinstance(error, KafkaException) else None
        if cause is None:
            LOG.error("A callback of Kafka's client failed: %s", whereabouts(error))
        elif cause.fatal():
            self.end(cause)
        return 1

    def end(self, cause: KafkaError) -> None:
        """Answer everything in flight: it can never be acknowledged."""
        if self.failure is None:
            self.failure = cause
            self.purge()

    def purge(self) -> None:
        """Report what is queued as not sent and what is in flight as unknown."""
        self.producer.purge(in_queue=True, in_flight=True, blocking=False)

    def serve(self) -> None:
        """Run callbacks."""
        try:
            self.producer.poll(0)
        except Exception as error:
            self.failed(error)

    def refusal(self, error: KafkaError, what: str, wish: Wish) -> errors.GatewayError:
        """What a record's error means, given why the producer failed."""
        cause = self.failure
        if cause is None or error.code() not in _OF_A_FAILED_PRODUCER:
            return errors.from_kafka(error, what, wish)
        if cause.code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED:
            return errors.from_kafka(cause, what, wish)
        if error.code() == KafkaError._PURGE_INFLIGHT:
            return errors.from_kafka(error, what, wish)
        return overloaded(f"{what}: not written, the connection to Kafka is made anew: try again.")


_OF_A_FAILED_PRODUCER = frozenset({KafkaError._FATAL, KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})
