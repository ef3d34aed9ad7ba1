"""The composition: which components one environment consists of, and what they know of each other."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

import pulumi
import pulumi_kubernetes
from kafka_platform import (
    BrokerScaler,
    BrokerScalerArgs,
    CertManager,
    CertManagerArgs,
    DrainCleaner,
    DrainCleanerArgs,
    Engine,
    ExternalKafka,
    HttpGateway,
    HttpGatewayArgs,
    KafkaCluster,
    KafkaClusterArgs,
    KafkaConnection,
    KafkaResources,
    KedaOperator,
    KedaOperatorArgs,
    LatencyProbe,
    LatencyProbeArgs,
    Monitoring,
    MonitoringArgs,
    PrometheusStack,
    PrometheusStackArgs,
    StreamWorker,
    StreamWorkerArgs,
    StrimziOperator,
    StrimziOperatorArgs,
)
from kafka_platform.cluster.spec import ExternalSpec
from kafka_platform.entities.component import KafkaResourcesArgs
from kafka_platform.kube.manifests import namespace
from kafka_platform.kube.ownership import own
from kafka_platform.kube.place import KubernetesObject, once_ready, place
from kafka_platform.operators.component import OperatorArgs
from kafka_platform.operators.sources import Source
from kafka_platform.probe.spec import LATENCY_PROBE, ProbeSpec
from kafka_platform.values.forms import shared

from infra.api_server import ApiServer
from infra.settings import Gateway, Probe, Settings, Worker
from infra.settings.operators import Operator
from infra.specs import (
    CLUSTER,
    GATEWAY,
    broker_scaler_name,
    cluster_values,
    gateway_values,
    keeps_namespace,
    manages_entities,
    monitored_values,
    runtime_image,
    worker_values,
)

_Args = TypeVar("_Args", bound=OperatorArgs)

CERT_MANAGER = "cert-manager"
"""Name of cert-manager among the resources of a stack."""
PROMETHEUS = "prometheus"
"""Name of Prometheus among the resources of a stack."""
DRAIN_CLEANER = "drain-cleaner"
"""Name of Strimzi's Drain Cleaner among the resources of a stack."""
STRIMZI = "strimzi"
"""Name of Strimzi's operator among the resources of a stack."""
KEDA = "keda"
"""Name of KEDA among the resources of a stack."""


