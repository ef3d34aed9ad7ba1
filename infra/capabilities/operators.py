"""The operators that a stack needs: installed with it, or found in the Kubernetes cluster."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import kafka_platform
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kube.objects import Object
from kafka_platform.monitoring.server.spec import PrometheusSpec
from kafka_platform.monitoring.spec import MonitoringSpec
from kafka_platform.operators.cert_manager.spec import CertManagerSpec, cert_manager_chart
from kafka_platform.operators.charts import OperatorChart, OperatorSpec
from kafka_platform.operators.drain_cleaner.spec import DrainCleanerSpec, check_no_definitions, drain_cleaner_chart
from kafka_platform.operators.keda.spec import KedaSpec, keda_chart
from kafka_platform.operators.prometheus.spec import (
    PrometheusStackSpec,
    grafana_login,
    grafana_secret,
    prometheus_chart,
)
from kafka_platform.operators.sources import Source
from kafka_platform.operators.strimzi.spec import StrimziOperatorSpec, strimzi_chart
from kafka_platform.values.checks import check_field
from kafka_platform.values.later import plain
from pydantic.alias_generators import to_camel

from infra.capabilities.capability import Capability, Deployment, Needs, Placed, Rendered, Stack
from infra.settings.core import Core
from infra.settings.faults import Fault, Known
from infra.settings.relations.tenants import creation_fault

_O = TypeVar("_O", bound="Operator")


@dataclass(frozen=True, kw_only=True)
class Installable:
    """Something that a stack installs, or finds in the cluster."""

    install: bool = False
    """Whether the stack installs it. Otherwise the Kubernetes cluster must have it, and keys about the installation are
    refused. Default false."""


@dataclass(frozen=True, kw_only=True)
class Operator(OperatorSpec, Installable):
    """An operator from its official Helm chart, or one that the Kubernetes cluster already has."""

    source: Source = field(default_factory=Source)
    """Where its chart and CRDs come from. Default: the official sources."""


@dataclass(frozen=True, kw_only=True)
class StrimziInstallation(StrimziOperatorSpec, Operator):
    """Strimzi's operator, in the version whose custom resources this platform writes."""


@dataclass(frozen=True, kw_only=True)
class DrainCleanerInstallation(DrainCleanerSpec, Operator):
    """Strimzi's Drain Cleaner, for `kafka.drainCleaner`. The certificate of its webhook needs `certManager`."""

    def check(self) -> None:
        """Like every operator; but it has no CRDs."""
        super().check()
        check_field("source.definitions", check_no_definitions, self.source.definitions)


@dataclass(frozen=True, kw_only=True)
class CertManagerInstallation(CertManagerSpec, Operator):
    """cert-manager, which issues and renews certificates of webhooks, Gateways and Ingresses."""


@dataclass(frozen=True, kw_only=True)
class Keda(KedaSpec, Operator):
    """KEDA, which scales workloads by load. Its pods may connect to the brokers, to measure lag."""


@dataclass(frozen=True, kw_only=True)
class PrometheusServer(PrometheusSpec):
    """One Prometheus for this platform alone, without an operator. It runs in the platform's namespace."""


@dataclass(frozen=True, kw_only=True)
class Prometheus(PrometheusStackSpec, MonitoringSpec, Operator):
    """Prometheus: metrics, dashboards and alerts of the platform."""

    server: PrometheusServer | None = None
    """One Prometheus without the operator, for this platform alone; may be left empty. Default: the operator's
    Prometheus."""

    def runs_in(self, settings: Core) -> str:
        """Namespace of the Prometheus that scrapes the metrics."""
        return settings.namespace if self.server is not None else str(plain(self.namespace))


def operator_args(kind: type[Any], operator: Operator) -> Any:
    """The args of a component that installs an operator, from what the file says of it and of its source."""
    told = {each.name for each in fields(Source)}
    return kind(
        **{each.name: getattr(operator.source if each.name in told else operator, each.name) for each in fields(kind)}
    )


