"""What each Kafka error means for the caller."""

from collections.abc import Mapping
from enum import Enum, auto

from confluent_kafka import KafkaError


class Verdict(Enum):
    """Whose fault a Kafka error is, and what the caller can do."""

    DENIED = auto()
    """403: an ACL is missing."""
    REJECTED = auto()
    """401: Kafka rejects the credentials."""
    NO_TOPIC = auto()
    """404."""
    NO_PARTITION = auto()
    """404."""
    EXISTS = auto()
    """409."""
    TOO_LARGE = auto()
    """413: the record is larger than the topic allows."""
    PACKED = auto()
    """413: the batch cannot be unpacked, or is then too large."""
    NO_OFFSET = auto()
    """416."""
    UNFIT = auto()
    """422: what was sent is refused, and will be refused again."""
    THROTTLED = auto()
    """429: over a quota."""
    NOT_NOW = auto()
    """503: nothing was done; a retry in a moment may succeed."""
    UNKNOWN_FATE = auto()
    """504: it may have been done."""
    FAULT = auto()
    """500: the platform or this program is at fault."""


K = KafkaError
VERDICTS: Mapping[Verdict, frozenset[int]] = {
    Verdict.DENIED: frozenset(
        {
            K.CLUSTER_AUTHORIZATION_FAILED,
            K.DELEGATION_TOKEN_AUTHORIZATION_FAILED,
            K.GROUP_AUTHORIZATION_FAILED,
            K.TOPIC_AUTHORIZATION_FAILED,
            K.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        }
    ),
    Verdict.REJECTED: frozenset(
        {K._AUTHENTICATION, K.SASL_AUTHENTICATION_FAILED, K._PURGE_QUEUE, K.DELEGATION_TOKEN_EXPIRED}
    ),
    Verdict.NO_TOPIC: frozenset({K.UNKNOWN_TOPIC_OR_PART, K._UNKNOWN_TOPIC}),
    Verdict.NO_PARTITION: frozenset({K._UNKNOWN_PARTITION}),
    Verdict.EXISTS: frozenset({K.TOPIC_ALREADY_EXISTS, K.DUPLICATE_RESOURCE}),
    Verdict.TOO_LARGE: frozenset({K.INVALID_MSG_SIZE, K.MSG_SIZE_TOO_LARGE, K.RECORD_LIST_TOO_LARGE}),
    Verdict.PACKED: frozenset({K._BAD_COMPRESSION}),
    Verdict.NO_OFFSET: frozenset({K.OFFSET_OUT_OF_RANGE, K._AUTO_OFFSET_RESET, K._NO_OFFSET, K._LOG_TRUNCATION}),
    Verdict.UNFIT: frozenset(
        {
            K.GROUP_ID_NOT_FOUND,
            K.GROUP_SUBSCRIBED_TO_TOPIC,
            K.INCONSISTENT_GROUP_PROTOCOL,
            K.INVALID_COMMIT_OFFSET_SIZE,
            K.INVALID_CONFIG,
            K.INVALID_GROUP_ID,
            K.INVALID_PARTITIONS,
            K.INVALID_RECORD,
            K.INVALID_REGULAR_EXPRESSION,
            K.INVALID_REPLICATION_FACTOR,
            K.INVALID_REPLICA_ASSIGNMENT,
            K.INVALID_REQUEST,
            K.INVALID_TIMESTAMP,
            K.NON_EMPTY_GROUP,
            K.OFFSET_METADATA_TOO_LARGE,
            K.POLICY_VIOLATION,
            K.RESOURCE_NOT_FOUND,
            K.TOPIC_DELETION_DISABLED,
            K.TOPIC_EXCEPTION,
            K.UNACCEPTABLE_CREDENTIAL,
            K._UNKNOWN_GROUP,
        }
    ),
    Verdict.THROTTLED: frozenset({K.THROTTLING_QUOTA_EXCEEDED}),
    Verdict.NOT_NOW: frozenset(
        {
            K.BROKER_NOT_AVAILABLE,
            K.CONCURRENT_TRANSACTIONS,
            K.COORDINATOR_LOAD_IN_PROGRESS,
            K.COORDINATOR_NOT_AVAILABLE,
            K.ELIGIBLE_LEADERS_NOT_AVAILABLE,
            K.FENCED_INSTANCE_ID,
            K.FENCED_LEADER_EPOCH,
            K.FENCED_MEMBER_EPOCH,
            K.FETCH_SESSION_ID_NOT_FOUND,
            K.GROUP_MAX_SIZE_REACHED,
            K.ILLEGAL_GENERATION,
            K.INCONSISTENT_TOPIC_ID,
            K.INVALID_FETCH_SESSION_EPOCH,
            K.INVALID_MSG,  # it arrived damaged
            K.KAFKA_STORAGE_ERROR,
            K.LEADER_NOT_AVAILABLE,
            K.LISTENER_NOT_FOUND,
            K.MEMBER_ID_REQUIRED,
            K.NOT_CONTROLLER,
            K.NOT_COORDINATOR,
            K.NOT_ENOUGH_REPLICAS,
            K.NOT_LEADER_FOR_PARTITION,
            K.OFFSET_NOT_AVAILABLE,
            K.OPERATION_NOT_ATTEMPTED,
            K.PREFERRED_LEADER_NOT_AVAILABLE,
            K.REASSIGNMENT_IN_PROGRESS,
            K.REBALANCE_IN_PROGRESS,
            K.REBOOTSTRAP_REQUIRED,
            K.REPLICA_NOT_AVAILABLE,
            K.STALE_BROKER_EPOCH,
            K.STALE_CTRL_EPOCH,
            K.STALE_MEMBER_EPOCH,
            K.UNKNOWN_LEADER_EPOCH,
            K.UNKNOWN_MEMBER_ID,
            K.UNKNOWN_TOPIC_ID,
            K.UNRELEASED_INSTANCE_ID,
            K.UNSTABLE_OFFSET_COMMIT,
            K._ALL_BROKERS_DOWN,
            K._ASSIGNMENT_LOST,
            K._DESTROY,
            K._DESTROY_BROKER,
            K._FATAL,
            K._INVALID_DIFFERENT_RECORD,
            K._IN_PROGRESS,
            K._MAX_POLL_EXCEEDED,
            K._NODE_UPDATE,
            K._PREV_IN_PROGRESS,
            K._QUEUE_FULL,
            K._RESOLVE,
            K._RETRY,
            K._TIMED_OUT_QUEUE,
            K._TRANSPORT,
            K._UNKNOWN_BROKER,
            K._WAIT_CACHE,
            K._WAIT_COORD,
        }
    ),
    Verdict.UNKNOWN_FATE: frozenset(
        {
            K.DUPLICATE_SEQUENCE_NUMBER,
            K.INVALID_PRODUCER_EPOCH,
            K.NETWORK_EXCEPTION,
            K.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
            K.OUT_OF_ORDER_SEQUENCE_NUMBER,
            K.PRODUCER_FENCED,
            K.REQUEST_TIMED_OUT,
            K.UNKNOWN_PRODUCER_ID,
            K._FENCED,
            K._GAPLESS_GUARANTEE,
            K._INCONSISTENT,
            K._ISR_INSUFF,
            K._MSG_TIMED_OUT,
            K._PURGE_INFLIGHT,
            K._TIMED_OUT,
        }
    ),
    Verdict.FAULT: frozenset(
        {
            K.DELEGATION_TOKEN_AUTH_DISABLED,
            K.DELEGATION_TOKEN_NOT_FOUND,
            K.DELEGATION_TOKEN_OWNER_MISMATCH,
            K.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED,
            K.DUPLICATE_VOTER,
            K.ELECTION_NOT_NEEDED,
            K.FEATURE_UPDATE_FAILED,
            K.FENCED_STATE_EPOCH,
            K.ILLEGAL_SASL_STATE,
            K.INCONSISTENT_VOTER_SET,
            K.INVALID_PRINCIPAL_TYPE,
            K.INVALID_PRODUCER_ID_MAPPING,
            K.INVALID_RECORD_STATE,
            K.INVALID_REGISTRATION,
            K.INVALID_REQUIRED_ACKS,
            K.INVALID_SESSION_TIMEOUT,
            K.INVALID_SHARE_SESSION_EPOCH,
            K.INVALID_TRANSACTION_TIMEOUT,
            K.INVALID_TXN_STATE,
            K.INVALID_UPDATE_VERSION,
            K.INVALID_VOTER_KEY,
            K.LOG_DIR_NOT_FOUND,
            K.MISMATCHED_ENDPOINT_TYPE,
            K.NO_ERROR,
            K.NO_REASSIGNMENT_IN_PROGRESS,
            K.PRINCIPAL_DESERIALIZATION_FAILURE,
            K.SECURITY_DISABLED,
            K.SHARE_SESSION_LIMIT_REACHED,
            K.SHARE_SESSION_NOT_FOUND,
            K.STREAMS_INVALID_TOPOLOGY,
            K.STREAMS_INVALID_TOPOLOGY_EPOCH,
            K.STREAMS_TOPOLOGY_FENCED,
            K.TELEMETRY_TOO_LARGE,
            K.TRANSACTION_ABORTABLE,
            K.TRANSACTION_COORDINATOR_FENCED,
            K.UNKNOWN,
            K.UNKNOWN_CONTROLLER_ID,
            K.UNKNOWN_SUBSCRIPTION_ID,
            K.UNSUPPORTED_ASSIGNOR,
            K.UNSUPPORTED_COMPRESSION_TYPE,
            K.UNSUPPORTED_ENDPOINT_TYPE,
            K.UNSUPPORTED_FOR_MESSAGE_FORMAT,
            K.UNSUPPORTED_SASL_MECHANISM,
            K.UNSUPPORTED_VERSION,
            K.VOTER_NOT_FOUND,
            K._APPLICATION,
            K._ASSIGN_PARTITIONS,
            K._BAD_MSG,
            K._CONFLICT,
            K._CRIT_SYS_RESOURCE,
            K._EXISTING_SUBSCRIPTION,
            K._FAIL,
            K._FS,
            K._INTR,
            K._INVALID_ARG,
            K._INVALID_TYPE,
            K._KEY_DESERIALIZATION,
            K._KEY_SERIALIZATION,
            K._NOENT,
            K._NOOP,
            K._NOT_CONFIGURED,
            K._NOT_IMPLEMENTED,
            K._OUTDATED,
            K._PARTIAL,
            K._PARTITION_EOF,
            K._READ_ONLY,
            K._REVOKE_PARTITIONS,
            K._SSL,
            K._STATE,
            K._UNDERFLOW,
            K._UNKNOWN_PROTOCOL,
            K._UNSUPPORTED_FEATURE,
            K._VALUE_DESERIALIZATION,
            K._VALUE_SERIALIZATION,
        }
    ),
}
"""Every error that Kafka or its client can return, by what it means for the caller."""

