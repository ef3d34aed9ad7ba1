"""The settings of the operators that a stack needs: installed with it, or found in the Kubernetes cluster."""

from collections.abc import Mapping
from typing import Annotated, Any

from kafka_platform.cert_manager_chart import CERT_MANAGER_VERSION, check_cert_manager
from kafka_platform.chart_sources import check_source
from kafka_platform.charts import MOST_REPLICAS, check_chart
from kafka_platform.checks import checked
from kafka_platform.drain_cleaner_chart import DRAIN_CLEANER_VERSION, check_drain_cleaner, check_no_definitions
from kafka_platform.free_maps import check_labels
from kafka_platform.keda_model import VERSION, check_keda
from kafka_platform.prometheus_chart import check_prometheus_stack
from pydantic import field_validator, model_validator

from infra.settings.section import NamespaceName, NamespaceNames, Range, Section


class Source(Section):
    """Where an operator's chart and the definitions of its kinds are, for clusters that do not reach the official ones."""

    chart: str | None = None
    """The Helm chart: an address such as `oci://registry.example.com/charts/keda` or `https://files.example.com/keda.tgz`,
    a `.tgz` or a folder as the stack file's folder sees it, or its name in `repository`. Default: the official one."""
    repository: str | None = None
    """Address of a Helm repository that has the chart, under its usual name unless `chart` says another. Default: none."""
    chart_version: str | None = None
    """Version of the chart, if yours is numbered otherwise than the official one. Default: the same number."""
    definitions: str | None = None
    """URL of the definitions of the operator's kinds, or a file as the stack file's folder sees it, of the operator's
    version. Default: those of the official release."""

    @model_validator(mode="after")
    def _check(self) -> "Source":
        check_source(**self.model_dump())
        return self


class Operator(Section):
    """An operator by its official Helm chart, or one that the Kubernetes cluster has already."""

    install: bool = False
    """Whether it is installed with the stack. Default: the Kubernetes cluster has it already."""
    namespace: NamespaceName
    """Its namespace."""
    create_namespace: bool = True
    """With install: whether the namespace is made (and removed) with the stack. Default true."""
    replicas: Annotated[int, Range(1, MOST_REPLICAS)] = 2
    """With install: pods of each of its parts; one works, the others take over. Default 2."""
    registry: str | None = None
    """With install: registry that has its images under their usual names. Default: the official one."""
    values: Mapping[str, Any] = {}
    """With install: further values of the Helm chart. Default: none."""
    source: Source = Source()
    """With install: where its chart and definitions are. Default: at the official places."""


class StrimziInstallation(Operator):
    """Strimzi's operator, in the version whose custom resources this platform writes."""

    namespace: NamespaceName = "strimzi"
    """With install: namespace of the operator. Default strimzi."""
    watch_namespaces: NamespaceNames = ()
    """With install: namespaces whose Kafkas it runs. Default: all."""

    @model_validator(mode="after")
    def _check(self) -> "StrimziInstallation":
        check_chart(replicas=self.replicas, registry=self.registry, values=self.values)
        return self


class DrainCleanerInstallation(Operator):
    """Strimzi's Drain Cleaner, for `kafka.drainCleaner`. The certificate of its webhook needs `certManager`."""

    namespace: NamespaceName = "strimzi-drain-cleaner"
    """With install: namespace of the Drain Cleaner. Default strimzi-drain-cleaner."""
    version: str = DRAIN_CLEANER_VERSION
    """With install: version of the Drain Cleaner and of its Helm chart, 1.5.0 or newer. Default: the one of this release."""

    @model_validator(mode="after")
    def _check(self) -> "DrainCleanerInstallation":
        check_drain_cleaner(version=self.version, replicas=self.replicas, registry=self.registry, values=self.values)
        checked("source.definitions", check_no_definitions, self.source.definitions)
        return self


class CertManagerInstallation(Operator):
    """cert-manager, which makes and renews the certificates of webhooks and of what is exposed."""

    namespace: NamespaceName = "cert-manager"
    """With install: namespace of cert-manager. Default cert-manager."""
    version: str = CERT_MANAGER_VERSION
    """With install: version of cert-manager and of its Helm chart, 1.20.0 or newer. Default: the one of this release."""

    @model_validator(mode="after")
    def _check(self) -> "CertManagerInstallation":
        check_cert_manager(version=self.version, replicas=self.replicas, registry=self.registry, values=self.values)
        return self


class Keda(Operator):
    """KEDA, which scales programs by measured load. Its pods may connect to the brokers, to measure lag."""

    namespace: NamespaceName = "keda"
    """Namespace of KEDA. Default keda."""
    version: str = VERSION
    """With install: version of KEDA and of its Helm chart, 2.17.0 or newer. Default: the one of this release."""

    @model_validator(mode="after")
    def _check(self) -> "Keda":
        check_keda(version=self.version, replicas=self.replicas, registry=self.registry, values=self.values)
        return self


class Prometheus(Operator):
    """Prometheus and its operator: what the platform shows is read, and alerts tell of what is wrong."""

    namespace: NamespaceName = "monitoring"
    """Namespace of Prometheus. Default monitoring."""
    alerts: bool = True
    """Whether there are alert rules. Default true."""
    labels: Mapping[str, str] = {}
    """Labels of the monitors and rules, for a Prometheus that reads only those that have them. Default: none."""
    retention: str = "10d"
    """With install: how long metrics are kept, at least 2h. Default 10d; less where the volume is too small for them."""
    storage: str = "50Gi"
    """With install: volume of each Prometheus. Default 50Gi."""
    storage_class: str | None = None
    """With install: StorageClass of the volumes. Default: the Kubernetes cluster's default class."""

    @field_validator("labels")
    @classmethod
    def _labels(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        check_labels(value)
        return value

    @model_validator(mode="after")
    def _check(self) -> "Prometheus":
        check_prometheus_stack(
            replicas=self.replicas,
            registry=self.registry,
            retention=self.retention,
            storage=self.storage,
            storage_class=self.storage_class,
            values=self.values,
        )
        return self
