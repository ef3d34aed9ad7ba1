"""Whether Kafka lets a connector in, and has its topics."""

from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaException, Producer

from kafka_platform_runtime.connection import Complaints
from kafka_platform_runtime.failures import Transient, sentence

LOOK_SECONDS = 5.0


def look(client: Consumer | Producer, topics: Iterable[str], complaints: Complaints, servers: str) -> None:
    """Asks for topics by a client, whose complaints say why it cannot connect.

    Raises:
        Transient: Kafka does not answer, or a topic is not there for this user.
    """
    for topic in topics:
        try:
            found = client.list_topics(topic, timeout=LOOK_SECONDS).topics[topic]
        except KafkaException as failure:
            raise Transient(f"Kafka does not answer: {complaints.why(failure.args[0], servers)}") from None
        if found.error is not None:
            raise Transient(f"topic {topic}: {sentence(found.error)}")
