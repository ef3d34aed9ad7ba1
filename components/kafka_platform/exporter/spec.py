"""The spec of a Kafka exporter, and what it needs in Kafka. No Pulumi."""

from collections.abc import Sequence
from dataclasses import MISSING, dataclass

from kafka_platform.kafka.entities import Acl, AclResource, Operation, User
from kafka_platform.kafka.servers import check_servers
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.values.checks import PORT_SCHEMA, check_ports
from kafka_platform.values.forms import Compute, Spec, duration, formed, memory_of, named, namespaces, processors, wait
from kafka_platform.values.later import Input
from kafka_platform.values.names import RUNS_TOPIC, check_label, check_subdomain, check_topic
from kafka_platform.values.ranges import LEAST_NUMBER, MOST_NUMBER, MOST_PODS, within

KAFKA_EXPORTER = "kafka-exporter"
"""Name of its Deployment in a stack."""
EXPORTER_USER = "lag-exporter"
"""Name of its user: with Strimzi, what begins with `kafka-` is the cluster's."""


def exporter_user(namespace: str | None = None, *, ledger: bool = False) -> User:
    """The user of an exporter: it may describe all topics, all groups and the cluster, but read no record.

    With `ledger` it may read what the provisioner notes of its runs: counts and times.
    """
    describe = [Operation.DESCRIBE]
    acls = [
        Acl(resource=AclResource.TOPIC, name="*", operations=describe),
        Acl(resource=AclResource.GROUP, name="*", operations=describe),
        # How much of the brokers' disks topics take.
        Acl(resource=AclResource.CLUSTER, name="kafka-cluster", operations=describe),
    ]
    if ledger:
        acls.append(Acl(resource=AclResource.TOPIC, name=RUNS_TOPIC, operations=[Operation.READ]))
    return User(acls=acls, namespace=namespace)


@dataclass(frozen=True, kw_only=True)
class KafkaExporterResources(Compute):
    """CPU and memory of an exporter's pod."""

    cpu: str = processors("20m")
    """CPU request. Default 20m."""
    cpu_limit: str | None = processors("1", "1")
    """CPU limit. Default 1."""
    # Interpreter and libraries take some 60 MiB.
    memory: str = memory_of("an exporter", "256Mi", least="128Mi")
    """Memory request and limit, at least 128Mi. Default 256Mi."""


@dataclass(frozen=True, kw_only=True)
class Surge(Spec):
    """A Deployment that follows its lag, and whose pods an exporter adds within seconds of a step of the load.

    It reads one topic, and always has at least one pod.
    """

    namespace: str = named(check_label, "namespace", default=MISSING)
    """Its namespace."""
    name: str = named(check_subdomain, "workload name", default=MISSING)
    """Its name."""
    topic: str = named(check_topic, default=MISSING)
    """The topic that it reads."""
    records_per_second_per_pod: float = within(LEAST_NUMBER, MOST_NUMBER)
    """Records that one pod handles in a second, as its `scale` says."""
    acceptable_delay: str = wait(MISSING, "10s", zero=True)
    """How long a record may wait, as its `scale` says."""
    max: int = within(1, MOST_PODS)
    """The most pods that there may be."""


@dataclass(frozen=True, kw_only=True)
class ExporterSpec(Spec):
    """Settings of a Kafka exporter, shared by programs and stack files."""

    interval: str = duration("30s", least="5s", most="10m")
    """Interval between two polls of the cluster, 5s to 10m; scrapes in between return the same values. Default 30s."""
    topics: int = within(1, 100_000, default=2000)
    """Maximum number of topics, each with six series; the first by name are shown. Default 2000."""
    groups: int = within(1, 100_000, default=1000)
    """Maximum number of groups, each with two series; those with members are shown first. Default 1000."""
    pairs: int = within(1, 1_000_000, default=5000)
    """Maximum number of group-topic pairs, each with two series; those with most lag are shown first. Default 5000."""
    tls_servers: Sequence[Input[str]] = formed((), check_servers)
    """Further servers, as `host:port`, whose TLS certificates are watched besides the brokers'. Default: in a stack, those that
    it runs; in a program: none."""
    tls_server_ports: Sequence[int] = formed((), check_ports, items=PORT_SCHEMA)
    """Ports of the pods behind those servers where a Service has another one, for the network policy. Default: none."""
    api_ports: Sequence[int] = formed((443, 6443), check_ports, items=PORT_SCHEMA)
    """Ports of the API servers, for the network policy of an exporter that adds pods. Default: 443 and 6443."""
    resources: KafkaExporterResources = KafkaExporterResources()
    """CPU and memory of the pod. Default: 20m and 256Mi."""
    pod_settings: PodSettings = UNDECIDED
    """Scheduling, labels and pull secrets of the pod. Default: Kubernetes' own defaults."""
    metrics_namespaces: Sequence[Input[str]] = namespaces()
    """Namespaces whose pods may read the metrics. Default: that of the stack's `prometheus`; in a program: all."""
