"""Client quotas of users.

librdkafka, and so confluent-kafka, can neither read nor change client quotas (KIP-546). kafka-python has the request
classes but no method for them, so this adds the two to its admin client.

Kafka's quotas apply per broker: a user that writes to partitions on three brokers may write three times
`producer_byte_rate`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from kafka import errors
from kafka.protocol.admin import AlterClientQuotasRequest, DescribeClientQuotasRequest

from kafka_platform_runtime.connection import REQUEST_TIMEOUT, Connection
from kafka_platform_runtime.failures import Refused, Rejected, Transient
from kafka_platform_runtime.kafka_python import admin_client, ask

_ANY_SPECIFIED_NAME = 2


@dataclass(frozen=True, kw_only=True)
class QuotaChange:
    """The limits of one user to set and to lift."""

    user: str
    set: Mapping[str, float] = field(default_factory=dict)
    unset: tuple[str, ...] = ()


class QuotaClient:
    """Reads and changes quotas of user principals; a context manager that closes its connections.

    Raises:
        Rejected: the login failed.
        Transient: no broker answers.
        Refused: the cluster rejects every method.
    """

    def __init__(self, connection: Connection) -> None:
        try:
            self._client = admin_client(connection)
        except errors.KafkaError as error:
            raise _translated(error) from error

    def __enter__(self) -> "QuotaClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def read(self) -> dict[str, dict[str, float]]:
        """The quotas of every user that has any, by user and name."""
        component = DescribeClientQuotasRequest.ComponentData(
            entity_type="user", match_type=_ANY_SPECIFIED_NAME, match=None
        )
        response = self._send(DescribeClientQuotasRequest(components=[component], strict=True))
        if response.error_code:
            raise _translated(errors.for_code(response.error_code)(response.error_message))
        return {
            entry.entity[0].entity_name: {each.key: each.value for each in entry.values}
            for entry in response.entries or ()
        }

    def everything(self) -> list[tuple[dict[str, str | None], dict[str, float]]]:
        """All quotas, also those of clients, addresses and defaults: of what they are, by kind (None: the default)."""
        response = self._send(DescribeClientQuotasRequest(components=[], strict=False))
        if response.error_code:
            raise _translated(errors.for_code(response.error_code)(response.error_message))
        return [
            (
                {each.entity_type: each.entity_name for each in entry.entity},
                {each.key: each.value for each in entry.values},
            )
            for entry in response.entries or ()
        ]

    def change(self, changes: list[QuotaChange], *, validate_only: bool = False) -> dict[str, Exception | None]:
        """Make the changes; by user None, or why it was not made (Transient or Refused)."""
        entry = AlterClientQuotasRequest.EntryData
        entries = [
            entry(
                entity=[entry.EntityData(entity_type="user", entity_name=change.user)],
                ops=[
                    *(entry.OpData(key=name, value=value, remove=False) for name, value in change.set.items()),
                    *(entry.OpData(key=name, value=0.0, remove=True) for name in change.unset),
                ],
            )
            for change in changes
        ]
        response = self._send(AlterClientQuotasRequest(entries=entries, validate_only=validate_only))
        return {
            each.entity[0].entity_name: (
                _translated(errors.for_code(each.error_code)(each.error_message)) if each.error_code else None
            )
            for each in response.entries
        }

    def _send(self, request: Any) -> Any:
        try:
            return ask(self._client, request, REQUEST_TIMEOUT)
        except errors.KafkaError as error:
            raise _translated(error) from error


def _translated(error: Exception) -> Exception:
    text = " ".join(str(error.args[0]).split()).rstrip(".") if error.args and error.args[0] else type(error).__name__
    if isinstance(error, errors.SaslAuthenticationFailedError):
        return Rejected(f"quotas: {text}")
    if isinstance(error, errors.ClusterAuthorizationFailedError):
        return Refused(["quotas: this user may not do this: it needs to be a super user or an administrator"])
    if isinstance(error, errors.UnsupportedVersionError | errors.IncompatibleBrokerVersion):
        return Refused(["quotas: the brokers do not offer them: declare no quotas, or use Kafka 2.6 or newer"])
    if getattr(error, "retriable", False) or isinstance(error, errors.KafkaTimeoutError | errors.KafkaConnectionError):
        return Transient(f"quotas: {text}")
    return Refused([f"quotas: {text}"])
