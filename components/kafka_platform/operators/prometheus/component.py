"""Prometheus, its operator and what belongs to them."""

from dataclasses import dataclass

import pulumi

from kafka_platform.operators.component import OperatorArgs, OperatorChart, install_chart
from kafka_platform.operators.prometheus.spec import (
    CHART,
    DEFINITIONS,
    PROMETHEUS_OPERATOR_VERSION,
    PROMETHEUS_STACK_VERSION,
    PrometheusStackSpec,
    prometheus_stack_values,
)
from kafka_platform.operators.sources import ChartSource


@dataclass(frozen=True, kw_only=True)
class PrometheusStackArgs(PrometheusStackSpec, OperatorArgs):
    """How Prometheus shall be installed."""


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
        chart = OperatorChart(
            release="prometheus",
            values=prometheus_stack_values(given),
            official=ChartSource(
                chart=CHART,
                version=PROMETHEUS_STACK_VERSION,
                definitions=DEFINITIONS.format(version=PROMETHEUS_OPERATOR_VERSION),
            ),
        )
        self.namespace = install_chart(self, name, given, chart)
        self.url = self.namespace.apply(lambda known: f"http://prometheus-operated.{known}.svc:9090")
        self.register_outputs({"namespace": self.namespace, "url": self.url})
