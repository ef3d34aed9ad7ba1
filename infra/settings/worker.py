"""The settings of a worker: what may stand under `workers.<name>`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kafka_platform.kafka.entities import Quotas, User
from kafka_platform.worker.spec import WorkerSpec


@dataclass(frozen=True, kw_only=True)
class Worker(WorkerSpec):
    """A team's service that reads from Kafka, writes to it, or both. It runs in its tenant's namespace."""

    tenant: str
    """Tenant of this file that it belongs to: its namespace, and the quotas of its user. Needed."""

    def users(self, name: str, namespace: str, quotas: Quotas | None) -> Mapping[str, User]:
        """The users that are made for the worker of that name: its own, and its scaler's."""
        made = {user: replace(each, namespace=namespace) for user, each in self.users_of(name).items()}
        return {user: replace(each, quotas=quotas) if user == name else each for user, each in made.items()}
