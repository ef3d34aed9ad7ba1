"""The stream jobs of a stack."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

import kafka_platform
from kafka_platform.kafka.client_pods import with_authority_of
from kafka_platform.kafka.entities import User
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.kube.images import FLINK_IMAGE
from kafka_platform.kube.store import StoreConnection
from kafka_platform.schemas.spec import SchemaType
from kafka_platform.storage.spec import StoreUser, prefix_of, store_secret
from kafka_platform.streams.avro import columns_of
from kafka_platform.streams.monitoring import source
from kafka_platform.streams.objects import objects
from kafka_platform.streams.program import check_kind, used
from kafka_platform.streams.reading import MOST_BYTES, Read
from kafka_platform.streams.settings import StreamJobSettings
from kafka_platform.streams.spec import (
    PREFIX,
    StreamFormat,
    StreamJobSpec,
    StreamTable,
    check_stream_job,
    check_tables,
    stream_user_name,
)
from kafka_platform.values.forms import named, shared
from kafka_platform.values.later import plain
from kafka_platform.values.names import check_image, user_secret
from kafka_platform.values.words import Path
from pydantic.alias_generators import to_camel

from infra.capabilities.capability import Capability, Deployment, Needs, Placed, Program, Rendered, Scrape, Stack
from infra.capabilities.connectors import unknown_topics
from infra.capabilities.operators import Prometheus
from infra.capabilities.registry import Registry, connection_for
from infra.capabilities.storage import Storage
from infra.schemas.declared import Declared
from infra.settings.core import ROOT, Core
from infra.settings.faults import Fault, Known, declare

KEY = "streams"
_KINDS = ("sql", "image", "jar", "entryClass", "arguments", "reads", "writes", "tables")
"""Keys by which a job is SQL, or a program."""


def _check_file(name: str) -> None:
    if PurePosixPath(name).suffix != ".sql":
        raise ValueError(f"{name!r} is not a file of SQL: write a path that ends in .sql")


@dataclass(kw_only=True)
class Tables:
    """The tables of a job."""

    known: dict[str, StreamTable]
    faults: dict[str, str] = field(default_factory=dict)
    """Why a schema is no table, by topic."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Why a field of a schema is no column, by its name."""


@dataclass(frozen=True, kw_only=True)
class Stream(StreamJobSpec):
    """A stream job: SQL over topics, or a program of an image, run by a Flink of its own."""

    sql: str | None = named(_check_file, examples=["streams/minutes.sql"])
    """File with its SQL, in the stack file's folder and relative to it: statements `INSERT INTO topic SELECT ...`, and `CREATE TEMPORARY
    VIEW`. Required unless `jar` is given."""
    image: str | None = named(check_image, examples=["ghcr.io/acme/minutes:1"])
    """With `jar`: the image that has it, based on that of stream jobs. Required with `jar`."""
    tenant: str | None = None
    """Tenant that it belongs to, whose quotas it has. Default: none."""

    def used(self, tables: Mapping[str, StreamTable]) -> Read:
        """The topics that it reads and writes. Raises `OSError` or `ValueError` for SQL with a fault."""
        return used(self.text(), replace(self, tables=tables))

    def image_of(self, settings: Core) -> str:
        """What its pods run."""
        return self.image or settings.images.flink or FLINK_IMAGE

    def found(self, settings: Core) -> "Tables":
        """Its tables, with those that follow from schemas of Avro."""
        found = Tables(known=dict(self.tables))
        if self.sql is None:
            return found
        declared = {name: topic for name, topic in settings.topics.items() if topic.language is SchemaType.AVRO}
        subjects = Declared(ROOT, declared, judged=True).subjects if declared else {}
        for name in declared:
            subject, table = subjects.get(f"{name}-value"), self.tables.get(name, StreamTable())
            if subject is None or table.columns:
                continue
            others = [each.schema for key, each in subjects.items() if key != f"{name}-value"]
            try:
                made = columns_of(subject.schema, others)
                found.known[name] = replace(
                    table, columns=made.columns, format=StreamFormat.AVRO, schema=subject.schema
                )
            except ValueError as error:
                if name in self.tables:
                    found.faults[name] = str(error)
                continue
            found.left_out |= {each: f"{name}.{each} {why}" for each, why in made.left_out.items()}
        return found

    def text(self) -> str | None:
        """Its SQL; None of a program."""
        if self.sql is None:
            return None
        with (ROOT / self.sql).open("rb") as file:
            return file.read(MOST_BYTES + 1).decode()

    def values(self, settings: Core) -> dict[str, Any]:
        """Its fields as a program writes them."""
        prometheus = settings.of(Prometheus)
        namespaces = self.metrics_namespaces or ([] if prometheus is None else [prometheus.runs_in(settings)])
        pods = settings.pod_settings.with_own(self.pod_settings)
        tables = self.found(settings).known
        known = self.used(tables)
        kept = {name: each for name, each in tables.items() if name in {*self.tables, *known.sources, *known.sinks}}
        return shared(self, StreamJobSpec) | {
            "metrics_namespaces": namespaces,
            "pod_settings": pods,
            "tables": kept,
        }

    def uses_registry(self, settings: Core) -> bool:
        """Whether it needs the schema registry: for tables in Avro, or for topics of a program that have a schema. False if its SQL has a fault."""
        if self.sql is None:
            declared = (settings.topics.get(each) for each in (*self.reads, *self.writes))
            return any(each is not None and each.has_schema for each in declared)
        try:
            tables = self.found(settings).known
            known = self.used(tables)
            return any(tables[each].format is StreamFormat.AVRO for each in (*known.sources, *known.sinks))
        except (OSError, ValueError):
            return False


