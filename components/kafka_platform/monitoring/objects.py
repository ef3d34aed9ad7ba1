"""The Prometheus operator's objects for a platform: one pure function renders each.

The types are written by hand and few: of the hundreds of fields of a PodMonitor six are used here. A real API server with
the operator's own definitions judges what is rendered (tests/cluster/test_monitoring_objects.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kafka_platform.kafka.protocols import Engine
from kafka_platform.kube.boards import DASHBOARD_LABEL, FOLDER_ANNOTATION
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import Manifest, labels, metadata, selector
from kafka_platform.kube.metrics import (
    METRICS_PORT_NAME,
    NODE_METRICS_PORT_NAME,
    NODES_COMPONENT,
    Source,
    series,
    series_of_all,
)
from kafka_platform.kube.objects import Object
from kafka_platform.kube.operated import STRIMZI_CLUSTER_LABEL, STRIMZI_KIND_LABEL, STRIMZI_OPERATOR
from kafka_platform.levels import monitoring as levels
from kafka_platform.levels.measures import Measure, Measured, measures, missing
from kafka_platform.monitoring.alerts import CLUSTER_LABEL, Watched, alerts, rule_groups
from kafka_platform.monitoring.dashboards import Shown, panels_of_alerts, shown
from kafka_platform.monitoring.receivers.routing import operated_config
from kafka_platform.monitoring.receivers.spec import Receivers
from kafka_platform.monitoring.spec import MonitoredSpec
from kafka_platform.monitoring.strimzi import ENTITY_OPERATOR, ENTITY_OPERATORS, OPERATOR_LABEL
from kafka_platform.monitoring.tenants import limited, rule_groups as rules_of_tenants

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection

API = "monitoring.coreos.com/v1"
COMPONENT = "monitoring"
BY_TOPIC = "kafka_server_brokertopicmetrics_.+;.+"
"""What brokers count of each topic: a regular expression of the values of BY_TOPIC_LABELS, joined by `;`."""
BY_TOPIC_LABELS = ("__name__", "topic")
EMBEDDED_POOL = "brokers"
"""What the label `pool` says of embedded nodes."""


def objects(name: str, spec: MonitoredSpec, connection: "KafkaConnection", sources: Sequence[Source]) -> list[Object]:
    """The objects by which Prometheus watches a platform: the Kafka cluster and the sources."""
    sources = seen(spec, sources)
    found = [
        Object(role=role, manifest=pod_monitor(monitor, spec.labels))
        for role, monitor in monitors(name, spec, connection, sources).items()
    ]
    if spec.alerts:
        groups = groups_of(spec, connection, sources)
        rule = prometheus_rule(name, connection.namespace, spec.labels, groups)
        found.append(Object(role="alerts", manifest=rule))
    found += dashboards(name, spec, connection, sources)
    if spec.receivers.anybody:
        manifest = alertmanager_config(name, connection.namespace, spec.labels, spec.receivers)
        found.append(Object(role="receivers", manifest=manifest))
    return found


def groups_of(spec: MonitoredSpec, connection: "KafkaConnection", sources: Sequence[Source]) -> Any:
    """The groups of rules about the platform: a list, or what it is once the namespaces are known.

    Raises `ValueError` for a level that nothing measures, whatever is known later.
    """
    measures_of(spec, "", sources)
    return derived(
        lambda cluster, namespace, strimzi, *others: rules(
            replace(spec, strimzi=strimzi), cluster, namespace, list(zip(sources, others, strict=True))
        ),
        connection.cluster,
        connection.namespace,
        spec.strimzi,
        *(each.namespace for each in sources),
    )


def dashboards(
    name: str, spec: MonitoredSpec, connection: "KafkaConnection", sources: Sequence[Source]
) -> list[Object]:
    """The dashboards, if there are any."""
    return [
        Object(role=f"dashboard-{each.board.name}", manifest=config_map(name, spec, connection, each, sources))
        for each in (boards_of(spec, sources) if spec.dashboards else ())
    ]


def rules(
    spec: MonitoredSpec, cluster: str, namespace: str, sources: Sequence[tuple[Source, str | None]]
) -> list[dict[str, Any]]:
    """All of Prometheus' rules: alerts, and recording rules of levels. Each source is with its namespace."""
    of_sources = [alert for each, other in sources for alert in each.alerts_in(other or namespace)]
    programs = [each for each, _ in sources]
    measured = measures_of(spec, namespace, programs)
    known = {CLUSTER_LABEL: cluster, "namespace": namespace}
    own = series(namespace, CLUSTER_LABEL, cluster)
    of_levels = [each.selecting(own) for each in levels.ALERTS] if measured else []
    boards = boards_of(spec, programs) if spec.dashboards else []
    groups = rule_groups(
        watched_of(spec, cluster, namespace),
        [*of_sources, *of_levels],
        runbooks=spec.runbooks,
        panels=panels_of_alerts(boards, namespace, cluster, spec.grafana),
    )
    name = f"{namespace}-{cluster}"
    of_tenants = rules_of_tenants(spec.tenants, own, known, name) if spec.nodes_show else []
    return [*groups, *levels.rule_groups(measured, known, name), *of_tenants]


