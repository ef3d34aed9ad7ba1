"""The settings that every stack has, besides the capabilities that can be turned on. Parsed once, then frozen.

Topics, quotas, resources and defaults are the components' own value objects: they check themselves. Checks across
several settings are in the capabilities and in `relations`.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from kafka_platform.kafka.entities import Login, Quotas, User
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kube.images import RUNTIME_IMAGE
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.values.free_maps import check_text
from kafka_platform.values.later import Input
from kafka_platform.values.names import IMAGE
from kafka_platform.values.words import Deciding
from pydantic import field_validator

from infra.settings.kafka import Kafka
from infra.settings.section import AdoptedObjects, NamespaceName, Section
from infra.settings.tenant_file import TenantFile
from infra.settings.topic import Topic

_S = TypeVar("_S")

ROOT = Path(__file__).resolve().parents[2]
"""The folder in which the program runs, and to which the paths of files in settings are relative."""


class Environment(Deciding):
    """Purpose of a stack, which decides how strict the policies are."""

    DEV = "dev"
    """For trying things out: policies advise."""
    STAGING = "staging"
    """Like production, without its data: most policies are mandatory."""
    PROD = "prod"
    """With data that must not be lost: all policies are mandatory."""


class Kubernetes(Section):
    """The Kubernetes cluster that everything is deployed to."""

    context: str | None = None
    """Context of the kubeconfig. Default: the current one of the file that `kubeconfig` or KUBECONFIG names."""
    kubeconfig: str | None = None
    """Path of the kubeconfig. Default: what KUBECONFIG names, or ~/.kube/config if a context is given."""

    @field_validator("context", "kubeconfig")
    @classmethod
    def _not_empty(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("is empty: write a value, or remove the key")
        if value is not None:
            check_text(value, "a name")
        return value


class Images(Section):
    """Container images, for clusters that pull from a registry of their own."""

    kafka: str | None = None
    """Image with Kafka in /opt/kafka. Default: `docker.io/apache/kafka:<kafka.version>`."""
    runtime: str | None = None
    """Image of this platform's own programs. Default: that of this release."""
    registry: str | None = None
    """Image of Apicurio Registry 3, for the schema registry. Default: `docker.io/apicurio/apicurio-registry:3.3.3`."""
    connect: str | None = None
    """Image with Kafka and the plugins of `connectors`; with Strimzi, one that is built from Strimzi's. Default: that of this release."""
    object_store: str | None = None
    """Image of versitygw, for `storage`. Default: `docker.io/versity/versitygw:v1.8.0`."""
    flink: str | None = None
    """Image of Flink with the connector of Kafka, for `streams`. Default: that of this release."""
    trino: str | None = None
    """Image of Trino 476, for `query`. Default: `docker.io/trinodb/trino:476`."""
    collector: str | None = None
    """Image of the OpenTelemetry Collector with its community's parts, for `logs`. Default: the official one of 0.155.0."""
    prometheus: str | None = None
    """Image of Prometheus, for `prometheus.server`. Default: the official one."""
    alertmanager: str | None = None
    """Image of Alertmanager, for `prometheus.server` with `alerts`. Default: the official one."""

    @field_validator(
        "kafka",
        "runtime",
        "registry",
        "connect",
        "object_store",
        "flink",
        "trino",
        "collector",
        "prometheus",
        "alertmanager",
    )
    @classmethod
    def _image(cls, value: str | None) -> str | None:
        if value is not None and not IMAGE.fullmatch(value):
            raise ValueError(
                f"{value!r} is not an image: write registry/name:tag, such as registry.example.com/kafka:4.3.1"
            )
        return value


class Tenant(Section):
    """A team: its users, where their credentials are delivered, and their limits."""

    namespace: NamespaceName | None = None
    """Kubernetes namespace of the team's applications; the Secret of each user is put there. Default: the platform's."""
    create_namespace: bool = False
    """Whether the stack creates the namespace (and removes it). Default: it exists already."""
    users: Mapping[str, User] = {}
    """Users by name, and what each may do. Everything else is denied."""
    quotas: Quotas | None = None
    """Limits of each user that does not set its own. Default: no limits."""


