"""StreamJob: what it renders, the graph that it makes, its user, what it refuses."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka_platform import KafkaConnection, StoreConnection, StreamJob, StreamJobArgs, StreamTable, stream_user
from kafka_platform.streams.config import manager_options, task_options
from kafka_platform.streams.objects import objects
from kafka_platform.streams.script import identifier, literal
from kafka_platform.streams.settings import StreamJobSettings
from kafka_platform.streams.spec import StreamJobSpec
from kafka_platform.values.units import quantity

from infra.platform import Platform
from infra.settings.faults import SettingsError
from infra.settings.parsing import parse
from tests.unit.components.graph import run, value
from tests.unit.settings.test_rendered import COMMON
from tests.unit.test_platform import EMBEDDED, KUBECONFIG

CONNECTION = KafkaConnection(
    cluster="events",
    namespace="streaming",
    bootstrap_servers="events.streaming.svc:9092",
    security_protocol="SASL_PLAINTEXT",
    sasl_mechanism="SCRAM-SHA-512",
)
STORE = StoreConnection(
    endpoint="http://files.streaming.svc:8080",
    bucket="platform",
    prefix="streams/minutes/",
    secret="stream-minutes-storage",
)
TABLES = {
    "orders": StreamTable(columns=["id STRING", "amount DOUBLE", "at BIGINT"], time="at", late="90s"),
    "it's.sums": StreamTable(columns=["id STRING", "n BIGINT"], key="id"),
    "unused": StreamTable(columns=["id STRING"]),
}
TABLES = {name.replace("'", "-"): each for name, each in TABLES.items()}
SQL = "INSERT INTO `it-s.sums` SELECT id, COUNT(*) FROM orders GROUP BY id"
ARGS: dict[str, Any] = {"sql": SQL, "tables": TABLES, "connection": CONNECTION, "store": STORE}


def settings(**changes: Any) -> StreamJobSettings:
    sql = changes.pop("sql", SQL)
    connection = changes.pop("connection", CONNECTION)
    spec = StreamJobSpec(**({"tables": TABLES} | changes))
    return StreamJobSettings(
        job="minutes",
        namespace="streaming",
        connection=connection,
        store=STORE,
        image="flink:1",
        runtime_image="runtime:1",
        sql=sql,
        spec=spec,
    )


def rendered(role: str, **changes: Any) -> dict[str, Any]:
    return next(each.manifest for each in objects(settings(**changes)) if each.role == role)


def pod(role: str, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = rendered(role, **changes)["spec"]["template"]["spec"]
    return found


def script(**changes: Any) -> str:
    return str(rendered("config", **changes)["data"]["job.sql"])


def flink(**changes: Any) -> dict[str, str]:
    found: dict[str, str] = yaml.safe_load(rendered("config", **changes)["data"]["config.yaml"])
    return found


class TestPods:
    @pytest.mark.parametrize(
        ("role", "folders"), [("manager", [["tmp", "turn"], ["turn"]]), ("tasks", [["tmp"]]), ("change", [[]])]
    )
    def test_no_rights_and_nothing_to_write_to(self, role: str, folders: list[list[str]]) -> None:
        containers = pod(role)["containers"]
        for container in containers:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }
            assert "memory" in container["resources"]["limits"]
        assert pod(role)["securityContext"]["runAsNonRoot"] is True
        mounts = [each.get("volumeMounts", []) for each in containers]
        assert [[each["name"] for each in found if not each.get("readOnly")] for found in mounts] == folders
        assert all("sizeLimit" in each["emptyDir"] for each in pod(role)["volumes"] if "emptyDir" in each)

    @pytest.mark.parametrize("memory", ["768Mi", "1Gi", "8Gi"])
    def test_all_of_its_memory_has_a_bound_and_fits(self, memory: str) -> None:
        spec = settings(resources={"memory": memory}, manager={"memory": memory}).spec
        for options in (manager_options(spec), task_options(spec)):
            sizes = [int(re.sub(r"\D", "", each.replace("-Xmx", ""))) for each in options[:4]]
            assert sum(sizes) * 2**20 < quantity(memory)
            assert sizes[0] >= 200

    def test_flinks_accounts_are_the_whole_pod(self) -> None:
        found = flink(resources={"memory": "1Gi"})
        parts = (
            "framework.heap.size",
            "framework.off-heap.size",
            "jvm-metaspace.size",
            "jvm-overhead.max",
            "managed.size",
            "network.max",
            "task.heap.size",
        )
        assert sum(int(found[f"taskmanager.memory.{each}"].removesuffix("m")) for each in parts) == 1024

    def test_it_is_ready_once_its_job_is_there(self) -> None:
        container = pod("manager")["containers"][0]
        job = container["args"][container["args"].index("--job-id") + 1]
        assert re.fullmatch("[0-9a-f]{32}", job)
        assert container["readinessProbe"]["httpGet"]["path"] == f"/jobs/{job}"

    def test_its_keeper_says_when_it_starts(self) -> None:
        manager, keeper = pod("manager")["containers"]
        assert manager["args"][manager["args"].index("--configDir") + 1] == "/turn/conf"
        assert manager["command"][:2] == ["/bin/sh", "-c"]
        assert {"name": "STREAM_PREFIX", "value": "streams/minutes/"} in keeper["env"]
        assert "STREAM_KEPT" not in [each["name"] for each in keeper["env"]]
        kept = pod("manager", savepoints=5)["containers"][1]["env"]
        assert {"name": "STREAM_KEPT", "value": "5"} in kept
        # The password of Kafka is none of its business.
        assert [each["name"] for each in keeper["volumeMounts"]] == ["turn"]

    @pytest.mark.parametrize("changes", [{"sql": SQL.replace("COUNT(*)", "COUNT(id)")}, {"checkpoints": "1m"}])
    def test_other_sql_is_no_other_pod(self, changes: dict[str, Any]) -> None:
        for role in ("manager", "tasks"):
            assert rendered(role) == rendered(role, **changes)
        assert rendered("change") != rendered("change", **changes)

    def test_the_job_that_waits_knows_what_is_declared(self) -> None:
        env = {each["name"]: each["value"] for each in pod("change")["containers"][0]["env"]}
        assert rendered("config")["metadata"]["annotations"]["kafka-platform/plan"] == env["STREAM_PLAN"]
        assert rendered("change")["spec"]["backoffLimit"] == 0

    def test_the_last_message_of_a_pod_has_the_root_cause(self) -> None:
        lines = rendered("config")["data"]["log4j.properties"].splitlines()
        assert any(line.endswith("%m%n%notEmpty{%rEx{10}%n}") for line in lines)
        assert "appender.console.layout.alwaysWriteExceptions = false" in lines
        assert pod("manager")["containers"][0]["terminationMessagePolicy"] == "FallbackToLogsOnError"

    def test_it_may_use_its_own_config_maps_alone(self) -> None:
        create, own, declared = rendered("role")["rules"]
        assert create["verbs"] == ["create"]
        assert len(own["resourceNames"]) == 3
        assert all(each.startswith("stream-minutes-") for each in own["resourceNames"])
        assert (declared["resourceNames"], declared["verbs"]) == (["stream-minutes-config"], ["get"])
        assert {each["resources"][0] for each in (create, own, declared)} == {"configmaps"}

    def test_only_its_own_pods_reach_flink(self) -> None:
        inside, metrics = rendered("network")["spec"]["ingress"]
        assert inside["from"] == [{"podSelector": {"matchLabels": settings().own}}]
        assert {each["port"] for each in inside["ports"]} == {6121, 6122, 6123, 6124, 8081}
        assert [each["port"] for each in metrics["ports"]] == [9404]
        out = rendered("network", api_ports=[16443])["spec"]["egress"]
        assert {each["ports"][0]["port"] for each in out[3:]} == {9092, 8080, 16443}


class TestScript:
    def test_no_secret_is_in_it(self) -> None:
        text = json.dumps([each.manifest for each in objects(settings())])
        assert (
            re.findall(r'password=\\+"([^"\\]*)', text) == ["${directory:/etc/kafka-platform/credentials:password}"] * 2
        )
        assert "${directory:/etc/kafka-platform/credentials:password}" in script()

    def test_only_topics_that_are_used_are_tables(self) -> None:
        assert re.findall("CREATE TABLE (`.*`) ", script()) == ["`it-s.sums`", "`orders`"]

    def test_sources_read_what_is_committed_and_sinks_write_once(self) -> None:
        sums, orders = script().split("CREATE TABLE")[1:]
        assert "'sink.delivery-guarantee' = 'exactly-once'" in sums
        assert "'sink.transactional-id-prefix' = 'stream-minutes.it-s.sums'" in sums
        assert "'key.fields' = 'id'" in sums
        assert "'scan.startup.mode' = 'earliest-offset'" in orders
        assert "'properties.isolation.level' = 'read_committed'" in orders
        assert "sink." not in orders
        assert "scan." not in sums

    def test_the_time_of_a_record(self) -> None:
        sums, orders = script().split("CREATE TABLE")[1:]
        assert "`event_time` AS TO_TIMESTAMP_LTZ(`at`, 3)" in orders
        assert "`event_time` - INTERVAL '0 00:01:30.000' DAY TO SECOND(3)" in orders
        assert "METADATA FROM 'timestamp' VIRTUAL" in sums

    def test_its_statements_are_one_job(self) -> None:
        sql = f"CREATE TEMPORARY VIEW v AS SELECT * FROM orders; {SQL}; INSERT INTO `it-s.sums` SELECT id, 1 FROM v"
        text = script(sql=sql)
        assert (
            text.index("CREATE TEMPORARY VIEW") < text.index("EXECUTE STATEMENT SET BEGIN") < text.index("INSERT INTO")
        )
        assert text.endswith("END;\n")

    def test_quotes_in_names_end_nothing(self) -> None:
        assert (identifier("a`b"), literal("it's")) == ("`a``b`", "'it''s'")
        table = StreamTable(columns=["id STRING"])
        assert "``" not in script(tables={"orders": table, "it-s.sums": StreamTable(columns=["id STRING", "n BIGINT"])})

    def test_authority_and_plain_kafka(self) -> None:
        tls = replace(CONNECTION, security_protocol="SASL_SSL", ca_secret="authority")
        assert "'properties.ssl.truststore.type' = 'PEM'" in script(connection=tls)
        none = replace(CONNECTION, security_protocol="PLAINTEXT", sasl_mechanism=None)
        assert "sasl" not in script(connection=none)
        assert "credentials" not in {each["name"] for each in pod("tasks", connection=none)["volumes"]}

    def test_options_of_tables_cannot_be_changed_by_hints(self) -> None:
        assert flink()["table.dynamic-table-options.enabled"] == "false"
        assert flink()["web.submit.enable"] == "false"


class TestChanges:
    def plan(self, **changes: Any) -> str:
        return str(rendered("config", **changes)["metadata"]["annotations"]["kafka-platform/plan"])

    @pytest.mark.parametrize(
        "changes",
        [
            {"sql": SQL.replace("COUNT(*)", "COUNT(id)")},
            {"slots": 2},
            {"checkpoints": "1m"},
            {"version": 2},
            {"tables": TABLES | {"orders": StreamTable(columns=["id STRING"])}},
        ],
    )
    def test_another_job_is_another_plan(self, changes: dict[str, Any]) -> None:
        assert self.plan() != self.plan(**changes)

    @pytest.mark.parametrize(
        "changes",
        [
            {"resources": {"memory": "2Gi"}},
            {"tables": TABLES | {"unused": StreamTable(columns=["other STRING"])}},
            {"sql": f"-- a comment\n{SQL} ;"},
        ],
    )
    def test_the_rest_is_not(self, changes: dict[str, Any]) -> None:
        assert self.plan() == self.plan(**changes)


def test_its_user_may_do_what_its_sql_says() -> None:
    user = stream_user("minutes", SQL, StreamJobSpec(tables=TABLES))
    assert (user.reads, user.writes) == (["orders"], ["it-s.sums"])
    assert (user.groups, user.transactions) == (["stream-minutes"], ["stream-minutes.*"])


def test_the_graph() -> None:
    made: list[StreamJob] = []
    args = StreamJobArgs(sql=SQL, tables=TABLES, connection=CONNECTION, store=STORE)
    found = run(lambda: made.append(StreamJob("minutes", args)))
    assert {name for name in found if "stack" not in name} == {
        "StreamJob minutes",
        "ServiceAccount stream-minutes-account",
        "Role stream-minutes-role",
        "RoleBinding stream-minutes-binding",
        "ConfigMap stream-minutes-config",
        "NetworkPolicy stream-minutes-network",
        "Deployment stream-minutes-tasks",
        "Deployment stream-minutes-manager",
        "Job stream-minutes-change",
    }
    assert value(made[0].deployment) == "stream-minutes-manager"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sql": "DROP TABLE orders"}, "sql: line 1, column 1: 'DROP' is no statement of a job"),
        ({"tables": {}}, "tables: missing: write the topics that the SQL reads and writes"),
        ({"tables": {"a b": {"columns": ["id STRING"]}}}, "tables: 'a b' is not a Kafka topic name"),
        (
            {"tables": {"orders": {"columns": ["id"]}}},
            "columns: 'id' has no type: write a name and a type, such as id STRING",
        ),
        (
            {"tables": {"orders": {"columns": ["event_time BIGINT"]}}},
            "columns: 'event_time' is a column of every table",
        ),
        ({"tables": {"orders": {"columns": ["id INT", "id INT"]}}}, "columns: 'id' is there twice: keep one of them"),
        ({"resources": {"memory": "512Mi"}}, "memory: 512Mi is too little for a TaskManager: use at least 768Mi"),
        (
            {
                "connection": replace(
                    CONNECTION, sasl_mechanism="OAUTHBEARER", oauth_token_url="https://id.example.com/t"
                )
            },
            "connection: clients log in with",
        ),
    ],
)
def test_a_misuse_names_the_field(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        StreamJobArgs(**(ARGS | given))


def test_a_stack_has_a_user_a_key_and_a_monitor_for_each() -> None:
    raw = {**EMBEDDED, **{key: COMMON[key] for key in ("topics", "tenants", "streams", "storage")}, "prometheus": {}}
    found = run(lambda: Platform(parse(raw), KUBECONFIG) and None)
    assert "StreamJob minutes" in found
    assert "Secret object-store-stream-minutes-storage" in found
    [monitor] = [name for name in found if name.startswith("PodMonitor") and name.endswith("stream-minutes")]
    assert found[monitor]
    policy = json.loads(found["ConfigMap object-store-config"].inputs["data"]["store.json"])["policy"]
    own = [each for each in policy["Statement"] if each["Principal"]["AWS"] == ["stream-minutes"]]
    assert own[0]["Resource"] == ["arn:aws:s3:::platform/streams/minutes/*"]


def test_a_store_that_is_there() -> None:
    storage = {"endpoint": "https://s3.example.com", "bucket": "acme", "region": "eu-central-1", "secret": "s3"}
    raw = {**EMBEDDED, **{key: COMMON[key] for key in ("topics", "tenants", "streams")}, "storage": storage}
    found = run(lambda: Platform(parse(raw), KUBECONFIG) and None)
    assert not [name for name in found if name.startswith("ObjectStore")]
    config = yaml.safe_load(found["ConfigMap stream-minutes-config"].inputs["data"]["config.yaml"])
    assert config["s3.endpoint"] == "https://s3.example.com"
    assert config["execution.checkpointing.savepoint-dir"] == "s3://acme/streams/minutes/savepoints"
    env = found["Deployment stream-minutes-tasks"].inputs["spec"]["template"]["spec"]["containers"][0]["env"]
    assert env[0]["valueFrom"]["secretKeyRef"]["name"] == "s3"


def test_a_topic_with_a_schema_of_another_language_is_refused(tmp_path: Path) -> None:
    (tmp_path / "streams").mkdir()
    (tmp_path / "streams" / "minutes.sql").write_text(
        "INSERT INTO `orders-by-minute` SELECT customer, event_time, 1, 1 FROM orders"
    )
    (tmp_path / "order.json").write_text('{"type": "object"}')
    topics = {"orders": {"value": "order.json"}, "orders-by-minute": {}}
    raw = {
        **EMBEDDED,
        **{key: COMMON[key] for key in ("tenants", "streams", "storage")},
        "topics": topics,
        "registry": {},
    }
    with pytest.raises(SettingsError, match=r"tables\.orders: has a schema that is not in Avro"):
        parse(raw, tmp_path)
