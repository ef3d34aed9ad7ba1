"""KafkaResources: what it renders, the graph that it makes, what it refuses."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from kafka_platform import (
    Cleanup,
    Deletion,
    KafkaConnection,
    KafkaResources,
    KafkaResourcesArgs,
    Login,
    Quotas,
    Topic,
    User,
)
from kafka_platform.entities.declarations import check_update, declarations
from kafka_platform.entities.provisioner import job, objects
from kafka_platform.entities.settings import EntitySettings
from kafka_platform.kafka.secrets import client_files
from kafka_platform.kube.declared import version_of

from tests.strimzi_cases import connection as strimzi_connection
from tests.unit.components.graph import run

CONNECTION = KafkaConnection(
    cluster="events",
    namespace="streaming",
    bootstrap_servers="events.streaming.svc:9092",
    security_protocol="SASL_PLAINTEXT",
    sasl_mechanism="SCRAM-SHA-512",
    admin_secret="events-admin",
    nodes=3,
    replicas=3,
    min_insync_replicas=2,
)


def args(topics: Mapping[str, Topic] | None = None, users: Mapping[str, User] | None = None) -> KafkaResourcesArgs:
    return KafkaResourcesArgs(connection=CONNECTION, topics=topics or {}, users=users or {})


class TestRender:
    def test_a_topic(self) -> None:
        topic = Topic(partitions=24, retention="30d", cleanup=Cleanup.COMPACT_DELETE, deletion=Deletion.ALLOW)
        assert declarations({"orders": topic}, {}, 3) == {
            "topic.orders": '{"partitions":24,"replicas":3,"config":{"cleanup.policy":"compact,delete",'
            '"retention.ms":"2592000000"},"deletion":"allow"}'
        }

    def test_what_is_left_out_is_not_rendered(self) -> None:
        rendered = declarations({"orders": Topic()}, {"app": User()}, 1)
        assert rendered == {
            "topic.orders": '{"partitions":1,"replicas":1}',
            "user.app": '{"passwordVersion":1}',
        }

    def test_a_user(self) -> None:
        user = User(writes=["orders"], reads=["*"], groups=["app-*"], quotas=Quotas(produce="20MB/s"))
        assert json.loads(declarations({}, {"app": user})["user.app"]) == {
            "acls": [
                {"resource": "group", "name": "app-", "pattern": "prefixed", "operations": ["DESCRIBE", "READ"]},
                {"resource": "topic", "name": "*", "pattern": "literal", "operations": ["DESCRIBE", "READ"]},
                {"resource": "topic", "name": "orders", "pattern": "literal", "operations": ["DESCRIBE", "WRITE"]},
            ],
            "passwordVersion": 1,
            "quotas": {"producer_byte_rate": 20000000},
        }

    def test_the_word_to_adopt_is_rendered(self) -> None:
        rendered = declarations({"orders": Topic(adopt=True)}, {"app": User(adopt=True)}, 1)
        assert rendered == {
            "topic.orders": '{"partitions":1,"replicas":1,"adopt":true}',
            "user.app": '{"passwordVersion":1,"adopt":true}',
        }

    def test_the_job_knows_its_stack_only_where_others_may_use_the_same_kafka(self) -> None:
        def environment(**more: Any) -> Mapping[str, str]:
            manifest = job("events", CONNECTION, "events-admin", "runtime:1", "hash", **more)
            env = manifest["spec"]["template"]["spec"]["containers"][0]["env"]
            return {each["name"]: each.get("value", "") for each in env}

        assert not {"STACK", "FORMER_STACKS"} & environment().keys()
        told = environment(stack="acme/streaming/prod", former_stacks=["acme/streaming/old", "acme/other/old"])
        assert told["STACK"] == "acme/streaming/prod"
        assert told["FORMER_STACKS"] == "acme/streaming/old,acme/other/old"

    def test_the_order_of_declaration_does_not_matter(self) -> None:
        one, two = Topic(partitions=1), Topic(partitions=2)
        there = declarations({"a": one, "b": two}, {})
        back = declarations({"b": two, "a": one}, {})
        assert list(there) == list(back) == ["topic.a", "topic.b"]
        assert version_of(there) == version_of(back)

    def test_a_refusal_of_the_job_ends_it_for_a_reason_that_every_provider_knows(self) -> None:
        spec = job("events", CONNECTION, "events-admin", "runtime:1", "hash")["spec"]
        assert spec["backoffLimit"] == 0
        assert {rule["action"] for rule in spec["podFailurePolicy"]["rules"]} == {"Ignore"}
        assert spec["template"]["spec"]["restartPolicy"] == "Never"
        assert "ttlSecondsAfterFinished" not in spec

    def test_the_job_has_no_name_and_runs_again_when_declarations_change(self) -> None:
        manifest = job("events", CONNECTION, "events-admin", "runtime:1", "hash")
        assert "name" not in manifest["metadata"]
        settings = EntitySettings(name="events", connection=CONNECTION, runtime_image="runtime:1")
        assert [each.kind for each in objects(settings, {}) if each.runs_again] == ["Job"]
        assert manifest["spec"]["template"]["metadata"]["annotations"]["kafka-platform/declarations"] == "hash"

    def test_the_authority_is_mounted_when_there_is_one(self) -> None:
        manifest = job("events", replace(CONNECTION, ca_secret="ca"), "events-admin", "runtime:1", "hash")
        pod = manifest["spec"]["template"]["spec"]
        assert {"name": "KAFKA_SSL_CA_FILE", "value": "/etc/kafka-platform/ca/ca.crt"} in pod["containers"][0]["env"]
        assert pod["volumes"][-1]["secret"]["secretName"] == "ca"

    def test_client_properties_are_complete(self) -> None:
        files = client_files(
            username="app",
            password="pw",
            bootstrap_servers="b:9092",
            security_protocol="SASL_SSL",
            sasl_mechanism="SCRAM-SHA-512",
            has_ca=True,
        )
        assert files["client.properties"].splitlines() == [
            "bootstrap.servers=b:9092",
            "security.protocol=SASL_SSL",
            "sasl.mechanism=SCRAM-SHA-512",
            "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required "
            'username="app" password="pw";',
            "ssl.truststore.type=PEM",
            "ssl.truststore.location=/etc/kafka-platform/ca/ca.crt",
        ]
        assert files["librdkafka.conf"].splitlines() == [
            "bootstrap.servers=b:9092",
            "security.protocol=SASL_SSL",
            "sasl.mechanism=SCRAM-SHA-512",
            "sasl.username=app",
            "sasl.password=pw",
            "ssl.ca.location=/etc/kafka-platform/ca/ca.crt",
        ]


class TestGraph:
    def test_no_secret_is_made_for_a_user_who_keeps_a_password_that_is_not_known_here(self) -> None:
        wanted = args(users={"legacy": User(adopt=True), "taken": User(adopt=True, password_version=2)})
        found = run(lambda: KafkaResources("events", wanted))
        assert not [name for name in found if "legacy" in name]
        assert [name for name in found if "taken" in name] == [
            "RandomPassword events-taken-password",
            "Secret events-taken-kafka",
        ]

    def test_children(self) -> None:
        wanted = args({"orders": Topic()}, {"app": User(namespace="payments"), "web": User()})
        found = run(lambda: KafkaResources("events", wanted))
        assert sorted(found) == [
            "ConfigMap events-declarations",
            "Job events-provision",
            "KafkaResources events",
            "NetworkPolicy events-provisioner-network",
            "RandomPassword events-app-password",
            "RandomPassword events-web-password",
            "Secret events-app-kafka",
            "Secret events-passwords",
            "Secret events-web-kafka",
        ]
        policy = found["NetworkPolicy events-provisioner-network"].inputs["spec"]
        assert policy["ingress"] == []
        pods = found["Job events-provision"].inputs["spec"]["template"]["metadata"]["labels"]
        assert policy["podSelector"]["matchLabels"].items() <= pods.items()
        delivered = found["Secret events-app-kafka"].inputs
        assert delivered["metadata"]["namespace"] == "payments"
        assert delivered["metadata"]["name"] == "app-kafka"
        # A secret reaches the engine as a wrapper around its value.
        assert sorted(delivered["data"]["value"]) == [
            "bootstrap-servers",
            "client.properties",
            "librdkafka.conf",
            "password",
            "sasl-mechanism",
            "security-protocol",
            "username",
        ]
        password = base64.b64decode(delivered["data"]["value"]["password"]).decode()
        assert password == "password-of-events-app-password"
        assert sorted(found["Secret events-passwords"].inputs["data"]["value"]) == ["app", "web"]
        assert found["RandomPassword events-app-password"].inputs["keepers"] == {"version": "1"}

    def test_a_secret_says_where_to_connect_from_outside_and_by_http(self) -> None:
        connection = replace(CONNECTION, external_bootstrap_servers="kafka.example.com:9094")
        wanted = KafkaResourcesArgs(
            connection=connection,
            users={"app": User()},
            http_url="http://gateway.streaming.svc",
            external_http_url="https://data.example.com",
        )
        data = run(lambda: KafkaResources("events", wanted) and None)["Secret events-app-kafka"].inputs["data"]["value"]
        found = {key: base64.b64decode(data[key]).decode() for key in data}
        assert found["external-bootstrap-servers"] == "kafka.example.com:9094"
        assert found["http-url"] == "http://gateway.streaming.svc"
        assert found["external-http-url"] == "https://data.example.com"

    def test_children_where_strimzi_runs_the_kafka(self) -> None:
        topics = {"orders": Topic(), "Old": Topic(deletion=Deletion.ALLOW)}
        users = {
            "app": User(namespace="payments"),
            "cdc": User(auth=Login.MTLS),
            "job": User(reads=["orders"], auth=Login.CUSTOM),
        }
        wanted = KafkaResourcesArgs(connection=strimzi_connection(), topics=topics, users=users)
        found = run(lambda: KafkaResources("events", wanted))
        assert sorted(found) == [
            "KafkaResources events",
            "KafkaTopic events-topic-Old",
            "KafkaTopic events-topic-orders",
            "KafkaUser events-user-app",
            "KafkaUser events-user-cdc",
            # It has its rights, and no credentials.
            "KafkaUser events-user-job",
            "RandomPassword events-app-password",
            "Secret events-app-kafka",
            "Secret events-cdc-certificate",
            "Secret events-cdc-kafka",
            "Secret events-passwords",
        ]
        # The records go with the object.
        assert found["KafkaTopic events-topic-orders"].retained
        assert not found["KafkaTopic events-topic-Old"].retained
        by_job = run(lambda: KafkaResources("events", args({}, {"app": User()})))["Secret events-app-kafka"].inputs
        delivered = found["Secret events-app-kafka"].inputs
        assert delivered["metadata"]["namespace"] == "payments"
        # The same keys as elsewhere, and whom to trust: the authority's own Secret is in another namespace.
        assert sorted(delivered["data"]["value"]) == sorted([*by_job["data"]["value"], "ca.crt"])
        certificate = found["Secret events-cdc-kafka"].inputs["data"]["value"]
        assert {"ca.crt", "user.crt", "user.key", "bootstrap-servers", "client.properties"} <= certificate.keys()
        servers = base64.b64decode(certificate["bootstrap-servers"]).decode()
        assert servers == "events-kafka-bootstrap.streaming.svc:9093"

    def test_without_users_there_are_no_passwords(self) -> None:
        assert "Secret events-passwords" not in run(lambda: KafkaResources("events", args({"orders": Topic()})))


@pytest.mark.parametrize(
    ("topics", "users", "message"),
    [
        (
            {"orders": Topic(replicas=5)},
            {},
            "topic orders: replicas: 5 replicas on 3 nodes: use at most 3, or add nodes",
        ),
        (
            {"orders": Topic(min_insync_replicas=3)},
            {},
            "topic orders: min_insync_replicas: 3 of 3 replicas: one broker down would stop every writer: use 2",
        ),
        ({"or ders": Topic()}, {}, "'or ders' is not a Kafka topic name"),
        ({"__consumer_offsets": Topic()}, {}, "'__consumer_offsets' is an internal topic of Kafka"),
        ({"a.b": Topic(), "a_b": Topic()}, {}, "topic a_b: differs from topic a.b only by '.' and '_'"),
        ({}, {"admin": User()}, "'admin' is a user of the platform itself"),
        ({}, {"App": User()}, "user App: secret: missing, no Secret can be called 'App-kafka'"),
    ],
)
def test_misuse_is_refused(topics: dict[str, Topic], users: dict[str, User], message: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011  # the message is compared below
        args(topics, users)
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize(
    ("connection", "user", "message"),
    [
        (
            CONNECTION,
            User(auth=Login.MTLS),
            "user app: auth: only Strimzi makes certificates for users: write auth scram",
        ),
        (
            replace(strimzi_connection(), certificate_bootstrap_servers=None),
            User(auth=Login.MTLS),
            "user app: auth: no listener takes certificates: write internal.certificates",
        ),
        (
            strimzi_connection(),
            User(quotas=Quotas(request_percentage=0.5)),
            "user app: quotas.request_percentage: 0.5: Strimzi takes whole percentages only: use 1",
        ),
    ],
)
def test_a_user_that_cannot_be_made_is_refused(connection: KafkaConnection, user: User, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KafkaResourcesArgs(connection=connection, users={"app": user})


def test_two_users_do_not_share_a_secret() -> None:
    with pytest.raises(
        ValueError, match="user events-passwords: Strimzi keeps the credentials in a Secret of that name"
    ):
        KafkaResourcesArgs(connection=strimzi_connection(), users={"events-passwords": User()})
    with pytest.raises(ValueError, match="user app-kafka: its Secret has the name of the one that user app is given"):
        KafkaResourcesArgs(connection=strimzi_connection(), users={"app": User(), "app-kafka": User()})


def test_a_name_that_no_certificate_takes_is_refused() -> None:
    with pytest.raises(ValueError, match="a name in a certificate has at most 64 characters"):
        KafkaResourcesArgs(connection=strimzi_connection(), users={"a" * 65: User(auth=Login.MTLS)})


def test_an_administrator_is_needed() -> None:
    with pytest.raises(ValueError, match="connection: admin_secret is missing"):
        KafkaResourcesArgs(connection=replace(CONNECTION, admin_secret=None))


def test_too_many_declarations_for_one_config_map_are_refused() -> None:
    topics = {f"topic-{number:05}": Topic(config={"segment.ms": "1" * 20}) for number in range(15_000)}
    with pytest.raises(ValueError, match=r"15000 topics and 0 users are [\d,]+ bytes .* 900,000: divide them"):
        declarations(topics, {})


class TestChanges:
    def test_partitions_grow(self) -> None:
        check_update(
            declarations({"orders": Topic(partitions=3)}, {}), declarations({"orders": Topic(partitions=4)}, {})
        )

    def test_partitions_never_shrink(self) -> None:
        before = declarations({"orders": Topic(partitions=24), "a": Topic(partitions=2)}, {})
        after = declarations({"orders": Topic(partitions=12), "a": Topic()}, {})
        with pytest.raises(ValueError, match=r"topic a: 2 partitions -> 1: .*; topic orders: 24 partitions -> 12: "):
            check_update(before, after)

    def test_replicas_are_fixed(self) -> None:
        with pytest.raises(ValueError, match="topic orders: 3 replicas -> 2: fixed once the topic exists"):
            check_update(declarations({"orders": Topic()}, {}, 3), declarations({"orders": Topic()}, {}, 2))

    def test_topics_come_and_go(self) -> None:
        check_update(declarations({"a": Topic(partitions=9)}, {}), declarations({"b": Topic()}, {}))
