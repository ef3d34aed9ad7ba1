"""Clusters of Strimzi with everything that they can have, rendered: what a real API server then judges."""

from collections.abc import Iterator
from typing import Any

from kafka_platform import (
    Acl,
    AclResource,
    Authentication,
    Authorities,
    Balance,
    BrokerAccess,
    BrokerIngresses,
    BrokerLoadBalancers,
    BrokerNodePorts,
    BrokerTlsRoutes,
    Cleanup,
    ClusterQuotas,
    Connector,
    ConnectorState,
    ConnectResources,
    CustomAuthentication,
    Defaults,
    Deletion,
    InternalListener,
    JdbcSink,
    Jvm,
    KafkaConnection,
    Login,
    MariadbSource,
    Metrics,
    MirrorSource,
    MongodbSource,
    Operation,
    Plugin,
    PodSettings,
    Pool,
    PostgresSource,
    Quotas,
    ReplicationSpec,
    Resources,
    Role,
    RunAs,
    StrimziKafka,
    StrimziListeners,
    TieredStorage,
    Toleration,
    TolerationEffect,
    Topic,
    User,
    Volume,
)
from kafka_platform.cluster.spec import ClusterSpec
from kafka_platform.cluster.strimzi import objects
from kafka_platform.cluster.strimzi.settings import StrimziSettings
from kafka_platform.connect import operated
from kafka_platform.connect.objects import ConnectSettings
from kafka_platform.connect.spec import ConnectSpec
from kafka_platform.entities.strimzi import topic, user
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kube.balancers import TrafficPolicy
from kafka_platform.mirror import operated as mirror_operated
from kafka_platform.mirror.settings import MirrorSettings

PODS = PodSettings(
    pull_secrets=["registry"],
    tolerations=[Toleration(key="dedicated", effect=TolerationEffect.NO_EXECUTE)],
    node_labels={"pool": "streaming"},
    priority_class="high",
    labels={"example.com/team": "data"},
    annotations={"example.com/owner": "data-platform"},
    run_as=RunAs.PLATFORM,
)
CONTROLLERS = Pool(roles=[Role.CONTROLLER], nodes=3, storage="20Gi")
BROKERS = Pool(roles=[Role.BROKER], nodes=3, storage="1Ti", storage_class="fast")
POOLS = {"controllers": CONTROLLERS, "brokers": BROKERS}
OAUTH = CustomAuthentication(
    config={"sasl.enabled.mechanisms": "OAUTHBEARER", "oauthbearer.connections.max.reauth.ms": "3600000"},
    secrets=["oauth-client"],
)
MIXED = CustomAuthentication(
    config={
        "sasl.enabled.mechanisms": "OAUTHBEARER, SCRAM-SHA-512",
        "scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
    }
)
HOST = "broker-{nodeId}.kafka.example.com"


def external(**access: Any) -> StrimziListeners:
    return StrimziListeners(external=BrokerAccess(**access))


