"""A Kafka cluster from its administrator's view: reads what it has, and makes changes in batches."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AdminClient,
    AlterConfigOpType,
    ClusterMetadata,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    TopicMetadata,
    UserScramCredentialAlteration,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from kafka_platform_runtime.connection import REQUEST_TIMEOUT, Complaints, Connection, SaslMechanism
from kafka_platform_runtime.failures import Refused, Rejected, Transient, raise_for
from kafka_platform_runtime.provisioner.acls import EVERY_ACL, by_user, to_binding, to_filter
from kafka_platform_runtime.provisioner.adoption import is_custom
from kafka_platform_runtime.provisioner.declarations import (
    OWN_TOPIC_CONFIG,
    OWN_TOPIC_REPLICAS,
    USER_PREFIX,
    Acl,
    Declarations,
    Mechanism,
)
from kafka_platform_runtime.provisioner.planning.actual import Actual, ActualTopic
from kafka_platform_runtime.provisioner.planning.recorded import Recorded
from kafka_platform_runtime.provisioner.quotas import QuotaChange, QuotaClient

K = TypeVar("K")

# Kafka's default is 4,096 and its limit 16,384. The passwords are long and random, so more iterations would add no
# protection while every login pays for them; 8,192 leaves a margin for passwords that a person chose.
SCRAM_ITERATIONS = 8192

# Seconds for the first answer; after that the reason is reported and the run retries.
CONNECT_TIMEOUT = 8.0

# Topics in one DescribeConfigs request: each has some 35 settings in the response.
CONFIGS_PER_REQUEST = 500

CLUSTERS_DEFAULT = -1
"""Instead of a number of replicas: as many as the cluster gives by itself (KIP-464)."""

_MECHANISMS = {
    Mechanism.SCRAM_SHA_256: ScramMechanism.SCRAM_SHA_256,
    Mechanism.SCRAM_SHA_512: ScramMechanism.SCRAM_SHA_512,
}
# The library returns the number of the source, not the member of the enumeration.
_SET_ON_THE_TOPIC: tuple[object, ...] = (
    ConfigSource.DYNAMIC_TOPIC_CONFIG,
    ConfigSource.DYNAMIC_TOPIC_CONFIG.value,
)


class Cluster:
    """An administrator's login; a context manager that closes the client for quotas."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._complaints = Complaints()
        self._admin = AdminClient(connection.confluent(self._complaints))
        self._quotas: QuotaClient | None = None

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        if self._quotas is not None:
            self._quotas.__exit__(None, None, None)

    # Reading

    def metadata(self, timeout: float = CONNECT_TIMEOUT) -> ClusterMetadata:
        """Brokers and topics.

        Raises:
            Rejected: the login or TLS handshake failed.
            Transient: no broker answers within `timeout` seconds.
        """
        try:
            return self._admin.list_topics(timeout=timeout)
        except KafkaException as error:
            self._admin.poll(0)
            rejection = self._complaints.rejection()
            if rejection is not None:
                raise Rejected(rejection) from error
            reason = self._complaints.unanswered(self.connection.bootstrap_servers)
            if reason is not None:
                raise Transient(reason) from error
            raise_for(error.args[0], self.connection.bootstrap_servers)
            raise

    def read(self, declared: Declarations, recorded: Recorded, metadata: ClusterMetadata) -> Actual:
        """The cluster's current state of everything declared or applied last.

        Raises:
            Rejected, Transient, Refused: it cannot be read.
        """
        topics = self.topics(metadata, declared.topics)
        names = {
            *declared.users,
            *(key.removeprefix(USER_PREFIX) for key in recorded.mine if key.startswith(USER_PREFIX)),
        }
        if not names:
            return Actual(brokers=len(metadata.brokers), topics=topics)
        return Actual(
            brokers=len(metadata.brokers),
            topics=topics,
            mechanism=self._scram,
            # Managed clusters keep logins elsewhere and refuse to show them: nobody asks unless one is made here.
            credentials=self.credentials() if _have_passwords(declared, recorded) else {},
            acls=self._acls(names),
            quotas=self._user_quotas(names, needed=_have_quotas(declared, recorded)),
        )

    def topics(self, metadata: ClusterMetadata, configured: Collection[str] | None = None) -> dict[str, ActualTopic]:
        """Every topic, with what is set on those in `configured`; None: on all. Raises as `read` does."""
        existing = {name: topic for name, topic in metadata.topics.items() if _exists(topic)}
        configs = self._topic_configs([name for name in existing if configured is None or name in configured])
        return {
            name: ActualTopic(
                partitions=len(topic.partitions),
                # A reassignment in progress adds replicas for a while: the lowest count is the declared one.
                replicas=min(len(partition.replicas) for partition in topic.partitions.values()),
                config=configs.get(name, {}),
            )
            for name, topic in existing.items()
        }

    def acls(self) -> list[AclBinding]:
        """Every ACL. Raises as `read` does."""
        bindings = self._admin.describe_acls(EVERY_ACL, request_timeout=REQUEST_TIMEOUT)
        found: list[AclBinding] = self._result(bindings, "ACLs")
        return found

    def _topic_configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        configs: dict[str, dict[str, str]] = {}
        for start in range(0, len(names), CONFIGS_PER_REQUEST):
            resources = [
                ConfigResource(ResourceType.TOPIC, name) for name in names[start : start + CONFIGS_PER_REQUEST]
            ]
            futures = self._admin.describe_configs(resources, request_timeout=REQUEST_TIMEOUT)
            for resource, future in futures.items():
                entries: Mapping[str, ConfigEntry] = self._result(future, f"topic.{resource.name}: settings")
                configs[str(resource.name)] = {
                    entry.name: entry.value or "" for entry in entries.values() if entry.source in _SET_ON_THE_TOPIC
                }
        return configs

    def credentials(self) -> dict[str, frozenset[Mechanism]]:
        """The kinds of SCRAM credentials of every user that has any.

        Raises:
            Rejected, Transient, Refused: they cannot be read.
        """
        future: Any = self._admin.describe_user_scram_credentials(request_timeout=REQUEST_TIMEOUT)
        described = self._result(future, "SCRAM credentials")
        return {
            name: frozenset(
                mechanism
                for info in description.scram_credential_infos
                for mechanism, number in _MECHANISMS.items()
                if info.mechanism == number
            )
            for name, description in described.items()
        }

    def _acls(self, names: Collection[str]) -> dict[str, frozenset[Acl]]:
        return by_user(self.acls(), names)

    def _user_quotas(self, names: Iterable[str], *, needed: bool) -> dict[str, dict[str, float]]:
        try:
            found = self.quotas.read()
        except Refused:
            if needed:
                raise
            return {}  # a cluster without quotas, or one that shows them to nobody, is fine if none are wanted
        return {name: found[name] for name in names if name in found}

    @property
    def quotas(self) -> QuotaClient:
        """The client for quotas, made when first needed."""
        if self._quotas is None:
            self._quotas = QuotaClient(self.connection)
        return self._quotas

    @property
    def _scram(self) -> Mechanism:
        """The kind of SCRAM that clients log in with."""
        return (
            Mechanism.SCRAM_SHA_256
            if self.connection.mechanism is SaslMechanism.SCRAM_SHA_256
            else Mechanism.SCRAM_SHA_512
        )

    # Topics of the provisioner's own

    def ensure_own(self, name: str, subject: str, metadata: ClusterMetadata) -> None:
        """Create a compacted topic of the provisioner's own, such as the ledger, if it does not exist.

        Raises:
            Rejected, Transient, Refused: it cannot be created.
        """
        topic = metadata.topics.get(name)
        if topic is not None and _exists(topic):
            entries = self._topic_configs([name])[name]
            if entries.get("cleanup.policy") != OWN_TOPIC_CONFIG["cleanup.policy"]:
                self._raise(self.alter_configs({name: (OWN_TOPIC_CONFIG, ())}), subject)
            return
        errors = self._create_own(name, min(OWN_TOPIC_REPLICAS, len(metadata.brokers)))
        if _is(errors[name], KafkaError.INVALID_REPLICATION_FACTOR, KafkaError.POLICY_VIOLATION):
            errors = self._create_own(name, CLUSTERS_DEFAULT)  # a managed cluster may accept nothing but its own number
        if not _is(errors[name], KafkaError.TOPIC_ALREADY_EXISTS):
            self._raise(errors, subject)
        self.wait_for(lambda seen: _is_led(seen.topics.get(name)), subject)

    def _create_own(self, name: str, copies: int) -> dict[str, KafkaError | None]:
        return self.create_topics([NewTopic(name, 1, copies, config=dict(OWN_TOPIC_CONFIG))])

    def wait_for(self, condition: Callable[[ClusterMetadata], bool], subject: str, timeout: float = 20.0) -> None:
        """Wait until the metadata fulfils `condition`.

        Raises:
            Transient: it does not within `timeout` seconds.
        """
        until = time.monotonic() + timeout
        pause = 0.02
        while not condition(self.metadata()):
            if time.monotonic() > until:
                raise Transient(f"{subject}: is not visible on every broker after {timeout:.0f} s")
            time.sleep(pause)
            pause = min(0.5, pause * 2)

    # Changing: each returns by name None, or why it was not done

    def create_topics(self, topics: Iterable[NewTopic], *, validate_only: bool = False) -> dict[str, KafkaError | None]:
        """Create topics, or only check whether they could be created."""
        return self._settle(
            self._admin.create_topics(
                list(topics),
                operation_timeout=REQUEST_TIMEOUT,
                request_timeout=REQUEST_TIMEOUT,
                validate_only=validate_only,
            )
        )

    def add_partitions(self, counts: Mapping[str, int], *, validate_only: bool = False) -> dict[str, KafkaError | None]:
        """Raise topics' partition counts to the given totals."""
        return self._settle(
            self._admin.create_partitions(
                [NewPartitions(name, total) for name, total in counts.items()],
                operation_timeout=REQUEST_TIMEOUT,
                request_timeout=REQUEST_TIMEOUT,
                validate_only=validate_only,
            )
        )

    def alter_configs(
        self, changes: Mapping[str, tuple[Mapping[str, str], Iterable[str]]], *, validate_only: bool = False
    ) -> dict[str, KafkaError | None]:
        """Per topic, set some settings and return others to the cluster's default."""
        resources = []
        for name, (to_set, to_unset) in changes.items():
            entries = [
                ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
                for setting, value in to_set.items()
            ]
            entries += [
                ConfigEntry(setting, None, incremental_operation=AlterConfigOpType.DELETE) for setting in to_unset
            ]
            resources.append(ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries))
        futures = self._admin.incremental_alter_configs(
            resources, request_timeout=REQUEST_TIMEOUT, validate_only=validate_only
        )
        return self._settle({str(resource.name): future for resource, future in futures.items()})

    def delete_topics(self, names: Iterable[str]) -> dict[str, KafkaError | None]:
        """Delete topics with their records; a missing one counts as done."""
        errors = self._settle(
            self._admin.delete_topics(list(names), operation_timeout=REQUEST_TIMEOUT, request_timeout=REQUEST_TIMEOUT)
        )
        return {name: None if _is(error, KafkaError.UNKNOWN_TOPIC_OR_PART) else error for name, error in errors.items()}

    def set_passwords(self, passwords: Mapping[str, str]) -> dict[str, KafkaError | None]:
        """Set credentials of the kind that clients log in with."""
        info = ScramCredentialInfo(_MECHANISMS[self._scram], SCRAM_ITERATIONS)
        return self._settle(
            self._admin.alter_user_scram_credentials(
                [UserScramCredentialUpsertion(name, info, password.encode()) for name, password in passwords.items()],
                request_timeout=REQUEST_TIMEOUT,
            )
        )

    def remove_passwords(self, credentials: Mapping[str, Collection[Mechanism]]) -> dict[str, KafkaError | None]:
        """Remove SCRAM credentials, by user; a missing one counts as done."""
        outcome: dict[str, KafkaError | None] = {}
        # Kafka accepts one change per user in a request.
        for mechanism, number in _MECHANISMS.items():
            deletions: list[UserScramCredentialAlteration] = [
                UserScramCredentialDeletion(name, number) for name, each in credentials.items() if mechanism in each
            ]
            if not deletions:
                continue
            errors = self._settle(self._admin.alter_user_scram_credentials(deletions, request_timeout=REQUEST_TIMEOUT))
            for name, error in errors.items():
                gone = None if _is(error, KafkaError.RESOURCE_NOT_FOUND) else error
                outcome[name] = outcome.get(name) or gone
        return outcome

    def add_acls(self, acls: Mapping[str, Iterable[Acl]]) -> dict[str, KafkaError | None]:
        """Add ACLs, by user."""
        bindings = {to_binding(name, acl): name for name, each in acls.items() for acl in each}
        errors = self._settle(self._admin.create_acls(list(bindings), request_timeout=REQUEST_TIMEOUT))
        return _errors_by_user(bindings, errors)

    def remove_acls(self, acls: Mapping[str, Iterable[Acl]]) -> dict[str, KafkaError | None]:
        """Remove ACLs, by user."""
        filters = {to_filter(name, acl): name for name, each in acls.items() for acl in each}
        errors = self._settle(self._admin.delete_acls(list(filters), request_timeout=REQUEST_TIMEOUT))
        return _errors_by_user(filters, errors)

    def change_quotas(
        self, changes: Sequence[QuotaChange], *, validate_only: bool = False
    ) -> dict[str, Exception | None]:
        """Set and lift quotas, by user."""
        return self.quotas.change(list(changes), validate_only=validate_only)

    def _settle(self, futures: Mapping[K, "Future[Any]"]) -> dict[K, KafkaError | None]:
        errors: dict[K, KafkaError | None] = {}
        for key, future in futures.items():
            try:
                future.result()
                errors[key] = None
            except KafkaException as error:
                errors[key] = error.args[0]
        return errors

    def _result(self, future: "Future[Any]", subject: str) -> Any:
        try:
            return future.result()
        except KafkaException as error:
            raise_for(error.args[0], subject, username=self.connection.username)

    def _raise(self, errors: Mapping[str, KafkaError | None], subject: str) -> None:
        for error in errors.values():
            if error is not None:
                raise_for(error, subject, username=self.connection.username)


def _have_quotas(declared: Declarations, recorded: Recorded) -> bool:
    return any(user.quotas for user in declared.users.values()) or any(
        "quotas" in value for value in recorded.mine.values()
    )


def _have_passwords(declared: Declarations, recorded: Recorded) -> bool:
    return any(not user.custom for user in declared.users.values()) or any(
        key.startswith(USER_PREFIX) and not is_custom(value) for key, value in recorded.mine.items()
    )


def _exists(topic: TopicMetadata) -> bool:
    return bool(topic.partitions) and not _is(topic.error, KafkaError.UNKNOWN_TOPIC_OR_PART)


def _is_led(topic: TopicMetadata | None) -> bool:
    return topic is not None and bool(topic.partitions) and all(each.leader >= 0 for each in topic.partitions.values())


def _is(error: KafkaError | None, *codes: int) -> bool:
    return error is not None and error.code() in codes


def _errors_by_user(names: Mapping[K, str], errors: Mapping[K, KafkaError | None]) -> dict[str, KafkaError | None]:
    by_user: dict[str, KafkaError | None] = {}
    for each, name in names.items():
        by_user[name] = by_user.get(name) or errors[each]
    return by_user