class Streams(Capability[Mapping[str, Stream]]):
    """All of them."""

    key = KEY
    names = frozenset({f"{PREFIX}*"})

    def needs(self, section: Mapping[str, Stream], settings: Core) -> Needs:
        """Passwords, a place for checkpoints; and Prometheus scrapes them."""
        scrapes = [
            Scrape(
                source=source(stream_user_name(name)),
                namespace=settings.namespace,
                key=(KEY, name, "metricsNamespaces"),
                allowed=plain(each.metrics_namespaces),
            )
            for name, each in sorted(section.items())
        ]
        stores = {stream_user_name(name): _place(name) for name in sorted(section)}
        schemas = [stream_user_name(name) for name, each in sorted(section.items()) if each.uses_registry(settings)]
        return Needs(passwords=["stream jobs log in"], scrapes=scrapes, stores=stores, schemas=schemas)

    def users(self, section: Mapping[str, Stream], settings: Core) -> Mapping[str, User]:
        """One for each, with the rights that follow from its SQL; none if that has a fault."""
        found: dict[str, User] = {}
        for name, each in sorted(section.items()):
            quotas = None if each.tenant is None else settings.quotas_of(each.tenant)
            try:
                spec = replace(each, tables=each.found(settings).known)
                found[stream_user_name(name)] = kafka_platform.stream_user(
                    name, each.text(), spec, settings.namespace, quotas
                )
            except (OSError, ValueError):  # `faults` says so
                continue
        return found

    def programs(self, section: Mapping[str, Stream], settings: Core) -> Mapping[str, Program]:
        """The jobs."""
        return {
            stream_user_name(name): Program(kind="stream job", name=name, tenant=each.tenant)
            for name, each in section.items()
        }

    def described(self, section: Mapping[str, Stream]) -> str:
        """How many there are."""
        return "1 stream job" if len(section) == 1 else f"{len(section):,} stream jobs"

    def faults(self, section: Mapping[str, Stream], stack: Stack, known: Known) -> Iterator[Fault]:
        """Wrong SQL, unknown topics and tenants, and a stack without what jobs need."""
        settings = stack.settings
        yield from _needed(stack, known)
        for name, each in section.items():
            path = (KEY, name)
            if not known(*path):
                continue
            try:
                check_stream_job(name)
            except ValueError as error:
                yield Fault(path=path, message=str(error))
            if each.tenant is not None and each.tenant not in settings.tenants and known.names("tenants") == []:
                fix = declare("tenants", settings.tenants)
                yield Fault(path=(*path, "tenant"), message=f"{each.tenant!r} is not a tenant of this file: {fix}")
            wrong = list(_kind(path, each)) if all(known(*path, key) for key in _KINDS) else []
            yield from wrong
            for topic in each.tables:
                yield from unknown_topics((*path, "tables", topic), [topic], stack, known)
            found = each.found(settings)
            tables = found.known
            for topic, message in found.faults.items():
                yield Fault(path=("topics", topic, "value"), message=message)
            yield from _unreadable(path, each, tables, settings)
            user, storage = stream_user_name(name), stack.of(Storage)
            if storage is not None and user in storage.users:
                yield Fault(
                    path=("storage", "users", user), message=f"is the user of the stream job {name!r}: rename it"
                )
            if user in settings.users or user in getattr(settings, "workers", {}):
                yield Fault(path=path, message=f"its user {user!r} is that of somebody else already: rename one")
            for key in ("reads", "writes"):
                yield from unknown_topics((*path, key), getattr(each, key), stack, known)
            if wrong or each.sql is None:
                continue
            if not tables:
                message = "missing: write the topics that the SQL reads and writes, with their columns"
                yield Fault(path=(*path, "tables"), message=message)
                continue
            try:
                said = each.used(tables)
                check_tables({topic: tables[topic] for topic in {*each.tables, *said.sources, *said.sinks}})
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
                yield Fault(path=(*path, "sql"), message=f"{each.sql!r} cannot be read, {reason}: name another file")
            except ValueError as error:
                hints = [why for name, why in found.left_out.items() if repr(name) in str(error)]
                hint = "".join(f" ({why})" for why in hints[:1])
                yield Fault(path=(*path, "sql"), message=f"{PurePosixPath(each.sql).name}, {error}{hint}")

    def rendered(self, section: Mapping[str, Stream], placed: Placed) -> Iterator[Rendered]:
        """Their objects."""
        settings, storage = placed.settings, placed.settings.of(Storage)
        assert storage is not None  # noqa: S101 - a fault otherwise
        for name, each in sorted(section.items()):
            own = stream_user_name(name)
            secret = user_secret(own) if placed.connection.sasl_mechanism is not None else None
            job = StreamJobSettings(
                job=name,
                namespace=settings.namespace,
                connection=with_authority_of(placed.connection, secret),
                store=_store(name, storage, storage.url(settings)),
                image=each.image_of(settings),
                runtime_image=settings.runtime_image,
                sql=each.text(),
                spec=StreamJobSpec(**each.values(settings)),
                registry=_registry(name, each, placed),
            )
            yield from placed.named(own, objects(job))

    def build(self, section: Mapping[str, Stream], deployment: Deployment) -> None:
        """Depends on their topics and users, and on the store."""
        settings, storage = deployment.settings, deployment.settings.of(Storage)
        assert storage is not None  # noqa: S101 - a fault otherwise
        made = deployment.made.get("storage")
        endpoint = storage.url(settings) if made is None else made.endpoint
        for name, each in sorted(section.items()):
            args = kafka_platform.StreamJobArgs(
                **each.values(settings),
                sql=each.text(),
                connection=deployment.connection,
                store=_store(name, storage, endpoint),
                image=each.image_of(settings),
                runtime_image=settings.runtime_image,
                registry=_registry(name, each, deployment),
            )
            job = kafka_platform.StreamJob(name, args, deployment.options("entities", "storage", "registry"))
            deployment.outputs.setdefault(KEY, {})[name] = {"deployment": job.deployment, "user": job.user}


