"""Kafka Connect that Strimzi's operator runs: a KafkaConnect, and a KafkaConnector for each connector. One pure function renders each.

Whoever runs it, a connector has the same configuration, logs in as its own user, and reads its secrets from the same files.
"""

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
    SECRETS_VERSION,
    ConnectSettings,
    mounted_secrets,
    registry_egress,
    secrets_version,
)
from kafka_platform.connect.operated_workers import RESTARTS, OperatedWorkers, login_of, trusting
from kafka_platform.connect.spec import CONNECT, Connector
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import Manifest, labels, metadata
from kafka_platform.kube.objects import Object, Wait
from kafka_platform.kube.operated import READY, STRIMZI_API, STRIMZI_CLUSTER_LABEL
from kafka_platform.kube.pods import secret_volume
from kafka_platform.kube.strimzi_pods import container_security
from kafka_platform.values.names import user_secret

CONNECTOR_COMPONENT = "connector"
KIND = "KafkaConnect"
CONNECT_SECONDS = 600
"""How long the workers may take: their image is some 900 MB."""
CONNECTOR_SECONDS = 300
"""How long a connector may take: the operator looks at each at least every two minutes."""
_CA_FOLDER = "/mnt/kafka-ca"
"""Strimzi mounts volumes below /mnt only."""
_CA_FILE = f"{_CA_FOLDER}/ca.crt"


def service_name(name: str) -> str:
    """The Service that Strimzi makes for the REST interface."""
    return f"{name}-connect-api"


def _workers(settings: ConnectSettings) -> OperatedWorkers:
    return OperatedWorkers(kind=KIND, component=COMPONENT, name=settings.name, namespace=settings.namespace)


def objects(settings: ConnectSettings) -> list[Object]:
    """The workers, what they need, and the connectors."""
    rules = Object(role="config", manifest=_workers(settings).metrics_rules())
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


def network_policy(settings: ConnectSettings) -> Manifest:
    """The workers also reach the registry and what connectors name."""
    places = (place for each in settings.connectors.values() for place in each.kind.places())
    egress = [*registry_egress(settings), *allowed_places(places)]
    return _workers(settings).network_policy(settings.connection, settings.spec.metrics_namespaces, egress)


def kafka_connect(settings: ConnectSettings) -> Manifest:
    """The workers."""
    connection, spec = settings.connection, settings.spec
    topics = {f"{key.partition('.')[0]}StorageTopic": topic for key, topic in storage_topics().items()}
    rendered: Manifest = {
        "bootstrapServers": connection.bootstrap_servers,
        "config": worker_config(settings),
        "groupId": CONNECT,
        **_workers(settings).spec(settings.image, spec.pods, spec.resources),
        "template": template(settings),
        **topics,
    }
    if settings.logs_in:
        rendered["authentication"] = login_of(connection.sasl_mechanism or "", CONNECT, user_secret(CONNECT))
    if connection.ca_secret is not None:
        rendered["tls"] = trusting(connection.ca_secret)
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


def template(settings: ConnectSettings) -> Manifest:
    """What the workers' pods carry: the connectors' secrets, each in a folder of its own."""
    mounts, volumes = [], []
    for path, volume in mounted_secrets(settings):
        volumes.append(volume)
        mounts.append({"mountPath": f"{SECRETS}/{path}", "name": volume["name"], "readOnly": True})
    if settings.connection.ca_secret is not None:
        volumes.append(secret_volume("kafka-ca", settings.connection.ca_secret, "ca.crt"))
        mounts.append({"mountPath": _CA_FOLDER, "name": "kafka-ca", "readOnly": True})
    annotations = {SECRETS_VERSION: secrets_version(settings.connectors)}
    pod = _workers(settings).pod(settings.spread, settings.spec.pod_settings, annotations, volumes=volumes)
    return {"connectContainer": {"securityContext": container_security(), "volumeMounts": mounts}, "pod": pod}


def kafka_connector(settings: ConnectSettings, name: str, connector: Connector) -> Manifest:
    """A connector. Its configuration has references to files instead of secrets."""
    connection = settings.connection

    registry = settings.registries.get(name)

    def config(servers: str, protocol: str, mechanism: str | None, registry_url: str) -> dict[str, str]:
        ca_file = None if connection.ca_secret is None else _CA_FILE
        context = context_of(
            name, servers, protocol, mechanism, ca_file=ca_file, registry=registry, registry_url=registry_url
        )
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
