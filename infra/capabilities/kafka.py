"""The Kafka of a stack: its cluster, the scaling of its brokers, and its topics and users."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import kafka_platform
from kafka_platform.cluster.embedded import objects as embedded
from kafka_platform.cluster.embedded.listeners import Listeners
from kafka_platform.cluster.embedded.settings import EmbeddedSettings
from kafka_platform.cluster.metrics import Metrics
from kafka_platform.cluster.scaling import objects as broker_scaling
from kafka_platform.cluster.scaling.spec import BrokerScaling, check_broker_scaling
from kafka_platform.cluster.spec import ClusterSpec, ExternalSpec, external_connection
from kafka_platform.cluster.strimzi import connection as strimzi_connection, objects as strimzi_objects
from kafka_platform.cluster.strimzi.settings import StrimziSettings
from kafka_platform.cluster.strimzi.spec import StrimziKafka
from kafka_platform.entities import provisioner, strimzi as strimzi_entities
from kafka_platform.entities.settings import EntitySettings, delivered_certificate
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kafka.entities import Login, User
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kafka.secrets import encode
from kafka_platform.kube.images import kafka_image
from kafka_platform.kube.objects import Object
from kafka_platform.kube.operated import STRIMZI_VERSION
from kafka_platform.values.forms import shared
from kafka_platform.values.later import Input, plain
from kafka_platform.values.words import suggest

from infra.capabilities.capability import (
    CLUSTER,
    JOBS,
    Capability,
    Deployment,
    LeastKubernetes,
    Needs,
    Placed,
    Rendered,
    Stack,
    TlsServer,
)
from infra.capabilities.exporter import exporter_of
from infra.capabilities.operators import OPERATORS, Keda, Prometheus
from infra.settings.core import Core
from infra.settings.faults import Fault, Known
from infra.settings.kafka import Kafka
from infra.settings.relations import brokers, strimzi, tenants, topics

LEAST_KUBERNETES: Mapping[Engine, Sequence[LeastKubernetes]] = {
    Engine.EMBEDDED: [LeastKubernetes(minor=28, because="brokers get their number from the label pod-index")],
    Engine.STRIMZI: [LeastKubernetes(minor=30, because=f"Strimzi {STRIMZI_VERSION} runs on no older one")],
    Engine.EXTERNAL: [],
}
"""What each engine needs of the cluster."""


def node_metrics(stack: Stack) -> Metrics:
    """How the nodes that the stack runs expose their metrics."""
    kafka = stack.settings.kafka
    if kafka.engine is Engine.EXTERNAL:
        return Metrics.OFF
    if kafka.metrics is not None:
        return kafka.metrics
    if kafka.engine is Engine.STRIMZI:
        return Metrics.REPORTER
    return Metrics.OFF if stack.of(Prometheus) is None else Metrics.JMX


def _by_strimzi(stack: Stack) -> StrimziKafka:
    """The cluster as Strimzi takes it. Our exporter replaces Strimzi's, which would expose the same lag again."""
    kafka = stack.settings.kafka.strimzi()
    return kafka if exporter_of(stack.settings) is None else replace(kafka, exporter=False)


def _collectors(stack: Stack) -> Sequence[Input[str]]:
    """The namespaces that may read the metrics of embedded nodes: where Prometheus is, unless others are named."""
    kafka, prometheus = stack.settings.kafka, stack.of(Prometheus)
    if kafka.metrics_namespaces or kafka.engine is not Engine.EMBEDDED or prometheus is None:
        return kafka.metrics_namespaces
    return [prometheus.runs_in(stack.settings)]


def cluster_values(kafka: Kafka, stack: Stack) -> dict[str, Any]:
    """The fields of the Kafka's spec; the tenants' pods may connect too."""
    return shared(kafka, ClusterSpec) | {
        "listeners": kafka.listeners.listeners() if kafka.engine is Engine.EMBEDDED else Listeners(),
        "client_namespaces": stack.client_namespaces,
        "metrics": node_metrics(stack),
        "metrics_namespaces": _collectors(stack),
        "pod_settings": stack.settings.pod_settings.with_own(kafka.pod_settings),
    }


def _presented(kafka: Kafka, settings: Core) -> list[TlsServer]:
    """Strimzi's listener for clients outside Kubernetes, if it presents a certificate that the operator does not renew."""
    external = kafka.listeners.external
    if kafka.engine is not Engine.STRIMZI or external is None or external.certificate is None:
        return []
    try:
        port = external.access().port
    except ValueError:  # a fault of its own
        return []
    return [TlsServer(address=f"{CLUSTER}-kafka-external-bootstrap.{settings.namespace}.svc:{port}", pod_port=port)]


