"""QueryEngine: what it renders, the graph that it makes, who may what, what it refuses."""

import json
import re
from typing import Any

import pytest
from kafka_platform import (
    KafkaConnection,
    QueryEngine,
    QueryEngineArgs,
    QueryLimits,
    QueryReader,
    QueryResources,
    QueryTable,
    QueryTls,
    query_user,
)
from kafka_platform.query.config import MEMORY, literally
from kafka_platform.query.objects import QuerySettings, objects
from kafka_platform.query.spec import METRICS_USER, QuerySpec, column_of, table_of
from kafka_platform.values.units import quantity

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
ARGS: dict[str, Any] = {"connection": CONNECTION, "readers": READERS, "passwords": "events-passwords", "tables": TABLES}


def rendered(role: str, *, readers: dict[str, QueryReader] | None = None, **changes: Any) -> dict[str, Any]:
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

    @pytest.mark.parametrize(
        "text",
        ["id", "id BIGINT a b", "Id BIGINT", "id BIGINT a//b", 'id BIGINT a"b', "id;drop BIGINT", "id VARCHAR(3)"],
    )
    def test_what_is_no_column_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="is not"):
            column_of(text)

    def test_names_need_no_quotes(self) -> None:
        assert table_of("Shop.page-views") == "shop_page_views"


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
