"""The Job that applies connectors by the REST interface of Kafka Connect: one pure function renders each of its objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kafka_platform.kube import declared
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import (
    Manifest,
    allowed_port,
    environment,
    labels,
    metadata,
    network_policy_of,
    selector,
    to_names,
)
from kafka_platform.kube.objects import Object
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.kube.pods import container_security, helper_resources

if TYPE_CHECKING:
    from pulumi import Input

COMPONENT = "connect-applier"
_FOLDER = "/etc/kafka-platform/connectors"


@dataclass(frozen=True, kw_only=True)
class ApplySettings:
    """Inputs of the objects that apply connectors.

    Args:
        name: of the Kafka Connect.
        namespace: its namespace.
        url: of its REST interface.
        runtime_image: of the program that applies.
        configs: a declaration for each connector, by its key in a ConfigMap.
        removed: names of connectors to delete.
        port: of the REST interface.
        pods: labels of the workers.
        secrets: what changes with the connectors' Secrets.
        pod_settings: of the Job's pods.
    """

    name: str
    namespace: "Input[str]"
    url: "Input[str]"
    runtime_image: "Input[str]"
    configs: "Input[Mapping[str, str]]"
    port: int
    pods: Mapping[str, str]
    removed: Sequence[str] = ()
    secrets: str = ""
    pod_settings: PodSettings = UNDECIDED

    @property
    def own(self) -> dict[str, str]:
        """The labels that find the Job's pods."""
        return selector(self.name, COMPONENT)


def objects(settings: ApplySettings, after: Sequence[Object]) -> list[Object]:
    """The Job, which runs when a connector changes, and what it needs."""
    before = [
        Object(role="connectors", manifest=config_map(settings)),
        Object(role="applier-network", manifest=network_policy(settings)),
    ]
    return [*before, Object(role="apply", manifest=job(settings), after=[*before, *after], runs_again=True)]


def data_of(settings: ApplySettings) -> Any:
    """What the ConfigMap holds."""
    return derived(lambda configs: {**configs, **declared.removed(settings.removed)}, settings.configs)


def config_map(settings: ApplySettings) -> Manifest:
    """One key for each connector, so that a preview names what changes."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(f"{settings.name}-connectors", settings.namespace, labels(settings.name, COMPONENT)),
        "data": data_of(settings),
    }


def network_policy(settings: ApplySettings) -> Manifest:
    """The Job's pods may connect to DNS and the workers; nothing may connect to them."""
    workers = {"podSelector": {"matchLabels": dict(settings.pods)}}
    return network_policy_of(
        metadata(f"{settings.name}-applier", settings.namespace, labels(settings.name, COMPONENT)),
        pods={"matchLabels": settings.own},
        ingress=[],
        egress=[*to_names(), {"ports": [allowed_port(settings.port)], "to": [workers]}],
    )


def job(settings: ApplySettings) -> Manifest:
    """Applies the connectors; other declarations make another Job."""
    container: Manifest = {
        "command": ["python3", "-m", "kafka_platform_runtime.connect_applier"],
        "env": [
            *environment({"DEADLINE_SECONDS": str(declared.RETRY_SECONDS), "DECLARATIONS_DIR": _FOLDER}),
            {"name": "CONNECT_URL", "value": settings.url},
        ],
        "image": settings.runtime_image,
        "name": "applier",
        "resources": helper_resources("128Mi", cpu="50m", reserved="64Mi"),
        "securityContext": container_security(),
        "volumeMounts": [{"mountPath": _FOLDER, "name": "connectors", "readOnly": True}],
    }
    version = derived(lambda data: declared.version_of([data, settings.secrets]), data_of(settings))
    return declared.job(
        container,
        [{"configMap": {"name": f"{settings.name}-connectors"}, "name": "connectors"}],
        version=version,
        own=labels(settings.name, COMPONENT),
        namespace=settings.namespace,
        pods=settings.pod_settings,
    )