class Core(Section):
    """What every platform has: a Kafka, topics and users, in a Kubernetes cluster."""

    environment: Environment = Environment.DEV
    """Purpose of the stack, which decides how strict the policies are (docs/policies.md). Default: dev, where policies
    only advise."""
    namespace: NamespaceName = "streaming"
    """Kubernetes namespace of the platform. Default streaming."""
    create_namespace: bool = True
    """Whether the stack creates the namespace (and removes it). Default true."""
    kubernetes: Kubernetes = Kubernetes()
    """The Kubernetes cluster. Required unless KUBECONFIG is set."""
    adopt: AdoptedObjects = ()
    """Existing objects that the stack may take over, such as `Namespace/streaming` or `Secret/streaming/api-kafka`.
    They are kept when the stack is removed. Default: none; an object that the stack did not create is refused."""
    images: Images = Images()
    """Container images. Default: the public ones."""
    pod_settings: PodSettings = UNDECIDED
    """Scheduling, labels and pull secrets of all the platform's pods: brokers, gateway, probe, workers and Jobs.
    `podSettings` of `kafka`, `gateway`, `probe` or a worker adds to it for those. Default: Kubernetes' own defaults."""
    kafka: Kafka = Kafka()
    """The brokers. Default: one embedded node."""
    topics: Mapping[str, Topic] = {}
    """Topics by name. A topic removed from the file keeps its records, unless it said `deletion: allow`."""
    topic_files: tuple[str, ...] = ()
    """More files with topics by name, relative to the stack file's folder: for more topics than a stack file can hold
    (Linux limits it to 128 KiB), or one file per team. Default: none."""
    tenants: Mapping[str, Tenant] = {}
    """Teams by name, with their users."""
    tenant_files: Mapping[str, TenantFile] = {}
    """Files in which teams declare their own topics and users, by tenant, each with the bounds that the platform's owner
    sets. Default: none."""

    def of(self, kind: type[_S]) -> _S | None:
        """The section of that class, if the file has it."""
        return next((value for _, value in self if isinstance(value, kind)), None)

    @property
    def users(self) -> Mapping[str, User]:
        """The tenants' users by name, each with the namespace and, unless it has its own, the quotas of its tenant."""
        return {
            name: replace(user, namespace=tenant.namespace or self.namespace, quotas=user.quotas or tenant.quotas)
            for tenant in self.tenants.values()
            for name, user in tenant.users.items()
        }

    def namespace_of(self, tenant: str) -> str:
        """The namespace of a tenant's applications."""
        found = self.tenants.get(tenant)
        return self.namespace if found is None or found.namespace is None else found.namespace

    def quotas_of(self, tenant: str) -> Quotas | None:
        """The limits of a tenant's users."""
        found = self.tenants.get(tenant)
        return None if found is None else found.quotas

    @property
    def manages_entities(self) -> bool:
        """Whether topics and users are managed by the stack."""
        return self.kafka.engine is not Engine.EXTERNAL or self.kafka.admin_secret is not None

    @property
    def makes_users(self) -> bool:
        """Whether the stack can give users passwords."""
        return self.kafka.engine is not Engine.EXTERNAL or self.kafka.makes_users

    def secret_of(self, user: str | None, secret: Input[str] | None) -> Input[str] | None:
        """The Secret of a user that something logs in as; None if it is the one that the platform creates and names after the user."""
        declared = None if user is None else self.users.get(user)
        if secret is not None or user is None or declared is None:
            return secret
        return declared.secret_of(user) if declared.secret is not None or declared.auth is Login.CUSTOM else None

    @property
    def runtime_image(self) -> str:
        """Image of this platform's own programs."""
        return self.images.runtime or RUNTIME_IMAGE

    @property
    def created_namespaces(self) -> tuple[str, ...]:
        """Namespaces that the stack creates, each once, the platform's first."""
        own = [self.namespace] if self.create_namespace else []
        tenants = [each.namespace for each in self.tenants.values() if each.create_namespace and each.namespace]
        return tuple(dict.fromkeys(own + tenants))

    @property
    def tenant_namespaces(self) -> set[str]:
        """Namespaces of the tenants' applications."""
        return {each.namespace for each in self.tenants.values() if each.namespace}
