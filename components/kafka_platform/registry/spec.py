"""The spec of a schema registry, its users, and what it needs in Kafka. No Pulumi."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass

from kafka_platform.kafka.entities import Acl, AclResource, Cleanup, Operation, Quotas, Topic, User
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.values.forms import Compute, Spec, memory_of, named, namespaces, processors
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_label, check_subdomain
from kafka_platform.values.ranges import MOST_VERSIONS, within
from kafka_platform.values.words import Deciding

SCHEMA_REGISTRY = "schema-registry"
"""Name of its Deployment, its Service and its Kafka user in a stack, and what its topics begin with."""
REGISTRAR = "registrar"
"""The user of the registry that registers what is declared."""
JOURNAL, SNAPSHOTS, EVENTS = (f"{SCHEMA_REGISTRY}-{part}" for part in ("journal", "snapshots", "events"))
"""Its topics. The first has the schemas; it writes nothing to the others unless told to, and does not start without them."""
QUOTAS = Quotas(produce="5MB/s", consume="50MB/s")
"""Schemas are kilobytes, and few are written; a pod that starts reads all that were ever written."""
MOST_PODS = 5
"""Each pod has all schemas in memory and answers hundreds of requests a second, which clients cache: more are of no use."""


class RegistryRole(Deciding):
    """Role of a user in a schema registry."""

    READONLY = "readonly"
    """Read every schema."""
    DEVELOPER = "developer"
    """Also register schemas, and change and delete its own."""
    ADMIN = "admin"
    """Everything, with every subject."""


@dataclass(frozen=True, kw_only=True)
class RegistryUser(Spec):
    """A user of a schema registry, with a generated password that is not its password in Kafka."""

    role: RegistryRole = RegistryRole.READONLY
    """What it may do. Default: read."""
    namespace: Input[str] | None = named(check_label, "namespace")
    """Namespace that its Secret `<user>-registry` is delivered to, whose pods may call the registry. Default: the registry's."""
    password_version: int = within(1, MOST_VERSIONS, default=1)
    """Raise it by one to generate a new password. Default 1."""


@dataclass(frozen=True, kw_only=True)
class RegistryResources(Compute):
    """CPU and memory of each pod of a schema registry."""

    cpu: str = processors("250m")
    """CPU request; a start takes ten seconds of one core. Default 250m."""
    cpu_limit: str | None = processors(None, "2")
    """CPU limit. Default: none."""
    memory: str = memory_of("a schema registry", "768Mi", least="640Mi")
    """Memory request and limit, at least 640Mi; the heap is what exceeds 384Mi. Default 768Mi."""


@dataclass(frozen=True, kw_only=True)
class RegistryTls(Spec):
    """TLS terminated at the pods. The files are reloaded when the Secret changes."""

    certificate: Input[str] = named(check_subdomain, "Secret name", default=MISSING)
    """Secret of the type kubernetes.io/tls (in the registry's namespace), valid for `<name>.<namespace>.svc`."""
    authority: Input[str] | None = named(check_subdomain, "Secret name")
    """Secret whose key `ca.crt` is the authority of that certificate, for the Job that registers schemas and, in their
    namespaces, for workers. Default: public authorities."""


@dataclass(frozen=True, kw_only=True)
class RegistrySpec(Spec):
    """Settings of a schema registry, shared by programs and stack files."""

    pods: int = within(1, MOST_PODS, default=2)
    """Number of pods. Default 2: one serves while the other restarts."""
    resources: RegistryResources = RegistryResources()
    """CPU and memory of each pod. Default: 250m and 768Mi."""
    tls: RegistryTls | None = None
    """TLS terminated at the pods. Default: none; passwords cross the Kubernetes cluster's network unencrypted."""
    owner_only: bool = True
    """Whether a developer may change and delete only subjects that it registered itself. Default true."""
    client_namespaces: Sequence[Input[str]] = namespaces()
    """Namespaces whose pods may connect, besides the registry's own and those of its users. Default: no others."""
    metrics_namespaces: Sequence[Input[str]] = namespaces()
    """Namespaces whose pods may read the metrics. Default: all."""
    pod_settings: PodSettings = UNDECIDED
    """Scheduling, labels and pull secrets of the pods. Default: Kubernetes' own defaults."""


def check_registry_users(users: Mapping[str, object]) -> None:
    """Raises for a name that the registry reserves."""
    if REGISTRAR in users:
        raise ValueError(f"users: {REGISTRAR!r} registers what is declared: choose another name")


def schema_registry_topics() -> dict[str, Topic]:
    """The topics of a schema registry by name: its journal has unlimited retention, as every pod reads it from the beginning."""
    journal = Topic(retention="forever", retention_size="unlimited", cleanup=Cleanup.DELETE)
    return {JOURNAL: journal, SNAPSHOTS: journal, EVENTS: Topic(retention="1d")}


def schema_registry_user(namespace: Input[str] | None = None) -> User:
    """The Kafka user of a schema registry: its topics and its groups, and nothing else."""
    topics = tuple(schema_registry_topics())
    # It looks whether the topics keep what it writes, and does not start unless they do.
    looks = [Acl(resource=AclResource.TOPIC, name=each, operations=[Operation.DESCRIBE_CONFIGS]) for each in topics]
    groups = (f"{SCHEMA_REGISTRY}-*",)
    return User(writes=topics, reads=topics, groups=groups, acls=looks, quotas=QUOTAS, namespace=namespace)
