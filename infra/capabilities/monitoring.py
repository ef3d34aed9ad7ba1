"""Monitoring of a stack, with the Prometheus operator or with a Prometheus of its own."""

from collections.abc import Iterator, Sequence
from typing import Any

import kafka_platform
from kafka_platform.cluster.metrics import Metrics
from kafka_platform.entities.strimzi import CERTIFICATE_NAME
from kafka_platform.kafka.entities import Login, Quotas, User
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kube.images import ALERTMANAGER_IMAGE, PROMETHEUS_IMAGE
from kafka_platform.monitoring.objects import objects
from kafka_platform.monitoring.receivers.spec import NOBODY
from kafka_platform.monitoring.server.objects import ServerSettings, objects as server_objects
from kafka_platform.monitoring.server.spec import PrometheusSpec
from kafka_platform.monitoring.spec import MonitoredSpec, MonitoringSpec
from kafka_platform.monitoring.tenants import WatchedTenant
from kafka_platform.values.forms import shared
from kafka_platform.values.later import plain
from kafka_platform.values.words import Path

from infra.capabilities.alerts import Alerts
from infra.capabilities.capability import CLUSTER, Capability, Deployment, Placed, Rendered, Stack
from infra.capabilities.exporter import exporter_of
from infra.capabilities.kafka import node_metrics
from infra.capabilities.levels import Levels, levels_of
from infra.capabilities.operators import CertManagerInstallation, Keda, Prometheus, StrimziInstallation
from infra.settings.core import Core
from infra.settings.faults import Fault, Known

SERVER = "prometheus"
"""Name of the stack's own Prometheus."""


class Monitoring(Capability[Prometheus]):
    """Monitors and alerts for everything that exposes metrics, for the Prometheus operator."""

    key = "prometheus"
    names = frozenset(
        f"{CLUSTER}-{each}"
        for each in ("nodes", "operator", "topics-operator", "users-operator", "certificates", "keda")
    )

    def section(self, settings: Core) -> Prometheus | None:
        """None with a Prometheus without operator."""
        found = super().section(settings)
        return None if found is None or found.server is not None else found

    def faults(self, section: Prometheus, stack: Stack, known: Known) -> Iterator[Fault]:
        """Prometheus has to be able to reach what it scrapes."""
        if known("prometheus"):
            yield from _shut_out(section, stack, known)
            yield from _scaling(stack.settings, known, section)

    def rendered(self, section: Prometheus, placed: Placed) -> Iterator[Rendered]:
        """Its objects."""
        sources = [each.source for each in placed.stack.scrapes]
        spec = MonitoredSpec(**_values(section, placed.stack))
        yield from placed.named(CLUSTER, objects(CLUSTER, spec, placed.connection, sources))

    def build(self, section: Prometheus, deployment: Deployment) -> None:
        """Depends on its operator, if the stack installs it, and on the namespaces that the stack creates."""
        sources = [
            kafka_platform.MetricsSource(
                **vars(each) | {"namespace": each.namespace and deployment.once_made(each.namespace, namespaces=True)}
            )
            for each in (scrape.source for scrape in deployment.stack.scrapes)
        ]
        values = _values(section, deployment.stack)
        args = kafka_platform.MonitoringArgs(**values, connection=deployment.connection, sources=sources)
        kafka_platform.Monitoring(CLUSTER, args, deployment.options("prometheus"))


