"""Programs that expose metrics, and their alerts. No Pulumi."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, dataclass, replace
from enum import Enum

from kafka_platform.kube.boards import Board, Panel
from kafka_platform.values.forms import Spec, formed, named
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_label

METRICS_PORT_NAME = "metrics"
"""Name of the port with metrics, of our own programs and of workers that want to be read."""
NODE_METRICS_PORT_NAME = "tcp-prometheus"
"""Strimzi's name of the port with metrics, of nodes and of Kafka Exporter; embedded nodes have it too."""
PROVISION_JOB = "provision"
"""Role of the Job that applies topics and users: Pulumi calls it `<name>-provision-<generated>`."""
NODES_COMPONENT = "broker"
"""The label `app.kubernetes.io/component` of embedded nodes."""
_LABEL_NAME = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]{0,99}")
_KIND = re.compile(r"[A-Z][A-Za-z0-9]{0,62}")
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LASTING = re.compile(r"(?=\d)(\d{1,9}d)?(\d{1,9}h)?(\d{1,9}m)?(\d{1,9}s)?")


def _check_lasting(lasting: str) -> None:
    if not _LASTING.fullmatch(lasting):
        raise ValueError(f"{lasting!r} is not a duration of Prometheus: write one such as 5m or 1h30m")


def _check_kind(kind: str | None) -> None:
    if kind is not None and not _KIND.fullmatch(kind):
        raise ValueError(f"{kind!r} is not a kind of custom resource: write one such as KafkaConnect")


def _check_label_name(label: str) -> None:
    if not _LABEL_NAME.fullmatch(label):
        raise ValueError(f"{label!r} is not a label of Prometheus: use a-z, A-Z, 0-9 and _, beginning with a letter")


class Severity(Enum):
    """Severity of an alert."""

    CRITICAL = "critical"
    """A symptom, which pages: users cannot write or read, records are lost, or that is certain within hours and cannot
    be undone."""
    WARNING = "warning"
    """A cause, which opens a ticket to look at this week: it affects nobody yet."""


@dataclass(frozen=True, kw_only=True)
class Alert(Spec):
    """An alert: a state that should not occur."""

    name: str
    expression: str
    """PromQL; every series in its answer is an alert. `$source` in it is what selects the series of one source, as in
    `up{$source} == 0`."""
    lasting: str = formed(MISSING, _check_lasting)
    """How long the state must last before the alert fires."""
    severity: Severity
    summary: str
    """What is so. `{{ $labels.x }}` and `{{ $value }}` are filled in by Prometheus."""
    description: str
    """What the state means, and where to look."""
    runbook: str | None = None
    """Address of the page that says what to do. Default: the page of the alert's name among those that monitoring links to."""

    def selecting(self, source: str) -> "Alert":
        """The alert about the series that `source` selects."""
        return replace(self, expression=self.expression.replace("$source", source))

    def runbook_in(self, pages: str) -> str:
        """Address of its page; `pages` is where the pages are that are called like alerts, as `kafka-gone.md`."""
        return self.runbook or f"{pages.rstrip('/')}/{_WORD.sub('-', self.name).lower()}.md"


@dataclass(frozen=True, kw_only=True)
class Source(Spec):
    """Pods of a program with a port called `metrics`, which Prometheus scrapes at `/metrics`."""

    name: str = named(check_label, "name", default=MISSING)
    """The program's name, which its pods have in the label `app.kubernetes.io/instance`."""
    component: str = named(check_label, "name", default=MISSING)
    """What it is: the pods' label `app.kubernetes.io/component`."""
    label: str = formed(MISSING, _check_label_name)
    """Label that says in its metrics which one it is: its value is `name`."""
    namespace: Input[str] | None = named(check_label, "namespace")
    """Namespace of the pods. Default: that of the Kafka."""
    operated_as: str | None = formed(None, _check_kind)
    """Kind of Strimzi's custom resource, of the program's name, whose pods these are, such as `KafkaConnect`: they are found by
    Strimzi's labels, and their port by its name. Default: none."""
    by_kube_state: bool = False
    """Whether kube-state-metrics tells of it, as of Jobs, whose pods are gone before anybody reads them: nothing of it is
    scraped. Default false."""
    alerts: Sequence[Alert] = ()
    """Its alerts. Default: none."""
    boards: Sequence[Board] = ()
    """Dashboards of programs of this kind; a dashboard that several sources share is created once. Default: none."""
    overview: Sequence[Panel] = ()
    """What says on the first dashboard whether it is well, one panel or two. Default: none."""

    def alerts_in(self, namespace: str) -> Iterator[Alert]:
        """The alerts about the series of this source, whose pods are in that namespace."""
        own = series(namespace, self.label, self.name)
        yield from (each.selecting(own) for each in self.alerts)


def series_of_all(namespace: str, label: str) -> str:
    """What selects the series of all sources of a kind in a namespace, inside of PromQL's braces."""
    return f'namespace="{namespace}",{label}!=""'


def series(namespace: str, label: str, name: str) -> str:
    """What selects the series of one source, inside of PromQL's braces."""
    return f'namespace="{namespace}",{label}="{name}"'
