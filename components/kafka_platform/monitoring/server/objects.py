"""The Kubernetes objects of a Prometheus without an operator: one pure function renders each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kafka_platform.kube.derived import derived
from kafka_platform.kube.images import ALERTMANAGER_IMAGE, PROMETHEUS_IMAGE
from kafka_platform.kube.manifests import (
    Manifest,
    allowed_port,
    labels,
    metadata,
    network_policy_of,
    of_namespaces,
    role_binding_of,
    role_of,
    selector,
    service_account_of,
    service_of,
    service_port,
    text_hash,
    to_names,
)
from kafka_platform.kube.objects import Object
from kafka_platform.kube.tsdb import retention_size, retention_time
from kafka_platform.monitoring.objects import PodMonitor, dashboards, groups_of, monitors, seen
from kafka_platform.monitoring.receivers.spec import NOBODY, Receivers
from kafka_platform.monitoring.server import alertmanager
from kafka_platform.monitoring.server.pods import MonitoringPod, claim, data_volume, stateful_set
from kafka_platform.monitoring.server.scraping import RULES_FILE, as_yaml, prometheus_yml
from kafka_platform.monitoring.server.spec import PrometheusSpec
from kafka_platform.monitoring.spec import MonitoredSpec

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection
    from kafka_platform.kube.metrics import Source

COMPONENT = "prometheus"
PORT = 9090
_KUBELET_PORT = 10250

_CONFIG = "/etc/prometheus"
_DATA = "/prometheus"

# Most series that one query may load, and how many queries run at once: with 16 bytes a sample some 160 MB in the worst case.
_MOST_SAMPLES = 5_000_000
_MOST_QUERIES = 4
_QUERY_TIMEOUT = "30s"
_MOST_CONNECTIONS = 64
# It writes what is in memory to its log and closes the blocks.
_TERMINATION_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Inputs of the objects of a Prometheus."""

    name: str
    connection: "KafkaConnection"
    spec: PrometheusSpec
    monitored: MonitoredSpec
    """What there is to watch."""
    sources: "Sequence[Source]" = ()
    receivers: Receivers = NOBODY
    """Receivers of alerts."""
    image: "Input[str]" = PROMETHEUS_IMAGE
    alertmanager_image: "Input[str]" = ALERTMANAGER_IMAGE

    @property
    def namespace(self) -> "Input[str]":
        """Where it runs: beside the Kafka."""
        return self.connection.namespace

    @property
    def own(self) -> dict[str, str]:
        """The labels that find its pod."""
        return selector(self.name, COMPONENT)

    @property
    def monitors(self) -> Sequence[PodMonitor]:
        """What it reads; names of namespaces may be known later."""
        return list(monitors(self.name, self.monitored, self.connection, self.sources).values())


def objects(settings: ServerSettings) -> list[Object]:
    """The objects of Prometheus, and of Alertmanager if there are receivers, in the order in which they are needed."""
    # It does not read kube-state-metrics.
    monitored = replace(settings.monitored, kube_state=False)
    settings = replace(settings, monitored=monitored, sources=seen(monitored, settings.sources))
    config, rules = configuration(settings), rules_yml(settings)
    account = Object(role="account", manifest=service_account(settings))
    rights = [account, *_rights(settings)]
    files = Object(role="config", manifest=config_map(settings, config, rules))
    policy = Object(role="network", manifest=network_policy(settings))
    entry = Object(role="service", manifest=service(settings), awaited=False)
    changed = derived(lambda *texts: text_hash("".join(texts)), config, rules)
    pod = Object(role="pod", manifest=_stateful_set(settings, changed), after=[*rights, files, policy, entry])
    found = [*rights, files, policy, entry, *_claims(settings), pod]
    if settings.receivers.anybody:
        found += alertmanager.objects(told(settings))
    return found + dashboards(settings.name, settings.monitored, settings.connection, settings.sources)


def _claims(settings: ServerSettings) -> list[Object]:
    if not settings.spec.persistent:
        return []
    manifest = claim(settings.spec, settings.name, COMPONENT, settings.namespace, settings.spec.storage)
    # Many classes make the volume only when a pod wants it.
    return [Object(role="data", manifest=manifest, awaited=False)]


def told(settings: ServerSettings) -> alertmanager.AlertmanagerSettings:
    """Inputs of its Alertmanager's objects."""
    return alertmanager.AlertmanagerSettings(
        name=settings.name,
        namespace=settings.namespace,
        spec=settings.spec,
        receivers=settings.receivers,
        image=settings.alertmanager_image,
        prometheus=settings.own,
    )


def configuration(settings: ServerSettings) -> "Input[str]":
    """The text of its configuration."""
    sources = settings.sources

    def render(
        cluster: str, namespace: str, strimzi: str, cert_manager: str | None, keda: str | None, *others: str | None
    ) -> str:
        known = monitors(
            settings.name,
            replace(settings.monitored, strimzi=strimzi, cert_manager=cert_manager, keda=keda),
            replace(settings.connection, cluster=cluster, namespace=namespace),
            [replace(each, namespace=other) for each, other in zip(sources, others, strict=True)],
        )
        address = f"{alertmanager.called(settings.name)}.{namespace}.svc:{alertmanager.PORT}"
        return prometheus_yml(
            settings.spec,
            known.values(),
            volumes_in=namespace if settings.monitored.kubelets else None,
            alertmanager=address if settings.receivers.anybody else None,
        )

    return derived(  # type: ignore[no-any-return]
        render,
        settings.connection.cluster,
        settings.namespace,
        settings.monitored.strimzi,
        settings.monitored.cert_manager,
        settings.monitored.keda,
        *(each.namespace for each in sources),
    )