class Cluster(Capability[Kafka]):
    """The brokers, or the connection to an external Kafka."""

    key = "kafka"
    names = frozenset({CLUSTER, f"{CLUSTER}-nodes", f"{CLUSTER}-provisioner", f"{CLUSTER}-external-*"})
    carries_records = True

    def needs(self, section: Kafka, settings: Core) -> Needs:
        """Who may connect, besides other capabilities' pods."""
        return Needs(
            clients=(*plain(section.client_namespaces), *settings.tenant_namespaces),
            kubernetes=LEAST_KUBERNETES[section.engine],
            tls_servers=_presented(section, settings),
        )

    def faults(self, section: Kafka, stack: Stack, known: Known) -> Iterator[Fault]:
        """Keys of other engines, and whatever the brokers or Kafka would refuse."""
        settings = stack.settings
        yield from brokers.engine_faults(settings, known)
        yield from brokers.external_faults(settings, known)
        passwords = [who for each in stack.needs for who in each.passwords]
        scaling = list(_scaling_faults(section, stack, known))
        yield from strimzi.faults(settings, known, passwords, scaling)
        yield from brokers.broker_faults(settings, known)
        yield from topics.faults(settings, known, lambda: stack.topics, lambda: stack.users)
        yield from tenants.namespace_faults(
            settings, known, [made for each in stack.needs for made in each.made], OPERATORS
        )
        yield from tenants.user_faults(settings, known, stack.declared(known))

    def rendered(self, section: Kafka, placed: Placed) -> Iterator[Rendered]:
        """The objects of the engine; and the connection for later capabilities."""
        placed.connection, found = self._objects(section, placed)
        yield from placed.named(CLUSTER, found)

    def build(self, section: Kafka, deployment: Deployment) -> None:
        """Depends on the namespaces that the stack creates, and on Strimzi's operator if the stack installs it."""
        settings, by_strimzi = deployment.settings, section.engine is Engine.STRIMZI
        external = section.engine is Engine.EXTERNAL
        args = kafka_platform.KafkaClusterArgs(
            **cluster_values(section, deployment.stack),
            namespace=deployment.once_made(settings.namespace, namespaces=True),
            strimzi=_by_strimzi(deployment.stack) if by_strimzi else None,
            external=kafka_platform.ExternalKafka(**shared(section, ExternalSpec)) if external else None,
            image=settings.images.kafka,
            runtime_image=settings.runtime_image,
        )
        cluster = kafka_platform.KafkaCluster(CLUSTER, args, deployment.options("strimzi", protect=section.protect))
        deployment.connection = connection = cluster.connection
        deployment.outputs |= {
            "bootstrapServers": connection.bootstrap_servers,
            "securityProtocol": connection.security_protocol,
        }
        if connection.external_bootstrap_servers is not None:
            deployment.outputs["externalBootstrapServers"] = connection.external_bootstrap_servers
        if connection.certificate_bootstrap_servers is not None:
            deployment.outputs["certificateBootstrapServers"] = connection.certificate_bootstrap_servers
        if not external:
            deployment.outputs["clusterId"] = cluster.cluster_id

    def _objects(self, section: Kafka, placed: Placed) -> tuple[KafkaConnection, Sequence[Object]]:
        settings = placed.settings
        if section.engine is Engine.EXTERNAL:
            return KafkaConnection(**external_connection(section, cluster=CLUSTER, namespace=settings.namespace)), []
        spec = ClusterSpec(**cluster_values(section, placed.stack))
        common: dict[str, Any] = {"name": CLUSTER, "namespace": settings.namespace, "spec": spec}
        if section.engine is Engine.STRIMZI:
            by_strimzi = StrimziSettings(**common, strimzi=_by_strimzi(placed.stack), image=settings.images.kafka)
            has_authority = strimzi_connection.has_authority(by_strimzi)
            authority = placed.taken(strimzi_connection.ca_secret(CLUSTER)) if has_authority else None
            connection = KafkaConnection(**strimzi_connection.connection(by_strimzi, authority))
            return connection, strimzi_objects.objects(by_strimzi)
        image = settings.images.kafka or kafka_image(spec.version)
        own = EmbeddedSettings(**common, image=image, runtime_image=settings.runtime_image)
        connection = KafkaConnection(**embedded.connection(own))
        generated = embedded.Generated(
            cluster_id=spec.cluster_id or placed.cluster_id,
            admin_password=placed.password(f"{CLUSTER}-admin"),
            broker_password=placed.password(f"{CLUSTER}-broker"),
        )
        return connection, embedded.objects(own, connection, generated)


