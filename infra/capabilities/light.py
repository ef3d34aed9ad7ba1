"""The connectors of a stack that are small programs of their own."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import kafka_platform
from kafka_platform.connect.common import RecordFormat, connector_user_name
from kafka_platform.kafka.client_pods import with_authority_of
from kafka_platform.kafka.entities import Quotas, Topic, User
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.light.monitoring import source
from kafka_platform.light.objects import LightSettings, objects
from kafka_platform.light.spec import LightConnectorSpec, light_topics, light_users
from kafka_platform.scaling import objects as scaling
from kafka_platform.scaling.spec import scaler_user_name
from kafka_platform.values.forms import shared
from kafka_platform.values.later import plain
from kafka_platform.values.names import user_secret
from pydantic.alias_generators import to_camel

from infra.capabilities.capability import (
    Capability,
    Deployment,
    Needs,
    Placed,
    Program,
    Reader,
    Rendered,
    Scrape,
    Stack,
)
from infra.capabilities.connectors import (
    KEY,
    Connect,
    StackConnector,
    common_faults,
    connectors_of,
    kafka_faults,
    programs_of,
    unknown_topics,
)
from infra.capabilities.operators import Keda
from infra.capabilities.registry import Registry, connection_for
from infra.settings.core import Core
from infra.settings.faults import Fault, Known


class LightConnectors(Capability[Mapping[str, StackConnector]]):
    """The connectors that are programs of their own."""

    key = KEY
    names = frozenset({connector_user_name("*")})

    def section(self, settings: Core) -> Mapping[str, StackConnector] | None:
        """None if there are none."""
        return {name: each for name, each in connectors_of(settings).items() if each.is_light} or None

    def needs(self, section: Mapping[str, StackConnector], settings: Core) -> Needs:
        """Passwords; and Prometheus scrapes them."""
        scrapes = [
            Scrape(
                source=source(connector_user_name(name)),
                namespace=settings.namespace,
                key=("connect", "metricsNamespaces"),
                allowed=_readers(settings),
            )
            for name in sorted(section)
        ]
        return Needs(
            passwords=["connectors log in"],
            scrapes=scrapes,
            schemas=[connector_user_name(name) for name, each in section.items() if each.format is RecordFormat.SCHEMA],
        )

    def topics(self, section: Mapping[str, StackConnector], settings: Core) -> Mapping[str, Topic]:
        """Their dead-letter topics, unless the file declares them itself."""
        found = light_topics(_declared(section))
        return {name: topic for name, topic in found.items() if name not in settings.topics}

    def offered(self, section: Mapping[str, StackConnector], settings: Core) -> Mapping[str, Topic]:
        """All of them."""
        return self.topics(section, settings)

    def users(self, section: Mapping[str, StackConnector], settings: Core) -> Mapping[str, User]:
        """One for each, and one with which KEDA looks at its lag."""
        quotas: dict[str, Quotas | None] = {
            name: None if each.tenant is None else settings.quotas_of(each.tenant) for name, each in section.items()
        }
        return light_users(_declared(section), settings.namespace, quotas)

    def programs(self, section: Mapping[str, StackConnector], settings: Core) -> Mapping[str, Program]:
        """The connectors, and the systems that they connect Kafka with."""
        return programs_of(section)

    def readers(self, section: Mapping[str, StackConnector], settings: Core) -> Iterator[Reader]:
        """Those that are scaled by lag."""
        for name, each in section.items():
            if each.scale is not None and each.scale.by_lag:
                yield Reader(what=f"connector {name!r}", path=(KEY, name), reads=each.reads, scale=each.scale)

    def described(self, section: Mapping[str, StackConnector]) -> str:
        """How many there are."""
        return "1 light connector" if len(section) == 1 else f"{len(section):,} light connectors"

    def faults(self, section: Mapping[str, StackConnector], stack: Stack, known: Known) -> Iterator[Fault]:
        """Unknown topics and tenants, a Kafka in which they can have no users, and scaling that does not fit."""
        if all(each.is_light for each in connectors_of(stack.settings).values()):  # otherwise Kafka Connect says so
            yield from kafka_faults(stack.settings, known)
        for name, each in section.items():
            path = (KEY, name)
            yield from common_faults(name, each, stack, known)
            if each.format is RecordFormat.SCHEMA and stack.of(Registry) is None and known("registry"):
                message = "schema needs a schema registry: write registry: {}, or registry.url of one that is there"
                yield Fault(path=(*path, "format"), message=message)
            written = each.kind.written()
            if written is not None:
                yield from unknown_topics((*path, str(each.kind_name), "writes"), [written], stack, known)
            if each.scale is None or not known(KEY, name):
                continue
            if stack.of(Keda) is None and known("keda"):
                yield Fault(
                    path=(*path, "scale"),
                    message="needs KEDA: write keda: {install: true}, or keda: {} where the cluster has it",
                )
            if not stack.knows_topics(known):
                continue
            try:
                each.most_pods(name, stack.partitions_of(each.reads))
            except ValueError as error:
                field, _, message = str(error).partition(": ")
                inner = tuple(to_camel(part) for part in field.split("."))
                yield Fault(path=(*path, *inner), message=message)

    def rendered(self, section: Mapping[str, StackConnector], placed: Placed) -> Iterator[Rendered]:
        """Their objects, and those that scale them."""
        for name, each in sorted(section.items()):
            own = connector_user_name(name)
            yield from placed.named(own, objects(_settings(name, each, placed)))
            if each.scale is not None and each.pods is None:
                scaler = _scaler(name, each, placed)
                yield from placed.named(scaler.name, scaling.objects(scaler))

    def build(self, section: Mapping[str, StackConnector], deployment: Deployment) -> None:
        """Depends on their users; and on KEDA if they are scaled."""
        settings = deployment.settings
        for name, each in sorted(section.items()):
            operator = ["keda"] if each.scale is not None else []
            args = kafka_platform.LightConnectorArgs(
                **shared(each, LightConnectorSpec),
                connection=deployment.connection,
                registry=_registry(name, each, deployment),
                namespace=deployment.once_made(settings.namespace, *operator, namespaces=True),
                partitions=deployment.stack.partitions_of(each.reads),
                spread=settings.kafka.spread,
                metrics_namespaces=_readers(settings),
                pod_settings=settings.pod_settings,
                image=settings.runtime_image,
            )
            made = kafka_platform.LightConnector(name, args, deployment.options("entities", namespaces=True))
            deployment.outputs.setdefault("lightConnectors", {})[name] = {
                "namespace": made.namespace,
                "deployment": made.deployment,
                "user": made.user,
            }


def _readers(settings: Core) -> Sequence[str]:
    """The namespaces whose pods may read the metrics of connectors of all kinds."""
    connect = settings.of(Connect)
    return () if connect is None else plain(connect.metrics_namespaces)


def _registry(name: str, connector: StackConnector, placed: Placed) -> RegistryConnection | None:
    """How it reaches the registry, if it reads records by their schemas."""
    if connector.format is not RecordFormat.SCHEMA:
        return None
    return connection_for(placed, connector_user_name(name), placed.settings.namespace)


def _declared(section: Mapping[str, StackConnector]) -> dict[str, LightConnectorSpec]:
    return {name: each.light() for name, each in section.items()}


def _settings(name: str, connector: StackConnector, placed: Placed) -> LightSettings:
    settings, connection = placed.settings, placed.connection
    secret = user_secret(connector_user_name(name)) if connection.sasl_mechanism is not None else None
    values: dict[str, Any] = shared(connector, LightConnectorSpec)
    return LightSettings(
        connector=name,
        namespace=settings.namespace,
        connection=with_authority_of(connection, secret),
        image=settings.runtime_image,
        spec=LightConnectorSpec(**values),
        registry=_registry(name, connector, placed),
        secret=secret,
        spread=settings.kafka.spread,
        pod_settings=settings.pod_settings,
        metrics_namespaces=_readers(settings),
    )


def _scaler(name: str, connector: StackConnector, placed: Placed) -> scaling.ScalerSettings:
    own, connection, scale = connector_user_name(name), placed.connection, connector.scale
    assert scale is not None  # noqa: S101 - whoever asks has looked
    secret = user_secret(scaler_user_name(own)) if scale.by_lag and connection.logs_in else None
    return scaling.ScalerSettings(
        name=scaler_user_name(own),
        namespace=placed.settings.namespace,
        connection=with_authority_of(connection, secret),
        scale=scale,
        max=connector.most_pods(name, placed.stack.partitions_of(connector.reads)),
        target=own,
        topics=connector.reads,
        group=own,
        secret=secret,
    )
