"""Why a pod does not start, in one sentence that names the fix, and how long that may be so before it is certain. Pure functions."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from infra.live.pods import CREATING, NEVER_PULLED, PULLING
from infra.live.text import redacted
from infra.reading.values import at, items, mapping, text

IMAGE_SECONDS = 90
"""Of an image that cannot be pulled: by then the kubelet has tried four times."""
SCHEDULE_SECONDS = 300
"""Of a pod that fits on no machine: others may end, volumes may come. Longer if an autoscaler has promised a machine."""
CLAIM_SECONDS = 120
"""Of a claim whose provisioner fails, which may be for a moment."""
PROVISIONER_SECONDS = 300
"""Patience with a claim whose provisioner reports nothing: some take minutes, and there may be none of that name."""
MISSING_SECONDS = 60
"""Patience with a missing Secret, ConfigMap, StorageClass or right, which may be created at any moment."""
RESTARTS = 4
"""Of a container that crashes at once: with the pauses between them that takes two and a half minutes."""
OLD_SECONDS = 330
"""Patience with a pod that is older than the deployment, which may fix what it waits for: the kubelet and provisioners
may take five minutes until they try again."""
AT_ONCE_SECONDS = 20
"""How long a container lives at most that crashes at once."""
DETAIL = 400
"""Characters of what Kubernetes says; its sentences about images repeat themselves."""
_PROMISES = frozenset({"TriggeredScaleUp", "Nominated"})
"""Events by which the cluster autoscaler and Karpenter say that a machine is coming for a pod."""
_OF_CLAIMS = frozenset({"ProvisioningFailed", "FailedBinding", "ExternalProvisioning"})
_SILENT = "Waiting for a volume to be created"
"""How Kubernetes begins to say that it has asked a provisioner (pkg/controller/volume/persistentvolume)."""
_BACK_OFF = re.compile(r'^Back-off pulling image "[^"]*": (ErrImagePull: )?')


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why a pod does not start."""

    key: str
    """The same as long as it is the same problem of the same pod."""
    sentence: str
    seconds: float
    """How long it has to last until it is certain."""


def problems(
    pod: Mapping[str, Any],
    events: Sequence[Any] = (),
    claims: Sequence[Any] = (),
    classes: Sequence[str] | None = None,
    before: Mapping[str, int] | None = None,
) -> Iterator[Problem]:
    """What keeps a pod from starting.

    Args:
        pod: as the API server has it.
        events: about the pod and its claims.
        claims: that it uses.
        classes: names of all StorageClasses; None if they are not known.
        before: how often its containers had restarted before the deployment; None if it was not there yet.
    """
    for each in _problems(pod, events, claims, classes, before or {}):
        yield each if before is None else replace(each, seconds=max(each.seconds, OLD_SECONDS))


def restarts(pod: Mapping[str, Any]) -> dict[str, int]:
    """How often each container has restarted."""
    found = _containers(pod, "status", "initContainerStatuses", "containerStatuses")
    return {text(each, "name"): at(each, "restartCount") or 0 for each in found}


def _problems(
    pod: Mapping[str, Any],
    events: Sequence[Any],
    claims: Sequence[Any],
    classes: Sequence[str] | None,
    before: Mapping[str, int],
) -> Iterator[Problem]:
    if at(pod, "metadata", "deletionTimestamp") is not None:
        return
    name = f"Pod {text(pod, 'metadata', 'namespace')}/{text(pod, 'metadata', 'name')}"
    waiting_claims = [_of_claim(name, each, events, classes) for each in claims]
    found = [each for each in waiting_claims if each is not None]
    if not found:
        found = [*_of_scheduling(name, pod, events), *_of_mounts(name, pod, events)]
    yield from found
    specs = {text(each, "name"): each for each in _containers(pod, "spec", "initContainers", "containers")}
    for status in _containers(pod, "status", "initContainerStatuses", "containerStatuses"):
        container = text(status, "name")
        yield from _of_container(name, status, text(specs.get(container, {}), "image"), before.get(container, 0))


def refused(workload: str, name: str, events: Sequence[Any]) -> Iterator[Problem]:
    """What keeps a workload from having pods at all, such as a quota."""
    for each in events:
        of = text(each, "involvedObject", "name")
        # The pods of a Deployment are made by its ReplicaSet, `<name>-<hash>`.
        if text(each, "reason") == "FailedCreate" and (of == name or re.fullmatch(f"{re.escape(name)}-[a-z0-9]+", of)):
            yield Problem(
                key=f"{workload} refused",
                sentence=f"{workload}: its pods are refused: {_short(text(each, 'message'))}",
                seconds=MISSING_SECONDS,
            )
            return