def measures_of(spec: MonitoredSpec, namespace: str, sources: Sequence[Source]) -> list[Measure]:
    """The measurements of all levels. Raises `ValueError` for a level that nothing measures."""
    own = {each.label: series_of_all(namespace, each.label) for each in sources}
    measured = Measured(probe=own.get("probe"), gateway=own.get("gateway"), exporter=own.get("exporter"))
    for name, level in spec.levels.items():
        for field_, needed in missing(level, measured):
            raise ValueError(f"levels.{name}.{field_}: nothing measures it: add the {needed}, or remove it")
    return [measure for name, level in sorted(spec.levels.items()) for measure in measures(name, level, measured)]


def boards_of(spec: MonitoredSpec, sources: Sequence[Source]) -> list[Shown]:
    """The dashboards; names and namespaces are variables of theirs."""
    return shown(watched_of(spec, f"${CLUSTER_LABEL}", "$namespace"), sources, levels=bool(spec.levels))


def config_map(
    name: str, spec: MonitoredSpec, connection: "KafkaConnection", shown: Shown, sources: Sequence[Source]
) -> Manifest:
    """A dashboard, where Grafana's sidecar finds it."""
    board, at = shown.board.name, (connection.cluster, connection.namespace)
    # The sidecar keeps what it finds in all namespaces as files, by these keys.
    data = derived(
        lambda cluster, namespace: {
            f"{namespace}-{cluster}-{board}.json": dashboard(spec, cluster, namespace, shown, sources)
        },
        *at,
    )
    folder = derived(lambda cluster, namespace: f"Kafka {namespace} {cluster}", *at)
    own = labels(name, COMPONENT) | {DASHBOARD_LABEL: "1"}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(f"{name}-dashboard-{board}", connection.namespace, own, {FOLDER_ANNOTATION: folder}),
        "data": data,
    }


def dashboard(spec: MonitoredSpec, cluster: str, namespace: str, shown: Shown, sources: Sequence[Source]) -> str:
    """A dashboard's JSON."""
    # Grafana's SDK is imported where a dashboard is rendered: other stacks are checked and previewed without it.
    from kafka_platform.monitoring.grafana import Home, rendered

    known = [*alerts(watched_of(spec, cluster, namespace)), *(alert for each in sources for alert in each.alerts)]
    known += levels.ALERTS if spec.levels else ()
    pages = {each.name: each.runbook_in(spec.runbooks) for each in known} if spec.alerts else {}
    return rendered(shown, Home(namespace=namespace, cluster=cluster, pages=pages))


def monitors(
    name: str, spec: MonitoredSpec, connection: "KafkaConnection", sources: Sequence[Source]
) -> "dict[str, PodMonitor]":
    """All monitors, by their roles."""
    namespace = connection.namespace
    found: dict[str, PodMonitor] = {}
    if spec.engine is Engine.STRIMZI:
        if spec.nodes_show or spec.exporter:
            found["nodes"] = of_nodes(connection.cluster, name, namespace)
        found["operator"] = of_strimzi(name, namespace, spec.strimzi)
        for each in ENTITY_OPERATORS:
            found[f"{each}-operator"] = of_entity_operator(connection.cluster, each, name, namespace)
    elif spec.nodes_show:
        found["nodes"] = of_embedded(connection.cluster, name, namespace)
    if "nodes" in found:
        found["nodes"] = replace(found["nodes"], by_topic=spec.stores_broker_topics)
    if spec.cert_manager is not None:
        found["certificates"] = of_cert_manager(name, namespace, spec.cert_manager)
    if spec.keda is not None:
        found["keda"] = of_keda(name, namespace, spec.keda)
    scraped = [each for each in sources if not each.by_kube_state]
    return found | {f"{each.label}-{each.name}": of_source(each, namespace, connection.cluster) for each in scraped}


