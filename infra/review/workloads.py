"""What workloads take, what becomes of their volumes, and how their pods change."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from kafka_platform.worker.objects import COMPONENT as WORKER

from infra.reading.kinds import Kind, containers, deletes_volumes
from infra.reading.values import Object, at, items, mapping, number, text
from infra.review.changes import Change, Operation
from infra.review.context import Context, say
from infra.review.differences import POD, changed
from infra.review.findings import Finding, Section
from infra.review.quantities import amount, code, cores, names, storage
from infra.review.versions import is_older


@dataclass(frozen=True, kw_only=True)
class _Size:
    """What a workload takes; without a number of pods an autoscaler decides on it."""

    pods: int | None
    cpu: Decimal
    memory: Decimal
    storage: Decimal

    def total(self) -> tuple[Decimal, Decimal, Decimal]:
        """Processor, memory, storage of all pods; of one, if their number is not known."""
        pods = 1 if self.pods is None else self.pods
        return self.cpu * pods, self.memory * pods, self.storage * pods


_ABSENT = _Size(pods=0, cpu=Decimal(0), memory=Decimal(0), storage=Decimal(0))


def _size(kind: Kind, inputs: Object | None, claims: Mapping[str, Decimal]) -> _Size:
    if inputs is None:
        return _ABSENT
    if kind.requests_at:
        requests = mapping(inputs, *kind.requests_at)
        cpu, memory = amount(requests.get("cpu", 0)), amount(requests.get("memory", 0))
        volumes = _strimzi_storage(mapping(inputs, "spec", "storage"))
    else:
        requested = [mapping(each, "resources", "requests") for each in containers(kind, inputs)]
        cpu = sum((amount(each.get("cpu", 0)) for each in requested), Decimal(0))
        memory = sum((amount(each.get("memory", 0)) for each in requested), Decimal(0))
        volumes = Decimal(0)
        for template in items(inputs, "spec", "volumeClaimTemplates"):
            claim = f"{text(template, 'metadata', 'name')}-{text(inputs, 'metadata', 'name')}-0"
            asked = amount(at(template, "spec", "resources", "requests", "storage") or 0)
            volumes += claims.get(claim, asked)
    return _Size(pods=number(inputs, "spec", "replicas"), cpu=cpu, memory=memory, storage=volumes)


def _strimzi_storage(value: Mapping[str, Any]) -> Decimal:
    if text(value, "type") == "jbod":
        return sum((_strimzi_storage(each) for each in items(value, "volumes")), Decimal(0))
    return amount(value.get("size", 0)) if text(value, "type") == "persistent-claim" else Decimal(0)


def _what(change: Change) -> str:
    if change.kind == "KafkaNodePool":
        roles = items(change.shown, "spec", "roles")
        return "controllers" if roles == ["controller"] else "brokers"
    if change.kind == "StatefulSet" and change.part == "broker":
        return "brokers"
    return "pods" if change.kind in ("StatefulSet", "Deployment") else change.kind


def workload(change: Change, context: Context) -> Iterator[Finding]:
    """What a workload takes, what becomes of its volumes, and how its pods change."""
    what = _what(change)
    if change.operation is not Operation.REPLACE:
        yield from _capacity(change, context, what)
    former = context.ended.get((change.namespace, change.name), change.kind)
    if change.operation is Operation.CREATE and former != change.kind:
        moves = f"{former} -> {change.kind}: they run beside the old ones until they are ready, in the same group"
        yield say(change, Section.OTHER, moves, what=what)
    if context.goes(change):
        yield from _removed(change, what)
    if change.operation is Operation.UPDATE:
        yield from _retention_policy(change, what)
        yield from _pods_change(change, what)


def _capacity(change: Change, context: Context, what: str) -> Iterator[Finding]:
    old, new = (_size(change.record, side, context.grown) for side in (change.before, change.after))
    deltas = [after - before for before, after in zip(old.total(), new.total(), strict=True)]
    shown_sizes = (cores(abs(deltas[0])), f"{storage(abs(deltas[1]))} memory", f"{storage(abs(deltas[2]))} storage")
    parts = [f"{'+' if delta > 0 else '-'}{size}" for delta, size in zip(deltas, shown_sizes, strict=True) if delta]
    fewer = old.pods is not None and new.pods is not None and new.pods < old.pods
    if change.operation is Operation.UPDATE and old.pods != new.pods:
        numbers = (
            f"{'autoscaled' if old.pods is None else old.pods} -> {'autoscaled' if new.pods is None else new.pods}"
        )
        holds = fewer and what == "brokers"
        if holds:
            yield say(
                change,
                Section.DATA,
                f"{numbers}: move the partitions away from those that go first, or their copies are lost",
                look=True,
                what=what,
            )
        yield say(change, Section.CAPACITY, ": ".join([numbers, *([", ".join(parts)] if parts else [])]), what=what)
    elif parts and change.operation in (Operation.UPDATE, Operation.CREATE, Operation.DELETE):
        each = " for each pod" if new.pods is None else ""
        prefix = f"{new.pods} new: " if change.operation is Operation.CREATE and new.pods else ""
        yield say(change, Section.CAPACITY, f"{prefix}{', '.join(parts)}{each}", what=what)
    if change.kind == "KafkaNodePool" and change.operation is Operation.UPDATE and new.storage > old.storage:
        sizes = f"volumes {storage(old.storage)} -> {storage(new.storage)} for each"
        yield say(change, Section.CAPACITY, sizes, what=what)
    shrinks = change.kind == "KafkaNodePool" and change.operation is Operation.UPDATE and new.storage < old.storage
    if shrinks:
        sizes = f"{storage(old.storage)} -> {storage(new.storage)} for each: volumes never shrink, and removed ones hold records"
        yield say(change, Section.DATA, f"storage {sizes}", look=True, what=what)


def _removed(change: Change, what: str) -> Iterator[Finding]:
    if change.kind == "KafkaNodePool":
        goes = deletes_volumes(change.before)
    elif items(change.before, "spec", "volumeClaimTemplates"):
        goes = text(change.before, "spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted") == "Delete"
    else:
        return
    if change.part == WORKER:
        found = (
            "removed, and their volumes with the state are deleted"
            if goes
            else "removed; their volumes with the state are kept"
        )
        found += "; changelog topics, from which it can be rebuilt, stay"
    else:
        found = "removed, and their volumes with all records are deleted" if goes else "removed; their volumes are kept"
    yield say(change, Section.DATA, found, look=True, what=what)


def _retention_policy(change: Change, what: str) -> Iterator[Finding]:
    old, new = (deletes_volumes(side) for side in (change.before, change.after))
    if new and not old:
        yield say(change, Section.DATA, "volumes are from now on deleted with what uses them", look=True, what=what)
    if old and not new:
        yield say(change, Section.OTHER, "volumes are from now on kept when what uses them goes", what=what)


_CAUTION = re.compile(
    rf"{POD}spec\.(securityContext|hostNetwork|hostPID|hostIPC|serviceAccountName|automountServiceAccountToken"
    r"|containers\.\d+\.securityContext)"
)


def pods_may_more(change: Change, what: str) -> Iterator[Finding]:
    """What pods may do on their machines, and in Kubernetes, changes."""
    careful = sorted({match[1] for path in changed(change) if (match := _CAUTION.match(path))})
    if careful:
        yield say(change, Section.ACCESS, f"{names(careful)} of the pods changes", look=True, what=what)


def _pods_change(change: Change, what: str) -> Iterator[Finding]:
    yield from pods_may_more(change, what)
    old, new = (_images(change.record, side) for side in (change.before, change.after))
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name]:
            back = is_older(old[name], new[name]) and what == "brokers"
            detail = ": Kafka cannot go back once new metadata is written" if back else ""
            section = Section.DATA if back else Section.OTHER
            yield say(change, section, f"image {code(old[name])} -> {code(new[name])}{detail}", look=back, what=what)
    if any(re.match(POD, path) for path in changed(change)):
        yield say(change, Section.OTHER, "restart one after another", what=what)


def _images(kind: Kind, inputs: Object | None) -> dict[str, str]:
    return {text(each, "name"): text(each, "image") for each in containers(kind, inputs) if text(each, "image")}


def autoscaler(change: Change, _: Context) -> Iterator[Finding]:
    """Between which numbers of pods something is scaled."""
    keys = change.record.pods_between or ()

    def span(inputs: Object | None) -> str:
        least, most = (number(inputs, "spec", key) for key in keys)
        return f"{'default' if least is None else least} to {'default' if most is None else most}"

    target = text(change.shown, "spec", "scaleTargetRef", "name") or change.name
    if change.operation is Operation.CREATE:
        shown = f"scaled by load, {span(change.after)}"
    elif change.operation is Operation.DELETE:
        shown = f"no longer scaled by load (was {span(change.before)})"
    elif span(change.before) != span(change.after):
        shown = f"scaled by load, {span(change.before)} -> {span(change.after)}"
    else:
        return
    yield Finding(section=Section.CAPACITY, what="pods", subject=target, text=shown)
