"""The settings of one stack: what may stand in its file, with defaults. Parsed once, then frozen.

Topics, quotas, resources and defaults are the components' own value objects: they check themselves.
What concerns several settings at once is checked in `relations`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum

from kafka_platform.broker import check_config
from kafka_platform.broker_scaling import BrokerScaling
from kafka_platform.gateway_model import (
    Exposure,
    GatewayApiExposure,
    HttpGatewayLimits,
    HttpGatewayPods,
    HttpGatewayResources,
    HttpGatewayTls,
    IngressExposure,
    LoadBalancerExposure,
    NodePortExposure,
    check_gateway,
    check_origins,
    check_ports,
    check_seconds,
)
from kafka_platform.model import (
    MAX_PARTITIONS,
    Acl,
    Defaults,
    Deletion,
    Engine,
    Listeners,
    LoadBalancers,
    NodePorts,
    Quotas,
    Resources,
    SaslMechanism,
    SecurityProtocol,
    Topic,
    User,
)
from kafka_platform.names import check_cluster_id, check_label, check_subdomain, check_user, is_label_key
from kafka_platform.probe_model import (
    LATENCY_PROBE,
    LatencyProbeResources,
    check_gate,
    check_probe,
    latency_probe_topic,
    latency_probe_user,
)
from kafka_platform.scaling_model import Commit, OffsetReset, Scale, scaler_user, scaler_user_name
from kafka_platform.strimzi_model import (
    KAFKA_VERSIONS,
    STRIMZI_VERSION,
    Authentication,
    Authorities,
    Balance,
    BrokerAccess,
    BrokerIngresses,
    BrokerLoadBalancers,
    BrokerNodePorts,
    BrokerTlsRoutes,
    ClusterQuotas,
    CustomAuthentication,
    InternalListener,
    Metrics,
    Pool,
    StrimziKafka,
    StrimziListeners,
    TieredStorage,
    check_strimzi_config,
)
from kafka_platform.units import quantity
from kafka_platform.worker_model import (
    Assignment,
    Egress,
    Partitioning,
    WorkerProbes,
    WorkerResources,
    check_worker,
    worker_user,
)
from pydantic import ValidationInfo, field_validator, model_validator
from pydantic.alias_generators import to_camel

from infra.settings.operators import (
    CertManagerInstallation,
    DrainCleanerInstallation,
    Keda,
    Prometheus,
    StrimziInstallation,
)
from infra.settings.section import Section

LEAST_STORAGE = 2**30
"""Bytes: Kafka preallocates index files and rolls segments of 1 GiB, less fills up at once."""
LEAST_VERSION = (4, 0, 0)
"""The first Kafka without ZooKeeper; older ones read other logging files."""

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(-[A-Za-z0-9.]+)?")
_IMAGE = re.compile(r"[a-z0-9][A-Za-z0-9._:/-]*[A-Za-z0-9](@sha256:[0-9a-f]{64})?")
_SERVERS = re.compile(r"[A-Za-z0-9._-]+:\d{1,5}(,[A-Za-z0-9._-]+:\d{1,5})*")


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
        if value is not None and not _IMAGE.fullmatch(value):
            raise ValueError(
                f"{value!r} is not an image: write registry/name:tag, such as registry.example.com/kafka:4.3.1"
            )
        return value


class Expose(Enum):
    """How clients outside Kubernetes reach the brokers."""

    NODE_PORT = "nodePort"
    """A port of every machine of the Kubernetes cluster for each broker."""
    LOAD_BALANCER = "loadBalancer"
    """A load balancer for each broker."""
    TLS_ROUTE = "tlsRoute"
    """Routes of the Gateway API; with Strimzi."""
    INGRESS = "ingress"
    """Ingresses that pass TLS on; with Strimzi."""


class ExternalListener(Section):
    """The way in for clients outside Kubernetes: everything that the chosen one needs, and nothing else."""

    expose: Expose
    """`nodePort`: a port of every machine of the cluster for each broker; `loadBalancer`: each broker has its own;
    with Strimzi also `tlsRoute`: a Gateway of the Gateway API passes TLS on; `ingress`: an Ingress controller does."""
    host: str
    """nodePort: a name or address that reaches the machines; otherwise the name you keep in DNS for each broker,
    `{nodeId}` stands for its number, as in `broker-{nodeId}.kafka.example.com`."""
    port: int | None = None
    """nodePort: the port of broker 0 (Strimzi: of the first connection), 30000 to 32767, the following ones belong to the
    next brokers; loadBalancer: the port of each, default 9094; tlsRoute: that of the Gateway, default 443."""
    annotations: Mapping[str, str] = {}
    """Annotations of the load balancers' Services, or the Ingresses, for their controller. Default: none."""
    bootstrap: str | None = None
    """Strimzi: name for the first connection. Default: `host` with `bootstrap` for `{nodeId}`."""
    auth: Authentication | None = None
    """Strimzi: how clients log in. Default: scram."""
    custom: CustomAuthentication | None = None
    """Strimzi: the way of your own to log in, with `auth: custom`."""
    certificate: str | None = None
    """Strimzi: Secret of the type kubernetes.io/tls in the platform's namespace, valid for all the names, that brokers show
    outside. Default: one by the cluster's own authority."""
    load_balancer_class: str | None = None
    """Strimzi, loadBalancer: class of the load balancers. Default: the Kubernetes cluster's."""
    source_ranges: tuple[str, ...] = ()
    """Strimzi, loadBalancer: networks that clients may come from, such as 203.0.113.0/24. Default: everywhere."""
    gateway_class: str | None = None
    """Strimzi, tlsRoute: GatewayClass of a Gateway that is made."""
    gateway: str | None = None
    """Strimzi, tlsRoute: Gateway that is there already, as `name` or `namespace/name`."""
    ingress_class: str | None = None
    """Strimzi, ingress: IngressClass of the controller. Needed."""

    @property
    def takes_passwords(self) -> bool:
        """Whether clients may log in by SCRAM passwords."""
        if self.custom is not None:
            return self.custom.takes_passwords
        return self.auth in (None, Authentication.SCRAM)

    @model_validator(mode="after")
    def _check(self) -> "ExternalListener":
        if self.expose is Expose.NODE_PORT and self.port is None:
            raise ValueError("port: missing: write the port of broker 0, such as 30092")
        if self.annotations and self.expose is Expose.NODE_PORT:
            raise ValueError("annotations: only load balancers have them: remove the key, or expose by loadBalancer")
        for name, ways in _WAYS.items():
            if self.expose not in ways and getattr(self, name):
                owners = " or ".join(way.value for way in ways)
                raise ValueError(f"{name}: does not go with {self.expose.value}: remove the key, or expose by {owners}")
        if self.expose is Expose.INGRESS and self.ingress_class is None:
            raise ValueError("ingress_class: missing: write the class of the controller, such as nginx")
        if self.expose in (Expose.NODE_PORT, Expose.LOAD_BALANCER):
            self.addresses()
        else:
            self.access()
        return self

    def addresses(self) -> NodePorts | LoadBalancers:
        """The listener as an embedded cluster takes it. Raises `ValueError` that names the field at fault."""
        if self.expose is not Expose.NODE_PORT:
            if self.port is None:
                return LoadBalancers(host=self.host, annotations=self.annotations)
            return LoadBalancers(host=self.host, port=self.port, annotations=self.annotations)
        try:
            return NodePorts(host=self.host, first_port=self.port or 0)
        except ValueError as error:
            raise ValueError(str(error).replace("first_port:", "port:", 1)) from None

    def access(self) -> BrokerAccess:
        """The listener as Strimzi takes it. Raises `ValueError` that names the field at fault."""
        return BrokerAccess(
            auth=self.auth or Authentication.SCRAM,
            custom=self.custom,
            certificate=self.certificate,
            port=self.port if self.port is not None and self.expose is Expose.LOAD_BALANCER else 9094,
            node_ports=BrokerNodePorts(host=self.host, port=self.port or 0)
            if self.expose is Expose.NODE_PORT
            else None,
            load_balancers=BrokerLoadBalancers(
                host=self.host,
                bootstrap=self.bootstrap,
                load_balancer_class=self.load_balancer_class,
                source_ranges=self.source_ranges,
                annotations=self.annotations,
            )
            if self.expose is Expose.LOAD_BALANCER
            else None,
            tls_routes=BrokerTlsRoutes(
                host=self.host,
                bootstrap=self.bootstrap,
                gateway_class=self.gateway_class,
                gateway=self.gateway,
                port=443 if self.port is None else self.port,
            )
            if self.expose is Expose.TLS_ROUTE
            else None,
            ingresses=BrokerIngresses(
                host=self.host,
                bootstrap=self.bootstrap,
                ingress_class=self.ingress_class or "",
                annotations=self.annotations,
            )
            if self.expose is Expose.INGRESS
            else None,
        )


