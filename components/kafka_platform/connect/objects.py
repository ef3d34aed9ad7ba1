"""The Kubernetes objects of Kafka Connect without an operator: one pure function renders each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from kafka_platform.connect import applying, restarting, slots
from kafka_platform.connect.common import connector_user_name
from kafka_platform.connect.configs import (
    LOGIN_FILE,
    client_settings,
    connector_configs,
    shared_properties,
    storage_topics,
)
from kafka_platform.connect.egress import allowed_places
from kafka_platform.connect.formats import REGISTRY, REGISTRY_CA
from kafka_platform.connect.kinds import SECRETS
from kafka_platform.connect.spec import CONNECT, Connector, ConnectSpec
from kafka_platform.kafka import registry
from kafka_platform.kafka.client_pods import ca_mounts, ca_volumes, kafka_ports
from kafka_platform.kafka.properties import java_properties
from kafka_platform.kafka.secrets import CA_FILE
from kafka_platform.kube.declared import version_of
from kafka_platform.kube.derived import derived
from kafka_platform.kube.jvm import JvmMemory
from kafka_platform.kube.manifests import (
    Manifest,
    allowed_port,
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
from kafka_platform.kube.pods import (
    CONFIG_ANNOTATION,
    METRICS_PORT,
    container_security,
    http_check,
    resources_of,
    secret_volume,
    spread_deployment,
)
from kafka_platform.values.names import user_secret

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection
    from kafka_platform.kafka.registry import RegistryConnection

COMPONENT = "connect"
REST_PORT = 8083

_CONFIG = "/etc/kafka-platform/config"
_CREDENTIALS = "/etc/kafka-platform/credentials"
_FILE = "worker.properties"
_LOGGING = "log4j2.yaml"
RULES = "jmx.yaml"
_AGENT = "/opt/kafka-platform/agent/jmx_prometheus_javaagent.jar"
SECRETS_VERSION = "kafka-platform/secrets"

MEMORY = JvmMemory(metaspace=160, code=64, direct=64, outside=448)
"""Seen at work with a heap of 384 MiB: 460 MiB in all."""
TERMINATION_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class ConnectSettings:
    """Inputs of the objects of Kafka Connect."""

    name: str
    namespace: "Input[str]"
    connection: "KafkaConnection"
    image: "Input[str]"
    runtime_image: "Input[str]"
    connectors: Mapping[str, Connector] = field(default_factory=dict)
    registries: "Mapping[str, RegistryConnection]" = field(default_factory=dict)
    spread: str = "topology.kubernetes.io/zone"
    spec: ConnectSpec = field(default_factory=ConnectSpec)

    @property
    def own(self) -> dict[str, str]:
        """The labels that find the pods."""
        return selector(self.name, COMPONENT)

    @property
    def logs_in(self) -> bool:
        """Whether there are Kafka users."""
        return self.connection.sasl_mechanism is not None

    @property
    def url(self) -> "Input[str]":
        """Of the REST interface."""
        made: Any = derived(lambda namespace: f"http://{self.name}.{namespace}.svc:{REST_PORT}", self.namespace)
        return made  # type: ignore[no-any-return]

    @property
    def restarting(self) -> restarting.RestartSettings:
        """Inputs of the pod that restarts connectors that have failed."""
        return restarting.RestartSettings(
            connect=self.name,
            namespace=self.namespace,
            url=self.url,
            image=self.runtime_image,
            port=REST_PORT,
            workers=self.own,
            metrics_namespaces=self.spec.metrics_namespaces,
            pod_settings=self.spec.pod_settings,
        )

    @property
    def slots(self) -> slots.SlotSettings:
        """Inputs of the pod that watches the slots of sources."""
        return slots.SlotSettings(
            connect=self.name,
            namespace=self.namespace,
            image=self.runtime_image,
            sources=slots.watched(self.connectors),
            version=secrets_version(self.connectors),
            metrics_namespaces=self.spec.metrics_namespaces,
            pod_settings=self.spec.pod_settings,
        )

    @property
    def applying(self) -> applying.ApplySettings:
        """Inputs of the Job that applies the connectors."""
        return applying.ApplySettings(
            name=self.name,
            namespace=self.namespace,
            url=self.url,
            runtime_image=self.runtime_image,
            configs=connector_configs(self.connectors, self.connection, self.registries),
            removed=self.spec.removed_connectors,
            port=REST_PORT,
            pods=self.own,
            secrets=secrets_version(self.connectors),
            pod_settings=self.spec.pod_settings,
        )


def objects(settings: ConnectSettings) -> list[Object]:
    """The objects of Kafka Connect, and those that apply its connectors, in the order in which they are needed."""
    properties = derived(
        lambda servers, protocol, mechanism: java_properties(worker_properties(settings, servers, protocol, mechanism)),
        settings.connection.bootstrap_servers,
        settings.connection.security_protocol,
        settings.connection.sasl_mechanism,
    )
    config = Object(role="config", manifest=config_map(settings, properties))
    policy = Object(role="network", manifest=network_policy(settings, kafka_ports(settings.connection)))
    pods = Object(role="pods", manifest=deployment(settings, derived(text_hash, properties)), after=[config, policy])
    entrance = Object(role="service", manifest=service(settings))
    return [
        config,
        policy,
        Object(role="disruption", manifest=pod_disruption_budget(settings)),
        pods,
        entrance,
        *restarting.objects(settings.restarting),
        *slots.objects(settings.slots),
        *applying.objects(settings.applying, after=[pods, entrance]),
    ]


def worker_properties(
    settings: ConnectSettings, bootstrap_servers: str, security_protocol: str, sasl_mechanism: str | None
) -> dict[str, str]:
    """A worker's settings, without secrets: logins are in files, to which these refer."""
    ca_file = None if settings.connection.ca_secret is None else CA_FILE
    login = client_settings(_CREDENTIALS, security_protocol, sasl_mechanism, ca_file=ca_file)
    common = shared_properties()
    providers, files = common.pop("config.providers"), common.pop("config.providers.file.param.allowed.paths")
    own = {
        "config.providers": f"{providers},env",
        "config.providers.env.class": "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
        "config.providers.env.param.allowlist.pattern": "POD_IP",
        "config.providers.file.param.allowed.paths": f"{files},{_CREDENTIALS}",
        **storage_topics(),
        "listeners": f"http://0.0.0.0:{REST_PORT}",
        "plugin.path": "/opt/kafka/plugins",
        "rest.advertised.host.name": "${env:POD_IP}",
        "rest.advertised.port": str(REST_PORT),
    }
    return {
        "bootstrap.servers": bootstrap_servers,
        "group.id": CONNECT,
        **login,
        **dict(sorted((common | own).items())),
    }