def rules_yml(settings: ServerSettings) -> "Input[str]":
    """The text of its rules: those that the operator's Prometheus gets too."""
    if not settings.monitored.alerts:
        return as_yaml({"groups": []})
    groups = groups_of(settings.monitored, settings.connection, settings.sources)
    return derived(lambda known: as_yaml({"groups": known}), groups)  # type: ignore[no-any-return]


def config_map(settings: ServerSettings, config: "Input[str]", rules: "Input[str]") -> Manifest:
    """The files that it starts from."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _about(settings),
        "data": {"prometheus.yml": config, RULES_FILE: rules},
    }


def service(settings: ServerSettings) -> Manifest:
    """Where it is queried."""
    return service_of(
        _about(settings),
        [service_port("http", PORT)],
        settings.own,
    )


def service_account(settings: ServerSettings) -> Manifest:
    """Its identity for service discovery at the API server."""
    return service_account_of(_about(settings))


def _about(settings: ServerSettings) -> Manifest:
    return metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT))


def _rights(settings: ServerSettings) -> list[Object]:
    """It may list the pods of the namespaces that it scrapes."""
    found = []
    for index, namespace in enumerate(namespaces(settings)):
        late = index > 0 and not isinstance(namespace, str)
        role = "pods" if index == 0 else f"pods-{index if late else namespace}"
        # Two namespaces that are known later may be the same one: each has a Role of its own there.
        found += _granted(settings, "", namespace, [_may(["pods"], "list", "watch")], role, f"-{index}" if late else "")
    if settings.monitored.kubelets:
        # `nodes/metrics` is what a kubelet asks for at /metrics; `nodes/proxy` would let commands be run in pods.
        everywhere = [_may(["nodes"], "list", "watch"), _may(["nodes/metrics"], "get")]
        found += _granted(settings, "Cluster", settings.namespace, everywhere, "everywhere")
    return found


def namespaces(settings: ServerSettings) -> "Sequence[Input[str]]":
    """The namespaces whose pods it scrapes, each once, its own first."""
    found: dict[Any, Any] = {}
    for each in (settings.namespace, *(each.found_in for each in settings.monitors)):
        found.setdefault(each if isinstance(each, str) else id(each), each)
    return list(found.values())


def _may(resources: Sequence[str], *verbs: str) -> Manifest:
    return {"apiGroups": [""], "resources": list(resources), "verbs": list(verbs)}


def _granted(
    settings: ServerSettings,
    scope: str,
    namespace: "Input[str]",
    rules: Sequence[Manifest],
    role: str,
    suffix: str = "",
) -> list[Object]:
    """Rights in a namespace, or, with the scope `Cluster`, everywhere; an object of no namespace has its own's in its name."""
    own = labels(settings.name, COMPONENT)
    # In a namespace of another Kafka's Prometheus too, each has a Role of its own.
    called = derived(lambda known: f"{known}-{settings.name}{suffix}", settings.namespace)
    meta: Manifest = {"name": called, "labels": own} | ({} if scope else {"namespace": namespace})
    granted = Object(role=role, manifest=role_of(meta, rules, scope=scope))
    bound = role_binding_of(meta, _about(settings), scope=scope)
    return [granted, Object(role=role, manifest=bound, after=[granted])]


def network_policy(settings: ServerSettings) -> Manifest:
    """Only the given namespaces may query it; it may connect to pods with metrics, the API server, kubelets and Alertmanager."""
    ports = dict.fromkeys([*settings.spec.api_ports, *([_KUBELET_PORT] if settings.monitored.kubelets else [])])
    named = settings.spec.client_namespaces
    return network_policy_of(
        _about(settings),
        pods={"matchLabels": settings.own},
        ingress=[{"from": [of_namespaces(named)], "ports": [allowed_port(PORT)]}] if named else [],
        egress=[
            *to_names(),
            {"to": [of_namespaces(namespaces(settings))]},
            {"ports": [allowed_port(port) for port in sorted(ports)]},
        ],
    )


def arguments(spec: PrometheusSpec) -> list[str]:
    """The command line. Nothing can be changed or deleted over HTTP: the flags that would allow it are off by default."""
    return [
        f"--config.file={_CONFIG}/prometheus.yml",
        f"--storage.tsdb.path={_DATA}",
        f"--storage.tsdb.retention.time={retention_time(spec.retention)}",
        f"--storage.tsdb.retention.size={retention_size(spec.storage)}",
        f"--query.max-concurrency={_MOST_QUERIES}",
        f"--query.max-samples={_MOST_SAMPLES}",
        f"--query.timeout={_QUERY_TIMEOUT}",
        f"--web.max-connections={_MOST_CONNECTIONS}",
        # A web page in a browser cannot query it through a user's port-forward.
        "--web.cors.origin=none",
    ]


def _stateful_set(settings: ServerSettings, changed: "Input[str]") -> Manifest:
    spec = settings.spec
    return stateful_set(
        MonitoringPod(
            name=settings.name,
            component=COMPONENT,
            namespace=settings.namespace,
            image=settings.image,
            arguments=arguments(spec),
            port=PORT,
            resources=spec.resources,
            termination_seconds=_TERMINATION_SECONDS,
            mounts={_CONFIG: "config", _DATA: "data"},
            volumes=[
                {"configMap": {"name": settings.name}, "name": "config"},
                data_volume(spec, settings.name, spec.storage),
            ],
            changed=changed,
            pod_settings=spec.pod_settings,
            service_account=settings.name,
        )
    )
