"""The Kubernetes objects of a worker: one pure function renders each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kafka_platform.kafka.client_pods import kafka_ports
from kafka_platform.kube.manifests import Manifest, callers, disruption_budget_of, service_of, service_port
from kafka_platform.kube.objects import Object
from kafka_platform.kube.pods import prefer_other_machines, spread_over
from kafka_platform.program import pods
from kafka_platform.program.pods import ProgramSettings, config_map, files_of, hash_of, pod_template
from kafka_platform.values.units import whole_seconds
from kafka_platform.worker.spec import HealthCheck, WorkerSpec

if TYPE_CHECKING:
    from pulumi import Input

COMPONENT = "worker"
DRAIN_SECONDS = 5
"""How long a pod with ports keeps serving before SIGTERM, as Services still send traffic to it."""
SETTLE_SECONDS = 5
"""A new pod counts as there after this: the group has shared out its partitions before the next pods are replaced."""


@dataclass(frozen=True, kw_only=True)
class WorkerSettings(ProgramSettings):
    """Inputs of the objects of a worker."""

    COMPONENT = COMPONENT

    spec: WorkerSpec
    spread: str = "topology.kubernetes.io/zone"

    @property
    def grace_seconds(self) -> int:
        """How long a pod may take to end, draining included."""
        drain = DRAIN_SECONDS if self.spec.ports and not self.spec.stop_command else 0
        return whole_seconds(self.spec.termination) + drain


def objects(settings: WorkerSettings) -> list[Object]:
    """The worker's objects, in the order in which they are needed."""
    files = files_of(settings)
    config = Object(role="client", manifest=config_map(settings, files))
    policy = Object(role="network", manifest=network_policy(settings, kafka_ports(settings.connection)))
    found = [config, policy, Object(role="disruption", manifest=pod_disruption_budget(settings))]
    if settings.spec.ports:
        # Not awaited: a worker may have no pods, for a time or for good.
        found.append(Object(role="service", manifest=service(settings), awaited=False))
    workload = Object(
        role="pods",
        manifest=deployment(settings, hash_of(files)),
        after=[config, policy],
        # A fixed number is taken back from the autoscaler that there was before.
        forced=settings.spec.scale is None,
    )
    return [*found, workload]


def service(settings: WorkerSettings) -> Manifest:
    """Leads others to the pods' ports."""
    return service_of(
        settings.about,
        [service_port(name, port) for name, port in sorted(settings.spec.ports.items())],
        settings.own,
    )


def pod_disruption_budget(settings: WorkerSettings) -> Manifest:
    """One pod at a time may be drained: the group shares out its partitions once for each."""
    return disruption_budget_of(settings.about, settings.own)


def network_policy(settings: WorkerSettings, kafka_ports: "Input[Sequence[Manifest]]") -> Manifest:
    """As every program's; its ports are reached by those who may."""
    spec = settings.spec
    ingress = [callers(spec.ports.values(), spec.client_namespaces)] if spec.ports else []
    return pods.network_policy(settings, kafka_ports, ingress)


def deployment(settings: WorkerSettings, config_hash: "Input[str]") -> Manifest:
    """The pods."""
    spec: Manifest = {
        "minReadySeconds": SETTLE_SECONDS,
        "selector": {"matchLabels": settings.own},
        # A quarter at a time, each gone when its successor is there: few and short rebalances, and nobody is missing.
        "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}, "type": "RollingUpdate"},
        "template": pod_template(
            settings,
            config_hash,
            container=_container(settings),
            pod={
                "affinity": prefer_other_machines(settings.own),
                "terminationGracePeriodSeconds": settings.grace_seconds,
                "topologySpreadConstraints": spread_over(settings.spread, settings.own),
            },
        ),
    }
    if settings.spec.scale is None:
        spec["replicas"] = 1 if settings.spec.replicas is None else settings.spec.replicas
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": settings.about,
        "spec": dict(sorted(spec.items())),
    }


def _container(settings: WorkerSettings) -> Manifest:
    """What a worker's container has beyond what every program's has."""
    container: Manifest = {}
    if settings.spec.ports:
        container["ports"] = [
            {"containerPort": port, "name": name} for name, port in sorted(settings.spec.ports.items())
        ]
    if settings.spec.stop_command:
        container["lifecycle"] = {"preStop": {"exec": {"command": list(settings.spec.stop_command)}}}
    elif settings.spec.ports:
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}}
    probes = {
        "livenessProbe": settings.spec.probes.liveness,
        "readinessProbe": settings.spec.probes.readiness,
        "startupProbe": settings.spec.probes.startup,
    }
    container |= {name: _probe(probe) for name, probe in probes.items() if probe is not None}
    return container


def _probe(probe: HealthCheck) -> Manifest:
    asked: Manifest = (
        {"httpGet": {"path": probe.path, "port": probe.port}}
        if probe.path is not None
        else {"exec": {"command": list(probe.command)}}
    )
    return {
        **asked,
        "failureThreshold": probe.failures,
        "periodSeconds": whole_seconds(probe.period),
        "timeoutSeconds": 5,
    }
