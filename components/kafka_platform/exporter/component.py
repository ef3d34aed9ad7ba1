"""Consumer lag, topic sizes and offsets as Prometheus metrics."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from kafka_platform.args import Args
from kafka_platform.exporter.objects import ExporterSettings, metrics_url, objects
from kafka_platform.exporter.spec import EXPORTER_USER, ExporterSpec, Surge
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kube.images import RUNTIME_IMAGE
from kafka_platform.kube.place import place_all
from kafka_platform.values.checks import check_field
from kafka_platform.values.forms import named, names
from kafka_platform.values.names import check_label, check_object_user, check_service_name, check_subdomain, check_user


@dataclass(frozen=True, kw_only=True)
class KafkaExporterArgs(ExporterSpec, Args):
    """Arguments of a `KafkaExporter`."""

    connection: KafkaConnection
    """The Kafka: `connection` of its `KafkaCluster`."""
    user: str = named(check_user, default=EXPORTER_USER)
    """Kafka user, whose Secret `<user>-kafka` is in the exporter's namespace: declare it as `exporter_user()` in a
    `KafkaResources`. Default `lag-exporter`."""
    namespace: pulumi.Input[str] | None = named(check_label, "namespace")
    """Namespace of the exporter, which the Kafka has to let in. Default: the connection's, which it does."""
    ledger: bool = False
    """Whether to show when a `KafkaResources` was last applied, and what that did, which an embedded or external Kafka
    knows; the user then needs to be `exporter_user(ledger=True)`. Default false."""
    declared_by: Sequence[str] = names(check_subdomain, "name")
    """With `ledger`: names of the `KafkaResources` in the exporter's namespace whose declarations are compared with what was applied
    last. Default: none."""
    stack: str | None = None
    """Whose `KafkaResources` are shown, if several stacks use the Kafka: their `stack`. Default: all."""
    surges: Sequence[Surge] = ()
    """Deployments whose pods it adds within seconds of a step of the load. They are scaled by KEDA, to which their `surge` names
    this exporter's `metrics_url`. Default: none."""
    runtime_image: pulumi.Input[str] = RUNTIME_IMAGE
    """Image of this platform's own programs."""

    def check(self) -> None:
        """There can be a Secret of its user."""
        if self.connection.logs_in:
            check_field("user", check_object_user, self.user)
        super().check()


class KafkaExporter(pulumi.ComponentResource):
    """Exposes consumer lag, in records and in seconds, and topic sizes as Prometheus metrics.

    One pod polls the brokers at intervals, however often it is scraped.
    """

    metrics_url: pulumi.Output[str]
    """Where Prometheus reads the metrics."""

    def __init__(self, name: str, args: KafkaExporterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the Deployment and of the Service."""
        super().__init__("kafka-platform:index:KafkaExporter", name, {}, opts)
        given = KafkaExporterArgs.of(args)
        check_service_name(name, "exporter")
        settings = ExporterSettings(
            name=name,
            namespace=given.connection.namespace if given.namespace is None else given.namespace,
            connection=given.connection,
            image=given.runtime_image,
            user=given.user,
            ledger=given.ledger,
            declared_by=given.declared_by,
            stack=given.stack,
            surges=given.surges,
            spec=given,
        )
        place_all(self, name, objects(settings))
        self.metrics_url = pulumi.Output.from_input(settings.namespace).apply(lambda known: metrics_url(name, known))
        self.register_outputs({"metricsUrl": self.metrics_url})
