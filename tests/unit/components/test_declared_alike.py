"""The same topics and users, by the Job and by Strimzi's custom resources: one table of cases for both renderers."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from kafka_platform import Acl, AclResource, Cleanup, Login, Operation, Quotas, Topic, User
from kafka_platform.entities.declarations import topic_declaration, user_declaration
from kafka_platform.entities.settings import EntitySettings
from kafka_platform.entities.strimzi import (
    check_topic_update,
    object_name,
    objects,
    topic as strimzi_topic,
    user as strimzi_user,
)
from kafka_platform.kube.objects import Wait

from tests.strimzi_cases import connection

TOPICS: dict[str, tuple[Topic, dict[str, Any]]] = {
    "nothing-said": (Topic(), {"partitions": 1, "replicas": 3, "config": {}}),
    "everything-said": (
        Topic(
            partitions=24,
            replicas=2,
            min_insync_replicas=1,
            retention="30d",
            retention_size="10Gi",
            cleanup=Cleanup.COMPACT_DELETE,
            max_message_size="1MiB",
            config={"segment.ms": "60000"},
        ),
        {
            "partitions": 24,
            "replicas": 2,
            "config": {
                "cleanup.policy": "compact,delete",
                "max.message.bytes": "1048576",
                "min.insync.replicas": "1",
                "retention.bytes": "10737418240",
                "retention.ms": "2592000000",
                "segment.ms": "60000",
            },
        },
    ),
    "forever": (
        Topic(retention="forever", retention_size="unlimited"),
        {"partitions": 1, "replicas": 3, "config": {"retention.bytes": "-1", "retention.ms": "-1"}},
    ),
}
DESCRIBE_READ, DESCRIBE_WRITE = {"DESCRIBE", "READ"}, {"DESCRIBE", "WRITE"}
USERS: dict[str, tuple[User, dict[str, Any]]] = {
    "no-rights": (User(), {"acls": [], "quotas": {}}),
    "names": (
        User(writes=["orders"], reads=["orders"], groups=["app"], transactions=["tx"]),
        {
            "acls": [
                ("group", "app", "literal", DESCRIBE_READ),
                ("topic", "orders", "literal", {"DESCRIBE", "READ", "WRITE"}),
                ("transactionalId", "tx", "literal", DESCRIBE_WRITE),
            ],
            "quotas": {},
        },
    ),
    "prefixes": (
        User(writes=["a-*"], reads=["*"]),
        {
            "acls": [("topic", "*", "literal", DESCRIBE_READ), ("topic", "a-", "prefixed", DESCRIBE_WRITE)],
            "quotas": {},
        },
    ),
    "acls": (
        User(
            acls=[
                Acl(resource=AclResource.CLUSTER, name="kafka-cluster", operations=[Operation.DESCRIBE]),
                Acl(resource=AclResource.TOPIC, name="x", operations=[Operation.ALTER_CONFIGS, Operation.ALL]),
            ]
        ),
        {
            "acls": [
                ("cluster", "kafka-cluster", "literal", {"DESCRIBE"}),
                ("topic", "x", "literal", {"ALL", "ALTER_CONFIGS"}),
            ],
            "quotas": {},
        },
    ),
    "quotas": (
        User(quotas=Quotas(produce="20MB/s", consume="1KiB/s", request_percentage=50, controller_mutations=0.5)),
        {
            "acls": [],
            "quotas": {
                "consumer_byte_rate": 1024,
                "controller_mutation_rate": 0.5,
                "producer_byte_rate": 20_000_000,
                "request_percentage": 50,
            },
        },
    ),
}


def topic_by_job(name: str, topic: Topic) -> dict[str, Any]:
    declared = json.loads(topic_declaration(topic, 3))
    return {"config": {}} | {key: declared[key] for key in ("partitions", "replicas", "config") if key in declared}


def topic_by_strimzi(name: str, topic: Topic) -> dict[str, Any]:
    spec: dict[str, Any] = strimzi_topic("events", connection(), name, topic, 3)["spec"]
    return {"config": {}} | spec


def user_by_job(name: str, user: User) -> dict[str, Any]:
    declared = json.loads(user_declaration(name, user))
    acls = [
        (each["resource"], each["name"], each["pattern"], set(each["operations"])) for each in declared.get("acls", [])
    ]
    return {"acls": acls, "quotas": declared.get("quotas", {})}


def user_by_strimzi(name: str, user: User) -> dict[str, Any]:
    spec = strimzi_user("events", connection(), name, user, "events-passwords")["spec"]
    by_name = {each.value.replace("_", ""): each.value for each in Operation}
    acls = [
        (
            each["resource"]["type"],
            each["resource"].get("name", "kafka-cluster"),
            {"prefix": "prefixed"}.get(each["resource"].get("patternType"), "literal"),
            {by_name[operation.upper()] for operation in each["operations"]},
        )
        for each in spec.get("authorization", {}).get("acls", [])
    ]
    names = {
        "consumerByteRate": "consumer_byte_rate",
        "controllerMutationRate": "controller_mutation_rate",
        "producerByteRate": "producer_byte_rate",
        "requestPercentage": "request_percentage",
    }
    return {"acls": acls, "quotas": {names[key]: value for key, value in spec.get("quotas", {}).items()}}


@pytest.mark.parametrize("rendered", [topic_by_job, topic_by_strimzi])
@pytest.mark.parametrize("name", TOPICS)
def test_topics(name: str, rendered: Any) -> None:
    topic, expected = TOPICS[name]
    assert rendered(name, topic) == expected


@pytest.mark.parametrize("rendered", [user_by_job, user_by_strimzi])
@pytest.mark.parametrize("name", USERS)
def test_users(name: str, rendered: Any) -> None:
    user, expected = USERS[name]
    assert rendered(name, user) == expected


class TestByStrimzi:
    @pytest.mark.parametrize("name", ["orders", "a.b", "a-1", "x" * 249])
    def test_a_topic_has_its_own_name_where_kubernetes_takes_it(self, name: str) -> None:
        manifest = strimzi_topic("events", connection(), name, Topic(), 3)
        assert manifest["metadata"]["name"] == name
        assert "topicName" not in manifest["spec"]

    @pytest.mark.parametrize(
        ("name", "begins"),
        [("Orders_V1", "orders-v1-"), ("_", "topic-"), ("a..b", "a.b-"), ("-a.-b-", "a.b-"), ("A" * 249, "a" * 200)],
    )
    def test_a_topic_that_cannot_be_an_objects_name_keeps_its_own(self, name: str, begins: str) -> None:
        manifest = strimzi_topic("events", connection(), name, Topic(), 3)
        assert manifest["spec"]["topicName"] == name
        assert manifest["metadata"]["name"].startswith(begins)
        # What Kubernetes takes is itself.
        assert object_name(manifest["metadata"]["name"]) == manifest["metadata"]["name"]

    def test_topics_that_differ_only_in_what_kubernetes_does_not_take_have_objects_of_their_own(self) -> None:
        assert len({object_name(name) for name in ("Orders", "ORDERS", "orders", "orders_", "_orders")}) == 5

    def test_a_password_is_referred_to(self) -> None:
        manifest = strimzi_user("events", connection(), "app", User(password_version=2), "events-passwords")
        assert manifest["spec"]["authentication"] == {
            "password": {"valueFrom": {"secretKeyRef": {"key": "app", "name": "events-passwords"}}},
            "type": "scram-sha-512",
        }
        # The operator looks at the user when this changes, not when the Secret does.
        assert manifest["metadata"]["annotations"]["kafka-platform/password-version"] == "2"

    def test_a_certificate_is_the_operators(self) -> None:
        manifest = strimzi_user("events", connection(), "app", User(auth=Login.MTLS), "events-passwords")
        assert manifest["spec"]["authentication"] == {"type": "tls"}

    def test_who_logs_in_by_other_means_gets_rights_alone(self) -> None:
        rendered = strimzi_user("kafka", connection(), "app", User(reads=["orders"], auth=Login.CUSTOM), "x")
        assert "authentication" not in rendered["spec"]
        assert rendered["spec"]["authorization"]["acls"]

    def test_pulumi_waits_for_each(self) -> None:
        declared = EntitySettings(
            name="events",
            connection=connection(),
            runtime_image="runtime:1",
            topics={"orders": Topic()},
            users={"app": User()},
        )
        waits = {each.role: each for each in objects(declared, {"app": "secret"}) if each.wait is not None}
        assert waits.keys() == {"topic-orders", "user-app"}
        for each in waits.values():
            assert each.wait == Wait(condition="Ready", seconds=300)
            assert each.manifest["metadata"]["labels"]["strimzi.io/cluster"] == "events"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            {"partitions": 24},
            {"partitions": 12.0},
            "topic orders: 24 partitions -> 12: partitions never shrink: keep 24",
        ),
        (
            {"partitions": 1, "replicas": 3.0},
            {"partitions": 1, "replicas": 2},
            "topic orders: 3 replicas -> 2: fixed once the topic exists: keep 3",
        ),
    ],
)
def test_what_kafka_cannot_change_is_refused(
    before: Mapping[str, object], after: Mapping[str, object], message: str
) -> None:
    check_topic_update("orders", before, {**before, "partitions": 48})
    with pytest.raises(ValueError, match=message):
        check_topic_update("orders", before, after)
