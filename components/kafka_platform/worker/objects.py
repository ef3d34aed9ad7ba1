"""The Kubernetes objects of a worker: one pure function renders each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kafka_platform.kafka.client_pods import kafka_ports
from kafka_platform.kube.manifests import (
    Manifest,
    allowed_port,
    callers,
    disruption_budget_of,
    metadata,
    service_of,
    service_port,
)
from kafka_platform.kube.objects import Guard, Object
from kafka_platform.kube.pods import prefer_other_machines, spread_over
from kafka_platform.program import pods
from kafka_platform.program.pods import STATE, ProgramSettings, config_map, files_of, hash_of, pod_template
from kafka_platform.values.units import whole_seconds
from kafka_platform.worker.spec import HealthCheck, WorkerSpec
from kafka_platform.worker.state import POD, WorkerState, streams_options
from kafka_platform.worker.volumes import claims, refuse_other_sizes, stateful_set_of

if TYPE_CHECKING:
    from pulumi import Input

COMPONENT = "worker"
DRAIN_SECONDS = 5
"""How long a pod with ports keeps serving before SIGTERM, as Services still send traffic to it."""
STATE_PORT = "http"
"""Name of the port at which pods ask each other for their state."""
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

    @property
    def pods_service(self) -> str:
        """Name of the Service by which each pod of a StatefulSet has a name."""
        return f"{self.name}-pods"

    @property
    def streams(self) -> Mapping[str, str]:
        """Options of Kafka Streams, whose state is in the volume `state`; empty for a program without state."""
        spec, port = self.spec, self.spec.ports.get(STATE_PORT)
        if spec.state is None:
            return {}
        return streams_options(
            spec.state,
            group=self.group or self.name,
            folder=STATE,
            most_pods=spec.most_pods_declared,
            exactly_once=spec.transactional,
            server=None if port is None else f"{POD}.{self.pods_service}:{port}",
        )


def objects(settings: WorkerSettings) -> list[Object]:
    """The worker's objects, in the order in which they are needed."""
    files = files_of(settings)
    config = Object(role="client", manifest=config_map(settings, files))
    policy = Object(role="network", manifest=network_policy(settings, kafka_ports(settings.connection)))
    found = [config, policy, Object(role="disruption", manifest=pod_disruption_budget(settings))]
    if settings.spec.ports:
        # Not awaited: a worker may have no pods, for a time or for good.
        found.append(Object(role="service", manifest=service(settings), awaited=False))
    if settings.spec.state is not None:
        return [*found, *_with_state(settings, settings.spec.state, hash_of(files), [config, policy])]
    workload = Object(
        role="pods",
        manifest=deployment(settings, hash_of(files)),
        after=[config, policy],
        # A fixed number is taken back from the autoscaler that there was before.
        forced=settings.spec.scale is None,
    )
    return [*found, workload]


def _with_state(
    settings: WorkerSettings, state: WorkerState, config_hash: "Input[str]", after: list[Object]
) -> list[Object]:
    """The StatefulSet, what it needs first, and the sizes of its volumes."""
    # Waiting for its pods here would never end: the StatefulSet needs it first.
    names = Object(role="names", manifest=pods_service(settings), awaited=False)
    pods = Object(
        role="pods",
        manifest=stateful_set(settings, state, config_hash),
        after=[*after, names],
        # The API server completes the claims' template as a whole.
        forced=True,
        # It takes no other template; what it would change is done by the claims' patches.
        ignored=["spec.volumeClaimTemplates"],
        guard=Guard(name=f"{settings.name}-no-other-volumes", check=refuse_other_sizes),
    )
    fixed = 0 if settings.spec.scale is not None else _replicas(settings)
    return [names, pods, *claims(settings.name, settings.namespace, state, fixed, pods)]


def pods_service(settings: WorkerSettings) -> Manifest:
    """Gives each pod a name, ready or not: one that fetches its state can already tell who else has it."""
    ports = [service_port(name, port) for name, port in sorted(settings.spec.ports.items())]
    about = metadata(settings.pods_service, settings.namespace, settings.labels)
    return service_of(about, ports, settings.own, headless=True, unready=True)


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
    """As every program's; its ports are reached by those who may, and by its own pods where each has a part of the state."""
    spec = settings.spec
    ingress = [callers(spec.ports.values(), spec.client_namespaces)] if spec.ports else []
    peers: list[Manifest] = []
    if spec.ports and spec.state is not None:
        ports = [allowed_port(port) for port in sorted(spec.ports.values())]
        peers.append({"ports": ports, "to": [{"podSelector": {"matchLabels": settings.own}}]})
    return pods.network_policy(settings, kafka_ports, ingress, peers)


def deployment(settings: WorkerSettings, config_hash: "Input[str]") -> Manifest:
    """The pods."""
    spec: Manifest = {
        "minReadySeconds": SETTLE_SECONDS,
        "selector": {"matchLabels": settings.own},
        # A quarter at a time, each gone when its successor is there: few and short rebalances, and nobody is missing.
        "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}, "type": "RollingUpdate"},
        "template": _template(settings, config_hash),
    }
    if settings.spec.scale is None:
        spec["replicas"] = _replicas(settings)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": settings.about,
        "spec": dict(sorted(spec.items())),
    }


def stateful_set(settings: WorkerSettings, state: WorkerState, config_hash: "Input[str]") -> Manifest:
    """The pods, each with a name and a volume that it keeps."""
    more: Manifest = {"minReadySeconds": SETTLE_SECONDS, "serviceName": settings.pods_service}
    if settings.spec.scale is None:
        more["replicas"] = _replicas(settings)
    return stateful_set_of(settings.about, settings.own, _template(settings, config_hash), state, more)


def _replicas(settings: WorkerSettings) -> int:
    """The number of pods, where it is fixed."""
    return 1 if settings.spec.replicas is None else settings.spec.replicas


def _template(settings: WorkerSettings, config_hash: "Input[str]") -> Manifest:
    return pod_template(
        settings,
        config_hash,
        container=_container(settings),
        pod={
            "affinity": prefer_other_machines(settings.own),
            "terminationGracePeriodSeconds": settings.grace_seconds,
            "topologySpreadConstraints": spread_over(settings.spread, settings.own),
        },
    )


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
