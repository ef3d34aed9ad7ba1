"""The alert rules of a Kafka. Pure functions, no Pulumi.

Every rule, here and in the `monitoring` modules of other capabilities, selects by the labels of our own monitors
(`kafka_cluster`, `gateway`, `probe`), never by pod names, which contain the name of their pool. The duration of each
alert exceeds what is normal while nothing is wrong, such as a rolling restart.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka_platform.kube.certificates import DAY, ISSUED, SERVED, SOON, ending, unserved
from kafka_platform.kube.metrics import PROVISION_JOB, Alert, Severity, series
from kafka_platform.monitoring import strimzi
from kafka_platform.monitoring.limits import (
    ALMOST_FULL,
    FILLING,
    FULL_SOON,
    HOURS_TO_ACT,
    OFFLINE,
    SCALER_ERRORS,
    UNDER_MIN_ISR,
    UNDER_REPLICATED,
)
from kafka_platform.monitoring.tenants import Use

RUN_FAILED = "kafka_provisioner_last_run_failed"
UNAPPLIED = "kafka_provisioner_unapplied"
"""1: what is declared is not what was applied last."""
CLUSTER_LABEL = "kafka_cluster"
"""Label of the metrics of nodes: the Kafka's name."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """Which parts of a Kafka cluster expose metrics."""

    cluster: str
    """The Kafka's name."""
    namespace: str
    """Its namespace."""
    claims: str | None = None
    """Regular expression of the nodes' volume claims. Default: none, the volumes are not in this Kubernetes cluster."""
    nodes: bool = False
    """Whether the nodes expose metrics."""
    exporter: bool = False
    """Whether the lag of groups is shown."""
    renewal_days: int | None = None
    """How many days before its end a certificate authority is renewed. Default: none is Strimzi's to watch."""
    authorities_given: bool = False
    """Whether the authorities are renewed by hand."""
    operator_in: str = ""
    """Namespace of Strimzi's operator, which shows when authorities end."""
    provisioned: bool = False
    """Whether a Job applies topics and users."""
    certificates: bool = False
    """Whether cert-manager shows the certificates of the namespace."""
    scaled_in: Sequence[str] = ()
    """Namespaces in which KEDA scales programs and shows its metrics. Default: none."""
    kube_state: bool = False
    """Whether kube-state-metrics is read."""
    limited: Sequence[Use] = ()
    """What quotas of tenants' users limit, where the use is recorded. Default: nothing."""

    @property
    def volumes(self) -> str | None:
        """What selects the series of the nodes' volumes, inside of PromQL's braces; None if they are elsewhere."""
        if self.claims is None:
            return None
        return f'namespace="{self.namespace}",persistentvolumeclaim=~"{self.claims}"'


def alerts(watched: Watched) -> list[Alert]:
    """Every alert about a Kafka cluster."""
    return [
        *_nodes(watched),
        *_volumes(watched),
        *_groups(watched),
        *_certificates(watched),
        *_operators(watched),
        *_scalers(watched),
        *_jobs(watched),
    ]


def _nodes(watched: Watched) -> Iterator[Alert]:
    if not watched.nodes:
        return
    own = series(watched.namespace, CLUSTER_LABEL, watched.cluster)
    yield Alert(
        name="KafkaPartitionsOffline",
        expression=f"{OFFLINE} > 0".replace("$source", own),
        lasting="1m",
        severity=Severity.CRITICAL,
        summary="{{ $value }} partitions have no leader: nobody can write to them or read from them.",
        description="All brokers with a copy that was in sync are gone. Bring one of them back; another copy lacks records.",
    )
    yield Alert(
        name="KafkaPartitionsUnderMinIsr",
        expression=f"{UNDER_MIN_ISR} > 0".replace("$source", own),
        lasting="2m",
        severity=Severity.CRITICAL,
        summary="{{ $value }} partitions have fewer copies in sync than they must: writes with acks=all fail.",
        description="Several brokers are gone or lag behind at once. Look which, and at their disks and network.",
    )
    yield Alert(
        name="KafkaPartitionsUnderReplicated",
        expression=f"{UNDER_REPLICATED} > 0".replace("$source", own),
        # A restarted broker with full volumes needs minutes to catch up; meanwhile each of the others says so.
        lasting="15m",
        severity=Severity.WARNING,
        summary="{{ $value }} partitions led by {{ $labels.pod }} lack copies that are in sync.",
        description="A broker is gone or cannot keep up: the next one that goes may take the last copy along.",
    )
    yield Alert(
        name="KafkaNoActiveController",
        expression=f"sum(kafka_controller_kafkacontroller_activecontrollercount{{{own}}}) != 1",
        # An election takes seconds, but the old and the new one may both be seen until each has been read once more.
        lasting="3m",
        # Partitions keep their leaders; if one of those fails, another alert pages.
        severity=Severity.WARNING,
        summary="{{ $value }} nodes say that they are the active controller, and it has to be one.",
        description="Without one no leader is elected and no topic made. Is a majority of the controllers up, and do they reach one another?",
    )
    yield Alert(
        name="KafkaGone",
        expression=f"absent(kafka_controller_kafkacontroller_activecontrollercount{{{own}}})",
        lasting="3m",
        severity=Severity.CRITICAL,
        summary="No node of the Kafka shows metrics.",
        description="All of them are down, or Prometheus cannot reach them: then nobody would notice that they are.",
    )


