"""A mirror that Strimzi's operator runs: a KafkaMirrorMaker2 with workers of its own. One pure function renders each object.

Whoever runs it, MirrorMaker has the same settings. Here its workers and connectors log in as one user, as Strimzi knows one for all.
"""

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from kafka_platform.connect.configs import shared_properties
from kafka_platform.connect.egress import allowed_places
from kafka_platform.connect.objects import REST_PORT, RULES, TERMINATION_SECONDS
from kafka_platform.connect.operated import RESTARTS, VERBOSE, jvm_options
from kafka_platform.connect.spec import ConnectResources
from kafka_platform.kafka.client_pods import kafka_ports
from kafka_platform.kube.declared import version_of
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import (
    Manifest,
    allowed_port,
    collectors,
    labels,
    metadata,
    network_policy_of,
    to_names,
)
from kafka_platform.kube.objects import Object, Wait
from kafka_platform.kube.operated import (
    READY,
    STRIMZI_API,
    STRIMZI_CLUSTER_LABEL,
    STRIMZI_KIND_LABEL,
    STRIMZI_OPERATOR,
)
from kafka_platform.kube.pods import METRICS_PORT, resources_of, spread_over
from kafka_platform.kube.strimzi_pods import container_security, pod_fields
from kafka_platform.mirror import settings as told
from kafka_platform.mirror.settings import MirrorSettings
from kafka_platform.mirror.spec import HERE, MIRROR, MirrorSource
from kafka_platform.values.names import user_secret

if TYPE_CHECKING:
    from pulumi import Input

COMPONENT = "mirror"
KIND = "KafkaMirrorMaker2"
PODS = 2
READY_SECONDS = 600
"""How long the workers and both connectors may take: their image is some 900 MB."""
SECRETS_VERSION = "kafka-platform/secrets"
_OWN_LOGIN = ("config.providers", "connector.client.config.override.policy", "plugin.discovery")
"""Beginnings of settings of a shared Kafka Connect: here no connector refers to files, or logs in as a user of its own. Plugins are
looked for as Strimzi does it."""


def own_labels(name: str) -> dict[str, str]:
    """The labels that find the workers' pods."""
    return {STRIMZI_CLUSTER_LABEL: name, STRIMZI_KIND_LABEL: KIND}


def objects(settings: MirrorSettings) -> list[Object]:
    """The mirror, and what it needs."""
    rules = Object(role="config", manifest=metrics_rules(settings))
    policy = Object(role="network", manifest=network_policy(settings))
    mirror = Object(
        role="mirror",
        manifest=mirror_maker(settings),
        after=[rules, policy],
        wait=Wait(condition=READY, seconds=READY_SECONDS),
        # Whoever stops a connector by hand owns its state then.
        forced=True,
    )
    return [rules, policy, mirror]


def metrics_rules(settings: MirrorSettings) -> Manifest:
    """What the workers show of themselves and of the mirror."""
    rules = (files("kafka_platform.connect") / RULES).read_text(encoding="utf-8")
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(f"{settings.name}-config", settings.namespace, labels(settings.name, COMPONENT)),
        "data": {RULES: rules},
    }


def network_policy(settings: MirrorSettings) -> Manifest:
    """The workers reach each other and both Kafkas; the operator reaches them, and nobody else."""
    workers = {"podSelector": {"matchLabels": own_labels(settings.name)}}
    operator = {"namespaceSelector": {}, "podSelector": {"matchLabels": dict(STRIMZI_OPERATOR)}}
    return network_policy_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        pods={"matchLabels": own_labels(settings.name)},
        ingress=[
            {"from": [workers, operator], "ports": [allowed_port(REST_PORT)]},
            collectors(METRICS_PORT, settings.spec.metrics_namespaces),
        ],
        egress=[
            *to_names(),
            {"ports": kafka_ports(settings.connection)},
            {"ports": [allowed_port(REST_PORT)], "to": [workers]},
            *allowed_places(settings.spec.origin.places()),
        ],
    )


