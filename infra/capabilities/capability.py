"""The interface of a capability: what it needs, its faults, the objects that it renders, and the component that it builds.

No capability knows a list of the others. What one needs of the rest it says in `Needs`; what it offers to those after it,
it leaves in `Placed`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from kafka_platform.exporter.spec import Surge
from kafka_platform.kafka.entities import Topic, User
from kafka_platform.kafka.secrets import NO_URLS, Urls
from kafka_platform.kube.manifests import sha256_of
from kafka_platform.kube.metrics import Source
from kafka_platform.kube.objects import Object
from kafka_platform.scaling.spec import Scale
from kafka_platform.storage.spec import StoreUser
from kafka_platform.values.words import Path

from infra.settings.core import Core
from infra.settings.faults import Fault, Known
from infra.settings.relations.declared import Declared

if TYPE_CHECKING:
    import pulumi
    from kafka_platform import KafkaConnection

_S = TypeVar("_S")
_Kind = TypeVar("_Kind")
_V = TypeVar("_V")

CLUSTER = "kafka"
"""Name of the cluster in its namespace: bootstrap servers are `kafka.<namespace>.svc:9092`."""
MADE_UP = "made-up"
"""Placeholder for values that only a deployment knows, when a stack file alone is rendered."""


@dataclass(frozen=True, kw_only=True)
class Scrape:
    """Pods that expose metrics."""

    source: Source
    namespace: str
    """Where its pods are."""
    key: Path
    """Key of the stack file that says which namespaces may read them."""
    allowed: Sequence[str]
    """Those namespaces; none: all."""


@dataclass(frozen=True, kw_only=True)
class LeastKubernetes:
    """Minimum Kubernetes version of a feature."""

    minor: int
    """The version, as in 1.30."""
    because: str
    """What an older one lacks, such as `workers with ports drain by preStop.sleep`."""


JOBS = LeastKubernetes(minor=26, because="Jobs go on after an eviction by podFailurePolicy")


@dataclass(frozen=True, kw_only=True)
class TlsServer:
    """A server whose certificate somebody has to renew."""

    address: str
    """`host:port` inside Kubernetes."""
    pod_port: int
    """Port of its pods."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a capability needs from the rest of the stack."""

    passwords: Sequence[str] = ()
    """Who logs in with a password, as the beginning of a sentence: `the probe logs in`."""
    clients: Sequence[str] = ()
    """Namespaces whose pods connect to the brokers."""
    made: Sequence[str] = ()
    """Namespaces that it creates itself."""
    scrapes: Sequence[Scrape] = ()
    urls: Urls = NO_URLS
    """URLs that it provides, which users find in their Secrets."""
    schemas: Sequence[str] = ()
    """Its users of the schema registry: each gets a login, if there is one."""
    schema_readers: Sequence[str] = ()
    """The same, for programs in the platform's namespace without a Kafka user of their own; they may only read."""
    schema_writers: Sequence[str] = ()
    """Those of `schemas` that register schemas, unless the file gives them another role."""
    tls_servers: Sequence[TlsServer] = ()
    """Servers whose certificates are to be watched, if something watches them."""
    stores: Mapping[str, StoreUser] = field(default_factory=dict)
    """Users of the object store in the platform's namespace, by name."""
    kubernetes: Sequence[LeastKubernetes] = ()
    """Requirements on the Kubernetes cluster."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program that reads or writes topics, for pictures of where data goes."""

    kind: str
    """What it is, such as worker."""
    name: str
    tenant: str | None = None
    places: Sequence[str] = ()
    """Systems besides Kafka that it takes data from, or brings data to, as `host:port`."""
    is_source: bool = False
    """Whether it takes data from those systems into Kafka."""
    only_writes: bool = False
    """Whether it passes on nothing of the topics here that it may read."""
    when: str | None = None
    """When it runs, if not all the time, such as `0 3 * * *`."""

    @property
    def called(self) -> str:
        """For example `worker fraud-check`, or `job nightly (0 3 * * *)`."""
        return f"{self.kind} {self.name}" + ("" if self.when is None else f" ({self.when})")


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Pods that follow their lag in topics."""

    what: str
    """As in `worker 'enrich'`."""
    path: Path
    """Its key in the stack file."""
    reads: Sequence[str]
    """Its topics."""
    scale: Scale
    consume: str | None = None
    """Bytes a second that its user may read from each broker. None: no limit."""


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """An object of a stack, and the name of its resource."""

    name: str
    object: Object


class Capability(Generic[_S]):
    """Something that a stack can have. `_S` is the type of its section in the stack file."""

    key: ClassVar[str]
    """The settings field that turns it on."""
    carries_records: ClassVar[bool] = False
    """Whether it is on the path of records: the probe's gate runs again when its objects change."""
    names: ClassVar[frozenset[str]] = frozenset()
    """Names of its workloads, Services and monitors in the platform's namespace, which no worker may have; `*` matches
    anything."""

    def section(self, settings: Core) -> _S | None:
        """Its section of the file; None if it is not turned on."""
        return getattr(settings, self.key) or None

    def needs(self, section: _S, settings: Core) -> Needs:
        """What it needs from the rest, besides topics and users."""
        return Needs()

    def topics(self, section: _S, settings: Core) -> Mapping[str, Topic]:
        """Its topics, by name. Raises `ValueError` if there can be none."""
        return {}

    def offered(self, section: _S, settings: Core) -> Mapping[str, Topic]:
        """Those of its topics that users, workers and connectors of the file may name as if the file declared them."""
        return {}

    def users(self, section: _S, settings: Core) -> Mapping[str, User]:
        """Its Kafka users, by name. Raises `ValueError` if a name can have none."""
        return {}

    def programs(self, section: _S, settings: Core) -> Mapping[str, Program]:
        """The programs that log in as its users, by user. Those that are left out are called parts of the platform."""
        return {}

    def readers(self, section: _S, settings: Core) -> Iterator[Reader]:
        """Those of its programs whose pods follow their lag."""
        return iter(())

    def surges(self, section: _S, stack: "Stack") -> Iterator[Surge]:
        """Those of its Deployments whose pods can be added within seconds of a step of the load."""
        return iter(())

    def described(self, section: _S) -> str | None:
        """Its name in the summary of `check`; None to leave it out."""
        return None

    def faults(self, section: _S, stack: "Stack", known: Known) -> Iterator[Fault]:
        """Faults that only the whole file shows."""
        return iter(())

    def rendered(self, section: _S, placed: "Placed") -> Iterator[Rendered]:
        """Its objects, as far as the file alone determines them."""
        return iter(())

    def build(self, section: _S, deployment: "Deployment") -> None:
        """Creates its component."""