_WAYS: Mapping[str, tuple[Expose, ...]] = {
    "port": (Expose.NODE_PORT, Expose.LOAD_BALANCER, Expose.TLS_ROUTE),
    "annotations": (Expose.LOAD_BALANCER, Expose.INGRESS),
    "bootstrap": (Expose.LOAD_BALANCER, Expose.TLS_ROUTE, Expose.INGRESS),
    "load_balancer_class": (Expose.LOAD_BALANCER,),
    "source_ranges": (Expose.LOAD_BALANCER,),
    "gateway_class": (Expose.TLS_ROUTE,),
    "gateway": (Expose.TLS_ROUTE,),
    "ingress_class": (Expose.INGRESS,),
}
"""The keys that go with some of the ways in only."""


class ListenerSettings(Section):
    """How clients reach the brokers."""

    certificate: str | None = None
    """Embedded: Secret in the platform's namespace with `tls.crt`, `tls.key` and `ca.crt`: clients then use TLS. Default:
    no TLS."""
    internal: InternalListener | None = None
    """Strimzi: the way in for clients inside Kubernetes. Default: by TLS and SCRAM passwords."""
    external: ExternalListener | None = None
    """The way in for clients outside Kubernetes. Default: none."""

    @field_validator("certificate")
    @classmethod
    def _secret(cls, value: str | None) -> str | None:
        if value is not None:
            check_subdomain(value, "Secret name")
        return value

    def listeners(self) -> Listeners:
        """The listeners as an embedded cluster takes them."""
        addresses = None if self.external is None else self.external.addresses()
        return Listeners(
            certificate=self.certificate,
            node_ports=addresses if isinstance(addresses, NodePorts) else None,
            load_balancers=addresses if isinstance(addresses, LoadBalancers) else None,
        )

    def of_strimzi(self) -> StrimziListeners:
        """The listeners as Strimzi takes them."""
        return StrimziListeners(
            internal=self.internal or InternalListener(),
            external=None if self.external is None else self.external.access(),
        )


