"""A Kafka cluster, run by this platform or elsewhere."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, replace

import pulumi
from pulumi_random import RandomId

from kafka_platform.args import Args
from kafka_platform.cluster.embedded import objects as embedded
from kafka_platform.cluster.embedded.objects import Generated
from kafka_platform.cluster.embedded.settings import EmbeddedSettings
from kafka_platform.cluster.spec import (
    ClusterSpec,
    ExternalSpec,
    external_connection,
)
from kafka_platform.cluster.strimzi import connection as strimzi_connection, objects as strimzi_objects
from kafka_platform.cluster.strimzi.settings import StrimziSettings
from kafka_platform.cluster.strimzi.spec import StrimziKafka
from kafka_platform.kafka import secrets
from kafka_platform.kafka.connection import FROM_CLUSTER, ClusterConnection, KafkaConnection
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kafka.servers import check_bootstrap_servers
from kafka_platform.kube.images import RUNTIME_IMAGE, kafka_image
from kafka_platform.kube.passwords import generated_password
from kafka_platform.kube.place import KubernetesObject, look_up, once_ready, place_all, resolved
from kafka_platform.values.checks import check_field
from kafka_platform.values.forms import formed, named, shared
from kafka_platform.values.names import check_cluster, check_label, check_subdomain
from kafka_platform.values.ranges import MOST_REPLICAS, within


@dataclass(frozen=True, kw_only=True)
class ExternalKafka(ExternalSpec, Args):
    """An existing Kafka that this platform does not run, such as a managed one."""

    bootstrap_servers: pulumi.Input[str] = formed(MISSING, check_bootstrap_servers)
    """Where clients connect first: `host:port`, several with commas."""
    ca_secret: pulumi.Input[str] | None = named(check_subdomain, "object name")
    """Secret (in the cluster's namespace) whose key `ca.crt` is the authority to trust. Default: public authorities."""
    admin_secret: pulumi.Input[str] | None = named(check_subdomain, "object name")
    """Secret (in the cluster's namespace) with the login of a user who may manage topics, ACLs and quotas: `username` and
    `password`, or `tls.crt` and `tls.key`. Default: they cannot be managed from here."""
    replicas: int | None = within(1, MOST_REPLICAS, default=None)
    """Copies that a topic gets that does not say otherwise. Default: as many as that Kafka gives by itself."""

    def check(self) -> None:
        """As every such Kafka; and tokens come from somewhere."""
        super().check()
        self.check_tokens()


@dataclass(frozen=True, kw_only=True)
class KafkaClusterArgs(ClusterSpec, Args):
    """Arguments of a `KafkaCluster`."""

    namespace: pulumi.Input[str] = named(check_label, "namespace", default=MISSING)
    """Namespace of everything that the cluster consists of. It has to exist."""
    external: ExternalKafka | None = None
    """The existing Kafka; required by, and allowed only with, the engine `external`."""
    strimzi: StrimziKafka | None = None
    """The Kafka that Strimzi's operator runs; required by, and allowed only with, the engine `strimzi`. That engine
    also uses `version`, `image`, `defaults`, `client_namespaces`, `config` and `deletion`."""
    image: pulumi.Input[str] | None = None
    """Image with Kafka in /opt/kafka. Default `docker.io/apache/kafka:<version>`; with Strimzi, the operator's own."""
    runtime_image: pulumi.Input[str] = RUNTIME_IMAGE
    """Image of this platform's own programs."""

    def check(self) -> None:
        """Everything that the engine requires is set, and nothing that it does not have."""
        if self.external is not None and self.engine is not Engine.EXTERNAL:
            raise ValueError(f"external: the engine is {self.engine.value}: write engine external, or leave it out")
        if self.strimzi is not None and self.engine is not Engine.STRIMZI:
            raise ValueError(f"strimzi: the engine is {self.engine.value}: write engine strimzi, or leave it out")
        if self.engine is Engine.EXTERNAL:
            if self.external is None:
                raise ValueError(
                    "external: missing: say where the Kafka is, as in ExternalKafka(bootstrap_servers=...)"
                )
            return
        if self.engine is Engine.STRIMZI:
            self._check_strimzi()
        else:
            self._check_embedded()
        super().check()

    def _check_strimzi(self) -> None:
        if self.strimzi is None:
            raise ValueError("strimzi: missing: say what its nodes are, as in StrimziKafka(pools=...)")
        self.check_engine()
        self._check_defaults(self.strimzi.brokers)

    def _check_embedded(self) -> None:
        check_field("jvm", self.jvm.check_fits, self.resources.memory)
        self._check_defaults(self.nodes)
        try:
            self.listeners.check_nodes(self.nodes)
        except ValueError as error:
            raise ValueError(f"listeners.{error}") from None

    def _check_defaults(self, brokers: int) -> None:
        try:
            self.defaults.min_insync_replicas_on(brokers)
        except ValueError as error:
            raise ValueError(f"defaults.{error}") from None


def _given(connection: KafkaConnection) -> ClusterConnection:
    """The connection as a cluster gives it."""
    given = shared(connection, KafkaConnection)
    outputs = {name: pulumi.Output.from_input(given[name]) for name in FROM_CLUSTER if given[name] is not None}
    return ClusterConnection(**given | outputs)


class KafkaCluster(pulumi.ComponentResource):
    """A Kafka cluster and the connection to it.

    The engine `embedded` runs it as one StatefulSet of Apache Kafka's own image in KRaft mode: SCRAM-SHA-512 logins,
    deny by default, and rolling restarts of one node at a time, only while all replicas are in sync. The engine
    `strimzi` leaves that to Strimzi's operator, through its custom resources: pools of nodes, TLS, Cruise Control.
    """

    connection: ClusterConnection
    """How to reach the cluster; ready to use when the cluster is."""
    cluster_id: pulumi.Output[str]
    """Cluster ID; empty with the engine `external`, and in the preview of a Kafka that Strimzi has yet to create."""

    def __init__(self, name: str, args: KafkaClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the cluster, of its StatefulSet and of its bootstrap Service."""
        super().__init__("kafka-platform:index:KafkaCluster", name, {}, opts)
        self._name = name
        self._args = KafkaClusterArgs.of(args)
        check_cluster(name)
        if self._args.external is not None:
            self.cluster_id = pulumi.Output.from_input("")
            self.connection = _given(self._elsewhere(self._args.external))
        elif self._args.strimzi is not None:
            self.cluster_id, connection = self._strimzi(self._args.strimzi)
            self.connection = _given(connection)
        else:
            self.cluster_id = self._identity()
            self.connection = _given(self._embedded())
        self.register_outputs({"clusterId": self.cluster_id, "bootstrapServers": self.connection.bootstrap_servers})

    def _elsewhere(self, external: ExternalKafka) -> KafkaConnection:
        known = external_connection(external, cluster=self._name, namespace=self._args.namespace)
        return KafkaConnection(**known | {"replicas": external.replicas})

    def _identity(self) -> pulumi.Output[str]:
        if self._args.cluster_id is not None:
            return pulumi.Output.from_input(self._args.cluster_id)
        # 16 bytes as 22 characters are what Kafka calls a Uuid.
        return RandomId(f"{self._name}-id", byte_length=16, opts=pulumi.ResourceOptions(parent=self)).b64_url

    def _embedded(self) -> KafkaConnection:
        name, args = self._name, self._args
        settings = EmbeddedSettings(
            name=name,
            namespace=args.namespace,
            spec=args,
            image=kafka_image(args.version) if args.image is None else args.image,
            runtime_image=args.runtime_image,
        )
        # How to reach the cluster, whether it is ready or not.
        connection = KafkaConnection(**resolved(embedded.connection(settings)))
        admin, broker = (generated_password(f"{name}-{user}", self) for user in ("admin", "broker"))
        generated = Generated(cluster_id=self.cluster_id, admin_password=admin, broker_password=broker)
        placed = place_all(self, name, embedded.objects(settings, connection, generated))
        # Whatever uses these two values waits until the cluster answers.
        answers = once_ready(None, placed["StatefulSet", "nodes"], placed["Service", "bootstrap"])
        ready = pulumi.Output.all(args.namespace, connection.bootstrap_servers, answers)
        return replace(
            connection,
            namespace=ready.apply(lambda values: str(values[0])),
            bootstrap_servers=ready.apply(lambda values: str(values[1])),
        )

    def _strimzi(self, strimzi: StrimziKafka) -> tuple[pulumi.Output[str], KafkaConnection]:
        args = self._args
        settings = StrimziSettings(
            name=self._name, namespace=args.namespace, spec=args, strimzi=strimzi, image=args.image
        )
        placed = place_all(self, self._name, strimzi_objects.objects(settings))
        kafka = placed["Kafka", "kafka"]
        pools = {each: placed["KafkaNodePool", f"pool-{each}"] for each in strimzi.pools}
        connection = self._strimzi_connection(settings, pools, kafka)
        return kafka.status.apply(lambda known: str((known or {}).get("clusterId") or "")), connection

    def _strimzi_connection(
        self, settings: StrimziSettings, pools: Mapping[str, KubernetesObject], kafka: KubernetesObject
    ) -> KafkaConnection:
        authority: pulumi.Output[str] | None = None
        if strimzi_connection.has_authority(settings):
            # Pulumi knows an object as `<namespace>/<name>`, and only one that is there: a first preview looks for nothing.
            identity = kafka.id.apply(strimzi_connection.ca_secret)
            secret = look_up(f"{self._name}-authority", "v1", "Secret", identity, pulumi.ResourceOptions(parent=self))
            # What is in a Secret is secret to Pulumi, and would make secrets of all that is made of the connection: but an
            # authority's certificates are public.
            authority = pulumi.Output.unsecret(secret.data.apply(secrets.authorities))
        # Whatever uses these two values waits until the cluster answers.
        ready = pulumi.Output.all(settings.namespace, once_ready(None, kafka)).apply(lambda values: str(values[0]))
        known = resolved(strimzi_connection.connection(replace(settings, namespace=ready), authority))
        return KafkaConnection(
            **known, scalable_pools={each: pools[each].id for each in settings.strimzi.autoscaled_pools}
        )
