"""A continuous probe of the platform, and a gate that a deployment has to pass."""

from dataclasses import dataclass

import pulumi

from kafka_platform.args import Args
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kube.images import RUNTIME_IMAGE
from kafka_platform.kube.place import place_all
from kafka_platform.kube.pods import METRICS_PORT
from kafka_platform.probe.objects import ProbeSettings, objects
from kafka_platform.probe.spec import LATENCY_PROBE, ProbeSpec
from kafka_platform.values.checks import check_url
from kafka_platform.values.forms import named
from kafka_platform.values.names import (
    check_label,
    check_secret_of_user,
    check_service_name,
    check_subdomain,
    check_topic,
    check_user,
    user_secret,
)


@dataclass(frozen=True, kw_only=True)
class LatencyProbeArgs(ProbeSpec, Args):
    """Arguments of a `LatencyProbe`."""

    connection: KafkaConnection
    """The Kafka: `connection` of its `KafkaCluster`."""
    topic: str = named(check_topic, default=LATENCY_PROBE)
    """Topic for this probe alone, which exists: declare it as `latency_probe_topic(partitions)` in a `KafkaResources`.
    Default `latency-probe`."""
    user: str = named(check_user, default=LATENCY_PROBE)
    """Kafka user, whose Secret `<user>-kafka` is in the probe's namespace: declare it as `latency_probe_user(topic)`.
    Default `latency-probe`."""
    namespace: pulumi.Input[str] | None = named(check_label, "namespace")
    """Namespace of the probe, which the Kafka has to let in. Default: the connection's, which it does."""
    gateway_url: pulumi.Input[str] | None = named(check_url)
    """URL of an HTTP gateway in front of the same Kafka, such as the `url` of an `HttpGateway`: probes are written and
    read through it too. Default: by Kafka's protocol only."""
    gateway_ca_secret: pulumi.Input[str] | None = named(check_subdomain, "Secret name")
    """Secret whose key `ca.crt` is the authority of the gateway's certificate. Default: public authorities."""
    gate_version: str = ""
    """The gate runs again whenever this changes (and whenever the probe does). Default: only then."""
    runtime_image: pulumi.Input[str] = RUNTIME_IMAGE
    """Image of this platform's own programs."""

    def check(self) -> None:
        """An authority is that of a gateway."""
        if self.gateway_ca_secret is not None and self.gateway_url is None:
            raise ValueError("gateway_ca_secret: there is no gateway: write gateway_url too, or leave this out")
        if self.user_secret is None and self.connection.logs_in:
            check_secret_of_user("user", self.user)
        super().check()


class LatencyProbe(pulumi.ComponentResource):
    """Continuously sends small records of its own through the platform, and exposes the results as metrics.

    They are written and read over Kafka's protocol and, if there is one, through an HTTP gateway. The metrics show how
    long each path takes, and whether a record was lost, duplicated or out of order.
    """

    metrics_url: pulumi.Output[str]
    """Where Prometheus reads the metrics."""

    def __init__(self, name: str, args: LatencyProbeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the Deployment and of the Service."""
        super().__init__("kafka-platform:index:LatencyProbe", name, {}, opts)
        self._args = LatencyProbeArgs.of(args)
        check_service_name(name, "probe")
        connection = self._args.connection
        settings = ProbeSettings(
            name=name,
            namespace=connection.namespace if self._args.namespace is None else self._args.namespace,
            connection=connection,
            image=self._args.runtime_image,
            topic=self._args.topic,
            secret=user_secret(self._args.user) if self._args.user_secret is None else self._args.user_secret,
            gateway_url=self._args.gateway_url,
            gateway_ca_secret=self._args.gateway_ca_secret,
            gate_version=self._args.gate_version,
            spec=self._args,
        )
        place_all(self, name, objects(settings))
        self.metrics_url = pulumi.Output.from_input(settings.namespace).apply(
            lambda known: f"http://{name}.{known}.svc:{METRICS_PORT}/metrics"
        )
        self.register_outputs({"metricsUrl": self.metrics_url})