class Stack:
    """A stack's settings, and what its capabilities need together."""

    def __init__(self, settings: Core, capabilities: Sequence[Capability[Any]]) -> None:
        self.settings = settings
        self.capabilities = capabilities

    def of(self, kind: type[_Kind]) -> _Kind | None:
        """The section of that class, if the file has it."""
        return self.settings.of(kind)

    @property
    def present(self) -> Iterator[tuple[Capability[Any], Any]]:
        """The enabled capabilities, with their sections of the file."""
        found = ((each, each.section(self.settings)) for each in self.capabilities)
        return ((each, section) for each, section in found if section is not None)

    @cached_property
    def needs(self) -> Sequence[Needs]:
        """What the enabled capabilities need."""
        return [each.needs(section, self.settings) for each, section in self.present]

    @property
    def topics(self) -> Mapping[str, Topic]:
        """All topics by name: the file's, and those of capabilities. Raises `ValueError` if one of those cannot be."""
        made = (each.topics(section, self.settings) for each, section in self.present)
        return {**self.settings.topics, **{name: topic for each in made for name, topic in each.items()}}

    @cached_property
    def named_topics(self) -> Mapping[str, Topic]:
        """The topics that users, workers and connectors may name: the file's, and those that capabilities offer."""
        offered = (each.offered(section, self.settings) for each, section in self.present)
        return {**{name: topic for each in offered for name, topic in each.items()}, **self.settings.topics}

    def knows_topics(self, known: Known) -> bool:
        """Whether no section at fault may declare or offer further topics."""
        return known.names("topics") == [] and self._knows_offers(known)

    def declared(self, known: Known) -> Declared:
        """The topics that can be named, for checks of references."""
        return Declared(self.settings, known, self.named_topics, all_offered=self._knows_offers(known))

    def _knows_offers(self, known: Known) -> bool:
        return all(known(each.key) for each in self.capabilities if type(each).offered is not Capability.offered)

    def partitions_of(self, topics: Sequence[str]) -> Mapping[str, int]:
        """How many partitions the topics have; none if one of them is not declared here, as that of an external Kafka."""
        if not all(topic in self.named_topics for topic in topics):
            return {}
        return {topic: self.named_topics[topic].partitions for topic in topics}

    @property
    def users(self) -> Mapping[str, User]:
        """All users by name: the tenants', and those of capabilities. Raises `ValueError` if a name can have none."""
        made = (each.users(section, self.settings) for each, section in self.present)
        return {**self.settings.users, **{name: user for each in made for name, user in each.items()}}

    @property
    def scrapes(self) -> Sequence[Scrape]:
        """Everything that exposes metrics."""
        return [scrape for each in self.needs for scrape in each.scrapes]

    @property
    def tls_servers(self) -> Sequence[TlsServer]:
        """Everything whose certificate is to be watched."""
        return [server for each in self.needs for server in each.tls_servers]

    @property
    def urls(self) -> Urls:
        """URLs that users find in their Secrets: each is provided by one capability at most."""
        found = [each.urls for each in self.needs]
        named = ((one.name, getattr(each, one.name)) for each in found for one in fields(Urls))
        return Urls(**{name: url for name, url in named if url is not None})

    def is_taken(self, name: str) -> bool:
        """Whether a capability, turned on or not, has a workload, Service or monitor of that name."""
        return any(fnmatchcase(name, pattern) for each in self.capabilities for pattern in each.names)

    @property
    def client_namespaces(self) -> tuple[str, ...]:
        """Namespaces, other than the platform's own, whose pods may connect to the brokers, sorted."""
        needed = {namespace for each in self.needs for namespace in each.clients}
        return tuple(sorted(needed - {self.settings.namespace}))

    @property
    def version(self) -> str:
        """A hash that changes with every object on the path of records; objects are rendered for this."""
        placed = Placed(self)
        passed = ((each, section) for each, section in self.present if each.carries_records)
        found = [one.object.manifest for each, section in passed for one in each.rendered(section, placed)]
        return sha256_of(json.dumps(found, sort_keys=True))


