"""Volumes, certificates, quotas, scalers, versions and drift: one pure function for each finding."""

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from kafka_platform.kube.marks import MARK
from kafka_platform.values import units

from infra.capabilities.capability import LeastKubernetes
from infra.doctor.findings import Finding, fault, warning
from infra.kubernetes_version import check_version
from infra.live.cluster import Manifest
from infra.live.pods import condition
from infra.live.scaling import Scalers
from infra.live.text import lasting, size

PENDING = timedelta(minutes=2)
"""How long a claim may wait for its volume."""
ALMOST_FULL, FULL = 0.8, 0.9
"""Shares of a volume: at the second, KafkaVolumeAlmostFull fires."""
QUOTA_NEAR = 0.9
"""Share of a ResourceQuota that is used up."""
SOON, VERY_SOON = timedelta(days=14), timedelta(days=3)
"""How long before a certificate expires the doctor reports it: automatic renewal happens earlier."""


def pending_claims(claims: Sequence[Manifest], now: datetime) -> Iterator[Finding]:
    """Claims without a volume."""
    for each in claims:
        phase, meta = (each.get("status") or {}).get("phase"), each["metadata"]
        subject = f"PersistentVolumeClaim/{meta['namespace']}/{meta['name']}"
        if phase == "Lost":
            yield fault(
                "claim-lost",
                subject,
                "its volume is gone",
                "docs/operations.md, Recover, says when a broker may start empty",
            )
        elif phase == "Pending" and now - datetime.fromisoformat(meta["creationTimestamp"]) > PENDING:
            wanted = each["spec"].get("storageClassName") or "the default class, if there is one"
            text = f"has no volume of StorageClass {wanted}"
            yield fault("claim-pending", subject, text, f"kubectl -n {meta['namespace']} describe pvc {meta['name']}")


def resizing_claims(claims: Sequence[Manifest]) -> Iterator[Finding]:
    """Claims that asked for more and did not get it."""
    for each in claims:
        meta, status = each["metadata"], each.get("status") or {}
        wanted = ((each["spec"].get("resources") or {}).get("requests") or {}).get("storage")
        has = (status.get("capacity") or {}).get("storage")
        if status.get("phase") == "Bound" and wanted and has and _quantity(has) < _quantity(wanted):
            text = f"asks for {wanted} and has {has}"
            fix = "see whether its StorageClass allows volumes to grow: kubectl get storageclass"
            yield warning("claim-not-grown", f"PersistentVolumeClaim/{meta['namespace']}/{meta['name']}", text, fix)


def full_volumes(volumes: Mapping[tuple[str, str], tuple[float, float]]) -> Iterator[Finding]:
    """Volumes that are nearly full. `volumes` has used and all bytes, by namespace and name of the claim."""
    for (namespace, claim), (used, capacity) in sorted(volumes.items()):
        share = used / capacity if capacity else 0.0
        if share >= ALMOST_FULL:
            make = fault if share >= FULL else warning
            text = f"{share:.0%} of {size(capacity)} are used; a full volume stops its broker"
            fix = "raise kafka.storage, or shorten retention: docs/operations.md, A volume is full"
            yield make("volume-full", f"PersistentVolumeClaim/{namespace}/{claim}", text, fix)


def certificates(ends: Mapping[str, datetime], now: datetime) -> Iterator[Finding]:
    """Certificates that end soon or have ended. `ends` is by subject."""
    for subject, end in sorted(ends.items()):
        left = end - now
        if left > SOON:
            continue
        day = f"{end:%Y-%m-%d %H:%M} UTC"
        fix = "see why it is not renewed: kubectl describe certificate, the log of Strimzi's operator, or whoever made the Secret; "
        fix += "pulumi up delivers to users what the operator renewed"
        if left <= timedelta():
            yield fault("certificate-ended", subject, f"ended on {day}: callers are refused", fix)
        else:
            make = fault if left <= VERY_SOON else warning
            yield make("certificate-ends", subject, f"ends in {lasting(left.total_seconds())}, on {day}", fix)


