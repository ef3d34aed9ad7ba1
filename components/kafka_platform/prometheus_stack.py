"""Prometheus, its operator and what belongs to them."""

from dataclasses import dataclass

import pulumi

from kafka_platform.chart_sources import ChartSource
from kafka_platform.operators import OperatorArgs, OperatorChart, installed
from kafka_platform.prometheus_chart import (
    CHART,
    DEFINITIONS,
    PROMETHEUS_OPERATOR_VERSION,
    PROMETHEUS_STACK_VERSION,
    check_prometheus_stack,
    prometheus_stack_values,
)


@dataclass(frozen=True, kw_only=True)
class PrometheusStackArgs(OperatorArgs):
    """How Prometheus shall be installed."""

    namespace: str = "monitoring"
    """Namespace of everything. Default monitoring."""
    replicas: int = 2
    """How many Prometheus there are, each with all the metrics, and how many Alertmanagers. Default 2."""
    registry: str | None = None
    """Registry that has all images of the chart. Default: those of their projects."""
    retention: str = "10d"
    """How long metrics are kept, at least 2h. Default 10d; less where the volume is too small for them."""
    storage: str = "50Gi"
    """Volume of each Prometheus. Default 50Gi."""
    storage_class: str | None = None
    """StorageClass of the volumes. Default: the Kubernetes cluster's default class."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_prometheus_stack(
            replicas=self.replicas,
            registry=self.registry,
            retention=self.retention,
            storage=self.storage,
            storage_class=self.storage_class,
            values=self.values,
        )


class PrometheusStack(pulumi.ComponentResource):
    """The Helm chart kube-prometheus-stack, with the definitions of the Prometheus operator's kinds as resources of their own.

    Its Prometheus reads every PodMonitor, ServiceMonitor and PrometheusRule of the Kubernetes cluster, and kubelets and
    cAdvisor, by which brokers are scaled. The definitions stay when the component goes, and with them all monitors and rules.
    """

    namespace: pulumi.Output[str]
    """Its namespace, once it is ready."""
    url: pulumi.Output[str]
    """Where Prometheus answers queries, inside Kubernetes."""

    def __init__(self, name: str, args: PrometheusStackArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the prefix of its children's names."""
        super().__init__("kafka-platform:index:PrometheusStack", name, {}, opts)
        given = PrometheusStackArgs.of(args)
        values = prometheus_stack_values(
            replicas=given.replicas,
            registry=given.registry,
            retention=given.retention,
            storage=given.storage,
            storage_class=given.storage_class,
            values=given.values,
        )
        chart = OperatorChart(
            release="prometheus",
            values=values,
            official=ChartSource(
                chart=CHART,
                version=PROMETHEUS_STACK_VERSION,
                definitions=DEFINITIONS.format(version=PROMETHEUS_OPERATOR_VERSION),
            ),
        )
        self.namespace = installed(self, name, given, chart)
        self.url = self.namespace.apply(lambda known: f"http://prometheus-operated.{known}.svc:9090")
        self.register_outputs({"namespace": self.namespace, "url": self.url})
