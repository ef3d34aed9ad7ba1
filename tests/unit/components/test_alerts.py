"""The alert rules, judged by Prometheus itself: each one fires when it should, and is quiet when it should."""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from kafka_platform.connect.monitoring import restarter_source, slots_source, source as connect_source
from kafka_platform.exporter.monitoring import source as exporter_source
from kafka_platform.gateway.monitoring import source as gateway_source
from kafka_platform.job.monitoring import source as job_source
from kafka_platform.job.spec import JobSpec
from kafka_platform.logs.monitoring import source as logs_source
from kafka_platform.mirror.monitoring import ALERTS as MIRROR_ALERTS, source as mirror_source
from kafka_platform.monitoring.alerts import Watched, alerts, rule_groups
from kafka_platform.monitoring.spec import RUNBOOKS
from kafka_platform.probe.monitoring import source as probe_source
from kafka_platform.query.monitoring import source as query_source
from kafka_platform.registry.monitoring import source as registry_source
from kafka_platform.storage.monitoring import source as storage_source
from kafka_platform.streams.monitoring import source as streams_source
from kafka_platform_runtime.gateway.certificates import END_METRIC
from kafka_platform_runtime.gateway.metrics import Metrics as GatewayMetrics
from kafka_platform_runtime.probe.metrics import Metrics as ProbeMetrics
from kafka_platform_runtime.probe.tally import Tally, Way
from prometheus_client import CollectorRegistry, generate_latest

from tests.promtool import promtool

EVERYTHING = Watched(
    cluster="kafka",
    namespace="streaming",
    claims="data-[0-9]+-kafka-.+-[0-9]+",
    nodes=True,
    exporter=True,
    renewal_days=30,
    operator_in="strimzi",
    provisioned=True,
    kube_state=True,
    certificates=True,
    scaled_in=("streaming", "shop"),
)
SOURCES = [
    alert
    for each in (
        connect_source("connect"),
        restarter_source("connect"),
        slots_source("connect"),
        replace(mirror_source("mirror"), alerts=MIRROR_ALERTS),
        logs_source("log-collector"),
        exporter_source("kafka-exporter"),
        gateway_source("gateway"),
        probe_source("latency-probe"),
        query_source("query-engine"),
        registry_source("schema-registry"),
        storage_source("object-store"),
        streams_source("stream-minutes"),
    )
    for alert in each.alerts_in("streaming")
]
SOURCES += job_source("nightly", JobSpec(image="report:4", reads=["orders"], schedule="0 3 * * *")).alerts_in("shop")
RULES = {alert.name: alert for alert in (*alerts(EVERYTHING), *SOURCES)}
DAY = 86_400


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is measured, minute by minute, and what comes of it."""

    alert: str
    measured: Mapping[str, str]
    """Values by series, in promtool's notation."""
    at: str
    """When somebody looks."""
    summary: str | None = None
    """What they are told. None: nothing."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of the alert, besides those that all have."""


def node(metric: str, pod: str = "kafka-brokers-0", namespace: str = "streaming") -> str:
    return f'{metric}{{namespace="{namespace}",kafka_cluster="kafka",pod="{pod}"}}'


def controllers(first: str, second: str) -> dict[str, str]:
    name = "kafka_controller_kafkacontroller_activecontrollercount"
    return {node(name, "kafka-controllers-900"): first, node(name, "kafka-controllers-901"): second}


def volume(available: str, claim: str = "data-0-kafka-brokers-0") -> dict[str, str]:
    of = f'{{namespace="streaming",persistentvolumeclaim="{claim}"}}'
    return {
        f"kubelet_volume_stats_available_bytes{of}": available,
        f"kubelet_volume_stats_capacity_bytes{of}": "1000x500",
    }


def lag(*partitions: str) -> dict[str, str]:
    return {
        f'kafka_consumergroup_lag{{namespace="streaming",kafka_cluster="kafka",consumergroup="shop",topic="orders",partition="{number}"}}': values
        for number, values in enumerate(partitions)
    }


def job(failed: str, name: str = "kafka-provision-d913469b", namespace: str = "streaming") -> dict[str, str]:
    of = f'namespace="{namespace}",job_name="{name}",condition="true"'
    return {f"kube_job_failed{{{of}}}": failed}


def run(failed: str, cluster: str = "kafka", unapplied: str | None = None) -> dict[str, str]:
    of = f'namespace="streaming",kafka_cluster="{cluster}",exporter="kafka-exporter",resources="kafka"'
    found = {f"kafka_provisioner_last_run_failed{{{of}}}": failed}
    return found if unapplied is None else found | {f"kafka_provisioner_unapplied{{{of}}}": unapplied}


def runs(failed: str, succeeded: str | None, owner: str = "nightly") -> dict[str, str]:
    """A run of a job that began at 300 s and failed or did not, and when one succeeded last, if ever."""
    job, cron = 'namespace="shop",job_name="nightly-1"', f'namespace="shop",cronjob="{owner}"'
    found = {
        f"kube_cronjob_info{{{cron}}}": "1x60",
        f'kube_job_owner{{{job},owner_kind="CronJob",owner_name="{owner}"}}': "1x60",
        f"kube_job_status_start_time{{{job}}}": "300x60",
        f'kube_job_failed{{{job},condition="true"}}': failed,
    }
    return found | ({} if succeeded is None else {f"kube_cronjob_status_last_successful_time{{{cron}}}": succeeded})


def due(seconds: int) -> dict[str, str]:
    return {'kube_cronjob_next_schedule_time{namespace="shop",cronjob="nightly"}': f"{seconds}x300"}


def authority(milliseconds: int, operator_in: str = "strimzi") -> dict[str, str]:
    of = f'namespace="{operator_in}",resource_namespace="streaming",cluster="kafka",type="cluster-ca"'
    return {f"strimzi_certificate_expiration_timestamp_ms{{{of}}}": f"{milliseconds}x200"}


def certificate(seconds: int, namespace: str = "streaming") -> dict[str, str]:
    of = f'namespace="{namespace}",name="data-tls"'
    return {f"certmanager_certificate_expiration_timestamp_seconds{{{of}}}": f"{seconds}x200"}


def presented(seconds: int, what: str = "broker", server: str = "kafka-0:9092") -> dict[str, str]:
    of = f'namespace="streaming",kafka_cluster="kafka",exporter="kafka-exporter",what="{what}",server="{server}"'
    return {f"kafka_certificate_expiration_timestamp_seconds{{{of}}}": f"{seconds}x200"}