class Placed:
    """What earlier capabilities provide for later ones: placeholders when a stack file alone is rendered."""

    connection: "KafkaConnection"
    """How to reach the Kafka."""
    gateway_url: "pulumi.Input[str] | None" = None
    """URL of the gateway inside Kubernetes, if there is one."""
    registry_url: "pulumi.Input[str] | None" = None
    """URL of the schema registry, if there is one."""
    mark: str = MADE_UP
    """What identifies the stack."""
    cluster_id: str = MADE_UP
    """The ID of an embedded Kafka, unless the file has it."""
    gate_version: str = MADE_UP
    """Changes whenever the probe's gate has to run again."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.settings = stack.settings

    def password(self, name: str, version: int = 1) -> str:
        """The generated password of what `name` says; another version is another one."""
        return MADE_UP

    def sha256(self, text: str) -> str:
        """The hash of a text with a generated password in it, in hexadecimal digits."""
        return sha256_of(text)

    def taken(self, secret: str, key: str | None = None) -> str:
        """What is in a Secret of the platform's namespace that an operator creates: its `key`, or all its certificates."""
        return MADE_UP

    def named(self, component: str, objects: Sequence[Object]) -> Iterator[Rendered]:
        """Objects of a component, with the names of their resources."""
        yield from (Rendered(name=f"{component}-{each.role}", object=each) for each in objects)


class Deployment(Placed):
    """What has been created for later capabilities."""

    def __init__(self, stack: Stack, *, provider: "pulumi.ProviderResource", mark: str) -> None:
        """`mark` identifies the stack."""
        super().__init__(stack)
        self.mark = mark
        self.namespaces: list[pulumi.Resource] = []
        """The namespaces that the stack creates."""
        self.made: dict[str, Any] = {}
        """The components that others depend on, by the settings fields that turn them on."""
        self.outputs: dict[str, Any] = {"namespace": stack.settings.namespace}
        """The stack's outputs: no secrets, only where they are."""
        self._provider = provider

    def options(self, *after: str, namespaces: bool = False, protect: bool | None = None) -> "pulumi.ResourceOptions":
        """Options of a component that depends on others, if they exist, and on the namespaces if it is in one of them."""
        import pulumi

        before = self._before(after, namespaces=namespaces)
        return pulumi.ResourceOptions(provider=self._provider, protect=protect, depends_on=before)

    def once_made(self, value: "pulumi.Input[_V]", *after: str, namespaces: bool = False) -> "pulumi.Input[_V]":
        """The value, for what must not be made before others, if they are there, or before the namespaces."""
        from kafka_platform.kube.place import once_ready

        before = self._before(after, namespaces=namespaces)
        return once_ready(value, *before) if before else value

    def _before(self, after: Sequence[str], *, namespaces: bool) -> "list[pulumi.Resource]":
        return [*(self.namespaces if namespaces else ()), *(self.made[each] for each in after if each in self.made)]
