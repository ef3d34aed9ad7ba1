"""Findings about Kafka, from its metrics and its operator: one pure function for each."""

from collections.abc import Iterator, Sequence

from infra.doctor.findings import Finding, fault, warning
from infra.live import metrics
from infra.live.cluster import Manifest
from infra.live.pods import condition
from infra.live.text import count, lasting
from infra.top import rates
from infra.top.model import Brokers, Groups

LATE_SECONDS = 300.0
"""A group that is later than this reads yesterday's news: what scales workers acts within a minute."""
_KAFKA = "Kafka/{}/kafka"


def offline_partitions(namespace: str, brokers: Brokers) -> Iterator[Finding]:
    """Partitions without a leader."""
    if brokers.offline_partitions:
        text = (
            f"{count(brokers.offline_partitions)} partitions have no leader: nobody can write to them or read from them"
        )
        fix = "bring back a broker that had a copy in sync; another copy lacks records (docs/operations.md, Recover)"
        yield fault("kafka-offline-partitions", _KAFKA.format(namespace), text, fix)


def under_min_isr(namespace: str, brokers: Brokers) -> Iterator[Finding]:
    """Partitions that cannot be written with acks=all."""
    if brokers.under_min_isr_partitions:
        text = f"{count(brokers.under_min_isr_partitions)} partitions have fewer copies in sync than they must: writes fail"
        fix = "see which brokers are not ready or lag behind, and at their disks"
        yield fault("kafka-under-min-isr", _KAFKA.format(namespace), text, fix)


def under_replicated(namespace: str, brokers: Brokers) -> Iterator[Finding]:
    """Partitions that lack copies."""
    if brokers.under_replicated_partitions and not brokers.under_min_isr_partitions:
        text = f"{count(brokers.under_replicated_partitions)} partitions lack copies that are in sync"
        fix = "wait until brokers that were restarted have caught up; if the number stays, look at their disks and network"
        yield warning("kafka-under-replicated", _KAFKA.format(namespace), text, fix)


def controllers(namespace: str, brokers: Brokers) -> Iterator[Finding]:
    """No active controller, or several."""
    if brokers.active_controllers is not None and brokers.active_controllers != 1 and brokers.why is None:
        text = f"{brokers.active_controllers} nodes say that they are the active controller, and it has to be one"
        fix = "see whether a majority of the controllers is up and they reach one another; look again in a minute"
        yield fault("kafka-controller", _KAFKA.format(namespace), text, fix)


def missing_brokers(namespace: str, brokers: Brokers) -> Iterator[Finding]:
    """Fewer brokers than declared."""
    if brokers.wanted is not None and brokers.ready < brokers.wanted:
        text = f"{brokers.ready} of {brokers.wanted} brokers are ready"
        make = fault if brokers.ready == 0 or brokers.wanted - brokers.ready > 1 else warning
        yield make("kafka-brokers", _KAFKA.format(namespace), text, "the findings about their pods say why")


def late_groups(namespace: str, groups: Groups) -> Iterator[Finding]:
    """Groups that read old records."""
    for each in groups.items:
        if (each.lag_seconds or 0.0) > LATE_SECONDS:
            text = f"is {lasting(each.lag_seconds)} late in topic {each.topic} ({count(each.lag)} records)"
            if each.growing_per_second is not None and each.growing_per_second < 0:
                text += ", and catches up"
            fix = "see whether its members run and what they wait for; more of them help up to the number of partitions"
            yield warning("group-late", f"Group/{each.group}", text, fix)


def throttled_users(namespace: str, look: rates.Look) -> Iterator[Finding]:
    """Users that their quotas hold back now."""
    held: dict[str, float] = {}
    for metric in metrics.THROTTLES:
        for (user,), milliseconds in rates.most(look, metric, "user").items():
            held[user] = max(milliseconds, held.get(user, 0.0))
    for user, milliseconds in sorted(held.items()):
        if milliseconds > 0:
            text = f"is held back by its quotas, {milliseconds:,.0f} ms for a request"
            yield warning("kafka-throttled", f"User/{user}", text, "raise quotas: of the user or tenant, or send less")


def unwell_resources(objects: Sequence[Manifest]) -> Iterator[Finding]:
    """Strimzi's custom resources that its operator could not do what they ask for."""
    for each in objects:
        ready = condition(each, "Ready")
        subject = f"{each.get('kind')}/{each['metadata']['namespace']}/{each['metadata']['name']}"
        if ready.get("status") == "False":
            text = f"Strimzi could not do it: {ready.get('reason')}: {ready.get('message') or ''}"
            yield fault("strimzi-not-ready", subject, text, "correct what the message names, in the stack file")
        elif not (each.get("status") or {}).get("conditions") and each.get("kind") == "Kafka":
            yield fault(
                "strimzi-not-seen",
                subject,
                "no operator has looked at it",
                "see whether Strimzi's operator runs and watches the namespace",
            )


def lost_probes(namespace: str, look: rates.Look) -> Iterator[Finding]:
    """Records of the latency probe that were acknowledged and never read."""
    for (write, read), lost in sorted(rates.most(look, metrics.PROBES_LOST, "write", "read").items()):
        if lost > 0:
            text = (
                f"{count(lost)} acknowledged records of the probe were never read ({write} to {read}), since its start"
            )
            fix = "was there an unclean election, or a topic made anew? Look at the brokers' logs of that time"
            yield fault("records-lost", f"Deployment/{namespace}/latency-probe", text, fix)


def broken_paths(namespace: str, look: rates.Look) -> Iterator[Finding]:
    """Paths through which nothing comes."""
    for (write, read), seconds in sorted(rates.most(look, metrics.PROBE_OLDEST, "write", "read").items()):
        if seconds > 60:
            text = f"nothing has come through from {write} to {read} for {lasting(seconds)}"
            fix = "look at the brokers, and at the gateway if the path goes by http"
            yield fault("path-broken", f"Deployment/{namespace}/latency-probe", text, fix)


def gateway_failures(namespace: str, failed: float | None, requests: float | None) -> Iterator[Finding]:
    """A gateway that answers with its own faults."""
    if failed and requests and failed / requests > 0.05:
        text = f"{failed / requests:.0%} of the requests fail by its own fault"
        yield fault(
            "gateway-fails",
            f"Gateway/{namespace}/gateway",
            text,
            f"see its log: kubectl -n {namespace} logs -l app.kubernetes.io/component=gateway --tail=50",
        )


ALL_OF_BROKERS = (offline_partitions, under_min_isr, under_replicated, controllers, missing_brokers)
"""The checks that need the brokers' state alone."""