def own_certificate(seconds: int, pod: str = "gateway-0") -> dict[str, str]:
    of = f'namespace="streaming",gateway="gateway",pod="{pod}"'
    return {f"gateway_certificate_end_timestamp_seconds{{{of}}}": f"{seconds}x200"}


def reconciled(kind: str, failed: str, *, namespace: str = "strimzi", **more: str) -> dict[str, str]:
    of = f'namespace="{namespace}",exported_namespace="streaming",kind="{kind}",selector=""'
    of += "".join(f',{label}="{each}"' for label, each in more.items())
    return {f"strimzi_reconciliations_failed_total{{{of}}}": failed}


def beside(**seen: str) -> dict[str, str]:
    """The operators of topics and of users, as Prometheus reads them."""
    of = 'namespace="streaming",kafka_cluster="kafka"'
    return {f'up{{{of},strimzi_operator="{name}"}}': values for name, values in seen.items()}


def scaler(errors: str, namespace: str = "shop") -> dict[str, str]:
    of = f'namespace="{namespace}",scaledObject="fraud-check",scaler="kafkaScaler",metric="s0-kafka-orders"'
    return {f"keda_scaler_detail_errors_total{{{of}}}": errors}


def requests(well: str, failed: str) -> dict[str, str]:
    of = 'namespace="streaming",gateway="gateway",route="write"'
    return {
        f'gateway_requests_total{{{of},status="200"}}': well,
        f'gateway_requests_total{{{of},status="503"}}': failed,
    }


def schemas(status: str, values: str) -> dict[str, str]:
    of = f'namespace="streaming",registry="schema-registry",status_code_group="{status}"'
    return {f"rest_requests_seconds_count{{{of}}}": values}


def connector(metric: str, values: str, pod: str = "connect-0") -> dict[str, str]:
    return {f'{metric}{{namespace="streaming",connect="connect",connector="shop",pod="{pod}"}}': values}


def logs(metric: str, values: str, of: str = "") -> dict[str, str]:
    own = f'namespace="streaming",collector="log-collector",job="streaming/log-collector",pod="log-collector-x7k2p"{of}'
    return {f"{metric}{{{own}}}": values}


def mirror(metric: str, values: str) -> dict[str, str]:
    own = 'namespace="streaming",connect="mirror",job="streaming/mirror",topic="orders",partition="0"'
    return {f"kafka_mirror_{metric}{{{own}}}": values}


def tasks(total: str, running: str, paused: str, failed: str) -> dict[str, str]:
    name = "kafka_connect_worker_connector_{}_task_count"
    states = {"total": total, "running": running, "paused": paused, "failed": failed}
    return {
        series: told
        for state, values in states.items()
        for series, told in connector(name.format(state), values).items()
    }


def probe(metric: str, values: str, **more: str) -> dict[str, str]:
    given = {"namespace": "streaming", "probe": "latency-probe", "write": "native", "read": "http"} | more
    of = ",".join(f'{key}="{each}"' for key, each in given.items() if each)
    return {f"{metric}{{{of}}}": values}


def stream(metric: str, values: str) -> dict[str, str]:
    return {f'flink_jobmanager_job_{metric}{{namespace="streaming",stream="stream-minutes"}}': values}


def late_records(values: str) -> dict[str, str]:
    of = '{namespace="streaming",stream="stream-minutes",task_name="LocalWindow"}'
    return {f"flink_taskmanager_job_task_operator_numLateRecordsDropped{of}": values}


def engine(metric: str, values: str, **more: str) -> dict[str, str]:
    given = {"namespace": "streaming", "engine": "query-engine"} | more
    of = ",".join(f'{key}="{each}"' for key, each in given.items())
    return {f"query_engine_{metric}{{{of}}}": values}


def store(metric: str, values: str) -> dict[str, str]:
    return {f'object_store_{metric}{{namespace="streaming",store="object-store"}}': values}


def exporter(metric: str, values: str, **more: str) -> dict[str, str]:
    given = {"namespace": "streaming", "exporter": "kafka-exporter"} | more
    of = ",".join(f'{key}="{each}"' for key, each in given.items())
    return {f"{metric}{{{of}}}": values}


SHOP = {"consumergroup": "shop", "topic": "orders"}
PATH = {"write": "native", "read": "http"}
OFFLINE = "kafka_controller_kafkacontroller_offlinepartitionscount"
UNDER_REPLICATED = "kafka_server_replicamanager_underreplicatedpartitions"
UNDER_MIN_ISR = "kafka_server_replicamanager_underminisrpartitioncount"
SHOPS = {"connector": "shop"}
CONNECT_UP = 'up{namespace="streaming",connect="connect",pod="connect-0"}'
RESTARTS = 'connect_restarter_restarts_total{namespace="streaming",restarter="connect-restarter",connector="shop"}'
WITHOUT_TASKS = 'connect_restarter_idle{namespace="streaming",restarter="connect-restarter",connector="shop"}'
RESTARTS_SEEN = 'connect_restarter_last_success_timestamp_seconds{namespace="streaming",restarter="connect-restarter"}'
SLOT = 'connect_slots_{}{{namespace="streaming",slots="connect-slots",connector="shop"}}'


def slot(limit: str, kept: str) -> dict[str, str]:
    return {SLOT.format("limit_bytes"): limit, SLOT.format("kept_bytes"): kept}


REGISTRY_UP = 'up{namespace="streaming",registry="schema-registry",pod="schema-registry-0"}'
UP = 'up{namespace="streaming",gateway="gateway",pod="gateway-0"}'
NOT_APPLIED = "The last run of the provisioner could not apply topics, users and rights."
GONE = "No pod of the gateway shows metrics."
NO_CONTROLLER = "0 nodes say that they are the active controller, and it has to be one."