CLUSTERS: dict[str, StrimziKafka] = {
    "one-node": StrimziKafka(pools={"all": Pool(roles=[Role.BROKER, Role.CONTROLLER], nodes=1, storage="10Gi")}),
    "pools": StrimziKafka(pools=POOLS),
    "everything": StrimziKafka(
        pools={
            "controllers": CONTROLLERS,
            "brokers": Pool(
                roles=[Role.BROKER],
                nodes=6,
                volumes=[Volume(size="1Ti"), Volume(size="2Ti", storage_class="slow")],
                storage_class="fast",
                resources=Resources(cpu="4", cpu_limit="8", memory="32Gi"),
                jvm=Jvm(heap="6g", options={"MaxGCPauseMillis": "20"}),
                tolerations=[
                    Toleration(key="dedicated", value="kafka", effect=TolerationEffect.NO_SCHEDULE),
                    Toleration(key="spot"),
                ],
                node_labels={"disk": "nvme"},
                priority_class="data",
                autoscaled=True,
            ),
        },
        listeners=StrimziListeners(
            internal=InternalListener(certificates=True),
            external=BrokerAccess(
                auth=Authentication.MTLS,
                certificate="kafka-public",
                load_balancers=BrokerLoadBalancers(
                    host=HOST,
                    load_balancer_class="internal",
                    source_ranges=["203.0.113.0/24"],
                    external_traffic_policy=TrafficPolicy.LOCAL,
                    annotations={"a": "b"},
                ),
            ),
        ),
        rack="topology.kubernetes.io/zone",
        balance=Balance(network="125MB/s", goals=["RackAwareGoal", "ReplicaCapacityGoal", "DiskCapacityGoal"]),
        authorities=Authorities(given=True, validity_days=90, renewal_days=20),
        quotas=ClusterQuotas(produce="100MB/s", consume="200MB/s", least_free="5%", except_users=["mirror"]),
        tiered_storage=TieredStorage(
            class_name="io.aiven.kafka.tieredstorage.RemoteStorageManager",
            class_path="/opt/kafka/plugins/tiered/*",
            config={"chunk.size": "4194304"},
        ),
        exporter=True,
        maintenance=["* * 1-4 ? * SUN *"],
        drain_cleaner=True,
        super_users=["operator", "CN=operator"],
    ),
    "node-ports": StrimziKafka(
        pools=POOLS, listeners=external(node_ports=BrokerNodePorts(host="kafka.example.com", port=31094))
    ),
    "load-balancers": StrimziKafka(
        pools=POOLS, listeners=external(load_balancers=BrokerLoadBalancers(host=HOST, bootstrap="kafka.example.com"))
    ),
    "tls-routes": StrimziKafka(
        pools=POOLS, listeners=external(tls_routes=BrokerTlsRoutes(host=HOST, gateway="infra/public"))
    ),
    "tls-routes-of-its-own": StrimziKafka(
        pools=POOLS, listeners=external(tls_routes=BrokerTlsRoutes(host=HOST, gateway_class="envoy"))
    ),
    "ingresses": StrimziKafka(
        pools=POOLS,
        listeners=external(ingresses=BrokerIngresses(host=HOST, ingress_class="nginx", annotations={"a": "b"})),
    ),
    "custom-login": StrimziKafka(
        pools=POOLS,
        listeners=StrimziListeners(internal=InternalListener(auth=Authentication.CUSTOM, custom=OAUTH)),
        unbalanced=True,
    ),
    "custom-and-passwords": StrimziKafka(
        pools=POOLS,
        listeners=StrimziListeners(internal=InternalListener(auth=Authentication.CUSTOM, custom=MIXED)),
        unbalanced=True,
    ),
    "plain": StrimziKafka(pools=POOLS, listeners=StrimziListeners(internal=InternalListener(tls=False))),
    "certificates": StrimziKafka(
        pools=POOLS, listeners=StrimziListeners(internal=InternalListener(auth=Authentication.MTLS))
    ),
}


def settings(
    strimzi: StrimziKafka, namespace: str = "streaming", image: str | None = None, **changes: Any
) -> StrimziSettings:
    spec = ClusterSpec(engine=Engine.STRIMZI, **changes)
    return StrimziSettings(name="events", namespace=namespace, spec=spec, strimzi=strimzi, image=image)


def rendered(strimzi: StrimziKafka, namespace: str = "streaming") -> list[dict[str, Any]]:
    """All objects of a cluster."""
    every = settings(
        strimzi,
        namespace,
        image="registry.example.com/kafka:1",
        defaults=Defaults(retention="3d"),
        config={"num.network.threads": "6"},
        client_namespaces=["payments"],
        pod_settings=PODS,
        metrics=Metrics.JMX if strimzi.tiered_storage is not None else None,
        deletion=Deletion.ALLOW,
    )
    return [each.manifest for each in objects.objects(every)]


def connection(namespace: str = "streaming") -> KafkaConnection:
    return KafkaConnection(
        cluster="events",
        namespace=namespace,
        bootstrap_servers="events-kafka-bootstrap.streaming.svc:9092",
        certificate_bootstrap_servers="events-kafka-bootstrap.streaming.svc:9093",
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        ca_secret="events-cluster-ca-cert",
        authority="-----BEGIN CERTIFICATE-----\n",
        nodes=3,
        replicas=3,
        min_insync_replicas=2,
        engine=Engine.STRIMZI,
    )


