"""KafkaConnect: what it renders, the graph that it makes, what it refuses, and what connectors may do."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml
from kafka_platform import (
    CatalogLogin,
    Connector,
    DatabaseTls,
    IcebergCatalog,
    IcebergSink,
    IcebergStore,
    JdbcSink,
    KafkaConnect,
    KafkaConnectArgs,
    KafkaConnection,
    MariadbSource,
    MongodbSource,
    Plugin,
    PostgresSource,
    RecordFormat,
    connect_topics,
    connect_users,
)
from kafka_platform.connect.objects import ConnectSettings, jvm_options, objects
from kafka_platform.connect.spec import ConnectSpec
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.values.units import quantity

from tests.specs import taken
from tests.unit.components.graph import Registered, run, value

CONNECTION = KafkaConnection(
    cluster="events",
    namespace="streaming",
    bootstrap_servers="events.streaming.svc:9092",
    security_protocol="SASL_PLAINTEXT",
    sasl_mechanism="SCRAM-SHA-512",
)
SOURCE = PostgresSource(host="db.shop", database="shop", secret="shop-db", tables=["public.orders", "public.items"])
SINK = JdbcSink(url="jdbc:postgresql://10.1.2.3:6432/warehouse", secret="warehouse-db")
CONNECTORS = {
    "shop-eu": Connector(postgres=SOURCE),
    "warehouse": Connector(jdbc=SINK, reads=["orders"], tasks=4),
}


def settings(**changes: Any) -> ConnectSettings:
    given: dict[str, Any] = {
        "name": "connect",
        "namespace": "streaming",
        "connection": CONNECTION,
        "image": "connect:1",
        "runtime_image": "runtime:1",
        "connectors": CONNECTORS,
    }
    return ConnectSettings(spec=taken(ConnectSpec, changes), **(given | changes))


def rendered(role: str, **changes: Any) -> dict[str, Any]:
    return next(each.manifest for each in objects(settings(**changes)) if each.role == role)


def pod(**changes: Any) -> dict[str, Any]:
    spec: dict[str, Any] = rendered("pods", **changes)["spec"]["template"]["spec"]
    return spec


def worker(**changes: Any) -> list[str]:
    return str(rendered("config", **changes)["data"]["worker.properties"]).splitlines()


def config(name: str, **changes: Any) -> dict[str, str]:
    told = json.loads(rendered("connectors", **changes)["data"][f"connector.{name}"])
    assert told["name"] == name
    found: dict[str, str] = told["config"]
    return found


class TestPods:
    def test_no_rights_and_nothing_to_write_to(self) -> None:
        [container] = pod()["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert pod()["securityContext"]["runAsNonRoot"] is True
        assert pod()["automountServiceAccountToken"] is False
        assert [each["name"] for each in container["volumeMounts"] if not each.get("readOnly")] == ["tmp"]

    def test_two_spread_pods_of_which_one_may_be_drained(self) -> None:
        assert rendered("pods")["spec"]["replicas"] == 2
        assert len(pod()["topologySpreadConstraints"]) == 2
        assert rendered("disruption")["spec"]["maxUnavailable"] == 1

    @pytest.mark.parametrize("memory", ["768Mi", "1Gi", "4Gi"])
    def test_all_of_its_memory_has_a_bound_and_fits(self, memory: str) -> None:
        options = jvm_options(settings(resources={"memory": memory}))
        sizes = [int(each.rpartition("=")[2].removeprefix("-Xmx").removesuffix("m")) for each in options[:4]]
        assert sum(sizes) * 2**20 < quantity(memory)
        assert sizes[0] >= 256

    def test_each_connector_has_folders_of_its_own(self) -> None:
        mounts = {each["mountPath"]: each["name"] for each in pod()["containers"][0]["volumeMounts"]}
        assert mounts["/mnt/connectors/shop-eu/kafka"] == "shop-eu-kafka"
        assert mounts["/mnt/connectors/shop-eu/secret"] == "shop-eu-secret"
        volumes = {each["name"]: each for each in pod()["volumes"]}
        assert volumes["shop-eu-secret"]["secret"] == {
            "items": [{"key": "username", "path": "username"}, {"key": "password", "path": "password"}],
            "secretName": "shop-db",
        }
        assert volumes["warehouse-kafka"]["secret"]["secretName"] == "connector-warehouse-kafka"

    def test_another_password_is_read_by_new_pods(self) -> None:
        def version(connectors: dict[str, Connector]) -> str:
            annotations = rendered("pods", connectors=connectors)["spec"]["template"]["metadata"]["annotations"]
            return str(annotations["kafka-platform/secrets"])

        assert version(CONNECTORS) == version(dict(CONNECTORS))
        changed = CONNECTORS | {"shop-eu": replace(CONNECTORS["shop-eu"], password_version=2)}
        assert version(changed) != version(CONNECTORS)
        jobs = [rendered("apply", connectors=each)["spec"]["template"]["metadata"] for each in (CONNECTORS, changed)]
        assert jobs[0] != jobs[1]

    def test_a_lost_worker_is_noticed_in_seconds(self) -> None:
        assert {
            "session.timeout.ms=10000",
            "scheduled.rebalance.max.delay.ms=5000",
            "exactly.once.source.support=enabled",
            "plugin.discovery=service_load",
            "topic.creation.enable=false",
        } <= set(worker())


class TestRestarter:
    def pod(self) -> dict[str, Any]:
        spec: dict[str, Any] = rendered("restarter")["spec"]["template"]["spec"]
        return spec

    def test_it_reaches_the_workers_alone_and_knows_no_secret(self) -> None:
        *_, workers = rendered("restarter-network")["spec"]["egress"]
        assert workers["ports"] == [{"port": 8083, "protocol": "TCP"}]
        assert workers["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "connect"
        assert self.pod()["volumes"] == []
        assert [each["name"] for each in self.pod()["containers"][0]["env"]] == ["RESTARTER_PORT", "CONNECT_URL"]

    def test_there_is_one_and_it_has_no_rights(self) -> None:
        assert rendered("restarter")["spec"]["replicas"] == 1
        assert rendered("restarter")["spec"]["strategy"] == {"type": "Recreate"}
        assert self.pod()["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
        assert self.pod()["automountServiceAccountToken"] is False


class TestSecrets:
    def test_none_is_in_what_is_rendered(self) -> None:
        shown = json.dumps([each.manifest for each in objects(settings())])
        assert "password=" not in shown
        assert config("shop-eu")["database.password"] == "${directory:/mnt/connectors/shop-eu/secret:password}"
        own = "${file:/mnt/connectors/shop-eu/kafka/client.properties:sasl.jaas.config}"
        assert config("shop-eu")["producer.override.sasl.jaas.config"] == own

    def test_a_connector_refers_to_its_own_folder_only(self) -> None:
        for name, other in (("shop-eu", "warehouse"), ("warehouse", "shop-eu")):
            assert f"/mnt/connectors/{other}" not in json.dumps(config(name))

    def test_workers_read_no_other_files(self) -> None:
        assert "config.providers.directory.param.allowed.paths=/mnt/connectors" in worker()
        assert "config.providers.file.param.allowed.paths=/mnt/connectors,/etc/kafka-platform/credentials" in worker()
        assert "config.providers.env.param.allowlist.pattern=POD_IP" in worker()

    @pytest.mark.parametrize(
        "given",
        [
            "${file:/etc/kafka-platform/credentials/client.properties:sasl.jaas.config}",
            "${directory:/mnt/connectors/shop-eu/secret:password}",
            "x${env:POD_IP}",
            "${secret:a}${file:/mnt/connectors/shop-eu/kafka/client.properties:sasl.jaas.config}",
            "${secret:../../warehouse/secret/password:x}",
        ],
    )
    def test_a_plugin_cannot_refer_to_anothers_files(self, given: str) -> None:
        with pytest.raises(ValueError, match=r"^config: 'url': reads files that are not the connector's"):
            Plugin(connector_class="a.Source", secret="own", config={"url": given})

    def test_a_plugin_refers_to_its_own(self) -> None:
        mine = Plugin(connector_class="a.Source", secret="own", config={"api.token": "${secret:token}"})
        found = config("mine", connectors={"mine": Connector(plugin=mine)})
        assert found["api.token"] == "${directory:/mnt/connectors/mine/secret:token}"


class TestNetwork:
    def test_the_rest_interface_is_for_workers_and_the_job_alone(self) -> None:
        rest, metrics = rendered("network")["spec"]["ingress"]
        components = [each["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for each in rest["from"]]
        assert components == ["connect", "connect-applier", "connect-restarter"]
        assert rest["ports"] == [{"port": 8083, "protocol": "TCP"}]
        assert metrics["ports"] == [{"port": 9404, "protocol": "TCP"}]
        assert rendered("applier-network")["spec"]["ingress"] == []
        assert [each["ports"][0]["port"] for each in rendered("restarter-network")["spec"]["ingress"]] == [9404]

    def test_it_reaches_what_connectors_name_and_nothing_else(self) -> None:
        egress = rendered("network")["spec"]["egress"]
        assert egress[2]["ports"] == [{"port": 9092, "protocol": "TCP"}]
        assert egress[4:] == [
            {"ports": [{"port": 5432, "protocol": "TCP"}]},
            {"ports": [{"port": 6432, "protocol": "TCP"}], "to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}]},
        ]


class TestInKafka:
    def rights(self, user: str) -> dict[tuple[str, str], list[str]]:
        declared = connect_users(CONNECTORS)[user].all_acls()
        return {(each.resource.value, each.name): [o.value for o in each.operations] for each in declared}

    def test_a_source_may_write_its_topics_and_use_its_transactions(self) -> None:
        found = self.rights("connector-shop-eu")
        assert found[("topic", "shop-eu.public.orders")] == ["DESCRIBE", "WRITE"]
        assert found[("topic", "connect-offsets-shop-eu")] == ["DESCRIBE", "READ", "WRITE"]
        assert {name for kind, name in found if kind == "transactionalId"} == {f"connect-shop-eu-{n}" for n in range(8)}
        assert not [name for kind, name in found if kind == "group"]
        assert not [name for kind, name in found if name.endswith("*")]

    def test_a_sink_may_read_its_topics_and_write_dead_letters(self) -> None:
        assert self.rights("connector-warehouse") == {
            ("group", "connect-warehouse"): ["DESCRIBE", "READ"],
            ("topic", "orders"): ["DESCRIBE", "READ"],
            ("topic", "warehouse-dead-letters"): ["DESCRIBE", "WRITE"],
        }

    def test_the_workers_may_use_their_own_topics_alone(self) -> None:
        assert {name for kind, name in self.rights("connect") if kind == "topic"} == {
            "connect-configs",
            "connect-offsets",
            "connect-status",
        }

    def test_tables_are_kept_and_dead_letters_expire(self) -> None:
        topics = connect_topics(CONNECTORS)
        assert topics["shop-eu.public.orders"].kafka_config() == {"cleanup.policy": "compact"}
        assert topics["warehouse-dead-letters"].kafka_config() == {"retention.ms": "1209600000"}
        assert topics["connect-configs"].partitions == 1
        assert "__debezium-heartbeat.shop-eu" in topics


LAKE = IcebergSink(
    catalog=IcebergCatalog(url="jdbc:postgresql://db.lake:5433/lake", secret="lake-catalog"),
    warehouse="s3://lake/warehouse",
    s3=IcebergStore(endpoint="https://s3.example.com", secret="lake-s3"),
    table="shop.{table}",
    partition=["day(at)", "bucket(customer, 16)"],
)
LAKES = {"lake": Connector(iceberg=LAKE, reads=["shop.public.orders"], tasks=3)}


class TestIceberg:
    def test_rights_are_to_its_own_topic_of_commits_and_to_names_that_begin_like_no_others(self) -> None:
        declared = connect_users(LAKES)["connector-lake"].all_acls()
        found = {(each.resource.value, each.name) for each in declared}
        assert found == {
            ("group", "connect-control.lake.*"),
            ("group", "connect-lake"),
            ("group", "connect-lake-coord"),
            ("topic", "connect-control-lake"),
            ("topic", "lake-dead-letters"),
            ("topic", "shop.public.orders"),
            ("transactionalId", "connect-control.lake.*"),
        }
        assert connect_topics(LAKES)["connect-control-lake"].kafka_config() == {"retention.ms": "604800000"}

    def test_each_secret_is_a_folder_of_its_own(self) -> None:
        mounts = {each["mountPath"]: each["name"] for each in pod(connectors=LAKES)["containers"][0]["volumeMounts"]}
        assert mounts["/mnt/connectors/lake/catalog"] == "lake-catalog"
        assert mounts["/mnt/connectors/lake/s3"] == "lake-s3"
        volumes = {each["name"]: each["secret"] for each in pod(connectors=LAKES)["volumes"] if "secret" in each}
        assert volumes["lake-s3"]["secretName"] == "lake-s3"
        assert [each["key"] for each in volumes["lake-catalog"]["items"]] == ["username", "password"]

    def test_it_logs_in_to_kafka_as_its_own_user_and_to_the_rest_by_files(self) -> None:
        found = config("lake", connectors=LAKES)
        own = "${file:/mnt/connectors/lake/kafka/client.properties:sasl.jaas.config}"
        assert found["iceberg.kafka.sasl.jaas.config"] == own
        assert found["iceberg.kafka.bootstrap.servers"] == CONNECTION.bootstrap_servers
        assert found["iceberg.catalog.jdbc.password"] == "${directory:/mnt/connectors/lake/catalog:password}"
        assert (
            found["iceberg.catalog.s3.secret-access-key"]
            == "${directory:/mnt/connectors/lake/s3:AWS_SECRET_ACCESS_KEY}"
        )

    def test_what_is_not_committed_yet_is_looked_for(self) -> None:
        every = {"1s": 600, "60s": 3600, "1h": 216_000}
        for given, seconds in every.items():
            lake = {"lake": Connector(iceberg=replace(LAKE, every=given), reads=["shop.public.orders"])}
            assert config("lake", connectors=lake)["iceberg.kafka.auto.offset.reset"] == f"by_duration:PT{seconds}S"

    def test_tables(self) -> None:
        found = config("lake", connectors=LAKES)
        assert found["transforms.changes.cdc.target.pattern"] == "shop.{table}"
        assert found["iceberg.tables.default-partition-by"] == "day(at),bucket(customer, 16)"
        plain = replace(LAKE, table="shop.clicks", changes=False, partition=[])
        found = config("lake", connectors={"lake": Connector(iceberg=plain, reads=["clicks"])})
        assert found["iceberg.tables"] == "shop.clicks"
        assert not [each for each in found if each.startswith("transforms")]

    def test_a_rest_catalog(self) -> None:
        for login, key in ((CatalogLogin.CLIENT, "credential"), (CatalogLogin.TOKEN, "token")):
            catalog = IcebergCatalog(url="https://catalog.example.com/v1", secret="c", login=login)
            rest = replace(LAKE, catalog=catalog, s3=IcebergStore(region="eu-central-1"))
            found = config("lake", connectors={"lake": Connector(iceberg=rest, reads=["orders"])})
            assert found[f"iceberg.catalog.{key}"] == f"${{directory:/mnt/connectors/lake/catalog:{key}}}"
            assert not [each for each in found if "access-key" in each]
            places = {(each.host, each.port) for each in rest.places()}
            assert places == {("catalog.example.com", 443), ("s3.eu-central-1.amazonaws.com", 443)}

    def test_it_reaches_the_catalog_and_the_store(self) -> None:
        ports = rendered("network", connectors=LAKES)["spec"]["egress"][4:]
        assert ports == [{"ports": [{"port": 443, "protocol": "TCP"}, {"port": 5433, "protocol": "TCP"}]}]


class TestConfigurations:
    def test_of_a_source(self) -> None:
        found = config("shop-eu")
        assert found["exactly.once.support"] == "required"
        assert found["slot.name"] == found["publication.name"] == "shop_eu"
        assert found["table.include.list"] == "public[.]orders,public[.]items"
        assert found["publication.autocreate.mode"] == "filtered"

    def test_of_a_source_with_a_binary_log(self) -> None:
        source = MariadbSource(host="db", secret="db", tables=["shop.orders", "shop.items"], signals="shop.signals")
        found = config("shop", connectors={"shop": Connector(mariadb=source)})
        assert found["database.include.list"] == "shop"
        assert found["table.include.list"] == "shop[.]orders,shop[.]items,shop[.]signals"
        assert found["schema.history.internal.kafka.topic"] == "shop-schema-history"
        own = "${file:/mnt/connectors/shop/kafka/client.properties:sasl.jaas.config}"
        assert found["schema.history.internal.consumer.sasl.jaas.config"] == own
        assert (
            found["database.server.id"]
            == config("shop", connectors={"shop": Connector(mariadb=source)})["database.server.id"]
        )
        topics = connect_topics({"shop": Connector(mariadb=source)})
        assert topics["shop-schema-history"].kafka_config()["retention.ms"] == "-1"
        assert "shop.shop.signals" in topics
        assert connect_users({"shop": Connector(mariadb=source)})["connector-shop"].groups == ["shop-schemahistory"]

    def test_of_a_source_of_documents(self) -> None:
        source = MongodbSource(
            hosts=["m-0.m.svc", "fd00::1"],
            replica_set="rs0",
            secret="docs",
            collections=["shop.orders", "shop.items.old"],
            signals="shop.signals",
            truststore=True,
        )
        connectors = {"docs": Connector(mongodb=source)}
        found = config("docs", connectors=connectors)
        assert found["mongodb.connection.string"] == "mongodb://m-0.m.svc:27017,[fd00::1]:27017/?replicaSet=rs0"
        assert found["collection.include.list"] == "shop[.]orders,shop[.]items[.]old,shop[.]signals"
        assert found["signal.data.collection"] == "shop.signals"
        assert found["exactly.once.support"] == "required"
        # A user with the right to read one database is enough.
        assert (found["capture.scope"], found["capture.target"]) == ("database", "shop")
        assert found["mongodb.password"] == "${directory:/mnt/connectors/docs/secret:password}"
        assert found["mongodb.ssl.truststore"] == "/mnt/connectors/docs/secret/truststore.p12"
        volumes = {each["name"]: each for each in pod(connectors=connectors)["volumes"]}
        assert [each["key"] for each in volumes["docs-secret"]["secret"]["items"]] == [
            "username",
            "password",
            "truststore.p12",
            "truststore-password",
        ]
        assert {"docs.shop.orders", "docs.shop.items.old", "docs.shop.signals"} <= connect_topics(connectors).keys()
        [names, *others] = [
            each
            for each in rendered("network", connectors=connectors)["spec"]["egress"]
            if each.get("ports") == [{"port": 27017, "protocol": "TCP"}]
        ]
        assert "to" not in names
        assert [each["to"] for each in others] == [[{"ipBlock": {"cidr": "fd00::1/128"}}]]

    @pytest.mark.parametrize(("system", "server"), [("postgres", "server=shop"), ("mongodb", "server=shop, task=0")])
    def test_how_far_a_source_is_behind_is_shown_by_its_name(self, system: str, server: str) -> None:
        rules = yaml.safe_load(rendered("config")["data"]["jmx.yaml"])["rules"]
        bean = f"debezium.{system}<type=connector-metrics, context=streaming, {server}><>MilliSecondsBehindSource"
        # The agent finds patterns in an attribute with its value.
        [found] = [each for each in (re.search(rule["pattern"], f"{bean}: 154") for rule in rules) if each]
        assert found.groups() == (system, "shop", "MilliSecondsBehindSource")
        assert not any(re.search(rule["pattern"], f"{bean}P99: 154.2") for rule in rules)

    def test_documents_of_two_databases_need_one_stream_of_all(self) -> None:
        source = MongodbSource(
            hosts=["m"], secret="docs", collections=["shop.orders", "crm.people"], tls=DatabaseTls.OFF
        )
        found = config("docs", connectors={"docs": Connector(mongodb=source)})
        assert found["capture.scope"] == "deployment"
        assert "capture.target" not in found
        assert found["mongodb.connection.string"] == "mongodb://m:27017/"
        assert found["mongodb.ssl.enabled"] == "false"

    def test_by_a_registry_in_which_each_is_a_user_of_its_own(self) -> None:
        connectors = {name: replace(each, format=RecordFormat.AVRO) for name, each in CONNECTORS.items()}
        registries = {
            name: RegistryConnection(
                url="http://registry.streaming.svc:80/apis/ccompat/v7",
                secret=f"{name}-registry",
                registers=name == "shop-eu",
                namespace="streaming",
                port=8080,
            )
            for name in connectors
        }
        changes: dict[str, Any] = {"connectors": connectors, "registries": registries}
        source, sink = config("shop-eu", **changes), config("warehouse", **changes)
        for part in ("key", "value"):
            assert source[f"{part}.converter"] == "kafkaplatform.converters.AvroConverter"
            own = f"{part}.converter.registry"
            assert source[f"{own}.url"] == "http://registry.streaming.svc:80/apis/ccompat/v7"
            assert source[f"{own}.password"] == "${directory:/mnt/connectors/shop-eu/registry:password}"
            assert (source[f"{own}.registers"], sink[f"{own}.registers"]) == ("true", "false")
            assert f"{own}.authority" not in source
        assert source["schema.name.adjustment.mode"] == "avro"
        assert "schema.name.adjustment.mode" not in sink
        # Records of a sink wait for the registry; a source fails, and is restarted.
        assert (sink["errors.retry.timeout"], source.get("errors.retry.timeout")) == ("-1", None)
        mounts = {each["mountPath"]: each["name"] for each in pod(**changes)["containers"][0]["volumeMounts"]}
        assert mounts["/mnt/connectors/warehouse/registry"] == "warehouse-registry"
        volumes = {each["name"]: each for each in pod(**changes)["volumes"]}
        assert volumes["warehouse-registry"]["secret"]["secretName"] == "warehouse-registry"
        egress = rendered("network", **changes)["spec"]["egress"]
        assert len([each for each in egress if each.get("ports") == [{"port": 8080, "protocol": "TCP"}]]) == 1

    def test_by_a_registry_with_an_authority_of_its_own_and_without_a_login(self) -> None:
        kind = replace(SINK, key_column="id")
        sink = replace(CONNECTORS["warehouse"], jdbc=kind, format=RecordFormat.PROTOBUF, keys=RecordFormat.TEXT)
        registry = RegistryConnection(url="https://registry.example.com", ca_secret="authority")
        changes: dict[str, Any] = {"connectors": {"warehouse": sink}, "registries": {"warehouse": registry}}
        found = config("warehouse", **changes)
        assert found["key.converter"] == "org.apache.kafka.connect.storage.StringConverter"
        assert found["value.converter"] == "kafkaplatform.converters.ProtobufConverter"
        assert (found["transforms"], found["transforms.key.field"]) == ("key", "id")
        own = {key.partition(".registry.")[2]: value for key, value in found.items() if ".registry." in key}
        assert own == {
            "authority": "/mnt/connectors/warehouse/registry-ca/ca.crt",
            "registers": "false",
            "url": "https://registry.example.com",
        }
        volumes = {each["name"]: each for each in pod(**changes)["volumes"]}
        assert volumes["warehouse-registry-ca"]["secret"]["secretName"] == "authority"
        assert "warehouse-registry" not in volumes

    def test_in_json_schema(self) -> None:
        source = replace(CONNECTORS["shop-eu"], format=RecordFormat.JSONSCHEMA)
        registry = RegistryConnection(url="https://registry.example.com", secret="login", registers=True)
        found = config("shop-eu", connectors={"shop-eu": source}, registries={"shop-eu": registry})
        assert found["key.converter"] == found["value.converter"] == "kafkaplatform.converters.JsonSchemaConverter"
        assert "schema.name.adjustment.mode" not in found

    def test_of_a_sink(self) -> None:
        found = config("warehouse")
        assert (found["insert.mode"], found["primary.key.mode"], found["delete.enabled"]) == (
            "upsert",
            "record_key",
            "true",
        )
        assert (found["errors.tolerance"], found["tasks.max"]) == ("all", "4")
        assert found["errors.deadletterqueue.topic.name"] == "warehouse-dead-letters"
        assert found["consumer.override.isolation.level"] == "read_committed"

    def test_a_kafka_without_logins(self) -> None:
        plain = replace(CONNECTION, security_protocol="PLAINTEXT", sasl_mechanism=None)
        assert not [each for each in config("warehouse", connection=plain) if "sasl" in each]
        assert "credentials" not in json.dumps(pod(connection=plain))

    def test_a_kafka_with_tls(self) -> None:
        secure = replace(CONNECTION, security_protocol="SASL_SSL", ca_secret="kafka-ca")
        path = "/etc/kafka-platform/ca/ca.crt"
        assert config("warehouse", connection=secure)["consumer.override.ssl.truststore.location"] == path
        assert f"ssl.truststore.location={path}" in worker(connection=secure)

    def test_removed_ones_are_told_to_the_job(self) -> None:
        assert json.loads(rendered("connectors", removed_connectors=["old"])["data"]["removed"]) == ["old"]
        assert "removed" not in rendered("connectors")["data"]


def make(**changes: Any) -> tuple[dict[str, Registered], KafkaConnect]:
    made: list[KafkaConnect] = []
    given: dict[str, Any] = {"connection": CONNECTION, "connectors": CONNECTORS} | changes
    args = KafkaConnectArgs(**given)
    found = run(lambda: made.append(KafkaConnect("connect", args)))
    return found, made[0]


def test_its_children() -> None:
    found, made = make()
    assert sorted(found) == [
        "ConfigMap connect-config",
        "ConfigMap connect-connectors",
        "Deployment connect-pods",
        "Deployment connect-restarter",
        "Deployment connect-slots",
        "Job connect-apply",
        "KafkaConnect connect",
        "NetworkPolicy connect-applier-network",
        "NetworkPolicy connect-network",
        "NetworkPolicy connect-restarter-network",
        "NetworkPolicy connect-slots-network",
        "PodDisruptionBudget connect-disruption",
        "Service connect-service",
    ]
    assert value(made.service) == "connect"
    assert value(made.users) == ["connector-shop-eu", "connector-warehouse"]


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (lambda: make(connectors={"a": Connector()}), r"^connectors\.a\.postgres: missing: write one of postgres"),
        (lambda: make(connectors={"A": CONNECTORS["shop-eu"]}), r"^connectors\.A: 'A' is not a Kubernetes name"),
        (lambda: make(removed_connectors=["warehouse"]), r"^removed_connectors: 'warehouse' is declared too"),
        (lambda: make(connection=replace(CONNECTION, sasl_mechanism="PLAIN")), r"^connection: clients log in with PLAIN"),
        (
            lambda: make(connectors={"a": Connector(postgres=replace(SOURCE, slot="x")), "b": Connector(postgres=replace(SOURCE, slot="x"))}),
            r"^connectors\.b\.postgres\.slot: 'x' is that of connector 'a' too",
        ),
        (lambda: make(connectors={"a": Connector(postgres=SOURCE, format=RecordFormat.AVRO)}), r"^connectors\.a\.format: avro needs a schema registry"),
        (
            lambda: make(registries={"shop-eu": RegistryConnection(url="http://r", secret="s")}),
            r"^registries\.shop-eu: the connector uses no registry",
        ),
        (lambda: make(connectors={"a": Connector(jdbc=SINK, reads=["t"], keys=RecordFormat.PROTOBUF)}), r"^connectors\.a\.format: protobuf needs a schema registry"),
        (lambda: make(connectors={"a": Connector(jdbc=SINK, reads=["t"], keys=RecordFormat.TEXT)}), r"^connectors\.a\.jdbc\.key_column: missing: its keys are text"),
        (lambda: replace(SINK, key_column="i d"), r"^key_column: 'i d' is not the name of a column"),
        (lambda: replace(SINK, key_column="id", config={"transforms": "x"}), r"^config: 'transforms' cannot be set here"),
        (lambda: Connector(postgres=SOURCE, format=RecordFormat.PROTOBUF), r"^format: protobuf is for sinks"),
        (lambda: Connector(postgres=SOURCE, keys=RecordFormat.PROTOBUF), r"^keys: protobuf is for sinks"),
        (lambda: Connector(postgres=SOURCE, format=RecordFormat.TEXT), r"^format: text has no columns"),
        (lambda: Connector(jdbc=SINK, reads=["t"], format=RecordFormat.SCHEMA), r"^format: schema is for light sinks: write avro, jsonschema or protobuf"),
        (lambda: Connector(jdbc=SINK, reads=["t"], keys=RecordFormat.SCHEMA), r"^keys: schema is for light sinks"),
        (lambda: Connector(jdbc=SINK), r"^reads: missing: name the topics"),
        (lambda: Connector(postgres=SOURCE, jdbc=SINK), r"^jdbc: postgres is given too"),
        (lambda: replace(SOURCE, config={"database.password": "hunter2"}), r"^config: 'database.password': a secret"),
        (lambda: replace(SINK, config={"connection.url": "jdbc:mysql://x/y"}), r"^config: 'connection.url' cannot be set here"),
    ],
)  # fmt: skip
def test_misuse(make_it: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_it()
