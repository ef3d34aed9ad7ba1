"""What scales a workload, and whether it can: KEDA's ScaledObjects and the autoscalers of Kubernetes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.live.cluster import Manifest
from infra.live.pods import condition
from infra.live.text import told

WELL = "well"
_KEDA_OWNER = "scaledobject.keda.sh/name"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why a scaler does not do what it should."""

    subject: str
    """The object that says so: `ScaledObject/shop/fraud-check-scaler`."""
    what: str
    """What it is, in a word or in its operator's."""
    severe: bool
    """Whether the workload is not scaled at all."""


@dataclass(frozen=True, kw_only=True)
class Scaler:
    """What scales a workload."""

    kind: str
    name: str
    namespace: str
    target: tuple[str, str]
    """Kind and name of what it scales."""
    min: int
    max: int
    faults: Sequence[Fault] = ()

    @property
    def words(self) -> str:
        """How it is, in a few words."""
        return "; ".join(each.what for each in self.faults) or WELL


@dataclass(frozen=True, kw_only=True)
class Scalers:
    """All scalers that were seen."""

    found: Sequence[Scaler] = ()
    why: str | None = None
    """Why the list may be incomplete."""

    def of(self, kind: str, name: str, namespace: str) -> Scaler | None:
        """What scales a workload; None if nothing does."""
        return next((each for each in self.found if each.target == (kind, name) and each.namespace == namespace), None)

    def words(self, name: str, namespace: str) -> str | None:
        """State of the scaler of a workload of that name; None if there is none."""
        found = self.of("StatefulSet", name, namespace) or self.of("Deployment", name, namespace)
        return None if found is None else f"{found.min} to {found.max}, {found.words}"


def scalers(scaled: Sequence[Manifest], autoscalers: Sequence[Manifest], why: str | None = None) -> Scalers:
    """The scalers: KEDA's, and the autoscalers that are not its own."""
    own = [_of_keda(each, autoscalers) for each in scaled]
    others = [_of_kubernetes(each) for each in autoscalers if _KEDA_OWNER not in (each["metadata"].get("labels") or {})]
    return Scalers(found=[*own, *others], why=why)


def _of_keda(scaled: Manifest, autoscalers: Sequence[Manifest]) -> Scaler:
    meta, spec = scaled["metadata"], scaled["spec"]
    return Scaler(
        kind="ScaledObject",
        name=meta["name"],
        namespace=meta["namespace"],
        target=(spec["scaleTargetRef"].get("kind") or "Deployment", spec["scaleTargetRef"]["name"]),
        min=int(spec.get("minReplicaCount") or 0),
        max=int(spec.get("maxReplicaCount") or 100),
        faults=list(_keda_faults(scaled, autoscalers)),
    )


def _keda_faults(scaled: Manifest, autoscalers: Sequence[Manifest]) -> Iterator[Fault]:
    meta = scaled["metadata"]
    subject = f"ScaledObject/{meta['namespace']}/{meta['name']}"
    paused = condition(scaled, "Paused")
    if paused.get("status") == "True":
        yield Fault(subject=subject, what="paused", severe=False)
        return
    ready, fallback = condition(scaled, "Ready"), condition(scaled, "Fallback")
    if not (scaled.get("status") or {}).get("conditions"):
        yield Fault(subject=subject, what="KEDA has not looked at it: does its operator run?", severe=True)
    elif ready.get("status") == "False":
        yield Fault(
            subject=subject, what=f"cannot scale: {told(ready.get('message') or ready.get('reason'))}", severe=True
        )
    if fallback.get("status") == "True":
        yield Fault(subject=subject, what="cannot read its metric: holds its fallback", severe=True)
    broken = [
        key
        for key, each in ((scaled.get("status") or {}).get("health") or {}).items()
        if each.get("status") == "Failing"
    ]
    if broken and fallback.get("status") != "True":
        yield Fault(subject=subject, what=f"cannot read {', '.join(map(told, sorted(broken)))}", severe=True)
    for each in autoscalers:
        labels = each["metadata"].get("labels") or {}
        if (
            labels.get(_KEDA_OWNER) == meta["name"]
            and each["metadata"]["namespace"] == meta["namespace"]
            and not broken
        ):
            yield from _autoscaler_faults(each, subject)


def _of_kubernetes(autoscaler: Manifest) -> Scaler:
    meta, spec = autoscaler["metadata"], autoscaler["spec"]
    subject = f"HorizontalPodAutoscaler/{meta['namespace']}/{meta['name']}"
    return Scaler(
        kind="HorizontalPodAutoscaler",
        name=meta["name"],
        namespace=meta["namespace"],
        target=(spec["scaleTargetRef"]["kind"], spec["scaleTargetRef"]["name"]),
        min=int(spec.get("minReplicas") or 1),
        max=int(spec["maxReplicas"]),
        faults=list(_autoscaler_faults(autoscaler, subject)),
    )


def _autoscaler_faults(autoscaler: Mapping[str, Any], subject: str) -> Iterator[Fault]:
    able, active = condition(autoscaler, "AbleToScale"), condition(autoscaler, "ScalingActive")
    if able.get("status") == "False":
        yield Fault(subject=subject, what=f"cannot scale: {told(able.get('message'))}", severe=True)
    # With no pod at all, KEDA itself decides, and the autoscaler is off.
    elif active.get("status") == "False" and active.get("reason") != "ScalingDisabled":
        yield Fault(subject=subject, what=f"cannot read its metric: {told(active.get('message'))}", severe=True)
    limited = condition(autoscaler, "ScalingLimited")
    if limited.get("status") == "True" and limited.get("reason") == "TooManyReplicas":
        yield Fault(subject=subject, what="wants more pods than its maximum", severe=False)
