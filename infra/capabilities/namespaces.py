"""The namespaces that a stack creates."""

from collections.abc import Iterator

from kafka_platform.kafka.entities import Deletion
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kube.manifests import namespace
from kafka_platform.kube.objects import Object

from infra.capabilities.capability import Capability, Deployment, Placed, Rendered
from infra.settings.core import Core


class Namespaces(Capability[tuple[str, ...]]):
    """The platform's, and those of tenants."""

    key = "created_namespaces"

    def rendered(self, section: tuple[str, ...], placed: Placed) -> Iterator[Rendered]:
        """One object for each."""
        for name in section:
            kept = _keeps(placed.settings, name)
            yield Rendered(name=f"namespace-{name}", object=Object(role=name, manifest=namespace(name), kept=kept))

    def build(self, section: tuple[str, ...], deployment: Deployment) -> None:
        """Before everything else."""
        from kafka_platform.kube.place import place

        for name in section:
            options = deployment.options()
            options.retain_on_delete = _keeps(deployment.settings, name)
            deployment.namespaces.append(place(f"namespace-{name}", namespace(name), options))


def _keeps(settings: Core, name: str) -> bool:
    """Whether a namespace is kept when the stack is removed, because it has volumes that are kept."""
    kafka = settings.kafka
    keeps = kafka.engine is not Engine.EXTERNAL and kafka.deletion is Deletion.RETAIN
    return keeps and name == settings.namespace