def _scaling_faults(kafka: Kafka, stack: Stack, known: Known) -> Iterator[Fault]:
    """Faults of the pool that KEDA scales."""
    scaling, path = kafka.scaling, ("kafka", "scaling")
    if scaling is None:
        return
    pool = kafka.pools.get(scaling.pool)
    if pool is None:
        message = f"{scaling.pool!r} is not a pool of this file: {suggest(scaling.pool, kafka.pools)}"
        yield Fault(path=(*path, "pool"), message=message)
        return
    try:
        check_broker_scaling(scaling, pool)
    except ValueError as error:
        field, _, message = str(error).partition(": ")
        yield Fault(path=(*path, field), message=message)
    if kafka.unbalanced:
        yield Fault(
            path=path,
            message="records would never move to the brokers that are added: remove the key, or kafka.unbalanced",
        )
    if known("kafka", "defaults") and kafka.defaults.replicas is not None and scaling.min < kafka.defaults.replicas:
        yield Fault(
            path=(*path, "min"),
            message=f"{scaling.min} brokers cannot hold {kafka.defaults.replicas} copies of a record: "
            f"use at least {kafka.defaults.replicas}",
        )
    if stack.of(Keda) is None and known("keda"):
        yield Fault(
            path=path, message="KEDA scales the brokers: write keda: {} if it is in the cluster, or install: true"
        )


class BrokersByLoad(Capability[BrokerScaling]):
    """The pool of brokers that KEDA scales."""

    key = "kafka"

    def section(self, settings: Core) -> BrokerScaling | None:
        """A part of the brokers' section."""
        return settings.kafka.scaling

    def rendered(self, section: BrokerScaling, placed: Placed) -> Iterator[Rendered]:
        """KEDA's objects."""
        name, pool = f"{CLUSTER}-{section.pool}", placed.settings.kafka.strimzi().pools[section.pool]
        yield from placed.named(name, broker_scaling.objects(name, placed.connection, pool, section))

    def build(self, section: BrokerScaling, deployment: Deployment) -> None:
        """Depends on KEDA, if the stack installs it."""
        pool = deployment.settings.kafka.strimzi().pools[section.pool]
        args = kafka_platform.BrokerScalerArgs(connection=deployment.connection, brokers=pool, scaling=section)
        scaler = kafka_platform.BrokerScaler(f"{CLUSTER}-{section.pool}", args, deployment.options("keda"))
        deployment.outputs["brokerDrift"] = scaler.drift


class Entities(Capability[Kafka]):
    """All topics and users: the file's, and those that capabilities need."""

    key = "kafka"

    def section(self, settings: Core) -> Kafka | None:
        """None if the stack does not manage topics and users."""
        return settings.kafka if settings.manages_entities else None

    def needs(self, section: Kafka, settings: Core) -> Needs:
        """A Kubernetes in which Jobs do not fail by eviction."""
        return Needs(kubernetes=[] if section.engine is Engine.STRIMZI else [JOBS])

    def rendered(self, section: Kafka, placed: Placed) -> Iterator[Rendered]:
        """Strimzi's custom resources, or the provisioner."""
        entities = EntitySettings(name=CLUSTER, **_entity_values(section, placed, placed.mark), urls=placed.stack.urls)
        passwords = {
            name: placed.password(f"{CLUSTER}-{name}", entities.users[name].password_version)
            for name in entities.with_passwords
        }
        if section.engine is not Engine.STRIMZI:
            found = provisioner.objects(entities, passwords)
        else:
            certified = [name for name, user in sorted(entities.users.items()) if user.auth is Login.MTLS]
            delivered = (
                delivered_certificate(entities, name, _certificate(placed, name, entities.users[name]))
                for name in certified
            )
            found = [*strimzi_entities.objects(entities, passwords), *delivered]
        yield from placed.named(CLUSTER, found)

    def build(self, section: Kafka, deployment: Deployment) -> None:
        """Depends on the brokers through their connection."""
        values = _entity_values(section, deployment, deployment.mark)
        urls = deployment.stack.urls
        args = kafka_platform.KafkaResourcesArgs(
            **values, http_url=urls.inside, external_http_url=urls.outside, registry_url=urls.registry
        )
        entities = kafka_platform.KafkaResources(CLUSTER, args, deployment.options())
        deployment.made["entities"] = entities
        deployment.outputs["userSecrets"] = entities.user_secrets


def _certificate(placed: Placed, name: str, user: User) -> Mapping[str, str]:
    """What the Secret has that Strimzi's operator creates for a user with a certificate."""
    secret = strimzi_entities.user_object(name, user)
    return encode({key: placed.taken(secret, key) for key in ("user.crt", "user.key")})


def _entity_values(kafka: Kafka, placed: Placed, mark: str) -> dict[str, Any]:
    return {
        "connection": placed.connection,
        "topics": placed.stack.topics,
        "users": placed.stack.users,
        "runtime_image": placed.settings.runtime_image,
        # Only an external Kafka may be used by several stacks.
        "stack": mark if kafka.engine is Engine.EXTERNAL else None,
        "former_stacks": kafka.former_stacks,
        "pod_settings": placed.settings.pod_settings,
    }
