"""The connectors of a stack, and the Kafka Connect that runs some of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import kafka_platform
from kafka_platform.connect import operated
from kafka_platform.connect.common import ConnectorCommon, connector_user_name, kinds_of
from kafka_platform.connect.kinds import ConnectKind
from kafka_platform.connect.monitoring import restarter_source, slots_source, source
from kafka_platform.connect.objects import ConnectSettings, objects
from kafka_platform.connect.restarting import restarter_name
from kafka_platform.connect.sinks import Plugin
from kafka_platform.connect.slots import watched, watcher_name
from kafka_platform.connect.spec import (
    CONNECT,
    Connector,
    ConnectSpec,
    RunBy,
    check_connectors,
    check_run_by,
    connect_image,
    connect_topics,
    connect_users,
    run_by_of,
)
from kafka_platform.kafka.client_pods import with_authority_of
from kafka_platform.kafka.entities import Quotas, Topic, User
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.light.spec import LightConnectorSpec
from kafka_platform.mirror.monitoring import beside
from kafka_platform.mirror.spec import MIRROR
from kafka_platform.values.forms import shared
from kafka_platform.values.later import plain
from kafka_platform.values.names import user_secret
from kafka_platform.values.words import Path
from pydantic.alias_generators import to_camel

from infra.capabilities.capability import (
    JOBS,
    Capability,
    Deployment,
    Needs,
    Placed,
    Program,
    Rendered,
    Scrape,
    Stack,
)
from infra.capabilities.mirrors import mirror_quotas, mirrored
from infra.capabilities.record_formats import format_faults, schema_faults, with_formats
from infra.capabilities.registry import connection_for
from infra.settings.core import Core
from infra.settings.faults import Fault, Known, declare
from infra.settings.relations.declared import no_topic

KEY = "connectors"


@dataclass(frozen=True, kw_only=True)
class StackConnector(Connector, LightConnectorSpec):
    """Moves records between Kafka and another system. One key says which; what runs it follows from that."""

    tenant: str | None = None
    """Tenant of this file whose quotas its Kafka user has. Default: none, it has no quotas."""

    def check(self) -> None:
        """Only connectors of Kafka Connect convert keys."""
        super().check()
        if self.is_light and self.keys is not None:
            raise ValueError(f"keys: {self.kind_name} takes keys as they are: remove it")

    def declared(self) -> Connector:
        """As a program declares it."""
        return Connector(**shared(self, Connector))

    def light(self) -> LightConnectorSpec:
        """As a program declares one that is a program of its own."""
        return LightConnectorSpec(**shared(self, LightConnectorSpec))


@dataclass(frozen=True, kw_only=True)
class Connect(ConnectSpec):
    """Kafka Connect, which runs connectors: it is there when there is one that it runs."""

    def values(self, settings: Core) -> dict[str, Any]:
        """Its fields as a program writes them."""
        return shared(self, ConnectSpec) | {"pod_settings": settings.pod_settings.with_own(self.pod_settings)}


@dataclass(frozen=True, kw_only=True)
class Section:
    """What Kafka Connect runs, and how."""

    connect: Connect
    connectors: Mapping[str, StackConnector]
    mirrored: Mapping[str, Connector] = field(default_factory=dict)
    """Those of the stack's mirror."""
    undecided: Sequence[str] = ()
    """Names of connectors without a kind, which is a fault."""
    engine: Engine
    """Who runs the Kafka."""

    @property
    def run_by(self) -> RunBy:
        """What runs Kafka Connect."""
        return run_by_of(self.connect, self.engine)

    @property
    def declared(self) -> dict[str, Connector]:
        """As a program declares them."""
        return {**{name: each.declared() for name, each in self.connectors.items()}, **self.mirrored}

    @property
    def by_registry(self) -> dict[str, StackConnector]:
        """Those whose records have schemas in the registry."""
        return {name: each for name, each in self.connectors.items() if each.by_registry is not None}

    def registries(self, placed: Placed) -> dict[str, RegistryConnection]:
        """How each of these reaches the registry. In one that is there already, sources register what they write too."""
        found = {}
        for name, each in self.by_registry.items():
            made = connection_for(placed, connector_user_name(name), placed.settings.namespace)
            if made is not None:
                existing = made.namespace is None
                found[name] = replace(made, registers=not each.is_sink) if existing else made
        return found

    def quotas(self, settings: Core) -> dict[str, Quotas | None]:
        """The limits of each connector's user."""
        own = {
            name: None if each.tenant is None else settings.quotas_of(each.tenant)
            for name, each in self.connectors.items()
        }
        return {**own, **mirror_quotas(settings)}


def connectors_of(settings: Core) -> Mapping[str, StackConnector]:
    """All connectors of a file, whatever runs them."""
    found: Mapping[str, StackConnector] = getattr(settings, KEY)
    return found


