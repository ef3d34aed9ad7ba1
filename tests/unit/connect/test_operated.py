"""KafkaConnect where Strimzi's operator runs it: what it renders, the graph that it makes, what it refuses, and who reads what.

tests/cluster/test_strimzi_objects.py asks an API server with Strimzi's own definitions.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from kafka_platform import (
    Connector,
    ConnectorState,
    JdbcSink,
    KafkaConnect,
    KafkaConnectArgs,
    Plugin,
    PostgresSource,
    RunBy,
)
from kafka_platform.connect.monitoring import source
from kafka_platform.connect.objects import ConnectSettings
from kafka_platform.connect.operated import objects
from kafka_platform.connect.spec import ConnectSpec
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kube.objects import Object
from kafka_platform.monitoring.objects import of_source

from tests.specs import taken
from tests.strimzi_cases import PODS, connection
from tests.unit.components.graph import Registered, run, value

CONNECTION = connection()
SHOP = Connector(postgres=PostgresSource(host="db.shop", database="shop", secret="shop-db", tables=["public.orders"]))
WAREHOUSE = Connector(
    jdbc=JdbcSink(url="jdbc:postgresql://10.1.2.3:6432/warehouse", secret="warehouse-db"), reads=["orders"], tasks=4
)
CONNECTORS = {"shop-eu": SHOP, "warehouse": WAREHOUSE}
FORBIDDEN = (
    *("group.id", "config.storage.topic", "offset.storage.topic", "status.storage.topic", "ssl.", "sasl.", "security."),
    *("listeners", "plugin.path", "rest.", "bootstrap.servers", "consumer.interceptor.classes"),
    *("producer.interceptor.classes", "prometheus.metrics.reporter."),
)
"""Beginnings of settings that Strimzi leaves out of a KafkaConnect's `config`, as its definition says."""


def every(**changes: Any) -> list[Object]:
    given: dict[str, Any] = {
        "name": "connect",
        "namespace": "streaming",
        "connection": CONNECTION,
        "image": "connect:1",
        "runtime_image": "runtime:1",
        "connectors": CONNECTORS,
    }
    return objects(ConnectSettings(spec=taken(ConnectSpec, changes), **(given | changes)))


def rendered(role: str, **changes: Any) -> dict[str, Any]:
    return next(each.manifest for each in every(**changes) if each.role == role)


