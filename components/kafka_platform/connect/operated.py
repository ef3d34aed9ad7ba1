"""Kafka Connect that Strimzi's operator runs: a KafkaConnect, and a KafkaConnector for each connector. One pure function renders each.

Whoever runs it, a connector has the same configuration, logs in as its own user, and reads its secrets from the same files.
"""

from importlib.resources import files
from typing import Any

from kafka_platform.connect import slots
from kafka_platform.connect.configs import (
    class_of,
    connector_config,
    context_of,
    shared_properties,
    storage_topics,
)
from kafka_platform.connect.egress import allowed_places
from kafka_platform.connect.kinds import SECRETS
from kafka_platform.connect.objects import (
    COMPONENT,
    MEMORY,
    REST_PORT,
    RULES,
    SECRETS_VERSION,
    TERMINATION_SECONDS,
    ConnectSettings,
    mounted_secrets,
    registry_egress,
    secrets_version,
)
from kafka_platform.connect.spec import CONNECT, Connector
from kafka_platform.kafka.client_pods import kafka_ports
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
from kafka_platform.kube.pods import METRICS_PORT, resources_of, secret_volume, spread_over
from kafka_platform.kube.strimzi_pods import container_security, pod_fields
from kafka_platform.values.names import user_secret

CONNECTOR_COMPONENT = "connector"
KIND = "KafkaConnect"
CONNECT_SECONDS = 600
"""How long the workers may take: their image is some 900 MB."""
CONNECTOR_SECONDS = 300
"""How long a connector may take: the operator looks at each at least every two minutes."""
RESTARTS = 7
"""After which the operator leaves a failed connector alone. Its pauses grow from 2 minutes to 30, so that takes about an hour and a
half, in which most databases are back; the alert about a failed task does not wait for it."""
_CA_FOLDER = "/mnt/kafka-ca"
"""Strimzi mounts volumes below /mnt only."""
_CA_FILE = f"{_CA_FOLDER}/ca.crt"
VERBOSE = "org.apache.kafka.clients"
"""They log every setting of every client at each start."""


def service_name(name: str) -> str:
    """The Service that Strimzi makes for the REST interface."""
    return f"{name}-connect-api"


def own_labels(name: str) -> dict[str, str]:
    """The labels that find the workers' pods."""
    return {STRIMZI_CLUSTER_LABEL: name, STRIMZI_KIND_LABEL: KIND}


def objects(settings: ConnectSettings) -> list[Object]:
    """The workers, what they need, and the connectors."""
    rules = Object(role="config", manifest=metrics_rules(settings))
    policy = Object(role="network", manifest=network_policy(settings))
    workers = Object(
        role="workers",
        manifest=kafka_connect(settings),
        after=[rules, policy],
        wait=Wait(condition=READY, seconds=CONNECT_SECONDS),
    )
    connectors = [
        Object(
            role=f"connector-{name}",
            manifest=kafka_connector(settings, name, each),
            after=[workers],
            wait=Wait(condition=READY, seconds=CONNECTOR_SECONDS),
            # Whoever pauses one by hand owns its state then.
            forced=True,
            # To delete the object is to delete the connector, and a source that is gone misses changes.
            kept=True,
        )
        for name, each in sorted(settings.connectors.items())
    ]
    return [rules, policy, workers, *connectors, *slots.objects(settings.slots)]


def metrics_rules(settings: ConnectSettings) -> Manifest:
    """What the workers show of themselves and of the connectors."""
    rules = (files("kafka_platform.connect") / RULES).read_text(encoding="utf-8")
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(f"{settings.name}-config", settings.namespace, labels(settings.name, COMPONENT)),
        "data": {RULES: rules},
    }


def network_policy(settings: ConnectSettings) -> Manifest:
    """The workers reach each other, Kafka and what connectors name; the operator reaches them, and nobody else.

    Strimzi makes a policy of its own, which lets everybody read the metrics.
    """
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
            *registry_egress(settings),
            *allowed_places(place for each in settings.connectors.values() for place in each.kind.places()),
        ],
    )


