"""QueryEngine: what it renders, the graph that it makes, who may what, what it refuses."""

import json
import re
from typing import Any

import pytest
import yaml
from kafka_platform import (
    IcebergStore,
    KafkaConnection,
    QueryDatabase,
    QueryEngine,
    QueryEngineArgs,
    QueryLake,
    QueryLimits,
    QueryReader,
    QueryResources,
    QueryTable,
    QueryTls,
    RegistryConnection,
    query_user,
)
from kafka_platform.connect.sources import DatabaseTls
from kafka_platform.query.config import MEMORY, literally
from kafka_platform.query.objects import QuerySettings, objects
from kafka_platform.query.spec import METRICS_USER, QuerySpec, column_of, table_of
from kafka_platform.values.units import quantity

from infra.capabilities import CAPABILITIES
from infra.capabilities.capability import Stack
from infra.capabilities.query import Query
from infra.platform import Platform
from infra.settings.parsing import parse
from tests.unit.components.graph import run, value
from tests.unit.test_platform import EMBEDDED, KUBECONFIG

CONNECTION = KafkaConnection(
    cluster="events",
    namespace="streaming",
    bootstrap_servers="events.streaming.svc:9092",
    security_protocol="SASL_PLAINTEXT",
    sasl_mechanism="SCRAM-SHA-512",
)
HOSTILE = 'x.*|ann"\\E'
READERS = {
    "ann": QueryReader(topics=["orders", "shop.page-views"], tenant="shop"),
    "ben": QueryReader(topics=["orders"], tenant="shop"),
    HOSTILE: QueryReader(topics=["accounts"]),
}
TABLES = {"orders": QueryTable(columns=["id BIGINT", "city VARCHAR address/city", "at timestamp"])}
AVRO: dict[str, Any] = {
    "tables": {"Shop.invoices": QueryTable(format="avro"), "orders": TABLES["orders"]},  # type: ignore[arg-type]
    "readers": {"ann": QueryReader(topics=["Shop.invoices", "orders"]), "ben": QueryReader(topics=["orders"])},
}
REGISTRY = RegistryConnection(
    url="http://schema-registry.streaming.svc:8080/apis/ccompat/v7",
    secret="query-engine-registry",
    ca_secret="registry-ca",
    namespace="streaming",
    port=8080,
)
DATABASE = QueryDatabase(url="jdbc:postgresql://10.1.2.3/shop", secret="shop-reader", tls=DatabaseTls.VERIFIED)
LAKE = QueryLake(
    catalog=QueryDatabase(url="jdbc:postgresql://db.lake.svc:5433/catalog?loginTimeout=5", secret="lake-reader"),
    warehouse="s3://lake/warehouse",
    store=IcebergStore(endpoint="https://s3.example.com", secret="lake-files"),
)
SOURCES: dict[str, Any] = {
    "sources": {"lake": LAKE, "shop": DATABASE},
    "readers": {
        "ann": QueryReader(topics=["orders"], tables=["shop.public.orders", "lake.shop.orders", "lake.shop.a|b*"]),
        "ben": QueryReader(tables=["lake.shop.orders"]),
    },
}
ARGS: dict[str, Any] = {"connection": CONNECTION, "readers": READERS, "passwords": "events-passwords", "tables": TABLES}


