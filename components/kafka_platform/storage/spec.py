"""The spec of an object store and of its users. No Pulumi."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.kube.store import check_prefix
from kafka_platform.values.checks import check_field
from kafka_platform.values.form import QUANTITY
from kafka_platform.values.forms import Compute, Spec, formed, memory_of, named, namespaces, processors
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_label, check_subdomain
from kafka_platform.values.ranges import MOST_VERSIONS, within
from kafka_platform.values.units import quantity
from kafka_platform.values.words import Deciding

OBJECT_STORE = "object-store"
"""Name of its StatefulSet and of its Service in a stack."""
ADMIN = "admin"
"""The user who makes the bucket and says who may do what in it."""
MOST_USERS = 100
"""Each adds two statements to the bucket's policy, which is looked through for every request."""
LEAST_VOLUME = "1Gi"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")


def check_bucket(bucket: str) -> None:
    """Raises unless it is the name of a bucket everywhere."""
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(
            f"{bucket[:70]!r} is not a bucket: use 3 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit"
        )


def _check_volume(text: str) -> None:
    if quantity(text) < quantity(LEAST_VOLUME):
        raise ValueError(f"{text} is too little for an object store: use at least {LEAST_VOLUME}")


class StoreAccess(Deciding):
    """What a user of an object store may do below its prefix."""

    READ = "read"
    """Read objects, and list them."""
    WRITE = "write"
    """Also write and delete them."""


@dataclass(frozen=True, kw_only=True)
class StoreUser(Spec):
    """A user of an object store, with a generated key that works below one prefix."""

    prefix: str | None = named(check_prefix, examples=["lake/"])
    """What the keys of its objects begin with. Default: its name and a `/`. Users may share a prefix."""
    access: StoreAccess = StoreAccess.WRITE
    """What it may do there. Default: read, write and delete."""
    namespace: Input[str] | None = named(check_label, "namespace")
    """Namespace that its Secret `<user>-storage` is delivered to, whose pods may connect. Default: the store's."""
    password_version: int = within(1, MOST_VERSIONS, default=1)
    """Raise it by one to generate a new key. Default 1."""


@dataclass(frozen=True, kw_only=True)
class ObjectStoreResources(Compute):
    """CPU and memory of an object store."""

    cpu: str = processors("100m")
    """CPU request. Default 100m."""
    cpu_limit: str | None = processors(None, "2")
    """CPU limit. Default: none."""
    memory: str = memory_of("an object store", "256Mi", least="128Mi")
    """Memory request and limit, at least 128Mi. Default 256Mi."""


@dataclass(frozen=True, kw_only=True)
class ObjectStoreSpec(Spec):
    """Settings of an object store, shared by programs and stack files."""

    bucket: str = formed("platform", check_bucket, examples=["platform"])
    """Name of its bucket, which is made before anybody connects. Default platform."""
    size: str = formed("10Gi", _check_volume, pattern=QUANTITY, examples=["10Gi"])
    """Size of its volume, at least 1Gi. Can grow where the storage class allows it, never shrink. Default 10Gi."""
    storage_class: Input[str] | None = named(check_subdomain, "object name")
    """StorageClass of the volume. Default: the Kubernetes cluster's default class."""
    users: Mapping[str, StoreUser] = field(default_factory=dict)
    """Its users by name, each with a key that works below one prefix. Default: none but the platform's own."""
    resources: ObjectStoreResources = ObjectStoreResources()
    """CPU and memory. Default: 100m and 256Mi."""
    client_namespaces: Sequence[Input[str]] = namespaces()
    """Namespaces whose pods may connect, besides those of its users. Default: no others."""
    metrics_namespaces: Sequence[Input[str]] = namespaces()
    """Namespaces whose pods may read the metrics. Default: all."""
    pod_settings: PodSettings = UNDECIDED
    """Scheduling, labels and pull secrets of the pod. Default: Kubernetes' own defaults."""

    def check(self) -> None:
        """Names of users are those of Secrets too, and only so many fit."""
        if len(self.users) > MOST_USERS:
            raise ValueError(f"users: {len(self.users):,} are too many: let programs share one, up to {MOST_USERS}")
        for name in self.users:
            check_field("users", check_store_user, name)


def check_store_user(name: str) -> None:
    """Raises unless a user of a store can be called so."""
    check_label(name, "name")
    if len(name) > 50:
        raise ValueError(f"{name!r} is too long for a user's name: use up to 50 characters")
    if name == ADMIN:
        raise ValueError(f"{name!r} is the store's own administrator: choose another name")


def prefix_of(name: str, user: StoreUser) -> str:
    """What the keys of a user's objects begin with."""
    return f"{name}/" if user.prefix is None else user.prefix


def store_secret(user: str) -> str:
    """Name of the Secret with a user's key."""
    return f"{user}-storage"
