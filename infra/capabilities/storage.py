"""The object store of a stack."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import kafka_platform
from kafka_platform.kube.images import OBJECT_STORE_IMAGE
from kafka_platform.kube.store import REGION, check_region
from kafka_platform.storage.monitoring import source
from kafka_platform.storage.objects import ObjectStoreSettings, objects, store_endpoint
from kafka_platform.storage.spec import ADMIN, OBJECT_STORE, ObjectStoreSpec
from kafka_platform.values.checks import check_field, check_login_url, check_url
from kafka_platform.values.forms import formed, shared
from kafka_platform.values.later import plain

from infra.capabilities.capability import Capability, Deployment, Needs, Placed, Rendered, Scrape, Stack
from infra.capabilities.operators import Prometheus
from infra.settings.core import Core
from infra.settings.faults import Fault, Known
from infra.settings.section import SecretName


@dataclass(frozen=True, kw_only=True)
class Storage(ObjectStoreSpec):
    """The object store: a small one with S3's API, for laptops, CI and the edge, or one that is there."""

    install: bool = False
    """Whether the stack runs it: versitygw as one pod on one volume. Default false: name a store that is there in `endpoint`."""
    endpoint: str | None = formed(None, check_url, examples=["https://s3.eu-central-1.amazonaws.com"])
    """URL of a store that is there, with S3's API; its bucket exists. Default: the stack runs one."""
    region: str = formed(REGION, check_region, examples=["eu-central-1"])
    """With `endpoint`: region of the bucket. Default us-east-1, which most other servers expect."""
    secret: SecretName | None = None
    """With `endpoint`: Secret in the platform's namespace with the keys `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, by which stream jobs
    keep their checkpoints below `streams/`."""

    def check(self) -> None:
        """It is the stack's own store or another one, of which only where it is can be said."""
        super().check()
        if self.install and self.endpoint is not None:
            raise ValueError("install: excludes endpoint: keep one of them")
        if self.install:
            for name in ("secret", "region"):
                if getattr(self, name) != getattr(Storage, name):
                    raise ValueError(f"{name}: the stack runs its own store: remove the key, or write endpoint")
            return
        if self.endpoint is not None:
            check_field("endpoint", check_login_url, self.endpoint)
        plain_spec = ObjectStoreSpec()
        for each in fields(ObjectStoreSpec):
            if each.name != "bucket" and getattr(self, each.name) != getattr(plain_spec, each.name):
                raise ValueError(f"{each.name}: the store at endpoint has its own: remove the key")

    def url(self, settings: Core) -> str:
        """Where it answers."""
        return self.endpoint or store_endpoint(OBJECT_STORE, settings.namespace)

    def values(self, stack: Stack) -> dict[str, Any]:
        """Its fields as a program writes them, with the users that others need."""
        settings = stack.settings
        prometheus = settings.of(Prometheus)
        namespaces = self.metrics_namespaces or ([] if prometheus is None else [prometheus.runs_in(settings)])
        pods = settings.pod_settings.with_own(self.pod_settings)
        users = {**self.users, **{name: user for each in stack.needs for name, user in each.stores.items()}}
        own = {"metrics_namespaces": namespaces, "pod_settings": pods, "users": users}
        return shared(self, ObjectStoreSpec) | own


class ExistingStore(Capability[Storage]):
    """A store that is there already."""

    key = "storage"

    def section(self, settings: Core) -> Storage | None:
        """None if the stack runs its own."""
        found = settings.of(Storage)
        return found if found is not None and not found.install else None

    def faults(self, section: Storage, stack: Stack, known: Known) -> Iterator[Fault]:
        """It has to be said where it is, and how to log in."""
        if section.endpoint is None and known("storage"):
            message = "write install: true for a store of the stack's own, or endpoint of one that is there"
            yield Fault(path=("storage",), message=message)
        elif section.secret is None and known("storage"):
            message = "missing: name the Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            yield Fault(path=("storage", "secret"), message=message)


class ObjectStore(Capability[Storage]):
    """A store of the stack's own."""

    key = "storage"

    def section(self, settings: Core) -> Storage | None:
        """None for a store that is there: there is nothing to run."""
        found = settings.of(Storage)
        return found if found is not None and found.install else None

    names = frozenset({OBJECT_STORE})

    def needs(self, section: Storage, settings: Core) -> Needs:
        """It shows metrics."""
        scrape = Scrape(
            source=source(OBJECT_STORE),
            namespace=settings.namespace,
            key=("storage", "metricsNamespaces"),
            allowed=plain(section.metrics_namespaces),
        )
        return Needs(scrapes=[scrape])

    def described(self, section: Storage) -> str:
        """There is one at most."""
        return "object store"

    def rendered(self, section: Storage, placed: Placed) -> Iterator[Rendered]:
        """Its objects."""
        settings = placed.settings
        values = section.values(placed.stack)
        store = ObjectStoreSettings(
            name=OBJECT_STORE,
            namespace=settings.namespace,
            image=settings.images.object_store or OBJECT_STORE_IMAGE,
            runtime_image=settings.runtime_image,
            spec=ObjectStoreSpec(**values),
        )
        versions = {ADMIN: 1} | {user: each.password_version for user, each in sorted(values["users"].items())}
        keys = {user: placed.password(f"{OBJECT_STORE}-{user}", each) for user, each in versions.items()}
        yield from placed.named(OBJECT_STORE, objects(store, keys))

    def build(self, section: Storage, deployment: Deployment) -> None:
        """Depends on the namespaces of its users."""
        settings = deployment.settings
        args = kafka_platform.ObjectStoreArgs(
            **section.values(deployment.stack),
            namespace=settings.namespace,
            image=settings.images.object_store or OBJECT_STORE_IMAGE,
            runtime_image=settings.runtime_image,
        )
        store = kafka_platform.ObjectStore(OBJECT_STORE, args, deployment.options(namespaces=True))
        deployment.made["storage"] = store
        deployment.outputs["storage"] = {"endpoint": store.endpoint, "bucket": store.bucket}
