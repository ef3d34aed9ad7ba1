"""The query engine of a stack."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import kafka_platform
from kafka_platform.kafka.client_pods import with_authority_of
from kafka_platform.kafka.entities import AclResource, Login, Operation, User
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.kube.images import TRINO_IMAGE
from kafka_platform.query.config import HTTPS_PORT
from kafka_platform.query.monitoring import source
from kafka_platform.query.objects import QuerySettings, check_size, objects
from kafka_platform.query.sources import QueryDatabase, QueryLake, Sources
from kafka_platform.query.spec import (
    METRICS_USER,
    QUERY_ENGINE,
    QueryFormat,
    QueryReader,
    QuerySpec,
    QueryTable,
    check_query_user,
    check_readers,
    is_avro,
    query_user,
)
from kafka_platform.schemas.spec import SchemaType
from kafka_platform.values.forms import names, shared
from kafka_platform.values.later import plain
from kafka_platform.values.names import check_user, passwords_secret, user_secret
from kafka_platform.values.words import suggest

from infra.capabilities import queried
from infra.capabilities.capability import (
    CLUSTER,
    Capability,
    Deployment,
    Needs,
    Placed,
    Rendered,
    Scrape,
    Stack,
    TlsServer,
)
from infra.capabilities.connectors import connectors_of, unknown_topics
from infra.capabilities.operators import Prometheus
from infra.capabilities.queried import QueryLogin
from infra.capabilities.registry import Registry, connection_for
from infra.settings.core import Core
from infra.settings.faults import Fault, Known

KEY = "query"
_READS = {Operation.READ, Operation.ALL}


@dataclass(frozen=True, kw_only=True)
class Query(QuerySpec):
    """The query engine: Trino answers SQL over topics. Users log in with their password of Kafka, and query what they may read there."""

    users: Sequence[str] = names(check_user)
    """Users of tenants who may query. Default: all who have a password and may read a topic of the stack."""

    connectors: Mapping[str, QueryLogin] = field(default_factory=dict)
    """Connectors whose databases (`postgres`) and lakes (`iceberg`) can be queried, each as a catalog of its name, with logins that may read
    there. Who may read the topics of a table may query it. Default: none."""

    def values(self, settings: Core) -> dict[str, Any]:
        """Its fields as a program writes them."""
        prometheus = settings.of(Prometheus)
        namespaces = self.metrics_namespaces or ([] if prometheus is None else [prometheus.runs_in(settings)])
        pods = settings.pod_settings.with_own(self.pod_settings)
        return shared(self, QuerySpec) | {
            "metrics_namespaces": namespaces,
            "pod_settings": pods,
            "tables": self.known_tables(settings),
        }

    def known_tables(self, settings: Core) -> Mapping[str, QueryTable]:
        """Those that are declared, and those that follow from schemas of Avro."""
        avro = [name for name, topic in settings.topics.items() if topic.language is SchemaType.AVRO]
        return {**self.tables, **{name: QueryTable(format=QueryFormat.AVRO) for name in avro}}

    def reads_avro(self, settings: Core) -> bool:
        """Whether it needs the schema registry."""
        tables = self.known_tables(settings)
        patterns = [each for user in self.chosen(settings).values() for each in _read_by(user)]
        return any(is_avro(topic, tables) and any(_matches(topic, each) for each in patterns) for topic in tables)

    def chosen(self, settings: Core) -> Mapping[str, User]:
        """Those who may query, as far as they can."""
        found = {name: settings.users[name] for name in self.users or settings.users if name in settings.users}
        return {name: user for name, user in sorted(found.items()) if _cannot(name, user) is None}

    def readers(self, stack: Stack) -> Mapping[str, QueryReader]:
        """The same, with the topics that each may read."""
        settings = stack.settings
        topics = [name for name in sorted(stack.named_topics) if not _has_other_schema(name, settings)]
        tenants = {user: name for name, tenant in settings.tenants.items() for user in tenant.users}
        read = {
            name: [topic for topic in topics if _may_read(user, topic)] for name, user in self.chosen(settings).items()
        }
        tables = queried.tables(self.connectors, settings)
        # Topics of which Trino does not read the records count too: their rows it reads.
        may = {
            name: [table for table, of in sorted(tables.items()) if all(_may_read(user, topic) for topic in of)]
            for name, user in self.chosen(settings).items()
        }
        return {
            name: QueryReader(topics=found, tables=may[name], tenant=tenants[name])
            for name, found in read.items()
            if found or may[name]
        }

    def sources(self, settings: Core) -> Sources:
        """Databases and lakes, by the names of their catalogs."""
        return queried.sources(self.connectors, settings)

    def namespaces(self, stack: Stack) -> Sequence[Any]:
        """Where its users' programs are."""
        users = stack.settings.users
        return sorted({str(users[name].namespace) for name in self.readers(stack)})