def mirror_maker(settings: MirrorSettings) -> Manifest:
    """The workers and the mirror."""
    spec = settings.spec
    rendered: Manifest = {
        "image": settings.image,
        "jvmOptions": jvm_options((spec.resources or ConnectResources()).memory),
        "logging": {
            "loggers": {"logger.clients.level": "WARN", "logger.clients.name": VERBOSE, "rootLogger.level": "INFO"},
            "type": "inline",
        },
        "metricsConfig": {
            "type": "jmxPrometheusExporter",
            "valueFrom": {"configMapKeyRef": {"key": RULES, "name": f"{settings.name}-config"}},
        },
        "mirrors": [mirror(settings)],
        "replicas": spec.pods or PODS,
        "resources": resources_of(spec.resources or ConnectResources()),
        "target": target(settings),
        "template": template(settings),
    }
    return {
        "apiVersion": STRIMZI_API,
        "kind": KIND,
        "metadata": metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        "spec": rendered,
    }


def target(settings: MirrorSettings) -> Manifest:
    """The Kafka of this platform, where the workers keep how far they are."""
    connection = settings.connection
    own = {key: value for key, value in shared_properties().items() if not key.startswith(_OWN_LOGIN)}
    found: Manifest = {
        "alias": HERE,
        "bootstrapServers": connection.bootstrap_servers,
        "config": own,
        "configStorageTopic": f"{MIRROR}-configs",
        "groupId": MIRROR,
        "offsetStorageTopic": f"{MIRROR}-positions",
        "statusStorageTopic": f"{MIRROR}-status",
    }
    if connection.sasl_mechanism is not None:
        found["authentication"] = _login(connection.sasl_mechanism, MIRROR, user_secret(MIRROR))
    if connection.ca_secret is not None:
        found["tls"] = _tls(connection.ca_secret)
    return found


def mirror(settings: MirrorSettings) -> Manifest:
    """What is mirrored from where, by which connectors."""
    spec = settings.spec
    restarts = {"enabled": True, "maxRestarts": RESTARTS}
    found: Manifest = {
        "source": source(spec.origin),
        "sourceConnector": {
            "autoRestart": restarts,
            "config": {"producer.override.compression.type": "zstd"} | told.of_records(spec),
            "state": spec.state.value,
            "tasksMax": spec.tasks,
        },
        "topicsExcludePattern": told.excluded(spec),
        "topicsPattern": told.topics(spec),
    }
    if spec.groups:
        found["checkpointConnector"] = {
            "autoRestart": restarts,
            "config": told.of_offsets(spec),
            "state": spec.state.value,
            "tasksMax": 1,
        }
        found["groupsPattern"] = told.groups(spec)
    return dict(sorted(found.items()))


def source(declared: MirrorSource) -> Manifest:
    """The other Kafka."""
    found: Manifest = {"alias": declared.name, "bootstrapServers": declared.bootstrap_servers}
    if declared.sasl is not None:
        found["authentication"] = _login(declared.sasl.value, declared.username or "", declared.secret or "")
    if declared.encrypted:
        found["tls"] = _tls(declared.ca_secret) if declared.ca_secret is not None else {"trustedCertificates": []}
    return found


def _login(mechanism: "Input[str]", username: str, secret: "Input[str]") -> Manifest:
    found: Any = {
        "passwordSecret": {"password": "password", "secretName": secret},
        "type": derived(lambda word: word.lower(), mechanism),
        "username": username,
    }
    return found  # type: ignore[no-any-return]


def _tls(secret: "Input[str]") -> Manifest:
    return {"trustedCertificates": [{"certificate": "ca.crt", "secretName": secret}]}


def template(settings: MirrorSettings) -> Manifest:
    """What the workers' pods carry."""
    pod: Manifest = {
        "terminationGracePeriodSeconds": TERMINATION_SECONDS,
        "topologySpreadConstraints": spread_over(settings.spread, own_labels(settings.name)),
        **pod_fields(settings.spec.pod_settings),
    }
    about = pod.get("metadata", {})
    source = settings.spec.origin
    version = version_of([str(source.secret), str(source.ca_secret), settings.spec.password_version])
    known = {**about.get("labels", {}), "app.kubernetes.io/component": COMPONENT}
    pod["metadata"] = {"annotations": {**about.get("annotations", {}), SECRETS_VERSION: version}, "labels": known}
    return {"connectContainer": {"securityContext": container_security()}, "pod": dict(sorted(pod.items()))}
