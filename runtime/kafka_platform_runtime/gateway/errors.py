"""Errors as the REST dialect has them: a status, a code and one sentence."""

import math
from collections.abc import Sequence
from http import HTTPStatus

from confluent_kafka import KafkaError

Header = tuple[str, str]


class GatewayError(Exception):
    """An answer other than success.

    Args:
        status: HTTP status.
        code: the dialect's code; its first three digits are those of the status it was made for.
        message: one sentence for the caller, without secrets.
        headers: further headers of the answer.
    """

    def __init__(self, status: int, code: int, message: str, headers: Sequence[Header] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = tuple(headers)


def malformed(message: str) -> GatewayError:
    """The request cannot be understood."""
    return GatewayError(HTTPStatus.BAD_REQUEST, 40001, message)


def unprocessable(message: str) -> GatewayError:
    """The request can be read but not meant."""
    return GatewayError(HTTPStatus.UNPROCESSABLE_ENTITY, 42201, message)


def unauthorized(message: str) -> GatewayError:
    """No credentials, or wrong ones."""
    challenge = [("www-authenticate", 'Basic realm="kafka", charset="UTF-8"')]
    return GatewayError(HTTPStatus.UNAUTHORIZED, 40101, message, challenge)


def forbidden(message: str) -> GatewayError:
    """Kafka's ACLs do not allow it."""
    return GatewayError(HTTPStatus.FORBIDDEN, 40301, message)


def no_topic(topic: str) -> GatewayError:
    """There is no such topic."""
    return GatewayError(HTTPStatus.NOT_FOUND, 40401, f"Topic {topic} does not exist.")


def no_partition(topic: str, partition: int) -> GatewayError:
    """The topic has no such partition."""
    return GatewayError(HTTPStatus.NOT_FOUND, 40402, f"Topic {topic} has no partition {partition}.")


def too_large(message: str) -> GatewayError:
    """The body or the number of records is over its limit."""
    return GatewayError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, 41301, message)


def too_many(message: str, seconds: float = 1) -> GatewayError:
    """This caller has to wait."""
    return GatewayError(HTTPStatus.TOO_MANY_REQUESTS, 42901, message, [retry_after(seconds)])


def overloaded(message: str, seconds: float = 1) -> GatewayError:
    """Everybody has to wait."""
    return GatewayError(HTTPStatus.SERVICE_UNAVAILABLE, 50301, message, [retry_after(seconds)])


def timed_out(message: str) -> GatewayError:
    """Kafka did not answer in time."""
    return GatewayError(HTTPStatus.GATEWAY_TIMEOUT, 50401, message)


def retry_after(seconds: float) -> Header:
    """The header that says when to come again, in whole seconds."""
    return ("retry-after", str(max(1, math.ceil(seconds))))


_DENIED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "the topic",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "the consumer group",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "the cluster",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "the transactional id",
}
_UNKNOWN_TOPIC = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC})
_UNKNOWN_FATE = frozenset(
    {
        KafkaError._MSG_TIMED_OUT,
        KafkaError._PURGE_INFLIGHT,
        KafkaError._TIMED_OUT,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.REQUEST_TIMED_OUT,
    }
)
_TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})
UNTIL_BETTER = frozenset(
    {
        KafkaError._WAIT_COORD,
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.REBALANCE_IN_PROGRESS,
    }
)
"""What passes by itself; librdkafka does not say so of them (`retriable`)."""
_AWAY = frozenset({KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._QUEUE_FULL})
_REJECTED = frozenset({KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED})


def is_rejected(error: KafkaError) -> bool:
    """Whether Kafka did not accept the credentials."""
    return error.code() in _REJECTED


def is_unknown_topic(error: KafkaError) -> bool:
    """Whether the topic does not exist."""
    return error.code() in _UNKNOWN_TOPIC


def from_kafka(error: KafkaError, what: str) -> GatewayError:
    """What Kafka answered, as the dialect says it; `what` is the subject of the sentence, such as `Topic orders`."""
    code = error.code()
    text = " ".join(error.str().split()).rstrip(".")
    if code in _DENIED:
        return forbidden(f"{what}: this user may not do this on {_DENIED[code]}: an ACL must allow it.")
    if code in _UNKNOWN_TOPIC:
        return GatewayError(HTTPStatus.NOT_FOUND, 40401, f"{what}: does not exist.")
    if code == KafkaError._UNKNOWN_PARTITION:
        return GatewayError(HTTPStatus.NOT_FOUND, 40402, f"{what}: no such partition.")
    if code in _REJECTED:
        return unauthorized(f"{what}: Kafka does not accept these credentials.")
    if code == KafkaError.OFFSET_METADATA_TOO_LARGE:
        return unprocessable(f"{what}: {text}.")
    if code == KafkaError._BAD_COMPRESSION:
        return GatewayError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            41302,
            f"{what}: the next batch cannot be unpacked, or is too large then.",
        )
    if code in _TOO_LARGE:
        return too_large(f"{what}: larger than the topic's max.message.bytes allows.")
    if code in _UNKNOWN_FATE:
        return timed_out(f"{what}: Kafka did not answer in time: unknown whether it was done ({text}).")
    if code == KafkaError._PURGE_QUEUE:
        return unauthorized(f"{what}: not sent, because Kafka does not accept these credentials any more.")
    if code == KafkaError.THROTTLING_QUOTA_EXCEEDED:
        return too_many(f"{what}: over this user's quota.")
    if error.retriable() or code in _AWAY or code in UNTIL_BETTER:
        return GatewayError(HTTPStatus.SERVICE_UNAVAILABLE, 50003, f"{what}: {text}: try again.", [retry_after(1)])
    return GatewayError(HTTPStatus.INTERNAL_SERVER_ERROR, 50002, f"{what}: {text}.")
