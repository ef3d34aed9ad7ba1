"""Prometheus, its operator and what belongs to them."""

from dataclasses import dataclass, replace

import pulumi

from kafka_platform.kube.objects import Object
from kafka_platform.kube.passwords import generated_password
from kafka_platform.operators.component import OperatorArgs, install_chart
from kafka_platform.operators.prometheus.spec import (
    PrometheusStackSpec,
    grafana_login,
    grafana_secret,
    prometheus_chart,
)


@dataclass(frozen=True, kw_only=True)
class PrometheusStackArgs(PrometheusStackSpec, OperatorArgs):
    """Arguments of a `PrometheusStack`."""


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
        login = self._login(name, given) if grafana_secret(given) else []
        chart = replace(prometheus_chart(given), needed=login)
        self.namespace = install_chart(self, name, given, chart)
        self.url = self.namespace.apply(lambda known: f"http://prometheus-operated.{known}.svc:9090")
        self.register_outputs({"namespace": self.namespace, "url": self.url})

    def _login(self, name: str, given: PrometheusStackArgs) -> list[Object]:
        """The Secret of Grafana's administrator, with a stable password."""
        password = generated_password(f"{name}-grafana", self)
        return [Object(role="grafana", manifest=grafana_login(given.namespace, password))]