class Installed(Capability[_O]):
    """An operator that a stack can install."""

    component: str
    """Name of its component in the library."""
    resource: str
    """Name of its component in the stack."""
    title: str
    """What it is called in a message."""
    group: str | None = None
    """API group of its CRDs; None if it has none."""
    chart: Callable[[Any], OperatorChart]
    """Its Helm chart, from its section."""
    without_install = frozenset[str]()
    """Keys of one that the Kubernetes cluster has."""
    after: Sequence[str] = ()
    """Operators that it needs, by their keys."""

    def needs(self, section: _O, settings: Core) -> Needs:
        """A namespace of its own, unless there is one."""
        return Needs(made=[plain(section.namespace)] if section.install and section.create_namespace else [])

    def faults(self, section: _O, stack: Stack, known: Known) -> Iterator[Fault]:
        """Keys that do not fit an existing operator, or a namespace that cannot be created."""
        key = to_camel(self.key)
        if known(key, "install") and section.install:
            yield from self._namespace_faults(section, stack)
        elif known(key, "install"):
            message = self.unfit(section)
            for name in sorted(known.written(key) - {"install"} - self.without_install):
                yield Fault(path=(key, name), message=message)
        yield from self.own_faults(section, stack, known)

    def unfit(self, section: _O) -> str:
        """The fault of a key about the installation of something that the stack does not install."""
        return f"{self.title} is in the cluster already: remove the key, or write install: true"

    def own_faults(self, section: _O, stack: Stack, known: Known) -> Iterator[Fault]:
        """Faults of this operator alone."""
        return iter(())

    def build(self, section: _O, deployment: Deployment) -> None:
        """Installs it, if the stack does: what it runs has to depend on it."""
        if section.install:
            args = operator_args(getattr(kafka_platform, f"{self.component}Args"), section)
            component = getattr(kafka_platform, self.component)
            options = deployment.options(*self.after, namespaces=True)
            deployment.made[self.key] = component(self.resource, args, options)

    def _namespace_faults(self, section: _O, stack: Stack) -> Iterator[Fault]:
        if not section.create_namespace:
            return
        path, namespace = (to_camel(self.key), "namespace"), plain(section.namespace)
        made = dict.fromkeys(stack.settings.created_namespaces, "by this file")
        for other in itertools.takewhile(lambda each: each is not self, INSTALLED):
            found = other.section(stack.settings)
            for each in other.needs(found, stack.settings).made if found is not None else ():
                made.setdefault(each, f"for {to_camel(other.key)}")
        reserved = creation_fault(namespace)
        if reserved is not None:
            yield Fault(path=path, message=reserved)
        elif namespace in made:
            message = f"{namespace!r} is made {made[namespace]} already: write createNamespace: false, or another name"
            yield Fault(path=path, message=message)


class StrimziOperator(Installed[StrimziInstallation]):
    """Runs a Kafka from custom resources."""

    key, resource, component, title = "strimzi", "strimzi", "StrimziOperator", "the operator"
    chart = staticmethod(strimzi_chart)
    group = "kafka.strimzi.io"
    without_install = frozenset({"namespace"})

    def own_faults(self, section: StrimziInstallation, stack: Stack, known: Known) -> Iterator[Fault]:
        """It has to watch the namespace of the Kafka."""
        settings = stack.settings
        if not known("strimzi") or not known("kafka", "engine"):
            return
        if settings.kafka.engine is not Engine.STRIMZI:
            yield Fault(path=("strimzi",), message=_other_engine(settings))
        elif (
            section.install
            and section.watch_namespaces
            and settings.namespace not in (section.namespace, *section.watch_namespaces)
        ):
            yield Fault(
                path=("strimzi", "watchNamespaces"),
                message=f"{settings.namespace!r} is not among them, and the Kafka is there: add it, or remove the key",
            )


def _other_engine(settings: Core) -> str:
    return f"the engine is {settings.kafka.engine.value}: remove the key, or write kafka.engine: strimzi"


