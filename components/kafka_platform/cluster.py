"""A Kafka cluster, run here or by somebody else."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, replace

import pulumi
from pulumi_random import RandomId, RandomPassword

from kafka_platform import embedded, secrets, strimzi_objects
from kafka_platform.args import Args
from kafka_platform.broker import (
    bootstrap_servers,
    broker_files,
    client_protocol,
    external_bootstrap_servers,
    files_hash,
)
from kafka_platform.checks import checked
from kafka_platform.cluster_model import ClusterSpec, ExternalSpec, check_bootstrap_servers
from kafka_platform.connection import KafkaConnection
from kafka_platform.embedded import EmbeddedSettings
from kafka_platform.forms import formed
from kafka_platform.kubernetes import KubernetesObject, Manifest, after, find, labels, patch, place, refuse
from kafka_platform.model import Engine, SaslMechanism
from kafka_platform.names import check_cluster, check_label
from kafka_platform.ranges import MOST_REPLICAS, within
from kafka_platform.strimzi_model import Metrics, Pool, StrimziKafka, check_scaling_step, check_volumes
from kafka_platform.strimzi_objects import StrimziSettings

RUNTIME_IMAGE = "ghcr.io/kafka-platform/runtime:0.1.0"

# Letters and digits only: the password stands in JAAS configurations and properties files, which have their own quoting.
# 32 of them are 190 random bits.
PASSWORD_LENGTH = 32


def _check_known_servers(servers: pulumi.Input[str]) -> None:
    if isinstance(servers, str):
        check_bootstrap_servers(servers)


@dataclass(frozen=True, kw_only=True)
class ExternalKafka(ExternalSpec, Args):
    """A Kafka that somebody else runs."""

    # A program may know these only when it runs.
    bootstrap_servers: pulumi.Input[str] = formed(MISSING, _check_known_servers)  # type: ignore[assignment]  # noqa: RUF009
    """Where clients connect first: `host:port`, several with commas."""
    ca_secret: pulumi.Input[str] | None = None  # type: ignore[assignment]
    """Secret (in the args' namespace) whose key `ca.crt` is the authority to trust. Default: the usual public ones."""
    admin_secret: pulumi.Input[str] | None = None  # type: ignore[assignment]
    """Secret (in the args' namespace) with the keys `username` and `password` of a user who may manage topics, users,
    ACLs and quotas. Default: they cannot be managed from here."""
    replicas: int = within(1, MOST_REPLICAS, default=3)
    """Copies that a topic gets that does not say otherwise. Default 3."""


@dataclass(frozen=True, kw_only=True)
class KafkaClusterArgs(ClusterSpec, Args):
    """What a Kafka cluster shall be."""

    namespace: pulumi.Input[str]
    """Namespace of everything that the cluster consists of. It has to exist."""
    external: ExternalKafka | None = None
    """The Kafka that somebody else runs; needed by, and only by, the engine `external`."""
    strimzi: StrimziKafka | None = None
    """The Kafka that Strimzi's operator runs; needed by, and only by, the engine `strimzi`. Besides it that engine goes
    by `version`, `image`, `defaults`, `client_namespaces`, `config` and `deletion`."""
    image: str | None = None
    """Image with Kafka in /opt/kafka. Default `docker.io/apache/kafka:<version>`; with Strimzi, the operator's own."""
    runtime_image: str = RUNTIME_IMAGE
    """Image of this platform's own programs."""

    def check(self) -> None:
        """What the engine needs is there, and nothing that it does not know."""
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
        if isinstance(self.namespace, str):
            checked("namespace", check_label, self.namespace, "namespace")
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
        checked("jvm", self.jvm.check_fits, self.resources.memory)
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


class KafkaCluster(pulumi.ComponentResource):
    """A Kafka cluster and how to reach it.

    The engine `embedded` runs it as one StatefulSet of Apache Kafka's own image in KRaft mode: SCRAM-SHA-512 logins,
    everything denied that is not allowed, one node at a time restarted, and only while every copy is in sync.
    The engine `strimzi` leaves that to Strimzi's operator, by its custom resources: pools of nodes, TLS, Cruise Control.
    """

    connection: KafkaConnection
    """How to reach the cluster; ready to use when the cluster is."""
    cluster_id: pulumi.Output[str]
    """Identity of the cluster; empty for a Kafka that somebody else runs, and in the preview of one that Strimzi will run."""

    def __init__(self, name: str, args: KafkaClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the cluster, of its StatefulSet and of its bootstrap Service."""
        super().__init__("kafka-platform:index:KafkaCluster", name, {}, opts)
        self._name = name
        self._args = KafkaClusterArgs.of(args)
        check_cluster(name)
        if self._args.external is not None:
            self.cluster_id = pulumi.Output.from_input("")
            self.connection = self._elsewhere(self._args.external)
        elif self._args.strimzi is not None:
            self.cluster_id, self.connection = self._strimzi(self._args.strimzi)
        else:
            self.cluster_id = self._identity()
            self.connection = self._embedded()
        self.register_outputs({"clusterId": self.cluster_id, "bootstrapServers": self.connection.bootstrap_servers})

    def _elsewhere(self, external: ExternalKafka) -> KafkaConnection:
        return KafkaConnection(
            cluster=self._name,
            namespace=self._args.namespace,
            bootstrap_servers=external.bootstrap_servers,
            broker_ports=external.broker_ports,
            security_protocol=external.security_protocol.value,
            sasl_mechanism=None if external.sasl is None else external.sasl.value,
            ca_secret=external.ca_secret,
            admin_secret=external.admin_secret,
            replicas=external.replicas,
        )

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
            image=args.image or f"docker.io/apache/kafka:{args.version}",
            runtime_image=args.runtime_image,
        )
        child = pulumi.ResourceOptions(parent=self)
        connection = self._embedded_connection(settings)
        nodes = self._nodes(settings, connection)
        bootstrap = place(f"{name}-bootstrap", embedded.bootstrap_service(settings), child)
        if args.listeners.external is not None:
            for node in range(args.nodes):
                manifest = embedded.external_service(settings, args.listeners.external, node)
                place(f"{name}-external-{node}", manifest, child)
        # Whatever uses these two values waits until the cluster answers.
        ready = pulumi.Output.all(args.namespace, connection.bootstrap_servers, after(None, nodes, bootstrap))
        return replace(
            connection,
            namespace=ready.apply(lambda values: str(values[0])),
            bootstrap_servers=ready.apply(lambda values: str(values[1])),
        )

    def _embedded_connection(self, settings: EmbeddedSettings) -> KafkaConnection:
        """How to reach the cluster, whether it is ready or not."""
        args, broker = self._args, settings.broker
        return KafkaConnection(
            cluster=self._name,
            namespace=args.namespace,
            bootstrap_servers=pulumi.Output.from_input(args.namespace).apply(
                lambda known: bootstrap_servers(broker, known)
            ),
            external_bootstrap_servers=external_bootstrap_servers(broker),
            security_protocol=client_protocol(args.listeners),
            sasl_mechanism=SaslMechanism.SCRAM_SHA_512.value,
            ca_secret=args.listeners.certificate,
            admin_secret=f"{self._name}-admin",
            nodes=args.nodes,
            replicas=args.defaults.replicas_on(args.nodes),
            min_insync_replicas=args.defaults.min_insync_replicas_on(args.nodes),
        )

    def _nodes(self, settings: EmbeddedSettings, connection: KafkaConnection) -> KubernetesObject:
        """The StatefulSet, with all that its pods need before it and their volumes' sizes behind it."""
        name = self._name
        child = pulumi.ResourceOptions(parent=self)
        files = pulumi.Output.all(settings.namespace, self.cluster_id).apply(
            lambda known: broker_files(settings.broker, namespace=known[0], cluster_id=known[1])
        )
        before = [
            *self._credentials(connection),
            place(f"{name}-config", embedded.config_map(settings, files), child),
            place(f"{name}-account", embedded.service_account(settings), child),
            place(f"{name}-nodes", embedded.nodes_service(settings), child),
            place(f"{name}-network", embedded.network_policy(settings), child),
        ]
        place(f"{name}-disruption", embedded.pod_disruption_budget(settings), child)
        nodes = place(
            f"{name}-nodes",
            embedded.stateful_set(settings, files.apply(files_hash)),
            pulumi.ResourceOptions(
                parent=self,
                depends_on=before,
                hooks=refuse(f"{name}-no-fewer-nodes", _refuse_fewer_nodes),
                # The API server takes no other template; what it would change is done by the claims' patches.
                ignore_changes=["spec.volumeClaimTemplates"],
            ),
        )
        no_smaller_volumes = refuse(f"{name}-no-smaller-volumes", _refuse_smaller_volumes)
        for node in range(settings.spec.nodes):
            patch(
                f"{name}-claim-{node}",
                embedded.claim_patch(settings, node),
                pulumi.ResourceOptions(
                    parent=self,
                    depends_on=[nodes],
                    hooks=no_smaller_volumes,
                    # Taking the patch back would shrink the claim, which the API server refuses.
                    retain_on_delete=True,
                ),
            )
        return nodes

    def _strimzi(self, strimzi: StrimziKafka) -> tuple[pulumi.Output[str], KafkaConnection]:
        """Pools first, then the Kafka, so that it finds them, and so that destroying runs the other way."""
        args = self._args
        settings = StrimziSettings(
            name=self._name, namespace=args.namespace, spec=args, strimzi=strimzi, image=args.image
        )
        pools = {each: self._pool(settings, each, pool) for each, pool in sorted(strimzi.pools.items())}
        kafka = place(
            f"{self._name}-kafka",
            strimzi_objects.kafka(settings),
            pulumi.ResourceOptions(parent=self, depends_on=[*pools.values(), *self._beside_kafka(settings)]),
        )
        connection = self._strimzi_connection(settings, pools, kafka)
        return kafka.status.apply(lambda known: str((known or {}).get("clusterId") or "")), connection

    def _beside_kafka(self, settings: StrimziSettings) -> list[KubernetesObject]:
        """What the Kafka refers to, besides its pools."""
        name, strimzi = self._name, settings.strimzi
        manifests: dict[str, Manifest] = {}
        balance = strimzi.effective_balance
        if balance is not None:
            manifests["rebalance"] = strimzi_objects.rebalance_template(settings, balance)
        if strimzi.metrics is Metrics.JMX:
            manifests["metrics"] = strimzi_objects.metrics_config_map(settings)
        external = strimzi.listeners.external
        routes = None if external is None else external.tls_routes
        if routes is not None and routes.gateway_class is not None:
            manifests["gateway"] = strimzi_objects.gateway(settings, routes.gateway_class, routes.port)
        child = pulumi.ResourceOptions(parent=self)
        return [place(f"{name}-{each}", manifest, child) for each, manifest in manifests.items()]

    def _strimzi_connection(
        self, settings: StrimziSettings, pools: Mapping[str, KubernetesObject], kafka: KubernetesObject
    ) -> KafkaConnection:
        name, args, strimzi = self._name, self._args, settings.strimzi
        internal, external = strimzi.listeners.internal, strimzi.listeners.external
        authority: pulumi.Output[str] | None = None
        if internal.tls or external is not None:
            # Pulumi knows an object as `<namespace>/<name>`, and only one that is there: a first preview looks for nothing.
            identity = kafka.id.apply(strimzi_objects.ca_secret)
            secret = find(f"{name}-authority", "v1", "Secret", identity, pulumi.ResourceOptions(parent=self))
            authority = secret.data.apply(secrets.authorities)
        # Whatever uses these two values waits until the cluster answers.
        ready = pulumi.Output.all(args.namespace, after(None, kafka)).apply(lambda values: str(values[0]))
        service = strimzi_objects.bootstrap_service(name)
        certificates = strimzi_objects.certificate_bootstrap_servers(settings, "")
        return KafkaConnection(
            cluster=name,
            namespace=ready,
            bootstrap_servers=ready.apply(lambda known: f"{service}.{known}.svc:{strimzi_objects.INTERNAL_PORT}"),
            external_bootstrap_servers=None if external is None else external.bootstrap_servers,
            certificate_bootstrap_servers=None
            if certificates is None
            else ready.apply(lambda known: str(strimzi_objects.certificate_bootstrap_servers(settings, known))),
            security_protocol=strimzi_objects.security_protocol(internal),
            sasl_mechanism=strimzi_objects.sasl_mechanism(internal),
            ca_secret=strimzi_objects.ca_secret(name) if internal.tls else None,
            authority=authority,
            nodes=strimzi.brokers,
            replicas=args.defaults.replicas_on(strimzi.brokers),
            min_insync_replicas=args.defaults.min_insync_replicas_on(strimzi.brokers),
            engine=Engine.STRIMZI,
            scalable_pools={each: pools[each].id for each in strimzi.autoscaled_pools},
        )

    def _pool(self, settings: StrimziSettings, name: str, pool: Pool) -> KubernetesObject:
        balanced = settings.strimzi.effective_balance is not None

        def check(change: pulumi.ResourceHookArgs) -> None:
            _refuse_pool(self._name, change, votes=pool.votes, balanced=balanced)

        return place(
            f"{self._name}-pool-{name}",
            strimzi_objects.node_pool(settings, name, pool),
            pulumi.ResourceOptions(
                parent=self,
                hooks=refuse(f"{self._name}-pool-{name}-keeps-records", check),
                # The autoscaler's, from the first time that it decides on.
                ignore_changes=["spec.replicas"] if pool.autoscaled else [],
            ),
        )

    def _credentials(self, connection: KafkaConnection) -> tuple[KubernetesObject, KubernetesObject]:
        """The administrator, and the login of the nodes among themselves."""
        name = self._name
        child = pulumi.ResourceOptions(parent=self)
        own = labels(name, embedded.COMPONENT)
        admin, broker = (
            RandomPassword(f"{name}-{user}-password", length=PASSWORD_LENGTH, special=False, opts=child).result
            for user in ("admin", "broker")
        )
        return (
            place(
                f"{name}-admin",
                secrets.credentials(f"{name}-admin", connection.namespace, own, "admin", admin, connection),
                child,
            ),
            place(
                f"{name}-broker",
                secrets.passwords(f"{name}-broker", connection.namespace, own, {"password": broker}),
                child,
            ),
        )


def _refuse_fewer_nodes(change: pulumi.ResourceHookArgs) -> None:
    if change.old_inputs is not None and change.new_inputs is not None:
        # Numbers come back from the engine as floats.
        before, after_ = (int(inputs["spec"]["replicas"]) for inputs in (change.old_inputs, change.new_inputs))
        embedded.check_nodes(change.new_inputs["metadata"]["name"], before, after_)


def _refuse_smaller_volumes(change: pulumi.ResourceHookArgs) -> None:
    if change.old_inputs is not None and change.new_inputs is not None:
        before, after_ = (
            inputs["spec"]["resources"]["requests"]["storage"] for inputs in (change.old_inputs, change.new_inputs)
        )
        embedded.check_storage(change.new_inputs["metadata"]["name"], before, after_)


def _refuse_pool(cluster: str, change: pulumi.ResourceHookArgs, *, votes: bool, balanced: bool) -> None:
    if change.old_inputs is not None and change.new_inputs is not None:
        pool = change.new_inputs["metadata"]["name"]
        before, wanted = change.old_inputs["spec"], change.new_inputs["spec"]
        check_scaling_step(
            cluster, pool, int(before["replicas"]), int(wanted["replicas"]), votes=votes, balanced=balanced
        )
        check_volumes(cluster, pool, before["storage"]["volumes"], wanted["storage"]["volumes"])
