"""Waits until every broker knows what was changed, so that a client that starts right afterwards finds it.

The controller answers before the brokers have followed. Each broker is asked by a connection of its own, because a
client that knows several brokers asks whichever it likes.
"""

import time
from collections.abc import Collection, Iterator, Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.failures import Transient

# Seconds for one broker to follow; metadata usually arrives within milliseconds.
FOLLOW_SECONDS = 20.0
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 0.8


def wait_until_visible(
    connection: Connection,
    metadata: ClusterMetadata,
    *,
    partitions: Mapping[str, int],
    deleted: Collection[str],
    login: tuple[str, str] | None,
) -> None:
    """Wait for every broker.

    Args:
        connection: an administrator's login.
        metadata: names the brokers.
        partitions: topics and how many partitions, with a leader each, they must show.
        deleted: topics that must be gone.
        login: user and password that must be able to log in: the one that was set last, since brokers follow in order.

    Raises:
        Transient: a broker does not follow within 20 s.
    """
    for broker in metadata.brokers.values():
        address = f"[{broker.host}]:{broker.port}" if ":" in str(broker.host) else f"{broker.host}:{broker.port}"
        until = time.monotonic() + FOLLOW_SECONDS
        here = connection.at(address)
        if partitions or deleted:
            client = AdminClient(here.confluent())
            pauses = _pauses()
            while (missing := _missing(client, partitions, deleted)) is not None:
                _pause(until, f"broker {broker.id} ({address}): {missing}", next(pauses))
        if login is not None:
            as_user = here.as_user(*login)
            pauses = _pauses()
            while not _can_log_in(as_user):
                reason = f"broker {broker.id} ({address}): does not accept the login of user {login[0]!r} yet"
                _pause(until, reason, next(pauses))


def _missing(client: AdminClient, partitions: Mapping[str, int], deleted: Collection[str]) -> str | None:
    try:
        topics = client.list_topics(timeout=5).topics
    except KafkaException:
        return "does not answer"
    for name, number in partitions.items():
        topic = topics.get(name)
        if topic is None or len(topic.partitions) < number:
            return f"does not show topic {name!r} yet"
        if any(partition.leader < 0 for partition in topic.partitions.values()):
            return f"shows topic {name!r} without a leader"
    for name in deleted:
        if name in topics:
            return f"still shows topic {name!r}"
    return None


def _can_log_in(connection: Connection) -> bool:
    client = AdminClient(connection.confluent())
    try:
        client.list_topics(timeout=1.0)
    except KafkaException:
        return False
    return True


def _pauses() -> Iterator[float]:
    """Seconds between looks: each asks for all topics, and where a broker takes long, there are many of them."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _pause(until: float, reason: str, seconds: float) -> None:
    if time.monotonic() > until:
        raise Transient(reason)
    time.sleep(seconds)
