"""A mirror that Strimzi's operator runs: a KafkaMirrorMaker2 with workers of its own. One pure function renders each object.

Whoever runs it, MirrorMaker has the same settings. Here its workers and connectors log in as one user, as Strimzi knows one for all.
"""

from kafka_platform.connect.configs import shared_properties
from kafka_platform.connect.egress import allowed_places
from kafka_platform.connect.objects import SECRETS_VERSION
from kafka_platform.connect.operated_workers import RESTARTS, OperatedWorkers, login_of, trusting
from kafka_platform.connect.spec import ConnectResources
from kafka_platform.kube.declared import version_of
from kafka_platform.kube.manifests import Manifest, labels, metadata
from kafka_platform.kube.objects import Object, Wait
from kafka_platform.kube.operated import READY, STRIMZI_API
from kafka_platform.kube.strimzi_pods import container_security
from kafka_platform.mirror import settings as told
from kafka_platform.mirror.settings import MirrorSettings
from kafka_platform.mirror.spec import HERE, MIRROR, MirrorSource
from kafka_platform.values.names import user_secret

COMPONENT = "mirror"
KIND = "KafkaMirrorMaker2"
PODS = 2
READY_SECONDS = 600
"""How long the workers and both connectors may take: their image is some 900 MB."""
_OWN_LOGIN = ("config.providers", "connector.client.config.override.policy", "plugin.discovery")
"""Beginnings of settings of a shared Kafka Connect: here no connector refers to files, or logs in as a user of its own. Plugins are
looked for as Strimzi does it."""


def _workers(settings: MirrorSettings) -> OperatedWorkers:
    return OperatedWorkers(kind=KIND, component=COMPONENT, name=settings.name, namespace=settings.namespace)


def objects(settings: MirrorSettings) -> list[Object]:
    """The mirror, and what it needs."""
    rules = Object(role="config", manifest=_workers(settings).metrics_rules())
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


def network_policy(settings: MirrorSettings) -> Manifest:
    """The workers also reach the other Kafka."""
    places = allowed_places(settings.spec.origin.places())
    return _workers(settings).network_policy(settings.connection, settings.spec.metrics_namespaces, places)


def mirror_maker(settings: MirrorSettings) -> Manifest:
    """The workers and the mirror."""
    spec = settings.spec
    rendered: Manifest = {
        **_workers(settings).spec(settings.image, spec.pods or PODS, spec.resources or ConnectResources()),
        "mirrors": [mirror(settings)],
        "target": target(settings),
        "template": template(settings),
    }
    return {
        "apiVersion": STRIMZI_API,
        "kind": KIND,
        "metadata": metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        "spec": dict(sorted(rendered.items())),
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
        found["authentication"] = login_of(connection.sasl_mechanism, MIRROR, user_secret(MIRROR))
    if connection.ca_secret is not None:
        found["tls"] = trusting(connection.ca_secret)
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
        found["authentication"] = login_of(declared.sasl.value, declared.username or "", declared.secret or "")
    if declared.encrypted:
        found["tls"] = trusting(declared.ca_secret) if declared.ca_secret is not None else {"trustedCertificates": []}
    return found


def template(settings: MirrorSettings) -> Manifest:
    """What the workers' pods carry."""
    source = settings.spec.origin
    version = version_of([str(source.secret), str(source.ca_secret), settings.spec.password_version])
    pod = _workers(settings).pod(settings.spread, settings.spec.pod_settings, {SECRETS_VERSION: version})
    return {"connectContainer": {"securityContext": container_security()}, "pod": pod}
