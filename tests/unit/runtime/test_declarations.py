import json
from typing import Any

import pytest
from kafka_platform_runtime.failures import Refused
from kafka_platform_runtime.provisioner.declarations import (
    Acl,
    Operation,
    Pattern,
    Quota,
    Resource,
    Topic,
    User,
)
from kafka_platform_runtime.provisioner.parsing import parse, read


def faults_of(files: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        parse({name: value if isinstance(value, str) else json.dumps(value) for name, value in files.items()})
    return refused.value.faults


def test_a_topic_is_read_and_written_as_it_is() -> None:
    value = {"partitions": 24, "replicas": 3, "config": {"retention.ms": "2592000000"}, "deletion": "allow"}
    topic = parse({"topic.orders.eu": json.dumps(value)}).topics["orders.eu"]
    assert topic == Topic(
        name="orders.eu", partitions=24, replicas=3, config={"retention.ms": "2592000000"}, deletion_allowed=True
    )
    assert topic.key == "topic.orders.eu"
    assert topic.value() == value


def test_a_user_is_read_and_written_as_it_is() -> None:
    value = {
        "acls": [
            {"resource": "cluster", "name": "kafka-cluster", "pattern": "literal", "operations": ["DESCRIBE"]},
            {"resource": "topic", "name": "orders", "pattern": "literal", "operations": ["DESCRIBE", "WRITE"]},
        ],
        "passwordVersion": 2,
        "quotas": {"producer_byte_rate": 20000000, "request_percentage": 50.5},
    }
    user = parse({"user.alice": json.dumps(value)}).users["alice"]
    assert user.value() == value
    assert user.quotas == {Quota.PRODUCER_BYTE_RATE: 20000000, Quota.REQUEST_PERCENTAGE: 50.5}
    assert Acl(resource=Resource.TOPIC, name="orders", pattern=Pattern.LITERAL, operation=Operation.WRITE) in user.acls


def test_what_is_empty_is_omitted() -> None:
    assert Topic(name="a", partitions=1, replicas=1).value() == {"partitions": 1, "replicas": 1}
    assert User(name="a").value() == {"passwordVersion": 1}


def test_all_faults_are_told_together() -> None:
    faults = faults_of(
        {
            "topic.a": "{",
            "topic.b": {"partitions": 0, "replicas": None},
            "user.c": {"passwordVersion": "x"},
            "other": {},
        }
    )
    assert len(faults) == 5
    assert faults[0] == "other: is not a known kind of declaration: name it topic.<name> or user.<name>"
    assert faults[1].startswith("topic.a: is not JSON")
    assert faults[2] == "topic.b: partitions: 0 is not a whole number of at least 1"
    assert faults[3] == "topic.b: replicas: null is not a whole number of at least 1"
    assert faults[4] == 'user.c: passwordVersion: "x" is not a whole number of at least 0'


GOOD_TOPIC = {"partitions": 1, "replicas": 1}
GOOD_ACL = {"resource": "topic", "name": "a", "operations": ["READ"]}


@pytest.mark.parametrize(
    ("file", "value", "fault"),
    [
        ("topic.a b", GOOD_TOPIC, "topic.a b: name: 'a b' is not a topic name"),
        ("topic." + "a" * 250, GOOD_TOPIC, "is not a topic name: use up to 249"),
        ("topic...", GOOD_TOPIC, "is not a topic name"),
        ("topic._kafka-platform-ledger", GOOD_TOPIC, "is an internal topic"),
        ("topic.__consumer_offsets", GOOD_TOPIC, "is an internal topic"),
        ("topic.a", [], "topic.a: is not a JSON object"),
        ("topic.a", {**GOOD_TOPIC, "partitions": True}, "partitions: true is not a whole number"),
        ("topic.a", {**GOOD_TOPIC, "partitions": 1.5}, "partitions: 1.5 is not a whole number"),
        ("topic.a", {**GOOD_TOPIC, "config": {"retention.ms": 5}}, 'config.retention.ms: 5 is not text: write "5"'),
        ("topic.a", {**GOOD_TOPIC, "config": []}, "config: is not a JSON object"),
        ("topic.a", {**GOOD_TOPIC, "deletion": "yes"}, "deletion: 'yes' is not known: write 'allow'"),
        ("topic.a", {**GOOD_TOPIC, "replica": 3}, "replica: is not known: use partitions, replicas, config, deletion"),
        ("user.a", {"name": "*"}, 'user.a: name: "*" is not a user name: use up to 249 printable characters, not *'),
        ("user.a", {"name": "a\nb"}, 'name: "a\\nb" is not a user name'),
        ("user.a", {"auth": "scram"}, 'auth: "scram" is not known: write '),
        ("user.a", {"acls": {}}, "acls: is not a list"),
        ("user.a", {"acls": ["x"]}, "acls[0]: is not a JSON object"),
        ("user.a", {"acls": [{**GOOD_ACL, "resource": "queue"}]}, 'acls[0].resource: "queue" is not known'),
        ("user.a", {"acls": [{**GOOD_ACL, "pattern": "regex"}]}, 'acls[0].pattern: "regex" is not known'),
        ("user.a", {"acls": [{**GOOD_ACL, "name": ""}]}, 'acls[0].name: "" is not a name'),
        ("user.a", {"acls": [{**GOOD_ACL, "operations": []}]}, "acls[0].operations: is not a list of at least one"),
        ("user.a", {"acls": [{**GOOD_ACL, "operations": ["read"]}]}, 'acls[0].operations: "read" is not known'),
        ("user.a", {"acls": [{**GOOD_ACL, "host": "*"}]}, "acls[0].host: is not known"),
        ("user.a", {"acls": [{**GOOD_ACL, "resource": "cluster"}]}, "acls[0].name: 'a' is not the cluster"),
        ("user.a", {"quotas": {"bytes": 1}}, 'quotas.bytes: "bytes" is not known: use one of producer_byte_rate'),
        ("user.a", {"quotas": {"producer_byte_rate": 0}}, "quotas.producer_byte_rate: 0 is not a number above 0"),
        ("user.a", {"password": "x"}, "password: is not known"),
    ],
)
def test_a_fault_names_the_declaration_the_field_and_the_fix(file: str, value: Any, fault: str) -> None:
    faults = faults_of({file: value})
    assert len(faults) == 1
    assert fault in faults[0]


def test_topics_that_kafka_takes_for_the_same_are_refused() -> None:
    (fault,) = faults_of({"topic.a.b": GOOD_TOPIC, "topic.a_b": GOOD_TOPIC})
    assert fault.startswith("topic.a_b: name: differs from topic 'a.b' only by '.' and '_'")


def test_a_mounted_folder_has_hidden_entries(tmp_path: Any) -> None:
    hidden = tmp_path / "..2026_01_01"
    hidden.mkdir()
    (hidden / "topic.a").write_text(json.dumps(GOOD_TOPIC))
    (tmp_path / "..data").symlink_to(hidden)
    (tmp_path / "topic.a").symlink_to(tmp_path / "..data" / "topic.a")
    assert list(read(tmp_path).topics) == ["a"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Any) -> None:
    with pytest.raises(Refused, match=r"DECLARATIONS_DIR: .* cannot be read"):
        read(tmp_path / "nowhere")


def test_the_word_to_adopt_is_true_or_left_out() -> None:
    topic = {"partitions": 1, "replicas": 1, "adopt": True}
    found = parse({"topic.orders": json.dumps(topic), "user.app": '{"adopt": true}'})
    assert found.topics["orders"].value() == topic
    assert found.users["app"].value() == {"passwordVersion": 1, "adopt": True}
    with pytest.raises(Refused, match=r'user\.app: adopt: "yes" is not known: write true, or omit it'):
        parse({"user.app": '{"adopt": "yes"}'})


def test_a_user_may_be_called_what_no_file_can_be() -> None:
    found = parse({"user.cn-app-1234567890": '{"name": "CN=app,O=Acme", "auth": "custom"}'}).users
    user = found["CN=app,O=Acme"]
    assert (user.key, user.password_file, user.custom) == ("user.CN=app,O=Acme", "cn-app-1234567890", True)
    assert user.value() == {"passwordVersion": 1, "auth": "custom"}
    faults = faults_of({"user.a": {"name": "b"}, "user.b": {}})
    assert faults == ("user.b: name: 'b' is declared twice: keep one",)
