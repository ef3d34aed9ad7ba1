"""What is lost or kept when namespaces, volumes and generated values change."""

from collections.abc import Iterator

from infra.reading.values import at, text
from infra.review.changes import Change, Operation
from infra.review.context import Context, say
from infra.review.findings import Finding, Section
from infra.review.quantities import amount, code, names, storage

ACCESS_LABEL = "kafka-platform/access"
"""Label of the namespaces whose pods may connect to a Kafka; its value is the Kafka's name."""


def namespace(change: Change, context: Context) -> Iterator[Finding]:
    """What is deleted with a namespace, and what its pods may connect to."""
    if context.goes(change):
        yield say(change, Section.DATA, "deleted with everything that is in it", look=True)
    old, new = (text(side, "metadata", "labels", ACCESS_LABEL) for side in (change.before, change.after))
    if old != new and change.operation is not Operation.DELETE:
        if new:
            yield say(change, Section.ACCESS, f"its pods may connect to {code(new)}")
        if old:
            yield say(change, Section.ACCESS, f"its pods may no longer connect to {code(old)}")


def stateful(change: Change, context: Context) -> Iterator[Finding]:
    """Kinds whose going takes data along."""
    if context.goes(change):
        yield say(change, Section.DATA, _GOES.get(change.kind, "deleted with what it holds"), look=True)


_GOES = {
    "CustomResourceDefinition": "deleted, and with it every object of the kind",
    "Kafka": "the cluster is deleted",
    "PersistentVolume": "deleted",
    "PersistentVolumeClaim": "deleted, and by most storage classes the volume with it",
}


def claim(change: Change, context: Context) -> Iterator[Finding]:
    """Volumes that grow, or would have to shrink."""
    if change.kind == "PersistentVolumeClaim":
        yield from stateful(change, context)
    old, new = (at(side, "spec", "resources", "requests", "storage") for side in (change.before, change.after))
    if change.operation is Operation.UPDATE and old != new and old is not None and new is not None:
        shrinks = amount(new) < amount(old)
        difference = storage(abs(amount(new) - amount(old)))
        detail = "volumes never shrink: this is refused" if shrinks else f"+{difference} storage each"
        section = Section.DATA if shrinks else Section.CAPACITY
        yield say(change, section, f"{old} -> {new}: {detail}", look=shrinks, what="volume")


def generated(change: Change, _: Context) -> Iterator[Finding]:
    """Identities and passwords that are lost or regenerated."""
    if change.operation not in (Operation.REPLACE, Operation.DELETE):
        return
    if change.kind == "RandomId":
        yield say(
            change, Section.DATA, "a generated identity is lost: brokers do not start with another one", look=True
        )
    elif change.operation is Operation.REPLACE and at(change.before, "keepers") == at(change.after, "keepers"):
        # Another version among the keepers is a user's new password, which the declarations tell.
        yield say(change, Section.ACCESS, "a new password is made", what="password")


def provider(change: Change, _: Context) -> Iterator[Finding]:
    """Another Kubernetes cluster, or the same by another way."""
    keys = ("kubeconfig", "context", "cluster", "clusterIdentifier")
    moved = [key for key in keys if (change.before or {}).get(key) != (change.after or {}).get(key)]
    if change.operation in (Operation.UPDATE, Operation.REPLACE) and moved:
        because = names(moved)
        yield say(
            change,
            Section.DATA,
            f"{because} changes: make sure that it is still the same Kubernetes cluster",
            look=True,
            what="provider",
        )
