"""The Kubernetes objects of a light connector: one pure function renders each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kafka_platform.connect.common import connector_user_name
from kafka_platform.connect.egress import allowed_places
from kafka_platform.kafka import registry
from kafka_platform.kafka.client_pods import (
    ca_mounts,
    ca_volumes,
    connection_environment,
    kafka_ports,
    login_files,
    login_values,
    login_volume,
)
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import (
    Manifest,
    collectors,
    disruption_budget_of,
    labels,
    metadata,
    network_policy_of,
    selector,
    service_of,
    service_port,
    text_hash,
    to_names,
)
from kafka_platform.kube.metrics import METRICS_PORT_NAME
from kafka_platform.kube.objects import Object
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.kube.pods import (
    CONFIG_ANNOTATION,
    METRICS_PORT,
    configured,
    container_security,
    http_check,
    pod_spec,
    prefer_other_machines,
    resources_of,
    secret_volume,
    spread_over,
)
from kafka_platform.light.spec import LightConnectorSpec

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection
    from kafka_platform.kafka.registry import RegistryConnection

COMPONENT = "light-connector"
_CONFIG = "/etc/kafka-platform/config"
_FILE = "connector.json"
_CREDENTIALS = "/etc/kafka-platform/credentials"
_SECRET = "/etc/kafka-platform/secret"  # noqa: S105 - a path
_PASSWORD_ANNOTATION = "kafka-platform/password-version"  # noqa: S105 - the name of an annotation
_TERMINATION_SECONDS = 60
"""A delivery under way takes up to half a minute, unless `timeout` says more; what is not done by then is done again."""


@dataclass(frozen=True, kw_only=True)
class LightSettings:
    """Inputs of the objects of a light connector."""

    connector: str
    """Its name."""
    namespace: "Input[str]"
    connection: "KafkaConnection"
    image: "Input[str]"
    spec: LightConnectorSpec
    registry: "RegistryConnection | None" = None
    """The schema registry by which it reads records; None if it does not."""
    secret: "Input[str] | None" = None
    """Name of the Secret with its Kafka login; None if there is none."""
    spread: str = "topology.kubernetes.io/zone"
    pod_settings: PodSettings = UNDECIDED
    metrics_namespaces: "Sequence[Input[str]]" = ()

    @property
    def name(self) -> str:
        """Of its objects, its Kafka user and its group."""
        return connector_user_name(self.connector)

    @property
    def own(self) -> dict[str, str]:
        """The labels that find the pods."""
        return selector(self.name, COMPONENT)

    @property
    def about(self) -> Manifest:
        """The metadata of its objects."""
        return metadata(self.name, self.namespace, labels(self.name, COMPONENT))


def objects(settings: LightSettings) -> list[Object]:
    """The connector's objects, in the order in which they are needed."""
    config = Object(role="config", manifest=config_map(settings))
    policy = Object(role="network", manifest=network_policy(settings, kafka_ports(settings.connection)))
    return [
        config,
        policy,
        Object(role="disruption", manifest=disruption_budget_of(settings.about, settings.own)),
        # Not awaited: a connector may have no pods, for a time or for good.
        Object(role="service", manifest=service(settings), awaited=False),
        Object(
            role="pods",
            manifest=deployment(settings),
            after=[config, policy],
            # A fixed number is taken back from the autoscaler that there was before.
            forced=settings.spec.pods is not None,
        ),
    ]


def connector_file(settings: LightSettings) -> "Input[str]":
    """What the program does (`connectors/settings.py` of the runtime); it contains no secret."""
    if settings.registry is None:
        return _file(settings, None)
    made: Any = derived(lambda url: _file(settings, url), settings.registry.url)
    return made  # type: ignore[no-any-return]


def _file(settings: LightSettings, registry_url: str | None) -> str:
    spec = settings.spec
    kind = spec.kind
    file = {
        "batch": kind.batch() or {"records": spec.batch},
        "group": settings.name,
        "inFlight": spec.batch,
        "kind": kind.program_kind,
        "name": settings.connector,
        "settings": kind.settings(),
        "topics": list(spec.used_topics()),
    }
    dead_letters = spec.dead_letters_of(settings.connector)
    more = {"deadLetters": dead_letters, "registry": registry_url}
    return json.dumps(file | {key: each for key, each in more.items() if each is not None}, indent=2, sort_keys=True)


