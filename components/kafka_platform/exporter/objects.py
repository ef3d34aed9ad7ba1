"""The Kubernetes objects of a Kafka exporter: one pure function renders each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kafka_platform.exporter.spec import ExporterSpec, Surge
from kafka_platform.exporter.surges import SURGE_FILE, surge_objects, surges_hash, surges_name
from kafka_platform.kafka.client_pods import (
    ca_mounts,
    ca_volumes,
    connection_environment,
    kafka_ports,
    login_files,
    login_values,
    login_volume,
    ports_of,
)
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import (
    Manifest,
    allowed_port,
    collectors,
    labels,
    metadata,
    network_policy_of,
    selector,
    service_of,
    service_port,
    to_names,
)
from kafka_platform.kube.metrics import METRICS_PORT_NAME
from kafka_platform.kube.objects import Object
from kafka_platform.kube.pods import CONFIG_ANNOTATION, METRICS_PORT, pod_spec, resources_of
from kafka_platform.kube.watchers import watcher_container, watcher_deployment
from kafka_platform.values.names import RUNS_TOPIC, declarations_of, user_secret
from kafka_platform.values.units import seconds

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection

COMPONENT = "kafka-exporter"
# A look that is under way takes up to ten seconds for a broker that does not answer.
_TERMINATION_SECONDS = 20
_CREDENTIALS = "/etc/kafka-platform/credentials"
_DECLARED = "/etc/kafka-platform/declared"
_SURGES = "/etc/kafka-platform/surges"


@dataclass(frozen=True, kw_only=True)
class ExporterSettings:
    """Inputs of the objects of an exporter."""

    name: str
    namespace: "Input[str]"
    connection: "KafkaConnection"
    image: "Input[str]"
    user: str
    ledger: bool = False
    """Whether a provisioner notes its runs in this Kafka."""
    declared_by: Sequence[str] = ()
    """Names of the `KafkaResources` whose declarations are compared with what was applied."""
    stack: str | None = None
    """Whose runs are shown, if several stacks use the Kafka."""
    surges: Sequence[Surge] = ()
    """Deployments whose pods it adds."""
    spec: ExporterSpec = field(default_factory=ExporterSpec)

    @property
    def declared(self) -> Sequence[str]:
        """Those of them that are compared."""
        return self.declared_by if self.ledger else ()

    @property
    def own(self) -> dict[str, str]:
        """The labels that find the pod."""
        return selector(self.name, COMPONENT)


def metrics_url(name: str, namespace: str) -> str:
    """Where the metrics of an exporter are."""
    return f"http://{name}.{namespace}.svc:{METRICS_PORT}/metrics"


def objects(settings: ExporterSettings) -> list[Object]:
    """The exporter's objects, in the order in which they are needed."""
    policy = Object(role="network", manifest=network_policy(settings, kafka_ports(settings.connection)))
    return [
        policy,
        *surge_objects(settings.name, settings.namespace, COMPONENT, settings.surges),
        Object(role="service", manifest=service(settings), awaited=False),
        # It observes, and never holds up a deployment.
        Object(role="pod", manifest=deployment(settings), after=[policy], awaited=False),
    ]


def deployment(settings: ExporterSettings) -> Manifest:
    """The pod that polls the cluster."""
    own = labels(settings.name, COMPONENT)
    about = metadata(settings.name, settings.namespace, own)
    changed = {CONFIG_ANNOTATION: surges_hash(settings.surges)} if settings.surges else {}
    template = {
        "metadata": {"labels": own, **({"annotations": changed} if changed else {})},
        "spec": _pod(settings),
    }
    return watcher_deployment(about, settings.own, template, settings.spec.pod_settings)


def service(settings: ExporterSettings) -> Manifest:
    """A Service for scrapers that do not discover pods."""
    return service_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        [service_port(METRICS_PORT_NAME, METRICS_PORT)],
        settings.own,
        unready=True,
    )


