"""Prometheus, its operator and what belongs to them."""

from dataclasses import dataclass

import pulumi

from kafka_platform.kafka.secrets import encode
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import Manifest, labels, metadata
from kafka_platform.kube.objects import Object
from kafka_platform.kube.passwords import generated_password
from kafka_platform.operators.component import OperatorArgs, OperatorChart, install_chart
from kafka_platform.operators.prometheus.spec import (
    CHART,
    DEFINITIONS,
    GRAFANA_SECRET,
    PASSWORD_KEY,
    PROMETHEUS_OPERATOR_VERSION,
    PROMETHEUS_STACK_VERSION,
    USER_KEY,
    PrometheusStackSpec,
    grafana_secret,
    prometheus_stack_values,
)
from kafka_platform.operators.sources import ChartSource


@dataclass(frozen=True, kw_only=True)
class PrometheusStackArgs(PrometheusStackSpec, OperatorArgs):
    """Arguments of a `PrometheusStack`."""


def grafana_login(namespace: pulumi.Input[str], password: pulumi.Input[str]) -> Manifest:
    """The Secret with the name and the password of Grafana's administrator."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(GRAFANA_SECRET, namespace, labels("grafana", "monitoring")),
        "data": derived(lambda known: encode({USER_KEY: "admin", PASSWORD_KEY: known}), password),
    }


class PrometheusStack(pulumi.ComponentResource):
    """The Helm chart kube-prometheus-stack, with the Prometheus operator's CRDs as separate resources.

    Its Prometheus selects every PodMonitor, ServiceMonitor and PrometheusRule of the Kubernetes cluster, and scrapes
    the kubelets and cAdvisor, which broker autoscaling needs. Its Grafana shows every ConfigMap with the label
    `grafana_dashboard`. The CRDs are kept when the component is removed, and with them all monitors and rules.
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
            needed=self._login(name, given) if grafana_secret(given) else [],
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

    def _login(self, name: str, given: PrometheusStackArgs) -> list[Object]:
        """The Secret of Grafana's administrator, with a stable password."""
        password = generated_password(f"{name}-grafana", self)
        return [Object(role="grafana", manifest=grafana_login(given.namespace, password))]
