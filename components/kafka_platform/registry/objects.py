"""The Kubernetes objects of a schema registry: one pure function renders each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kafka_platform.kafka.client_pods import ca_mounts, ca_volumes, kafka_ports
from kafka_platform.kafka.properties import java_properties
from kafka_platform.kafka.secrets import CA_FILE
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
    of_namespaces,
    selector,
    service_of,
    service_port,
    sha256_of,
    text_hash,
    to_names,
)
from kafka_platform.kube.metrics import METRICS_PORT_NAME
from kafka_platform.kube.objects import Object
from kafka_platform.kube.pods import (
    CONFIG_ANNOTATION,
    HTTP_PORT,
    METRICS_PORT,
    container_security,
    http_check,
    resources_of,
    secret_volume,
    spread_deployment,
)
from kafka_platform.registry.logins import (
    USERS_FILE,
    Passwords,
    login,
    login_secret,
    logins_version,
    users_secret,
)
from kafka_platform.registry.spec import (
    EVENTS,
    JOURNAL,
    REGISTRAR,
    SCHEMA_REGISTRY,
    SNAPSHOTS,
    RegistryRole,
    RegistrySpec,
    RegistryUser,
)
from kafka_platform.values.names import user_secret

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection

COMPONENT = "schema-registry"
API = "/apis/ccompat/v7"
"""Where the API of Confluent's clients is."""

_CONFIG = "/etc/kafka-platform/config"
_USERS = "/etc/kafka-platform/users"
_CREDENTIALS = "/etc/kafka-platform/credentials"
_TLS = "/etc/kafka-platform/tls"
_FILE = "registry.properties"

_MEMORY = JvmMemory(metaspace=192, code=64, direct=48, outside=384)
"""Seen at work: 272 MiB in all, with half of the heap in use."""
_POLL_MILLISECONDS = 500
"""How long a pod waits for more of the journal when it starts. By default it is 5 s, twice."""
_REQUEST_BYTES = 2 * 2**20
"""Largest request body: Kafka's default for a record."""
_CONNECTIONS = 2000
_THREADS = 32
"""Of requests that are worked on at a time; others wait on their connections."""
_TERMINATION_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class RegistrySettings:
    """Inputs of the objects of a schema registry."""

    name: str
    namespace: "Input[str]"
    connection: "KafkaConnection"
    image: "Input[str]"
    user: str = SCHEMA_REGISTRY
    users: Mapping[str, RegistryUser] = field(default_factory=dict)
    spread: str = "topology.kubernetes.io/zone"
    spec: RegistrySpec = field(default_factory=RegistrySpec)

    @property
    def own(self) -> dict[str, str]:
        """The labels that find the pods."""
        return selector(self.name, COMPONENT)

    @property
    def logs_in(self) -> bool:
        """Whether it has a Kafka user."""
        return self.connection.sasl_mechanism is not None


def registry_url(name: str, namespace: str, spec: RegistrySpec) -> str:
    """URL of the registry's API inside Kubernetes."""
    return f"{_scheme(spec)}://{name}.{namespace}.svc{API}"


def objects(settings: RegistrySettings, passwords: Passwords, sha256: Callable[[str], str] = sha256_of) -> list[Object]:
    """The registry's objects, in the order in which they are needed."""
    name, namespace, own = settings.name, settings.namespace, labels(settings.name, COMPONENT)
    properties = derived(
        lambda servers, protocol, mechanism: java_properties(
            registry_properties(settings, servers, protocol, mechanism)
        ),
        settings.connection.bootstrap_servers,
        settings.connection.security_protocol,
        settings.connection.sasl_mechanism,
    )
    config = Object(role="config", manifest=config_map(settings, properties))
    logins = Object(
        role="users", manifest=users_secret(f"{name}-users", namespace, own, settings.users, passwords, sha256)
    )
    policy = Object(role="network", manifest=network_policy(settings, kafka_ports(settings.connection)))
    pods = Object(
        role="pods", manifest=deployment(settings, derived(text_hash, properties)), after=[config, logins, policy]
    )
    return [
        config,
        logins,
        policy,
        Object(role="disruption", manifest=pod_disruption_budget(settings)),
        pods,
        Object(role="service", manifest=service(settings)),
        *_delivered(settings, passwords),
    ]