TOPICS: dict[str, Topic] = {
    "orders": Topic(partitions=24, retention="30d", retention_size="10Gi", max_message_size="1MiB"),
    "Orders_V1": Topic(cleanup=Cleanup.COMPACT, min_insync_replicas=2, config={"segment.ms": "60000"}),
    "a.b.c": Topic(replicas=2, min_insync_replicas=1),
    "_": Topic(),
    "x" * 249: Topic(deletion=Deletion.ALLOW),
}
USERS: dict[str, User] = {
    "nobody": User(),
    "by-token": User(reads=["orders"], auth=Login.CUSTOM),
    "api": User(
        writes=["orders", "Orders_*"],
        reads=["*"],
        groups=["api-*"],
        transactions=["api-*"],
        acls=[
            Acl(resource=AclResource.CLUSTER, name="kafka-cluster", operations=[Operation.DESCRIBE]),
            Acl(resource=AclResource.TOPIC, name="orders", operations=[Operation.ALTER_CONFIGS]),
        ],
        quotas=Quotas(produce="20MB/s", consume="50MB/s", request_percentage=50, controller_mutations=0.5),
        password_version=3,
    ),
    "mirror": User(auth=Login.MTLS, reads=["*"]),
    "everything": User(
        acls=[
            Acl(resource=resource, name="kafka-cluster" if resource is AclResource.CLUSTER else "*", operations=[each])
            for resource, each in zip([AclResource.CLUSTER, AclResource.TOPIC] * 6, Operation, strict=False)
        ]
    ),
}


def declared(namespace: str = "streaming") -> Iterator[dict[str, Any]]:
    """The objects of topics and users."""
    to = connection(namespace)
    for name, each in TOPICS.items():
        yield topic("events", to, name, each, 3)
    for name, one in USERS.items():
        yield user("events", to, name, one, "events-passwords")


CONNECTORS: dict[str, Connector] = {
    "shop": Connector(
        postgres=PostgresSource(host="db.shop", database="shop", secret="shop-db", tables=["public.orders"])
    ),
    "stock": Connector(
        mariadb=MariadbSource(host="10.1.2.3", secret="stock-db", tables=["stock.items"]), state=ConnectorState.PAUSED
    ),
    "docs": Connector(
        mongodb=MongodbSource(
            hosts=["mongo-0.mongo", "mongo-1.mongo"], replica_set="rs0", secret="docs", collections=["shop.carts"]
        )
    ),
    "warehouse": Connector(
        jdbc=JdbcSink(url="jdbc:postgresql://[fd00::1]/warehouse", secret="warehouse"), reads=["orders"], tasks=3
    ),
    "own": Connector(
        plugin=Plugin(
            connector_class="com.acme.Source", config={"key": "${secret:key}"}, secret="acme", writes=["orders"]
        )
    ),
}


def connectors(namespace: str = "streaming") -> Iterator[dict[str, Any]]:
    """The objects of a Kafka Connect with everything that it can have, and of its connectors."""
    plugins = {"acme": "ghcr.io/acme/plugin:1"}
    made = ConnectSettings(
        name="connect",
        namespace=namespace,
        connection=connection(namespace),
        image="connect:1",
        runtime_image="runtime:1",
        connectors=CONNECTORS,
        spec=ConnectSpec(pods=3, plugins=plugins, pod_settings=PODS, resources=ConnectResources(cpu_limit="2")),
    )
    yield from (each.manifest for each in operated.objects(made))


MIRROR = ReplicationSpec(
    origin=MirrorSource(
        name="first",
        bootstrap_servers="kafka.first.example.com:9093",
        broker_ports=[9094],
        username="mirror",
        secret="first-kafka",
        ca_secret="first-ca",
    ),
    topics=["orders", "shop-*"],
    exclude=["shop-tmp-*"],
    groups=["payments-*"],
    pod_settings=PODS,
)


def mirror(namespace: str = "streaming") -> Iterator[dict[str, Any]]:
    """The objects of a mirror with everything that it can have."""
    made = MirrorSettings(
        name="mirror", namespace=namespace, connection=connection(namespace), image="connect:1", spec=MIRROR
    )
    yield from (each.manifest for each in mirror_operated.objects(made))
