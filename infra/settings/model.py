"""The settings of one stack: what may stand in its file, with defaults. Parsed once, then frozen.

Topics, quotas, resources and defaults are the components' own value objects: they check themselves.
What concerns several settings at once is checked in `relations`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum

from kafka_platform.kafka.entities import Quotas, Topic, User
from kafka_platform.kafka.protocols import Engine
from kafka_platform.probe.spec import LATENCY_PROBE, latency_probe_topic, latency_probe_user
from kafka_platform.values.free_maps import check_text
from kafka_platform.values.names import IMAGE
from pydantic import field_validator

from infra.settings.gateway import Gateway
from infra.settings.kafka import Kafka
from infra.settings.operators import (
    CertManagerInstallation,
    DrainCleanerInstallation,
    Keda,
    Prometheus,
    StrimziInstallation,
)
from infra.settings.probe import Probe
from infra.settings.section import AdoptedObjects, NamespaceName, Section
from infra.settings.worker import Worker


class Environment(Enum):
    """What a stack is for, which decides how strict the policies are."""

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
    """Image of this platform's own programs. Default: the one of this release."""

    @field_validator("kafka", "runtime")
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
    """Kubernetes namespace of the team's applications; the Secret `<user>-kafka` of each user is put there. Default:
    the platform's."""
    create_namespace: bool = False
    """Whether the namespace is made (and removed) with the stack. Default: it exists already."""
    users: Mapping[str, User] = {}
    """Users by name: what each may do. Whatever is not allowed is denied."""
    quotas: Quotas | None = None
    """Limits of each user that has none of its own. Default: no limits."""


