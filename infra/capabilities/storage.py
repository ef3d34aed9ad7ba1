"""The object store of a stack."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import kafka_platform
from kafka_platform.kube.images import OBJECT_STORE_IMAGE
from kafka_platform.storage.monitoring import source
from kafka_platform.storage.objects import ObjectStoreSettings, objects
from kafka_platform.storage.spec import ADMIN, OBJECT_STORE, ObjectStoreSpec
from kafka_platform.values.forms import shared
from kafka_platform.values.later import plain

from infra.capabilities.capability import MADE_UP, Capability, Deployment, Needs, Placed, Rendered, Scrape
from infra.capabilities.operators import Prometheus
from infra.settings.core import Core


@dataclass(frozen=True, kw_only=True)
class Storage(ObjectStoreSpec):
    """The object store: a small one with S3's API, for laptops, CI and the edge."""

    install: bool = False
    """Whether the stack runs it: versitygw as one pod on one volume. Required: true."""

    def check(self) -> None:
        """There is no other store yet."""
        super().check()
        if not self.install:
            raise ValueError(
                "install: missing: write true for a store of the stack's own; programs reach another one by its own Secret"
            )

    def values(self, settings: Core) -> dict[str, Any]:
        """Its fields as a program writes them."""
        prometheus = settings.of(Prometheus)
        namespaces = self.metrics_namespaces or ([] if prometheus is None else [prometheus.runs_in(settings)])
        pods = settings.pod_settings.with_own(self.pod_settings)
        return shared(self, ObjectStoreSpec) | {"metrics_namespaces": namespaces, "pod_settings": pods}


class ObjectStore(Capability[Storage]):
    """A store of the stack's own."""

    key = "storage"
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
        store = ObjectStoreSettings(
            name=OBJECT_STORE,
            namespace=settings.namespace,
            image=settings.images.object_store or OBJECT_STORE_IMAGE,
            runtime_image=settings.runtime_image,
            spec=ObjectStoreSpec(**section.values(settings)),
        )
        yield from placed.named(OBJECT_STORE, objects(store, dict.fromkeys([ADMIN, *section.users], MADE_UP)))

    def build(self, section: Storage, deployment: Deployment) -> None:
        """Depends on the namespaces of its users."""
        settings = deployment.settings
        args = kafka_platform.ObjectStoreArgs(
            **section.values(settings),
            namespace=settings.namespace,
            image=settings.images.object_store or OBJECT_STORE_IMAGE,
            runtime_image=settings.runtime_image,
        )
        store = kafka_platform.ObjectStore(OBJECT_STORE, args, deployment.options(namespaces=True))
        deployment.made["storage"] = store
        deployment.outputs["storage"] = {"endpoint": store.endpoint, "bucket": store.bucket}