class Platform:
    """Everything of one environment."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        """`environment` is where KUBECONFIG is looked up when the settings do not name a Kubernetes cluster.

        Raises:
            ValueError: neither says which Kubernetes cluster is meant.
        """
        self._settings = settings
        _check_kubernetes(settings, environment)
        own(stack_mark(), ApiServer(settings.kubernetes.kubeconfig, settings.kubernetes.context), settings.adopt)
        # In place, not by replacement: pods mount these objects by name, and the preview shows the key that changes.
        self._provider = pulumi_kubernetes.Provider(
            "kubernetes",
            kubeconfig=settings.kubernetes.kubeconfig,
            context=settings.kubernetes.context,
            enable_config_map_mutable=True,
            enable_secret_mutable=True,
            # What an interrupted `up` made without noting it, and what was kept on purpose, is taken up again. What this
            # stack did not make is refused by `own`: server-side apply alone takes over whatever has no contested field.
            upsert_existing_objects=True,
        )
        self._namespaces = self._make_namespaces()
        self.cert_manager = self._cert_manager()
        self.prometheus = self._prometheus()
        self.keda = self._keda()
        self.strimzi = self._strimzi_operator()
        self.drain_cleaner = self._drain_cleaner()
        self.cluster = self._cluster()
        self.broker_scaler = self._broker_scaler()
        self.resources = self._resources()
        self.gateway = None if settings.gateway is None else self._gateway(settings.gateway)
        self.probe = None if settings.probe is None else self._probe(settings.probe)
        self.workers = {name: self._worker(name, worker) for name, worker in sorted(settings.workers.items())}
        self.monitoring = self._monitoring()

    def _monitoring(self) -> Monitoring | None:
        """What Prometheus reads, if there is one."""
        settings, prometheus = self._settings, self._settings.prometheus
        if prometheus is None:
            return None
        args = MonitoringArgs(
            **monitored_values(settings, prometheus),
            connection=self.cluster.connection,
            workers={name: self.workers[name].namespace for name in settings.watched_workers},
        )
        needed = [] if self.prometheus is None else [self.prometheus]
        return Monitoring(CLUSTER, args, pulumi.ResourceOptions(provider=self._provider, depends_on=needed))

    def outputs(self) -> dict[str, Any]:
        """What the stack exports. No secret is among it, only where they are."""
        connection = self.cluster.connection
        outputs: dict[str, Any] = {
            "namespace": self._settings.namespace,
            "bootstrapServers": connection.bootstrap_servers,
            "securityProtocol": connection.security_protocol,
        }
        if connection.external_bootstrap_servers is not None:
            outputs["externalBootstrapServers"] = connection.external_bootstrap_servers
        if connection.certificate_bootstrap_servers is not None:
            outputs["certificateBootstrapServers"] = connection.certificate_bootstrap_servers
        if self._settings.kafka.engine is not Engine.EXTERNAL:
            outputs["clusterId"] = self.cluster.cluster_id
        if self.broker_scaler is not None:
            outputs["brokerDrift"] = self.broker_scaler.drift
        if self.resources is not None:
            outputs["userSecrets"] = self.resources.user_secrets
        if self.gateway is not None:
            outputs["gateway"] = {"url": self.gateway.url, "service": self.gateway.service}
        if self.probe is not None:
            outputs["probe"] = {"metricsUrl": self.probe.metrics_url}
        if self.workers:
            outputs["workers"] = {
                name: {
                    "namespace": each.namespace,
                    "deployment": each.deployment,
                    "user": each.user,
                    "group": each.group,
                }
                for name, each in self.workers.items()
            }
        return outputs

    def _make_namespaces(self) -> list[KubernetesObject]:
        """The namespaces that belong to the stack."""
        settings = self._settings
        made: list[KubernetesObject] = []
        for name in settings.created_namespaces:
            opts = pulumi.ResourceOptions(
                provider=self._provider,
                retain_on_delete=keeps_namespace(settings, name),
            )
            made.append(place(f"namespace-{name}", namespace(name), opts))
        return made

    def _operator(self, *needed: pulumi.Resource | None) -> pulumi.ResourceOptions:
        """For an operator: it may be in a namespace that the stack makes, and needs what else is given."""
        before = [*self._namespaces, *(each for each in needed if each is not None)]
        return pulumi.ResourceOptions(provider=self._provider, depends_on=before)

    def _cert_manager(self) -> CertManager | None:
        """cert-manager, if it belongs to the stack."""
        operator = self._settings.cert_manager
        if operator is None or not operator.install:
            return None
        return CertManager(CERT_MANAGER, operator_args(CertManagerArgs, operator), self._operator())

    def _prometheus(self) -> PrometheusStack | None:
        """Prometheus, if it belongs to the stack: what it reads has to depend on it."""
        operator = self._settings.prometheus
        if operator is None or not operator.install:
            return None
        return PrometheusStack(PROMETHEUS, operator_args(PrometheusStackArgs, operator), self._operator())

    def _keda(self) -> KedaOperator | None:
        """KEDA, if it belongs to the stack: what it scales has to depend on it."""
        operator = self._settings.keda
        if operator is None or not operator.install:
            return None
        return KedaOperator(KEDA, operator_args(KedaOperatorArgs, operator), self._operator())

    def _strimzi_operator(self) -> StrimziOperator | None:
        """Strimzi's operator, if it belongs to the stack: the Kafka has to depend on it."""
        operator = self._settings.strimzi
        if operator is None or not operator.install:
            return None
        return StrimziOperator(STRIMZI, operator_args(StrimziOperatorArgs, operator), self._operator())

    def _drain_cleaner(self) -> DrainCleaner | None:
        """Strimzi's Drain Cleaner, if it belongs to the stack; its certificate is cert-manager's."""
        operator = self._settings.drain_cleaner
        if operator is None or not operator.install:
            return None
        return DrainCleaner(DRAIN_CLEANER, operator_args(DrainCleanerArgs, operator), self._operator(self.cert_manager))

    def _cluster(self) -> KafkaCluster:
        settings, kafka = self._settings, self._settings.kafka
        operator = [] if self.strimzi is None else [self.strimzi]
        opts = pulumi.ResourceOptions(provider=self._provider, protect=kafka.protect, depends_on=operator)
        return KafkaCluster(CLUSTER, cluster_args(settings, self._namespace()), opts)

    def _broker_scaler(self) -> BrokerScaler | None:
        scaling = self._settings.kafka.scaling
        if scaling is None:
            return None
        brokers = self._settings.kafka.strimzi().pools[scaling.pool]
        return BrokerScaler(
            broker_scaler_name(scaling.pool),
            BrokerScalerArgs(connection=self.cluster.connection, brokers=brokers, scaling=scaling),
            pulumi.ResourceOptions(provider=self._provider, depends_on=[self.keda] if self.keda is not None else []),
        )

    def _resources(self) -> KafkaResources | None:
        settings = self._settings
        if not manages_entities(settings):
            return None
        return KafkaResources(
            CLUSTER,
            KafkaResourcesArgs(
                connection=self.cluster.connection,
                topics=settings.all_topics,
                users=settings.all_users,
                runtime_image=runtime_image(settings),
                # Only somebody else's Kafka may be used by several stacks.
                stack=stack_mark() if settings.kafka.engine is Engine.EXTERNAL else None,
                former_stacks=settings.kafka.former_stacks,
            ),
            pulumi.ResourceOptions(provider=self._provider),
        )

    def _gateway(self, gateway: Gateway) -> HttpGateway:
        settings = self._settings
        # The password of the user that callers without credentials are.
        waits_for = [self.resources] if gateway.anonymous is not None and self.resources is not None else []
        return HttpGateway(
            GATEWAY,
            gateway_args(settings, gateway, self.cluster.connection),
            pulumi.ResourceOptions(provider=self._provider, depends_on=waits_for),
        )

    def _probe(self, probe: Probe) -> LatencyProbe:
        settings = self._settings
        return LatencyProbe(
            LATENCY_PROBE,
            LatencyProbeArgs(
                connection=self.cluster.connection,
                gateway_url=self.gateway.url if self.gateway is not None and settings.probe_uses_gateway else None,
                gateway_ca_secret=probe.gateway_authority,
                **shared(probe, ProbeSpec),
                gate_version=_version_of(settings),
                runtime_image=runtime_image(settings),
            ),
            # Its topic, its user and that user's password.
            pulumi.ResourceOptions(
                provider=self._provider, depends_on=[] if self.resources is None else [self.resources]
            ),
        )

    def _worker(self, name: str, worker: Worker) -> StreamWorker:
        settings, connection = self._settings, self.cluster.connection
        # After its users are there; and after KEDA if it is scaled.
        ready = [] if self.resources is None else [self.resources]
        scaler = [self.keda] if self.keda is not None and worker.scale is not None else []
        args = worker_args(
            settings,
            name,
            replace(connection, bootstrap_servers=once_ready(connection.bootstrap_servers, *ready)),
            once_ready(settings.namespace_of(worker.tenant), *self._namespaces, *scaler),
        )
        return StreamWorker(name, args, pulumi.ResourceOptions(provider=self._provider))

    def _namespace(self) -> pulumi.Input[str]:
        """The platform's namespace, once it and the tenants' exist: everything else comes after this name."""
        return once_ready(self._settings.namespace, *self._namespaces) if self._namespaces else self._settings.namespace


