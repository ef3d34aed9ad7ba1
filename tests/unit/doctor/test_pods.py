"""Findings about pods that are really broken: what the API server said of each is recorded."""

import copy
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from infra.doctor import cluster, pods
from infra.doctor.findings import Finding, Severity
from infra.live.pods import NEVER_PULLED, PULLING
from tests.unit.live import recordings

FOLDER = Path(__file__).parent / "recorded"
NOW = datetime.fromisoformat("2026-11-29T23:25:10Z")


def broken(name: str = "pods") -> list[dict[str, Any]]:
    return copy.deepcopy(json.loads((FOLDER / f"{name}.json").read_text())["items"])


def pod(name: str) -> list[dict[str, Any]]:
    return [each for each in broken() if each["metadata"]["name"] == name]


def only(found: Any) -> Finding:
    [finding] = found
    assert isinstance(finding, Finding)
    assert finding.fix
    return finding


def test_a_platform_that_is_well_has_no_findings() -> None:
    well = recordings.objects("pods")
    now = datetime.fromisoformat("2026-11-29T23:12:00Z")
    assert not list(pods.crash_loops(well, now))
    assert not list(pods.out_of_memory(well, now))
    assert not list(pods.image_pulls(well))
    assert not list(pods.missing_configuration(well))
    assert not list(pods.stuck_starts(well, now))
    assert not list(pods.unschedulable(well))
    assert not list(pods.not_ready(well, now, {}))
    assert not list(pods.recent_restarts(well, now))
    assert not list(cluster.pending_claims(recordings.objects("claims"), now))
    assert not list(cluster.resizing_claims(recordings.objects("claims")))
    assert not list(cluster.provisioner(recordings.objects("jobs"), well))


def test_a_container_that_ends_again_and_again() -> None:
    finding = only(pods.crash_loops(broken(), NOW))
    assert (finding.check, finding.severity, finding.subject) == ("pod-crash-loop", Severity.FAULT, "Pod/brk/crashes")
    assert "exit code 3" in finding.message
    assert finding.fix == "see why: kubectl -n brk logs crashes -c main --previous"


def test_what_a_container_has_logged_is_never_shown() -> None:
    """The kubelet copies the end of its log to its status; here it has a password in it."""
    everything = broken()
    assert "hunter2" in json.dumps(everything)
    found = [
        *pods.crash_loops(everything, NOW),
        *pods.recent_restarts(everything, NOW),
        *pods.not_ready(everything, NOW, {"crashes": "password: hunter2"}),
        *cluster.provisioner(broken("jobs"), everything),
    ]
    assert found
    assert "hunter2" not in repr(found)


def test_a_container_that_was_killed_for_its_memory() -> None:
    finding = only(pods.out_of_memory(broken(), NOW))
    assert (finding.severity, finding.subject) == (Severity.FAULT, "Pod/brk/hungry")
    assert not list(pods.out_of_memory(broken(), NOW + timedelta(hours=2)))


def test_every_reason_why_an_image_is_not_there_is_found() -> None:
    """The same that end a deployment (`infra.rollouts.problems`)."""
    for reason in NEVER_PULLED | PULLING:
        status = {"name": "main", "image": "it:1", "state": {"waiting": {"reason": reason}}}
        pod = {"metadata": {"namespace": "brk", "name": "it"}, "status": {"containerStatuses": [status]}}
        assert only(pods.image_pulls([pod])).check == "pod-image"


def test_an_image_that_cannot_be_had() -> None:
    finding = only(pods.image_pulls(broken()))
    assert (finding.severity, finding.subject) == (Severity.FAULT, "Pod/brk/wrong-image")
    assert "registry.invalid/none:1" in finding.message


def test_a_secret_that_is_gone() -> None:
    finding = only(pods.missing_configuration(broken()))
    assert finding.subject == "Pod/brk/no-secret"
    assert finding.message == 'container main cannot be started: secret "gone" not found'


def test_a_pod_that_waits_for_its_volumes() -> None:
    assert not list(pods.stuck_starts(broken(), NOW))
    finding = only(pods.stuck_starts(broken(), NOW + pods.STARTING))
    assert finding.subject == "Pod/brk/no-volume"


def test_a_pod_that_no_machine_takes() -> None:
    finding = only(pods.unschedulable(broken()))
    assert finding.subject == "Pod/brk/too-large"
    assert "Insufficient cpu" in finding.message


def test_a_pod_that_is_not_ready_says_why_itself() -> None:
    [gateway] = [each for each in recordings.objects("pods") if each["metadata"]["name"] == "gateway-0"]
    for each in gateway["status"]["conditions"]:
        if each["type"] == "Ready":
            each |= {"status": "False", "lastTransitionTime": "2026-11-29T23:24:00Z"}
    finding = only(pods.not_ready([gateway], NOW, {"gateway-0": "no broker answers"}))
    assert (finding.severity, finding.check) == (Severity.FAULT, "pod-not-ready")
    assert finding.message == "runs and is not ready for 1 min 10 s: no broker answers"
    assert only(pods.not_ready([gateway], NOW, {})).severity is Severity.WARNING


def test_a_workload_whose_pods_a_quota_refuses() -> None:
    finding = only(pods.missing_pods(broken("deployments")))
    assert finding.subject == "Deployment/brk/refused2"
    assert "exceeded quota" in finding.message


def test_the_last_run_of_the_provisioner_failed() -> None:
    finding = only(cluster.provisioner(broken("jobs"), broken()))
    assert finding.subject == "Job/brk/refused"
    assert "topic orders: 24 -> 12 partitions: Kafka cannot shrink a topic" in finding.message
    later = broken("jobs")[0]
    later["metadata"] |= {"name": "later", "creationTimestamp": "2026-11-29T23:59:00Z"}
    later["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    assert not list(cluster.provisioner([*broken("jobs"), later], broken()))


def test_a_claim_without_a_volume() -> None:
    assert not list(cluster.pending_claims(broken("claims"), NOW - timedelta(minutes=1)))
    finding = only(cluster.pending_claims(broken("claims"), NOW + cluster.PENDING))
    assert finding.message == "has no volume of StorageClass nowhere"


def test_quotas_that_are_used_up() -> None:
    found = {(each.subject, each.message.partition(":")[0]) for each in cluster.used_up_quotas(broken("quotas"))}
    assert ("ResourceQuota/brk/pods", "pods") in found
    assert ("ResourceQuota/brk/full", "configmaps") in found
    # A quota of none is a ban on purpose.
    assert ("ResourceQuota/brk/full", "services") not in found
    assert ("ResourceQuota/brk/full", "secrets") not in found