def _volumes(watched: Watched) -> Iterator[Alert]:
    own = watched.volumes
    if own is None:
        return
    free = f"kubelet_volume_stats_available_bytes{{{own}}} / kubelet_volume_stats_capacity_bytes{{{own}}}"
    yield Alert(
        name="KafkaVolumeFillsUp",
        expression=f"predict_linear(kubelet_volume_stats_available_bytes{{{own}}}[6h], {DAY}) < 0 and {free} < {FILLING}",
        lasting="1h",
        severity=Severity.WARNING,
        summary="The volume {{ $labels.persistentvolumeclaim }} will be full within a day if it goes on like this.",
        description="A full volume stops its broker. Give the pool more storage or brokers, or topics a shorter retention.",
    )
    yield Alert(
        name="KafkaVolumeAlmostFull",
        expression=f"{free} < {ALMOST_FULL}",
        lasting="5m",
        severity=Severity.WARNING,
        summary="The volume {{ $labels.persistentvolumeclaim }} has {{ $value | humanizePercentage }} free.",
        description="A full volume stops its broker. Grow the volume, or shorten the retention of its largest topics.",
    )
    yield Alert(
        name="KafkaVolumeFullSoon",
        # The one cause that pages: volumes fill alike, full ones stop all brokers, and freeing them by hand costs records.
        expression=f"predict_linear(kubelet_volume_stats_available_bytes{{{own}}}[1h], {HOURS_TO_ACT * 3600}) < 0 and {free} < {FULL_SOON}",
        lasting="10m",
        severity=Severity.CRITICAL,
        summary="The volume {{ $labels.persistentvolumeclaim }} will be full within "
        f"{HOURS_TO_ACT} hours if it goes on like this.",
        description="A full volume stops its broker, and freeing it by hand costs records. Slow down who fills it, or grow it now.",
    )


def _groups(watched: Watched) -> Iterator[Alert]:
    if not watched.exporter:
        return
    own = series(watched.namespace, CLUSTER_LABEL, watched.cluster)
    lag = f"sum by (consumergroup, topic) (kafka_consumergroup_lag{{{own}}})"
    yield Alert(
        name="KafkaConsumerLagGrows",
        # A limit on the lag itself would be another one for every group. One that catches up within half an hour is well.
        expression=f"deriv({lag}[30m:1m]) > 0 and min_over_time({lag}[30m:1m]) > 0",
        lasting="30m",
        severity=Severity.WARNING,
        summary='The group {{ $labels.consumergroup }} falls behind in {{ $labels.topic }}, by {{ printf "%.1f" $value }} records a second.',
        description="More is written than the group reads, for an hour. Is a member stuck, or is it time for more of them?",
    )


def _certificates(watched: Watched) -> Iterator[Alert]:
    if watched.renewal_days is not None:
        # Whoever may run pods in another namespace may not speak for the operator.
        own = f'namespace="{watched.operator_in}",resource_namespace="{watched.namespace}",cluster="{watched.cluster}"'
        yield Alert(
            name="StrimziOperatorGone",
            expression=f"absent(strimzi_certificate_expiration_timestamp_ms{{{own}}})",
            # The operator shows a Kafka's certificates once it has looked at it, two minutes after its start.
            lasting="15m",
            severity=Severity.WARNING,
            summary="Strimzi's operator shows nothing of the Kafka.",
            description="Nobody carries out changes, replaces failed nodes or renews certificates; brokers and clients go on. Is the operator "
            f"in the namespace {watched.operator_in}, does it run, and does it manage this namespace?",
        )
        days = watched.renewal_days if watched.authorities_given else _overdue(watched.renewal_days)
        yield from ending(
            "KafkaCertificate",
            f"min by (type) (strimzi_certificate_expiration_timestamp_ms{{{own}}}) / 1000 - time()",
            subject="The authority {{ $labels.type }}",
            ticket="When it ends nobody can connect. Does Strimzi's operator run, and is there a maintenance window? An authority of "
            "your own you renew yourself; clients have to trust the new one before.",
            page="When it ends nobody can connect by TLS, and brokers not to one another. Start Strimzi's operator, or renew your own authority "
            "today.",
            soon=days * DAY,
        )
    if watched.exporter:
        yield from _presented(watched)
    if watched.certificates:
        own = f'{ISSUED}{{namespace="{watched.namespace}"}}'
        yield from ending(
            "Certificate",
            f"{unserved(own, watched.namespace)} - time()",
            subject="The certificate {{ $labels.name }}",
            ticket="When it ends callers are refused. `kubectl describe certificate` says why cert-manager cannot renew it.",
            page="When it ends callers are refused. `kubectl describe certificate` says why cert-manager cannot renew it; renew it by hand "
            "if that cannot be mended today.",
        )


