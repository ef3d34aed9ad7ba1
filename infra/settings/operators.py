"""The settings of the operators that a stack needs: installed with it, or found in the Kubernetes cluster."""

from dataclasses import dataclass, field

from kafka_platform.cert_manager_chart import CertManagerSpec
from kafka_platform.chart_sources import Source
from kafka_platform.charts import OperatorSpec
from kafka_platform.checks import checked
from kafka_platform.drain_cleaner_chart import DrainCleanerSpec, check_no_definitions
from kafka_platform.keda_model import KedaSpec
from kafka_platform.monitoring_model import MonitoringSpec
from kafka_platform.prometheus_chart import PrometheusStackSpec
from kafka_platform.strimzi_chart import StrimziOperatorSpec


@dataclass(frozen=True, kw_only=True)
class Installable:
    """What a stack may bring, or find."""

    install: bool = False
    """Whether it is installed with the stack. If not, the Kubernetes cluster has to have it, and keys that say how to install
    it are refused. Default false."""


@dataclass(frozen=True, kw_only=True)
class Operator(OperatorSpec, Installable):
    """An operator by its official Helm chart, or one that the Kubernetes cluster has already."""

    source: Source = field(default_factory=Source)
    """Where its chart and definitions are. Default: at the official places."""


@dataclass(frozen=True, kw_only=True)
class StrimziInstallation(StrimziOperatorSpec, Operator):
    """Strimzi's operator, in the version whose custom resources this platform writes."""


@dataclass(frozen=True, kw_only=True)
class DrainCleanerInstallation(DrainCleanerSpec, Operator):
    """Strimzi's Drain Cleaner, for `kafka.drainCleaner`. The certificate of its webhook needs `certManager`."""

    def check(self) -> None:
        """As every operator; and there are no definitions."""
        super().check()
        checked("source.definitions", check_no_definitions, self.source.definitions)


@dataclass(frozen=True, kw_only=True)
class CertManagerInstallation(CertManagerSpec, Operator):
    """cert-manager, which makes and renews the certificates of webhooks and of what is exposed."""


@dataclass(frozen=True, kw_only=True)
class Keda(KedaSpec, Operator):
    """KEDA, which scales programs by measured load. Its pods may connect to the brokers, to measure lag."""


@dataclass(frozen=True, kw_only=True)
class Prometheus(PrometheusStackSpec, MonitoringSpec, Operator):
    """Prometheus and its operator: what the platform shows is read, and alerts tell of what is wrong."""
