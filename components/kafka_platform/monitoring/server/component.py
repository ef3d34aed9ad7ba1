"""A Prometheus without an operator, for one platform."""

from dataclasses import dataclass

import pulumi

from kafka_platform.kube.images import ALERTMANAGER_IMAGE, PROMETHEUS_IMAGE
from kafka_platform.kube.place import place_all
from kafka_platform.monitoring.component import MonitoringArgs, sources_of
from kafka_platform.monitoring.server.objects import PORT, ServerSettings, objects
from kafka_platform.monitoring.server.spec import PrometheusSpec
from kafka_platform.values.names import check_workload


@dataclass(frozen=True, kw_only=True)
class PrometheusArgs(PrometheusSpec, MonitoringArgs):
    """Arguments of a `Prometheus`, and what it watches."""

    image: pulumi.Input[str] = PROMETHEUS_IMAGE
    """Image of Prometheus."""
    alertmanager_image: pulumi.Input[str] = ALERTMANAGER_IMAGE
    """Image of Alertmanager."""
    kube_state: bool = False
    """It does not read kube-state-metrics."""

    def check(self) -> None:
        """As both; and nothing reads labels of monitors, or kube-state-metrics."""
        super().check()
        if self.kube_state:
            raise ValueError("kube_state: a Prometheus without an operator does not read it: leave it out")
        if self.labels:
            raise ValueError("labels: there are no monitors to have them: leave it out")


class Prometheus(pulumi.ComponentResource):
    """One Prometheus for one platform, without an operator. It scrapes the same pods as the operator's Prometheus with `Monitoring`.

    The rules are the same too. With receivers, an Alertmanager sends the alerts (docs/components/prometheus.md).
    """

    url: pulumi.Output[str]
    """Where it answers queries, inside Kubernetes."""

    def __init__(self, name: str, args: PrometheusArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the StatefulSet and of the Service."""
        super().__init__("kafka-platform:index:Prometheus", name, {}, opts)
        given = PrometheusArgs.of(args)
        check_workload(name, "Prometheus")
        settings = ServerSettings(
            name=name,
            connection=given.connection,
            spec=given,
            monitored=given,
            sources=sources_of(given),
            receivers=given.receivers,
            image=given.image,
            alertmanager_image=given.alertmanager_image,
        )
        place_all(self, name, objects(settings))
        self.url = pulumi.Output.from_input(given.connection.namespace).apply(
            lambda namespace: f"http://{name}.{namespace}.svc:{PORT}"
        )
        self.register_outputs({"url": self.url})
