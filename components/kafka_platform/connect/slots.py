"""The pod that watches how much of their logs databases of PostgreSQL keep for sources: one pure function renders each of its objects."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kafka_platform.connect.egress import allowed_places
from kafka_platform.connect.kinds import OWN
from kafka_platform.connect.sources import PostgresSource
from kafka_platform.connect.spec import Connector
from kafka_platform.kube.manifests import (
    Manifest,
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
    secret_volume,
)
from kafka_platform.kube.watchers import watcher_container, watcher_deployment

if TYPE_CHECKING:
    from pulumi import Input

COMPONENT = "connect-slots"
_FOLDER = "/etc/kafka-platform/slots"
_TERMINATION_SECONDS = 15


def watcher_name(name: str) -> str:
    """Of the pod's Deployment."""
    return f"{name}-slots"


def watched(connectors: Mapping[str, Connector]) -> dict[str, PostgresSource]:
    """The sources that have a slot, by name."""
    return {name: each.kind for name, each in sorted(connectors.items()) if isinstance(each.kind, PostgresSource)}


@dataclass(frozen=True, kw_only=True)
class SlotSettings:
    """Inputs of the objects that watch slots.

    Args:
        connect: name of the Kafka Connect.
        namespace: its namespace.
        image: of the program.
        sources: by the names of their connectors.
        version: changes with what the Secrets hold.
        metrics_namespaces: whose pods may read the metrics; none: all.
        pod_settings: of the pod.
    """

    connect: str
    namespace: "Input[str]"
    image: "Input[str]"
    sources: Mapping[str, PostgresSource]
    version: str = ""
    metrics_namespaces: "Sequence[Input[str]]" = ()
    pod_settings: PodSettings = UNDECIDED

    @property
    def name(self) -> str:
        """Of the objects."""
        return watcher_name(self.connect)

    @property
    def own(self) -> dict[str, str]:
        """The labels that find the pod."""
        return selector(self.name, COMPONENT)


def objects(settings: SlotSettings) -> list[Object]:
    """The pod, and what it may reach; nothing where no source has a slot."""
    if not settings.sources:
        return []
    policy = Object(role="slots-network", manifest=network_policy(settings))
    # It observes, and never holds up a deployment.
    return [policy, Object(role="slots", manifest=deployment(settings), after=[policy], awaited=False)]


def network_policy(settings: SlotSettings) -> Manifest:
    """The pod may connect to DNS and the databases; scrapers may connect to it."""
    places = [place for each in settings.sources.values() for place in each.places()]
    return network_policy_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        pods={"matchLabels": settings.own},
        ingress=[collectors(METRICS_PORT, settings.metrics_namespaces)],
        egress=[*to_names(), *allowed_places(places)],
    )


def deployment(settings: SlotSettings) -> Manifest:
    """One pod, with the logins of these sources alone."""
    own = labels(settings.name, COMPONENT)
    volumes = [
        secret_volume(f"{name}-{OWN}", each.secret, *each.secret_keys) for name, each in settings.sources.items()
    ]
    spec = pod_spec([_container(settings)], volumes, terminationGracePeriodSeconds=_TERMINATION_SECONDS)
    template = {"metadata": {"annotations": {"kafka-platform/secrets": settings.version}, "labels": own}, "spec": spec}
    about = metadata(settings.name, settings.namespace, own)
    return watcher_deployment(about, settings.own, template, settings.pod_settings)


def slots(settings: SlotSettings) -> str:
    """What the program is told, without logins."""
    told = [
        {
            "connector": name,
            "database": each.database,
            "host": each.host,
            "port": each.port,
            "slot": each.slot_of(name),
            "tls": each.tls.value,
        }
        for name, each in settings.sources.items()
    ]
    return json.dumps(told, sort_keys=True)


def _container(settings: SlotSettings) -> Manifest:
    return watcher_container(
        "slots",
        "slot_watcher",
        image=settings.image,
        env=environment({"SLOTS": slots(settings), "SLOTS_FOLDER": _FOLDER, "SLOTS_PORT": str(METRICS_PORT)}),
        resources=helper_resources("128Mi"),
        mounts=[
            {"mountPath": f"{_FOLDER}/{name}", "name": f"{name}-{OWN}", "readOnly": True} for name in settings.sources
        ],
    )
