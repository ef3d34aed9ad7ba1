"""The settings of the operators that a stack needs: installed with it, or found in the Kubernetes cluster."""

from dataclasses import dataclass, field

from kafka_platform.monitoring.spec import MonitoringSpec
from kafka_platform.operators.cert_manager.spec import CertManagerSpec
from kafka_platform.operators.charts import OperatorSpec
from kafka_platform.operators.drain_cleaner.spec import DrainCleanerSpec, check_no_definitions
from kafka_platform.operators.keda.spec import KedaSpec
from kafka_platform.operators.prometheus.spec import PrometheusStackSpec
from kafka_platform.operators.sources import Source
from kafka_platform.operators.strimzi.spec import StrimziOperatorSpec
from kafka_platform.values.checks import check_field


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
        check_field("source.definitions", check_no_definitions, self.source.definitions)


@dataclass(frozen=True, kw_only=True)
class CertManagerInstallation(CertManagerSpec, Operator):
    """cert-manager, which makes and renews the certificates of webhooks and of what is exposed."""


@dataclass(frozen=True, kw_only=True)
class Keda(KedaSpec, Operator):
    """KEDA, which scales programs by measured load. Its pods may connect to the brokers, to measure lag."""


@dataclass(frozen=True, kw_only=True)
class Prometheus(PrometheusStackSpec, MonitoringSpec, Operator):
    """Prometheus and its operator: what the platform shows is read, and alerts tell of what is wrong."""