def rendered(
    role: str,
    *,
    readers: dict[str, QueryReader] | None = None,
    registry: RegistryConnection | None = None,
    sources: dict[str, Any] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    settings = QuerySettings(
        name="query-engine",
        namespace="streaming",
        connection=CONNECTION,
        passwords="events-passwords",
        image="trino:1",
        runtime_image="runtime:1",
        readers=READERS if readers is None else readers,
        client_namespaces=["shop"],
        spec=QuerySpec(**({"tables": TABLES} | changes)),
        registry=registry,
        sources=sources or {},
    )
    return next(each.manifest for each in objects(settings, "shared-password") if each.role == role)


def pod(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = rendered("pod", **changes)["spec"]["template"]["spec"]
    return found


def file(path: str, **changes: Any) -> Any:
    text = rendered("config", **changes)["data"][path.replace("/", "--")]
    return json.loads(text) if path.endswith(".json") else dict(line.split("=", 1) for line in text.splitlines())


class TestPods:
    def test_nothing_to_write_to_and_bounded_disks(self) -> None:
        found = pod(spill="1Gi")
        for container in (*found["containers"], *found["initContainers"]):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }
        assert found["automountServiceAccountToken"] is False
        assert found["securityContext"]["runAsNonRoot"] is True
        disks = {each["name"]: each["emptyDir"]["sizeLimit"] for each in found["volumes"] if "emptyDir" in each}
        assert disks == {"data": "1280Mi", "run": "16Mi", "tmp": "256Mi"}

    def test_trino_sees_no_password_of_a_user(self) -> None:
        trino, keeper = pod()["containers"]
        assert {each["name"] for each in trino["volumeMounts"]} == {"config", "run", "data", "tmp", "credentials"}
        assert {each["name"] for each in keeper["volumeMounts"]} == {"keeper", "passwords", "run"}
        passwords = next(each for each in pod()["volumes"] if each["name"] == "passwords")
        assert [each["path"] for each in passwords["secret"]["items"]] == ["user-0", "user-1", "user-2"]
        assert json.loads(rendered("config")["data"]["users.json"]) == {
            "ann": "user-0",
            "ben": "user-1",
            HOSTILE: "user-2",
        }

    def test_no_password_is_in_variables_or_files(self) -> None:
        shown = json.dumps([rendered("pod"), rendered("config")])
        assert "shared-password" not in shown
        assert file("config.properties")["internal-communication.shared-secret"] == "${ENV:SHARED_SECRET}"

    @pytest.mark.parametrize("memory", ["1536Mi", "2Gi", "16Gi"])
    def test_all_parts_of_its_memory_fit_into_the_pod(self, memory: str) -> None:
        resources = QueryResources(memory=memory)
        options = pod(resources=resources)["containers"][0]["command"]
        heap = int(next(each for each in options if each.startswith("-Xmx"))[4:-1])
        assert heap + MEMORY.outside == quantity(memory) // 2**20
        server = file("config.properties", resources=resources)
        query, headroom = (
            int(server[key].removesuffix("MB"))
            for key in ("query.max-memory-per-node", "memory.heap-headroom-per-node")
        )
        assert query + headroom <= heap

    def test_it_is_ready_once_the_keeper_finds_trino_so(self) -> None:
        trino, keeper = pod()["containers"]
        assert "readinessProbe" not in trino
        assert keeper["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": 9404}

    def test_another_table_or_right_makes_another_pod(self) -> None:
        def annotations(**changes: Any) -> Any:
            return rendered("pod", **changes)["spec"]["template"]["metadata"]["annotations"]

        assert annotations() == annotations()
        assert annotations(readers=READERS | {"ben": QueryReader(topics=["accounts"], tenant="shop")}) != annotations()


class TestNetwork:
    def test_without_tls_only_metrics_are_reached(self) -> None:
        spec = rendered("network")["spec"]
        assert [[port["port"] for port in rule["ports"]] for rule in spec["ingress"]] == [[9404]]
        assert "to" not in spec["egress"][-1]
        assert spec["egress"][-1]["ports"] == [{"port": 9092, "protocol": "TCP"}]

    def test_with_tls_its_users_and_named_namespaces_come_in(self) -> None:
        rule = rendered("network", tls=QueryTls(certificate="query"), client_namespaces=["tools"])["spec"]["ingress"][0]
        [peer] = rule["from"]
        assert peer["namespaceSelector"]["matchExpressions"][0]["values"] == ["shop", "tools"]
        assert rule["ports"] == [{"port": 8443, "protocol": "TCP"}]
        assert rendered("service", tls=QueryTls(certificate="query"))["spec"]["ports"][0]["targetPort"] == 8443


class TestRights:
    def test_names_of_users_match_themselves_alone(self) -> None:
        pattern = literally([HOSTILE])
        # What is escaped is the same in Java's expressions and in Python's.
        assert re.fullmatch(pattern, HOSTILE)
        for other in ("ann", "x1", "xyz|ann", 'x.*|ann"'):
            assert not re.fullmatch(pattern, other)

    def test_each_reads_its_topics_and_nothing_else(self) -> None:
        rules = file("rules.json")
        read = {each.get("user"): each for each in rules["tables"] if each["privileges"]}
        assert read["ann"]["table"] == "orders|shop_page_views"
        assert read[literally([HOSTILE])]["table"] == "accounts"
        assert {tuple(each["privileges"]) for each in rules["tables"]} == {("SELECT",), ()}
        assert rules["tables"][-1] == {"privileges": []}
        assert rules["catalogs"][-1] == {"allow": "none"}
        everybody = literally(sorted(READERS))
        assert not any(re.fullmatch(everybody, other) for other in (METRICS_USER, "query-engine", "nobody"))

    def test_tenants_share_limits(self) -> None:
        groups = file("resource-groups.json", limits=QueryLimits(concurrent=4, tenant_concurrent=2, queued=7))
        [whole] = groups["rootGroups"]
        assert whole["hardConcurrencyLimit"] == 4
        assert [(each["hardConcurrencyLimit"], each["maxQueued"]) for each in whole["subGroups"]] == [(2, 7), (2, 7)]
        named = {each["user"]: each["group"] for each in groups["selectors"]}
        assert named == {literally([HOSTILE]): "all.t1", "ann|ben": "all.t0"}

    def test_its_user_in_kafka_reads_and_nothing_else(self) -> None:
        user = query_user(QuerySpec(consume="5MB/s"), ["orders", "shop.*", "orders"])
        assert (user.reads, user.writes, user.groups, user.transactions) == (["orders", "shop.*"], (), (), ())
        assert user.quotas is not None
        assert user.quotas.kafka_quotas() == {"consumer_byte_rate": 5e6}


class TestTables:
    def test_columns_are_members_of_the_record(self) -> None:
        found = file("tables/orders.json")
        assert (found["tableName"], found["topicName"], found["schemaName"]) == ("orders", "orders", "topics")
        assert found["message"]["fields"] == [
            {"mapping": "id", "name": "id", "type": "BIGINT"},
            {"mapping": "address/city", "name": "city", "type": "VARCHAR"},
            {"dataFormat": "iso8601", "mapping": "at", "name": "at", "type": "TIMESTAMP"},
        ]

    def test_a_topic_without_columns_is_a_table_too(self) -> None:
        assert file("tables/shop_page_views.json") == {
            "message": {"dataFormat": "raw", "fields": [{"mapping": "0", "name": "message", "type": "VARCHAR"}]},
            "schemaName": "topics",
            "tableName": "shop_page_views",
            "topicName": "shop.page-views",
        }
        assert (
            file("catalog/kafka.properties")["kafka.table-names"]
            == "topics.accounts,topics.orders,topics.shop_page_views"
        )

    def test_topics_in_avro_are_tables_of_a_catalog_of_their_own(self) -> None:
        data = rendered("config", **AVRO, registry=REGISTRY)["data"]
        assert [each for each in data if each.startswith("tables--")] == ["tables--orders.json"]
        plain, registered = (file(f"catalog/{name}.properties", **AVRO) for name in ("kafka", "registry"))
        assert plain["kafka.table-names"] == "topics.orders"
        assert registered["kafka.table-description-supplier"] == "CONFLUENT"
        assert registered["kafka.confluent-schema-registry-url"] == "http://127.0.0.1:8085"
        assert json.loads(data["subjects.json"]) == ["Shop.invoices-value"]
        rules = {
            (each.get("user"), each.get("catalog")): each["table"] for each in file("rules.json", **AVRO)["tables"][:3]
        }
        assert rules == {("ann", "kafka"): "orders", ("ann", "registry"): "shop\\.invoices", ("ben", "kafka"): "orders"}
        # By such a name Trino would read one topic with the schema of another.
        assert not re.fullmatch(rules["ann", "registry"], "accounts&value-subject=shop.invoices-value")

    def test_the_keeper_alone_logs_in_to_the_registry(self) -> None:
        found = pod(**AVRO, registry=REGISTRY)
        trino, keeper = found["containers"]
        assert not any(each["name"].startswith("registry") for each in trino["volumeMounts"])
        assert {"registry", "registry-ca"} <= {each["name"] for each in keeper["volumeMounts"]}
        variables = {each["name"]: each["value"] for each in keeper["env"]}
        assert variables["RELAY_URL"] == REGISTRY.url
        assert variables["RELAY_LOGIN"] == "/etc/kafka-platform/registry"
        rule = rendered("network", **AVRO, registry=REGISTRY)["spec"]["egress"][-1]
        assert rule["ports"] == [{"port": 8080, "protocol": "TCP"}]
        assert "registry" not in {each["name"] for each in pod()["volumes"]}

    def test_without_plain_topics_there_is_no_catalog_of_them(self) -> None:
        readers = {"ann": QueryReader(topics=["Shop.invoices"])}
        data = rendered("config", readers=readers, tables=AVRO["tables"], registry=REGISTRY)["data"]
        assert [each for each in data if each.startswith("catalog--")] == ["catalog--registry.properties"]

    @pytest.mark.parametrize(
        "text",
        ["id", "id BIGINT a b", "Id BIGINT", "id BIGINT a//b", 'id BIGINT a"b', "id;drop BIGINT", "id VARCHAR(3)"],
    )
    def test_what_is_no_column_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="is not"):
            column_of(text)

    def test_names_need_no_quotes(self) -> None:
        assert table_of("Shop.page-views") == "shop_page_views"