def _has_other_schema(topic: str, settings: Core) -> bool:
    """Whether the records of a topic are in a format that Trino does not read."""
    declared = settings.topics.get(topic)
    return declared is not None and declared.has_schema and declared.language is not SchemaType.AVRO


def _cannot(name: str, user: User) -> str | None:
    """Why a user cannot query; None if it can."""
    if user.auth is not Login.SCRAM or user.keeps_password:
        return f"{name!r} has no password that the platform knows: name users with one"
    try:
        check_query_user(name)
    except ValueError as error:
        return str(error)
    return None


def _read_by(user: User) -> Sequence[str]:
    """Names and prefixes of the topics that a user may read."""
    acls = user.all_acls()
    return [each.name for each in acls if each.resource is AclResource.TOPIC and _READS & set(each.operations)]


def _may_read(user: User, topic: str) -> bool:
    return any(_matches(topic, each) for each in _read_by(user))


def _matches(topic: str, pattern: str) -> bool:
    return topic.startswith(pattern[:-1]) if pattern.endswith("*") else topic == pattern


class QueryEngine(Capability[Query]):
    """The query engine."""

    key = KEY
    names = frozenset({QUERY_ENGINE})

    def needs(self, section: Query, settings: Core) -> Needs:
        """A password; it shows metrics, and perhaps a certificate."""
        scrape = Scrape(
            source=source(QUERY_ENGINE),
            namespace=settings.namespace,
            key=(KEY, "metricsNamespaces"),
            allowed=plain(section.metrics_namespaces),
        )
        address = f"{QUERY_ENGINE}.{settings.namespace}.svc:443"
        served = [] if section.tls is None else [TlsServer(address=address, pod_port=HTTPS_PORT)]
        schemas = [QUERY_ENGINE] if section.reads_avro(settings) else []
        return Needs(passwords=["the query engine logs in"], scrapes=[scrape], tls_servers=served, schemas=schemas)

    def users(self, section: Query, settings: Core) -> Mapping[str, User]:
        """Its own, which reads what one of its users may read."""
        reads = [pattern for user in section.chosen(settings).values() for pattern in _read_by(user)]
        return {QUERY_ENGINE: query_user(section, reads, settings.namespace)}

    def described(self, section: Query) -> str:
        """There is one at most."""
        return "query engine"

    def faults(self, section: Query, stack: Stack, known: Known) -> Iterator[Fault]:
        """Users and topics that there are not, and a stack without what it needs."""
        settings = stack.settings
        yield from _needed(section, stack, known)
        for name, tenant in settings.tenants.items():
            for user in sorted({QUERY_ENGINE, METRICS_USER} & tenant.users.keys()):
                path = ("tenants", name, "users", user)
                yield Fault(path=path, message="is a user of the query engine: rename it, or remove query")
        if known("tenants") and known(KEY, "users"):
            yield from _user_faults(section, stack, known)
        if known("connectors") and known(KEY, "connectors"):
            connectors = connectors_of(settings)
            for name, login in section.connectors.items():
                found = queried.fault(name, login, connectors)
                if found is not None:
                    yield Fault(path=(KEY, "connectors", name, *found[0]), message=found[1])
        if not known(KEY, "tables"):
            return
        for topic in section.tables:
            yield from unknown_topics((KEY, "tables", topic), [topic], stack, known)

    def rendered(self, section: Query, placed: Placed) -> Iterator[Rendered]:
        """Its objects."""
        settings = placed.settings
        engine = QuerySettings(
            name=QUERY_ENGINE,
            namespace=settings.namespace,
            connection=with_authority_of(placed.connection, user_secret(QUERY_ENGINE)),
            passwords=passwords_secret(CLUSTER),
            image=settings.images.trino or TRINO_IMAGE,
            runtime_image=settings.runtime_image,
            readers=section.readers(placed.stack),
            client_namespaces=section.namespaces(placed.stack),
            spec=QuerySpec(**section.values(settings)),
            registry=_registry(section, placed),
            sources=section.sources(settings),
        )
        yield from placed.named(QUERY_ENGINE, objects(engine, placed.password(f"{QUERY_ENGINE}-internal")))

    def build(self, section: Query, deployment: Deployment) -> None:
        """Depends on its topics and users, with their passwords."""
        settings = deployment.settings
        sources = section.sources(settings)
        args = kafka_platform.QueryEngineArgs(
            **section.values(settings),
            connection=deployment.connection,
            readers=section.readers(deployment.stack),
            passwords=passwords_secret(CLUSTER),
            reader_namespaces=section.namespaces(deployment.stack),
            image=settings.images.trino or TRINO_IMAGE,
            runtime_image=settings.runtime_image,
            registry=_registry(section, deployment),
            databases={name: each for name, each in sources.items() if isinstance(each, QueryDatabase)},
            lakes={name: each for name, each in sources.items() if isinstance(each, QueryLake)},
        )
        engine = kafka_platform.QueryEngine(QUERY_ENGINE, args, deployment.options("entities", "registry"))
        deployment.outputs[KEY] = {"deployment": engine.deployment, "user": engine.user}


