"""Receivers of a stack's alerts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kafka_platform.monitoring.receivers.spec import Receivers
from kafka_platform.values.forms import shared
from kafka_platform.values.words import choose

from infra.capabilities.capability import Capability, Stack
from infra.capabilities.operators import Prometheus
from infra.capabilities.workers import Worker
from infra.settings.core import Core
from infra.settings.faults import Fault, Known


@dataclass(frozen=True, kw_only=True)
class Alerts(Receivers):
    """Receivers of alerts; their credentials are in Secrets of the platform's namespace."""

    def receivers(self, settings: Core) -> Receivers:
        """As a program writes them, with each tenant's consumer groups."""
        tenants = {
            name: each if each.groups else replace(each, groups=_groups(settings, name))
            for name, each in self.tenants.items()
        }
        return Receivers(**shared(self, Receivers) | {"tenants": tenants})


def _groups(settings: Core, tenant: str) -> tuple[str, ...]:
    """The consumer groups that a tenant's users and workers may join."""
    users = settings.tenants[tenant].users.values()
    workers: dict[str, Worker] = getattr(settings, "workers", {})
    found = [
        *(group for user in users for group in user.groups),
        *(worker.group or name for name, worker in workers.items() if worker.tenant == tenant and worker.reads),
    ]
    return tuple(sorted(set(found)))


class AlertReceivers(Capability[Alerts]):
    """Receivers of alerts. What sends them is created with Prometheus."""

    key = "alerts"

    def faults(self, section: Alerts, stack: Stack, known: Known) -> Iterator[Fault]:
        """There are receivers, and there is something to alert about."""
        if not known("alerts"):
            return
        if not section.anybody:
            yield Fault(path=("alerts",), message="no receiver is given: name slack, pagerduty, email or webhook")
        if known("tenants"):
            for name in section.tenants:
                if name not in stack.settings.tenants:
                    message = f"unknown tenant: {choose(name, list(stack.settings.tenants))}"
                    yield Fault(path=("alerts", "tenants", name), message=message)
        prometheus = stack.of(Prometheus)
        if known("prometheus") and prometheus is None:
            message = "there is no Prometheus that would find anything wrong: write prometheus: {server: {}}"
            yield Fault(path=("alerts",), message=message)
        elif known("prometheus") and prometheus is not None and not prometheus.alerts:
            message = "there are no alerts to be sent: remove prometheus.alerts, or this section"
            yield Fault(path=("alerts",), message=message)
