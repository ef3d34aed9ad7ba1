"""KafkaCluster: what it renders, the graph that it makes, what it refuses."""

from collections.abc import Callable
from typing import Any

import pytest
from kafka_platform import (
    Defaults,
    Deletion,
    Engine,
    ExternalKafka,
    Jvm,
    KafkaCluster,
    KafkaClusterArgs,
    Listeners,
    LoadBalancers,
    NodePorts,
    Resources,
    RouteVersion,
    SaslMechanism,
    SecurityProtocol,
    TlsRoutes,
)
from kafka_platform.cluster.embedded import external
from kafka_platform.cluster.embedded.external import external_service
from kafka_platform.cluster.embedded.objects import (
    check_nodes,
    check_storage,
    network_policy,
    pod_disruption_budget,
    stateful_set,
)
from kafka_platform.cluster.embedded.settings import EmbeddedSettings
from kafka_platform.cluster.nodes import heap_megabytes
from kafka_platform.cluster.spec import ClusterSpec, ExternalSpec
from kafka_platform.kafka.client_pods import ports_of
from kafka_platform.kube.balancers import TrafficPolicy

from tests.unit.components.graph import run, value


def settings(nodes: int = 3, listeners: Listeners | None = None, **changes: Any) -> EmbeddedSettings:
    return EmbeddedSettings(
        name="events",
        namespace="streaming",
        spec=ClusterSpec(nodes=nodes, listeners=listeners or Listeners(), **changes),
        image="kafka:1",
        runtime_image="runtime:1",
    )


def containers(manifest: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each for each in manifest["spec"]["template"]["spec"]["containers"]}