def config_map(settings: ConnectSettings, properties: "Input[str]") -> Manifest:
    """The files that the pods start from."""
    own = files("kafka_platform.connect")
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(f"{settings.name}-config", settings.namespace, labels(settings.name, COMPONENT)),
        "data": {
            _FILE: properties,
            _LOGGING: (own / _LOGGING).read_text(encoding="utf-8"),
            RULES: (own / RULES).read_text(encoding="utf-8"),
        },
    }


def service(settings: ConnectSettings) -> Manifest:
    """The Service of the REST interface, which only what applies and restarts connectors reaches."""
    return service_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        [service_port("http", REST_PORT)],
        settings.own,
    )


def pod_disruption_budget(settings: ConnectSettings) -> Manifest:
    """One pod at a time may be drained."""
    return disruption_budget_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)), settings.own
    )


def network_policy(settings: ConnectSettings, kafka_ports: "Input[Sequence[Manifest]]") -> Manifest:
    """The pods reach each other, Kafka and what connectors name; what applies and restarts connectors reaches them, and nobody else."""
    known = (settings.own, settings.applying.own, settings.restarting.own)
    peers = [{"podSelector": {"matchLabels": each}} for each in known]
    return network_policy_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        pods={"matchLabels": settings.own},
        ingress=[
            {"from": peers, "ports": [allowed_port(REST_PORT)]},
            collectors(METRICS_PORT, settings.spec.metrics_namespaces),
        ],
        egress=[
            *to_names(),
            {"ports": kafka_ports},
            {"ports": [allowed_port(REST_PORT)], "to": [peers[0]]},
            *registry_egress(settings),
            *allowed_places(place for each in settings.connectors.values() for place in each.kind.places()),
        ],
    )


def registry_egress(settings: ConnectSettings) -> list[Manifest]:
    """The way to the schema registry, which is one for all."""
    return [registry.egress(each) for each in list(settings.registries.values())[:1]]


def secrets_version(connectors: Mapping[str, Connector]) -> str:
    """Changes with every Secret of a connector: the pods read them when they start."""
    known = {
        name: [
            *([str(secret) for _, (secret, _) in sorted(each.kind.secrets().items())] or ["None"]),
            each.password_version,
        ]
        for name, each in connectors.items()
    }
    return version_of(known)