def seen(spec: MonitoredSpec, sources: Sequence[Source]) -> list[Source]:
    """The sources whose metrics there are: some are only told of by kube-state-metrics."""
    return [each for each in sources if spec.kube_state or not each.by_kube_state]


def watched_of(spec: MonitoredSpec, cluster: str, namespace: str) -> Watched:
    """What the alerts are about."""
    strimzi = spec.engine is Engine.STRIMZI
    claims = {Engine.STRIMZI: f"data-[0-9]+-{cluster}-.+-[0-9]+", Engine.EMBEDDED: f"data-{cluster}-[0-9]+"}
    return Watched(
        cluster=cluster,
        namespace=namespace,
        claims=claims.get(spec.engine) if spec.kubelets else None,
        nodes=spec.nodes_show,
        exporter=spec.lag_is_shown,
        renewal_days=spec.renewal_days if strimzi else None,
        authorities_given=spec.authorities_given,
        # Where it is known later, what is asked for only the names of alerts has no need of it.
        operator_in=spec.strimzi if isinstance(spec.strimzi, str) else "",
        provisioned=spec.provisioner,
        certificates=spec.cert_manager is not None,
        scaled_in=(namespace, *spec.scaled_in) if spec.keda is not None else (),
        kube_state=spec.kube_state,
        limited=limited(spec.tenants) if spec.alerts else (),
    )


@dataclass(frozen=True, kw_only=True)
class PodMonitor:
    """Pods that Prometheus scrapes."""

    name: str
    namespace: "Input[str]"
    pods: "Mapping[str, Input[str]]"
    """The labels that find the pods."""
    port: str
    """Name of the container's port."""
    of: "Mapping[str, Input[str]]" = field(default_factory=dict)
    """Labels that its metrics get: what they are of."""
    copied: Mapping[str, str] = field(default_factory=dict)
    """Labels that its metrics get from labels of the pods: by the name of the new one."""
    pods_in: "Input[str] | None" = None
    """Namespace of the pods. Default: that of the monitor."""
    by_topic: bool = True
    """Whether what brokers count of each topic is stored."""
    trusted: bool = False
    """Whether labels that the metrics have already are kept: those that say of which object a metric is."""

    @property
    def found_in(self) -> "Input[str]":
        """Namespace of the pods."""
        return self.namespace if self.pods_in is None else self.pods_in


def pod_monitor(monitor: PodMonitor, own: Mapping[str, str]) -> Manifest:
    """A PodMonitor; `own` are further labels of it."""
    # `action` is what the API server would fill in; said here, it is no difference later.
    relabelings: list[Manifest] = [
        {"action": "replace", "replacement": value, "targetLabel": label} for label, value in sorted(monitor.of.items())
    ]
    for label, source in sorted(monitor.copied.items()):
        found = f"__meta_kubernetes_pod_label_{source}"
        relabelings.append({"action": "replace", "sourceLabels": [found], "targetLabel": label})
    endpoint: Manifest = {"port": monitor.port}
    if monitor.trusted:
        endpoint["honorLabels"] = True
    if relabelings:
        endpoint["relabelings"] = relabelings
    if not monitor.by_topic:
        endpoint["metricRelabelings"] = [{"action": "drop", "regex": BY_TOPIC, "sourceLabels": list(BY_TOPIC_LABELS)}]
    spec: Manifest = {"podMetricsEndpoints": [endpoint], "selector": {"matchLabels": dict(monitor.pods)}}
    if monitor.pods_in is not None:
        spec["namespaceSelector"] = {"matchNames": [monitor.pods_in]}
    return {
        "apiVersion": API,
        "kind": "PodMonitor",
        "metadata": metadata(monitor.name, monitor.namespace, labels(monitor.name, COMPONENT) | dict(own)),
        "spec": spec,
    }