def config_map(settings: LightSettings) -> Manifest:
    """The program's file."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": settings.about,
        "data": {_FILE: connector_file(settings)},
    }


def service(settings: LightSettings) -> Manifest:
    """A Service for scrapers, also while the connector is not ready."""
    return service_of(settings.about, [service_port(METRICS_PORT_NAME, METRICS_PORT)], settings.own, unready=True)


def network_policy(settings: LightSettings, kafka_ports: "Input[Sequence[Manifest]]") -> Manifest:
    """Whoever collects metrics reaches the pods; they reach names, Kafka and the system that they name."""
    return network_policy_of(
        settings.about,
        pods={"matchLabels": settings.own},
        ingress=[collectors(METRICS_PORT, settings.metrics_namespaces)],
        egress=[
            *to_names(),
            {"ports": kafka_ports},
            *([] if settings.registry is None else [registry.egress(settings.registry)]),
            *allowed_places(settings.spec.kind.places()),
        ],
    )


def deployment(settings: LightSettings) -> Manifest:
    """The pods. Those of a sink share its partitions; a source has one, which ends before the next one starts."""
    annotations: dict[str, Input[str]] = {
        CONFIG_ANNOTATION: derived(text_hash, connector_file(settings)),
        # Another password is another Secret content, which running clients do not look at.
        _PASSWORD_ANNOTATION: str(settings.spec.password_version),
    }
    pod = pod_spec(
        [_container(settings)],
        _volumes(settings),
        affinity=prefer_other_machines(settings.own),
        terminationGracePeriodSeconds=_TERMINATION_SECONDS,
        topologySpreadConstraints=spread_over(settings.spread, settings.own),
    )
    rolling: Manifest = {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}, "type": "RollingUpdate"}
    spec: Manifest = {
        "selector": {"matchLabels": settings.own},
        "strategy": rolling if settings.spec.is_sink else {"type": "Recreate"},
        "template": configured(
            {"metadata": {"annotations": annotations, "labels": labels(settings.name, COMPONENT)}, "spec": pod},
            settings.pod_settings,
        ),
    }
    if settings.spec.pods is not None:
        spec["replicas"] = settings.spec.pods
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": settings.about,
        "spec": dict(sorted(spec.items())),
    }


def _container(settings: LightSettings) -> Manifest:
    return {
        "command": ["python3", "-m", "kafka_platform_runtime.connectors"],
        "env": _environment(settings),
        "image": settings.image,
        "livenessProbe": http_check("/healthz", METRICS_PORT, failures=3, period_seconds=20),
        "name": "connector",
        "ports": [{"containerPort": METRICS_PORT, "name": METRICS_PORT_NAME}],
        "readinessProbe": http_check("/readyz", METRICS_PORT, failures=1, period_seconds=5),
        "resources": resources_of(settings.spec.compute),
        "securityContext": container_security(),
        "startupProbe": http_check("/healthz", METRICS_PORT, failures=60, period_seconds=2),
        # A fault of its file is told in its log.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(settings),
    }


def _environment(settings: LightSettings) -> list[Manifest]:
    variables = {"CONNECTOR_FILE": f"{_CONFIG}/{_FILE}", "CONNECTOR_PORT": str(METRICS_PORT)}
    if settings.spec.kind.secret is not None:
        variables["CONNECTOR_SECRET_DIR"] = _SECRET
    if settings.registry is not None and settings.registry.secret is not None:
        variables["CONNECTOR_REGISTRY_DIR"] = registry.LOGIN
    if settings.registry is not None and settings.registry.ca_secret is not None:
        variables["CONNECTOR_REGISTRY_CA"] = registry.CA_FILE
    if settings.secret is None:
        return connection_environment(settings.connection, variables)
    variables |= login_files(settings.connection, _CREDENTIALS)
    return [
        *connection_environment(settings.connection, variables),
        *login_values(settings.connection, settings.secret),
    ]


def _mounts(settings: LightSettings) -> list[Manifest]:
    mounts: list[Manifest] = [{"mountPath": _CONFIG, "name": "config", "readOnly": True}]
    if settings.secret is not None:
        mounts.append({"mountPath": _CREDENTIALS, "name": "credentials", "readOnly": True})
    if settings.spec.kind.secret is not None:
        mounts.append({"mountPath": _SECRET, "name": "secret", "readOnly": True})
    if settings.registry is not None:
        mounts += registry.mounts(settings.registry)
    return [*mounts, *ca_mounts(settings.connection)]


def _volumes(settings: LightSettings) -> list[Manifest]:
    volumes: list[Manifest] = [{"configMap": {"name": settings.name}, "name": "config"}]
    if settings.secret is not None:
        volumes.append(login_volume(settings.connection, settings.secret))
    if settings.spec.kind.secret is not None:
        volumes.append(secret_volume("secret", settings.spec.kind.secret))
    if settings.registry is not None:
        volumes += registry.volumes(settings.registry)
    return [*volumes, *ca_volumes(settings.connection)]
