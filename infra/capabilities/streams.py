"""The stream jobs of a stack."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass
from pathlib import PurePosixPath
from typing import Any

import kafka_platform
from kafka_platform.kafka.client_pods import with_authority_of
from kafka_platform.kafka.entities import User
from kafka_platform.kube.images import FLINK_IMAGE
from kafka_platform.kube.store import StoreConnection
from kafka_platform.storage.spec import StoreUser, prefix_of, store_secret
from kafka_platform.streams.monitoring import source
from kafka_platform.streams.objects import objects
from kafka_platform.streams.reading import MOST_BYTES, read
from kafka_platform.streams.settings import StreamJobSettings
from kafka_platform.streams.spec import PREFIX, StreamJobSpec, check_stream_job, stream_user_name
from kafka_platform.values.forms import named, shared
from kafka_platform.values.later import plain
from kafka_platform.values.names import user_secret
from kafka_platform.values.words import Path

from infra.capabilities.capability import Capability, Deployment, Needs, Placed, Program, Rendered, Scrape, Stack
from infra.capabilities.connectors import unknown_topics
from infra.capabilities.operators import Prometheus
from infra.capabilities.storage import Storage
from infra.settings.core import ROOT, Core
from infra.settings.faults import Fault, Known, declare

KEY = "streams"


def _check_file(name: str) -> None:
    if PurePosixPath(name).suffix != ".sql":
        raise ValueError(f"{name!r} is not a file of SQL: write a path that ends in .sql")


@dataclass(frozen=True, kw_only=True)
class Stream(StreamJobSpec):
    """A stream job: SQL over topics, run by a Flink of its own."""

    sql: str = named(_check_file, default=MISSING, examples=["streams/minutes.sql"])
    """File with its SQL, in the stack file's folder and relative to it: statements `INSERT INTO topic SELECT ...`, and `CREATE TEMPORARY
    VIEW`. Required."""
    tenant: str | None = None
    """Tenant that it belongs to, whose quotas it has. Default: none."""

    def text(self) -> str:
        """Its SQL."""
        with (ROOT / self.sql).open("rb") as file:
            return file.read(MOST_BYTES + 1).decode()

    def values(self, settings: Core) -> dict[str, Any]:
        """Its fields as a program writes them."""
        prometheus = settings.of(Prometheus)
        namespaces = self.metrics_namespaces or ([] if prometheus is None else [prometheus.runs_in(settings)])
        pods = settings.pod_settings.with_own(self.pod_settings)
        return shared(self, StreamJobSpec) | {"metrics_namespaces": namespaces, "pod_settings": pods}


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
        return Needs(passwords=["stream jobs log in"], scrapes=scrapes, stores=stores)

    def users(self, section: Mapping[str, Stream], settings: Core) -> Mapping[str, User]:
        """One for each, with the rights that follow from its SQL; none if that has a fault."""
        found: dict[str, User] = {}
        for name, each in sorted(section.items()):
            quotas = None if each.tenant is None else settings.quotas_of(each.tenant)
            try:
                found[stream_user_name(name)] = kafka_platform.stream_user(
                    name, each.text(), each, settings.namespace, quotas
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
            for topic in each.tables:
                yield from unknown_topics((*path, "tables", topic), [topic], stack, known)
            yield from _unreadable(path, each, settings)
            user, storage = stream_user_name(name), stack.of(Storage)
            if storage is not None and user in storage.users:
                yield Fault(
                    path=("storage", "users", user), message=f"is the user of the stream job {name!r}: rename it"
                )
            if user in settings.users or user in getattr(settings, "workers", {}):
                yield Fault(path=path, message=f"its user {user!r} is that of somebody else already: rename one")
            if not each.tables:
                message = "missing: write the topics that the SQL reads and writes, with their columns"
                yield Fault(path=(*path, "tables"), message=message)
                continue
            try:
                read(each.text(), each.tables)
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
                yield Fault(path=(*path, "sql"), message=f"{each.sql!r} cannot be read, {reason}: name another file")
            except ValueError as error:
                yield Fault(path=(*path, "sql"), message=f"{PurePosixPath(each.sql).name}, {error}")

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
                image=settings.images.flink or FLINK_IMAGE,
                runtime_image=settings.runtime_image,
                sql=each.text(),
                spec=StreamJobSpec(**each.values(settings)),
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
                image=settings.images.flink or FLINK_IMAGE,
                runtime_image=settings.runtime_image,
            )
            job = kafka_platform.StreamJob(name, args, deployment.options("entities", "storage"))
            deployment.outputs.setdefault(KEY, {})[name] = {"deployment": job.deployment, "user": job.user}


def _unreadable(path: Path, stream: Stream, settings: Core) -> Iterator[Fault]:
    """Topics whose records are in a format of the schema registry."""
    for topic in stream.tables:
        declared = settings.topics.get(topic)
        if declared is not None and declared.has_schema:
            message = "has a schema, and stream jobs know JSON without one alone: use another topic"
            yield Fault(path=(*path, "tables", topic), message=message)


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