def failed_certificates(objects: Sequence[Manifest]) -> Iterator[Finding]:
    """Certificates that cert-manager cannot make."""
    for each in objects:
        meta, ready = each["metadata"], condition(each, "Ready")
        if ready.get("status") == "False":
            text = f"is not ready: {ready.get('message') or ready.get('reason')}"
            fix = f"kubectl -n {meta['namespace']} describe certificate {meta['name']}"
            yield fault("certificate-not-ready", f"Certificate/{meta['namespace']}/{meta['name']}", text, fix)


def used_up_quotas(quotas: Sequence[Manifest]) -> Iterator[Finding]:
    """ResourceQuotas that leave little or nothing."""
    for each in quotas:
        meta, status = each["metadata"], each.get("status") or {}
        hard, used = status.get("hard") or {}, status.get("used") or {}
        for resource in sorted(hard):
            most, now = _quantity(hard[resource]), _quantity(used.get(resource, "0"))
            # A quota of none is a ban on purpose, and one of a few pods is full when all of them run.
            if not most or now < most * QUOTA_NEAR:
                continue
            subject = f"ResourceQuota/{meta['namespace']}/{meta['name']}"
            text = f"{resource}: {used.get(resource)} of {hard[resource]} are used"
            text += ": nothing more fits, not even the pods of a rolling update" if now >= most else ""
            yield warning("quota-full", subject, text, "raise the quota before the next deployment")


def _quantity(text: Any) -> float:
    """A quantity as a number; not one, if it is written in a way that the API server never writes it."""
    try:
        return float(units.quantity(str(text)))
    except ValueError:
        return math.nan


def scalers(found: Scalers) -> Iterator[Finding]:
    """Scalers that cannot read what they scale by, or are at their end."""
    for each in found.found:
        for problem in each.faults:
            make = fault if problem.severe else warning
            fix = (
                "let it run again, or raise scale.max"
                if not problem.severe
                else f"kubectl -n {each.namespace} describe {each.kind.lower()} {each.name}"
            )
            yield make("scaler", problem.subject, f"{each.target[0]} {each.target[1]}: {problem.what}", fix)


def provisioner(jobs: Sequence[Manifest], pods: Sequence[Manifest]) -> Iterator[Finding]:
    """The last run that applied topics and users, if it failed. `jobs` and `pods` are the provisioner's."""
    if not jobs:
        return
    last = max(jobs, key=lambda each: each["metadata"]["creationTimestamp"])
    meta, failed = last["metadata"], condition(last, "Failed")
    if failed.get("status") != "True":
        return
    own = [
        each
        for each in pods
        if any(owner.get("uid") == meta["uid"] for owner in each["metadata"].get("ownerReferences") or [])
    ]
    said = _last_words(own) or failed.get("message") or failed.get("reason")
    text = f"the last run that applies topics and users failed: {said}"
    yield fault(
        "provisioner",
        f"Job/{meta['namespace']}/{meta['name']}",
        text,
        "correct what it names, in the stack file, and run pulumi up",
    )


def _last_words(pods: Sequence[Manifest]) -> str | None:
    """What our own program left as it ended; it names no secret, and passes by the same filter as all messages."""
    ends = [
        (each.get("state") or {}).get("terminated") or {}
        for pod in pods
        for each in (pod.get("status") or {}).get("containerStatuses") or []
    ]
    words = [end for end in ends if end.get("message")]
    return str(max(words, key=lambda end: end.get("finishedAt") or "")["message"]) if words else None


def failing_jobs(cron_jobs: Sequence[Manifest]) -> Iterator[Finding]:
    """Jobs on a schedule whose last run has ended without success. `cron_jobs` are the stack's."""
    for each in cron_jobs:
        meta, status = each["metadata"], each.get("status") or {}
        began, succeeded = status.get("lastScheduleTime"), status.get("lastSuccessfulTime")
        if not began or status.get("active") or (succeeded and succeeded >= began):
            continue
        since = f"; the last success was at {succeeded}" if succeeded else "; none has succeeded yet"
        yield warning(
            "job-failed",
            f"CronJob/{meta['namespace']}/{meta['name']}",
            f"the run of {began} failed{since}",
            f"kubectl -n {meta['namespace']} logs -l app.kubernetes.io/instance={meta['name']} --tail=50",
        )


