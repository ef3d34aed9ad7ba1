"""Rules about the pods of workloads."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.reading.values import at, mapping, text
from infra.rules.rule import Level, Resource, Rule, one_by_one


def _pinned_images(resource: Resource) -> Iterator[str]:
    for container in resource.containers:
        image = text(container, "image")
        tag = image.rpartition("/")[2].partition(":")[2]
        if image and "@sha256:" not in image and tag in ("", "latest"):
            yield f"{resource.shown}: image {image} may be another one tomorrow: write a version or a digest"


PINNED_IMAGES = Rule(
    name="pinned-images",
    reason="`latest` may be another program after the next restart of a pod, without anyone having reviewed it.",
    dev=Level.ADVISORY,
    staging=Level.MANDATORY,
    prod=Level.MANDATORY,
    check=one_by_one(_pinned_images),
)


def _requests(resource: Resource) -> Iterator[str]:
    if place := resource.record.requests_at:
        yield from _missing_requests(resource, mapping(resource.properties, *place), "")
    for container in resource.containers:
        requests = mapping(container, "resources", "requests")
        yield from _missing_requests(resource, requests, f" container {text(container, 'name')}:")


def _missing_requests(resource: Resource, requests: Mapping[str, Any], where: str) -> Iterator[str]:
    missing = [each for each in ("cpu", "memory") if each not in requests]
    if missing:
        yield f"{resource.shown}:{where} requests no {' and '.join(missing)}: write resources.requests"


RESOURCE_REQUESTS = Rule(
    name="resource-requests",
    reason="Without requests the scheduler puts pods where there is no room, and they are the first to be evicted.",
    dev=Level.ADVISORY,
    staging=Level.MANDATORY,
    prod=Level.MANDATORY,
    check=one_by_one(_requests),
)


def _fixed_replicas(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    targets: dict[tuple[str, str, str], Resource] = {}
    for each in resources:
        if each.record.pods_between:
            target = mapping(each.properties, "spec", "scaleTargetRef")
            # KEDA's default kind is a Deployment.
            kind = text(target, "kind") or "Deployment"
            targets[kind, text(each.properties, "metadata", "namespace"), text(target, "name")] = each
    for each in resources:
        place = (each.kind, text(each.properties, "metadata", "namespace"), text(each.properties, "metadata", "name"))
        scaler = targets.get(place)
        if scaler is None or at(each.properties, "spec", "replicas") is None:
            continue
        if not any(path in ("spec", "spec.replicas") for path in each.ignored):
            yield (
                each,
                f"{each.shown}: replicas is fixed, and {scaler.shown} scales it: every deployment would set it back: "
                "leave replicas out, or ignore its changes",
            )


SCALED_WITHOUT_REPLICAS = Rule(
    name="scaled-without-replicas",
    reason="Every deployment resets an autoscaled workload to its fixed number of pods, in the middle of the load.",
    dev=Level.ADVISORY,
    staging=Level.MANDATORY,
    prod=Level.MANDATORY,
    check=_fixed_replicas,
    together=True,
)
