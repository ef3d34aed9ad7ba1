"""Who reads what is at risk."""

import json
from pathlib import Path
from typing import Any

import pytest
from kafka_platform import Compatibility, Subject
from kafka_platform.schemas.objects import declarations

from infra.__main__ import main
from infra.review import command
from infra.review.changes import Change, Preview
from infra.review.readers import Known
from infra.review.report import review
from tests.unit.review.objects import change, made, said

READER = {"acls": [{"resource": "topic", "name": "orders", "operations": ["READ", "DESCRIBE"]}]}
WIDE = {"acls": [{"resource": "topic", "name": "ord", "pattern": "prefixed", "operations": ["ALL"]}]}
OTHER = {"acls": [{"resource": "topic", "name": "ord", "operations": ["READ"]}]}
WRITER = {"acls": [{"resource": "topic", "name": "orders", "operations": ["WRITE", "DESCRIBE"]}]}
USERS = {"user.fraud": READER, "user.lake": WIDE, "user.no": OTHER, "user.writer": WRITER}


def topic(retention: int = 1_000) -> dict[str, Any]:
    return {"topic.orders": {"partitions": 3, "config": {"retention.ms": str(retention)}}}


def declared(content: dict[str, Any], name: str = "kafka-declarations") -> dict[str, Any]:
    data = {key: json.dumps(each) for key, each in content.items()}
    return made(name, metadata={"labels": {"app.kubernetes.io/component": "provisioner"}}, data=data)


def changed(before: dict[str, Any], after: dict[str, Any]) -> Change:
    return change("ConfigMap", declared(before), declared(after))


def test_a_shorter_retention_names_who_reads() -> None:
    [line] = said(changed(topic(5_000) | USERS, topic() | USERS))["Data at risk"]
    assert line.endswith("records older than 1s become deletable: read by `user fraud`, `user lake`")


def test_a_longer_one_does_not() -> None:
    [line] = said(changed(topic() | USERS, topic(5_000) | USERS))["Capacity"]
    assert line == "topic `orders`: retention 1s -> 5s"


def test_who_reads_a_removed_topic_is_who_read_it() -> None:
    found = said(changed(topic() | USERS, {"user.lake": WIDE}))
    assert found["Data at risk"] == [
        "topic `orders`: no longer declared; it stays in Kafka with its records: read by `user fraud`, `user lake`"
    ]


def test_who_no_longer_reads_a_topic_is_not_named() -> None:
    found = said(changed(topic(5_000) | USERS, topic() | {"user.lake": WIDE}))
    assert found["Data at risk"][0].endswith(": read by `user lake`")


def test_users_of_strimzi_count_too_though_nothing_changes_of_them() -> None:
    acl = {"resource": {"type": "topic", "name": "orders"}, "operations": ["Read"]}
    denied = acl | {"type": "deny"}
    labels = {"metadata": {"labels": {"strimzi.io/cluster": "kafka"}}}
    users = [
        made(name, {"authorization": {"acls": [each]}}, **labels) for name, each in (("fraud", acl), ("no", denied))
    ]
    topics = [made("orders", {"partitions": 3, "config": {"retention.ms": each}}, **labels) for each in (5_000, 1_000)]
    found = said(change("KafkaTopic", *topics), *(change("KafkaUser", each, each) for each in users))
    assert found["Data at risk"][0].endswith("become deletable: read by `user fraud`")


def test_a_changed_schema_names_who_reads_the_topic() -> None:
    before, after = (
        declarations({"orders-value": Subject(schema=each)}, Compatibility.BACKWARD) for each in ('"string"', '"bytes"')
    )
    schemas = [
        made("kafka-schemas", metadata={"labels": {"app.kubernetes.io/component": "registrar"}}, data=each)
        for each in (before, after)
    ]
    found = said(change("ConfigMap", *schemas), changed(topic() | USERS, topic() | USERS))
    assert found["Data at risk"] == [
        "schema `orders-value`: its schema changes (`backward`): update readers before writers: "
        "read by `user fraud`, `user lake`"
    ]


def test_many_readers_are_counted() -> None:
    users = {f"user.u{each:03}": READER for each in range(500)}
    [line] = said(changed(topic(5_000) | users, topic() | users))["Data at risk"]
    assert line.endswith("`user u007` and 492 more")


def test_programs_have_their_names_from_the_stack_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Pulumi.reach.yaml").write_text(
        "config:\n  kafka-platform:platform:\n    topics: {orders: {tenant: shop}}\n"
        "    tenants: {shop: {users: {api: {reads: [orders]}}}}\n"
        "    workers: {fraud: {image: 'example.com/fraud:1', tenant: shop, reads: [orders]}}\n"
        "    jobs: {lake: {image: 'example.com/lake:1', tenant: shop, schedule: '0 3 * * *', reads: [orders]}}\n"
    )
    monkeypatch.setattr(command, "STACKS", tmp_path)
    preview = tmp_path / "preview.json"
    users = {"user.fraud": READER, "user.lake": READER, "user.api": READER}
    states = [{"inputs": declared(each | users)} for each in (topic(5_000), topic())]
    urn = "urn:pulumi:reach::kafka-platform::kubernetes:core/v1:ConfigMap::kafka-declarations"
    steps = [{"op": "update", "urn": urn, "oldState": states[0], "newState": states[1]}]
    preview.write_text(json.dumps({"steps": steps}))
    assert main(["review", "reach", "--preview", str(preview)]) == command.SECOND_LOOK
    assert "read by `job lake (0 3 * * *)`, `user api`, `worker fraud` (tenant `shop`)\n" in capsys.readouterr().out


def test_a_name_is_shown_as_it_is() -> None:
    found = review(
        "s",
        Preview(changes=(changed(topic(5_000) | USERS, topic() | USERS),)),
        known=Known(called={"fraud": "a`b\n# c"}),
    )
    assert found.lines[0].text.endswith("read by `a'b # c`, `user lake`")


def test_a_change_says_whose_topic_and_user_it_is() -> None:
    after = topic() | USERS | {"user.writer": {"acls": [*WRITER["acls"], *READER["acls"]]}}
    known = Known(topics={"orders": "shop"}, users={"writer": "crm"})
    found = review("s", Preview(changes=(changed(topic(5_000) | USERS, after),)), known=known).lines
    assert [(each.what, each.text[-15:]) for each in found] == [
        ("topic", "(tenant `shop`)"),
        ("user", " (tenant `crm`)"),
    ]
