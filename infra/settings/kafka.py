"""The settings of the brokers: what may stand under `kafka`."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from kafka_platform.broker import check_config
from kafka_platform.broker_scaling import BrokerScaling
from kafka_platform.model import Defaults, Deletion, Engine, Resources, SaslMechanism, SecurityProtocol
from kafka_platform.names import check_cluster_id, check_subdomain, is_label_key
from kafka_platform.nodes import MOST_NODES, Jvm, check_nodes, check_version, check_volume
from kafka_platform.strimzi_model import (
    KAFKA_VERSIONS,
    STRIMZI_VERSION,
    Authorities,
    Balance,
    ClusterQuotas,
    Metrics,
    Pool,
    StrimziKafka,
    TieredStorage,
    check_strimzi_config,
)
from pydantic import ValidationInfo, field_validator

from infra.settings.listeners import ListenerSettings
from infra.settings.section import FormerStacks, NamespaceNames, Ports, Range, Section

_SERVERS = re.compile(r"[A-Za-z0-9._-]+:\d{1,5}(,[A-Za-z0-9._-]+:\d{1,5})*")


class Kafka(Section):
    """The brokers."""

    engine: Engine = Engine.EMBEDDED
    """`embedded`: this platform runs them, as one StatefulSet. `strimzi`: Strimzi's operator does. `external`: somebody
    else does. Default: embedded."""
    version: str = "4.3.1"
    """Embedded and Strimzi: Kafka's version. Default 4.3.1."""
    nodes: Annotated[int, Range(1, MOST_NODES)] = 1
    """Embedded: number of Kafka nodes, 1 or at least 3; three of them then vote on the metadata. Can grow (not from
    1), never shrink. Default 1."""
    storage: str = "10Gi"
    """Embedded: volume of each node, at least 1Gi. Can grow where the storage class allows it, never shrink. Default 10Gi."""
    storage_class: str | None = None
    """Embedded: StorageClass of the volumes; fixed once they exist. Default: the Kubernetes cluster's default class."""
    resources: Resources = Resources()
    """Embedded: processor and memory of each node. Default: 100m and 1Gi."""
    jvm: Jvm = Jvm()
    """Embedded: Java of each node, its heap and -XX options. Default: half of the memory, and Kafka's own options."""
    listeners: ListenerSettings = ListenerSettings()
    """Embedded and Strimzi: how clients reach the brokers. Default: inside Kubernetes only; embedded without TLS, Strimzi with."""
    defaults: Defaults = Defaults()
    """Embedded and Strimzi: what topics get that do not say otherwise. Default: safe for the number of nodes."""
    spread: str = "topology.kubernetes.io/zone"
    """Embedded: label of the machines over whose values the nodes are spread, as far as possible. Default: the zones."""
    config: Mapping[str, str] = {}
    """Embedded and Strimzi: further broker settings by Kafka's own names (https://kafka.apache.org/documentation/#brokerconfigs)."""
    client_namespaces: NamespaceNames = ()
    """Embedded and Strimzi: namespaces whose pods may connect, besides the platform's own and the tenants'. Default: none."""
    cluster_id: str | None = None
    """Embedded: identity of the cluster, to take over volumes kept from an earlier one. Default: a new, random one."""
    deletion: Deletion = Deletion.RETAIN
    """Embedded and Strimzi: `allow` lets the volumes go with the cluster. Default: retain, they are kept."""
    protect: bool = False
    """Embedded and Strimzi: whether Pulumi refuses to remove or replace anything of the cluster. Default false."""
    pools: Mapping[str, Pool] = {}
    """Strimzi: the nodes, by the name of their pool. Some vote on the metadata, some hold records. Needed."""
    rack: str | None = None
    """Strimzi: label of the machines whose value is a broker's rack: copies of a record go to different ones, consumers
    read from the nearest. Every machine needs it. Default: brokers know no racks."""
    balance: Balance | None = None
    """Strimzi: Cruise Control, which moves records when brokers come and go. Default: there is one where pools can scale."""
    unbalanced: bool = False
    """Strimzi: whether records stay where they are when brokers are added; none can be removed then. Default false."""
    authorities: Authorities = Authorities()
    """Strimzi: the certificate authorities. Default: Strimzi makes and renews them."""
    quotas: ClusterQuotas | None = None
    """Strimzi: what all clients of a broker together may use. Default: no limits."""
    tiered_storage: TieredStorage | None = None
    """Strimzi: where old records go, by a plugin that is in the image. Default: they stay on the volumes."""
    metrics: Metrics = Metrics.REPORTER
    """Strimzi: how nodes show their metrics. Default: by Strimzi's Metrics Reporter."""
    exporter: bool = False
    """Strimzi: whether Kafka Exporter shows the lag of consumer groups. Default false."""
    maintenance: tuple[str, ...] = ()
    """Strimzi: when certificates may be made anew, which restarts nodes: cron expressions such as `* * 1-4 ? * SUN *`
    (UTC). Default: whenever it is due."""
    drain_cleaner: bool = False
    """Strimzi: whether its Drain Cleaner is in the Kubernetes cluster; it then moves nodes off drained machines. Default
    false: one node at a time may go."""
    super_users: tuple[str, ...] = ()
    """Strimzi: users who may do everything. Default: none."""
    scaling: BrokerScaling | None = None
    """Strimzi: a pool of brokers that KEDA scales by load. Default: the number of brokers is fixed."""
    bootstrap_servers: str | None = None
    """External: where clients connect first, `host:port`, several with commas. Needed."""
    broker_ports: Ports = ()
    """External: ports of the brokers that are not among those of bootstrapServers, for network policies. Default: there
    are none."""
    security_protocol: SecurityProtocol = SecurityProtocol.SASL_SSL
    """External: how clients connect. Default SASL_SSL."""
    sasl_mechanism: SaslMechanism | None = None
    """External: how clients log in. Default SCRAM-SHA-512; with PLAINTEXT and SSL there is none."""
    ca_secret: str | None = None
    """External: Secret in the platform's namespace whose key `ca.crt` is the authority to trust. Default: the usual
    public ones."""
    admin_secret: str | None = None
    """External: Secret in the platform's namespace with `username` and `password` of a user who may manage topics,
    users, ACLs and quotas. Default: none, they are not managed from here."""
    former_stacks: FormerStacks = ()
    """External: stacks that this one took the place of, as `organization/project/stack`: its own former name, or one that is
    gone for good. Their topics and users then count as this stack's, and go if they are not declared. Default: none."""

    @field_validator("version")
    @classmethod
    def _version(cls, value: str, info: ValidationInfo) -> str:
        check_version(value)
        if info.data.get("engine") is Engine.STRIMZI and value not in KAFKA_VERSIONS:
            raise ValueError(
                f"Strimzi {STRIMZI_VERSION} does not run Kafka {value}: use one of {', '.join(KAFKA_VERSIONS)}"
            )
        return value

    @field_validator("nodes")
    @classmethod
    def _nodes(cls, value: int) -> int:
        check_nodes(value)
        return value

    @field_validator("storage")
    @classmethod
    def _storage(cls, value: str) -> str:
        check_volume(value)
        return value

    @field_validator("storage_class", "ca_secret", "admin_secret")
    @classmethod
    def _object_name(cls, value: str | None) -> str | None:
        if value is not None:
            check_subdomain(value, "object name")
        return value

    @field_validator("spread")
    @classmethod
    def _spread(cls, value: str) -> str:
        if not is_label_key(value):
            raise ValueError(f"{value!r} is not a label of machines: write one such as topology.kubernetes.io/zone")
        return value

    @field_validator("config")
    @classmethod
    def _config(cls, value: Mapping[str, str], info: ValidationInfo) -> Mapping[str, str]:
        check = check_strimzi_config if info.data.get("engine") is Engine.STRIMZI else check_config
        try:
            check(value)
        except ValueError as error:
            raise ValueError(str(error).removeprefix("config: ")) from None
        return value

    @field_validator("cluster_id")
    @classmethod
    def _cluster_id(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                check_cluster_id(value)
            except ValueError as error:
                raise ValueError(str(error).removeprefix("cluster_id: ")) from None
        return value

    @field_validator("bootstrap_servers")
    @classmethod
    def _servers(cls, value: str | None) -> str | None:
        if value is not None and (
            not _SERVERS.fullmatch(value)
            or any(not 1 <= int(each.rsplit(":")[-1]) <= 65535 for each in value.split(","))
        ):
            if re.search(r"[\s;]", value):
                together = ",".join(re.split(r"[\s,;]+", value.strip()))
                raise ValueError(
                    f"{value!r} is not host:port: write several with commas and no blanks, as in '{together}'"
                )
            raise ValueError(f"{value!r} is not host:port: write kafka.example.com:9092, several with commas")
        return value

    @property
    def brokers(self) -> int:
        """How many nodes hold records, where they are run from here."""
        if self.engine is Engine.STRIMZI:
            return sum(pool.nodes for pool in self.pools.values() if pool.holds_records)
        return self.nodes

    def strimzi(self) -> StrimziKafka:
        """The cluster as Strimzi takes it. Raises `ValueError` that names the field at fault."""
        return StrimziKafka(
            pools={
                name: replace(pool, autoscaled=True) if self.scaling is not None and self.scaling.pool == name else pool
                for name, pool in self.pools.items()
            },
            listeners=self.listeners.of_strimzi(),
            rack=self.rack,
            balance=self.balance,
            unbalanced=self.unbalanced,
            authorities=self.authorities,
            quotas=self.quotas,
            tiered_storage=self.tiered_storage,
            metrics=self.metrics,
            exporter=self.exporter,
            maintenance=self.maintenance,
            drain_cleaner=self.drain_cleaner,
            super_users=self.super_users,
        )

    @property
    def sasl(self) -> SaslMechanism | None:
        """How clients of an external Kafka log in, with the default that follows from the protocol."""
        if self.security_protocol in (SecurityProtocol.PLAINTEXT, SecurityProtocol.SSL):
            return None
        return self.sasl_mechanism or SaslMechanism.SCRAM_SHA_512
