"""KafkaCluster with Strimzi's operator: what it renders, the graph that it makes, what it refuses."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from kafka_platform import (
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
    Defaults,
    Deletion,
    Engine,
    InternalListener,
    Jvm,
    KafkaCluster,
    KafkaClusterArgs,
    Listeners,
    Metrics,
    Pool,
    Resources,
    Role,
    StrimziKafka,
    StrimziListeners,
    TieredStorage,
    Toleration,
    Volume,
)
from kafka_platform.cluster.strimzi import objects
from kafka_platform.cluster.strimzi.pools import check_scaling_step, check_volumes
from kafka_platform.cluster.strimzi.spec import check_strimzi_config
from kafka_platform.testing import CLUSTER_ID

from tests.strimzi_cases import BROKERS, CLUSTERS, CONTROLLERS, HOST, POOLS, external, rendered, settings
from tests.unit.components.graph import run, value


def args(strimzi: StrimziKafka | None = None, **changes: Any) -> KafkaClusterArgs:
    return KafkaClusterArgs(
        namespace="streaming", engine=Engine.STRIMZI, strimzi=strimzi or CLUSTERS["pools"], **changes
    )


def kafka(strimzi: StrimziKafka, **changes: Any) -> dict[str, Any]:
    spec: dict[str, Any] = objects.kafka(settings(strimzi, **changes))["spec"]
    return spec


def listener(strimzi: StrimziKafka) -> dict[str, Any]:
    found: dict[str, Any] = kafka(strimzi)["kafka"]["listeners"][-1]
    return found


class TestRender:
    def test_what_pulumi_waits_for(self) -> None:
        """Pools and templates have no condition Ready: a wait would never end."""
        for each in objects.objects(settings(CLUSTERS["everything"])):
            assert (each.wait is not None) == (each.kind == "Kafka"), each.kind

    def test_a_pool(self) -> None:
        pool = objects.node_pool(settings(CLUSTERS["pools"]), "brokers", BROKERS)
        assert pool["metadata"]["labels"]["strimzi.io/cluster"] == "events"
        spec = pool["spec"]
        assert (spec["replicas"], spec["roles"]) == (3, ["broker"])
        assert spec["storage"] == {
            "type": "jbod",
            "volumes": [
                {
                    "class": "fast",
                    "deleteClaim": False,
                    "id": 0,
                    "kraftMetadata": "shared",
                    "size": "1Ti",
                    "type": "persistent-claim",
                }
            ],
        }
        assert spec["jvmOptions"] == {"-Xms": "2048m", "-Xmx": "2048m"}
        assert spec["resources"] == {"limits": {"memory": "4Gi"}, "requests": {"cpu": "1", "memory": "4Gi"}}

    def test_brokers_are_counted_from_zero_whatever_the_controllers(self) -> None:
        ids = {
            each["metadata"]["name"]: each["metadata"]["annotations"]["strimzi.io/next-node-ids"]
            for each in rendered(CLUSTERS["pools"])
            if each["kind"] == "KafkaNodePool"
        }
        assert ids == {"brokers": "[0-899]", "controllers": "[900-999]"}

    def test_volumes_are_numbered_in_their_order(self) -> None:
        pool = CLUSTERS["everything"].pools["brokers"]
        volumes = objects.node_pool(settings(CLUSTERS["everything"]), "brokers", pool)["spec"]["storage"]["volumes"]
        assert [(each["id"], each["size"], each["class"]) for each in volumes] == [
            (0, "1Ti", "fast"),
            (1, "2Ti", "slow"),
        ]
        assert [each.get("kraftMetadata") for each in volumes] == ["shared", None]

    @pytest.mark.parametrize(("deletion", "expected"), [(Deletion.RETAIN, False), (Deletion.ALLOW, True)])
    def test_claims_are_kept_unless_deletion_is_allowed(self, deletion: Deletion, expected: bool) -> None:
        pool = objects.node_pool(settings(CLUSTERS["pools"], deletion=deletion), "brokers", BROKERS)
        assert [each["deleteClaim"] for each in pool["spec"]["storage"]["volumes"]] == [expected]

    def test_nodes_are_spread_over_machines_and_zones(self) -> None:
        pod = objects.node_pool(settings(CLUSTERS["pools"]), "brokers", BROKERS)["spec"]["template"]["pod"]
        constraints = pod["topologySpreadConstraints"]
        assert [each["topologyKey"] for each in constraints] == [
            "kubernetes.io/hostname",
            "topology.kubernetes.io/zone",
        ]
        assert constraints[0]["labelSelector"]["matchLabels"] == {
            "strimzi.io/cluster": "events",
            "strimzi.io/pool-name": "brokers",
        }

    def test_topics_do_not_appear_by_themselves(self) -> None:
        assert kafka(CLUSTERS["pools"])["kafka"]["config"]["auto.create.topics.enable"] == "false"

    def test_one_broker_down_stops_no_writer(self) -> None:
        config = kafka(CLUSTERS["pools"])["kafka"]["config"]
        for prefix in ("", "transaction.state.log.", "share.coordinator.state.topic."):
            least = config[f"{prefix}{'min.insync.replicas' if not prefix else 'min.isr'}"]
            copies = config[f"{prefix or 'default.'}replication.factor"]
            assert int(least) < int(copies)

    def test_records_move_whenever_brokers_can_come_and_go(self) -> None:
        spec = kafka(CLUSTERS["pools"])["cruiseControl"]
        assert [each["mode"] for each in spec["autoRebalance"]] == ["add-brokers", "remove-brokers"]
        template = next(each for each in rendered(CLUSTERS["pools"]) if each["kind"] == "KafkaRebalance")
        assert template["metadata"]["annotations"]["strimzi.io/rebalance-template"] == "true"
        assert template["spec"]["replicationThrottle"] == 50_000_000
        assert {each["template"]["name"] for each in spec["autoRebalance"]} == {template["metadata"]["name"]}

    @pytest.mark.parametrize("variant", ["one-node", "custom-login"])
    def test_without_pools_that_scale_nothing_moves(self, variant: str) -> None:
        assert "cruiseControl" not in kafka(CLUSTERS[variant])

    def test_entity_operators_watch_their_own_namespace_and_leave_no_finalizers(self) -> None:
        operator = kafka(CLUSTERS["pools"])["entityOperator"]
        assert "watchedNamespace" not in str(operator)
        container = operator["template"]["topicOperatorContainer"]
        assert container["env"] == [{"name": "STRIMZI_USE_FINALIZERS", "value": "false"}]

    def test_every_container_has_no_rights(self) -> None:
        spec = kafka(CLUSTERS["everything"])
        pool = objects.node_pool(settings(CLUSTERS["everything"]), "brokers", BROKERS)["spec"]["template"]
        for container in (
            pool["kafkaContainer"],
            pool["initContainer"],
            spec["entityOperator"]["template"]["topicOperatorContainer"],
            spec["entityOperator"]["template"]["userOperatorContainer"],
            spec["cruiseControl"]["template"]["cruiseControlContainer"],
            spec["kafkaExporter"]["template"]["container"],
        ):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            }

    def test_the_internal_listener(self) -> None:
        internal, *others = kafka(CLUSTERS["pools"], client_namespaces=["payments"])["kafka"]["listeners"]
        assert not others
        assert (internal["type"], internal["port"], internal["tls"]) == ("internal", 9092, True)
        assert internal["authentication"] == {"type": "scram-sha-512"}
        assert internal["networkPolicyPeers"][0] == {"podSelector": {}}
        assert internal["networkPolicyPeers"][1] == {
            "namespaceSelector": {"matchLabels": {"kafka-platform/access": "events"}}
        }
        assert "payments" in str(internal["networkPolicyPeers"][2])

    def test_node_ports_advertise_a_name_that_certificates_know(self) -> None:
        found = listener(CLUSTERS["node-ports"])
        assert (found["type"], found["tls"]) == ("nodeport", True)
        assert found["configuration"] == {
            "advertisedHostTemplate": "kafka.example.com",
            "bootstrap": {"alternativeNames": ["kafka.example.com"], "nodePort": 31094},
        }

    def test_load_balancers_have_the_names_that_brokers_advertise(self) -> None:
        configuration = listener(CLUSTERS["everything"])["configuration"]
        assert configuration["advertisedHostTemplate"] == HOST
        assert configuration["advertisedPortTemplate"] == "9094"
        assert configuration["bootstrap"]["alternativeNames"] == ["broker-bootstrap.kafka.example.com"]
        assert configuration["perBrokerAnnotationsTemplate"] == {
            "a": "b",
            "external-dns.alpha.kubernetes.io/hostname": HOST,
        }
        assert configuration["brokerCertChainAndKey"]["secretName"] == "kafka-public"

    def test_routes_lead_to_the_gateway_that_is_made(self) -> None:
        of = CLUSTERS["tls-routes-of-its-own"]
        gateway = next(each for each in rendered(of) if each["kind"] == "Gateway")
        configuration = listener(of)["configuration"]
        assert configuration["parentRefs"][0]["name"] == gateway["metadata"]["name"]
        assert configuration["advertisedPortTemplate"] == str(gateway["spec"]["listeners"][0]["port"]) == "443"
        assert gateway["spec"]["listeners"][0]["tls"] == {"mode": "Passthrough"}

    def test_routes_to_a_gateway_that_is_there(self) -> None:
        assert listener(CLUSTERS["tls-routes"])["configuration"]["parentRefs"] == [
            {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public", "namespace": "infra"}
        ]

    def test_a_login_of_your_own_reads_secrets_from_files(self) -> None:
        of = CLUSTERS["custom-login"]
        assert listener(of)["authentication"]["type"] == "custom"
        template = objects.node_pool(settings(of), "brokers", BROKERS)["spec"]["template"]
        assert template["kafkaContainer"]["volumeMounts"] == [
            {"mountPath": "/mnt/oauth-client", "name": "oauth-client"}
        ]

    def test_what_is_left_out_is_not_rendered(self) -> None:
        spec = kafka(CLUSTERS["pools"])
        assert not {"kafkaExporter", "maintenanceTimeWindows"} & spec.keys()
        assert not {"image", "quotas", "rack", "tieredStorage"} & spec["kafka"].keys()
        assert spec["kafka"]["template"]["podDisruptionBudget"]["maxUnavailable"] == 1

    def test_everything(self) -> None:
        spec = kafka(CLUSTERS["everything"])
        assert spec["clusterCa"] == {"generateCertificateAuthority": False, "renewalDays": 20, "validityDays": 90}
        assert spec["kafka"]["rack"] == {"topologyKey": "topology.kubernetes.io/zone"}
        assert spec["kafka"]["quotas"]["minAvailableRatioPerVolume"] == 0.05
        assert spec["kafka"]["template"]["podDisruptionBudget"]["maxUnavailable"] == 0
        assert spec["cruiseControl"]["brokerCapacity"]["inboundNetwork"] == "125000000B/s"
        assert spec["maintenanceTimeWindows"] == ["* * 1-4 ? * SUN *"]


class TestGraph:
    def test_children(self) -> None:
        found = run(lambda: KafkaCluster("events", args(CLUSTERS["everything"], metrics=Metrics.JMX)))
        assert sorted(found) == [
            "ConfigMap events-metrics",
            "Kafka events-kafka",
            "KafkaCluster events",
            "KafkaNodePool events-pool-brokers",
            "KafkaNodePool events-pool-controllers",
            "KafkaRebalance events-rebalance",
            "Secret events-authority",
        ]
        children = [each for name, each in found.items() if name != "KafkaCluster events"]
        assert all("kafka-platform:index:KafkaCluster$" in each.urn for each in children)
        assert found["KafkaNodePool events-pool-brokers"].ignored == ["spec.replicas"]
        assert found["KafkaNodePool events-pool-controllers"].ignored == []

    def test_a_gateway_of_its_own(self) -> None:
        found = run(lambda: KafkaCluster("events", args(CLUSTERS["tls-routes-of-its-own"])))
        assert found["Gateway events-gateway"].inputs["metadata"]["name"] == "events-brokers"

    def connection(self, strimzi: StrimziKafka) -> Any:
        made: list[KafkaCluster] = []
        run(lambda: made.append(KafkaCluster("events", args(strimzi))))
        return made[0].connection

    def test_the_connection(self) -> None:
        connection = self.connection(CLUSTERS["everything"])
        assert value(connection.bootstrap_servers) == "events-kafka-bootstrap.streaming.svc:9092"
        assert value(connection.certificate_bootstrap_servers) == "events-kafka-bootstrap.streaming.svc:9093"
        assert value(connection.external_bootstrap_servers) == "broker-bootstrap.kafka.example.com:9094"
        assert (connection.security_protocol, connection.sasl_mechanism) == ("SASL_SSL", "SCRAM-SHA-512")
        assert connection.ca_secret == "events-cluster-ca-cert"
        assert (connection.nodes, connection.replicas, connection.min_insync_replicas) == (6, 3, 2)
        assert list(connection.scalable_pools) == ["brokers"]

    @pytest.mark.parametrize(
        ("variant", "outside"),
        [
            ("node-ports", "kafka.example.com:31094"),
            ("load-balancers", "kafka.example.com:9094"),
            ("tls-routes", "broker-bootstrap.kafka.example.com:443"),
            ("ingresses", "broker-bootstrap.kafka.example.com:443"),
            ("pools", None),
        ],
    )
    def test_where_clients_outside_connect_first(self, variant: str, outside: str | None) -> None:
        assert value(self.connection(CLUSTERS[variant]).external_bootstrap_servers) == outside

    @pytest.mark.parametrize(
        ("variant", "protocol", "mechanism", "authority"),
        [
            ("plain", "SASL_PLAINTEXT", "SCRAM-SHA-512", None),
            ("certificates", "SSL", None, "events-cluster-ca-cert"),
            ("custom-login", "SASL_SSL", None, "events-cluster-ca-cert"),
            ("custom-and-passwords", "SASL_SSL", "SCRAM-SHA-512", "events-cluster-ca-cert"),
        ],
    )
    def test_how_clients_inside_connect(
        self, variant: str, protocol: str, mechanism: str | None, authority: str | None
    ) -> None:
        connection = self.connection(CLUSTERS[variant])
        found = (connection.security_protocol, connection.sasl_mechanism, connection.ca_secret)
        assert found == (protocol, mechanism, authority)

    def test_the_identity_is_what_the_operator_says(self) -> None:
        made: list[KafkaCluster] = []
        run(lambda: made.append(KafkaCluster("events", args())))
        assert value(made[0].cluster_id) == CLUSTER_ID


def pool(**changes: Any) -> Pool:
    return Pool(**{"roles": [Role.BROKER], "nodes": 3, "storage": "10Gi", **changes})


MISUSES: list[tuple[Callable[[], object], str]] = [
    (lambda: KafkaClusterArgs(namespace="s", engine=Engine.STRIMZI), "strimzi: missing: say what its nodes are"),
    (lambda: KafkaClusterArgs(namespace="s", strimzi=CLUSTERS["pools"]), "strimzi: the engine is embedded"),
    (lambda: args(nodes=3), "nodes: not with the engine strimzi: write strimzi.pools"),
    (lambda: args(listeners=Listeners(certificate="c")), "listeners: not with the engine strimzi: write strimzi.list"),
    (lambda: args(cluster_id="A" * 22), "cluster_id: not with the engine strimzi: Strimzi takes it from the status"),
    (lambda: args(version="4.1.0"), "version: Strimzi 1.2.0 does not run Kafka 4.1.0: use one of 4.2.0, 4.2.1"),
    (lambda: args(defaults=Defaults(replicas=5)), "defaults.replicas: 5 replicas on 3 nodes: use at most 3"),
    (
        lambda: args(defaults=Defaults(min_insync_replicas=3)),
        "defaults.min_insync_replicas: 3 of 3 replicas: one broker down would stop every writer: use 2",
    ),
    (lambda: args(config={"ssl.truststore.location": "x"}), "config: 'ssl.truststore.location' cannot be set here: St"),
    (lambda: args(config={"auto.create.topics.enable": "true"}), "config: 'auto.create.topics.enable' cannot be set"),
    (lambda: StrimziKafka(pools={}), "pools: no node is a broker: write a pool with the role broker"),
    (lambda: StrimziKafka(pools={"brokers": BROKERS}), "pools: no node is a controller"),
    (
        lambda: StrimziKafka(pools={**POOLS, "controllers": replace(CONTROLLERS, nodes=2)}),
        "pools: 2 controllers are no safer than 1, a majority has to be up: use an odd number",
    ),
    (lambda: StrimziKafka(pools={**POOLS, "controllers": replace(CONTROLLERS, nodes=9)}), "pools: 9 controllers: use"),
    (lambda: StrimziKafka(pools={"Brokers": BROKERS}), "pools: 'Brokers' is not a Kubernetes pool's name"),
    (lambda: StrimziKafka(pools=POOLS, maintenance=["* * *"]), "maintenance: '* * *' is not a time window"),
    (lambda: StrimziKafka(pools=POOLS, rack="a b"), "rack: 'a b' is not a label of machines"),
    (lambda: StrimziKafka(pools=POOLS, balance=Balance(), unbalanced=True), "unbalanced: balance is given too"),
    (
        lambda: StrimziKafka(pools={**POOLS, "brokers": replace(BROKERS, autoscaled=True)}, unbalanced=True),
        "unbalanced: records would never move to the brokers that pool brokers adds by itself",
    ),
    (
        lambda: StrimziKafka(pools={"all": pool(roles=[Role.BROKER, Role.CONTROLLER], nodes=1)}, balance=Balance()),
        "balance: one broker has nothing to balance",
    ),
    (lambda: pool(roles=[]), "roles: none are given"),
    (lambda: pool(roles=[Role.BROKER, Role.BROKER]), "roles: one is listed twice"),
    (lambda: pool(nodes=0), "nodes: 0 is out of range: use 1 to 900"),
    (lambda: pool(storage=None), "storage: missing: write a size such as 100Gi"),
    (lambda: pool(volumes=[Volume(size="1Ti")]), "storage: volumes are given too: keep one of them"),
    (lambda: pool(storage="10Mi"), "storage: 10Mi is too little, one segment of a log is 1Gi"),
    (lambda: pool(spread="a b"), "spread: 'a b' is not a label of machines"),
    (lambda: pool(roles=[Role.CONTROLLER], autoscaled=True), "autoscaled: only pools without controllers can scale"),
    (lambda: Jvm(heap="4Gi"), "heap: '4Gi' is not a heap of Java"),
    (
        lambda: pool(jvm=Jvm(heap="4g"), resources=Resources(cpu="1", memory="4Gi")),
        "jvm: heap 4g does not fit into 4Gi, of which Java itself needs a part: use at most 3276m",
    ),
    (lambda: Toleration(key=""), "key: '' is not the key of a taint"),
    (lambda: InternalListener(auth=Authentication.MTLS, tls=False), "tls: a login by certificate is part of TLS"),
    (lambda: InternalListener(auth=Authentication.MTLS, certificates=True), "certificates: clients log in with cert"),
    (lambda: InternalListener(auth=Authentication.CUSTOM), "custom: missing: write the listener's settings"),
    (lambda: InternalListener(custom=CustomAuthentication(config={"a": "b"})), "custom: auth is scram: write auth cus"),
    (lambda: CustomAuthentication(config={}), "config: nothing is given"),
    # Advertised addresses cannot be half filled in.
    (
        lambda: BrokerAccess(),
        "node_ports: no way in is given: write one of node_ports, load_balancers, tls_routes, ing",
    ),
    (
        lambda: external(
            node_ports=BrokerNodePorts(host="h", port=31000), load_balancers=BrokerLoadBalancers(host=HOST)
        ),
        "node_ports: load_balancers is given too: keep one of them",
    ),
    (lambda: BrokerLoadBalancers(host="kafka.example.com"), "host: 'kafka.example.com' is the same for all brokers"),
    (
        lambda: BrokerLoadBalancers(host=HOST, bootstrap="broker-12.kafka.example.com"),
        "bootstrap: 'broker-12.kafka.example.com' is the name of a broker: use another one, such as broker-bootstrap.kafka",
    ),
    (lambda: BrokerNodePorts(host="h", port=9094), "port: 9094 is out of range: use 30000 to 32767"),
    (lambda: BrokerNodePorts(host="_", port=31000), "host: '_' is not a Kubernetes host name"),
    (lambda: BrokerTlsRoutes(host=HOST), "gateway_class: missing: write one, or gateway"),
    (lambda: BrokerTlsRoutes(host=HOST, gateway="a", gateway_class="b"), "gateway_class: gateway is given too"),
    (lambda: BrokerIngresses(host="x", ingress_class="nginx"), "host: 'x' is the same for all brokers"),
    (
        lambda: external(port=9404, node_ports=BrokerNodePorts(host="h", port=31000)),
        "port: 9404 is that of the metrics",
    ),
    (lambda: external(port=443, node_ports=BrokerNodePorts(host="h", port=31000)), "port: 443 is out of range: use 9"),
    (lambda: Authorities(validity_days=30), "renewal_days: 30 is out of range: use 1 to 29"),
    (lambda: Balance(throttle="fast"), "throttle: 'fast' is not a rate"),
    (lambda: ClusterQuotas(least_free="0.05"), "least_free: '0.05' is not a share: write 1% to 99%"),
    (lambda: TieredStorage(class_name="x", class_path="/x", config={}), "class_name: 'x' is not a Java class"),
]


@pytest.mark.parametrize(("make", "message"), MISUSES, ids=[message[:60] for _, message in MISUSES])
def test_misuse_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011  # the message is compared below
        make()
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("key", ["broker.heartbeat.interval.ms", "num.io.threads", "ssl.protocol"])
def test_what_strimzi_leaves_to_people_is_taken(key: str) -> None:
    check_strimzi_config({key: "1"})


class TestChanges:
    @pytest.mark.parametrize(("before", "after"), [(3, 3), (3, 6), (6, 3)])
    def test_brokers_come_and_go_where_records_move(self, before: int, after: int) -> None:
        check_scaling_step("events", "brokers", before, after, votes=False, balanced=True)

    def test_brokers_stay_where_records_stay(self) -> None:
        check_scaling_step("events", "brokers", 3, 6, votes=False, balanced=False)
        with pytest.raises(
            ValueError, match=r"cluster events: pools.brokers.nodes: 6 -> 3: .* silently revert the change"
        ):
            check_scaling_step("events", "brokers", 6, 3, votes=False, balanced=False)

    def test_controllers_stay(self) -> None:
        with pytest.raises(
            ValueError, match=r"pools.controllers.nodes: 3 -> 5: the number of controllers cannot change"
        ):
            check_scaling_step("events", "controllers", 3, 5, votes=True, balanced=True)

    def test_volumes_only_grow(self) -> None:
        one, two = {"size": "1Ti", "class": "fast"}, {"size": "2Ti", "class": "fast"}
        check_volumes("events", "brokers", [one], [two])
        check_volumes("events", "brokers", [one], [{**one, "size": "1024Gi"}, two])
        with pytest.raises(ValueError, match=r"volumes\[0\]: 2Ti -> 1Ti: volumes never shrink: use at least 2Ti"):
            check_volumes("events", "brokers", [two], [one])
        with pytest.raises(ValueError, match=r"pools.brokers.volumes: 2 -> 1: the removed volume holds records"):
            check_volumes("events", "brokers", [one, two], [one])
        with pytest.raises(ValueError, match=r"class fast -> None: a volume keeps its class"):
            check_volumes("events", "brokers", [one], [{"size": "1Ti"}])


def test_listeners_default_to_tls_and_passwords() -> None:
    assert StrimziListeners().internal == InternalListener(tls=True, auth=Authentication.SCRAM)
