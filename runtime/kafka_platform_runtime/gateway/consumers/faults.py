"""Errors of consumer instances, in the form of the v2 API."""

from http import HTTPStatus

from confluent_kafka import KafkaError

from kafka_platform_runtime.gateway import errors
from kafka_platform_runtime.gateway.consumers.keys import InstanceKey
from kafka_platform_runtime.gateway.errors import GatewayError, retry_after
from kafka_platform_runtime.gateway.verdicts import UNTIL_BETTER

NO_INSTANCE = 40403

_TAKEN_OVER = frozenset(
    {KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.FENCED_INSTANCE_ID, KafkaError._STATE}
)


def no_instance(group: str, name: str) -> GatewayError:
    """The consumer instance does not exist."""
    return GatewayError(
        HTTPStatus.NOT_FOUND,
        NO_INSTANCE,
        f"Consumer instance {name} of group {group} does not exist: it was deleted, idle for too long or its pod ended; "
        "create another one.",
    )


def exists(key: InstanceKey) -> GatewayError:
    """The consumer instance exists already."""
    return GatewayError(
        HTTPStatus.CONFLICT,
        40902,
        f"Consumer instance {key.name} exists already in group {key.group}: choose another name or delete it.",
    )


def conflict(message: str) -> GatewayError:
    """The instance's state does not allow this."""
    return GatewayError(HTTPStatus.CONFLICT, 40903, message)


def subject(key: InstanceKey) -> str:
    """How sentences about an instance begin."""
    return f"Consumer instance {key.name} of group {key.group}"


def failed(error: KafkaError, key: InstanceKey, what: str | None = None, topic: str = "") -> GatewayError:
    """Kafka's answer to an instance as an error; `what` is the subject of the sentence, if it is not the instance.

    `topic` is the one that it is about, if it is known.
    """
    if error.code() in _TAKEN_OVER:
        return conflict(
            f"{subject(key)}: the group has given its partitions to others meanwhile: nothing was committed, and what "
            "was not committed is delivered again."
        )
    if error.code() in UNTIL_BETTER:
        return GatewayError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            50003,
            f"{subject(key)}: the group is being moved or rebalanced: try again.",
            [retry_after(1)],
        )
    return errors.from_kafka(error, what or subject(key), key.wish(topic))
