"""The Kafka exporter of a stack."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import kafka_platform
from kafka_platform.exporter.monitoring import source
from kafka_platform.exporter.objects import ExporterSettings, metrics_url, objects
from kafka_platform.exporter.spec import EXPORTER_USER, KAFKA_EXPORTER, ExporterSpec, Surge, exporter_user
from kafka_platform.kafka.entities import User
from kafka_platform.kafka.protocols import Engine
from kafka_platform.values.forms import shared
from kafka_platform.values.later import plain

from infra.capabilities.capability import (
    CLUSTER,
    Capability,
    Deployment,
    Needs,
    Placed,
    Rendered,
    Scrape,
    Stack,
)
from infra.capabilities.operators import Keda, Prometheus
from infra.settings.core import Core
from infra.settings.faults import Fault, Known


@dataclass(frozen=True, kw_only=True)
class Exporter(ExporterSpec):
    """The Kafka exporter: consumer lag, topic sizes and offsets as metrics."""

    enabled: bool | None = None
    """Whether to run it. Default: if the file has this key, or has `prometheus` and manages Kafka's users."""

    surge: bool = False
    """Whether it adds pods to workers within seconds of a step of the load, instead of when KEDA sees the lag: to those that read
    one topic and have `scale.recordsPerSecondPerPod` and a `scale.min` of at least 1. It never removes any. Default false."""

    def values(self, stack: Stack) -> dict[str, Any]:
        """Its fields as a program writes them."""
        settings, served = stack.settings, stack.tls_servers
        prometheus = settings.of(Prometheus)
        namespaces = [*(self.metrics_namespaces or ([] if prometheus is None else [prometheus.runs_in(settings)]))]
        keda = settings.of(Keda)
        if self.surge and namespaces and keda is not None:  # none: all
            namespaces = [*dict.fromkeys([*namespaces, plain(keda.namespace)])]
        pods = settings.pod_settings.with_own(self.pod_settings)
        return shared(self, ExporterSpec) | {
            "metrics_namespaces": namespaces,
            "pod_settings": pods,
            "tls_servers": [*(each.address for each in served), *self.tls_servers],
            "tls_server_ports": sorted({*(each.pod_port for each in served), *self.tls_server_ports}),
        }


def exporter_of(settings: Core) -> Exporter | None:
    """The exporter, if there is one: it is on wherever there is Prometheus and the stack can make its user."""
    written = settings.of(Exporter)
    if written is not None:
        return None if written.enabled is False else written
    watched = settings.of(Prometheus) is not None and settings.manages_entities and settings.makes_users
    return Exporter() if watched else None


class KafkaExporter(Capability[Exporter]):
    """Exposes consumer lag and topic sizes."""

    key = "exporter"
    names = frozenset({KAFKA_EXPORTER})

    def section(self, settings: Core) -> Exporter | None:
        """On by default where there is Prometheus."""
        return exporter_of(settings)

    def needs(self, section: Exporter, settings: Core) -> Needs:
        """A password; and it shows metrics."""
        scrape = Scrape(
            source=source(KAFKA_EXPORTER, surges=section.surge),
            namespace=settings.namespace,
            key=("exporter", "metricsNamespaces"),
            allowed=plain(section.metrics_namespaces),
        )
        return Needs(passwords=["the exporter logs in"], scrapes=[scrape])

    def users(self, section: Exporter, settings: Core) -> Mapping[str, User]:
        """Its own."""
        return {EXPORTER_USER: exporter_user(settings.namespace, ledger=_ledger(settings))}

    def described(self, section: Exporter) -> str:
        """There is one at most."""
        return "Kafka exporter"

    def faults(self, section: Exporter, stack: Stack, known: Known) -> Iterator[Fault]:
        """The stack has to be able to create its user, whose name nothing else may have."""
        settings = stack.settings
        if not known("kafka", "engine"):
            return
        if not settings.manages_entities and known("kafka", "adminSecret"):
            yield Fault(
                path=("exporter",),
                message="it needs a user, which an administrator makes: name the administrator's Secret in kafka.adminSecret, or remove "
                "the key",
            )
        if settings.manages_entities and not settings.makes_users and known("kafka"):
            yield Fault(
                path=("exporter",),
                message=f"it needs a user of its own, and clients log in with {settings.kafka.login}, where whoever runs the Kafka "
                "makes users: remove the key",
            )
        if section.surge and known("workers") and not surges_of(section, stack):
            message = (
                "no worker can be given pods at once: that takes recordsPerSecondPerPod, a min of at least 1 and one topic; "
                "write these, or remove the key"
            )
            yield Fault(path=("exporter", "surge"), message=message)
        for name, tenant in settings.tenants.items():
            if EXPORTER_USER in tenant.users:
                path = ("tenants", name, "users", EXPORTER_USER)
                message = "is the user of the exporter: rename it, or write exporter: {enabled: false}"
                yield Fault(path=path, message=message)

    def rendered(self, section: Exporter, placed: Placed) -> Iterator[Rendered]:
        """Its objects."""
        settings = placed.settings
        exporter = ExporterSettings(
            name=KAFKA_EXPORTER,
            namespace=settings.namespace,
            connection=placed.connection,
            image=settings.runtime_image,
            user=EXPORTER_USER,
            ledger=_ledger(settings),
            declared_by=[CLUSTER] if _ledger(settings) else (),
            stack=placed.mark if _shared(settings) else None,
            surges=surges_of(section, placed.stack),
            spec=ExporterSpec(**section.values(placed.stack)),
        )
        yield from placed.named(KAFKA_EXPORTER, objects(exporter))

    def build(self, section: Exporter, deployment: Deployment) -> None:
        """Depends on its user and that user's password."""
        args = kafka_platform.KafkaExporterArgs(
            **section.values(deployment.stack),
            connection=deployment.connection,
            ledger=_ledger(deployment.settings),
            declared_by=[CLUSTER] if _ledger(deployment.settings) else (),
            stack=deployment.mark if _shared(deployment.settings) else None,
            surges=surges_of(section, deployment.stack),
            runtime_image=deployment.settings.runtime_image,
        )
        exporter = kafka_platform.KafkaExporter(
            KAFKA_EXPORTER, args, deployment.options("entities", namespaces=bool(args.surges))
        )
        deployment.outputs["exporter"] = {"metricsUrl": exporter.metrics_url}


def surges_of(section: Exporter, stack: Stack) -> list[Surge]:
    """Whose pods it adds."""
    if not section.surge:
        return []
    return [each for capability, found in stack.present for each in capability.surges(found, stack)]


def surge_url(settings: Core) -> str | None:
    """The metrics of the exporter that adds pods; None if there is none."""
    exporter = exporter_of(settings)
    return metrics_url(KAFKA_EXPORTER, settings.namespace) if exporter is not None and exporter.surge else None


def _ledger(settings: Core) -> bool:
    """With Strimzi, operators manage topics and users, and there is no provisioner."""
    return settings.manages_entities and settings.kafka.engine is not Engine.STRIMZI


def _shared(settings: Core) -> bool:
    """Only an external Kafka may be used by several stacks."""
    return settings.kafka.engine is Engine.EXTERNAL