class TestDatabasesAndLakes:
    def test_each_is_a_catalog_without_a_password_in_it(self) -> None:
        shop, lake = (file(f"catalog/{name}.properties", **SOURCES) for name in ("shop", "lake"))
        assert shop == {
            "connection-password": "${SECRET:shop/password}",
            "connection-url": "jdbc:postgresql://10.1.2.3/shop?sslmode=verify-full&sslrootcert=/etc/kafka-platform/run/shop.crt",
            "connection-user": "${SECRET:shop/username}",
            "connector.name": "postgresql",
        }
        assert lake["iceberg.jdbc-catalog.connection-url"].endswith("/catalog?loginTimeout=5&sslmode=prefer")
        assert lake["iceberg.jdbc-catalog.connection-password"] == "${SECRET:lake/password}"
        assert lake["s3.aws-secret-key"] == "${SECRET:lake-store/AWS_SECRET_ACCESS_KEY}"
        assert lake["s3.endpoint"] == "https://s3.example.com"

    def test_only_what_makes_the_files_sees_their_logins(self) -> None:
        found = pod(**SOURCES)
        secrets = {
            each["name"]: each["secret"]["secretName"]
            for each in found["volumes"]
            if each["name"].startswith("secret-")
        }
        assert sorted(secrets.values()) == ["lake-files", "lake-reader", "shop-reader"]
        mounts = {each["mountPath"] for each in found["initContainers"][0]["volumeMounts"]}
        assert {f"/etc/kafka-platform/secrets/{name}" for name in ("lake", "lake-store", "shop")} < mounts
        for container in found["containers"]:
            assert not {each["name"] for each in container["volumeMounts"]} & {*secrets, "catalogs"}
        configured = next(each for each in found["volumes"] if each["name"] == "config")["configMap"]["items"]
        assert not [each for each in configured if each["path"].startswith("catalog/")]
        variables = {each["name"] for each in found["initContainers"][0]["env"]}
        assert variables - {each["name"] for each in pod()["initContainers"][0]["env"]} == {"QUERY_SECRETS"}
        assert file("config.properties", **SOURCES)["catalog.config-dir"] == "/etc/kafka-platform/run/catalog"

    def test_each_reads_its_tables_and_nothing_else(self) -> None:
        rules = file("rules.json", **SOURCES)
        read = [each for each in rules["tables"] if each["privileges"] and each["catalog"] != "system"]
        assert {(each["user"], each["catalog"], each["schema"], each["table"]) for each in read} == {
            ("ann", "kafka", "topics", "orders"),
            ("ann", "lake", "shop", "a\\|b\\*|orders"),
            ("ann", "shop", "public", "orders"),
            ("ben", "lake", "shop", "orders"),
        }
        # Trino's own tables about a table, and what hands SQL to a database as it is.
        assert not any(re.fullmatch(each["table"], "orders$snapshots") for each in read)
        assert rules["functions"] == []
        assert rules["catalogs"][0]["catalog"] == "kafka|registry|lake|shop|system"

    def test_they_can_be_reached(self) -> None:
        egress = rendered("network", **SOURCES)["spec"]["egress"]
        assert [[port["port"] for port in each["ports"]] for each in egress[-2:]] == [[443, 5433], [5432]]
        assert egress[-1]["to"] == [{"ipBlock": {"cidr": "10.1.2.3/32"}}]


