"""The spec of a Prometheus without an operator. No Pulumi."""

from collections.abc import Sequence
from dataclasses import dataclass

from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.kube.tsdb import check_retention, check_storage
from kafka_platform.values.checks import PORT_SCHEMA, check_ports
from kafka_platform.values.form import DURATION, QUANTITY
from kafka_platform.values.forms import Compute, Spec, duration, formed, memory_of, named, namespaces, processors
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_subdomain


@dataclass(frozen=True, kw_only=True)
class PrometheusResources(Compute):
    """CPU and memory of Prometheus' pod."""

    cpu: str = processors("50m")
    """CPU request. Default 50m."""
    cpu_limit: str | None = processors(None, "1")
    """CPU limit. Default: none."""
    memory: str = memory_of("Prometheus", "256Mi", least="128Mi")
    """Memory request and limit, at least 128Mi; it needs about 3 KiB per series. Default 256Mi."""


@dataclass(frozen=True, kw_only=True)
class AlertmanagerResources(Compute):
    """CPU and memory of Alertmanager's pod."""

    cpu: str = processors("10m")
    """CPU request. Default 10m."""
    cpu_limit: str | None = processors(None, "1")
    """CPU limit. Default: none."""
    memory: str = memory_of("Alertmanager", "64Mi", least="48Mi")
    """Memory request and limit, at least 48Mi. Default 64Mi."""


def _check_api_ports(ports: Sequence[int]) -> None:
    if not ports:
        raise ValueError("none is named, and Prometheus finds pods by the API server: write its port, such as 6443")
    check_ports(ports)


@dataclass(frozen=True, kw_only=True)
class PrometheusSpec(Spec):
    """Settings of a Prometheus without an operator, shared by programs and stack files."""

    interval: str = duration("30s", least="1s", most="2m", whole_seconds=True)
    """How often metrics are scraped and rules evaluated, 1s to 2m. Default 30s."""
    retention: str = formed("3d", check_retention, pattern=DURATION, examples=["3d"])
    """How long metrics are kept, at least 2h; less if the volume is too small for them. Default 3d."""
    storage: str = formed("5Gi", check_storage, pattern=QUANTITY, examples=["5Gi"])
    """Size of the volume. Default 5Gi."""
    storage_class: Input[str] | None = named(check_subdomain, "object name")
    """StorageClass of the volumes. Default: the Kubernetes cluster's default class."""
    persistent: bool = True
    """Whether metrics and silences are on persistent volumes. Otherwise they are lost with the pods. Default true."""
    client_namespaces: Sequence[Input[str]] = namespaces()
    """Namespaces whose pods may query it, such as Grafana's. Default: none; use `kubectl port-forward`."""
    api_ports: Sequence[int] = formed((443, 6443), _check_api_ports, items=PORT_SCHEMA)
    """Ports that the API server's machines listen on, behind its Service. Default 443 and 6443."""
    resources: PrometheusResources = PrometheusResources()
    """CPU and memory of the pod. Default: 50m and 256Mi."""
    alertmanager_resources: AlertmanagerResources = AlertmanagerResources()
    """CPU and memory of Alertmanager's pod. Default: 10m and 64Mi."""
    pod_settings: PodSettings = UNDECIDED
    """Scheduling, labels and pull secrets of the pods. Default: Kubernetes' own defaults."""

    def check(self) -> None:
        """A volume that is lost with the pod has no storage class."""
        if not self.persistent and self.storage_class is not None:
            raise ValueError(
                "storage_class: there is no volume to be of that class: remove it, or write persistent: true"
            )