_VERDICT_OF = {code: verdict for verdict, codes in VERDICTS.items() for code in codes}
UNTIL_BETTER = frozenset(
    {
        K._WAIT_COORD,
        K.NOT_COORDINATOR,
        K.COORDINATOR_NOT_AVAILABLE,
        K.COORDINATOR_LOAD_IN_PROGRESS,
        K.REBALANCE_IN_PROGRESS,
    }
)
"""A consumer group's errors while it moves to another broker or rebalances."""
OF_A_BATCH = frozenset(
    {
        K.INVALID_MSG_SIZE,
        K.INVALID_RECORD,
        K.INVALID_TIMESTAMP,
        K.MSG_SIZE_TOO_LARGE,
        K.POLICY_VIOLATION,
        K.RECORD_LIST_TOO_LARGE,
        K._INVALID_DIFFERENT_RECORD,
    }
)
"""Errors for a whole batch, though only one of its records, or only their sum, may be at fault."""


def verdict_on(error: KafkaError) -> Verdict:
    """Whose fault an error is; an error newer than the table counts as ours, unless the client says to retry it."""
    return _VERDICT_OF.get(error.code(), Verdict.NOT_NOW if error.retriable() else Verdict.FAULT)


def is_rejected(error: KafkaError) -> bool:
    """Whether Kafka rejected the credentials."""
    return error.code() in {K._AUTHENTICATION, K.SASL_AUTHENTICATION_FAILED}


def is_unknown_topic(error: KafkaError) -> bool:
    """Whether the topic does not exist."""
    return verdict_on(error) is Verdict.NO_TOPIC
