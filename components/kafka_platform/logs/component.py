"""A collector of the lines that containers write."""

from dataclasses import dataclass

import pulumi

from kafka_platform.args import Args
from kafka_platform.kafka.client_pods import with_authority_of
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kube.images import COLLECTOR_IMAGE
from kafka_platform.kube.place import place_all
from kafka_platform.logs.objects import LogSettings, objects
from kafka_platform.logs.spec import LOG_COLLECTOR, LogCollectorSpec
from kafka_platform.values.forms import named
from kafka_platform.values.names import check_label, check_secret_of_user, check_service_name, check_user, user_secret


@dataclass(frozen=True, kw_only=True)
class LogCollectorArgs(LogCollectorSpec, Args):
    """Arguments of a `LogCollector`."""

    connection: KafkaConnection
    """The Kafka: `connection` of its `KafkaCluster`. Declare `log_topics(spec)` and `log_collector_user(spec)` in it."""
    user: str = named(check_user, default=LOG_COLLECTOR)
    """Its Kafka user, whose Secret `<user>-kafka` is in its namespace. Default `log-collector`."""
    namespace: pulumi.Input[str] | None = named(check_label, "namespace")
    """Namespace of the pods, which the Kafka has to let in, and whose Pod Security Standard has to be `privileged`, as they mount folders
    of their machines. Default: the connection's, which lets them in."""
    image: pulumi.Input[str] = COLLECTOR_IMAGE
    """Image of the OpenTelemetry Collector with its community's parts. Default: the official one of 0.155.0."""

    def check(self) -> None:
        """It can log in."""
        super().check()
        if self.connection.oauth is not None:
            raise ValueError(
                "connection: clients log in with OAUTHBEARER, which the collector cannot: use SCRAM, PLAIN or certificates"
            )
        if self.user_secret is None and self.connection.logs_in:
            check_secret_of_user("user", self.user)


class LogCollector(pulumi.ComponentResource):
    """Writes the lines that containers of some namespaces write to topics, from every machine, with where they come from.

    A record is a JSON document with `time`, `namespace`, `pod`, `container`, `node`, `stream`, `severity` and `line`; its headers are
    `namespace` and `node`. A line that was read is not lost when the collector, its machine or Kafka goes away; some come twice then.
    """

    namespace: pulumi.Output[str]
    """Namespace of its pods."""
    topics: pulumi.Output[list[str]]
    """The topics that it writes."""

    def __init__(self, name: str, args: LogCollectorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the DaemonSet."""
        super().__init__("kafka-platform:index:LogCollector", name, {}, opts)
        args = LogCollectorArgs.of(args)
        check_service_name(name, "collector")
        secret = user_secret(args.user) if args.user_secret is None else args.user_secret
        settings = LogSettings(
            name=name,
            namespace=args.connection.namespace if args.namespace is None else args.namespace,
            connection=with_authority_of(args.connection, secret),
            image=args.image,
            secret=secret,
            spec=args,
        )
        place_all(self, name, objects(settings))
        self.namespace = pulumi.Output.from_input(settings.namespace)
        self.topics = pulumi.Output.from_input(args.topics)
        self.register_outputs({"namespace": self.namespace, "topics": self.topics})