def all_connectors(settings: Core) -> Mapping[str, Connector]:
    """All connectors of a file, with those of its mirror."""
    return {**connectors_of(settings), **mirrored(settings)}


def is_light(connector: ConnectorCommon) -> bool:
    """Whether it is a program of its own, rather than one that Kafka Connect runs."""
    return connector.kind is not None and not isinstance(connector.kind, ConnectKind)


def programs_of(connectors: Mapping[str, StackConnector]) -> dict[str, Program]:
    """Connectors of any kind by their users, with the systems that they connect Kafka with."""
    return {
        connector_user_name(name): Program(
            kind="connector",
            name=name,
            tenant=each.tenant,
            places=[f"{place.host}:{place.port}" for place in each.kind.places()],
            is_source=not each.is_sink,
        )
        for name, each in connectors.items()
    }


class KafkaConnect(Capability[Section]):
    """The connectors that Kafka Connect runs."""

    key = KEY
    names = frozenset({CONNECT, restarter_name(CONNECT), watcher_name(CONNECT)})

    def section(self, settings: Core) -> Section | None:
        """None if there is nothing to run, and nothing to remove."""
        every = connectors_of(settings)
        connectors = {
            name: with_formats(name, every, settings)
            for name, each in every.items()
            if isinstance(each.kind, ConnectKind)
        }
        undecided = tuple(name for name, each in every.items() if each.kind is None)
        connect, mirror = settings.of(Connect), mirrored(settings)
        if not connectors and not mirror and not undecided and (connect is None or not connect.removed_connectors):
            return None
        return Section(
            connect=connect or Connect(),
            connectors=connectors,
            mirrored=mirror,
            undecided=undecided,
            engine=settings.kafka.engine,
        )

    def needs(self, section: Section, settings: Core) -> Needs:
        """Passwords; a Kubernetes in which Jobs do not fail by eviction; and it shows metrics."""
        runs_pods, workers = section.run_by is RunBy.PODS, source(CONNECT, section.run_by)
        scrapes = [
            Scrape(
                source=each,
                namespace=settings.namespace,
                key=("connect", "metricsNamespaces"),
                allowed=plain(section.connect.metrics_namespaces),
            )
            for each in (
                beside(workers, section.mirrored[MIRROR].state) if section.mirrored else workers,
                *([restarter_source(CONNECT)] if runs_pods else []),
                *([slots_source(CONNECT)] if watched(section.declared) else []),
            )
        ]
        jobs = [JOBS] if runs_pods else []
        return Needs(
            passwords=["connectors log in"],
            kubernetes=jobs,
            scrapes=scrapes,
            schemas=[connector_user_name(name) for name in section.by_registry],
            schema_writers=[
                connector_user_name(name) for name, each in section.by_registry.items() if not each.is_sink
            ],
        )

    def topics(self, section: Section, settings: Core) -> Mapping[str, Topic]:
        """Those of Kafka Connect, and those of connectors that the file does not declare itself."""
        found = connect_topics(section.declared)
        return {name: topic for name, topic in found.items() if name not in settings.topics}

    def offered(self, section: Section, settings: Core) -> Mapping[str, Topic]:
        """Those of tables, and those with what sinks could not write."""
        written = {topic for name, each in section.declared.items() for topic in each.written(name)}
        return {name: topic for name, topic in self.topics(section, settings).items() if name in written}

    def users(self, section: Section, settings: Core) -> Mapping[str, User]:
        """One of Kafka Connect, and one for each connector."""
        return connect_users(section.declared, settings.namespace, section.quotas(settings))

    def programs(self, section: Section, settings: Core) -> Mapping[str, Program]:
        """The connectors, and the systems that they connect Kafka with."""
        return programs_of(section.connectors)

    def described(self, section: Section) -> str | None:
        """How many there are; the mirror says itself that it is there."""
        if not section.connectors:
            return None
        return "1 connector" if len(section.connectors) == 1 else f"{len(section.connectors):,} connectors"

    def faults(self, section: Section, stack: Stack, known: Known) -> Iterator[Fault]:
        """Connectors that cannot run beside each other, unknown topics and tenants, and a Kafka in which none can be."""
        settings = stack.settings
        if section.connectors or not section.mirrored:  # otherwise the mirror says so
            yield from kafka_faults(settings, known)
        for name in section.undecided:
            if known(KEY, name):
                kinds = kinds_of(StackConnector)
                yield Fault(path=(KEY, name, kinds[0]), message=f"missing: write one of {', '.join(kinds)}")
        for name, each in section.connectors.items():
            yield from common_faults(name, each, stack, known)
            if isinstance(each.kind, Plugin):
                yield from unknown_topics((KEY, name, "plugin", "writes"), each.kind.writes, stack, known)
        yield from schema_faults(section.by_registry, settings, known)
        yield from format_faults(connectors_of(settings), settings, known)
        try:
            check_connectors(section.declared, section.connect.removed_connectors)
        except ValueError as error:
            yield _fault(str(error))
        if known("kafka", "engine"):
            try:
                check_run_by(section.connect, section.engine)
            except ValueError as error:
                yield _fault(str(error))
        for tenant, declared in settings.tenants.items():
            if CONNECT in declared.users:
                path = ("tenants", tenant, "users", CONNECT)
                yield Fault(path=path, message="is the user of Kafka Connect: rename it, or remove connectors")
        for topic in sorted({f"{CONNECT}-configs", f"{CONNECT}-offsets", f"{CONNECT}-status"} & settings.topics.keys()):
            yield Fault(path=("topics", topic), message="is a topic of Kafka Connect: rename it, or remove connectors")

    def rendered(self, section: Section, placed: Placed) -> Iterator[Rendered]:
        """Its objects."""
        settings, connection = placed.settings, placed.connection
        secret = user_secret(CONNECT) if connection.sasl_mechanism is not None else None
        connect = ConnectSettings(
            name=CONNECT,
            namespace=settings.namespace,
            connection=with_authority_of(connection, secret),
            image=settings.images.connect or connect_image(section.run_by),
            runtime_image=settings.runtime_image,
            connectors=section.declared,
            registries=section.registries(placed),
            spread=settings.kafka.spread,
            spec=ConnectSpec(**section.connect.values(settings)),
        )
        render = operated.objects if section.run_by is RunBy.STRIMZI else objects
        yield from placed.named(CONNECT, render(connect))

    def build(self, section: Section, deployment: Deployment) -> None:
        """Depends on its topics, and on its users and their passwords."""
        settings = deployment.settings
        args = kafka_platform.KafkaConnectArgs(
            **section.connect.values(settings),
            connection=deployment.connection,
            connectors=section.declared,
            registries=section.registries(deployment),
            spread=settings.kafka.spread,
            image=settings.images.connect,
            runtime_image=settings.runtime_image,
        )
        made = kafka_platform.KafkaConnect(CONNECT, args, deployment.options("entities", namespaces=True))
        deployment.outputs["connect"] = {"namespace": made.namespace, "service": made.service, "users": made.users}


