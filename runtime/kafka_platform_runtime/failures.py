"""What can go wrong with a Kafka cluster, and which errors are worth a retry."""

from collections.abc import Iterable

from confluent_kafka import KafkaError


class Refused(Exception):  # noqa: N818 - an answer, not a malfunction
    """A definite no: a retry cannot help.

    Args:
        faults: one sentence each, beginning with the name of the declaration or variable.
    """

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))


class Transient(Exception):  # noqa: N818
    """Not now: a retry in a moment may succeed."""


class Rejected(Exception):  # noqa: N818
    """The login or the TLS handshake failed: it is either not set up yet, or wrong; worth only a brief wait."""


class Superseded(Exception):  # noqa: N818
    """A newer run of the same owner has begun: this one must not change anything more."""


_TRANSIENT = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._DESTROY,
        KafkaError._MSG_TIMED_OUT,
        KafkaError._RESOLVE,
        KafkaError._RETRY,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._TRANSPORT,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._WAIT_CACHE,
        KafkaError._WAIT_COORD,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.CONCURRENT_TRANSACTIONS,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        # Fewer brokers are registered than the declared replicas need: others may still be starting.
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.KAFKA_STORAGE_ERROR,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.LISTENER_NOT_FOUND,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.NOT_CONTROLLER,
        KafkaError.NOT_COORDINATOR,
        KafkaError.NOT_ENOUGH_REPLICAS,
        KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.REASSIGNMENT_IN_PROGRESS,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.THROTTLING_QUOTA_EXCEEDED,
        # The cluster has changed since it was read a moment ago: read it again.
        KafkaError.TOPIC_ALREADY_EXISTS,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
_REJECTED = frozenset({KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError.SASL_AUTHENTICATION_FAILED})
_NOT_ALLOWED = {
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "do this in the cluster",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "use the group",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "use the topic",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "use the transactional id",
}
_SENTENCES = {
    KafkaError._ALL_BROKERS_DOWN: "no broker answers",
    KafkaError._RESOLVE: "the name of a broker cannot be resolved",
    KafkaError._TIMED_OUT: "no answer in time",
    KafkaError._TRANSPORT: "no broker answers",
    KafkaError.REQUEST_TIMED_OUT: "the cluster did not complete the request in time",
    KafkaError.TOPIC_ALREADY_EXISTS: "was created by somebody else meanwhile",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "is not known to the broker (yet)",
    KafkaError.NOT_CONTROLLER: "the cluster's controller is changing",
}


def is_transient(error: KafkaError) -> bool:
    """Whether the same request may succeed in a moment."""
    return error.code() in _TRANSIENT or error.retriable()


def is_rejected(error: KafkaError) -> bool:
    """Whether the login or the TLS handshake failed."""
    return error.code() in _REJECTED


def sentence(error: KafkaError, *, username: str | None = None) -> str:
    """The error as a sentence without a full stop, for somebody who does not know Kafka's error codes.

    `username` is that of an administrator, if one asked.
    """
    if error.code() in _NOT_ALLOWED:
        if username:
            return f"user {username!r} may not do this: it needs to be a super user or to have the ACLs of an administrator"
        return f"its Kafka user has no right to {_NOT_ALLOWED[error.code()]}"
    if error.code() == KafkaError.SECURITY_DISABLED:
        return "the cluster has no authorizer: ACLs cannot be kept; configure authorizer.class.name or declare no acls"
    known = _SENTENCES.get(error.code())
    if known is not None:
        return known
    text = " ".join(error.str().split()).rstrip(".")
    return text or error.name()


def raise_for(error: KafkaError, subject: str, *, username: str | None = None) -> None:
    """Raise the matching exception: Rejected, Transient or Refused, with a message that begins with `subject`."""
    text = f"{subject}: {sentence(error, username=username)}"
    if is_rejected(error):
        raise Rejected(text)
    if is_transient(error):
        raise Transient(text)
    raise Refused([text])