def _containers(pod: Mapping[str, Any], part: str, *keys: str) -> list[Any]:
    return [each for key in keys for each in items(pod, part, key)]


def _of_container(pod: str, status: Any, image: str, before: int) -> Iterator[Problem]:
    name, reason = text(status, "name"), text(status, "state", "waiting", "reason")
    message = _short(text(status, "state", "waiting", "message"))
    where = f"{pod}, container {name}"
    if reason in NEVER_PULLED or reason in PULLING:
        yield Problem(
            key=f"{where} image",
            sentence=f"{where}: its image {image} cannot be pulled: {message or reason}: correct the image, or name the Secret "
            "of its registry in podSettings.pullSecrets",
            seconds=0 if reason in NEVER_PULLED else IMAGE_SECONDS,
        )
    elif reason in CREATING:
        sentence = f"{where}: it cannot be made: {message or reason}: make what it names, or correct the name"
        yield Problem(key=f"{where} {reason}", sentence=sentence, seconds=MISSING_SECONDS)
    elif reason == "CrashLoopBackOff" and (at(status, "restartCount") or 0) - before >= RESTARTS:
        ended = mapping(status, "lastState", "terminated")
        if _lived(ended) <= AT_ONCE_SECONDS:
            told = f"{text(ended, 'reason')} {_short(text(ended, 'message'))}".strip()
            yield Problem(
                key=f"{where} crash",
                sentence=f"{where}: it ends at once, {at(status, 'restartCount')} times by now, with exit code "
                f"{at(ended, 'exitCode')} ({told}): `kubectl -n {pod.split()[1].replace('/', ' logs ')} -c {name} --previous` "
                "says why",
                seconds=0,
            )


def _lived(ended: Mapping[str, Any]) -> float:
    """Seconds; none if it never began."""
    try:
        began, end = (datetime.fromisoformat(text(ended, key)) for key in ("startedAt", "finishedAt"))
    except ValueError:
        return 0
    return (end - began).total_seconds()


def _of_scheduling(name: str, pod: Mapping[str, Any], events: Sequence[Any]) -> Iterator[Problem]:
    for each in items(pod, "status", "conditions"):
        is_stuck = (text(each, "type"), text(each, "reason")) == ("PodScheduled", "Unschedulable")
        if is_stuck and not any(text(event, "reason") in _PROMISES for event in events):
            sentence = (
                f"{name}: it fits on no machine: {_short(text(each, 'message'))}: ask for less (resources), add machines, or "
                "correct nodeLabels and tolerations"
            )
            yield Problem(key=f"{name} machine", sentence=sentence, seconds=SCHEDULE_SECONDS)


def _of_mounts(name: str, pod: Mapping[str, Any], events: Sequence[Any]) -> Iterator[Problem]:
    """Volumes from missing Secrets and ConfigMaps, which only an event reports."""
    if text(pod, "status", "phase") != "Pending":
        return
    for each in events:
        message = text(each, "message")
        if text(each, "reason") == "FailedMount" and re.search(r"(secret|configmap) .* not found", message):
            sentence = f"{name}: {_short(message)}: make it, or correct its name"
            yield Problem(key=f"{name} mount", sentence=sentence, seconds=MISSING_SECONDS)
            return


def _of_claim(pod: str, claim: Any, events: Sequence[Any], classes: Sequence[str] | None) -> Problem | None:
    if text(claim, "status", "phase") != "Pending":
        return None
    name, class_ = text(claim, "metadata", "name"), text(claim, "spec", "storageClassName")
    said = next(
        (
            text(each, "message")
            for each in events
            if text(each, "involvedObject", "name") == name and text(each, "reason") in _OF_CLAIMS
        ),
        None,
    )
    if said is None:
        return None  # it waits for its pod, or for a provisioner that is at work
    there = f"; the cluster has {', '.join(sorted(classes))}" if classes else ""
    seconds = CLAIM_SECONDS if class_ and (not classes or class_ in classes) else MISSING_SECONDS
    if said.startswith(_SILENT):
        seconds = PROVISIONER_SECONDS
    asked = f"the StorageClass {class_}" if class_ else "no StorageClass"
    return Problem(
        key=f"{pod} claim {name}",
        sentence=f"{pod}: its claim {name}, of {asked}, gets no volume: {_short(said)}: correct storageClass{there}",
        seconds=seconds,
    )


def _short(message: str) -> str:
    """What is said, in one line; of a long text the end, where the cause is."""
    # A container's last words are lines of its log, with whatever its program writes there.
    line = _BACK_OFF.sub("", " ".join(redacted(message).split())).rstrip(".")
    return line if len(line) <= DETAIL else f"...{line[-DETAIL:]}"
