"""A log collector: what is rendered, what its pods and its user may do, and what is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from kafka_platform import (
    KafkaConnection,
    LogCollector,
    LogCollectorArgs,
    LogCollectorSpec,
    log_collector_user,
    log_topics,
)
from kafka_platform.logs.masks import SECRETS
from kafka_platform.logs.objects import LogSettings, objects
from kafka_platform.logs.spec import check_expression

from tests.unit.components.graph import run, value

CONNECTION = KafkaConnection(
    cluster="kafka",
    namespace="streaming",
    bootstrap_servers="kafka.streaming.svc:9092",
    security_protocol="SASL_SSL",
    sasl_mechanism="SCRAM-SHA-512",
    ca_secret="ca",
)


def spec(**changes: Any) -> LogCollectorSpec:
    return LogCollectorSpec(**{"namespaces": ["payments", "shop"]} | changes)


def rendered(made: LogCollectorSpec | None = None, **changes: Any) -> dict[str, dict[str, Any]]:
    given: dict[str, Any] = {
        "connection": CONNECTION,
        "namespace": "streaming",
        "secret": "log-collector-kafka",
    } | changes
    settings = LogSettings(name="log-collector", image="collector:1", spec=made or spec(), **given)
    return {each.role: each.manifest for each in objects(settings)}


def told(made: LogCollectorSpec | None = None, **changes: Any) -> dict[str, Any]:
    return json.loads(rendered(made, **changes)["config"]["data"]["config.yaml"])  # type: ignore[no-any-return]


def pod(**changes: Any) -> dict[str, Any]:
    return rendered(**changes)["pods"]["spec"]["template"]["spec"]  # type: ignore[no-any-return]


class TestPods:
    def test_they_read_the_machines_logs_and_write_only_what_is_their_own(self) -> None:
        volumes = {each["name"]: each for each in pod()["volumes"]}
        assert volumes["logs"]["hostPath"] == {"path": "/var/log/pods", "type": "Directory"}
        assert volumes["state"]["hostPath"]["path"] == "/var/lib/kafka-platform/streaming/log-collector"
        [container] = pod()["containers"]
        writable = [each["mountPath"] for each in container["volumeMounts"] if not each.get("readOnly")]
        assert writable == ["/var/lib/otelcol"]

    def test_root_has_no_capabilities_and_cannot_get_any(self) -> None:
        security = pod()["containers"][0]["securityContext"]
        assert security == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert pod()["securityContext"]["runAsUser"] == 0
        assert pod()["automountServiceAccountToken"] is False
        assert not pod().keys() & {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"}

    def test_two_stacks_of_one_cluster_share_no_positions(self) -> None:
        paths = {pod(namespace=each)["volumes"][2]["hostPath"]["path"] for each in ("one", "two")}
        assert len(paths) == 2

    def test_they_are_on_every_machine(self) -> None:
        assert pod()["tolerations"] == [{"operator": "Exists"}]

    def test_they_reach_names_and_kafka_alone_and_only_their_metrics_are_reached(self) -> None:
        policy = rendered(spec(metrics_namespaces=["monitoring"]))["network"]["spec"]
        assert policy["egress"][-1] == {"ports": [{"port": 9092, "protocol": "TCP"}]}
        assert all({each["port"] for each in rule.get("ports", [])} <= {53, 9092} for rule in policy["egress"])
        assert [each["ports"] for each in policy["ingress"]] == [[{"port": 9404, "protocol": "TCP"}]]

    def test_no_password_is_in_what_is_rendered(self) -> None:
        assert told()["exporters"]["kafka/shop"]["auth"]["sasl"]["password"] == (
            "${file:/etc/kafka-platform/credentials/password}"
        )


class TestFile:
    def test_only_the_named_namespaces_are_read_and_never_its_own_lines(self) -> None:
        receivers = told(spec(namespaces=["streaming", "shop"]))["receivers"]
        assert sorted(receivers) == ["file_log/shop", "file_log/streaming"]
        assert receivers["file_log/shop"]["include"][0] == "/var/log/pods/shop_*/*/*.log"
        assert "/var/log/pods/streaming_log-collector-*/*/*" in receivers["file_log/streaming"]["exclude"]

    def test_what_is_read_waits_on_disk_within_bounds_for_as_long_as_kafka_is_away(self) -> None:
        queue = told(spec(queue="8Mi"))["exporters"]["kafka/shop"]
        assert queue["sending_queue"]["queue_size"] == 8 * 2**20
        assert queue["sending_queue"]["storage"] == "file_storage/queues"
        assert queue["sending_queue"]["block_on_overflow"] is True
        assert queue["retry_on_failure"]["max_elapsed_time"] == 0
        assert queue["producer"]["required_acks"] == -1
        receiver = told()["receivers"]["file_log/shop"]
        assert receiver["storage"] == "file_storage/positions"
        assert receiver["retry_on_failure"]["max_elapsed_time"] == 0
        [container] = pod()["containers"]
        assert "--feature-gates=stanza.synchronousLogEmitter" in container["args"]

    def test_a_users_expression_is_filled_with_nothing(self) -> None:
        text = json.dumps(told(spec(mask=["a${env:KAFKA_SASL_USERNAME}$"], multiline={"shop": "b$x"})))
        assert "a$${env:KAFKA_SASL_USERNAME}$$" in text
        assert "b$$x" in text

    def test_secrets_are_masked_unless_the_file_says_otherwise(self) -> None:
        def masks(made: LogCollectorSpec) -> int:
            operators = told(made)["receivers"]["file_log/shop"]["operators"]
            return sum("[masked]" in each.get("replace_with", "") for each in operators)

        assert masks(spec()) == len(SECRETS)
        assert masks(spec(mask=["x+"])) == len(SECRETS) + 1
        assert masks(spec(mask_secrets=False)) == 0

    def test_certificates_take_the_place_of_a_password(self) -> None:
        connection = replace(CONNECTION, security_protocol="SSL", sasl_mechanism=None, client_certificates=True)
        exporter = told(connection=connection)["exporters"]["kafka/shop"]
        assert exporter["tls"]["cert_file"].endswith("/tls.crt")
        assert "auth" not in exporter


class TestKafka:
    def test_each_namespace_has_a_topic_with_bounds_or_all_have_one(self) -> None:
        found = log_topics(spec())
        assert sorted(found) == ["logs.payments", "logs.shop"]
        assert found["logs.shop"].kafka_config() == {"retention.bytes": str(10 * 2**30), "retention.ms": "259200000"}
        assert list(log_topics(spec(topic="logs"))) == ["logs"]

    def test_its_user_writes_these_topics_within_a_quota_and_reads_nothing(self) -> None:
        user = log_collector_user(spec(), "streaming")
        assert [(each.name, [one.value for one in each.operations]) for each in user.all_acls()] == [
            ("logs.payments", ["DESCRIBE", "WRITE"]),
            ("logs.shop", ["DESCRIBE", "WRITE"]),
        ]
        assert user.quotas is not None
        assert user.quotas.kafka_quotas() == {"producer_byte_rate": 10_000_000}


def test_its_children() -> None:
    found = run(lambda: LogCollector("logs", LogCollectorArgs(connection=CONNECTION, namespaces=["shop"])) and None)
    assert {"ConfigMap logs-config", "NetworkPolicy logs-network", "DaemonSet logs-pods"} <= set(found)
    assert value(found["LogCollector logs"].inputs.get("topics", ["logs.shop"])) == ["logs.shop"]


@pytest.mark.parametrize("expression", ["(?=a)", "(?<!a)b", r"(a)\1", "a++", "(", "a*", "", "x" * 501, "(?P=a)b"])
def test_an_expression_that_the_collector_would_refuse_or_that_is_everywhere_is_refused_before(expression: str) -> None:
    with pytest.raises(ValueError, match=r"expression|lack|matches nothing"):
        check_expression(expression)


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (lambda: spec(namespaces=[]), r"^namespaces: 0 namespaces: name 1 to 50"),
        (lambda: spec(namespaces=["*"]), r"^namespaces: '\*' is not a Kubernetes namespace"),
        (lambda: spec(namespaces=["a", "a"]), r"^namespaces: 'a' is listed twice"),
        (lambda: spec(namespaces=[f"n{each}" for each in range(51)]), r"^namespaces: 51 namespaces"),
        (lambda: spec(topic="logs/{namespace}"), r"^topic: 'logs/x' is not a Kafka topic name"),
        (lambda: spec(topic="logs.{pod}"), r"^topic: .* is not a Kafka topic name"),
        (lambda: spec(mask=["(?=a)b"]), r"^mask: .* which the collector's expressions \(RE2\) lack"),
        (lambda: spec(mask=["a"] * 51), r"^mask: 51 expressions"),
        (lambda: spec(multiline={"other": "x"}), r"^multiline.other: its lines are not collected"),
        (lambda: spec(multiline={"shop": "["}), r"^multiline: .* is no regular expression"),
        (lambda: spec(max_line="1Mi"), r"^max_line: '1Mi' is out of range: use 256 to 128Ki"),
        (lambda: spec(queue="1Ki"), r"^queue: '1Ki' is out of range: use 1Mi to 8Gi"),
        (lambda: spec(retention="1s"), r"^retention: '1s' is out of range"),
        (
            lambda: LogCollectorArgs(
                connection=replace(
                    CONNECTION, sasl_mechanism="OAUTHBEARER", oauth_token_url="https://login.example.com/token"
                ),
                namespaces=["shop"],
            ),
            r"^connection: clients log in with OAUTHBEARER, which the collector cannot",
        ),
    ],
)  # fmt: skip
def test_misuse(make_it: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_it()