class DrainCleaner(Installed[DrainCleanerInstallation]):
    """Lets Strimzi move Kafka's nodes off machines that are drained."""

    key, resource, component, title = "drain_cleaner", "drain-cleaner", "DrainCleaner", "the Drain Cleaner"
    chart = staticmethod(drain_cleaner_chart)
    after = ("cert_manager",)

    def own_faults(self, section: DrainCleanerInstallation, stack: Stack, known: Known) -> Iterator[Fault]:
        """Strimzi has to expect it, and its webhook needs a certificate."""
        settings = stack.settings
        if not known("drainCleaner") or not known("kafka"):
            return
        if settings.kafka.engine is not Engine.STRIMZI:
            yield Fault(path=("drainCleaner",), message=_other_engine(settings))
        elif not settings.kafka.drain_cleaner:
            message = (
                "the Kafka does not expect it and lets machines be drained without it: write kafka.drainCleaner: true"
            )
            yield Fault(path=("drainCleaner",), message=message)
        elif section.install and stack.of(CertManagerInstallation) is None and known("certManager"):
            yield Fault(
                path=("drainCleaner",),
                message="its webhook needs a certificate: write certManager: {} if it is in the cluster, or install: true",
            )


class CertManager(Installed[CertManagerInstallation]):
    """Issues and renews certificates."""

    key, resource, component, title = "cert_manager", "cert-manager", "CertManager", "cert-manager"
    chart = staticmethod(cert_manager_chart)
    group = "cert-manager.io"
    without_install = frozenset({"namespace"})


class PrometheusOperator(Installed[Prometheus]):
    """Scrapes metrics, and fires alerts."""

    key, resource, component, title = "prometheus", "prometheus", "PrometheusStack", "Prometheus"
    chart = staticmethod(prometheus_chart)
    group = "monitoring.coreos.com"
    without_install = frozenset({"namespace", "server", *(to_camel(each.name) for each in fields(MonitoringSpec))})

    def rendered(self, section: Prometheus, placed: Placed) -> Iterator[Rendered]:
        """The login of Grafana's administrator, if the stack installs it; what the chart has is its own."""
        if section.install and grafana_secret(section):
            manifest = grafana_login(section.namespace, placed.password("prometheus-grafana"))
            yield from placed.named(self.resource, [Object(role="grafana", manifest=manifest)])

    def unfit(self, section: Prometheus) -> str:
        """Most keys are those of the operator's chart."""
        if section.server is None:
            return super().unfit(section)
        return "is not of a Prometheus without operator: remove the key; what there is to say of it is below server"

    def own_faults(self, section: Prometheus, stack: Stack, known: Known) -> Iterator[Fault]:
        """There is one Prometheus, and its keys are its own."""
        if section.server is None or not known("prometheus", "install"):
            return
        if section.install:
            yield Fault(path=("prometheus", "server"), message="install: true brings one: remove one of the two keys")
            return
        for name in sorted(known.written("prometheus") & {"namespace", "labels"}):
            yield Fault(path=("prometheus", name), message=self.unfit(section))


class KedaOperator(Installed[Keda]):
    """Scales workloads by load."""

    key, resource, component, title = "keda", "keda", "KedaOperator", "KEDA"
    chart = staticmethod(keda_chart)
    group = "keda.sh"
    without_install = frozenset({"namespace"})

    def needs(self, section: Keda, settings: Core) -> Needs:
        """Its pods connect to the brokers, to measure lag."""
        return replace(super().needs(section, settings), clients=[plain(section.namespace)])


INSTALLED: Sequence[Installed[Any]] = (
    StrimziOperator(),
    CertManager(),
    DrainCleaner(),
    PrometheusOperator(),
    KedaOperator(),
)
"""All of them, each after those that it needs."""
OPERATORS = tuple(to_camel(each.key) for each in INSTALLED)
"""The keys of a stack file that install an operator."""
