"""Findings about Kafka, certificates, volumes, scalers, versions and drift; and what becomes of all findings."""

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra import x509
from infra.capabilities.capability import JOBS
from infra.doctor import cluster, kafka
from infra.doctor.command import as_json, as_text
from infra.doctor.diagnosis import DRILL_ANNOTATION, Diagnosis
from infra.doctor.findings import Finding, Note, Severity, fault, warning
from infra.live.scaling import scalers
from infra.top.model import Brokers, Group, Groups
from infra.versions.table import LEAST_OPERATORS
from tests.unit.live.recordings import shown

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def checks(found: Any) -> list[tuple[str, Severity]]:
    return [(each.check, each.severity) for each in found]


@pytest.mark.parametrize(
    ("brokers", "expected"),
    [
        (Brokers(wanted=3, ready=3, active_controllers=1, offline_partitions=0), []),
        (Brokers(wanted=3, ready=3, offline_partitions=2), [("kafka-offline-partitions", Severity.FAULT)]),
        (Brokers(wanted=3, ready=3, under_min_isr_partitions=2, under_replicated_partitions=9), [("kafka-under-min-isr", Severity.FAULT)]),
        (Brokers(wanted=3, ready=3, under_replicated_partitions=9), [("kafka-under-replicated", Severity.WARNING)]),
        (Brokers(wanted=3, ready=3, active_controllers=0), [("kafka-controller", Severity.FAULT)]),
        (Brokers(wanted=3, ready=3, active_controllers=0, why="a node cannot be asked"), []),
        (Brokers(wanted=3, ready=2), [("kafka-brokers", Severity.WARNING)]),
        (Brokers(wanted=1, ready=0), [("kafka-brokers", Severity.FAULT)]),
        (Brokers(why="somebody else's"), []),
    ],
)  # fmt: skip
def test_the_state_of_the_brokers(brokers: Brokers, expected: Any) -> None:
    assert checks(each for check in kafka.ALL_OF_BROKERS for each in check("streaming", brokers)) == expected


def test_jobs_whose_last_run_failed() -> None:
    def ran(began: str | None, succeeded: str | None, **status: Any) -> dict[str, Any]:
        times = {"lastScheduleTime": began, "lastSuccessfulTime": succeeded}
        named = {"name": "nightly", "namespace": "shop"}
        return {"metadata": named, "status": {key: each for key, each in times.items() if each} | status}

    one, two = "2026-02-28T03:00:00Z", "2026-02-28T03:04:10Z"
    well = [ran(None, None), ran(one, two), ran(two, one, active=[{"name": "nightly-2"}]), {"metadata": {}, "spec": {}}]
    assert not list(cluster.failing_jobs(well))
    [never, again] = cluster.failing_jobs([ran(one, None), ran(two, one)])
    assert (never.check, never.subject, never.severity) == ("job-failed", "CronJob/shop/nightly", Severity.WARNING)
    assert never.message == f"the run of {one} failed; none has succeeded yet"
    assert again.message == f"the run of {two} failed; the last success was at {one}"
    assert again.fix == "kubectl -n shop logs -l app.kubernetes.io/instance=nightly --tail=50"


def test_a_group_that_is_late() -> None:
    late = Group(group="a\x1b[2J", topic="orders", lag=5, lag_seconds=400, growing_per_second=-1)
    [finding] = kafka.late_groups(
        "streaming", Groups(items=[late, Group(group="b", topic="orders", lag=9e9, lag_seconds=3)])
    )
    assert finding.subject.isprintable()
    assert finding.message == "is 6 min 40 s late in topic orders (5 records), and catches up"


