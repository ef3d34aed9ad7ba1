"""The Kubernetes objects of an embedded Kafka cluster: one pure function renders each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kafka_platform.cluster.embedded import external
from kafka_platform.cluster.embedded.files import (
    CONTROLLER_PORT,
    EXTERNAL_PORT,
    INTERNAL_PORT,
    REPLICATION_PORT,
    bootstrap_servers,
    broker_files,
    client_protocol,
    controllers,
    external_bootstrap_servers,
    files_hash,
)
from kafka_platform.cluster.embedded.pods import health_container, init_containers, kafka_container, volumes
from kafka_platform.cluster.embedded.settings import COMPONENT, EmbeddedSettings
from kafka_platform.cluster.metrics import NODE_METRICS_PORT
from kafka_platform.kafka import secrets
from kafka_platform.kafka.entities import Deletion
from kafka_platform.kafka.protocols import SaslMechanism
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import (
    Manifest,
    allowed_port,
    client_peers,
    collectors,
    disruption_budget_of,
    labels,
    metadata,
    network_policy_of,
    selector,
    service_account_of,
    service_of,
    service_port,
    to_names,
)
from kafka_platform.kube.objects import Guard, Object
from kafka_platform.kube.pods import CONFIG_ANNOTATION, configured, pod_spec, prefer_other_machines, spread_over
from kafka_platform.values.units import quantity

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection

# A broker that stops hands over every partition that it leads, which takes a second for some hundred of them.
_TERMINATION_SECONDS = 120


def connection(settings: EmbeddedSettings) -> dict[str, Any]:
    """How to reach the cluster, as the fields of a connection."""
    spec, broker = settings.spec, settings.broker
    return {
        "cluster": settings.name,
        "namespace": settings.namespace,
        "bootstrap_servers": derived(lambda known: bootstrap_servers(broker, known), settings.namespace),
        "external_bootstrap_servers": external_bootstrap_servers(broker),
        "security_protocol": client_protocol(spec.listeners),
        "sasl_mechanism": SaslMechanism.SCRAM_SHA_512.value,
        "ca_secret": spec.listeners.certificate,
        "admin_secret": f"{settings.name}-admin",
        "nodes": spec.nodes,
        "replicas": spec.defaults.replicas_on(spec.nodes),
        "min_insync_replicas": spec.defaults.min_insync_replicas_on(spec.nodes),
    }


@dataclass(frozen=True, kw_only=True)
class Generated:
    """Values that are generated once for a cluster, and kept."""

    cluster_id: "Input[str]"
    admin_password: "Input[str]"
    broker_password: "Input[str]"
    """The login of the nodes among themselves."""


def objects(settings: EmbeddedSettings, connection: "KafkaConnection", generated: Generated) -> list[Object]:
    """The cluster's objects, in the order in which they are needed; the volumes' sizes come after the nodes."""
    name, spec = settings.name, settings.spec
    files = derived(
        lambda namespace, cluster_id: broker_files(settings.broker, namespace=namespace, cluster_id=cluster_id),
        settings.namespace,
        generated.cluster_id,
    )
    before = [
        *_credentials(settings, connection, generated),
        Object(role="config", manifest=config_map(settings, files)),
        Object(role="account", manifest=service_account(settings)),
        # The StatefulSet needs this Service first; waiting for its pods here would never end.
        Object(role="nodes", manifest=nodes_service(settings), awaited=False),
        Object(role="network", manifest=network_policy(settings)),
    ]
    nodes = Object(
        role="nodes",
        manifest=stateful_set(settings, derived(files_hash, files)),
        after=before,
        # The API server completes the claims' template as a whole: to take up a StatefulSet that an interrupted
        # deployment created looks like a conflict with the one that completed it.
        forced=True,
        # The API server takes no other template; what it would change is done by the claims' patches.
        ignored=["spec.volumeClaimTemplates"],
        guard=Guard(name=f"{name}-no-fewer-nodes", check=_refuse_fewer_nodes),
    )
    return [
        *before,
        Object(role="disruption", manifest=pod_disruption_budget(settings)),
        nodes,
        *(_claim(settings, node, nodes) for node in range(spec.nodes)),
        Object(role="bootstrap", manifest=bootstrap_service(settings)),
        *external.objects(settings),
    ]


def _credentials(settings: EmbeddedSettings, connection: "KafkaConnection", generated: Generated) -> list[Object]:
    """The administrator, and the login of the nodes among themselves."""
    name, namespace, own = settings.name, settings.namespace, labels(settings.name, COMPONENT)
    admin = secrets.credentials(f"{name}-admin", namespace, own, "admin", generated.admin_password, connection)
    broker = secrets.passwords(f"{name}-broker", namespace, own, {"password": generated.broker_password})
    return [Object(role="admin", manifest=admin), Object(role="broker", manifest=broker)]


def _claim(settings: EmbeddedSettings, node: int, nodes: Object) -> Object:
    return Object(
        role=f"claim-{node}",
        manifest=claim_patch(settings, node),
        after=[nodes],
        # The official plugin waits until a claim that is new to it is Pending; the node's pod uses this one already.
        awaited=False,
        forced=True,
        # Taking the patch back would shrink the claim, which the API server refuses.
        kept=True,
        partial=True,
        guard=Guard(name=f"{settings.name}-no-smaller-volumes", check=_refuse_smaller_volumes),
    )


def service_account(settings: EmbeddedSettings) -> Manifest:
    """The pods' service account, without a token."""
    return service_account_of(metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)))