def _registry(section: Query, placed: Placed) -> RegistryConnection | None:
    """The registry, if it needs it."""
    settings = placed.settings
    return connection_for(placed, QUERY_ENGINE, settings.namespace) if section.reads_avro(settings) else None


def _user_faults(section: Query, stack: Stack, known: Known) -> Iterator[Fault]:
    """Who cannot query, and what nobody may."""
    settings, readers = stack.settings, section.readers(stack)
    complete = stack.knows_topics(known)
    for index, name in enumerate(section.users):
        path = (KEY, "users", index)
        user = settings.users.get(name)
        if user is None:
            fix = suggest(name, settings.users)
            yield Fault(path=path, message=f"{name!r} is not a user of this file: {fix}")
        elif (reason := _cannot(name, user)) is not None:
            yield Fault(path=path, message=reason)
        elif name not in readers and complete:
            message = f"{name!r} may read no topic with JSON or Avro: name one in its reads, or remove it here"
            yield Fault(path=path, message=message)
    if not readers and not section.users and complete:
        message = "no user with a password may read a topic with JSON or Avro: write tenants with users that have reads"
        yield Fault(path=(KEY,), message=message)
    try:
        check_readers(readers, section.known_tables(settings))
        check_size(QuerySpec(**section.values(settings)), readers, section.sources(settings))
    except ValueError as error:
        yield Fault(path=(KEY,), message=str(error))
    read = {topic for each in readers.values() for topic in each.topics}
    for topic in section.tables:
        declared = settings.topics.get(topic)
        table = (KEY, "tables", topic)
        if _has_other_schema(topic, settings):
            yield Fault(
                path=table,
                message="has a schema that is not in Avro, and queries read JSON and Avro: use another topic",
            )
        elif declared is not None and declared.has_schema and section.tables[topic].columns:
            yield Fault(path=(*table, "columns"), message="follow from the schema of the topic: remove the key")
        elif topic in stack.named_topics and topic not in read and readers and complete:
            yield Fault(
                path=table, message="nobody who may query may read it: add it to a user's reads, or remove it here"
            )


def _needed(section: Query, stack: Stack, known: Known) -> Iterator[Fault]:
    settings = stack.settings
    if settings.of(Registry) is None and known("registry"):
        for topic in sorted(topic for topic, each in section.tables.items() if each.format is QueryFormat.AVRO):
            message = "there is no registry with its schema: write registry: {}, or registry.url of one that is there"
            yield Fault(path=(KEY, "tables", topic, "format"), message=message)
    if not settings.manages_entities and known("kafka", "engine") and known("kafka", "adminSecret"):
        message = "it needs a user, which an administrator makes: name the administrator's Secret in kafka.adminSecret, or remove the key"
        yield Fault(path=(KEY,), message=message)
    elif settings.manages_entities and not settings.makes_users and known("kafka"):
        yield Fault(
            path=(KEY,),
            message=f"its users log in with passwords of Kafka, and clients log in with {settings.kafka.login}: remove the key",
        )