def of_nodes(cluster: "Input[str]", name: str, namespace: "Input[str]") -> PodMonitor:
    """The nodes of a Kafka that Strimzi runs, and its Kafka Exporter."""
    return PodMonitor(
        name=f"{name}-nodes",
        namespace=namespace,
        pods={STRIMZI_CLUSTER_LABEL: cluster, STRIMZI_KIND_LABEL: "Kafka"},
        port=NODE_METRICS_PORT_NAME,
        of={CLUSTER_LABEL: cluster},
        copied={"pool": "strimzi_io_pool_name"},
    )


def of_embedded(cluster: "Input[str]", name: str, namespace: "Input[str]") -> PodMonitor:
    """The nodes of an embedded Kafka."""
    return PodMonitor(
        name=f"{name}-nodes",
        namespace=namespace,
        pods=selector("", NODES_COMPONENT) | {"app.kubernetes.io/instance": cluster},
        port=NODE_METRICS_PORT_NAME,
        # Strimzi's nodes are in pools; these are all of one kind.
        of={CLUSTER_LABEL: cluster, "pool": EMBEDDED_POOL},
    )


def of_strimzi(name: str, namespace: "Input[str]", pods_in: "Input[str]") -> PodMonitor:
    """Strimzi's operator, which knows when certificates expire."""
    return PodMonitor(
        name=f"{name}-operator",
        namespace=namespace,
        pods=STRIMZI_OPERATOR,
        port="http",
        pods_in=pods_in,
    )


def of_entity_operator(cluster: "Input[str]", which: str, name: str, namespace: "Input[str]") -> PodMonitor:
    """Strimzi's operator of topics or of users."""
    return PodMonitor(
        name=f"{name}-{which}-operator",
        namespace=namespace,
        pods={**ENTITY_OPERATOR, STRIMZI_CLUSTER_LABEL: cluster},
        port=ENTITY_OPERATORS[which],
        of={CLUSTER_LABEL: cluster, OPERATOR_LABEL: which},
    )


def of_cert_manager(name: str, namespace: "Input[str]", pods_in: "Input[str]") -> PodMonitor:
    """cert-manager's controller, which knows when certificates expire."""
    return PodMonitor(
        name=f"{name}-certificates",
        namespace=namespace,
        pods={"app.kubernetes.io/component": "controller", "app.kubernetes.io/name": "cert-manager"},
        port="http-metrics",
        pods_in=pods_in,
        # They have the namespace of the certificate, which that of the pod would hide.
        trusted=True,
    )


def of_keda(name: str, namespace: "Input[str]", pods_in: "Input[str]") -> PodMonitor:
    """KEDA's operator, which knows what it measures and what it cannot. Its chart names the port where metrics are on."""
    return PodMonitor(
        name=f"{name}-keda",
        namespace=namespace,
        pods={"app": "keda-operator"},
        port=METRICS_PORT_NAME,
        pods_in=pods_in,
        # They have the namespace of what is scaled, which that of the pod would hide.
        trusted=True,
    )


def of_source(source: Source, namespace: "Input[str]", cluster: "Input[str]") -> PodMonitor:
    """The pods of a program; `namespace` and `cluster` are those of the Kafka."""
    return PodMonitor(
        name=source.name,
        namespace=namespace if source.namespace is None else source.namespace,
        pods=(
            selector(source.name, source.component)
            if source.operated_as is None
            else {STRIMZI_CLUSTER_LABEL: source.name, STRIMZI_KIND_LABEL: source.operated_as}
        ),
        port=METRICS_PORT_NAME if source.operated_as is None else NODE_METRICS_PORT_NAME,
        of={CLUSTER_LABEL: cluster, source.label: source.name},
    )


def prometheus_rule(name: str, namespace: "Input[str]", own: Mapping[str, str], groups: Any) -> Manifest:
    """The alerts."""
    return {
        "apiVersion": API,
        "kind": "PrometheusRule",
        "metadata": metadata(name, namespace, labels(name, COMPONENT) | dict(own)),
        "spec": {"groups": groups},
    }


def alertmanager_config(name: str, namespace: "Input[str]", own: Mapping[str, str], receivers: Receivers) -> Manifest:
    """Receivers for the operator's Alertmanager."""
    return {
        "apiVersion": "monitoring.coreos.com/v1alpha1",
        "kind": "AlertmanagerConfig",
        "metadata": metadata(name, namespace, labels(name, COMPONENT) | dict(own)),
        "spec": operated_config(receivers),
    }