def kafka_connect(settings: ConnectSettings) -> Manifest:
    """The workers."""
    connection, spec = settings.connection, settings.spec
    topics = {f"{key.partition('.')[0]}StorageTopic": topic for key, topic in storage_topics().items()}
    rendered: Manifest = {
        "bootstrapServers": connection.bootstrap_servers,
        "config": worker_config(settings),
        "groupId": CONNECT,
        "image": settings.image,
        "jvmOptions": jvm_options(spec.resources.memory),
        "logging": {
            "loggers": {
                "logger.clients.level": "WARN",
                "logger.clients.name": VERBOSE,
                "rootLogger.level": "INFO",
            },
            "type": "inline",
        },
        "metricsConfig": {
            "type": "jmxPrometheusExporter",
            "valueFrom": {"configMapKeyRef": {"key": RULES, "name": f"{settings.name}-config"}},
        },
        "replicas": spec.pods,
        "resources": resources_of(spec.resources),
        "template": template(settings),
        **topics,
    }
    if settings.logs_in:
        rendered["authentication"] = {
            "passwordSecret": {"password": "password", "secretName": user_secret(CONNECT)},
            "type": derived(lambda mechanism: mechanism.lower(), connection.sasl_mechanism),
            "username": CONNECT,
        }
    if connection.ca_secret is not None:
        rendered["tls"] = {"trustedCertificates": [{"certificate": "ca.crt", "secretName": connection.ca_secret}]}
    if spec.plugins:
        rendered["plugins"] = [
            {"artifacts": [{"reference": image, "type": "image"}], "name": name}
            for name, image in sorted(spec.plugins.items())
        ]
    return {
        "apiVersion": STRIMZI_API,
        "kind": KIND,
        "metadata": metadata(
            settings.name,
            settings.namespace,
            labels(settings.name, COMPONENT),
            {"strimzi.io/use-connector-resources": "true"},
        ),
        "spec": dict(sorted(rendered.items())),
    }


def worker_config(settings: ConnectSettings) -> dict[str, str]:
    """The workers' settings, without those that have fields of their own, or that Strimzi decides on."""
    found = shared_properties()
    if settings.spec.plugins:
        # Images of others may have no manifests: without a look into them their plugins would not be found.
        del found["plugin.discovery"]
    return found


def jvm_options(memory: str) -> Manifest:
    """Options of the JVM: every part of its memory has a bound, and together they fit into the pod."""
    heap, *bounds = MEMORY.options(memory)
    more = {}
    for each in bounds:
        name, _, value = each.removeprefix("-XX:").lstrip("+").partition("=")
        more[name] = value or "true"
    return {"-XX": dict(sorted(more.items())), "-Xmx": heap.removeprefix("-Xmx")}


def template(settings: ConnectSettings) -> Manifest:
    """What the workers' pods carry: the connectors' secrets, each in a folder of its own."""
    mounts, volumes = [], []
    for path, volume in mounted_secrets(settings):
        volumes.append(volume)
        mounts.append({"mountPath": f"{SECRETS}/{path}", "name": volume["name"], "readOnly": True})
    if settings.connection.ca_secret is not None:
        volumes.append(secret_volume("kafka-ca", settings.connection.ca_secret, "ca.crt"))
        mounts.append({"mountPath": _CA_FOLDER, "name": "kafka-ca", "readOnly": True})
    pod: Manifest = {
        "terminationGracePeriodSeconds": TERMINATION_SECONDS,
        "topologySpreadConstraints": spread_over(settings.spread, own_labels(settings.name)),
        "volumes": volumes,
        **pod_fields(settings.spec.pod_settings),
    }
    about = pod.get("metadata", {})
    annotations = {**about.get("annotations", {}), SECRETS_VERSION: secrets_version(settings.connectors)}
    # Commands find the workers by this label, whoever runs them.
    known = {**about.get("labels", {}), "app.kubernetes.io/component": COMPONENT}
    pod["metadata"] = {"annotations": annotations, "labels": known}
    return {
        "connectContainer": {"securityContext": container_security(), "volumeMounts": mounts},
        "pod": dict(sorted(pod.items())),
    }


def kafka_connector(settings: ConnectSettings, name: str, connector: Connector) -> Manifest:
    """A connector. Its configuration has references to files instead of secrets."""
    connection = settings.connection

    registry = settings.registries.get(name)

    def config(servers: str, protocol: str, mechanism: str | None, registry_url: str) -> dict[str, str]:
        ca_file = None if connection.ca_secret is None else _CA_FILE
        context = context_of(name, servers, protocol, mechanism, ca_file=ca_file, registry_url=registry_url)
        own = connector_config(connector, context)
        return {key: value for key, value in own.items() if key not in ("connector.class", "tasks.max")}

    known: Any = derived(
        config,
        connection.bootstrap_servers,
        connection.security_protocol,
        connection.sasl_mechanism,
        "" if registry is None else registry.url,
    )
    return {
        "apiVersion": STRIMZI_API,
        "kind": "KafkaConnector",
        "metadata": metadata(
            name,
            settings.namespace,
            {**labels(settings.name, CONNECTOR_COMPONENT), STRIMZI_CLUSTER_LABEL: settings.name},
        ),
        "spec": {
            "autoRestart": {"enabled": True, "maxRestarts": RESTARTS},
            "class": class_of(connector),
            "config": known,
            "state": connector.state.value,
            "tasksMax": connector.tasks,
        },
    }
