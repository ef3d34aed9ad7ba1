"""Watches how a platform comes back, and which alerts that would have set off."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.connection import NoAnswerError
from infra.drill.victims import Victim
from infra.live import metrics
from infra.live.cluster import ALERT_STATES, Cluster, Manifest, Unseen
from infra.live.platform import Platform, Watchers, notified, pods, rules, samples
from infra.live.pods import Part, is_ready, of
from infra.live.text import told
from infra.top import rates

LOOK_SECONDS = 1.0
"""Interval between two polls of the pods."""
RARELY = 5
"""Looks at the pods for one at metrics and alerts, which cost more."""
STEADY_LOOKS = 2
"""Looks in a row that have to find everything whole."""
_LASTING = (Part.BROKER, Part.CONTROLLER, Part.GATEWAY, Part.PROBE, Part.WORKER)


@dataclass(frozen=True, kw_only=True)
class Rung:
    """An alert whose condition was met during the drill, and was not before."""

    alert: str
    severity: str
    seconds: float
    """For how long it was."""
    after: float
    """How long the state must last before the alert fires."""
    fired: bool = False
    receivers: Sequence[str] = ()


@dataclass(kw_only=True)
class Recovery:
    """How a platform came back; times are seconds since the kill."""

    ready: float | None = None
    """When as many pods were ready as before."""
    whole: float | None = None
    """When all replicas were in sync too; None if they never were, or if that is unknown."""
    copies_known: bool = False
    alerts: dict[str, Rung] = field(default_factory=dict)
    alerts_why: str | None = None


class Watching:
    """Looks again and again. What was so before the kill does not count."""

    def __init__(self, cluster: Cluster, platform: Platform, found: Watchers | Unseen) -> None:
        self._cluster = cluster
        self._platform = platform
        self._watchers = found
        there, unseen = pods(cluster, platform)
        if unseen:
            raise NoAnswerError(unseen[0].why)
        self._wanted = _ready(there, [])
        self._before = {each[0] for each in self._active()}
        self._since: dict[str, float] = {}
        self.recovery = Recovery(alerts_why=_why(found))
        self._looks = 0
        self._steady = 0
        self._lacking: float | None = None

    def until_whole(
        self, victim: Victim, begun: float, within: float, sleep: Callable[[float], None] = time.sleep
    ) -> bool:
        """Looks until everything is as before, at most so many seconds since `begun`; whether it came to that."""
        gone = [each["metadata"]["uid"] for each in victim.pods]
        while (since := time.monotonic() - begun) < within:
            if self.is_whole(gone, since):
                return True
            sleep(LOOK_SECONDS)
        return False

    def is_whole(self, gone: Sequence[str], since: float) -> bool:
        """Looks once, `since` so many seconds after the kill; whether all is as before. `gone` are the victims."""
        found, unseen = pods(self._cluster, self._platform)
        # Without an answer none is ready: the API server may be what suffers.
        ready = not unseen and _ready(found, gone) >= self._wanted
        recovery = self.recovery
        if not ready:
            recovery.ready, self._steady = None, 0
        elif recovery.ready is None:
            recovery.ready = since
        if self._looks % RARELY == 0 or ready:
            self._lacking = self._lacking_copies(found)
            self.note_alerts(since)
        self._looks += 1
        recovery.copies_known = self._lacking is not None
        if not ready or self._lacking:
            self._steady = 0
            return False
        self._steady += 1
        if recovery.whole is None or self._steady == 1:
            recovery.whole = since
        return self._steady >= STEADY_LOOKS

    def _lacking_copies(self, found: Sequence[Manifest]) -> float | None:
        nodes = [each for each in found if _shows_copies(each)]
        look = samples(
            self._cluster, nodes, (metrics.UNDER_REPLICATED, metrics.OFFLINE, metrics.TOPIC_UNDER_REPLICATED)
        )
        told_by_brokers = [rates.total(look, name) for name in (metrics.UNDER_REPLICATED, metrics.OFFLINE)]
        known = [each for each in told_by_brokers if each is not None]
        if known:
            return sum(known)
        by_topic = rates.most(look, metrics.TOPIC_UNDER_REPLICATED, "topic")
        return sum(by_topic.values()) if by_topic else None

    def _active(self) -> list[tuple[str, str, Mapping[str, Any]]]:
        """Names, states and rules of the alerts whose condition is met."""
        if isinstance(self._watchers, Unseen) or self._watchers.prometheus is None:
            return []
        try:
            found = rules(self._cluster, self._watchers.prometheus)
        except NoAnswerError:
            return []  # it may be on the machine that is drained
        active = []
        for rule in found:
            states = {each.get("state") for each in rule.get("alerts") or []} & set(ALERT_STATES)
            if states:
                active.append((str(rule.get("name")), "firing" if "firing" in states else "pending", rule))
        return active

    def note_alerts(self, since: float) -> None:
        """Looks at the alerts alone."""
        for alert, state, rule in self._active():
            if alert in self._before:
                continue
            begun = self._since.setdefault(alert, since)
            known = self.recovery.alerts.get(alert)
            fired = state == "firing" or (known is not None and known.fired)
            self.recovery.alerts[alert] = Rung(
                alert=told(alert),
                severity=told((rule.get("labels") or {}).get("severity") or "none"),
                seconds=since - begun,
                after=float(rule.get("duration") or 0.0),
                fired=fired,
                receivers=self._receivers(alert) if fired else (),
            )

    def _receivers(self, alert: str) -> Sequence[str]:
        if isinstance(self._watchers, Unseen) or self._watchers.alertmanager is None:
            return ()
        try:
            found = notified(self._cluster, self._watchers.alertmanager)
        except NoAnswerError:
            return ()
        own = [each for each in found if (each.get("labels") or {}).get("alertname") == alert]
        return sorted({told(one.get("name")) for each in own for one in each.get("receivers") or []})


def _ready(found: Sequence[Manifest], gone: Sequence[str]) -> int:
    """How many of the pods that last are ready, without those that are to die."""
    return sum(is_ready(each) for each in of(found, *_LASTING) if each["metadata"]["uid"] not in gone)


def _shows_copies(pod: Manifest) -> bool:
    """Whether the pod may tell which copies lack: not the gateway's or a worker's."""
    return not of([pod], Part.GATEWAY, Part.WORKER, Part.PROBE)


def _why(found: Watchers | Unseen) -> str | None:
    if isinstance(found, Unseen):
        return found.why
    return "no Prometheus in this stack could have seen it" if found.prometheus is None else None
