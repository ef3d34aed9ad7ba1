"""Context from other changes, and how a finding about a change is worded."""

import json
from collections.abc import Sequence

from infra.reading.kinds import reached_by
from infra.reading.values import at, mapping, text
from infra.review.changes import Change, Operation
from infra.review.findings import Finding, Section
from infra.review.quantities import amount


class Context:
    """What has to be known of the other changes."""

    def __init__(self, changes: Sequence[Change]) -> None:
        gone = {identity(each): each for each in changes if each.operation is Operation.DELETE and identity(each)}
        self.made_again = {
            key: each
            for each in changes
            if each.operation is Operation.CREATE and (key := identity(each)) and key in gone
        }
        """Objects that one resource deletes and another one makes."""
        self.exposed = {
            json.dumps([each.namespace, mapping(each.before, "metadata", "labels")], sort_keys=True)
            for each in changes
            if each.kind == "Service" and each.before is not None and reached_by(each.before)
        }
        """Parts of the platform that could be reached from outside already."""
        self.gone = {
            (each.namespace, each.part)
            for each in changes
            if each.record.workload and each.operation is Operation.DELETE
        }
        """Parts of the platform whose pods go."""
        self.ended = {
            (each.namespace, each.name): each.kind
            for each in changes
            if each.record.workload and each.operation is Operation.DELETE
        }
        """Kinds of the workloads that go, by namespace and name."""
        self.grown = {
            each.name: amount(at(each.after, "spec", "resources", "requests", "storage"))
            for each in changes
            if each.kind in ("PersistentVolumeClaim", "PersistentVolumeClaimPatch") and each.after is not None
        }
        """What claims ask for; the template of a StatefulSet does not change with them."""

    def goes(self, change: Change) -> bool:
        """Whether the object is gone after the change: neither kept nor created again by another resource."""
        return change.operation is Operation.DELETE and not change.retained and identity(change) not in self.made_again


def identity(change: Change) -> tuple[str, str, str] | None:
    """Type, namespace and name of the object that a resource is, whatever the resource is called; None if it is none."""
    name = text(change.shown, "metadata", "name")
    named = change.type.startswith("kubernetes:") and name and not change.kind.endswith("Patch")
    return (change.type, change.namespace, name) if named else None


def say(change: Change, section: Section, what_happens: str, *, look: bool = False, what: str | None = None) -> Finding:
    """A finding about a change; `what` is its kind by default."""
    return Finding(section=section, what=what or change.kind, subject=change.name, text=what_happens, look=look)
