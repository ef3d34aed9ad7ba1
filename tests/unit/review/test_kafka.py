"""Topics and users: the same sentences from the provisioner's declarations and from Strimzi's resources."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from infra.review.changes import Change
from tests.unit.review.objects import change, made, said

DAY = 86_400_000
PROVISIONER = {"labels": {"app.kubernetes.io/component": "provisioner"}}
Side = dict[str, Any] | None


def embedded(kind: str, before: Side, after: Side) -> Change:
    """A declaration of a topic or a user as the provisioner reads it."""
    key = f"{kind}.it"
    sides = [
        made("kafka-declarations", metadata=PROVISIONER, data={} if side is None else {key: json.dumps(side)})
        for side in (before, after)
    ]
    return change("ConfigMap", *sides)


def strimzi(kind: str, before: Side, after: Side) -> Change:
    """The same as a custom resource."""
    if kind == "topic":
        return change("KafkaTopic", *(None if side is None else _kafka_topic(side) for side in (before, after)))
    return change("KafkaUser", *(None if side is None else _kafka_user(side) for side in (before, after)))


def _kafka_topic(side: Mapping[str, Any]) -> dict[str, Any]:
    spec = {key: side[key] for key in ("partitions", "replicas", "config") if key in side}
    managed = {} if side.get("deletion") == "allow" else {"annotations": {"strimzi.io/managed": "false"}}
    return made("it", spec, metadata=managed)


def _kafka_user(side: Mapping[str, Any]) -> dict[str, Any]:
    words = {"READ": "Read", "WRITE": "Write", "DESCRIBE": "Describe", "ALTER": "Alter", "ALL": "All"}
    quotas = {"producer_byte_rate": "producerByteRate", "consumer_byte_rate": "consumerByteRate"}
    acls = []
    for acl in side.get("acls", []):
        resource = {"type": acl["resource"]}
        if acl["resource"] != "cluster":
            pattern = "prefix" if acl["pattern"] == "prefixed" else "literal"
            resource |= {"name": acl["name"], "patternType": pattern}
        acls.append({"resource": resource, "operations": [words[each] for each in acl["operations"]]})
    spec: dict[str, Any] = {"authentication": {"type": "scram-sha-512"}}
    if acls:
        spec["authorization"] = {"type": "simple", "acls": acls}
    if "quotas" in side:
        spec["quotas"] = {quotas[key]: value for key, value in side["quotas"].items()}
    return made("it", spec)


ENGINES = pytest.mark.parametrize("engine", [embedded, strimzi])


def acl(resource: str, name: str, *operations: str, pattern: str = "literal") -> dict[str, Any]:
    return {"resource": resource, "name": name, "pattern": pattern, "operations": list(operations)}


def topic(**config: str) -> dict[str, Any]:
    return {"partitions": 6, "replicas": 3, "config": {key.replace("_", "."): value for key, value in config.items()}}


TOPICS: dict[str, tuple[Side, Side, dict[str, list[str]]]] = {
    "shorter retention": (
        topic(retention_ms=str(30 * DAY)),
        topic(retention_ms=str(7 * DAY)),
        {"Data at risk": ["! topic `it`: retention 30d -> 7d: records older than 7d become deletable"]},
    ),
    "longer retention": (
        topic(retention_ms=str(DAY)),
        topic(retention_ms=str(36 * 3_600_000)),
        {"Capacity": ["topic `it`: retention 1d -> 1d12h"]},
    ),
    "no end of retention": (
        topic(retention_ms="-1"),
        topic(retention_ms="1500"),
        {"Data at risk": ["! topic `it`: retention forever -> 1s500ms: records older than 1s500ms become deletable"]},
    ),
    "an unknown default": (
        topic(retention_ms=str(DAY)),
        topic(),
        {"Data at risk": ["! topic `it`: retention 1d -> the cluster's default: records may become deletable"]},
    ),
    "a smaller size": (
        topic(retention_bytes="-1"),
        topic(retention_bytes=str(10 * 2**30)),
        {
            "Data at risk": [
                "! topic `it`: retention size unlimited -> 10Gi: the oldest records beyond it become deletable"
            ]
        },
    ),
    "compacted topic becomes a deleting one": (
        topic(cleanup_policy="compact"),
        topic(cleanup_policy="delete"),
        {
            "Data at risk": [
                "! topic `it`: cleanup compact -> delete: records older than the retention become deletable"
            ]
        },
    ),
    "fewer replicas": (
        {"partitions": 6, "replicas": 3},
        {"partitions": 6, "replicas": 2},
        {"Data at risk": ["! topic `it`: replicas 3 -> 2: fewer copies of each record"]},
    ),
    "fewer partitions": (
        {"partitions": 6, "replicas": 3},
        {"partitions": 4, "replicas": 3},
        {
            "Data at risk": [
                "! topic `it`: partitions 6 -> 4: Kafka cannot take partitions away: this is refused, or the topic has "
                "to be made anew"
            ]
        },
    ),
    "more partitions": (
        {"partitions": 6, "replicas": 3},
        {"partitions": 12, "replicas": 3},
        {
            "Capacity": [
                "! topic `it`: partitions 6 -> 12: records of a key go to another partition from now on, for good"
            ]
        },
    ),
    "more partitions of a compacted topic": (
        {"partitions": 6, "replicas": 3, "config": {"cleanup.policy": "compact"}},
        {"partitions": 12, "replicas": 3, "config": {"cleanup.policy": "compact"}},
        {
            "Data at risk": [
                "! topic `it`: partitions 6 -> 12: records of a key go to another partition from now on, for good, and the old "
                "ones of a compacted topic stay where they are"
            ]
        },
    ),
    "fewer copies needed": (
        topic(min_insync_replicas="2"),
        topic(min_insync_replicas="1"),
        {"Data at risk": ["! topic `it`: min in-sync replicas 2 -> 1: a record counts as written with fewer copies"]},
    ),
    "lagging leaders": (
        topic(),
        topic(unclean_leader_election_enable="true"),
        {
            "Data at risk": [
                "! topic `it`: unclean.leader.election.enable default -> true: a copy that lags may lead, and what it "
                "lacks is lost"
            ]
        },
    ),
    "another setting": (
        topic(),
        topic(compression_type="zstd"),
        {"Other": ["topic `it`: `compression.type`: default -> `zstd`"]},
    ),
    "removed with its records": (
        {"partitions": 1, "replicas": 1, "deletion": "allow"},
        None,
        {"Data at risk": ["! topic `it`: removed, and its records are deleted"]},
    ),
    "removed, kept in Kafka": (
        {"partitions": 1, "replicas": 1},
        None,
        {"Data at risk": ["topic `it`: no longer declared; it stays in Kafka with its records"]},
    ),
    "deletion allowed": (
        {"partitions": 1, "replicas": 1},
        {"partitions": 1, "replicas": 1, "deletion": "allow"},
        {"Data at risk": ["! topic `it`: deletion is allowed: removing it later deletes its records"]},
    ),
    "new": (
        None,
        topic(retention_ms=str(7 * DAY)),
        {"Capacity": ["topic `it`: new: 6 partitions, 3 replicas, retention 7d"]},
    ),
}


@ENGINES
@pytest.mark.parametrize("case", TOPICS)
def test_topics(engine: Any, case: str) -> None:
    before, after, lines = TOPICS[case]
    assert said(engine("topic", before, after)) == lines


USERS: dict[str, tuple[Side, Side, dict[str, list[str]]]] = {
    "new": (
        None,
        {
            "acls": [
                acl("topic", "orders", "WRITE", "DESCRIBE"),
                acl("group", "shop-", "READ", "DESCRIBE", pattern="prefixed"),
            ]
        },
        {"Access": ["user `it`: new: may join groups `shop-*`; write `orders`"]},
    ),
    "may do more": (
        {"acls": [acl("topic", "orders", "WRITE", "DESCRIBE")]},
        {"acls": [acl("topic", "orders", "WRITE", "DESCRIBE"), acl("topic", "customers", "READ", "DESCRIBE")]},
        {"Access": ["user `it`: may now read `customers`"]},
    ),
    "may do less": (
        {"acls": [acl("topic", "orders", "READ", "WRITE")]},
        {"acls": [acl("topic", "orders", "READ")]},
        {"Access": ["user `it`: may no longer write `orders`"]},
    ),
    "may read everything": (
        {},
        {"acls": [acl("topic", "*", "READ")]},
        {"Access": ["! user `it`: may now read `*`"]},
    ),
    "may change the cluster": (
        {},
        {"acls": [acl("cluster", "kafka-cluster", "ALTER")]},
        {
            "Access": [
                "! user `it`: may now ALTER on cluster `kafka-cluster`",
                "! user `it`: may change everybody's rights and passwords",
            ]
        },
    ),
    "may do everything on the cluster": (
        {},
        {"acls": [acl("cluster", "kafka-cluster", "ALL")]},
        {
            "Access": [
                "! user `it`: may now ALL on cluster `kafka-cluster`",
                "! user `it`: may do everything on the cluster, so also give itself every other right",
            ]
        },
    ),
    "may read what is internal": (
        {},
        {"acls": [acl("topic", "_kafka", "READ", pattern="prefixed")]},
        {"Access": ["! user `it`: may now read `_kafka*`", "! user `it`: may read internal topics"]},
    ),
    "may read what begins with a letter": (
        {},
        {"acls": [acl("topic", "a", "READ", pattern="prefixed")]},
        {"Access": ["! user `it`: may now read `a*`"]},
    ),
    "may look at the cluster": (
        {},
        {"acls": [acl("cluster", "kafka-cluster", "DESCRIBE")]},
        {"Access": ["user `it`: may now DESCRIBE on cluster `kafka-cluster`"]},
    ),
    "may delete a topic": (
        {},
        {"acls": [acl("topic", "orders", "ALL")]},
        {"Access": ["! user `it`: may now ALL on topic `orders`"]},
    ),
    "removed": (
        {"acls": []},
        None,
        {"Access": ["! user `it`: removed: can no longer log in, and if it comes back it has a new password"]},
    ),
    "quotas": (
        {"quotas": {"producer_byte_rate": 20_000_000, "consumer_byte_rate": 1024}},
        {"quotas": {"producer_byte_rate": 10_000_000}},
        {
            "Capacity": [
                "! user `it`: quota consume: 1Ki/s -> no limit",
                "user `it`: quota produce: 20MB/s -> 10MB/s",
            ]
        },
    ),
}


@ENGINES
@pytest.mark.parametrize("case", USERS)
def test_users(engine: Any, case: str) -> None:
    before, after, lines = USERS[case]
    assert said(engine("user", before, after)) == lines


def test_topics_that_the_engine_keeps() -> None:
    """How this platform keeps a KafkaTopic: its resource goes and the object stays."""
    kept = made("it", {"partitions": 1, "replicas": 3})
    assert said(change("KafkaTopic", None, kept, retained_after=True)) == {
        "Capacity": ["topic `it`: new: 1 partition, 3 replicas"]
    }
    assert said(change("KafkaTopic", kept, None, retained=True)) == {
        "Data at risk": ["topic `it`: no longer declared; it stays in Kafka with its records"]
    }
    assert said(change("KafkaTopic", kept, kept, retained=True)) == {
        "Data at risk": ["! topic `it`: deletion is allowed: removing it later deletes its records"]
    }


def test_a_new_password() -> None:
    found = said(embedded("user", {"passwordVersion": 1}, {"passwordVersion": 2}))
    assert found == {"Access": ["user `it`: gets a new password: its applications have to read it again"]}


def test_taking_over_what_exists_needs_a_second_look_and_so_does_its_end() -> None:
    adopted, own = {"passwordVersion": 1, "adopt": True}, {"passwordVersion": 1}
    begins = "! user `it`: is taken over if it exists: what is not declared of it stays"
    assert said(embedded("user", None, adopted))["Access"] == [begins, "user `it`: new: may do nothing yet"]
    assert said(embedded("user", adopted, own))["Access"][0].startswith(
        "! user `it`: is no longer one that was taken over"
    )
    assert said(embedded("user", adopted, None))["Access"] == [
        "! user `it`: no longer declared: it was taken over, and keeps its password and its rights"
    ]
    found = said(embedded("topic", None, {"partitions": 3, "replicas": 3, "adopt": True}))
    assert found["Data at risk"] == ["! topic `it`: is taken over if it exists, and changed to what is declared"]


def test_a_denying_rule() -> None:
    denying = {"type": "deny", "resource": {"type": "topic", "name": "orders"}, "operations": ["Read"]}
    with_it = made("it", {"authorization": {"type": "simple", "acls": [denying]}})
    assert said(change("KafkaUser", made("it", {}), with_it)) == {
        "Access": ["user `it`: may now (denied) read `orders`"]
    }
    # What was denied is not any more: that opens a door.
    assert said(change("KafkaUser", with_it, made("it", {})))["Access"][0].startswith("! ")


def test_the_default_is_known_from_the_brokers() -> None:
    brokers = made(
        "kafka-config",
        metadata={"labels": {"app.kubernetes.io/component": "broker"}},
        data={"cluster.properties": f"log.retention.ms={7 * DAY}\n"},
    )
    shorter = embedded("topic", topic(retention_ms=str(30 * DAY)), topic())
    longer = embedded("topic", topic(retention_ms=str(DAY)), topic())
    same = change("ConfigMap", brokers, brokers)
    assert said(shorter, same) == {
        "Data at risk": ["! topic `it`: retention 30d -> 7d (the default): records older than 7d become deletable"]
    }
    assert said(longer, same) == {"Capacity": ["topic `it`: retention 1d -> 7d (the default)"]}


def test_a_renamed_topic() -> None:
    declared = '{"partitions":6,"replicas":3,"config":{"cleanup.policy":"compact"}}'
    before = made("kafka-declarations", metadata=PROVISIONER, data={"topic.orders": declared})
    after = made("kafka-declarations", metadata=PROVISIONER, data={"topic.sales": declared})
    assert said(change("ConfigMap", before, after))["Data at risk"] == [
        "! topic `orders`: looks renamed to `sales`: that is a new, empty topic, and the records stay in `orders`",
        "topic `orders`: no longer declared; it stays in Kafka with its records",
    ]


def test_declarations_that_go_leave_kafka_as_it_is() -> None:
    before = made(
        "kafka-declarations", metadata=PROVISIONER, data={"topic.orders": '{"partitions":1,"deletion":"allow"}'}
    )
    assert said(change("ConfigMap", before, None)) == {
        "Data at risk": [
            "! declarations `kafka-declarations`: no longer managed: topics and users stay in Kafka as they are"
        ]
    }


def test_declarations_that_cannot_be_read_are_still_seen_to_change() -> None:
    before = made("kafka-declarations", metadata=PROVISIONER, data="[secret]")
    after = made("kafka-declarations", metadata=PROVISIONER, data={"topic.orders": "not JSON"})
    assert said(change("ConfigMap", before, after)) == {"Other": ["ConfigMap `kafka-declarations`: updated: `data`"]}


def test_the_same_change_of_many_topics_is_one_line() -> None:
    keys = [f"topic.t{number:03}" for number in range(300)]
    before = made("d", metadata=PROVISIONER, data=dict.fromkeys(keys, '{"partitions":1,"replicas":2}'))
    after = made("d", metadata=PROVISIONER, data=dict.fromkeys(keys, '{"partitions":1,"replicas":3}'))
    [line] = said(change("ConfigMap", before, after))["Capacity"]
    assert line.startswith("topics (300) `t000`, `t001`, ")
    assert "`t019` and 280 more: replicas 2 -> 3" in line