def stack_mark() -> str:
    """Who this stack is, as Pulumi writes it in full: `<organization>/<project>/<stack>`.

    A state backend without organizations calls its only one `organization`, and Pulumi's mocks have none at all.
    """
    return f"{pulumi.get_organization() or 'organization'}/{pulumi.get_project()}/{pulumi.get_stack()}"


def operator_args(kind: type[_Args], operator: Operator) -> _Args:
    """What an operator that is installed with the stack is."""
    told = {each.name for each in fields(Source)}
    return kind(
        **{each.name: getattr(operator.source if each.name in told else operator, each.name) for each in fields(kind)}
    )


def _version_of(settings: Settings) -> str:
    """Changes with everything that records pass on their way."""
    parts = settings.model_dump_json(include={"kafka", "gateway", "images"})
    return hashlib.sha256(parts.encode()).hexdigest()


def cluster_args(settings: Settings, namespace: pulumi.Input[str]) -> KafkaClusterArgs:
    """What the Kafka is: the tenants' pods may connect too."""
    kafka = settings.kafka
    return KafkaClusterArgs(
        **cluster_values(settings),
        namespace=namespace,
        strimzi=kafka.strimzi() if kafka.engine is Engine.STRIMZI else None,
        external=ExternalKafka(**shared(kafka, ExternalSpec)) if kafka.engine is Engine.EXTERNAL else None,
        image=settings.images.kafka,
        runtime_image=runtime_image(settings),
    )


def gateway_args(settings: Settings, gateway: Gateway, connection: KafkaConnection) -> HttpGatewayArgs:
    """What the gateway is: the tenants' pods may call too."""
    return HttpGatewayArgs(
        **gateway_values(settings, gateway),
        connection=connection,
        spread=settings.kafka.spread,
        runtime_image=runtime_image(settings),
    )


def worker_args(
    settings: Settings, name: str, connection: KafkaConnection, namespace: pulumi.Input[str]
) -> StreamWorkerArgs:
    """What the worker of that name is. Its users are made with all others, by one Job."""
    return StreamWorkerArgs(
        **worker_values(settings, name),
        connection=connection,
        namespace=namespace,
        partitions=settings.partitions_of(settings.workers[name].reads),
        spread=settings.kafka.spread,
        runtime_image=runtime_image(settings),
    )


def _check_kubernetes(settings: Settings, environment: Mapping[str, str]) -> None:
    """Raises unless somebody said which Kubernetes cluster is meant: never whichever happens to be current."""
    chosen = settings.kubernetes
    if chosen.context is None and chosen.kubeconfig is None and not environment.get("KUBECONFIG"):
        raise ValueError(
            "kubernetes.context: missing, and KUBECONFIG is not set: say which cluster is meant, "
            "as in context: kind-dev, or set KUBECONFIG"
        )