def spec(role: str = "workers", **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = rendered(role, **changes)["spec"]
    return found


class TestWorkers:
    def test_strimzi_would_leave_none_of_the_settings_out(self) -> None:
        config = spec()["config"]
        assert not [key for key in config if key.startswith(FORBIDDEN)]
        assert config["exactly.once.source.support"] == "enabled"
        assert config["connector.client.config.override.policy"] == "All"
        assert (spec()["groupId"], spec()["offsetStorageTopic"]) == ("connect", "connect-offsets")

    def test_they_log_in_as_the_user_of_kafka_connect(self) -> None:
        found = spec(connection=replace(CONNECTION, ca_secret="connect-kafka"))
        assert found["authentication"] == {
            "passwordSecret": {"password": "password", "secretName": "connect-kafka"},
            "type": "scram-sha-512",
            "username": "connect",
        }
        assert found["tls"] == {"trustedCertificates": [{"certificate": "ca.crt", "secretName": "connect-kafka"}]}

    def test_a_kafka_without_tls(self) -> None:
        plain = replace(CONNECTION, security_protocol="SASL_PLAINTEXT", ca_secret=None, authority=None)
        assert "tls" not in spec(connection=plain)
        assert "truststore" not in json.dumps([each.manifest for each in every(connection=plain)])

    def test_all_of_their_memory_has_a_bound(self) -> None:
        assert spec(resources={"memory": "2Gi"})["jvmOptions"] == {
            "-XX": {
                "ExitOnOutOfMemoryError": "true",
                "MaxDirectMemorySize": "64m",
                "MaxMetaspaceSize": "160m",
                "ReservedCodeCacheSize": "64m",
                "UseSerialGC": "true",
            },
            "-Xmx": "1600m",
        }

    def test_pod_settings_reach_the_pods(self) -> None:
        pod = spec(pod_settings=PODS)["template"]["pod"]
        assert pod["priorityClassName"] == "high"
        assert pod["imagePullSecrets"] == [{"name": "registry"}]
        assert pod["metadata"]["labels"] == {"app.kubernetes.io/component": "connect", "example.com/team": "data"}

    def test_images_with_plugins_are_mounted_and_looked_into(self) -> None:
        found = spec(plugins={"acme": "ghcr.io/acme/plugin:1"})
        assert found["plugins"] == [
            {"artifacts": [{"reference": "ghcr.io/acme/plugin:1", "type": "image"}], "name": "acme"}
        ]
        assert "plugin.discovery" not in found["config"]
        assert spec()["config"]["plugin.discovery"] == "service_load"
        assert "plugins" not in spec()

    def test_another_password_is_read_by_new_pods(self) -> None:
        def version(connectors: Mapping[str, Connector]) -> str:
            return str(spec(connectors=connectors)["template"]["pod"]["metadata"]["annotations"])

        assert version(CONNECTORS) == version(dict(CONNECTORS))
        assert version(CONNECTORS) != version(CONNECTORS | {"shop-eu": replace(SHOP, password_version=2)})

    def test_prometheus_finds_them_by_what_strimzi_calls_them(self) -> None:
        monitor = of_source(source("connect", RunBy.STRIMZI), "streaming", "kafka")
        assert monitor.pods == {"strimzi.io/cluster": "connect", "strimzi.io/kind": "KafkaConnect"}
        assert monitor.port == "tcp-prometheus"
        assert spec()["metricsConfig"]["valueFrom"]["configMapKeyRef"] == {"key": "jmx.yaml", "name": "connect-config"}
        assert rendered("config")["data"]["jmx.yaml"]


class TestSecrets:
    def test_none_is_in_what_is_rendered(self) -> None:
        assert "password=" not in json.dumps([each.manifest for each in every()])
        config = spec("connector-shop-eu")["config"]
        assert config["database.password"] == "${directory:/mnt/connectors/shop-eu/secret:password}"

    def test_each_connector_logs_in_as_its_own_user_by_its_own_folder(self) -> None:
        for name, other in (("shop-eu", "warehouse"), ("warehouse", "shop-eu")):
            config = spec(f"connector-{name}")["config"]
            folders = set(re.findall(r"/mnt/connectors/([^/]+)/", json.dumps(config)))
            assert folders == {name}, other
            own = f"${{file:/mnt/connectors/{name}/kafka/client.properties:sasl.jaas.config}}"
            for client in ("admin", "consumer", "producer"):
                assert config[f"{client}.override.sasl.jaas.config"] == own
                assert config[f"{client}.override.ssl.truststore.location"] == "/mnt/kafka-ca/ca.crt"

    def test_the_workers_read_no_other_files(self) -> None:
        config = spec()["config"]
        allowed = {key: config[key] for key in config if key.endswith("allowed.paths")}
        assert set(allowed.values()) == {"/mnt/connectors"}
        assert len(allowed) == 2
        mounts = spec()["template"]["connectContainer"]["volumeMounts"]
        assert all(each["mountPath"].startswith("/mnt/") and each["readOnly"] for each in mounts)
        volumes = {each["name"]: each["secret"] for each in spec()["template"]["pod"]["volumes"]}
        assert {each["secretName"] for each in volumes.values()} == {
            "connector-shop-eu-kafka",
            "connector-warehouse-kafka",
            "events-cluster-ca-cert",
            "shop-db",
            "warehouse-db",
        }

    def test_only_the_operator_and_the_workers_reach_the_rest_interface(self) -> None:
        policy = spec("network")
        [rest] = [each for each in policy["ingress"] if each["ports"][0]["port"] == 8083]
        workers = {"strimzi.io/cluster": "connect", "strimzi.io/kind": "KafkaConnect"}
        assert policy["podSelector"] == {"matchLabels": workers}
        assert [each["podSelector"]["matchLabels"] for each in rest["from"]] == [
            workers,
            {"strimzi.io/kind": "cluster-operator"},
        ]
        ports = {port["port"] for each in policy["egress"] for port in each.get("ports", [])}
        assert {5432, 6432, 9092} <= ports
        [address] = [each["to"] for each in policy["egress"] if "ipBlock" in json.dumps(each)]
        assert address == [{"ipBlock": {"cidr": "10.1.2.3/32"}}]


class TestConnectors:
    def test_of_strimzis_own_fields_none_is_said_twice(self) -> None:
        found = spec("connector-warehouse")
        assert found["class"] == "io.debezium.connector.jdbc.JdbcSinkConnector"
        assert (found["tasksMax"], found["state"]) == (4, "running")
        assert not {"connector.class", "name", "tasks.max"} & found["config"].keys()
        assert found["autoRestart"] == {"enabled": True, "maxRestarts": 7}

    def test_they_belong_to_their_kafka_connect(self) -> None:
        metadata = rendered("connector-shop-eu")["metadata"]
        assert metadata["name"] == "shop-eu"
        assert metadata["labels"]["strimzi.io/cluster"] == rendered("workers")["metadata"]["name"]
        assert rendered("workers")["metadata"]["annotations"] == {"strimzi.io/use-connector-resources": "true"}

    @pytest.mark.parametrize("state", ConnectorState)
    def test_they_have_the_state_that_is_declared(self, state: ConnectorState) -> None:
        assert spec("connector-shop-eu", connectors={"shop-eu": replace(SHOP, state=state)})["state"] == state.value

    def test_a_plugin_of_ones_own(self) -> None:
        own = Connector(
            plugin=Plugin(connector_class="com.acme.Source", config={"key": "${secret:key}"}, secret="acme")
        )
        found = spec("connector-acme", connectors={"acme": own})
        assert found["class"] == "com.acme.Source"
        assert found["config"]["key"] == "${directory:/mnt/connectors/acme/secret:key}"

    def test_one_that_is_taken_out_of_the_file_goes_on(self) -> None:
        kept = {each.role for each in every() if each.kept}
        assert kept == {"connector-shop-eu", "connector-warehouse"}

    def test_a_deployment_waits_for_workers_and_connectors(self) -> None:
        waits = {each.role: each.wait.condition for each in every() if each.wait is not None}
        assert waits == dict.fromkeys(("workers", "connector-shop-eu", "connector-warehouse"), "Ready")


def make(**changes: Any) -> tuple[dict[str, Registered], KafkaConnect]:
    made: list[KafkaConnect] = []
    given: dict[str, Any] = {"connection": CONNECTION, "connectors": CONNECTORS} | changes
    found = run(lambda: made.append(KafkaConnect("connect", KafkaConnectArgs(**given))))
    return found, made[0]


def test_its_children() -> None:
    found, made = make()
    assert sorted(found) == [
        "ConfigMap connect-config",
        "Deployment connect-slots",
        "KafkaConnect connect",
        "KafkaConnect connect-workers",
        "KafkaConnector connect-connector-shop-eu",
        "KafkaConnector connect-connector-warehouse",
        "NetworkPolicy connect-network",
        "NetworkPolicy connect-slots-network",
    ]
    assert value(made.service) == "connect-connect-api"
    assert (
        found["KafkaConnect connect-workers"].inputs["spec"]["image"] == "ghcr.io/kafka-platform/connect-strimzi:0.1.0"
    )
    # The login that is delivered with the connect user's Secret has the authority too.
    assert found["KafkaConnect connect-workers"].inputs["spec"]["tls"]["trustedCertificates"][0]["secretName"] == (
        "connect-kafka"
    )


def test_pods_of_this_platform_are_another_choice() -> None:
    found, made = make(run_by=RunBy.PODS)
    assert "Deployment connect-pods" in found
    assert not [each for each in found if each.startswith("KafkaConnector")]
    assert value(made.service) == "connect"


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (
            lambda: make(connection=replace(CONNECTION, engine=Engine.EMBEDDED), run_by=RunBy.STRIMZI),
            r"^run_by: strimzi is possible only where Strimzi runs the Kafka",
        ),
        (
            lambda: make(run_by=RunBy.PODS, plugins={"acme": "ghcr.io/acme/plugin:1"}),
            r"^plugins: only Strimzi mounts images into workers",
        ),
        (
            lambda: make(removed_connectors=["old", "older"]),
            r"^removed_connectors: with Strimzi .* kubectl delete kafkaconnector old older$",
        ),
        (lambda: make(plugins={"Acme": "x:1"}), r"^plugins: 'Acme' is not the name of a plugin"),
        (lambda: make(plugins={"acme": "no image"}), r"^plugins: acme: 'no image' is not an image"),
        (lambda: make(run_by="operator"), r"^run_by: "),
    ],
)
def test_misuse(make_it: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_it()