class Kafka(Section):
    """The brokers."""

    engine: Engine = Engine.EMBEDDED
    """`embedded`: this platform runs them, as one StatefulSet. `strimzi`: Strimzi's operator does. `external`: somebody
    else does. Default: embedded."""
    version: str = "4.3.1"
    """Embedded and Strimzi: Kafka's version. Default 4.3.1."""
    nodes: int = 1
    """Embedded: number of Kafka nodes, 1 or at least 3; three of them then vote on the metadata. Can grow (not from
    1), never shrink. Default 1."""
    storage: str = "10Gi"
    """Embedded: volume of each node, at least 1Gi. Can grow where the storage class allows it, never shrink. Default 10Gi."""
    storage_class: str | None = None
    """Embedded: StorageClass of the volumes; fixed once they exist. Default: the Kubernetes cluster's default class."""
    resources: Resources = Resources()
    """Embedded: processor and memory of each node. Default: 100m and 1Gi."""
    listeners: ListenerSettings = ListenerSettings()
    """Embedded and Strimzi: how clients reach the brokers. Default: inside Kubernetes only; embedded without TLS, Strimzi with."""
    defaults: Defaults = Defaults()
    """Embedded and Strimzi: what topics get that do not say otherwise. Default: safe for the number of nodes."""
    spread: str = "topology.kubernetes.io/zone"
    """Embedded: label of the machines over whose values the nodes are spread, as far as possible. Default: the zones."""
    config: Mapping[str, str] = {}
    """Embedded and Strimzi: further broker settings by Kafka's own names (https://kafka.apache.org/documentation/#brokerconfigs)."""
    client_namespaces: tuple[str, ...] = ()
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

    @field_validator("version")
    @classmethod
    def _version(cls, value: str, info: ValidationInfo) -> str:
        match = _VERSION.fullmatch(value)
        if match is None:
            raise ValueError(f"{value!r} is not a version of Kafka: write three numbers, such as 4.3.1")
        if tuple(int(match[part]) for part in (1, 2, 3)) < LEAST_VERSION:
            raise ValueError(f"{value} is too old: use 4.0.0 or newer, such as 4.3.1")
        if info.data.get("engine") is Engine.STRIMZI and value not in KAFKA_VERSIONS:
            raise ValueError(
                f"Strimzi {STRIMZI_VERSION} does not run Kafka {value}: use one of {', '.join(KAFKA_VERSIONS)}"
            )
        return value

    @field_validator("nodes")
    @classmethod
    def _nodes(cls, value: int) -> int:
        if value < 1:
            raise ValueError(f"{value} is out of range: use 1, or at least 3")
        if value == 2:
            raise ValueError("2 nodes have no majority when one is down, so they are no safer than one: use 1 or 3")
        return value

    @field_validator("storage")
    @classmethod
    def _storage(cls, value: str) -> str:
        if quantity(value) < LEAST_STORAGE:
            raise ValueError(f"{value} is too little, one segment of a log is 1Gi: use at least 1Gi")
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

    @field_validator("client_namespaces")
    @classmethod
    def _namespaces(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for namespace in value:
            check_label(namespace, "namespace")
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


class Tenant(Section):
    """A team: its users, where their credentials are delivered, and their limits."""

    namespace: str | None = None
    """Kubernetes namespace of the team's applications; the Secret `<user>-kafka` of each user is put there. Default:
    the platform's."""
    create_namespace: bool = False
    """Whether the namespace is made (and removed) with the stack. Default: it exists already."""
    users: Mapping[str, User] = {}
    """Users by name: what each may do. Whatever is not allowed is denied."""
    quotas: Quotas | None = None
    """Limits of each user that has none of its own. Default: no limits."""

    @field_validator("namespace")
    @classmethod
    def _namespace(cls, value: str | None) -> str | None:
        if value is not None:
            check_label(value, "namespace")
        return value


class GatewayExposure(Section):
    """How callers outside Kubernetes reach the HTTP gateway: nodePort, loadBalancer, gatewayClass, gateway or ingressClass."""

    node_port: int | None = None
    """A port of every machine of the Kubernetes cluster, 30000 to 32767."""
    load_balancer: LoadBalancerExposure | None = None
    """A load balancer of the cloud; may be left empty."""
    gateway_class: str | None = None
    """GatewayClass of the Gateway API: a Gateway is made, with `host` and `certificate`."""
    gateway: str | None = None
    """Gateway of the Gateway API that is there already, as `name` or `namespace/name`, with `host`."""
    listener: str | None = None
    """With `gateway`: name of its listener. Default: every one whose host fits."""
    ingress_class: str | None = None
    """IngressClass: an Ingress is made, with `host`."""
    host: str | None = None
    """With gatewayClass, gateway and ingressClass: the name by which callers come. Needed."""
    certificate: str | None = None
    """Secret of the type kubernetes.io/tls in the platform's namespace, valid for `host`. Needed with gatewayClass;
    default with ingressClass: the controller's own."""
    annotations: Mapping[str, str] = {}
    """Annotations of the Gateway that is made, or of the Ingress, for its controller and for cert-manager. Default: none."""

    @model_validator(mode="after")
    def _check(self) -> "GatewayExposure":
        given = [key for key in _FITTING if getattr(self, key) is not None]
        if not given:
            return self  # said by the relations, unless there was one that is at fault
        if len(given) > 1:
            raise ValueError(f"{' and '.join(map(to_camel, given))} stand there together: keep one of them")
        for name in ("host", "listener", "certificate", "annotations"):
            if getattr(self, name) and name not in _FITTING[given[0]]:
                owners = " or ".join(to_camel(key) for key, fitting in _FITTING.items() if name in fitting)
                raise ValueError(f"{name}: does not go with {to_camel(given[0])}: remove the key, or write {owners}")
        if self.host is None and "host" in _FITTING[given[0]]:
            raise ValueError("host: missing: write the name by which callers come, such as data.example.com")
        self.exposure()
        return self

    def exposure(self) -> Exposure:
        """The way in as the component takes it. Raises `ValueError` that names the field at fault."""
        host = self.host or ""
        if self.node_port is not None:
            try:
                return Exposure(node_port=NodePortExposure(port=self.node_port))
            except ValueError as error:
                raise ValueError(str(error).replace("port:", "node_port:", 1)) from None
        if self.ingress_class is not None:
            ingress = IngressExposure(
                host=host,
                ingress_class=self.ingress_class,
                certificate=self.certificate,
                annotations=self.annotations,
            )
            return Exposure(ingress=ingress)
        if self.gateway_class is None and self.gateway is None:
            return Exposure(load_balancer=self.load_balancer)
        route = GatewayApiExposure(
            host=host,
            gateway_class=self.gateway_class,
            certificate=self.certificate,
            gateway=self.gateway,
            listener=self.listener,
            annotations=self.annotations,
        )
        return Exposure(gateway_api=route)


_FITTING: Mapping[str, tuple[str, ...]] = {
    "node_port": (),
    "load_balancer": (),
    "gateway_class": ("host", "certificate", "annotations"),
    "gateway": ("host", "listener"),
    "ingress_class": ("host", "certificate", "annotations"),
}
"""The ways in, each with the keys that go with it."""


class Gateway(Section):
    """The HTTP gateway: programs in any language write and read by HTTP, each with its own Kafka user and password."""

    pods: HttpGatewayPods = HttpGatewayPods()
    """How many pods there are. Default: 2."""
    resources: HttpGatewayResources = HttpGatewayResources()
    """Processor and memory of each pod. Default: 500m and 1Gi."""
    expose: GatewayExposure | None = None
    """The way in for callers outside Kubernetes. Default: none."""
    tls: HttpGatewayTls | None = None
    """TLS that ends at the pods. Default: none; what exposes the gateway can end it too."""
    limits: HttpGatewayLimits = HttpGatewayLimits()
    """Bounds of what callers may use of each pod. Beyond them a request is refused, never queued."""
    anonymous: str | None = None
    """User of this file (of a tenant without a namespace of its own) that callers without credentials are. Default:
    they are refused."""
    bearer: bool = False
    """External Kafka: whether bearer tokens are passed on to it as OAUTHBEARER. Default: they are refused."""
    recheck: str = "60s"
    """How long a login counts: a changed password takes effect after at most this. Default 60s."""
    cors: tuple[str, ...] = ()
    """Origins whose pages may call, such as https://shop.example.com, or `'*'` for all. Default: none."""
    client_namespaces: tuple[str, ...] = ()
    """Namespaces, besides the platform's own, whose pods may call; that of the Ingress or Gateway controller has to be
    among them. Default: everybody may who reaches the gateway."""
    metrics_namespaces: tuple[str, ...] = ()
    """Namespaces whose pods may read the gateway's metrics. Default: all."""
    broker_ports: tuple[int, ...] = ()
    """External Kafka: ports of the brokers that are not among those of bootstrapServers. Default: there are none."""

    @field_validator("anonymous")
    @classmethod
    def _user(cls, value: str | None) -> str | None:
        if value is not None:
            check_user(value)
        return value

    @field_validator("recheck")
    @classmethod
    def _recheck(cls, value: str) -> str:
        try:
            check_seconds("recheck", value, "60s")
        except ValueError as error:
            raise ValueError(str(error).removeprefix("recheck: ")) from None
        return value

    @field_validator("cors")
    @classmethod
    def _cors(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        check_origins(value)
        return value

    @field_validator("client_namespaces", "metrics_namespaces")
    @classmethod
    def _namespaces(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for namespace in value:
            check_label(namespace, "namespace")
        return value

    @field_validator("broker_ports")
    @classmethod
    def _ports(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        check_ports(value)
        return value

    @model_validator(mode="after")
    def _check(self) -> "Gateway":
        check_gateway(
            pods=self.pods,
            resources=self.resources,
            limits=self.limits,
            tls=self.tls,
            expose=self.exposure(),
            client_namespaces=self.client_namespaces,
        )
        return self

    def exposure(self) -> Exposure:
        """The way in as the component takes it."""
        return Exposure() if self.expose is None else self.expose.exposure()


class Probe(Section):
    """The latency probe: small records of its own, written and read all the time, and what became of them as metrics."""

    interval: str = "1s"
    """Pause between two probes to a partition, by Kafka's protocol and by HTTP each. Default 1s."""
    lost_after: str = "30s"
    """Time in which a written probe has to be read, 1s to 5m, until it counts as lost if its reader has read on. Default 30s."""
    partitions: int | None = None
    """Partitions of its topic; can grow, never shrink: where brokers are to be taken away, write the number here. Default:
    the number of brokers, so that each leads one; external: 3."""
    gateway: bool = True
    """Whether probes are written and read through the HTTP gateway too, if there is one. Default true."""
    gateway_authority: str | None = None
    """With `gateway.tls`: Secret in the platform's namespace whose key `ca.crt` is the authority of the gateway's
    certificate. Default: the usual public ones."""
    gate: bool = False
    """Whether `pulumi up` fails unless probes come along every path, after each change of Kafka, the gateway or the
    probe. Default false."""
    gate_probes: int = 20
    """Probes that the gate sends to each partition along every path, 1 to 1000. Default 20."""
    gate_deadline: str = "2m"
    """How long the gate may take, 1s to 1h. Default 2m."""
    resources: LatencyProbeResources = LatencyProbeResources()
    """Processor and memory of the pod. Default: 50m and 192Mi."""
    metrics_namespaces: tuple[str, ...] = ()
    """Namespaces whose pods may read the metrics. Default: all."""
    broker_ports: tuple[int, ...] = ()
    """External Kafka: ports of the brokers that are not among those of bootstrapServers. Default: there are none."""

    @field_validator("partitions")
    @classmethod
    def _partitions(cls, value: int | None) -> int | None:
        if value is not None and not 1 <= value <= MAX_PARTITIONS:
            raise ValueError(f"{value} is out of range: use 1 to {MAX_PARTITIONS}")
        return value

    @field_validator("gateway_authority")
    @classmethod
    def _secret(cls, value: str | None) -> str | None:
        if value is not None:
            check_subdomain(value, "Secret name")
        return value

    @field_validator("metrics_namespaces")
    @classmethod
    def _namespaces(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for namespace in value:
            check_label(namespace, "namespace")
        return value

    @field_validator("broker_ports")
    @classmethod
    def _ports(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        check_ports(value)
        return value

    @model_validator(mode="after")
    def _check(self) -> "Probe":
        check_probe(interval=self.interval, lost_after=self.lost_after, partitions=self.partitions, ways=1)
        check_gate(self.gate_probes, self.gate_deadline)
        return self


class Worker(Section):
    """A team's service that reads from Kafka, writes to it, or both. It runs in its tenant's namespace."""

    image: str
    """The team's image. Needed. Its program finds how to connect in variables and files."""
    tenant: str
    """Tenant of this file that it belongs to: its namespace, and the quotas of its user. Needed."""
    reads: tuple[str, ...] = ()
    """Topics of this file that it reads, in one consumer group."""
    writes: tuple[str, ...] = ()
    """Topics of this file that it writes."""
    group: str | None = None
    """Its consumer group. Default: the worker's name."""
    scale: Scale | None = None
    """By what the number of pods is decided; needs `keda`. Default: it is fixed, `replicas`."""
    replicas: int | None = None
    """Fixed number of pods. Default: 1."""
    command: tuple[str, ...] = ()
    """Program and arguments in place of the image's entry point. Default: the image's."""
    args: tuple[str, ...] = ()
    """Arguments in place of the image's. Default: the image's."""
    environment: Mapping[str, str] = {}
    """Variables of the program. No secrets: those are mounted by `secretFiles`."""
    partitioning: Partitioning | None = None
    """Which partition a record is written to. Default: by its key, the same one from every language."""
    assignment: Assignment = Assignment.COOPERATIVE_STICKY
    """How the group shares out partitions. Default: cooperative-sticky, members go on with what they keep."""
    offset_reset: OffsetReset = OffsetReset.EARLIEST
    """Where the group begins in a partition of which it has committed nothing. Default: earliest, at the oldest record."""
    commit: Commit = Commit.MANUAL
    """Who commits. Default: manual, the program does when a record is dealt with."""
    transactional: bool = False
    """Whether it writes in transactions, whose ids begin with `<name>-`. Default: it does not."""
    consumer_config: Mapping[str, str] = {}
    """Further options of the consumer by the client library's own names, such as max.poll.interval.ms."""
    producer_config: Mapping[str, str] = {}
    """Further options of the producer by the client library's own names, such as compression.type."""
    acls: tuple[Acl, ...] = ()
    """What its user may do beyond reading, writing and its group. Default: nothing."""
    user: str | None = None
    """User of this file (external Kafka: any) that it logs in as, with its Secret `<user>-kafka` in the namespace. Default:
    one of its own is made, `<name>`, which may do what is declared here and nothing else."""
    scaler_user: str | None = None
    """The same for the user that KEDA looks at the lag with. Default: one of its own is made, `<name>-scaler`."""
    password_version: int = 1
    """Another number gives its own user a new password, and restarts the pods with it. Default 1."""
    resources: WorkerResources = WorkerResources()
    """Processor and memory of each pod. Default: 100m and 256Mi."""
    probes: WorkerProbes = WorkerProbes()
    """How Kubernetes sees that a pod is well. Default: while its program runs."""
    ports: Mapping[str, int] = {}
    """Ports of the program by name, such as http; a Service of the worker's name leads to them. Default: none."""
    client_namespaces: tuple[str, ...] = ()
    """Namespaces, besides its own, whose pods may connect to `ports`. Default: everybody may who reaches them."""
    egress: tuple[Egress, ...] = ()
    """What its pods connect to besides names and Kafka, such as a database. Default: nothing."""
    broker_ports: tuple[int, ...] = ()
    """External Kafka: ports of the brokers that are not among those of bootstrapServers. Default: there are none."""
    scratch: Mapping[str, str] = {"/tmp": "64Mi"}  # noqa: S108 - in the pod
    """Folders that the program may write to, with their sizes; the rest is read-only. Default: /tmp with 64Mi."""
    secret_files: tuple[str, ...] = ()
    """Secrets of the namespace that are mounted at /etc/secrets/<name>. Default: none."""
    pull_secrets: tuple[str, ...] = ()
    """Secrets of the namespace with logins for the image's registry. Default: none."""
    run_as: int = 1000
    """User and group id of the program, not 0. Default 1000."""
    termination: str = "60s"
    """How long a pod may take to finish what it has in hand, commit and leave the group when it is told to end. Default 60s."""
    stop_command: tuple[str, ...] = ()
    """Command in the container that makes the program leave its group, for one that does not understand SIGTERM. Default:
    none."""

    @field_validator("image")
    @classmethod
    def _image(cls, value: str) -> str:
        if not _IMAGE.fullmatch(value):
            raise ValueError(
                f"{value!r} is not an image: write registry/name:tag, such as ghcr.io/acme/fraud-check:1.8.2"
            )
        return value

    @field_validator("user", "scaler_user")
    @classmethod
    def _user(cls, value: str | None) -> str | None:
        if value is not None:
            check_user(value)
        return value

    @field_validator("client_namespaces")
    @classmethod
    def _namespaces(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for namespace in value:
            check_label(namespace, "namespace")
        return value

    @field_validator("pull_secrets")
    @classmethod
    def _secrets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for secret in value:
            check_subdomain(secret, "Secret name")
        return value

    @field_validator("broker_ports")
    @classmethod
    def _ports(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        check_ports(value)
        return value

    @field_validator("run_as", "password_version")
    @classmethod
    def _positive(cls, value: int) -> int:
        if value < 1:
            raise ValueError(f"{value} is out of range: use 1 or more")
        return value

    @model_validator(mode="after")
    def _check(self) -> "Worker":
        check_worker(
            reads=self.reads,
            writes=self.writes,
            group=self.group,
            transactional=self.transactional,
            scale=self.scale,
            replicas=self.replicas,
            assignment=self.assignment,
            partitioning=self.partitioning,
            consumer_config=self.consumer_config,
            producer_config=self.producer_config,
            environment=self.environment,
            ports=self.ports,
            client_namespaces=self.client_namespaces,
            scratch=self.scratch,
            secret_files=self.secret_files,
            termination=self.termination,
            stop_command=self.stop_command,
        )
        return self

    @property
    def scales_by_lag(self) -> bool:
        """Whether what waits decides on the number of pods."""
        return self.scale is not None and self.scale.by_lag

    def users(self, name: str, namespace: str, quotas: Quotas | None) -> Mapping[str, User]:
        """The users that are made for the worker of that name: its own, and its scaler's."""
        group = (self.group or name) if self.reads else None
        made: dict[str, User] = {}
        if self.user is None:
            user = worker_user(
                name,
                reads=self.reads,
                writes=self.writes,
                group=group,
                transactional=self.transactional,
                acls=self.acls,
                password_version=self.password_version,
            )
            made[name] = replace(user, namespace=namespace, quotas=quotas)
        if self.scales_by_lag and group is not None and self.scaler_user is None:
            made[scaler_user_name(name)] = replace(scaler_user(topics=self.reads, group=group), namespace=namespace)
        return made


class Settings(Section):
    """The platform of one stack: what stands under `kafka-platform:platform`."""

    environment: Environment = Environment.DEV
    """What the stack is for: how strict the policies are (docs/policies.md). Default: dev, they advise."""
    namespace: str = "streaming"
    """Kubernetes namespace of the brokers and of what belongs to them. Default streaming."""
    create_namespace: bool = True
    """Whether the namespace is made (and removed) with the stack. Default true."""
    kubernetes: Kubernetes = Kubernetes()
    """The Kubernetes cluster. Needed unless KUBECONFIG is set."""
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

    @field_validator("namespace")
    @classmethod
    def _namespace(cls, value: str) -> str:
        check_label(value, "namespace")
        return value

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
        tenants = {each.namespace for each in self.tenants.values() if each.namespace}
        scalers = set() if self.keda is None else {self.keda.namespace}
        return tuple(sorted((tenants | scalers | set(self.kafka.client_namespaces)) - {self.namespace}))