class Settings(Section):
    """The platform of one stack: what stands under `kafka-platform:platform`."""

    environment: Environment = Environment.DEV
    """What the stack is for: how strict the policies are (docs/policies.md). Default: dev, they advise."""
    namespace: NamespaceName = "streaming"
    """Kubernetes namespace of the brokers and of what belongs to them. Default streaming."""
    create_namespace: bool = True
    """Whether the namespace is made (and removed) with the stack. Default true."""
    kubernetes: Kubernetes = Kubernetes()
    """The Kubernetes cluster. Needed unless KUBECONFIG is set."""
    adopt: AdoptedObjects = ()
    """Objects that exist and that the stack may take over, as `Namespace/streaming` or `Secret/streaming/api-kafka`. They
    are kept when the stack goes. Default: none, an object that the stack did not make is refused."""
    images: Images = Images()
    """Container images. Default: the public ones."""
    kafka: Kafka = Kafka()
    """The brokers. Default: one embedded node."""
    topics: Mapping[str, Topic] = {}
    """Topics by name. A topic that is taken out of the file keeps its records, unless it said `deletion: allow`."""
    topic_files: tuple[str, ...] = ()
    """Further files with topics by name, seen from the stack file's folder: for more topics than a stack file can hold
    (Linux takes at most 128 KiB of settings), or one file per team. Default: none."""
    tenants: Mapping[str, Tenant] = {}
    """Teams by name, with their users."""
    gateway: Gateway | None = None
    """The HTTP gateway; may be left empty. Default: there is none."""
    strimzi: StrimziInstallation | None = None
    """Strimzi's operator, for `kafka.engine: strimzi`. Default: the Kubernetes cluster has it."""
    drain_cleaner: DrainCleanerInstallation | None = None
    """Strimzi's Drain Cleaner, for `kafka.drainCleaner: true`. Default: the Kubernetes cluster has it."""
    cert_manager: CertManagerInstallation | None = None
    """cert-manager; may be left empty, where the Kubernetes cluster has it. Default: nothing needs it."""
    prometheus: Prometheus | None = None
    """Prometheus and its operator; may be left empty, where the Kubernetes cluster has them. Default: there is none."""
    keda: Keda | None = None
    """KEDA; may be left empty, where the Kubernetes cluster has it. Default: nothing is scaled by it."""
    probe: Probe | None = None
    """The latency probe; may be left empty. Default: there is none."""
    workers: Mapping[str, Worker] = {}
    """Teams' services by name, each with a Kafka user of its own and as many pods as its load asks for."""

    @property
    def users(self) -> Mapping[str, User]:
        """All users by name, each with the namespace and, unless it has its own, the quotas of its tenant."""
        return {
            name: replace(user, namespace=tenant.namespace or self.namespace, quotas=user.quotas or tenant.quotas)
            for tenant in self.tenants.values()
            for name, user in tenant.users.items()
        }

    @property
    def worker_users(self) -> Mapping[str, User]:
        """The users that are made for the workers, by name."""
        return {
            user: declared
            for name, worker in self.workers.items()
            for user, declared in worker.users(name, self.namespace_of(worker.tenant), self._quotas_of(worker)).items()
        }

    def namespace_of(self, tenant: str) -> str:
        """The namespace of a tenant's applications."""
        found = self.tenants.get(tenant)
        return self.namespace if found is None or found.namespace is None else found.namespace

    def _quotas_of(self, worker: Worker) -> Quotas | None:
        tenant = self.tenants.get(worker.tenant)
        return None if tenant is None else tenant.quotas

    def partitions_of(self, topics: Sequence[str]) -> Mapping[str, int]:
        """How many partitions the topics have; none if one of them is not declared here, as that of an external Kafka."""
        if not all(topic in self.topics for topic in topics):
            return {}
        return {topic: self.topics[topic].partitions for topic in topics}

    @property
    def all_topics(self) -> Mapping[str, Topic]:
        """Topics by name with that of the probe."""
        if self.probe is None:
            return self.topics
        return {**self.topics, LATENCY_PROBE: latency_probe_topic(self.probe_partitions)}

    @property
    def all_users(self) -> Mapping[str, User]:
        """Users by name with those of the workers and of the probe."""
        users = {**self.users, **self.worker_users}
        if self.probe is not None:
            users[LATENCY_PROBE] = latency_probe_user(LATENCY_PROBE, self.namespace)
        return users

    @property
    def watched_workers(self) -> tuple[str, ...]:
        """Workers whose metrics Prometheus reads: those with a port of that name, sorted."""
        return tuple(sorted(name for name, worker in self.workers.items() if "metrics" in worker.ports))

    @property
    def probe_partitions(self) -> int:
        """Partitions of the probe's topic."""
        if self.probe is not None and self.probe.partitions is not None:
            return self.probe.partitions
        return 3 if self.kafka.engine is Engine.EXTERNAL else self.kafka.brokers

    @property
    def probe_uses_gateway(self) -> bool:
        """Whether probes go through the gateway too."""
        return self.probe is not None and self.probe.gateway and self.gateway is not None

    @property
    def created_namespaces(self) -> tuple[str, ...]:
        """Namespaces that are made with the stack, each once, the platform's first."""
        own = [self.namespace] if self.create_namespace else []
        tenants = [each.namespace for each in self.tenants.values() if each.create_namespace and each.namespace]
        return tuple(dict.fromkeys(own + tenants))

    @property
    def client_namespaces(self) -> tuple[str, ...]:
        """Namespaces, other than the platform's own, whose pods may connect to the brokers, sorted."""
        scalers = set() if self.keda is None else {self.keda.namespace}
        return tuple(sorted((self._tenant_namespaces | scalers | set(self.kafka.client_namespaces)) - {self.namespace}))

    @property
    def gateway_namespaces(self) -> tuple[str, ...]:
        """Namespaces, other than the platform's own, whose pods may connect to the gateway, sorted; none: those of all."""
        if self.gateway is None or not self.gateway.client_namespaces:
            return ()
        return tuple(sorted((self._tenant_namespaces | set(self.gateway.client_namespaces)) - {self.namespace}))

    @property
    def _tenant_namespaces(self) -> set[str]:
        return {each.namespace for each in self.tenants.values() if each.namespace}