def deployment(settings: ConnectSettings, config_hash: "Input[str]") -> Manifest:
    """The workers, which share the tasks of all connectors."""
    return spread_deployment(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        settings.own,
        [_container(settings)],
        _volumes(settings),
        pods=settings.spec.pods,
        spread=settings.spread,
        annotations={CONFIG_ANNOTATION: config_hash, SECRETS_VERSION: secrets_version(settings.connectors)},
        termination_seconds=TERMINATION_SECONDS,
        settings=settings.spec.pod_settings,
    )


def _container(settings: ConnectSettings) -> Manifest:
    address = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    return {
        "command": [
            "java",
            *jvm_options(settings),
            "-cp",
            "/opt/kafka/libs/*",
            "org.apache.kafka.connect.cli.ConnectDistributed",
            f"{_CONFIG}/{_FILE}",
        ],
        "env": [address],
        "image": settings.image,
        # It answers without Kafka: brokers that are away restart no worker.
        "livenessProbe": http_check("/", REST_PORT, failures=6, period_seconds=10),
        "name": "connect",
        "ports": [
            {"containerPort": REST_PORT, "name": "http"},
            {"containerPort": METRICS_PORT, "name": METRICS_PORT_NAME},
        ],
        "readinessProbe": http_check("/health", REST_PORT, failures=3, period_seconds=5),
        "resources": resources_of(settings.spec.resources),
        "securityContext": container_security(),
        # A start takes 4 s, and longer on busy machines and until the brokers answer.
        "startupProbe": http_check("/health", REST_PORT, failures=120, period_seconds=2),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(settings),
    }


def jvm_options(settings: ConnectSettings) -> list[str]:
    """Options of the JVM: every part of its memory has a bound, and together they fit into the pod."""
    return [
        *MEMORY.options(settings.spec.resources.memory),
        f"-javaagent:{_AGENT}={METRICS_PORT}:{_CONFIG}/{RULES}",
        f"-Dlog4j2.configurationFile={_CONFIG}/{_LOGGING}",
    ]


def _mounts(settings: ConnectSettings) -> list[Manifest]:
    mounts: list[Manifest] = [
        {"mountPath": _CONFIG, "name": "config", "readOnly": True},
        {"mountPath": "/tmp", "name": "tmp"},  # noqa: S108
    ]
    if settings.logs_in:
        mounts.append({"mountPath": _CREDENTIALS, "name": "credentials", "readOnly": True})
    for path, volume in mounted_secrets(settings):
        mounts.append({"mountPath": f"{SECRETS}/{path}", "name": volume["name"], "readOnly": True})
    return [*mounts, *ca_mounts(settings.connection)]


def _volumes(settings: ConnectSettings) -> list[Manifest]:
    volumes: list[Manifest] = [
        {"configMap": {"name": f"{settings.name}-config"}, "name": "config"},
        {"emptyDir": {"sizeLimit": "256Mi"}, "name": "tmp"},
    ]
    if settings.logs_in:
        volumes.append(secret_volume("credentials", user_secret(CONNECT), LOGIN_FILE))
    return [*volumes, *(volume for _, volume in mounted_secrets(settings)), *ca_volumes(settings.connection)]


def mounted_secrets(settings: ConnectSettings) -> list[tuple[str, Manifest]]:
    """The Secrets of the connectors: the folder of each below that of all, and its volume."""
    found: list[tuple[str, Any]] = []
    for name, each in sorted(settings.connectors.items()):
        if settings.logs_in:
            volume = secret_volume(f"{name}-kafka", user_secret(connector_user_name(name)), LOGIN_FILE)
            found.append((f"{name}/kafka", volume))
        known = settings.registries.get(name)
        if known is not None and known.secret is not None:
            volume = secret_volume(f"{name}-{REGISTRY}", known.secret, "username", "password")
            found.append((f"{name}/{REGISTRY}", volume))
        if known is not None and known.ca_secret is not None:
            volume = secret_volume(f"{name}-{REGISTRY_CA}", known.ca_secret, "ca.crt")
            found.append((f"{name}/{REGISTRY_CA}", volume))
        for folder, (secret, keys) in sorted(each.kind.secrets().items()):
            volume_name = f"{name}-{folder}"
            whole = {"name": volume_name, "secret": {"secretName": secret}}
            found.append((f"{name}/{folder}", secret_volume(volume_name, secret, *keys) if keys else whole))
    return found
