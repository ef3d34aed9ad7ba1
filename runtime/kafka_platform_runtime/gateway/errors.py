"""Errors in the form of the REST API: a status, a code and one sentence."""

import math
from collections.abc import Sequence
from http import HTTPStatus

from confluent_kafka import KafkaError

from kafka_platform_runtime.gateway.rights import Wish
from kafka_platform_runtime.gateway.verdicts import Verdict, verdict_on

Header = tuple[str, str]


class GatewayError(Exception):
    """A response other than success.

    Args:
        status: HTTP status.
        code: the API's code; its first three digits are those of the status it was made for.
        message: one sentence for the caller, without secrets.
        headers: further headers of the response.
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
    """The request is well-formed, but makes no sense."""
    return GatewayError(HTTPStatus.UNPROCESSABLE_ENTITY, 42201, message)


def unauthorized(message: str) -> GatewayError:
    """No credentials, or wrong ones."""
    challenge = [("www-authenticate", 'Basic realm="kafka", charset="UTF-8"')]
    return GatewayError(HTTPStatus.UNAUTHORIZED, 40101, message, challenge)


def forbidden(message: str) -> GatewayError:
    """Kafka's ACLs do not allow it."""
    return GatewayError(HTTPStatus.FORBIDDEN, 40301, message)


def no_topic(topic: str) -> GatewayError:
    """The topic does not exist."""
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
    """The header with the time until a retry, in whole seconds."""
    return ("retry-after", str(max(1, math.ceil(seconds))))


K = KafkaError
_HINTS = {
    K.INVALID_RECORD: "a topic with cleanup.policy=compact needs a key in each record",
    K.INVALID_TIMESTAMP: "a timestamp is in milliseconds since 1970, and within the topic's "
    "message.timestamp.before.max.ms and message.timestamp.after.max.ms",
}


def from_kafka(error: KafkaError, what: str, wish: Wish) -> GatewayError:
    """Kafka's error in the API's form; `what` is the subject of the sentence, such as `Topic orders`.

    A denial names the right that `wish` needs.
    """
    code = error.code()
    text = " ".join(error.str().split()).rstrip(".")
    match verdict_on(error):
        case Verdict.DENIED:
            return forbidden(wish.denied(error))
        case Verdict.REJECTED if code == K._PURGE_QUEUE:
            return unauthorized(f"{what}: not sent, because Kafka no longer accepts these credentials.")
        case Verdict.REJECTED:
            return unauthorized(f"{what}: Kafka does not accept these credentials.")
        case Verdict.NO_TOPIC:
            return GatewayError(HTTPStatus.NOT_FOUND, 40401, f"{what}: does not exist.")
        case Verdict.NO_PARTITION:
            return GatewayError(HTTPStatus.NOT_FOUND, 40402, f"{what}: no such partition.")
        case Verdict.EXISTS:
            return GatewayError(HTTPStatus.CONFLICT, 40904, f"{what}: exists already.")
        case Verdict.TOO_LARGE:
            return too_large(f"{what}: larger than the topic's max.message.bytes or segment.bytes allows.")
        case Verdict.PACKED:
            return GatewayError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                41302,
                f"{what}: the next batch cannot be unpacked, or is too large then.",
            )
        case Verdict.NO_OFFSET:
            return GatewayError(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, 41601, f"{what}: {text}.")
        case Verdict.UNFIT:
            hint = f" ({_HINTS[code]})" if code in _HINTS else ""
            return unprocessable(f"{what}: {text}{hint}.")
        case Verdict.THROTTLED:
            return too_many(f"{what}: over this user's quota.")
        case Verdict.NOT_NOW:
            return GatewayError(HTTPStatus.SERVICE_UNAVAILABLE, 50003, f"{what}: {text}: try again.", [retry_after(1)])
        case Verdict.UNKNOWN_FATE:
            return timed_out(f"{what}: Kafka did not answer in time: unknown whether it was done ({text}).")
        case Verdict.FAULT:
            return GatewayError(HTTPStatus.INTERNAL_SERVER_ERROR, 50002, f"{what}: {text}.")
