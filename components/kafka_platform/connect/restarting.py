"""The pod that restarts connectors that have failed: one pure function renders each of its objects.

Kafka Connect never does that itself. Where Strimzi runs it, the operator does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kafka_platform.kube.manifests import (
    Manifest,
    allowed_port,
    collectors,
    environment,
    labels,
    metadata,
    network_policy_of,
    selector,
    to_names,
)
from kafka_platform.kube.objects import Object
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.kube.pods import (
    METRICS_PORT,
    helper_resources,
    pod_spec,
)
from kafka_platform.kube.watchers import watcher_container, watcher_deployment

if TYPE_CHECKING:
    from pulumi import Input

COMPONENT = "connect-restarter"
_TERMINATION_SECONDS = 10


def restarter_name(name: str) -> str:
    """Of the pod's Deployment."""
    return f"{name}-restarter"


@dataclass(frozen=True, kw_only=True)
class RestartSettings:
    """Inputs of the objects that restart connectors.

    Args:
        connect: name of the Kafka Connect.
        namespace: its namespace.
        url: of its REST interface.
        image: of the program.
        port: of the REST interface.
        workers: labels of the workers' pods.
        metrics_namespaces: whose pods may read the metrics; none: all.
        pod_settings: of the pod.
    """

    connect: str
    namespace: "Input[str]"
    url: "Input[str]"
    image: "Input[str]"
    port: int
    workers: Mapping[str, str]
    metrics_namespaces: "Sequence[Input[str]]" = ()
    pod_settings: PodSettings = UNDECIDED

    @property
    def name(self) -> str:
        """Of the objects."""
        return restarter_name(self.connect)

    @property
    def own(self) -> dict[str, str]:
        """The labels that find the pod."""
        return selector(self.name, COMPONENT)


def objects(settings: RestartSettings) -> list[Object]:
    """The pod, and what it may reach."""
    policy = Object(role="restarter-network", manifest=network_policy(settings))
    # It repairs, and never holds up a deployment.
    return [policy, Object(role="restarter", manifest=deployment(settings), after=[policy], awaited=False)]


def network_policy(settings: RestartSettings) -> Manifest:
    """The pod may connect to DNS and the workers; scrapers may connect to it."""
    workers = {"podSelector": {"matchLabels": dict(settings.workers)}}
    return network_policy_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        pods={"matchLabels": settings.own},
        ingress=[collectors(METRICS_PORT, settings.metrics_namespaces)],
        egress=[*to_names(), {"ports": [allowed_port(settings.port)], "to": [workers]}],
    )


def deployment(settings: RestartSettings) -> Manifest:
    """One pod: two would restart everything twice as often."""
    own = labels(settings.name, COMPONENT)
    spec = pod_spec([_container(settings)], [], terminationGracePeriodSeconds=_TERMINATION_SECONDS)
    about = metadata(settings.name, settings.namespace, own)
    template = {"metadata": {"labels": own}, "spec": spec}
    return watcher_deployment(about, settings.own, template, settings.pod_settings)


def _container(settings: RestartSettings) -> Manifest:
    return watcher_container(
        "restarter",
        "connect_restarter",
        image=settings.image,
        env=[*environment({"RESTARTER_PORT": str(METRICS_PORT)}), {"name": "CONNECT_URL", "value": settings.url}],
        resources=helper_resources("128Mi"),
    )