def test_users_that_are_held_back_and_probes_that_are_lost() -> None:
    text = (
        'kafka_server_produce_throttle_time{user="api",client_id="a"} 120\nkafka_server_produce_throttle_time{user="b"} 0\n'
        'kafka_probe_lost_total{write="native",read="http"} 2\nkafka_probe_oldest_unread_seconds{write="http",read="http"} 90\n'
    )
    look = {"pod": shown(text, 0.0)}
    assert [each.subject for each in kafka.throttled_users("streaming", look)] == ["User/api"]
    assert checks(kafka.lost_probes("streaming", look)) == [("records-lost", Severity.FAULT)]
    assert checks(kafka.broken_paths("streaming", look)) == [("path-broken", Severity.FAULT)]


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (timedelta(days=30), []),
        (timedelta(days=10), [("certificate-ends", Severity.WARNING)]),
        (timedelta(days=1), [("certificate-ends", Severity.FAULT)]),
        (timedelta(days=-1), [("certificate-ended", Severity.FAULT)]),
    ],
)
def test_the_end_of_certificates(left: timedelta, expected: Any) -> None:
    assert checks(cluster.certificates({"Secret/streaming/tls": NOW + left}, NOW)) == expected


@pytest.mark.parametrize("days", ["1", "20000"])
def test_the_end_is_read_from_a_real_certificate(days: str, tmp_path: Path) -> None:
    file = tmp_path / "tls.crt"
    options = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        str(tmp_path / "key"),
        "-subj",
        "/CN=a",
    ]
    subprocess.run(
        ["openssl", "req", "-x509", *options, "-days", days, "-out", str(file)], check=True, capture_output=True
    )
    [end] = x509.ends(file.read_text())
    assert abs(end - datetime.now(UTC) - timedelta(days=int(days))) < timedelta(minutes=5)
    assert len(x509.ends(file.read_text() * 2)) == 2


@pytest.mark.parametrize(
    "text", ["-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\n!"]
)
def test_what_is_no_certificate(text: str) -> None:
    with pytest.raises(ValueError, match=r"certificate|PEM|base64|padding"):
        x509.ends(text)


def test_volumes_that_are_nearly_full() -> None:
    volumes = {("s", "a"): (95.0, 100.0), ("s", "b"): (85.0, 100.0), ("s", "c"): (5.0, 100.0), ("s", "d"): (0.0, 0.0)}
    assert [each.severity for each in cluster.full_volumes(volumes)] == [Severity.FAULT, Severity.WARNING]


def scaled(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "s", "namespace": "shop"},
        "spec": {"scaleTargetRef": {"name": "w"}, "maxReplicaCount": 3},
        "status": status,
    }


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"conditions": [{"type": "Ready", "status": "True"}]}, []),
        ({"conditions": [{"type": "Ready", "status": "False", "message": "login refused"}]}, [Severity.FAULT]),
        ({"conditions": [{"type": "Ready", "status": "True"}, {"type": "Fallback", "status": "True"}]}, [Severity.FAULT]),
        ({"conditions": [{"type": "Paused", "status": "True"}]}, [Severity.WARNING]),
        ({"conditions": [{"type": "Ready", "status": "True"}], "health": {"s0-kafka": {"status": "Failing"}}}, [Severity.FAULT]),
        ({}, [Severity.FAULT]),
    ],
)  # fmt: skip
def test_scalers_that_cannot_read(status: Any, expected: Any) -> None:
    assert [each.severity for each in cluster.scalers(scalers([scaled(**status)], []))] == expected


def test_an_autoscaler_without_a_metric() -> None:
    autoscaler = {
        "metadata": {"name": "gateway", "namespace": "streaming"},
        "spec": {"scaleTargetRef": {"kind": "StatefulSet", "name": "gateway"}, "maxReplicas": 3},
        "status": {
            "conditions": [
                {
                    "type": "ScalingActive",
                    "status": "False",
                    "message": "no metrics",
                    "reason": "FailedGetResourceMetric",
                }
            ]
        },
    }
    [finding] = cluster.scalers(scalers([], [autoscaler]))
    assert finding.message == "StatefulSet gateway: cannot read its metric: no metrics"


