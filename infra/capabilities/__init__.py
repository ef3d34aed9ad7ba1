"""The list of all capabilities, and what follows from all of them together. No other module has such a list."""

from collections.abc import Iterator, Sequence
from typing import Any

from infra.capabilities.alerts import AlertReceivers
from infra.capabilities.capability import Capability, Deployment, LeastKubernetes, Placed, Rendered, Stack
from infra.capabilities.connectors import KafkaConnect
from infra.capabilities.exporter import KafkaExporter
from infra.capabilities.gateway import HttpGateway
from infra.capabilities.jobs import Jobs
from infra.capabilities.kafka import BrokersByLoad, Cluster, Entities
from infra.capabilities.levels import Levels
from infra.capabilities.light import LightConnectors
from infra.capabilities.logs import LogCollection
from infra.capabilities.mirror import Replication
from infra.capabilities.monitoring import Monitoring, PrometheusServer
from infra.capabilities.namespaces import Namespaces
from infra.capabilities.operators import INSTALLED
from infra.capabilities.probe import LatencyProbe
from infra.capabilities.query import QueryEngine
from infra.capabilities.registry import ExistingRegistry, SchemaRegistry
from infra.capabilities.schemas import Schemas
from infra.capabilities.storage import ExistingStore, ObjectStore
from infra.capabilities.streams import Streams
from infra.capabilities.workers import Workers
from infra.settings.core import Core
from infra.settings.faults import Fault, Known

CAPABILITIES: Sequence[Capability[Any]] = (
    Namespaces(),
    *INSTALLED,
    Cluster(),
    BrokersByLoad(),
    Entities(),
    ExistingRegistry(),
    SchemaRegistry(),
    Schemas(),
    HttpGateway(),
    LatencyProbe(),
    KafkaExporter(),
    ExistingStore(),
    ObjectStore(),
    Streams(),
    QueryEngine(),
    Workers(),
    Jobs(),
    KafkaConnect(),
    Replication(),
    LightConnectors(),
    LogCollection(),
    Levels(),
    Monitoring(),
    PrometheusServer(),
    AlertReceivers(),
)
"""All of them, each after those whose components it needs."""


def faults(settings: Core, known: Known) -> list[Fault]:
    """All conflicts between settings that are valid on their own."""
    stack = Stack(settings, CAPABILITIES)
    return [fault for each, section in stack.present for fault in each.faults(section, stack, known)]


def rendered(settings: Core) -> Iterator[Rendered]:
    """All objects that the program places for these settings: the same lists, with plain text in them.

    Values that only a deployment knows are placeholders: passwords, the cluster ID, certificates. Operators' charts are
    not included: only Helm renders those.
    """
    for _, found in rendered_by_capability(Placed(Stack(settings, CAPABILITIES))):
        yield from found


def rendered_by_capability(placed: Placed) -> Iterator[tuple[str, list[Rendered]]]:
    """The objects of each capability that is turned on, with its key, each after those that it needs."""
    for each, section in placed.stack.present:
        yield each.key, list(each.rendered(section, placed))


def build(settings: Core, provider: Any, mark: str) -> dict[str, Any]:
    """Creates the components of everything that is turned on, and returns the stack's outputs.

    `provider` is the Kubernetes provider, `mark` identifies the stack.
    """
    stack = Stack(settings, CAPABILITIES)
    deployment = Deployment(stack, provider=provider, mark=mark)
    for each, section in stack.present:
        each.build(section, deployment)
    return deployment.outputs


def needed_kubernetes(settings: Core) -> list[LeastKubernetes]:
    """The Kubernetes versions that the enabled capabilities require."""
    return [least for each in Stack(settings, CAPABILITIES).needs for least in each.kubernetes]


def made_namespaces(settings: Core) -> list[str]:
    """The namespaces that the stack creates."""
    made = [namespace for each in Stack(settings, CAPABILITIES).needs for namespace in each.made]
    return [*settings.created_namespaces, *made]