def network_policy(settings: ExporterSettings, kafka_ports: Any) -> Manifest:
    """Scrapers may connect to the pod, and the pod to Kafka and to those whose certificates it looks at."""
    return network_policy_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        pods={"matchLabels": settings.own},
        ingress=[collectors(METRICS_PORT, settings.spec.metrics_namespaces)],
        egress=[
            *to_names(),
            {"ports": kafka_ports},
            *_to_servers(settings.spec),
            *([{"ports": [allowed_port(each) for each in settings.spec.api_ports]}] if settings.surges else []),
        ],
    )


def _to_servers(spec: ExporterSpec) -> list[Manifest]:
    """Egress to those whose certificates it looks at, wherever they are."""
    if not spec.tls_servers:
        return []
    ports = derived(
        lambda *servers: [
            allowed_port(port) for port in sorted({*ports_of(",".join(servers)), *spec.tls_server_ports})
        ],
        *spec.tls_servers,
    )
    return [{"ports": ports}]


def _pod(settings: ExporterSettings) -> Manifest:
    spec = pod_spec([_container(settings)], _volumes(settings), terminationGracePeriodSeconds=_TERMINATION_SECONDS)
    if settings.surges:
        spec |= {"automountServiceAccountToken": True, "serviceAccountName": settings.name}
    return spec


def _container(settings: ExporterSettings) -> Manifest:
    return watcher_container(
        "exporter",
        "exporter",
        image=settings.image,
        env=_environment(settings),
        resources=resources_of(settings.spec.resources),
        mounts=_mounts(settings),
    )


def _environment(settings: ExporterSettings) -> list[Manifest]:
    spec = settings.spec
    variables = {
        "EXPORTER_INTERVAL_SECONDS": f"{seconds(spec.interval):g}",
        "EXPORTER_MOST_GROUPS": str(spec.groups),
        "EXPORTER_MOST_PAIRS": str(spec.pairs),
        "EXPORTER_MOST_TOPICS": str(spec.topics),
        "EXPORTER_PORT": str(METRICS_PORT),
    }
    if settings.ledger:
        variables["EXPORTER_RUNS_TOPIC"] = RUNS_TOPIC
        if settings.stack is not None:
            variables["EXPORTER_STACK"] = settings.stack
        if settings.declared:
            variables["EXPORTER_DECLARATIONS_DIR"] = _DECLARED
    if settings.surges:
        variables["EXPORTER_SURGE_FILE"] = f"{_SURGES}/{SURGE_FILE}"
    if spec.tls_servers:
        variables["EXPORTER_TLS_SERVERS"] = derived(lambda *servers: ",".join(servers), *spec.tls_servers)
    connection = settings.connection
    variables |= login_files(connection, _CREDENTIALS)
    if connection.oauth is not None:
        # Who it is, is an id of the identity provider's.
        return [*connection_environment(connection, variables), *login_values(connection, user_secret(settings.user))]
    if connection.sasl_mechanism is not None:
        variables["KAFKA_SASL_USERNAME"] = settings.user
    return connection_environment(connection, variables)


def _mounts(settings: ExporterSettings) -> list[Manifest]:
    mounts: list[Manifest] = []
    if settings.connection.logs_in:
        mounts.append({"mountPath": _CREDENTIALS, "name": "credentials", "readOnly": True})
    mounts += [
        {"mountPath": f"{_DECLARED}/{each}", "name": f"declared-{number}", "readOnly": True}
        for number, each in enumerate(settings.declared)
    ]
    if settings.surges:
        mounts.append({"mountPath": _SURGES, "name": "surges", "readOnly": True})
    return [*mounts, *ca_mounts(settings.connection)]


def _volumes(settings: ExporterSettings) -> list[Manifest]:
    volumes: list[Manifest] = []
    if settings.connection.logs_in:
        volumes.append(login_volume(settings.connection, user_secret(settings.user)))
    volumes += [
        # Its KafkaResources may be gone.
        {"configMap": {"name": declarations_of(each), "optional": True}, "name": f"declared-{number}"}
        for number, each in enumerate(settings.declared)
    ]
    if settings.surges:
        volumes.append({"configMap": {"name": surges_name(settings.name)}, "name": "surges"})
    return [*volumes, *ca_volumes(settings.connection)]
