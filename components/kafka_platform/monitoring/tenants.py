"""Use of the brokers by tenant, and of quotas by user: what is recorded, and what of it there is. No Pulumi."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass
from enum import Enum
from typing import Any
from urllib.parse import quote

from kafka_platform.kafka.entities import Quotas
from kafka_platform.values.forms import Spec, formed
from kafka_platform.values.names import check_label, check_user


def _check_users(users: Mapping[str, Quotas]) -> None:
    for name in users:
        check_user(name)
    if not users:
        raise ValueError("empty: name a user at least")


def check_tenants(tenants: Mapping[str, Any]) -> None:
    """Raises `ValueError` for a name that no tenant can have."""
    for name in tenants:
        check_label(name, "name")


@dataclass(frozen=True, kw_only=True)
class WatchedTenant(Spec):
    """A tenant whose use of the brokers is shown."""

    users: Mapping[str, Quotas] = formed(MISSING, _check_users)
    """Its users, at least one, each with its quotas; `Quotas()` for one without. A user with a certificate is called as
    Kafka calls it, such as `CN=report`."""


class Use(Enum):
    """What Kafka measures of a user, and limits by quotas; the values are Kafka's names of both."""

    PRODUCE = ("produce", "byte_rate", "producer_byte_rate")
    """Bytes a second written."""
    FETCH = ("fetch", "byte_rate", "consumer_byte_rate")
    """Bytes a second read."""
    REQUEST = ("request", "request_time", "request_percentage")
    """Time of request threads, in percent of one thread."""

    @property
    def metric(self) -> str:
        """How much each broker measures, by user."""
        return f"kafka_server_{self.value[0]}_{self.value[1]}"

    @property
    def throttle(self) -> str:
        """Milliseconds by which each broker holds a user's requests back; NaN while it does not."""
        return f"kafka_server_{self.value[0]}_throttle_time"

    @property
    def by_tenant(self) -> str:
        """The recorded series of a tenant's use, of all brokers."""
        return f"tenant:{self.metric}:sum"

    @property
    def of_quota(self) -> str:
        """The recorded series of a user's use as a share of its quota, on the broker where that is highest."""
        return f"user:kafka_quota_{self.value[0]}_use:ratio"

    def limit(self, quotas: Quotas) -> float | None:
        """The quota; None if there is none."""
        return quotas.kafka_quotas().get(self.value[2])


def limited(tenants: Mapping[str, WatchedTenant]) -> list[Use]:
    """What quotas limit, of one user at least."""
    every = [quotas for tenant in tenants.values() for quotas in tenant.users.values()]
    return [use for use in Use if any(use.limit(quotas) is not None for quotas in every)]


def rule_groups(
    tenants: Mapping[str, WatchedTenant], own: str, known: Mapping[str, str], name: str
) -> list[dict[str, Any]]:
    """What is recorded, as Prometheus reads it; nothing without quotas, as Kafka then measures no user.

    Args:
        tenants: the tenants by name.
        own: what selects the series of the nodes, inside of PromQL's braces.
        known: labels of all series: whose tenants they are.
        name: beginning of the group's name.
    """
    if not limited(tenants):
        return []
    rules = [
        {"record": record, "expr": expression, "labels": {**known, "tenant": tenant}}
        for tenant, watched in sorted(tenants.items())
        for record, expression in _recorded(watched, own)
    ]
    return [{"name": f"{name}-tenants", "rules": rules}]


def _recorded(tenant: WatchedTenant, own: str) -> Iterator[tuple[str, str]]:
    for use in Use:
        yield use.by_tenant, f"sum({use.metric}{{{own},{_any_of(tenant.users)}}})"
        limits: dict[float, list[str]] = {}
        for user, quotas in sorted(tenant.users.items()):
            limit = use.limit(quotas)
            if limit is not None:
                limits.setdefault(limit, []).append(user)
        # One rule for all users with the same quota: most have that of their tenant.
        for limit, users in sorted(limits.items()):
            yield use.of_quota, f"max by (user) ({use.metric}{{{own},{_any_of(users)}}}) / {limit:.15g}"


def _any_of(users: Any) -> str:
    """What selects these users."""
    # Doubled, as it is in a text of PromQL.
    return 'user=~"' + "|".join(re.escape(in_kafka(each)).replace("\\", "\\\\") for each in sorted(users)) + '"'


def in_kafka(user: str) -> str:
    """The name as Kafka's metrics have it (org.apache.kafka.common.utils.Sanitizer)."""
    return quote(user, safe="").replace("~", "%7E")