def _delivered(settings: RegistrySettings, passwords: Passwords) -> list[Object]:
    """The logins: that of the Job that registers schemas, and the users' in their namespaces."""
    name, own = settings.name, labels(settings.name, COMPONENT)
    url = derived(lambda known: registry_url(name, known, settings.spec), settings.namespace)
    admin = login(f"{name}-admin", settings.namespace, own, REGISTRAR, passwords[REGISTRAR], url, RegistryRole.ADMIN)
    found = [Object(role="admin", manifest=admin)]
    for user, declared in sorted(settings.users.items()):
        namespace = settings.namespace if declared.namespace is None else declared.namespace
        manifest = login(login_secret(user), namespace, own, user, passwords[user], url, declared.role)
        found.append(Object(role=f"{user}-registry", manifest=manifest))
    return found


def registry_properties(
    settings: RegistrySettings, bootstrap_servers: str, security_protocol: str, sasl_mechanism: str | None
) -> dict[str, str]:
    """Its settings, without secrets: the Kafka login is in the user's file, to which these refer."""
    spec = settings.spec
    found = {
        "apicurio.auth.owner-only-authorization": str(spec.owner_only).lower(),
        "apicurio.auth.role-based-authorization": "true",
        "apicurio.datasource.jdbc.initial-size": "2",
        "apicurio.datasource.jdbc.max-size": str(_THREADS),
        "apicurio.datasource.jdbc.min-size": "2",
        "apicurio.events.kafka.topic": EVENTS,
        "apicurio.kafka.common.security.protocol": security_protocol,
        "apicurio.kafkasql.bootstrap.servers": bootstrap_servers,
        "apicurio.kafkasql.consumer.group-prefix": f"{SCHEMA_REGISTRY}-",
        "apicurio.kafkasql.consumer.poll.timeout": str(_POLL_MILLISECONDS),
        # A snapshot is a file of the pod that made it, which is gone with that pod.
        "apicurio.kafkasql.snapshot.scheduled.enabled": "false",
        "apicurio.kafkasql.snapshots.topic": SNAPSHOTS,
        "apicurio.kafkasql.topic": JOURNAL,
        "apicurio.kafkasql.topic.auto-create": "false",
        "apicurio.storage.kind": "kafkasql",
        "quarkus.http.access-log.enabled": "false",
        "quarkus.http.auth.basic": "true",
        "quarkus.http.host": "0.0.0.0",  # noqa: S104 - in a pod, behind a network policy
        "quarkus.http.limits.max-body-size": str(_REQUEST_BYTES),
        "quarkus.http.limits.max-connections": str(_CONNECTIONS),
        "quarkus.management.host": "0.0.0.0",  # noqa: S104
        "quarkus.management.port": str(METRICS_PORT),
        "quarkus.thread-pool.max-threads": str(_THREADS),
    }
    if sasl_mechanism is not None:
        found["apicurio.kafka.common.sasl.mechanism"] = sasl_mechanism
        found["apicurio.kafka.common.sasl.jaas.config"] = "${sasl.jaas.config}"
    if settings.connection.ca_secret is not None:
        found["apicurio.kafka.common.ssl.truststore.location"] = CA_FILE
        found["apicurio.kafka.common.ssl.truststore.type"] = "PEM"
    if spec.tls is None:
        return found | {"quarkus.http.port": str(HTTP_PORT)}
    return found | {
        "quarkus.http.insecure-requests": "disabled",
        "quarkus.http.ssl-port": str(HTTP_PORT),
        "quarkus.http.ssl.certificate.files": f"{_TLS}/tls.crt",
        "quarkus.http.ssl.certificate.key-files": f"{_TLS}/tls.key",
        "quarkus.http.ssl.certificate.reload-period": "1m",
    }