def _presented(watched: Watched) -> Iterator[Alert]:
    """About the certificates that the exporter sees."""
    own = series(watched.namespace, CLUSTER_LABEL, watched.cluster)
    soon: float = SOON
    if watched.renewal_days is not None:
        # Authorities are the operator's, which shows both; it renews the brokers' certificates as late as those.
        own += ',what!="authority"'
        soon = min(SOON, _overdue(watched.renewal_days) * DAY)
    yield from ending(
        "KafkaTlsCertificate",
        f"min by (what, server) ({SERVED}{{{own}}}) - time()",
        subject="The TLS certificate ({{ $labels.what }} {{ $labels.server }})",
        ticket="When it ends clients refuse to connect. Renew what its Secret holds; brokers and the schema registry read it within "
        "two minutes.",
        page="When it ends clients refuse to connect; open connections go on until they break. Put a new certificate into its Secret "
        "today.",
        soon=soon,
    )


def _overdue(renewal_days: int) -> float:
    """How many days before its end something is overdue that Strimzi should have renewed."""
    # A maintenance window comes once a week or more often: what was not renewed in the next one never will be.
    return max(renewal_days - 8, renewal_days / 2)


def _operators(watched: Watched) -> Iterator[Alert]:
    if watched.renewal_days is not None:
        own = series(watched.namespace, CLUSTER_LABEL, watched.cluster)
        yield from strimzi.alerts(watched.namespace, watched.operator_in, own)


def _scalers(watched: Watched) -> Iterator[Alert]:
    if not watched.scaled_in:
        return
    own = f'namespace=~"{"|".join(sorted(set(watched.scaled_in)))}"'
    yield Alert(
        name="KedaScalerFails",
        # A rebalance or a broker that restarts makes it fail once or twice; it looks every 30 s by default.
        expression=f"sum by (namespace, scaledObject) (increase(keda_scaler_detail_errors_total{{{own}}}[10m])) > {SCALER_ERRORS}",
        lasting="5m",
        severity=Severity.WARNING,
        summary="KEDA cannot measure what {{ $labels.scaledObject }} in {{ $labels.namespace }} is scaled by.",
        description="Its number of pods stays as it is, or falls back to its least. `kubectl describe scaledobject` says why: usually a login, "
        "a network policy or a group that does not exist.",
    )


def _jobs(watched: Watched) -> Iterator[Alert]:
    if not watched.provisioned:
        return
    # The run notes itself in Kafka. One that was not let in, or never began, is missed: the exporter sees what is declared.
    own = series(watched.namespace, CLUSTER_LABEL, watched.cluster)
    jobs = f'namespace="{watched.namespace}",job_name=~".+-{PROVISION_JOB}-[a-z0-9]+",condition="true"'
    failed = [
        *(f"{each}{{{own}}}" for each in (RUN_FAILED, UNAPPLIED) if watched.exporter),
        *([f"kube_job_failed{{{jobs}}}"] if watched.kube_state else []),
    ]
    if not failed:
        return
    yield Alert(
        name="KafkaProvisionerFails",
        # Each of them is about a run of its own: what is right of `or` must not be hidden by the same labels on its left.
        expression=" or ".join(f"max({each}) > 0" for each in failed),
        # Who deploys has seen it fail already, and tries again.
        lasting="15m",
        severity=Severity.WARNING,
        summary="The last run of the provisioner could not apply topics, users and rights.",
        description="What the stack declares is not what Kafka has: a new topic may be missing, or a removed right still there. The Job's log "
        "names what was refused. Applications go on with what there was before.",
    )


def rule_groups(
    watched: Watched, more: Sequence[Alert] = (), *, runbooks: str, panels: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """The alerts as Prometheus' rule groups.

    Args:
        watched: the Kafka cluster.
        more: alerts about other programs.
        runbooks: where the pages of alerts are.
        panels: addresses of the panels that show what alerts are about, by their names. Default: there are none.
    """
    drawn = panels or {}
    known: Mapping[str, str] = {CLUSTER_LABEL: watched.cluster, "namespace": watched.namespace}
    rules = [
        {
            "alert": alert.name,
            "annotations": {
                **({"dashboard_url": drawn[alert.name]} if alert.name in drawn else {}),
                "description": alert.description,
                "runbook_url": alert.runbook_in(runbooks),
                "summary": alert.summary,
            },
            "expr": alert.expression,
            "for": alert.lasting,
            "labels": {**known, "severity": alert.severity.value},
        }
        for alert in (*alerts(watched), *more)
    ]
    return [{"name": f"{watched.namespace}-{watched.cluster}", "rules": rules}] if rules else []