MISUSES: list[tuple[dict[str, Any], str]] = [
    ({"readers": {}}, "readers: missing: write who may query, with the topics that each may read"),
    ({"readers": {"a:b": READERS["ann"]}}, "readers: 'a:b' has a colon"),
    ({"readers": {METRICS_USER: READERS["ann"]}}, f"readers: '{METRICS_USER}' reads the engine's metrics"),
    ({"readers": {"a": QueryReader(topics=["a-b", "a.b"])}}, "'a-b' and 'a.b' would both be the table 'a_b'"),
    ({"readers": {"a": QueryReader(topics=[f"t{n}" for n in range(1001)])}}, "1,001 topics are too many"),
    (
        {"readers": {f"u{n}": QueryReader(topics=[f"{'t' * 200}{m}" for m in range(100)]) for n in range(60)}},
        "bytes of 900,000: let fewer users query",
    ),
    (
        {"tables": {"orders": QueryTable(format="avro")}},  # type: ignore[arg-type]
        "registry: missing: write how to reach the registry with the schema of 'orders'",
    ),
    (
        {
            "readers": {"a": QueryReader(topics=["Orders", "orders"])},
            "tables": {name: QueryTable(format="avro") for name in ("Orders", "orders")},  # type: ignore[arg-type]
        },
        "readers: 'Orders' and 'orders' would both be the table 'orders'",
    ),
    (
        {"readers": {"ann": QueryReader(tables=["shp.public.orders"])}, "databases": {"shop": DATABASE}},
        "readers: ann.tables: 'shp' is neither a database nor a lake: did you mean 'shop'?",
    ),
    ({"databases": {"shop": DATABASE}, "lakes": {"shop": LAKE}}, "'shop' is a database and a lake: rename one"),
    ({"databases": {"kafka": DATABASE}}, "'kafka' is a catalog already: choose another name"),
    ({"databases": {"My-shop": DATABASE}}, "'My-shop' is not the name of a catalog"),
    ({"client_namespaces": ["tools"]}, "client_namespaces: passwords are only taken over TLS"),
    (
        {
            "connection": KafkaConnection(
                cluster="e", namespace="s", bootstrap_servers="e:9092", security_protocol="PLAINTEXT"
            )
        },
        "connection: clients log in with no login",
    ),
]


