"""From what was seen of a platform to findings: every check, once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from infra.capabilities import needed_kubernetes
from infra.doctor import cluster, connectors, kafka, pods, streams, versions
from infra.doctor.findings import Finding, Note, fault, warning
from infra.doctor.looking import CRON_JOB, WORKLOADS, Patient
from infra.live.pods import Part, part
from infra.settings.model import Settings
from infra.top.look import Seen
from infra.top.model import Alerts, Snapshot
from infra.versions.table import LEAST_OPERATORS

DRILL_ANNOTATION = "kafka-platform/drill"
"""Of a machine that a drill has cordoned: which stack's, and since when."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What is wrong, and what could not be looked at."""

    findings: Sequence[Finding] = ()
    notes: Sequence[Note] = ()

    @property
    def severity(self) -> int:
        """Severity of the worst finding, 0 if there is none: the exit code."""
        return max((each.severity for each in self.findings), default=0)


@dataclass(frozen=True, kw_only=True)
class Case:
    """All that was seen."""

    settings: Settings
    snapshot: Snapshot
    seen: Seen
    patient: Patient
    version: tuple[int, int]
    now: datetime


def diagnose(case: Case) -> Diagnosis:
    """Every finding, the worst first."""
    missing = _missing(case.patient)
    if case.patient.rendered and not case.seen.pods and len(missing) == len(case.patient.rendered):
        stack, namespace = case.snapshot.stack, case.snapshot.namespace
        found = [
            fault(
                "not-deployed",
                f"Namespace/{namespace}",
                f"has nothing of the stack {stack}",
                f"pulumi up --stack {stack}",
            )
        ]
        return Diagnosis(findings=found, notes=list(case.patient.notes))
    found = [
        *_pods(case),
        *_kafka(case),
        *_cluster(case, missing),
        *_connectors(case),
        *_streams(case),
        *_versions(case),
        *_alerts(case.snapshot.alerts),
    ]
    once = {(each.check, each.subject, each.message): each for each in found}
    ordered = sorted(once.values(), key=lambda each: (-each.severity, each.check, each.subject))
    return Diagnosis(findings=ordered, notes=list(_notes(case)))


def _pods(case: Case) -> Iterator[Finding]:
    everything = [*case.seen.pods, *case.patient.operator_pods]
    # Jobs end, and theirs is the check of the provisioner.
    lasting = [each for each in everything if part(each) is not Part.PROVISIONER]
    yield from pods.crash_loops(lasting, case.now)
    yield from pods.out_of_memory(everything, case.now)
    yield from pods.image_pulls(everything)
    yield from pods.missing_configuration(everything)
    yield from pods.stuck_starts(everything, case.now)
    yield from pods.unschedulable(everything)
    yield from pods.not_ready(lasting, case.now, case.patient.reasons)
    yield from pods.recent_restarts(lasting, case.now)
    yield from pods.evicted(everything)
    own = [
        each
        for subject, each in case.patient.live.items()
        if subject in case.patient.rendered and subject.partition("/")[0] in WORKLOADS and "spec" in each
    ]
    yield from pods.missing_pods(own)
    yield from pods.short_workloads(own)


def _kafka(case: Case) -> Iterator[Finding]:
    namespace, look = case.snapshot.namespace, case.seen.samples
    for check in kafka.ALL_OF_BROKERS:
        yield from check(namespace, case.snapshot.brokers)
    yield from kafka.late_groups(namespace, case.snapshot.groups)
    yield from kafka.throttled_users(namespace, look)
    yield from kafka.lost_probes(namespace, look)
    yield from kafka.broken_paths(namespace, look)
    custom = [each for key in ("kafkas", "kafka_topics", "kafka_users") for each in case.patient.objects.get(key, ())]
    yield from kafka.unwell_resources(custom)
    gateway = case.snapshot.gateway
    if gateway is not None:
        yield from kafka.gateway_failures(namespace, gateway.failed_per_second, gateway.requests_per_second)


def _connectors(case: Case) -> Iterator[Finding]:
    for check in (connectors.failed, connectors.changed):
        yield from check(case.snapshot.namespace, case.snapshot.stack, case.patient.connectors)
    yield from connectors.slots(case.snapshot.namespace, case.seen.samples)


_OF_STREAMS = (
    streams.not_running,
    streams.restarting,
    streams.checkpoints,
    streams.old_checkpoints,
    streams.held_back,
)


def _streams(case: Case) -> Iterator[Finding]:
    found = case.snapshot.streams
    if found is not None:
        for check in _OF_STREAMS:
            yield from check(case.snapshot.namespace, found)
    yield from streams.refused(case.seen.pods)


def _cluster(case: Case, missing: Sequence[str]) -> Iterator[Finding]:
    patient, now = case.patient, case.now
    yield from cluster.pending_claims(patient.objects.get("claims", ()), now)
    yield from cluster.resizing_claims(patient.objects.get("claims", ()))
    yield from cluster.full_volumes(patient.volumes)
    yield from cluster.certificates(patient.ends, now)
    yield from cluster.failed_certificates(patient.objects.get("certificates", ()))
    yield from cluster.used_up_quotas(patient.objects.get("quotas", ()))
    yield from cluster.scalers(case.seen.scalers)
    jobs = [each for each in patient.objects.get("jobs", ()) if part(each) is Part.PROVISIONER]
    yield from cluster.provisioner(jobs, [each for each in case.seen.pods if part(each) is Part.PROVISIONER])
    yield from cluster.old_kubernetes(case.version, needed_kubernetes(case.settings))
    yield from cluster.old_operators(patient.operators, LEAST_OPERATORS)
    yield from cluster.missing_objects(missing)
    known = {subject: each for subject, each in patient.live.items() if subject in patient.rendered}
    yield from cluster.foreign_objects(known, case.snapshot.stack)
    workloads = {key: each for key, each in patient.rendered.items() if key.partition("/")[0] in WORKLOADS}
    yield from cluster.changed_workloads(workloads, {key: each for key, each in known.items() if "spec" in each})
    yield from cluster.failing_jobs([each for key, each in known.items() if key.partition("/")[0] == CRON_JOB])
    yield from cluster.left_by_drills(patient.objects.get("nodes", ()), DRILL_ANNOTATION)


def _versions(case: Case) -> Iterator[Finding]:
    today = case.now.date()
    running = versions.running(case.settings, case.version, case.patient.operators, case.seen.pods)
    yield from versions.ends(running, today)
    yield from versions.old_table(today)


def _missing(patient: Patient) -> list[str]:
    """Missing objects, of kinds that could be listed."""
    return sorted(
        subject
        for subject in patient.rendered
        if subject not in patient.live and subject.rpartition("/")[0] not in patient.unlisted
    )


def _alerts(alerts: Alerts) -> Iterator[Finding]:
    for each in alerts.items:
        if each.state == "firing":
            make = fault if each.severity == "critical" else warning
            yield make(
                "alert", f"Alert/{each.alert}", each.summary or "fires", f"see {each.runbook or 'docs/runbooks'}"
            )


def _notes(case: Case) -> Iterator[Note]:
    yield from case.patient.notes
    found = case.snapshot
    for what, why in (
        ("brokers' metrics", found.brokers.why),
        ("topics", found.topics.why),
        ("groups' lag", found.groups.why),
        ("gateway", None if found.gateway is None else found.gateway.why),
        ("probe", None if found.probe is None else found.probe.why),
        ("workers and scalers", found.workers.why),
        ("alerts", found.alerts.why),
    ):
        if why is not None:
            yield Note(what=what, why=why)