class PrometheusServer(Capability[Prometheus]):
    """A Prometheus of the stack's own, without an operator."""

    key = "prometheus"
    names = frozenset({SERVER, f"{SERVER}-alertmanager"})

    def section(self, settings: Core) -> Prometheus | None:
        """None where an operator reads the metrics."""
        found = super().section(settings)
        return None if found is None or found.server is None else found

    def faults(self, section: Prometheus, stack: Stack, known: Known) -> Iterator[Fault]:
        """It has to be able to reach what it scrapes; and it cannot scale brokers."""
        if not known("prometheus"):
            return
        yield from _shut_out(section, stack, known)
        if known("kafka") and stack.settings.kafka.scaling is not None:
            message = "brokers are scaled by what prometheus.server does not read: write prometheus: {install: true}"
            yield Fault(path=("kafka", "scaling"), message=message)

    def described(self, section: Prometheus) -> str:
        """There is one at most."""
        return "Prometheus"

    def rendered(self, section: Prometheus, placed: Placed) -> Iterator[Rendered]:
        """Its objects."""
        values = _values(section, placed.stack)
        images = placed.settings.images
        settings = ServerSettings(
            name=SERVER,
            connection=placed.connection,
            spec=PrometheusSpec(**_server_values(section, placed.settings)),
            monitored=MonitoredSpec(**values),
            sources=[each.source for each in placed.stack.scrapes],
            receivers=values["receivers"],
            image=images.prometheus or PROMETHEUS_IMAGE,
            alertmanager_image=images.alertmanager or ALERTMANAGER_IMAGE,
        )
        yield from placed.named(SERVER, server_objects(settings))

    def build(self, section: Prometheus, deployment: Deployment) -> None:
        """Depends on the namespaces that the stack creates, in which it gets rights."""
        images = deployment.settings.images
        args = kafka_platform.PrometheusArgs(
            **_values(section, deployment.stack),
            **_server_values(section, deployment.settings),
            connection=deployment.connection,
            sources=[kafka_platform.MetricsSource(**vars(each.source)) for each in deployment.stack.scrapes],
            image=images.prometheus or PROMETHEUS_IMAGE,
            alertmanager_image=images.alertmanager or ALERTMANAGER_IMAGE,
        )
        server = kafka_platform.Prometheus(
            SERVER, args, deployment.options("strimzi", "cert_manager", "keda", namespaces=True)
        )
        deployment.outputs["prometheus"] = {"url": server.url}


def _server_values(section: Prometheus, settings: Core) -> dict[str, Any]:
    """The fields of a Prometheus without operator, as a program writes them."""
    assert section.server is not None  # noqa: S101 - that is when there is one
    pods = settings.pod_settings.with_own(section.server.pod_settings)
    return shared(section.server, PrometheusSpec) | {"pod_settings": pods}


def _values(prometheus: Prometheus, stack: Stack) -> dict[str, Any]:
    """What to watch, as the fields of its spec."""
    kafka, certificates, alerts = stack.settings.kafka, stack.of(CertManagerInstallation), stack.of(Alerts)
    keda, strimzi = stack.of(Keda), stack.of(StrimziInstallation)
    return shared(prometheus, MonitoringSpec) | {
        "engine": kafka.engine,
        "nodes": node_metrics(stack) is not Metrics.OFF,
        "exporter": kafka.exporter or exporter_of(stack.settings) is not None,
        "provisioner": kafka.engine is not Engine.STRIMZI and stack.settings.manages_entities,
        "renewal_days": kafka.authorities.renewal_days,
        "authorities_given": kafka.authorities.given,
        "levels": levels_of(Levels().section(stack.settings) or {}, stack.settings),
        "tenants": _tenants(stack.settings),
        "strimzi": StrimziInstallation.namespace if strimzi is None else strimzi.namespace,
        "cert_manager": None if certificates is None else certificates.namespace,
        "keda": None if keda is None else keda.namespace,
        "scaled_in": sorted(stack.settings.tenant_namespaces - {stack.settings.namespace}) if keda else [],
        "receivers": NOBODY if alerts is None else alerts.receivers(stack.settings),
    }


def _tenants(settings: Core) -> dict[str, WatchedTenant]:
    """The tenants with users, each user with the quotas that it has."""
    users = settings.users
    return {
        name: WatchedTenant(
            users={_in_kafka(user, users[user]): users[user].quotas or Quotas() for user in tenant.users}
        )
        for name, tenant in settings.tenants.items()
        if tenant.users
    }


def _in_kafka(name: str, user: User) -> str:
    """What Kafka calls a user."""
    return f"{CERTIFICATE_NAME}{name}" if user.auth is Login.MTLS else name


def _shut_out(prometheus: Prometheus, stack: Stack, known: Known) -> Iterator[Fault]:
    """Whatever exposes metrics that Prometheus cannot reach."""
    reader = prometheus.runs_in(stack.settings)
    nodes: tuple[Path, Sequence[str]] = (("kafka", "metricsNamespaces"), plain(stack.settings.kafka.metrics_namespaces))
    for key, allowed in [nodes, *((each.key, each.allowed) for each in stack.scrapes)]:
        if known(*map(str, key[:-1])) and allowed and reader not in allowed:
            yield Fault(path=key, message=f"Prometheus may not connect: add {reader!r}, or remove the key")


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