def config_map(settings: RegistrySettings, properties: "Input[str]") -> Manifest:
    """The file that the pods start from."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(f"{settings.name}-config", settings.namespace, labels(settings.name, COMPONENT)),
        "data": {_FILE: properties},
    }


def service(settings: RegistrySettings) -> Manifest:
    """The Service of the registry."""
    port = 443 if settings.spec.tls is not None else 80
    return service_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        [service_port(_scheme(settings.spec), port, HTTP_PORT)],
        settings.own,
    )


def pod_disruption_budget(settings: RegistrySettings) -> Manifest:
    """One pod at a time may be drained."""
    return disruption_budget_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)), settings.own
    )


def network_policy(settings: RegistrySettings, kafka_ports: "Input[Sequence[Manifest]]") -> Manifest:
    """Its own namespace, its users' and the given ones may connect to the registry, and the registry to Kafka."""
    others = [each.namespace for each in settings.users.values() if each.namespace is not None]
    others += settings.spec.client_namespaces
    peers: list[Manifest] = [{"podSelector": {}}, *([of_namespaces(others)] if others else [])]
    return network_policy_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        pods={"matchLabels": settings.own},
        ingress=[
            {"from": peers, "ports": [allowed_port(HTTP_PORT)]},
            collectors(METRICS_PORT, settings.spec.metrics_namespaces),
        ],
        egress=[*to_names(), {"ports": kafka_ports}],
    )


def deployment(settings: RegistrySettings, config_hash: "Input[str]") -> Manifest:
    """The pods. Each has all schemas in memory, from the journal."""
    return spread_deployment(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        settings.own,
        [_container(settings)],
        _volumes(settings),
        pods=settings.spec.pods,
        spread=settings.spread,
        annotations={CONFIG_ANNOTATION: config_hash, "kafka-platform/logins": logins_version(settings.users)},
        termination_seconds=_TERMINATION_SECONDS,
        settings=settings.spec.pod_settings,
    )


def _container(settings: RegistrySettings) -> Manifest:
    return {
        "command": ["java", *jvm_options(settings), "-jar", "/deployments/quarkus-run.jar"],
        "image": settings.image,
        "livenessProbe": http_check("/health/live", METRICS_PORT, failures=3, period_seconds=20),
        "name": "registry",
        "ports": [
            {"containerPort": HTTP_PORT, "name": _scheme(settings.spec)},
            {"containerPort": METRICS_PORT, "name": METRICS_PORT_NAME},
        ],
        "readinessProbe": http_check("/health/ready", METRICS_PORT, failures=2, period_seconds=5),
        "resources": resources_of(settings.spec.resources),
        "securityContext": container_security(),
        # A start takes 8 s, and longer on busy machines and with a long journal.
        "startupProbe": http_check("/health/ready", METRICS_PORT, failures=120, period_seconds=2),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(settings),
    }


def jvm_options(settings: RegistrySettings) -> list[str]:
    """Options of the JVM: every part of its memory has a bound, and together they fit into the pod."""
    files = [f"{_CREDENTIALS}/client.properties"] if settings.logs_in else []
    files += [f"{_USERS}/{USERS_FILE}", f"{_CONFIG}/{_FILE}"]
    return [
        *_MEMORY.options(settings.spec.resources.memory),
        "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
        f"-Dsmallrye.config.locations={','.join(files)}",
    ]


def _mounts(settings: RegistrySettings) -> list[Manifest]:
    mounts: list[Manifest] = [
        {"mountPath": _CONFIG, "name": "config", "readOnly": True},
        {"mountPath": _USERS, "name": "users", "readOnly": True},
        {"mountPath": "/tmp", "name": "tmp"},  # noqa: S108
    ]
    if settings.logs_in:
        mounts.append({"mountPath": _CREDENTIALS, "name": "credentials", "readOnly": True})
    if settings.spec.tls is not None:
        mounts.append({"mountPath": _TLS, "name": "tls", "readOnly": True})
    return [*mounts, *ca_mounts(settings.connection)]


def _volumes(settings: RegistrySettings) -> list[Manifest]:
    volumes: list[Manifest] = [
        {"configMap": {"name": f"{settings.name}-config"}, "name": "config"},
        secret_volume("users", f"{settings.name}-users", USERS_FILE),
        {"emptyDir": {"sizeLimit": "128Mi"}, "name": "tmp"},
    ]
    if settings.logs_in:
        volumes.append(secret_volume("credentials", user_secret(settings.user), "client.properties"))
    if settings.spec.tls is not None:
        volumes.append(secret_volume("tls", settings.spec.tls.certificate, "tls.crt", "tls.key"))
    return [*volumes, *ca_volumes(settings.connection)]


def _scheme(spec: RegistrySpec) -> str:
    return "https" if spec.tls is not None else "http"
