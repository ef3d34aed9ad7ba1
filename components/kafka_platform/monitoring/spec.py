"""The spec of monitoring. No Pulumi."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kafka_platform.kafka.protocols import Engine
from kafka_platform.levels.spec import Level, check_level
from kafka_platform.monitoring.receivers.spec import NOBODY, Receivers
from kafka_platform.monitoring.tenants import WatchedTenant, check_tenants
from kafka_platform.values.checks import check_field
from kafka_platform.values.forms import Spec, formed, mapping, named
from kafka_platform.values.free_maps import check_labels, check_text
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_label

RUNBOOKS = "https://github.com/kafka-platform/kafka-platform/blob/main/docs/runbooks"
"""Where the pages of this platform's alerts are published."""


def _check_pages(pages: str) -> None:
    check_text(pages, "the address of a folder")
    if not pages.strip() or " " in pages:
        raise ValueError(f"{pages!r} is not the address of a folder: write one such as {RUNBOOKS}, or docs/runbooks")


def _check_grafana(address: str) -> None:
    check_text(address, "an address")
    if address and not re.fullmatch(r"https?://[^\s?#]+", address):
        raise ValueError(f"{address!r} is not an address of Grafana: write one such as https://grafana.example.com")


@dataclass(frozen=True, kw_only=True)
class MonitoringSpec(Spec):
    """Settings of monitors, dashboards and alerts, shared by programs and stack files."""

    alerts: bool = True
    """Whether to create alert rules. Default true."""
    runbooks: str = formed(RUNBOOKS, _check_pages, examples=[RUNBOOKS, "docs/runbooks"])
    """Folder of the runbooks that alerts link to (annotation `runbook_url`), each named after its alert, such as
    `kafka-gone.md`: an address or a relative path. Default: this platform's documentation."""
    dashboards: bool = True
    """Whether to create Grafana dashboards, each as a ConfigMap with the label `grafana_dashboard: "1"`, which
    Grafana's sidecar finds. Default true."""
    grafana: str = formed("", _check_grafana, examples=["https://grafana.example.com"])
    """Address of Grafana, for the links from alerts to dashboards. Default: the links begin with `/d/`."""
    kubelets: bool = True
    """Whether Prometheus scrapes the kubelets for the usage of volumes, which needs the right to read the metrics of
    all machines. Without it there are no alerts about full volumes. Default true."""
    broker_topics: bool | None = None
    """Whether Prometheus stores what brokers themselves count of each topic, bytes in and out: two series (with Strimzi's
    reporter three to six) for every broker that leads partitions of it. Default: only if no exporter shows topics, whose six
    series are the same for any number of brokers."""
    labels: Mapping[str, str] = mapping(check_labels)
    """Labels of the monitors and rules, for a Prometheus that selects them by label. Default: only the platform's
    own."""


@dataclass(frozen=True, kw_only=True)
class MonitoredSpec(MonitoringSpec):
    """What to watch, and how."""

    engine: Engine
    """Who runs it, which decides what metrics it has."""
    nodes: bool | None = None
    """Whether Kafka's nodes expose metrics. Default: they do with Strimzi, and embedded ones do not (`metrics` of the cluster)."""
    exporter: bool = False
    """Whether something shows the lag of groups: a `KafkaExporter`, or Strimzi's Kafka Exporter. Default false."""
    provisioner: bool = False
    """Whether a Job applies topics and users: `KafkaResources`, unless Strimzi runs the Kafka. Default false."""
    renewal_days: int = 30
    """Strimzi: how many days before their end certificate authorities are renewed. Default 30."""
    authorities_given: bool = False
    """Strimzi: whether you provide and renew them. Default: Strimzi renews them."""
    strimzi: Input[str] = named(check_label, "namespace", default="strimzi")
    """Strimzi: namespace of its operator, the only one whose word counts. Default strimzi."""
    cert_manager: Input[str] | None = None
    """Namespace of cert-manager. Default: it is not watched."""
    keda: Input[str] | None = None
    """Namespace of KEDA. Default: it is not watched."""
    scaled_in: Sequence[str] = ()
    """Namespaces, besides the Kafka's, in which KEDA scales programs by it. Default: none."""
    kube_state: bool = True
    """Whether Prometheus reads kube-state-metrics, as kube-prometheus-stack's does: it knows how many pods autoscalers want, and
    which Jobs failed. A Prometheus without an operator does not. Default true with the operator."""
    receivers: Receivers = NOBODY
    """Receivers of alerts. Default: none; alerts are only shown in Prometheus."""
    tenants: Mapping[str, WatchedTenant] = mapping(check_tenants)
    """Tenants by name, for the dashboard that compares what their users use with their quotas. It is there if a user has a
    quota and the nodes expose metrics. Default: none."""
    levels: Mapping[str, Level] = field(default_factory=dict)
    """Service levels by name: what users may expect (docs/components/levels.md). Default: none is promised."""

    def check(self) -> None:
        """The levels have names that Prometheus can show, and it computes them."""
        if self.levels and not self.alerts:
            raise ValueError("alerts: false leaves out the rules by which levels are computed: remove it, or levels")
        for name in self.levels:
            check_field(f"levels.{name}", check_level, name)

    @property
    def lag_is_shown(self) -> bool:
        """Whether something exposes consumer lag."""
        return self.exporter

    @property
    def stores_broker_topics(self) -> bool:
        """Whether the brokers' own series of each topic are stored, with the default that follows from the exporter."""
        return not self.lag_is_shown if self.broker_topics is None else self.broker_topics

    @property
    def nodes_show(self) -> bool:
        """Whether Kafka's nodes expose metrics, with the default that follows from the engine."""
        if self.engine is Engine.EXTERNAL:
            return False
        return self.engine is Engine.STRIMZI if self.nodes is None else self.nodes
