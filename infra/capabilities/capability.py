"""What can be turned on, as the program sees it: what it needs, what is wrong with it, what it renders and what it builds.

No capability knows a list of the others. What one needs of the rest it says in `Needs`; what it offers to those after it,
it leaves in `Placed`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from kafka_platform.kafka.entities import Topic, User
from kafka_platform.kafka.secrets import NO_URLS, Urls
from kafka_platform.kube.metrics import Source
from kafka_platform.kube.objects import Object
from kafka_platform.values.words import Path

from infra.settings.core import Core
from infra.settings.faults import Fault, Known

if TYPE_CHECKING:
    import pulumi
    from kafka_platform import KafkaConnection

_S = TypeVar("_S")
_Kind = TypeVar("_Kind")
_V = TypeVar("_V")

CLUSTER = "kafka"
"""Name of the cluster in its namespace: bootstrap servers are `kafka.<namespace>.svc:9092`."""
MADE_UP = "made-up"
"""Stands for what only a deployment knows, where a stack's file is rendered by itself."""


@dataclass(frozen=True, kw_only=True)
class Scrape:
    """Something that shows metrics."""

    source: Source
    namespace: str
    """Where its pods are."""
    key: Path
    """Where the stack file says which namespaces may read it."""
    allowed: Sequence[str]
    """Those namespaces; none: all."""


@dataclass(frozen=True, kw_only=True)
class LeastKubernetes:
    """The oldest Kubernetes that something runs on."""

    minor: int
    """The version, as in 1.30."""
    because: str
    """What an older one lacks, as in `workers with ports drain by preStop.sleep`."""


JOBS = LeastKubernetes(minor=26, because="Jobs go on after an eviction by podFailurePolicy")


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a capability needs of the rest of the stack."""

    passwords: Sequence[str] = ()
    """Who logs in by a password, as the beginning of a sentence: `the probe logs in`."""
    clients: Sequence[str] = ()
    """Namespaces whose pods connect to the brokers."""
    made: Sequence[str] = ()
    """Namespaces that it makes itself."""
    scrapes: Sequence[Scrape] = ()
    urls: Urls = NO_URLS
    """Where callers reach the HTTP interface that it is: users find it in their Secrets."""
    schemas: Sequence[str] = ()
    """Its users that look up how records are written: each gets a login to the schema registry, if there is one."""
    kubernetes: Sequence[LeastKubernetes] = ()
    """What the Kubernetes cluster has to be, besides one that is still maintained."""


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """An object of a stack, and the name of its resource."""

    name: str
    object: Object


class Capability(Generic[_S]):
    """Something that a stack can have. `_S` is what its file says of it."""

    key: ClassVar[str]
    """The field of the settings that turns it on."""
    carries_records: ClassVar[bool] = False
    """Whether records pass it on their way: the probe's gate is passed again when its objects change."""
    names: ClassVar[frozenset[str]] = frozenset()
    """Names of its workloads, Services and monitors in the platform's namespace, which no worker may have; `*` stands for
    anything."""

    def section(self, settings: Core) -> _S | None:
        """What the file says of it; None if it is not turned on."""
        return getattr(settings, self.key) or None

    def needs(self, section: _S, settings: Core) -> Needs:
        """What it needs of the rest, besides topics and users."""
        return Needs()

    def topics(self, section: _S, settings: Core) -> Mapping[str, Topic]:
        """The topics that are made for it, by name. Raises `ValueError` if there can be none."""
        return {}

    def users(self, section: _S, settings: Core) -> Mapping[str, User]:
        """The Kafka users that are made for it, by name. Raises `ValueError` if a name can have none."""
        return {}

    def described(self, section: _S) -> str | None:
        """What `check` calls it in its summary; None if it is not worth a word."""
        return None

    def faults(self, section: _S, stack: "Stack", known: Known) -> Iterator[Fault]:
        """What only the whole file shows to be wrong."""
        return iter(())

    def rendered(self, section: _S, placed: "Placed") -> Iterator[Rendered]:
        """Its objects, as far as the file alone tells."""
        return iter(())

    def build(self, section: _S, deployment: "Deployment") -> None:
        """Makes its component."""


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
        """The capabilities that are turned on, with what the file says of each."""
        found = ((each, each.section(self.settings)) for each in self.capabilities)
        return ((each, section) for each, section in found if section is not None)

    @cached_property
    def needs(self) -> Sequence[Needs]:
        """What the capabilities that are turned on need."""
        return [each.needs(section, self.settings) for each, section in self.present]

    @property
    def topics(self) -> Mapping[str, Topic]:
        """All topics by name: the file's, and those of capabilities. Raises `ValueError` if one of those cannot be."""
        made = (each.topics(section, self.settings) for each, section in self.present)
        return {**self.settings.topics, **{name: topic for each in made for name, topic in each.items()}}

    @property
    def users(self) -> Mapping[str, User]:
        """All users by name: the tenants', and those of capabilities. Raises `ValueError` if a name can have none."""
        made = (each.users(section, self.settings) for each, section in self.present)
        return {**self.settings.users, **{name: user for each in made for name, user in each.items()}}

    @property
    def scrapes(self) -> Sequence[Scrape]:
        """All that shows metrics."""
        return [scrape for each in self.needs for scrape in each.scrapes]

    @property
    def urls(self) -> Urls:
        """Where callers reach the HTTP interface, if there is one."""
        return next((each.urls for each in self.needs if each.urls != NO_URLS), NO_URLS)

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
        """Changes with every object that records pass on their way; it is rendered for this."""
        placed = Placed(self)
        passed = ((each, section) for each, section in self.present if each.carries_records)
        found = [one.object.manifest for each, section in passed for one in each.rendered(section, placed)]
        return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


class Placed:
    """What is there for those that come after: made up where a stack's file is rendered by itself."""

    connection: "KafkaConnection"
    """How to reach the Kafka."""
    gateway_url: "pulumi.Input[str] | None" = None
    """Where callers inside Kubernetes reach the gateway, if there is one."""
    registry_url: "pulumi.Input[str] | None" = None
    """Where clients inside Kubernetes reach the schema registry, if the stack runs one."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.settings = stack.settings

    def named(self, component: str, objects: Sequence[Object]) -> Iterator[Rendered]:
        """Objects of a component, with the names of their resources."""
        yield from (Rendered(name=f"{component}-{each.role}", object=each) for each in objects)


class Deployment(Placed):
    """What has been made for those that come after."""

    def __init__(self, stack: Stack, *, provider: "pulumi.ProviderResource", mark: str) -> None:
        """`mark` says whose objects these are."""
        super().__init__(stack)
        self.mark = mark
        self.namespaces: list[pulumi.Resource] = []
        """The namespaces that are made with the stack."""
        self.made: dict[str, Any] = {}
        """The components that others come after, by the fields of the settings that turn them on."""
        self.outputs: dict[str, Any] = {"namespace": stack.settings.namespace}
        """What the stack exports. No secret is among it, only where they are."""
        self._provider = provider

    def options(self, *after: str, namespaces: bool = False, protect: bool | None = None) -> "pulumi.ResourceOptions":
        """For a component that comes after others, if they are there, and after the namespaces if it is in one of them."""
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
