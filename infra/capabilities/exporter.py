"""The Kafka exporter of a stack."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import kafka_platform
from kafka_platform.exporter.monitoring import source
from kafka_platform.exporter.objects import ExporterSettings, objects
from kafka_platform.exporter.spec import EXPORTER_USER, KAFKA_EXPORTER, ExporterSpec, exporter_user
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
from infra.capabilities.operators import Prometheus
from infra.settings.core import Core
from infra.settings.faults import Fault, Known


@dataclass(frozen=True, kw_only=True)
class Exporter(ExporterSpec):
    """The Kafka exporter: consumer lag, topic sizes and offsets as metrics."""

    enabled: bool | None = None
    """Whether to run it. Default: if the file has this key, or has `prometheus` and manages Kafka's users."""

    def values(self, stack: Stack) -> dict[str, Any]:
        """Its fields as a program writes them."""
        settings, served = stack.settings, stack.tls_servers
        prometheus = settings.of(Prometheus)
        namespaces = self.metrics_namespaces or ([] if prometheus is None else [prometheus.runs_in(settings)])
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
            source=source(KAFKA_EXPORTER),
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
            runtime_image=deployment.settings.runtime_image,
        )
        exporter = kafka_platform.KafkaExporter(KAFKA_EXPORTER, args, deployment.options("entities"))
        deployment.outputs["exporter"] = {"metricsUrl": exporter.metrics_url}


def _ledger(settings: Core) -> bool:
    """With Strimzi, operators manage topics and users, and there is no provisioner."""
    return settings.manages_entities and settings.kafka.engine is not Engine.STRIMZI


def _shared(settings: Core) -> bool:
    """Only an external Kafka may be used by several stacks."""
    return settings.kafka.engine is Engine.EXTERNAL
