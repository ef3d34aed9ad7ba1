"""Pods that do not run, and workloads that lack some: one pure function for each finding."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from infra.doctor.findings import Finding, fault, warning
from infra.live.cluster import Manifest
from infra.live.pods import CREATING, NEVER_PULLED, PULLING, condition, has_ended, is_ready, name, place
from infra.live.text import lasting

MANY_RESTARTS = 3
"""Restarts of a container that are no accident any more, if the last one is recent."""
RECENT = timedelta(hours=1)
"""How long ago a restart is still worth a word."""
STARTING = timedelta(minutes=5)
"""How long a pod may take until it is ready: a broker reads its newest segments again after an unclean end."""
_CONFIG = CREATING | {"RunContainerError"}


def crash_loops(pods: Sequence[Manifest], now: datetime) -> Iterator[Finding]:
    """Containers that end again and again."""
    for pod, status in _containers(pods):
        reason = _waiting(status).get("reason")
        ended = _last_end(status)
        recent = _age(ended.get("finishedAt"), now) <= RECENT
        many = int(status.get("restartCount") or 0) >= MANY_RESTARTS and recent
        if reason == "CrashLoopBackOff" or (many and not status.get("ready")):
            how = f"ends with {ended.get('reason') or 'Error'}, exit code {ended.get('exitCode', '?')}"
            text = f"container {status['name']} {how}, and was started {status.get('restartCount', 0)} times"
            fix = f"see why: {_logs(pod, status)} --previous"
            if ended.get("reason") != "OOMKilled":
                yield fault("pod-crash-loop", _subject(pod), text, fix)


def out_of_memory(pods: Sequence[Manifest], now: datetime) -> Iterator[Finding]:
    """Containers that the kernel ended because they needed more memory than they may use."""
    for pod, status in _containers(pods):
        for ended in (_last_end(status), (status.get("state") or {}).get("terminated") or {}):
            if ended.get("reason") == "OOMKilled" and _age(ended.get("finishedAt"), now) <= RECENT:
                text = f"container {status['name']} needed more memory than its limit and was killed ({status.get('restartCount', 0)} restarts)"
                make = warning if status.get("ready") else fault
                yield make("pod-out-of-memory", _subject(pod), text, "raise resources.memory of it in the stack file")
                break


def image_pulls(pods: Sequence[Manifest]) -> Iterator[Finding]:
    """Images that cannot be had."""
    for pod, status in _containers(pods):
        waiting = _waiting(status)
        if waiting.get("reason") in NEVER_PULLED | PULLING:
            text = f"container {status['name']} waits for image {status.get('image')}: {waiting.get('message') or waiting['reason']}"
            fix = "correct images: in the stack file, or give the namespace's ServiceAccount the login of the registry"
            yield fault("pod-image", _subject(pod), text, fix)


def missing_configuration(pods: Sequence[Manifest]) -> Iterator[Finding]:
    """Containers that cannot start for want of a Secret or ConfigMap."""
    for pod, status in _containers(pods):
        waiting = _waiting(status)
        if waiting.get("reason") in _CONFIG:
            text = f"container {status['name']} cannot be started: {waiting.get('message') or waiting['reason']}"
            yield fault("pod-configuration", _subject(pod), text, "restore what is missing: pulumi up --refresh")


def stuck_starts(pods: Sequence[Manifest], now: datetime) -> Iterator[Finding]:
    """Pods that have a machine but do not get their volumes, Secrets or network."""
    for pod in pods:
        status = pod.get("status") or {}
        waiting = {_waiting(each).get("reason") for each in _statuses(pod)}
        scheduled = condition(pod, "PodScheduled")
        if (
            status.get("phase") == "Pending"
            and scheduled.get("status") == "True"
            and waiting <= {"ContainerCreating", "PodInitializing", None}
            and _age(scheduled.get("lastTransitionTime"), now) > STARTING
        ):
            late = lasting(_age(scheduled.get("lastTransitionTime"), now).total_seconds())
            text = f"is on machine {pod['spec'].get('nodeName')} and has not started for {late}: a volume, Secret or ConfigMap is missing"
            yield fault("pod-stuck", _subject(pod), text, f"see its events: {_kubectl(pod)} describe pod {name(pod)}")


def unschedulable(pods: Sequence[Manifest]) -> Iterator[Finding]:
    """Pods that cannot be scheduled."""
    for pod in pods:
        scheduled = condition(pod, "PodScheduled")
        if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
            text = f"no machine takes it: {scheduled.get('message') or 'the scheduler does not say why'}"
            fix = "add machines, uncordon one, or ask for less in resources: and podSettings: of the stack file"
            yield fault("pod-unschedulable", _subject(pod), text, fix)


def not_ready(pods: Sequence[Manifest], now: datetime, reasons: Mapping[str, str]) -> Iterator[Finding]:
    """Pods that run and do not serve. `reasons` are those that programs themselves give, by the names of pods."""
    for pod in pods:
        status = pod.get("status") or {}
        if status.get("phase") != "Running" or is_ready(pod) or pod["metadata"].get("deletionTimestamp"):
            continue
        if any(_waiting(each) for each in _statuses(pod)):
            continue  # told by another check
        ready = condition(pod, "Ready")
        age = _age(ready.get("lastTransitionTime"), now)
        text = f"runs and is not ready for {lasting(age.total_seconds())}"
        reason = reasons.get(name(pod))
        text += f": {reason}" if reason else ""
        make = fault if age > STARTING or reason else warning
        yield make(
            "pod-not-ready",
            _subject(pod),
            text,
            f"see its log: {_kubectl(pod)} logs {name(pod)} --all-containers --tail=50",
        )


def recent_restarts(pods: Sequence[Manifest], now: datetime) -> Iterator[Finding]:
    """Containers that restarted unexpectedly."""
    for pod, status in _containers(pods):
        ended = _last_end(status)
        if (
            status.get("ready")
            and ended
            and ended.get("reason") != "OOMKilled"
            and _age(ended.get("finishedAt"), now) <= RECENT
        ):
            ago = lasting(_age(ended.get("finishedAt"), now).total_seconds())
            text = f"container {status['name']} was restarted {ago} ago: exit code {ended.get('exitCode', '?')}"
            yield warning("pod-restarted", _subject(pod), text, f"see why: {_logs(pod, status)} --previous")


def evicted(pods: Sequence[Manifest]) -> Iterator[Finding]:
    """Pods that a machine in need has thrown out."""
    for pod in pods:
        status = pod.get("status") or {}
        if status.get("phase") == "Failed" and status.get("reason") == "Evicted":
            text = f"was evicted: {status.get('message') or 'its machine was short of something'}"
            fix = "give the pods what they need in resources:, or the machines more memory and disk"
            yield warning("pod-evicted", _subject(pod), text, fix)


def missing_pods(workloads: Sequence[Manifest]) -> Iterator[Finding]:
    """Workloads whose pods cannot be created: a quota, a policy or an admission webhook refuses them."""
    for each in workloads:
        failure = condition(each, "ReplicaFailure")
        if failure.get("status") == "True":
            text = f"its pods are refused: {failure.get('message') or failure.get('reason')}"
            fix = "raise the ResourceQuota or adapt the policy that the message names"
            yield fault("workload-refused", _workload(each), text, fix)


def short_workloads(workloads: Sequence[Manifest]) -> Iterator[Finding]:
    """Workloads without any ready pod, or scaled to none by hand."""
    for each in workloads:
        wanted, ready = each["spec"].get("replicas", 1), int((each.get("status") or {}).get("readyReplicas") or 0)
        if wanted and not ready and condition(each, "ReplicaFailure").get("status") != "True":
            text = f"none of its {wanted} pods is ready"
            meta = each["metadata"]
            fix = f"see its pods: kubectl -n {meta['namespace']} get pods"
            yield fault("workload-down", _workload(each), text, fix)


def _workload(each: Manifest) -> str:
    kind = each.get("kind") or ("StatefulSet" if "serviceName" in each["spec"] else "Deployment")
    return f"{kind}/{each['metadata']['namespace']}/{each['metadata']['name']}"


def _containers(pods: Sequence[Manifest]) -> Iterator[tuple[Manifest, Mapping[str, Any]]]:
    for pod in pods:
        if not has_ended(pod):
            yield from ((pod, each) for each in _statuses(pod))


def _statuses(pod: Manifest) -> list[Mapping[str, Any]]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def _waiting(status: Mapping[str, Any]) -> Mapping[str, Any]:
    return (status.get("state") or {}).get("waiting") or {}


def _last_end(status: Mapping[str, Any]) -> Mapping[str, Any]:
    return (status.get("lastState") or {}).get("terminated") or {}


def _age(moment: str | None, now: datetime) -> timedelta:
    """How long ago; zero if nothing is said."""
    return timedelta() if not moment else now - datetime.fromisoformat(moment)


def _subject(pod: Manifest) -> str:
    return f"Pod/{place(pod)}"


def _kubectl(pod: Manifest) -> str:
    return f"kubectl -n {pod['metadata']['namespace']}"


def _logs(pod: Manifest, status: Mapping[str, Any]) -> str:
    return f"{_kubectl(pod)} logs {name(pod)} -c {status['name']}"