class TestRender:
    def test_nodes_roll_one_after_the_other_and_start_together(self) -> None:
        spec = stateful_set(settings(), "hash")["spec"]
        assert spec["updateStrategy"] == {"type": "RollingUpdate"}
        assert spec["podManagementPolicy"] == "Parallel"
        assert spec["replicas"] == 3
        assert pod_disruption_budget(settings())["spec"]["maxUnavailable"] == 1

    def test_a_node_is_ready_when_its_copies_are_in_sync(self) -> None:
        kafka = containers(stateful_set(settings(), "hash"))["kafka"]
        assert kafka["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": 9600}
        assert kafka["livenessProbe"]["tcpSocket"] == kafka["startupProbe"]["tcpSocket"] == {"port": 9091}

    @pytest.mark.parametrize("name", ["kafka", "health"])
    def test_containers_have_no_rights(self, name: str) -> None:
        manifest = stateful_set(settings(), "hash")
        assert containers(manifest)[name]["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        pod = manifest["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False

    def test_no_password_is_in_the_environment(self) -> None:
        for container in containers(stateful_set(settings(), "hash")).values():
            assert not [each for each in container["env"] if "secretKeyRef" in each.get("valueFrom", {})]

    def test_nodes_are_spread_over_machines_and_zones(self) -> None:
        pod = stateful_set(settings(), "hash")["spec"]["template"]["spec"]
        keys = [each["topologyKey"] for each in pod["topologySpreadConstraints"]]
        assert keys == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        assert {each["whenUnsatisfiable"] for each in pod["topologySpreadConstraints"]} == {"ScheduleAnyway"}

    @pytest.mark.parametrize(("deletion", "expected"), [(Deletion.RETAIN, "Retain"), (Deletion.ALLOW, "Delete")])
    def test_volumes_are_kept_unless_deletion_is_allowed(self, deletion: Deletion, expected: str) -> None:
        spec = stateful_set(settings(deletion=deletion), "hash")["spec"]
        assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": expected, "whenScaled": "Retain"}

    def test_java_has_kafkas_own_options_unless_it_is_told_others(self) -> None:
        def variables(**changes: Any) -> dict[str, str]:
            kafka = stateful_set(settings(**changes), "hash")["spec"]["template"]["spec"]["containers"][0]
            return {each["name"]: each.get("value", "") for each in kafka["env"]}

        assert "KAFKA_JVM_PERFORMANCE_OPTS" not in variables()
        options = {"UseSerialGC": "true", "TieredStopAtLevel": "1", "UseG1GC": "false"}
        found = variables(jvm=Jvm(heap="600m", options=options))
        assert found["KAFKA_HEAP_OPTS"] == "-Xms600m -Xmx600m"
        assert found["KAFKA_JVM_PERFORMANCE_OPTS"] == "-XX:TieredStopAtLevel=1 -XX:-UseG1GC -XX:+UseSerialGC"

    @pytest.mark.parametrize(("memory", "heap"), [("1Gi", 512), ("2Gi", 1024), ("64Gi", 6144), ("512Mi", 256)])
    def test_heap(self, memory: str, heap: int) -> None:
        assert heap_megabytes(memory) == heap

    def test_what_is_left_out_is_not_rendered(self) -> None:
        manifest = stateful_set(settings(), "hash")
        assert "storageClassName" not in manifest["spec"]["volumeClaimTemplates"][0]["spec"]
        assert "cpu" not in containers(manifest)["kafka"]["resources"]["limits"]
        full = stateful_set(settings(storage_class="fast", resources=Resources(cpu_limit="2")), "hash")
        assert full["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] == "fast"
        assert containers(full)["kafka"]["resources"]["limits"]["cpu"] == "2"

    def test_only_nodes_reach_the_replication_and_controller_listeners(self) -> None:
        ingress = network_policy(settings())["spec"]["ingress"]
        by_port = {port["port"]: rule.get("from") for rule in ingress for port in rule["ports"]}
        own = {"app.kubernetes.io/name": "kafka", "app.kubernetes.io/instance": "events"}
        own["app.kubernetes.io/component"] = "broker"
        assert by_port[9091] == by_port[9093] == [{"podSelector": {"matchLabels": own}}]
        assert set(by_port) == {9091, 9092, 9093}

    def test_clients_of_allowed_namespaces_reach_the_client_listener(self) -> None:
        rule = network_policy(settings(client_namespaces=["b", "a"]))["spec"]["ingress"][1]
        assert rule["from"] == [
            {"podSelector": {}},
            {"namespaceSelector": {"matchLabels": {"kafka-platform/access": "events"}}},
            {
                "namespaceSelector": {
                    "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["a", "b"]}]
                }
            },
        ]

    def test_the_external_listener_is_open_to_everybody(self) -> None:
        outside = Listeners(node_ports=NodePorts(host="h", first_port=30092))
        assert network_policy(settings(listeners=outside))["spec"]["ingress"][2] == {
            "ports": [{"port": 9094, "protocol": "TCP"}]
        }

    def test_node_ports_are_those_that_the_nodes_advertise(self) -> None:
        spec = external_service(settings(), NodePorts(host="h", first_port=30092), 2)["spec"]
        assert spec["type"] == "NodePort"
        assert spec["ports"][0]["nodePort"] == 30094
        assert spec["selector"]["statefulset.kubernetes.io/pod-name"] == "events-2"

    def test_load_balancers_listen_on_the_port_that_the_nodes_advertise(self) -> None:
        balancers = LoadBalancers(host="b-{nodeId}.example.com", port=443, annotations={"a": "b"})
        manifest = external_service(settings(), balancers, 1)
        assert manifest["spec"]["ports"][0] == {"name": "external", "port": 443, "protocol": "TCP", "targetPort": 9094}
        assert manifest["metadata"]["annotations"]["external-dns.alpha.kubernetes.io/hostname"] == "b-1.example.com"
        assert "loadBalancerSourceRanges" not in manifest["spec"]

    def test_load_balancers_let_in_whom_they_are_told(self) -> None:
        balancers = LoadBalancers(host="b-{nodeId}.example.com", source_ranges=["203.0.113.0/24", "2001:db8::/32"])
        spec = external_service(settings(), balancers, 0)["spec"]
        assert spec["loadBalancerSourceRanges"] == ["203.0.113.0/24", "2001:db8::/32"]
        assert "externalTrafficPolicy" not in spec

    def test_load_balancers_that_show_clients_addresses(self) -> None:
        balancers = LoadBalancers(host="b-{nodeId}.example.com", external_traffic_policy=TrafficPolicy.LOCAL)
        assert external_service(settings(), balancers, 0)["spec"]["externalTrafficPolicy"] == "Local"

    @pytest.mark.parametrize(
        ("given", "version", "parent"),
        [
            ({"gateway_class": "traefik", "listener_port": 8443}, "v1", {"name": "events-brokers"}),
            (
                {"gateway": "infra/public", "route_version": RouteVersion.V1ALPHA2},
                "v1alpha2",
                {"name": "public", "namespace": "infra"},
            ),
        ],
        ids=["a Gateway of our own", "an existing Gateway"],
    )
    def test_each_name_leads_to_its_node(self, given: dict[str, Any], version: str, parent: dict[str, str]) -> None:
        routes = TlsRoutes(host="b-{nodeId}.example.com", bootstrap="kafka.example.com", **given)
        found = external.objects(
            settings(nodes=4, listeners=Listeners(certificate="kafka-tls", tls_routes=routes), config={})
        )
        by_kind: dict[str, list[Any]] = {}
        for each in found:
            by_kind.setdefault(each.kind, []).append(each.manifest)
        services = {each["metadata"]["name"]: each["spec"] for each in by_kind["Service"]}
        led = {}
        for route in by_kind["TLSRoute"]:
            assert route["apiVersion"] == f"gateway.networking.k8s.io/{version}"
            assert route["spec"]["parentRefs"] == [{"group": "gateway.networking.k8s.io", "kind": "Gateway", **parent}]
            [host], [rule] = route["spec"]["hostnames"], route["spec"]["rules"]
            [backend] = rule["backendRefs"]
            assert backend["port"] == services[backend["name"]]["ports"][0]["port"] == 9094
            selected = services[backend["name"]]["selector"]
            led[host] = selected.get("statefulset.kubernetes.io/pod-name")
        assert led == {f"b-{node}.example.com": f"events-{node}" for node in range(4)} | {"kafka.example.com": None}
        gateways = by_kind.get("Gateway", [])
        assert len(gateways) == ("gateway_class" in given)
        for gateway in gateways:
            [listener] = gateway["spec"]["listeners"]
            assert (listener["port"], listener["protocol"], listener["tls"]) == (8443, "TLS", {"mode": "Passthrough"})


class TestGraph:
    def test_children(self) -> None:
        found = run(lambda: KafkaCluster("events", KafkaClusterArgs(namespace="streaming", nodes=3)))
        assert sorted(found) == [
            "ConfigMap events-config",
            "KafkaCluster events",
            "NetworkPolicy events-network",
            "PersistentVolumeClaimPatch events-claim-0",
            "PersistentVolumeClaimPatch events-claim-1",
            "PersistentVolumeClaimPatch events-claim-2",
            "PodDisruptionBudget events-disruption",
            "RandomId events-id",
            "RandomPassword events-admin-password",
            "RandomPassword events-broker-password",
            "Secret events-admin",
            "Secret events-broker",
            "Service events-bootstrap",
            "Service events-nodes",
            "ServiceAccount events-account",
            "StatefulSet events-nodes",
        ]
        children = [each for name, each in found.items() if name != "KafkaCluster events"]
        assert all("kafka-platform:index:KafkaCluster$" in each.urn for each in children)
        files = found["ConfigMap events-config"].inputs["data"]
        assert files["cluster-id"] == "A" * 22
        assert sorted(files) == [
            "cluster-id",
            "cluster.properties",
            "log4j2.yaml",
            "node-0.properties",
            "node-1.properties",
            "node-2.properties",
            "start.sh",
        ]

    def test_an_external_cluster_has_no_children(self) -> None:
        args = KafkaClusterArgs(
            namespace="streaming", engine=Engine.EXTERNAL, external=ExternalKafka(bootstrap_servers="kafka:9093")
        )
        made: list[KafkaCluster] = []
        assert list(run(lambda: made.append(KafkaCluster("events", args)))) == ["KafkaCluster events"]
        connection = made[0].connection
        assert value(connection.bootstrap_servers) == "kafka:9093"
        assert connection.security_protocol == "SASL_SSL"
        assert connection.admin_secret is None

    @pytest.mark.parametrize(
        ("protocol", "mechanism"),
        [
            (SecurityProtocol.SASL_SSL, "SCRAM-SHA-512"),
            (SecurityProtocol.SSL, None),
            (SecurityProtocol.PLAINTEXT, None),
        ],
    )
    def test_the_login_of_an_external_cluster_follows_from_its_protocol(
        self, protocol: SecurityProtocol, mechanism: str | None
    ) -> None:
        external = ExternalKafka(bootstrap_servers="kafka:9093", security_protocol=protocol)
        args = KafkaClusterArgs(namespace="streaming", engine=Engine.EXTERNAL, external=external)
        made: list[KafkaCluster] = []
        run(lambda: made.append(KafkaCluster("events", args)))
        assert made[0].connection.sasl_mechanism == mechanism

    def test_the_connection_of_an_embedded_cluster(self) -> None:
        made: list[KafkaCluster] = []
        run(lambda: made.append(KafkaCluster("events", KafkaClusterArgs(namespace="streaming", nodes=3))))
        connection = made[0].connection
        assert value(connection.bootstrap_servers) == "events.streaming.svc:9092"
        assert connection.security_protocol == "SASL_PLAINTEXT"
        assert connection.admin_secret == "events-admin"
        assert (connection.nodes, connection.replicas, connection.min_insync_replicas) == (3, 3, 2)

    def test_a_given_identity_is_used(self) -> None:
        identity = "ocpv-nBw7wfF-vcAgYIjjg"
        args = KafkaClusterArgs(namespace="streaming", cluster_id=identity)
        found = run(lambda: KafkaCluster("events", args))
        assert "RandomId events-id" not in found
        assert found["ConfigMap events-config"].inputs["data"]["cluster-id"] == identity


@pytest.mark.parametrize(
    "servers", ["[2001:db8::1]:9092", "[2001:db8::1]:9092,kafka-1.example.com:9093", "[::ffff:10.0.0.1]:9092"]
)
def test_servers_may_be_addresses_of_ipv6(servers: str) -> None:
    assert ExternalKafka(bootstrap_servers=servers).bootstrap_servers == servers
    assert ExternalSpec(bootstrap_servers=servers).bootstrap_servers == servers
    ports = [int(each.rpartition(":")[2]) for each in servers.split(",")]
    assert ports_of(servers) == sorted(set(ports))


MISUSES: list[tuple[Callable[[], object], str]] = [
    (lambda: KafkaClusterArgs(namespace="Streaming"), "namespace: 'Streaming' is not a Kubernetes namespace"),
    (lambda: KafkaClusterArgs(namespace="s", nodes=0), "nodes: 0 is out of range: use 1 to 900"),
    (lambda: KafkaClusterArgs(namespace="s", nodes=2), "nodes: 2 nodes have no majority when one is down"),
    (lambda: KafkaClusterArgs(namespace="s", version="4"), "version: '4' is not a version of Kafka"),
    (lambda: KafkaClusterArgs(namespace="s", version="3.9.1"), "version: 3.9.1 is too old: use 4.0.0 or newer"),
    (
        lambda: KafkaClusterArgs(namespace="s", jvm=Jvm(heap="1g")),
        "jvm: heap 1g does not fit into 1Gi, of which Java itself needs a part: use at most 819m",
    ),
    (lambda: KafkaClusterArgs(namespace="s", storage="lots"), "storage: 'lots' is not a Kubernetes quantity"),
    (
        lambda: KafkaClusterArgs(namespace="s", storage="10"),
        "storage: 10 is too little, one segment of a log is 1Gi: use at least 1Gi",
    ),
    (lambda: KafkaClusterArgs(namespace="s", cluster_id="short"), "cluster_id: 'short' is not a Kafka cluster id"),
    (lambda: KafkaClusterArgs(namespace="s", config={"node.id": "1"}), "config: 'node.id' cannot be set here"),
    (
        lambda: KafkaClusterArgs(namespace="s", defaults=Defaults(replicas=2)),
        "defaults.replicas: 2 replicas on 1 nodes: use at most 1, or add nodes",
    ),
    (
        lambda: KafkaClusterArgs(
            namespace="s", nodes=3, listeners=Listeners(load_balancers=LoadBalancers(host="b.example.com"))
        ),
        "listeners.load_balancers: host: 'b.example.com' is the same for all 3 nodes: put {nodeId} in it",
    ),
    (
        lambda: KafkaClusterArgs(
            namespace="s", nodes=3, listeners=Listeners(node_ports=NodePorts(host="h", first_port=32767))
        ),
        "listeners.node_ports: first_port: 32767 leaves no port for node 2: use at most 32765",
    ),
    (
        lambda: Listeners(tls_routes=TlsRoutes(host="b-{nodeId}.example.com", gateway_class="traefik")),
        "certificate: missing, a Gateway tells brokers apart by the names in TLS, which they prove themselves",
    ),
    (
        lambda: Listeners(
            certificate="kafka-tls",
            load_balancers=LoadBalancers(host="b-{nodeId}.example.com"),
            tls_routes=TlsRoutes(host="b-{nodeId}.example.com", gateway_class="traefik"),
        ),
        "load_balancers: tls_routes is given too: keep one of them",
    ),
    (lambda: TlsRoutes(host="b.example.com", gateway_class="traefik"), "host: 'b.example.com' is the same for all"),
    (
        lambda: TlsRoutes(host="b-{nodeId}.example.com", gateway="public", listener_port=8443),
        "listener_port: the existing Gateway has its own: remove it",
    ),
    (lambda: KafkaClusterArgs(namespace="s", engine=Engine.EXTERNAL), "external: missing"),
    (
        lambda: KafkaClusterArgs(namespace="s", external=ExternalKafka(bootstrap_servers="k:1")),
        "external: the engine is embedded",
    ),
    (lambda: KafkaClusterArgs(namespace="s", spread="a b"), "spread: 'a b' is not a label of machines"),
    (lambda: ExternalKafka(bootstrap_servers="::1:9092"), "bootstrap_servers: '::1:9092' is not host:port: put an"),
    (lambda: ExternalKafka(bootstrap_servers="kafka"), "bootstrap_servers: 'kafka' is not host:port"),
    (lambda: ExternalKafka(bootstrap_servers="k:1", broker_ports=[0]), "broker_ports: 0 is out of range"),
    (lambda: ExternalKafka(bootstrap_servers="k:1", replicas=0), "replicas: 0 is out of range: use 1 to 32767"),
    (
        lambda: ExternalKafka(
            bootstrap_servers="k:1",
            security_protocol=SecurityProtocol.PLAINTEXT,
            sasl_mechanism=SaslMechanism.SCRAM_SHA_512,
        ),
        "sasl_mechanism: PLAINTEXT has no login",
    ),
    (
        lambda: ExternalKafka(
            bootstrap_servers="k:1",
            security_protocol=SecurityProtocol.SASL_PLAINTEXT,
            sasl_mechanism=SaslMechanism.PLAIN,
        ),
        "sasl_mechanism: PLAIN sends the password in the clear without TLS",
    ),
]


@pytest.mark.parametrize(("make", "message"), MISUSES)
def test_misuse_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011  # the message is compared below
        make()
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["Events", "a" * 41, "events.prod"])
def test_a_name_that_cannot_be_a_service_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        run(lambda: KafkaCluster(name, KafkaClusterArgs(namespace="streaming")))


class TestChanges:
    @pytest.mark.parametrize(("before", "after"), [(1, 1), (1, 2), (3, 5), (5, 7)])
    def test_nodes_may_be_added(self, before: int, after: int) -> None:
        check_nodes("events", before, after)

    def test_nodes_are_not_removed(self) -> None:
        with pytest.raises(ValueError, match="cluster events: nodes: 5 -> 3: the removed nodes hold records"):
            check_nodes("events", 5, 3)

    def test_voters_do_not_change(self) -> None:
        with pytest.raises(ValueError, match="nodes: 1 -> 3: the number of voting nodes would change from 1 to 3"):
            check_nodes("events", 1, 3)

    def test_volumes_grow_and_do_not_shrink(self) -> None:
        check_storage("data-events-0", "1024Mi", "1Gi")
        check_storage("data-events-0", "1Gi", "2Gi")
        with pytest.raises(ValueError, match="volume data-events-0: storage: 2Gi -> 1Gi: volumes never shrink"):
            check_storage("data-events-0", "2Gi", "1Gi")