CASES = [
    Case(
        alert="KafkaPartitionsOffline",
        measured={node(OFFLINE): "0x5 3x20"},
        at="8m",
        summary="3 partitions have no leader: nobody can write to them or read from them.",
    ),
    Case(alert="KafkaPartitionsOffline", measured={node(OFFLINE): "0x5 3 0x20"}, at="8m"),
    Case(alert="KafkaPartitionsOffline", measured={node(OFFLINE, namespace="other"): "3x20"}, at="8m"),
    Case(
        alert="KafkaPartitionsUnderMinIsr",
        measured={node(UNDER_MIN_ISR): "2x20", node(UNDER_MIN_ISR, "kafka-brokers-1"): "4x20"},
        at="3m",
        summary="6 partitions have fewer copies in sync than they must: writes with acks=all fail.",
    ),
    Case(alert="KafkaPartitionsUnderMinIsr", measured={node(UNDER_MIN_ISR): "0x20"}, at="10m"),
    Case(
        alert="KafkaPartitionsUnderReplicated",
        measured={node(UNDER_REPLICATED): "7x30", node(UNDER_REPLICATED, "kafka-brokers-1"): "0x30"},
        at="16m",
        summary="7 partitions led by kafka-brokers-0 lack copies that are in sync.",
        labels={"pod": "kafka-brokers-0"},
    ),
    # Every broker is restarted in its turn, and each of them takes ten minutes.
    Case(alert="KafkaPartitionsUnderReplicated", measured={node(UNDER_REPLICATED): "0x2 7x9 0 9x9 0x9"}, at="24m"),
    Case(alert="KafkaNoActiveController", measured=controllers("0x20", "0x20"), at="4m", summary=NO_CONTROLLER),
    # Nothing at all is heard of them: that is another alert.
    Case(alert="KafkaNoActiveController", measured={}, at="4m"),
    Case(alert="KafkaGone", measured={}, at="4m", summary="No node of the Kafka shows metrics."),
    Case(alert="KafkaGone", measured=controllers("_x20", "0x20"), at="10m"),
    Case(alert="KafkaNoActiveController", measured=controllers("1x20", "0x20"), at="10m"),
    Case(alert="KafkaNoActiveController", measured=controllers("1x5 1 0x20", "0x5 1 1x20"), at="10m"),
    Case(
        alert="KafkaVolumeFillsUp",
        measured=volume("390-0.5x430"),
        at="7h",
        summary="The volume data-0-kafka-brokers-0 will be full within a day if it goes on like this.",
        labels={"persistentvolumeclaim": "data-0-kafka-brokers-0"},
    ),
    # A new topic is filled, and there is room; or it goes on for a month.
    Case(alert="KafkaVolumeFillsUp", measured=volume("900-0.9x430"), at="7h"),
    Case(alert="KafkaVolumeFillsUp", measured=volume("300-0.01x430"), at="7h"),
    Case(
        alert="KafkaVolumeAlmostFull",
        measured=volume("50x20"),
        at="6m",
        summary="The volume data-0-kafka-brokers-0 has 5% free.",
        labels={"persistentvolumeclaim": "data-0-kafka-brokers-0"},
    ),
    Case(alert="KafkaVolumeAlmostFull", measured=volume("150x20"), at="6m"),
    Case(
        alert="KafkaVolumeFullSoon",
        measured=volume("200-1x100"),
        at="80m",
        summary="The volume data-0-kafka-brokers-0 will be full within 4 hours if it goes on like this.",
        labels={"persistentvolumeclaim": "data-0-kafka-brokers-0"},
    ),
    # It is almost full and grows slowly; or a new topic is filled, and there is room.
    Case(alert="KafkaVolumeFullSoon", measured=volume("50-0.1x100"), at="80m"),
    Case(alert="KafkaVolumeFullSoon", measured=volume("900-5x100"), at="80m"),
    Case(alert="KafkaVolumeAlmostFull", measured=volume("50x20", claim="data-0-other-brokers-0"), at="6m"),
    Case(
        alert="KafkaConsumerLagGrows",
        measured=lag("10+60x120", "10+60x120"),
        at="100m",
        summary="The group shop falls behind in orders, by 2.0 records a second.",
        labels={"consumergroup": "shop", "topic": "orders"},
    ),
    # It catches up every quarter of an hour; or the markers of transactions are left, for ever.
    Case(alert="KafkaConsumerLagGrows", measured=lag(" ".join(["0+60x14"] * 8)), at="100m"),
    Case(alert="KafkaConsumerLagGrows", measured=lag("1x120", "1x120"), at="100m"),
    Case(
        alert="KafkaCertificateExpires",
        measured=authority(10 * DAY * 1000),
        at="2h",
        summary="The authority cluster-ca ends in 9d 22h 0m 0s and was not renewed.",
        labels={"type": "cluster-ca"},
    ),
    # Another program says that it is the operator.
    Case(alert="KafkaCertificateExpires", measured=authority(10 * DAY * 1000, operator_in="shop"), at="2h"),
    Case(
        alert="StrimziOperatorGone",
        measured=authority(10 * DAY * 1000, operator_in="shop"),
        at="20m",
        summary="Strimzi's operator shows nothing of the Kafka.",
        labels={"resource_namespace": "streaming", "cluster": "kafka"},
    ),
    Case(alert="StrimziOperatorGone", measured=authority(60 * DAY * 1000), at="20m"),
    Case(
        alert="StrimziReconciliationsFail",
        measured=reconciled("Kafka", "0+1x60") | reconciled("KafkaConnect", "7x60"),
        at="40m",
        summary="Strimzi could not carry out a Kafka 15 times in 15 minutes.",
        labels={"kind": "Kafka"},
    ),
    Case(
        alert="StrimziReconciliationsFail",
        measured=reconciled(
            "KafkaUser", "0+1x60", namespace="streaming", kafka_cluster="kafka", strimzi_operator="users"
        ),
        at="40m",
        summary="Strimzi could not carry out a KafkaUser 15 times in 15 minutes.",
        labels={"kind": "KafkaUser"},
    ),
    # A broker was restarted; a program in another namespace says that it is an operator; another Kafka of the namespace.
    Case(alert="StrimziReconciliationsFail", measured=reconciled("KafkaTopic", "0x5 3x60"), at="40m"),
    Case(alert="StrimziReconciliationsFail", measured=reconciled("Kafka", "0+1x60", namespace="shop"), at="40m"),
    Case(
        alert="StrimziReconciliationsFail",
        measured=reconciled(
            "KafkaUser", "0+1x60", namespace="streaming", kafka_cluster="other", strimzi_operator="users"
        ),
        at="40m",
    ),
    Case(
        alert="StrimziEntityOperatorGone",
        measured=beside(topics="1x60", users="1x5 0x60"),
        at="30m",
        summary="Strimzi's operator of users shows nothing.",
        labels={"strimzi_operator": "users"},
    ),
    Case(
        alert="StrimziEntityOperatorGone",
        measured=beside(users="1x60"),
        at="30m",
        summary="Strimzi's operator of topics shows nothing.",
        labels={"strimzi_operator": "topics"},
    ),
    Case(alert="StrimziEntityOperatorGone", measured=beside(topics="1x60", users="1x5 0x5 1x60"), at="30m"),
    Case(
        alert="KafkaProvisionerFails",
        measured=job("0x5 1x60"),
        at="30m",
        summary=NOT_APPLIED,
    ),
    # Without kube-state-metrics; and a Job that was never let in, after a run that was.
    Case(alert="KafkaProvisionerFails", measured=run("0x5 1x60"), at="30m", summary=NOT_APPLIED),
    Case(alert="KafkaProvisionerFails", measured=run("0x60") | job("0x5 1x60"), at="30m", summary=NOT_APPLIED),
    Case(alert="KafkaProvisionerFails", measured=run("0x60", unapplied="0x5 1x60"), at="30m", summary=NOT_APPLIED),
    Case(alert="KafkaProvisionerFails", measured=run("1x10 0x60"), at="30m"),
    # The Job takes its time, and the exporter's file too.
    Case(alert="KafkaProvisionerFails", measured=run("0x60", unapplied="0x5 1x10 0x60"), at="30m"),
    Case(alert="KafkaProvisionerFails", measured=run("1x60", cluster="other"), at="30m"),
    # Whoever deployed has seen it and deployed again; Jobs of others.
    Case(alert="KafkaProvisionerFails", measured=job("0x5 1x10 _x60"), at="30m"),
    Case(alert="KafkaProvisionerFails", measured=job("0x60"), at="30m"),
    Case(alert="KafkaProvisionerFails", measured=job("1x60", name="nightly-report"), at="30m"),
    Case(alert="KafkaProvisionerFails", measured=job("1x60", namespace="other"), at="30m"),
    # It is time, and the next maintenance window comes on Sunday.
    Case(alert="KafkaCertificateExpires", measured=authority(26 * DAY * 1000), at="2h"),
    Case(alert="KafkaCertificateExpires", measured=authority(DAY // 2 * 1000), at="2h"),
    Case(
        alert="KafkaCertificateEnds",
        measured=authority(DAY // 2 * 1000),
        at="2h",
        summary="The authority cluster-ca ends in 10h 0m 0s and was not renewed.",
        labels={"type": "cluster-ca"},
    ),
    Case(alert="KafkaCertificateEnds", measured=authority(10 * DAY * 1000), at="2h"),
    Case(
        alert="CertificateExpires",
        measured=certificate(5 * DAY),
        at="2h",
        summary="The certificate data-tls ends in 4d 22h 0m 0s and was not renewed.",
        labels={"name": "data-tls"},
    ),
    Case(alert="CertificateExpires", measured=certificate(20 * DAY), at="2h"),
    # It is seen at the gateway, or at a broker, and told of there; another one is seen; that of another namespace is.
    Case(alert="CertificateExpires", measured=certificate(5 * DAY) | own_certificate(5 * DAY), at="2h"),
    Case(alert="CertificateExpires", measured=certificate(5 * DAY) | presented(5 * DAY), at="2h"),
    Case(
        alert="CertificateExpires",
        measured=certificate(5 * DAY) | presented(5 * DAY + 1) | certificate(5 * DAY + 1, namespace="other"),
        at="2h",
        summary="The certificate data-tls ends in 4d 22h 0m 0s and was not renewed.",
        labels={"name": "data-tls"},
    ),
    Case(alert="CertificateExpires", measured=certificate(DAY // 2), at="2h"),
    Case(
        alert="CertificateEnds",
        measured=certificate(3600),
        at="2h",
        summary="The certificate data-tls has ended and was not renewed.",
        labels={"name": "data-tls"},
    ),
    Case(alert="CertificateEnds", measured=certificate(5 * DAY), at="2h"),
    Case(alert="CertificateEnds", measured=certificate(DAY // 2) | presented(DAY // 2), at="2h"),
    Case(
        alert="HttpGatewayCertificateExpires",
        # A pod that has not read the new one yet.
        measured=own_certificate(60 * DAY) | own_certificate(5 * DAY, "gateway-1"),
        at="2h",
        summary="The gateway's TLS certificate ends in 4d 22h 0m 0s and was not renewed.",
    ),
    Case(alert="HttpGatewayCertificateExpires", measured=own_certificate(20 * DAY), at="2h"),
    Case(alert="HttpGatewayCertificateExpires", measured=own_certificate(DAY // 2), at="2h"),
    Case(
        alert="HttpGatewayCertificateEnds",
        measured=own_certificate(DAY // 2),
        at="2h",
        summary="The gateway's TLS certificate ends in 10h 0m 0s and was not renewed.",
    ),
    Case(alert="HttpGatewayCertificateEnds", measured=own_certificate(5 * DAY), at="2h"),
    Case(
        alert="KafkaTlsCertificateExpires",
        measured=presented(5 * DAY) | presented(60 * DAY, server="kafka-1:9092"),
        at="2h",
        summary="The TLS certificate (broker kafka-0:9092) ends in 4d 22h 0m 0s and was not renewed.",
        labels={"what": "broker", "server": "kafka-0:9092"},
    ),
    Case(alert="KafkaTlsCertificateExpires", measured=presented(20 * DAY), at="2h"),
    # Strimzi's operator tells of its authorities.
    Case(alert="KafkaTlsCertificateExpires", measured=presented(5 * DAY, what="authority", server=""), at="2h"),
    Case(alert="KafkaTlsCertificateExpires", measured=presented(DAY // 2), at="2h"),
    Case(
        alert="KafkaTlsCertificateEnds",
        measured=presented(3600),
        at="2h",
        summary="The TLS certificate (broker kafka-0:9092) has ended and was not renewed.",
        labels={"what": "broker", "server": "kafka-0:9092"},
    ),
    Case(alert="KafkaTlsCertificateEnds", measured=presented(5 * DAY), at="2h"),
    Case(alert="CertificateExpires", measured=certificate(5 * DAY, namespace="other"), at="2h"),
    Case(
        alert="KedaScalerFails",
        measured=scaler("0+2x60"),
        at="20m",
        summary="KEDA cannot measure what fraud-check in shop is scaled by.",
        labels={"scaledObject": "fraud-check"},
    ),
    # A broker was restarted; somebody else's scaler.
    Case(alert="KedaScalerFails", measured=scaler("0x4 2x60"), at="20m"),
    Case(alert="KedaScalerFails", measured=scaler("0+2x60", namespace="other"), at="20m"),
    Case(
        alert="HttpGatewayFails",
        measured=requests("0+540x30", "0+60x30"),
        at="15m",
        summary="10% of the requests to the gateway fail by its own fault.",
    ),
    Case(alert="HttpGatewayFails", measured=requests("0+540x30", "0+6x30"), at="15m"),
    # One of three at night.
    Case(alert="HttpGatewayFails", measured=requests("0x5 2x20", "0x5 1x20"), at="8m"),
    Case(alert="HttpGatewayGone", measured={UP: "1x5 0x20"}, at="12m", summary=GONE),
    Case(alert="HttpGatewayGone", measured={}, at="6m", summary=GONE),
    Case(alert="HttpGatewayGone", measured={UP: "1x30"}, at="12m"),
    Case(
        alert="SchemaRegistryFails",
        measured=schemas("2xx", "0+540x30") | schemas("5xx", "0+60x30"),
        at="15m",
        summary="10% of the requests to the schema registry fail by its own fault.",
    ),
    Case(alert="SchemaRegistryFails", measured=schemas("2xx", "0+540x30") | schemas("5xx", "0x30"), at="15m"),
    Case(
        alert="SchemaRegistryGone",
        measured={REGISTRY_UP: "1x5 0x20"},
        at="12m",
        summary="No pod of the schema registry shows metrics.",
    ),
    Case(alert="SchemaRegistryGone", measured={REGISTRY_UP: "1x30"}, at="12m"),
    Case(
        alert="SchemaRegistryLoginsFail",
        measured=schemas("401", "0+20x30"),
        at="20m",
        summary="300 requests to the schema registry in 15 minutes had no login, or a wrong one.",
    ),
    Case(alert="SchemaRegistryLoginsFail", measured=schemas("401", "0+1x30"), at="20m"),
    Case(
        alert="KafkaConnectGone",
        measured={CONNECT_UP: "1x5 0x20"},
        at="12m",
        summary="No worker of Kafka Connect shows metrics.",
    ),
    Case(alert="KafkaConnectGone", measured={CONNECT_UP: "1x30"}, at="12m"),
    Case(
        alert="ConnectorTaskFailed",
        measured=tasks("2x20", "2x5 1x20", "0x20", "0x5 1x20"),
        at="9m",
        summary="1 tasks of connector shop have failed.",
        labels=SHOPS,
    ),
    Case(alert="ConnectorTaskFailed", measured=tasks("2x20", "2x20", "0x20", "0x5 1 0x20"), at="9m"),
    Case(
        alert="ConnectorNotRunning",
        measured=tasks("3x30", "3x5 1x30", "0x5 1x30", "0x30"),
        at="18m",
        summary="1 tasks of connector shop are run by no worker.",
        labels=SHOPS,
    ),
    # Paused by somebody, or failed, which is another alert.
    Case(alert="ConnectorNotRunning", measured=tasks("2x30", "0x30", "1x30", "1x30"), at="18m"),
    Case(
        alert="ConnectorFailsAgain",
        measured={RESTARTS: "0x5 1 2 3 4 5 6x60"},
        at="30m",
        summary="Connector shop failed and was restarted 6 times in an hour.",
        labels=SHOPS,
    ),
    # Its database was away for three minutes.
    Case(alert="ConnectorFailsAgain", measured={RESTARTS: "0x5 2 3x60"}, at="30m"),
    Case(
        alert="ConnectorIdle",
        measured={WITHOUT_TASKS: "0x5 1x30"},
        at="18m",
        summary="Connector shop is running without a task.",
        labels=SHOPS,
    ),
    Case(alert="ConnectorIdle", measured={WITHOUT_TASKS: "1x8 0x30"}, at="18m"),
    Case(
        alert="ConnectorRestarterGone",
        measured={RESTARTS_SEEN: "0+60x5 300x30"},
        at="20m",
        summary="Nothing restarts connectors that fail.",
    ),
    Case(alert="ConnectorRestarterGone", measured={RESTARTS_SEEN: "0+60x30"}, at="20m"),
    Case(
        alert="ConnectorSlotUnlimited",
        measured=slot(limit="-1x60", kept="5x60"),
        at="20m",
        summary="The database of connector shop keeps its log for it without a limit.",
        labels=SHOPS,
    ),
    Case(alert="ConnectorSlotUnlimited", measured=slot(limit="1000x60", kept="5x60"), at="20m"),
    Case(
        alert="ConnectorSlotGrows",
        measured=slot(limit="2147483648x60", kept="0x5 1610612736x60"),
        at="20m",
        summary="The database of connector shop keeps 1.5GiB of its log for it.",
        labels=SHOPS,
    ),
    Case(
        alert="ConnectorSlotGrows",
        measured=slot(limit="-1x60", kept="0x5 12884901888x60"),
        at="20m",
        summary="The database of connector shop keeps 12GiB of its log for it.",
        labels=SHOPS,
    ),
    Case(alert="ConnectorSlotGrows", measured=slot(limit="-1x60", kept="1073741824x60"), at="20m"),
    Case(
        alert="ConnectorSlotLost",
        measured={SLOT.format("lost"): "0x5 1x60"},
        at="7m",
        summary="The database of connector shop has removed changes that it has not read.",
        labels=SHOPS,
    ),
    Case(alert="ConnectorSlotLost", measured={SLOT.format("lost"): "0x60"}, at="20m"),
    Case(
        alert="ConnectorSlotUnwatched",
        measured={SLOT.format("last_success_timestamp_seconds"): "0+60x5 300x60"},
        at="30m",
        summary="Nobody knows how much of its log the database of connector shop keeps.",
        labels=SHOPS,
    ),
    Case(alert="ConnectorSlotUnwatched", measured={SLOT.format("last_success_timestamp_seconds"): "0+60x60"}, at="30m"),
    Case(
        alert="ConnectorSourceLate",
        measured=connector("debezium_millisecondsbehindsource", "0x5 600000x30"),
        at="18m",
        summary="Connector shop reads changes 10m 0s after they were made.",
        labels=SHOPS,
    ),
    Case(alert="ConnectorSourceLate", measured=connector("debezium_millisecondsbehindsource", "900x30"), at="18m"),
    Case(
        alert="ConnectorDeadLetters",
        measured=connector("kafka_connect_errors_deadletterqueue_produce_requests_total", "0+2x30"),
        at="20m",
        summary="30 records of connector shop became dead letters in 15 minutes.",
        labels=SHOPS,
    ),
    Case(
        alert="ConnectorDeadLetters",
        measured=connector("kafka_connect_errors_deadletterqueue_produce_requests_total", "7x30"),
        at="20m",
    ),
    Case(
        alert="MirrorSourceGone",
        measured=mirror("fetches_total", "0+60x10 600x20"),
        at="20m",
        summary="The mirror gets no answer of the Kafka that it mirrors.",
        labels={"job": "streaming/mirror"},
    ),
    Case(alert="MirrorSourceGone", measured=mirror("fetches_total", "0+60x30"), at="20m"),
    Case(
        alert="MirrorIdle",
        measured=mirror("fetches_total", "0+60x5 _x30"),
        at="20m",
        summary="No task of the mirror reads the Kafka that it mirrors.",
        labels={"connect": "mirror"},
    ),
    # A mirror that is away is one that reads, and a rebalance takes no five minutes.
    Case(alert="MirrorIdle", measured=mirror("fetches_total", "0+60x10 600x20"), at="20m"),
    Case(alert="MirrorIdle", measured=mirror("fetches_total", "0+60x5 _x3 0+60x20"), at="20m"),
    Case(
        alert="MirrorBehind",
        measured=mirror("lag_records", "0x5 20000x30"),
        at="18m",
        summary="20000 records of topic orders are not mirrored yet.",
        labels={"topic": "orders"},
    ),
    Case(alert="MirrorBehind", measured=mirror("lag_records", "20000x5 100x30"), at="18m"),
    Case(
        alert="MirrorLate",
        measured=mirror("latency_seconds_max", "0.2x5 120x30"),
        at="18m",
        summary="Records of topic orders are mirrored 2m 0s after they were written.",
        labels={"topic": "orders"},
    ),
    Case(alert="MirrorLate", measured=mirror("latency_seconds_max", "0.2x5 0.5x30"), at="18m"),
    Case(
        alert="LogCollectorGone",
        measured=logs("up", "1x5 0x30"),
        at="18m",
        summary="Log collector log-collector-x7k2p does not answer.",
        labels={"pod": "log-collector-x7k2p"},
    ),
    Case(alert="LogCollectorGone", measured=logs("up", "0x5 1x30"), at="18m"),
    Case(
        alert="LogCollectorGone",
        measured=logs("up", "1x2"),
        at="28m",
        summary="Log collector  does not answer.",
        labels={"collector": "log-collector"},
    ),
    Case(
        alert="LogsWait",
        measured=logs("otelcol_exporter_queue_size", "0x5 80x30", ',exporter="kafka/shop"')
        | logs("otelcol_exporter_queue_capacity", "100x40", ',exporter="kafka/shop"'),
        at="18m",
        summary="Lines wait for Kafka: kafka/shop of log-collector-x7k2p has 80% of its queue taken.",
        labels={"pod": "log-collector-x7k2p", "exporter": "kafka/shop"},
    ),
    Case(
        alert="LogsWait",
        measured=logs("otelcol_exporter_queue_size", "80x5 1x30", ',exporter="kafka/shop"')
        | logs("otelcol_exporter_queue_capacity", "100x40", ',exporter="kafka/shop"'),
        at="18m",
    ),
    Case(
        alert="LogsLost",
        measured=logs("otelcol_exporter_send_failed_log_records", "_x5 100x30", ',exporter="kafka/shop"'),
        at="10m",
        summary="100 lines that log-collector-x7k2p had read are lost.",
        labels={"pod": "log-collector-x7k2p"},
    ),
    Case(
        alert="LogsLost",
        measured=logs("otelcol_exporter_send_failed_log_records", "_x5 100x40", ',exporter="kafka/shop"')
        | logs("otelcol_receiver_refused_log_records", "0x50", ',receiver="file_log/shop"'),
        at="30m",
    ),
    Case(
        alert="KafkaRecordsLost",
        measured=probe("kafka_probe_lost_total", "0x5 2x20"),
        at="8m",
        summary="Records that Kafka had acknowledged were not read (native to http).",
        labels=PATH,
    ),
    Case(alert="KafkaRecordsLost", measured=probe("kafka_probe_lost_total", "2x30"), at="20m"),
    Case(
        alert="KafkaRecordsOutOfOrderOrDuplicated",
        measured=probe("kafka_probe_out_of_order_total", "0x30") | probe("kafka_probe_duplicated_total", "0x5 1x20"),
        at="8m",
        summary="Records came twice or in another order than they were written (native to http).",
        labels=PATH,
    ),
    Case(
        alert="KafkaRecordsOutOfOrderOrDuplicated",
        measured=probe("kafka_probe_out_of_order_total", "0x30") | probe("kafka_probe_duplicated_total", "0x30"),
        at="8m",
    ),
    Case(
        alert="KafkaPathBroken",
        measured=probe("kafka_probe_oldest_unread_seconds", "0x3 60+60x20"),
        at="6m",
        summary="Nothing comes through from native to http since 3m 0s.",
        labels=PATH,
    ),
    Case(alert="KafkaPathBroken", measured=probe("kafka_probe_oldest_unread_seconds", "0x3 90 0x20"), at="6m"),
    Case(
        alert="KafkaWritesFail",
        measured=probe("kafka_probe_write_errors_total", "0+60x30", read=""),
        at="10m",
        summary="Probes cannot be written (native): 1.0 a second.",
        labels={"write": "native"},
    ),
    Case(alert="KafkaWritesFail", measured=probe("kafka_probe_write_errors_total", "0x5 3x30", read=""), at="10m"),
    Case(
        alert="KafkaPathSlow",
        measured=probe("kafka_probe_latency_seconds_bucket", "0+0x30", le="1")
        | probe("kafka_probe_latency_seconds_bucket", "0+60x30", le="2")
        | probe("kafka_probe_latency_seconds_bucket", "0+60x30", le="+Inf"),
        at="15m",
        summary="One record in a hundred takes 1.99s from native to http.",
        labels=PATH,
    ),
    Case(
        alert="KafkaPathSlow",
        measured=probe("kafka_probe_latency_seconds_bucket", "0+60x30", le="0.01")
        | probe("kafka_probe_latency_seconds_bucket", "0+60x30", le="+Inf"),
        at="15m",
    ),
    Case(
        alert="KafkaConsumerLate",
        measured=exporter("kafka_consumergroup_lag_seconds", "0+60x120", **SHOP),
        at="60m",
        summary="The next record of orders for the group shop is 1h 0m 0s old, and it gets later.",
        labels=SHOP,
    ),
    # It is late and catches up; it is a few minutes late for ever.
    Case(
        alert="KafkaConsumerLate",
        measured=exporter("kafka_consumergroup_lag_seconds", "9000-60x120", **SHOP),
        at="60m",
    ),
    Case(
        alert="KafkaConsumerLate",
        measured=exporter("kafka_consumergroup_lag_seconds", "300x120", **SHOP),
        at="60m",
    ),
    Case(
        alert="KafkaExporterGone",
        measured={},
        at="6m",
        summary="Nothing is known of the lag of groups and the sizes of topics.",
        labels={"exporter": "kafka-exporter"},
    ),
    # The pod is there and cannot look.
    Case(
        alert="KafkaExporterGone",
        measured=exporter("kafka_exporter_last_success_timestamp_seconds", "0x30"),
        at="15m",
        summary="Nothing is known of the lag of groups and the sizes of topics.",
    ),
    Case(
        alert="KafkaExporterGone",
        measured=exporter("kafka_exporter_last_success_timestamp_seconds", "0+60x30"),
        at="15m",
    ),
    Case(
        alert="KafkaExporterLeavesOut",
        measured=exporter("kafka_exporter_left_out", "12x60", kind="groups"),
        at="40m",
        summary="12 groups are beyond the exporter's bounds and are not shown.",
        labels={"kind": "groups"},
    ),
    Case(
        alert="KafkaExporterLeavesOut",
        measured=exporter("kafka_exporter_left_out", "0x60", kind="groups"),
        at="40m",
    ),
    Case(
        alert="KafkaSurgeFails",
        measured=exporter("kafka_surge_failures_total", "0+12x60", what="offsets"),
        at="30m",
        summary="The exporter cannot add pods to workers when records arrive faster than those can handle.",
    ),
    Case(
        alert="KafkaSurgeFails",
        measured=exporter("kafka_surge_failures_total", "0+1x60", what="scale"),
        at="30m",
    ),
    Case(
        alert="QueryEngineGone",
        measured=engine("up", "0x30"),
        at="6m",
        summary="The query engine does not answer.",
    ),
    Case(alert="QueryEngineGone", measured=engine("up", "1x30"), at="6m"),
    Case(
        alert="QueriesWait",
        measured=engine("queries_queued", "3x40"),
        at="16m",
        summary="3 queries wait for others to end.",
    ),
    Case(alert="QueriesWait", measured=engine("queries_queued", "3x10 0x30"), at="16m"),
    Case(
        alert="QueriesFail",
        measured=engine("failures_total", "0+1x40", kind="external"),
        at="30m",
        summary="15 queries have failed in 15 minutes, not by a mistake in their SQL.",
    ),
    Case(alert="QueriesFail", measured=engine("failures_total", "0+9x40", kind="user"), at="30m"),
    Case(
        alert="StreamJobNotRunning",
        measured=stream("runningState", "0x30"),
        at="6m",
        summary="The stream job does not run.",
    ),
    Case(alert="StreamJobNotRunning", measured=stream("runningState", "1x30"), at="6m"),
    Case(
        alert="StreamJobCheckpointOld",
        measured=stream("numberOfCompletedCheckpoints", "7x40"),
        at="30m",
        summary="The stream job has completed no checkpoint in 15 minutes.",
    ),
    Case(alert="StreamJobCheckpointOld", measured=stream("numberOfCompletedCheckpoints", "0+6x40"), at="30m"),
    Case(
        alert="StreamJobRestarts",
        measured=stream("numRestarts", "0+1x40"),
        at="30m",
        summary="The stream job has restarted 15 times in 15 minutes.",
    ),
    Case(alert="StreamJobRestarts", measured=stream("numRestarts", "0x20 1x20"), at="30m"),
    Case(
        alert="StreamJobDropsRecords",
        measured=late_records("0x20 15x20"),
        at="25m",
        summary="15 records came too late for their windows in 15 minutes.",
    ),
    Case(alert="StreamJobDropsRecords", measured=late_records("15x40"), at="30m"),
    Case(
        alert="ObjectStoreGone",
        measured=store("up", "0x30"),
        at="6m",
        summary="The object store does not answer.",
    ),
    Case(alert="ObjectStoreGone", measured=store("up", "1x30"), at="6m"),
    Case(
        alert="ObjectStoreAlmostFull",
        measured=store("volume_bytes", "1000x30")
        | store("volume_available_bytes", "140x30")
        | store("volume_files", "1000x30")
        | store("volume_available_files", "900x30"),
        at="6m",
        summary="The volume of the object store has 14% free.",
        labels={"store": "object-store"},
    ),
    Case(
        alert="ObjectStoreAlmostFull",
        measured=store("volume_bytes", "1000x30")
        | store("volume_available_bytes", "900x30")
        | store("volume_files", "1000x30")
        | store("volume_available_files", "30x30"),
        at="6m",
        summary="The volume of the object store has 3% free.",
        labels={"store": "object-store"},
    ),
    Case(
        alert="ObjectStoreAlmostFull",
        measured=store("volume_bytes", "1000x30") | store("volume_available_bytes", "900x30"),
        at="6m",
    ),
    Case(
        alert="JobFails",
        measured=runs("0x5 1x55", None),
        at="20m",
        summary="The last ended run of the job nightly in shop has failed.",
        labels={"cronjob": "nightly"},
    ),
    Case(
        alert="JobFails",
        measured=runs("0x5 1x55", "200x60"),
        at="20m",
        summary="The last ended run of the job nightly in shop has failed.",
        labels={"cronjob": "nightly"},
    ),
    # Another run has succeeded since; a run that is going has not failed; another job's.
    Case(alert="JobFails", measured=runs("0x5 1x55", "200x15 1200x45"), at="30m"),
    Case(alert="JobFails", measured=runs("0x60", "200x60"), at="30m"),
    Case(alert="JobFails", measured=runs("0x5 1x55", None, owner="weekly"), at="20m"),
    # An hour that the run before may take, and ten minutes that this one may be late.
    Case(
        alert="JobDoesNotRun",
        measured=due(3600),
        at="132m",
        summary="The job nightly in shop should have begun 1h 12m 0s ago.",
        labels={"cronjob": "nightly"},
    ),
    Case(alert="JobDoesNotRun", measured=due(3600), at="129m"),
    Case(alert="KafkaProbeGone", measured={}, at="6m", summary="Nothing is heard of the probe."),
    Case(alert="KafkaProbeGone", measured=probe("kafka_probe_written_total", "0+1x30", read=""), at="6m"),
]


def as_test(case: Case) -> dict[str, Any]:
    """The case as promtool reads it."""
    expected: list[dict[str, Any]] = []
    if case.summary is not None:
        rule = RULES[case.alert]
        labels = {"kafka_cluster": "kafka", "namespace": "streaming", "severity": rule.severity.value, **case.labels}
        annotations = {
            "description": rule.description,
            "runbook_url": rule.runbook_in(RUNBOOKS),
            "summary": case.summary,
        }
        expected.append({"exp_annotations": annotations, "exp_labels": labels})
    return {
        "alert_rule_test": [{"alertname": case.alert, "eval_time": case.at, "exp_alerts": expected}],
        "input_series": [{"series": series, "values": values} for series, values in case.measured.items()],
        "interval": "1m",
    }


@pytest.fixture(scope="module")
def tool() -> str:
    try:
        return promtool()
    except RuntimeError as error:
        pytest.skip(str(error))


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": rule_groups(EVERYTHING, SOURCES, runbooks=RUNBOOKS)}))
    return file


def judged(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_prometheus_takes_every_rule(tool: str, rules: Path) -> None:
    assert judged(tool, "check", "rules", "--lint=all", "--lint-fatal", rules) == ""


def test_each_says_what_it_should(tool: str, tmp_path: Path) -> None:
    """In one run of promtool. Each alert is beside recorded series alone: promtool evaluates all that it reads, for each case."""
    groups = rule_groups(EVERYTHING, SOURCES, runbooks=RUNBOOKS)
    files: list[Path] = []
    for name in RULES:
        own = [
            {**group, "rules": [rule for rule in group["rules"] if rule.get("alert", name) == name]} for group in groups
        ]
        rules, tests = tmp_path / f"{name}.rules", tmp_path / f"{name}.yml"
        rules.write_text(json.dumps({"groups": [each for each in own if each["rules"]]}))
        cases = [{**as_test(case), "name": name} for case in CASES if case.alert == name]
        tests.write_text(json.dumps({"evaluation_interval": "1m", "rule_files": [rules.name], "tests": cases}))
        files.append(tests)
    if said := judged(tool, "test", "rules", *files):
        raise AssertionError(said)


def test_every_alert_is_seen_both_ways() -> None:
    for told in (True, False):
        assert {case.alert for case in CASES if (case.summary is not None) is told} == set(RULES)


def test_nothing_is_said_of_what_is_not_there() -> None:
    assert rule_groups(Watched(cluster="kafka", namespace="streaming"), runbooks=RUNBOOKS) == []
    only = {alert.name for alert in alerts(Watched(cluster="kafka", namespace="streaming", claims="data-kafka-[0-9]+"))}
    assert only == {"KafkaVolumeFillsUp", "KafkaVolumeAlmostFull", "KafkaVolumeFullSoon"}


def shown(registry: CollectorRegistry) -> set[str]:
    """Names of the metrics, as they are told."""
    lines = generate_latest(registry).decode().splitlines()
    return {line.partition("{")[0].partition(" ")[0] for line in lines if not line.startswith("#")}


def test_the_gateway_and_the_probe_show_what_is_asked_for() -> None:
    answering = GatewayMetrics()
    answering.answered("write", 200, 0.1)
    ways = [Way.NATIVE]
    tally = Tally(
        run="mine", writers=ways, readers=ways, partitions=1, lost_after=30, remembered=600, observe=lambda *_: None
    )
    probing = ProbeMetrics({})
    probing.of(tally)
    known = shown(answering.registry) | shown(probing.registry) | {END_METRIC}
    asked = {
        name for alert in SOURCES for name in re.findall(r"\b(?:gateway|kafka_probe)_[a-z_]+(?=\{)", alert.expression)
    }
    assert "gateway_requests_total" in asked
    assert asked <= known


def limits(watched: Watched) -> dict[str, str]:
    """What the alerts about certificates compare with, in seconds."""
    return {
        each.name: " ".join(re.findall(r"[<>]=? (\d+)", each.expression))
        for each in alerts(watched)
        if "Certificate" in each.name
    }


def test_a_short_renewal_is_waited_for_too() -> None:
    watched = Watched(cluster="kafka", namespace="streaming", renewal_days=4, exporter=True)
    assert limits(watched) == {
        "KafkaCertificateExpires": f"{2 * DAY} {DAY}",
        "KafkaCertificateEnds": f"{DAY}",
        "KafkaTlsCertificateExpires": f"{2 * DAY} {DAY}",
        "KafkaTlsCertificateEnds": f"{DAY}",
    }
    hourly = Watched(cluster="kafka", namespace="streaming", renewal_days=1)
    assert limits(hourly)["KafkaCertificateEnds"] == f"{DAY // 4}"


def test_an_authority_of_your_own_is_told_of_when_it_is_time() -> None:
    watched = Watched(cluster="kafka", namespace="streaming", renewal_days=30, authorities_given=True)
    assert limits(watched)["KafkaCertificateExpires"] == f"{30 * DAY} {DAY}"


def test_the_authority_of_brokers_without_an_operator_is_watched_by_the_exporter() -> None:
    of = {each.name: each.expression for each in alerts(Watched(cluster="kafka", namespace="streaming", exporter=True))}
    assert "what!=" not in of["KafkaTlsCertificateEnds"]
    assert "KafkaCertificateEnds" not in of