def config_map(settings: EmbeddedSettings, files: "Input[Mapping[str, str]]") -> Manifest:
    """The files that the nodes start from."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(f"{settings.name}-config", settings.namespace, labels(settings.name, COMPONENT)),
        "data": files,
    }


def nodes_service(settings: EmbeddedSettings) -> Manifest:
    """Gives each node its name, also before it is ready: the nodes need each other to become ready."""
    return service_of(
        metadata(
            f"{settings.name}-nodes",
            settings.namespace,
            labels(settings.name, COMPONENT),
        ),
        [
            service_port("replication", REPLICATION_PORT),
            service_port("internal", INTERNAL_PORT),
            service_port("controller", CONTROLLER_PORT),
        ],
        selector(settings.name, COMPONENT),
        headless=True,
        unready=True,
    )


def bootstrap_service(settings: EmbeddedSettings) -> Manifest:
    """Bootstrap servers inside Kubernetes."""
    return service_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        [service_port("internal", INTERNAL_PORT)],
        selector(settings.name, COMPONENT),
    )


def pod_disruption_budget(settings: EmbeddedSettings) -> Manifest:
    """One node at a time may be drained."""
    return disruption_budget_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        selector(settings.name, COMPONENT),
    )


def network_policy(settings: EmbeddedSettings) -> Manifest:
    """Nodes talk to each other; clients of this namespace and of the allowed ones reach the client listener."""
    nodes = {"podSelector": {"matchLabels": selector(settings.name, COMPONENT)}}
    clients = client_peers(settings.name, settings.spec.client_namespaces)
    ingress: list[Manifest] = [
        {"from": [nodes], "ports": [allowed_port(REPLICATION_PORT), allowed_port(CONTROLLER_PORT)]},
        {"from": clients, "ports": [allowed_port(INTERNAL_PORT)]},
    ]
    if settings.spec.listeners.external is not None:
        ingress.append({"ports": [allowed_port(EXTERNAL_PORT)]})
    if settings.shows_metrics:
        ingress.append(collectors(NODE_METRICS_PORT, settings.spec.metrics_namespaces))
    return network_policy_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        pods={"matchLabels": selector(settings.name, COMPONENT)},
        ingress=ingress,
        egress=[*to_names(), {"to": [nodes]}],
    )


def stateful_set(settings: EmbeddedSettings, config_hash: "Input[str]") -> Manifest:
    """The nodes, each with a volume of its own."""
    own = selector(settings.name, COMPONENT)
    claim: Manifest = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": settings.spec.storage}},
    }
    if settings.spec.storage_class is not None:
        claim["storageClassName"] = settings.spec.storage_class
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata(
            settings.name,
            settings.namespace,
            labels(settings.name, COMPONENT),
        ),
        "spec": {
            "persistentVolumeClaimRetentionPolicy": {
                "whenDeleted": "Delete" if settings.spec.deletion is Deletion.ALLOW else "Retain",
                "whenScaled": "Retain",
            },
            # The controllers need each other to become ready, so all start at once.
            "podManagementPolicy": "Parallel",
            "replicas": settings.spec.nodes,
            "selector": {"matchLabels": own},
            "serviceName": f"{settings.name}-nodes",
            "template": configured(_template(settings, config_hash), settings.spec.pod_settings),
            "updateStrategy": {"type": "RollingUpdate"},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        },
    }


def _template(settings: EmbeddedSettings, config_hash: "Input[str]") -> Manifest:
    own = selector(settings.name, COMPONENT)
    before = init_containers(settings)
    more: Manifest = {"initContainers": before} if before else {}
    return {
        "metadata": {
            "annotations": {CONFIG_ANNOTATION: config_hash},
            "labels": labels(settings.name, COMPONENT),
        },
        "spec": pod_spec(
            [kafka_container(settings), health_container(settings)],
            volumes(settings),
            affinity=prefer_other_machines(own),
            serviceAccountName=settings.name,
            terminationGracePeriodSeconds=_TERMINATION_SECONDS,
            topologySpreadConstraints=spread_over(settings.spec.spread, own),
            **more,
        ),
    }


def claim_patch(settings: EmbeddedSettings, node: int) -> Manifest:
    """The requested size of a node's claim: a StatefulSet creates claims, but never changes them."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": f"data-{settings.name}-{node}",
            "namespace": settings.namespace,
        },
        "spec": {"resources": {"requests": {"storage": settings.spec.storage}}},
    }


def check_nodes(name: str, before: int, after: int) -> None:
    """Raises for a number of nodes that the cluster cannot go to without losing records."""
    if after < before:
        raise ValueError(
            f"cluster {name}: nodes: {before} -> {after}: the removed nodes hold records: "
            f"keep {before} nodes, or move to a new cluster"
        )
    if controllers(after) != controllers(before):
        raise ValueError(
            f"cluster {name}: nodes: {before} -> {after}: the number of voting nodes would change from "
            f"{controllers(before)} to {controllers(after)}, which it cannot on a running cluster: make a new cluster"
        )


def check_storage(claim: str, before: str, after: str) -> None:
    """Raises for a volume that would shrink."""
    if quantity(after) < quantity(before):
        raise ValueError(f"volume {claim}: storage: {before} -> {after}: volumes never shrink: use at least {before}")


def _refuse_fewer_nodes(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    # Numbers come back from the engine as floats.
    before, after = (int(inputs["spec"]["replicas"]) for inputs in (old, new))
    check_nodes(new["metadata"]["name"], before, after)


def _refuse_smaller_volumes(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    before, after = (inputs["spec"]["resources"]["requests"]["storage"] for inputs in (old, new))
    check_storage(new["metadata"]["name"], before, after)