def _kind(path: Path, stream: Stream) -> Iterator[Fault]:
    """It is SQL, or a program of an image."""
    if stream.jar is None and stream.image is not None:
        message = "belongs to a jar, and there is none: name it in jar, or remove it"
        yield Fault(path=(*path, "image"), message=message)
        return
    try:
        check_kind(stream, sql=stream.sql, has_image=stream.image is not None)
    except ValueError as error:
        key, _, message = str(error).partition(": ")
        yield Fault(path=(*path, to_camel(key)), message=message)


def _registry(name: str, stream: Stream, placed: Placed) -> RegistryConnection | None:
    """The registry, for a job that needs it."""
    settings = placed.settings
    return (
        connection_for(placed, stream_user_name(name), settings.namespace) if stream.uses_registry(settings) else None
    )


def _unreadable(path: Path, stream: Stream, tables: Mapping[str, StreamTable], settings: Core) -> Iterator[Fault]:
    """Topics whose records are in a format that jobs do not know, and a registry that they do not trust."""
    for topic in stream.tables:
        declared = settings.topics.get(topic)
        if declared is None or not declared.has_schema or tables[topic].format is StreamFormat.AVRO:
            continue
        if declared.language is not SchemaType.AVRO:
            message = "has a schema that is not in Avro, and stream jobs know Avro, and JSON without a schema: use another topic"
            yield Fault(path=(*path, "tables", topic), message=message)
        elif stream.tables[topic].columns:
            message = "follow from the schema of the topic: remove the key"
            yield Fault(path=(*path, "tables", topic, "columns"), message=message)
    registry = settings.of(Registry)
    authority = None if registry is None else registry.authority or (registry.tls and registry.tls.authority)
    if authority and stream.uses_registry(settings):
        message = (
            "reads Avro, and trusts registries with a certificate of a public authority alone: use such a certificate"
        )
        yield Fault(path=path, message=message)


def _place(name: str) -> StoreUser:
    return StoreUser(prefix=f"streams/{name}/")


def _store(name: str, storage: Storage, endpoint: Any) -> StoreConnection:
    """Where a job's checkpoints are, and the key that works there."""
    own = stream_user_name(name)
    return StoreConnection(
        endpoint=endpoint,
        bucket=storage.bucket,
        prefix=prefix_of(own, _place(name)),
        secret=store_secret(own) if storage.secret is None else storage.secret,
        region=storage.region,
    )


def _needed(stack: Stack, known: Known) -> Iterator[Fault]:
    settings = stack.settings
    if stack.of(Storage) is None and known("storage"):
        message = (
            "checkpoints need an object store: write storage: {install: true}, or storage.endpoint of one that is there"
        )
        yield Fault(path=(KEY,), message=message)
    if not settings.manages_entities and known("kafka", "engine") and known("kafka", "adminSecret"):
        yield Fault(
            path=(KEY,),
            message="they need users, which an administrator makes: name the administrator's Secret in kafka.adminSecret, or remove the key",
        )
    elif settings.manages_entities and not settings.makes_users and known("kafka"):
        yield Fault(
            path=(KEY,),
            message=f"each needs a user of its own, and clients log in with {settings.kafka.login}, where whoever runs the Kafka makes "
            "users: remove the key",
        )