def test_versions_that_are_too_old() -> None:
    assert not list(cluster.old_kubernetes((1, 34), [JOBS]))
    assert checks(cluster.old_kubernetes((1, 20), [JOBS])) == [("kubernetes-version", Severity.FAULT)]
    found = cluster.old_operators(
        {"keda": {"2.9.1", "2.20.2"}, "strimzi": {"1.2.0-kafka-4.3.1"}, "other": {"0"}}, LEAST_OPERATORS
    )
    assert [(each.subject, each.severity) for each in found] == [("Operator/keda", Severity.WARNING)]


def workload(image: str, replicas: int) -> dict[str, Any]:
    containers = [{"name": "gateway", "image": image}]
    return {"spec": {"replicas": replicas, "template": {"spec": {"containers": containers}}}}


def test_workloads_that_somebody_has_changed() -> None:
    wanted = {"Deployment/s/gateway": workload("a:1", 2), "Deployment/s/gone": workload("a:1", 2)}
    assert not list(cluster.changed_workloads(wanted, {"Deployment/s/gateway": workload("a:1", 2)}))
    [finding] = cluster.changed_workloads(wanted, {"Deployment/s/gateway": workload("a:2", 0)})
    assert finding.message == "differs from the stack file: container gateway has image a:2, not a:1; 0 pods, not 2"


def test_objects_of_another_stack() -> None:
    marked = {"metadata": {"annotations": {"kafka-platform/stack": "organization/kafka-platform/prod"}}}
    assert not list(cluster.foreign_objects({"Secret/s/a": marked}, "prod"))
    assert checks(cluster.foreign_objects({"Secret/s/a": marked}, "staging")) == [("object-foreign", Severity.FAULT)]


def test_a_machine_that_a_drill_has_left() -> None:
    node = {
        "metadata": {"name": "n1", "annotations": {DRILL_ANNOTATION: "staging since 2026"}},
        "spec": {"unschedulable": True},
    }
    [finding] = cluster.left_by_drills([node, {"metadata": {"name": "n2"}, "spec": {}}], DRILL_ANNOTATION)
    assert finding.fix == "kubectl uncordon n1"


def test_the_exit_code_is_that_of_the_worst() -> None:
    assert Diagnosis().severity == 0
    assert Diagnosis(findings=[warning("a", "b", "c", "d")]).severity == 1
    assert Diagnosis(findings=[warning("a", "b", "c", "d"), fault("a", "b", "c", "d")]).severity == 2


def test_what_is_printed_has_neither_secrets_nor_control_characters() -> None:
    finding = fault("a", "Pod/s/\x1b[2J", "it said \x1b[31m password=hunter2 and\nBearer abcdefgh12345", "do \x07 it")
    found = Diagnosis(findings=[finding], notes=[Note(what="x\x9b", why="token: hunter2")])
    text, data = as_text("dev", found, coloured=False), json.dumps(as_json("dev", found))
    for output in (text, data):
        assert "hunter2" not in output
        assert "abcdefgh12345" not in output
        assert all(line.isprintable() for line in output.split("\n"))
    assert set(as_json("dev", found)) == {"version", "stack", "severity", "findings", "unseen"}
    assert set(as_json("dev", found)["findings"][0]) == {"check", "severity", "subject", "message", "fix"}


def test_every_check_is_in_the_documentation() -> None:
    root = Path(kafka.__file__).parents[2]
    text = (root / "docs" / "operations.md").read_text()
    sources = "".join(file.read_text() for file in (root / "infra" / "doctor").glob("*.py"))
    names = set(re.findall(r"\b(?:fault|warning|make)\(\s*\"([a-z-]+)\"", sources))
    assert len(names) > 30
    assert not {each for each in names if f"`{each}`" not in text}


def test_a_finding_is_made_safe_when_it_is_made() -> None:
    assert Finding(check="a", severity=Severity.FAULT, subject="s", message="a\nb", fix="f").message == "a b"
