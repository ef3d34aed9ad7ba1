"""What Prometheus reads of a stack, and what it tells of."""

from collections.abc import Iterator
from typing import Any

import kafka_platform
from kafka_platform.cluster.metrics import Metrics
from kafka_platform.monitoring.objects import objects
from kafka_platform.monitoring.spec import MonitoredSpec, MonitoringSpec
from kafka_platform.values.forms import shared
from kafka_platform.values.later import plain

from infra.capabilities.capability import CLUSTER, Capability, Deployment, Placed, Rendered, Stack
from infra.capabilities.kafka import node_metrics
from infra.capabilities.operators import CertManagerInstallation, Prometheus
from infra.settings.core import Core
from infra.settings.faults import Fault, Known


class Monitoring(Capability[Prometheus]):
    """Monitors and alerts for everything that shows metrics."""

    key = "prometheus"
    names = frozenset({f"{CLUSTER}-nodes", f"{CLUSTER}-operator", f"{CLUSTER}-certificates"})

    def faults(self, section: Prometheus, stack: Stack, known: Known) -> Iterator[Fault]:
        """Prometheus has to be let in to what it reads."""
        if not known("prometheus"):
            return
        for scrape in stack.scrapes:
            seen = scrape.key[0] == "workers" or known(str(scrape.key[0]))
            if seen and scrape.allowed and section.namespace not in (scrape.namespace, *scrape.allowed):
                message = f"Prometheus may not connect: add {section.namespace!r}, or remove the key"
                yield Fault(path=scrape.key, message=message)
        yield from _scaling(stack.settings, known, section)

    def rendered(self, section: Prometheus, placed: Placed) -> Iterator[Rendered]:
        """Its objects."""
        sources = [each.source for each in placed.stack.scrapes]
        spec = MonitoredSpec(**_values(section, placed.stack))
        yield from placed.named(CLUSTER, objects(CLUSTER, spec, placed.connection, sources))

    def build(self, section: Prometheus, deployment: Deployment) -> None:
        """After its operator, if the stack brings it, and after the namespaces that the stack makes."""
        sources = [
            kafka_platform.MetricsSource(
                **vars(each) | {"namespace": each.namespace and deployment.once_made(each.namespace, namespaces=True)}
            )
            for each in (scrape.source for scrape in deployment.stack.scrapes)
        ]
        values = _values(section, deployment.stack)
        args = kafka_platform.MonitoringArgs(**values, connection=deployment.connection, sources=sources)
        kafka_platform.Monitoring(CLUSTER, args, deployment.options("prometheus"))


def _values(prometheus: Prometheus, stack: Stack) -> dict[str, Any]:
    """What there is to watch, as the fields of its spec."""
    kafka, certificates = stack.settings.kafka, stack.of(CertManagerInstallation)
    return shared(prometheus, MonitoringSpec) | {
        "engine": kafka.engine,
        "nodes": node_metrics(stack) is not Metrics.OFF,
        "exporter": kafka.exporter,
        "renewal_days": kafka.authorities.renewal_days,
        "authorities_given": kafka.authorities.given,
        "cert_manager": None if certificates is None else certificates.namespace,
    }


def _scaling(settings: Core, known: Known, prometheus: Prometheus) -> Iterator[Fault]:
    scaling = settings.kafka.scaling
    if scaling is None or not known("kafka"):
        return
    usual = type(scaling).prometheus
    if prometheus.install and scaling.prometheus == usual and f".{prometheus.namespace}.svc" not in plain(usual):
        yield Fault(
            path=("kafka", "scaling", "prometheus"),
            message=f"{usual} is not the Prometheus of this file: write http://prometheus-operated.{prometheus.namespace}.svc:9090",
        )