@pytest.mark.parametrize(("changes", "message"), MISUSES)
def test_what_cannot_work_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        QueryEngineArgs(**(ARGS | changes))


def test_columns_of_a_topic_in_avro_stand_in_its_schema() -> None:
    with pytest.raises(ValueError, match="columns: follow from the schema in the registry: remove the key"):
        QueryTable(columns=["id BIGINT"], format="avro")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("jdbc:mysql://db/shop", "is not a database of PostgreSQL"),
        ("jdbc:postgresql://ann:secret@db/shop", "is not a URL"),
        ("jdbc:postgresql://db/shop?sslmode=disable", "has an sslmode: remove it, and write tls"),
        ("jdbc:postgresql://db/shop?socketFactory=x", "is not one of those known to be harmless"),
    ],
)
def test_a_url_that_is_none_of_a_database_is_refused(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        QueryDatabase(url=url, secret="reader")
    assert "secret@" not in str(refused.value)


def test_a_lake_needs_a_key_of_its_bucket() -> None:
    with pytest.raises(ValueError, match=r"store\.secret: missing: name the Secret of a key that may read the bucket"):
        QueryLake(catalog=DATABASE, warehouse="s3://lake/w", store=IcebergStore())


def test_the_graph() -> None:
    made: list[QueryEngine] = []
    args = QueryEngineArgs(**ARGS, tls=QueryTls(certificate="query"))
    found = run(lambda: made.append(QueryEngine("query-engine", args)))
    assert {name for name in found if "stack" not in name} == {
        "QueryEngine query-engine",
        "RandomPassword query-engine-internal-password",
        "ConfigMap query-engine-config",
        "Secret query-engine-internal",
        "NetworkPolicy query-engine-network",
        "Deployment query-engine-pod",
        "Service query-engine-service",
    }
    assert value(made[0].deployment) == "query-engine"


def test_a_stack_gives_users_what_they_read_in_kafka() -> None:
    raw = {
        **EMBEDDED,
        "topics": {"orders": {}, "private": {}},
        "tenants": {
            "shop": {
                "users": {
                    "ann": {"reads": ["ord*"]},
                    "ben": {"acls": [{"resource": "topic", "name": "private", "operations": ["ALL"]}]},
                    "eve": {"writes": ["private"]},
                }
            }
        },
        "query": {},
        "prometheus": {},
    }
    found = run(lambda: Platform(parse(raw), KUBECONFIG) and None)
    rules = json.loads(found["ConfigMap query-engine-config"].inputs["data"]["rules.json"])
    assert {each["user"]: each["table"] for each in rules["tables"] if each.get("catalog") == "kafka"} == {
        "ann": "orders",
        "ben": "private",
    }
    declared = json.loads(found["ConfigMap kafka-declarations"].inputs["data"]["user.query-engine"])
    assert {each["name"] for each in declared["acls"]} == {"ord", "private"}
    assert [name for name in found if name.startswith("PodMonitor") and name.endswith("query-engine")]


CONNECTED = """
topics: {orders: , other: }
tenants: {shop: {users: {ann: {reads: [orders, shop.public.a]}, ben: {reads: [orders, other, "shop.*"]}, cid: {reads: [other]}}}}
connectors:
  shop: {postgres: {host: db, database: shop, secret: s, tables: [public.a, public.b]}}
  lake:
    iceberg: {catalog: {url: "jdbc:postgresql://db/c", secret: s}, warehouse: "s3://lake/w", table: shop.all, s3: {secret: s}}
    reads: [orders, other]
query: {connectors: {shop: {secret: r}, lake: {secret: r, store: k}}}
"""


def test_who_may_read_all_topics_of_a_table_may_query_it() -> None:
    settings = parse(EMBEDDED | yaml.safe_load(CONNECTED))
    stack = Stack(settings, CAPABILITIES)
    query = settings.of(Query)
    assert query is not None
    readers = query.readers(stack)
    assert {name: list(each.tables) for name, each in readers.items()} == {
        "ann": ["shop.public.a"],
        "ben": ["lake.shop.all", "shop.public.a", "shop.public.b"],
        "cid": [],
    }