def kafka_faults(settings: Core, known: Known, key: str = KEY) -> Iterator[Fault]:
    """Connectors, or what else has this key, need topics and users of their own, on any engine."""
    many = key == KEY
    if not settings.manages_entities and known("kafka", "engine") and known("kafka", "adminSecret"):
        yield Fault(
            path=(key,),
            message=f"{'they need' if many else 'it needs'} topics and users, which an administrator makes: name the administrator's Secret in "
            "kafka.adminSecret, or remove the key",
        )
    elif settings.manages_entities and not settings.makes_users and known("kafka"):
        yield Fault(
            path=(key,),
            message=f"{'each' if many else 'it'} needs a user of its own, and clients log in with {settings.kafka.login}, where whoever runs the Kafka makes "
            "users: remove the key",
        )


def common_faults(name: str, connector: ConnectorCommon, stack: Stack, known: Known) -> Iterator[Fault]:
    """Faults of a connector of any kind: its tenant, its topics and its user.

    `connector` has a field `tenant`.
    """
    settings, path = stack.settings, (KEY, name)
    tenant = getattr(connector, "tenant", None)
    if tenant is not None and tenant not in settings.tenants and known.names("tenants") == []:
        fix = declare("tenants", settings.tenants)
        yield Fault(path=(*path, "tenant"), message=f"{tenant!r} is not a tenant of this file: {fix}")
    yield from unknown_topics((*path, "reads"), connector.reads, stack, known)
    user = connector_user_name(name)
    if user in settings.users:
        yield Fault(path=path, message=f"its user {user!r} is a tenant's user already: rename one")
    if user in getattr(settings, "workers", {}):
        yield Fault(path=path, message=f"its user {user!r} is that of worker {user!r} too: rename one")


def unknown_topics(path: Path, topics: Sequence[str], stack: Stack, known: Known) -> Iterator[Fault]:
    """Topics that neither the file nor another connector declares."""
    declared = stack.declared(known)
    if declared.complete:
        for topic in topics:
            if not declared.has(topic):
                yield Fault(path=path, message=no_topic(topic, declared.topics))


def _fault(message: str) -> Fault:
    """The fault that the library found: its message begins with the fields, of which names of connectors are one."""
    where, _, told = message.partition(": ")
    parts = where.split(".")
    if parts[0] != KEY:
        return Fault(path=("connect", to_camel(parts[0])), message=told)
    return Fault(path=(KEY, parts[1], *(to_camel(part) for part in parts[2:])), message=told)