def old_kubernetes(version: tuple[int, int], needed: Sequence[LeastKubernetes]) -> Iterator[Finding]:
    """A Kubernetes that is too old for the stack."""
    if needed:
        try:
            check_version(version, needed)
        except ValueError as error:
            text, _, fix = str(error).rpartition(": ")
            yield fault("kubernetes-version", "Cluster", text, fix)


def old_operators(operators: Mapping[str, Collection[str]], least: Mapping[str, str]) -> Iterator[Finding]:
    """Operators that are older than what this program works with."""
    for operator, versions in sorted(operators.items()):
        for version in sorted(versions):
            wanted = least.get(operator)
            if wanted is not None and _numbers(version) < _numbers(wanted):
                text = f"runs in version {version}, and this program needs {wanted} or newer"
                yield warning("operator-version", f"Operator/{operator}", text, "upgrade the operator")


def _numbers(version: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", version.partition("-")[0])][:3]


def missing_objects(missing: Sequence[str]) -> Iterator[Finding]:
    """Objects of the stack file that are not in the cluster."""
    for each in missing:
        fix = "pulumi up --refresh, which makes again what was deleted by hand"
        what = "is not there" if not each.startswith("Secret/") else "is not there: whoever mounts it cannot start"
        yield fault("object-missing", each, f"{what}, though the stack file has it", fix)


def foreign_objects(objects: Mapping[str, Manifest], stack: str) -> Iterator[Finding]:
    """Objects that another stack created, or no stack."""
    for subject, each in sorted(objects.items()):
        mark = str((each["metadata"].get("annotations") or {}).get(MARK, ""))
        if mark and mark.rpartition("/")[2] != stack:
            text = f"belongs to the stack {mark}"
            yield fault("object-foreign", subject, text, "see docs/operations.md, What belongs to a stack")


def changed_workloads(rendered: Mapping[str, Any], live: Mapping[str, Manifest]) -> Iterator[Finding]:
    """Workloads that run other images, or another fixed number of pods, than the stack file says."""
    for subject, wanted in sorted(rendered.items()):
        found = live.get(subject)
        if found is None:
            continue
        differences = [*_images(wanted, found), *_replicas(wanted, found)]
        if differences:
            text = f"differs from the stack file: {'; '.join(differences)}"
            fix = "pulumi preview --refresh --diff shows all differences; pulumi up --refresh takes them back"
            yield warning("object-differs", subject, text, fix)


def _images(wanted: Any, found: Any) -> Iterator[str]:
    images = {each["name"]: each.get("image") for each in found["spec"]["template"]["spec"].get("containers") or []}
    for each in wanted["spec"]["template"]["spec"]["containers"]:
        runs = images.get(each["name"])
        if isinstance(each["image"], str) and runs != each["image"]:
            yield f"container {each['name']} has image {runs}, not {each['image']}"


def _replicas(wanted: Any, found: Any) -> Iterator[str]:
    declared, has = wanted["spec"].get("replicas"), found["spec"].get("replicas", 1)
    if isinstance(declared, int) and declared != has:
        yield f"{has} pods, not {declared}"


def left_by_drills(nodes: Sequence[Manifest], annotation: str) -> Iterator[Finding]:
    """Machines that an interrupted drill has left closed."""
    for each in nodes:
        whose = (each["metadata"].get("annotations") or {}).get(annotation)
        if whose and each["spec"].get("unschedulable"):
            machine = each["metadata"]["name"]
            text = f"was cordoned by a drill of {whose} and left so"
            yield warning("drill-left-node", f"Node/{machine}", text, f"kubectl uncordon {machine}")
