"""A mirror: what it is told, what it may do in both Kafkas, what is rendered on each engine, and what is refused.

tests/cluster/test_strimzi_objects.py asks an API server with Strimzi's own definition.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from kafka_platform import (
    ConnectorState,
    KafkaConnection,
    Naming,
    Replication,
    ReplicationArgs,
    ReplicationSpec,
    SaslMechanism,
    SecurityProtocol,
    User,
    replication_connectors,
    replication_source_user,
    replication_topics,
    replication_users,
)
from kafka_platform.connect.configs import connector_config, context_of
from kafka_platform.kafka.protocols import Engine
from kafka_platform.mirror.operated import objects
from kafka_platform.mirror.settings import MirrorSettings
from kafka_platform.mirror.spec import expression

from tests.strimzi_cases import MIRROR, connection
from tests.unit.components.graph import Registered, run, value

SOURCE = MIRROR.origin


def spec(**changes: Any) -> ReplicationSpec:
    return replace(MIRROR, **changes)


def config(name: str, made: ReplicationSpec = MIRROR) -> dict[str, str]:
    context = context_of(name, "here:9092", "SASL_SSL", "SCRAM-SHA-512", ca_file="/ca.crt")
    return connector_config(replication_connectors(made)[name], context)


def rights(user: User) -> dict[str, str]:
    return {
        f"{each.resource.value} {each.name}": " ".join(one.value for one in each.operations)
        for each in user.all_acls()
        if each.resource.value != "transactionalId"
    }


class TestSettings:
    def test_records_are_copied_as_they_are_and_once(self) -> None:
        told = config("mirror")
        assert told["connector.class"].endswith(".MirrorSourceConnector")
        assert {told[f"{each}.converter"].rpartition(".")[2] for each in ("key", "value", "header")} == {
            "ByteArrayConverter"
        }
        assert told["exactly.once.support"] == "required"
        assert told["source.consumer.isolation.level"] == "read_committed"
        assert told["replication.policy.class"].endswith(".IdentityReplicationPolicy")

    def test_nothing_is_written_at_the_source(self) -> None:
        assert {config(name)["offset-syncs.topic.location"] for name in ("mirror", "mirror-offsets")} == {"target"}
        assert config("mirror")["heartbeats.replication.enabled"] == "false"
        operations = {
            operation for right in rights(replication_source_user(MIRROR)).values() for operation in right.split()
        }
        assert operations == {"READ", "DESCRIBE", "DESCRIBE_CONFIGS"}

    def test_it_logs_in_to_each_kafka_as_another_user_by_files_alone(self) -> None:
        told = config("mirror")
        assert (
            'username="mirror" password="${directory:/mnt/connectors/mirror/secret:password}"'
            in (told["source.cluster.sasl.jaas.config"])
        )
        assert told["source.cluster.ssl.truststore.location"] == "/mnt/connectors/mirror/ca/ca.crt"
        assert told["target.cluster.sasl.jaas.config"] == (
            "${file:/mnt/connectors/mirror/kafka/client.properties:sasl.jaas.config}"
        )

    def test_offsets_are_set_every_ten_seconds(self) -> None:
        told = config("mirror-offsets")
        assert told["sync.group.offsets.enabled"] == "true"
        assert told["sync.group.offsets.interval.seconds"] == told["emit.checkpoints.interval.seconds"] == "10"
        assert told["groups"] == r"payments\-.*"

    def test_without_groups_no_offsets_are_translated(self) -> None:
        assert list(replication_connectors(spec(groups=[]))) == ["mirror"]

    def test_names_are_no_expressions(self) -> None:
        assert re.fullmatch(expression("a.b*"), "a.bc")
        assert not re.fullmatch(expression("a.b*"), "axbc")

    def test_prefixed_topics_are_beside_those_of_this_kafka(self) -> None:
        made = spec(names=Naming.PREFIXED, topics=["*"], known_as="second")
        assert config("mirror", made)["replication.policy.class"].endswith(".DefaultReplicationPolicy")
        assert "topic first.*" in rights(replication_users(made)["connector-mirror"])


class TestRights:
    def test_at_the_source_it_reads_what_is_mirrored(self) -> None:
        assert rights(replication_source_user(MIRROR)) == {
            "group payments-*": "DESCRIBE",
            "topic orders": "DESCRIBE DESCRIBE_CONFIGS READ",
            "topic shop-*": "DESCRIBE DESCRIBE_CONFIGS READ",
        }

    def test_here_each_connector_has_its_own(self) -> None:
        users = replication_users(MIRROR)
        assert sorted(users) == ["connect", "connector-mirror", "connector-mirror-offsets"]
        assert rights(users["connector-mirror"]) == {
            "topic connect-offsets-mirror": "DESCRIBE READ WRITE",
            "topic mm2-offset-syncs.first.internal": "DESCRIBE READ WRITE",
            "topic orders": "ALTER CREATE DESCRIBE DESCRIBE_CONFIGS WRITE",
            "topic shop-*": "ALTER CREATE DESCRIBE DESCRIBE_CONFIGS WRITE",
        }
        assert rights(users["connector-mirror-offsets"]) == {
            "group payments-*": "DESCRIBE READ",
            "topic connect-offsets-mirror-offsets": "DESCRIBE READ WRITE",
            "topic first.checkpoints.internal": "DESCRIBE READ WRITE",
            "topic mm2-offset-syncs.first.internal": "DESCRIBE READ",
            "topic orders": "DESCRIBE READ",
            "topic shop-*": "DESCRIBE READ",
        }

    def test_settings_may_be_changed_only_where_they_are_to_follow(self) -> None:
        with_settings = replication_users(spec(follow_settings=True))["connector-mirror"]
        assert "ALTER_CONFIGS" in rights(with_settings)["topic orders"]

    def test_where_strimzi_runs_it_one_user_has_all_of_them(self) -> None:
        [(name, user)] = replication_users(MIRROR, engine=Engine.STRIMZI).items()
        assert name == "mirror"
        assert rights(user)["topic orders"] == "ALTER CREATE DESCRIBE DESCRIBE_CONFIGS READ WRITE"
        assert rights(user)["group mirror"] == "DESCRIBE READ"
        assert not [each for each in rights(user) if "connect-" in each]
        topics = replication_topics(MIRROR, Engine.STRIMZI)
        assert {f"topic {each}" for each in topics} <= rights(user).keys()

    def test_a_bounded_mirror_has_a_quota(self) -> None:
        quotas = replication_users(spec(produce="20MB/s"))["connector-mirror"].quotas
        assert quotas is not None
        assert quotas.produce == "20MB/s"


def rendered(role: str, made: ReplicationSpec = MIRROR, to: KafkaConnection | None = None) -> dict[str, Any]:
    settings = MirrorSettings(
        name="mirror", namespace="streaming", connection=to or connection(), image="connect:1", spec=made
    )
    return next(each.manifest for each in objects(settings) if each.role == role)


class TestStrimzi:
    def test_both_connectors_are_told_what_they_are_told_elsewhere(self) -> None:
        [mirror] = rendered("mirror")["spec"]["mirrors"]
        own = config("mirror")
        assert {key: own[key] for key in mirror["sourceConnector"]["config"]} == mirror["sourceConnector"]["config"]
        offsets = config("mirror-offsets")
        said = mirror["checkpointConnector"]["config"]
        assert {key: offsets[key] for key in said} == said
        assert (mirror["topicsPattern"], mirror["groupsPattern"]) == (own["topics"], offsets["groups"])

    def test_each_kafka_has_its_login_and_its_authority(self) -> None:
        found = rendered("mirror")["spec"]
        assert found["target"]["authentication"]["username"] == "mirror"
        assert found["target"]["authentication"]["passwordSecret"]["secretName"] == "mirror-kafka"
        [mirror] = found["mirrors"]
        assert mirror["source"]["authentication"] == {
            "passwordSecret": {"password": "password", "secretName": "first-kafka"},
            "type": "scram-sha-512",
            "username": "mirror",
        }
        assert mirror["source"]["tls"] == {"trustedCertificates": [{"certificate": "ca.crt", "secretName": "first-ca"}]}

    def test_a_public_authority_is_trusted_as_it_is(self) -> None:
        [mirror] = rendered("mirror", spec(origin=replace(SOURCE, ca_secret=None)))["spec"]["mirrors"]
        assert mirror["source"]["tls"] == {"trustedCertificates": []}

    def test_a_stopped_mirror_stops_both(self) -> None:
        [mirror] = rendered("mirror", spec(state=ConnectorState.STOPPED))["spec"]["mirrors"]
        assert {mirror[each]["state"] for each in ("sourceConnector", "checkpointConnector")} == {"stopped"}

    def test_its_pods_reach_both_kafkas_alone(self) -> None:
        egress = rendered("network")["spec"]["egress"]
        ports = {port["port"] for each in egress for port in each.get("ports", ())}
        assert ports == {53, 8083, 9092, 9093, 9094}


CONNECTION = KafkaConnection(
    cluster="kafka",
    namespace="streaming",
    bootstrap_servers="kafka:9092",
    security_protocol="SASL_PLAINTEXT",
    sasl_mechanism="SCRAM-SHA-512",
)


def make(**changes: Any) -> tuple[dict[str, Registered], Replication]:
    made: list[Replication] = []
    given = vars(MIRROR) | {"connection": CONNECTION} | changes
    found = run(lambda: made.append(Replication("mirror", ReplicationArgs(**given))))
    return found, made[0]


def test_its_children_where_this_platform_runs_the_kafka() -> None:
    found, made = make()
    assert {"Replication mirror", "KafkaConnect mirror", "Deployment mirror-pods", "Job mirror-apply"} <= set(found)
    volumes = found["Deployment mirror-pods"].inputs["spec"]["template"]["spec"]["volumes"]
    assert {"first-kafka", "first-ca", "connector-mirror-kafka", "connector-mirror-offsets-kafka"} <= {
        each["secret"]["secretName"] for each in volumes if "secret" in each
    }
    assert value(made.service) == "mirror"


def test_its_children_where_strimzi_runs_the_kafka() -> None:
    found, made = make(connection=connection())
    assert sorted(found) == [
        "ConfigMap mirror-config",
        "KafkaMirrorMaker2 mirror-mirror",
        "NetworkPolicy mirror-network",
        "Replication mirror",
    ]
    assert value(made.service) == "mirror-mirrormaker2-api"


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (lambda: spec(topics=[]), r"^topics: none are given"),
        (lambda: spec(topics=["*"]), r"^topics: '\*' would give it the right to write every topic"),
        (lambda: spec(topics=["a*b"]), r"^topics: 'a\*b' is not a name or prefix"),
        (lambda: spec(groups=["a,b"]), r"^groups: 'a,b': MirrorMaker splits lists at commas"),
        (lambda: spec(groups=["connect-lake"]), r"^groups: 'connect-lake': MirrorMaker leaves out"),
        (lambda: spec(exclude=["orders"]), r"^exclude: 'orders' is in topics too"),
        (lambda: spec(checkpoints="100ms"), r"^checkpoints: '100ms' is out of range"),
        (lambda: replace(SOURCE, name="here"), r"^name: 'here' is what this Kafka is called"),
        (lambda: replace(SOURCE, name="a" * 21), r"^name: .* is too long: use up to 20"),
        (lambda: replace(SOURCE, username=None), r"^username: missing"),
        (lambda: replace(SOURCE, secret=None), r"^secret: missing"),
        # What ends the quotes in a login could name another one, or a file of the pod.
        (lambda: replace(SOURCE, username='a" password="b'), r"^username: .* is not a user's name"),
        (lambda: replace(SOURCE, username="${file:/etc/passwd:x}"), r"^username: .* is not a user's name"),
        (
            lambda: replace(SOURCE, sasl_mechanism=SaslMechanism.OAUTHBEARER),
            r"^sasl_mechanism: OAUTHBEARER is not a login",
        ),
        (
            lambda: replace(
                SOURCE,
                security_protocol=SecurityProtocol.SASL_PLAINTEXT,
                ca_secret=None,
                sasl_mechanism=SaslMechanism.PLAIN,
            ),
            r"^sasl_mechanism: PLAIN sends the password in the clear",
        ),
        (lambda: replace(SOURCE, security_protocol=SecurityProtocol.SSL), r"^username: SSL has no login"),
        (
            lambda: replace(SOURCE, security_protocol=SecurityProtocol.SASL_PLAINTEXT),
            r"^ca_secret: SASL_PLAINTEXT encrypts nothing",
        ),
        (
            lambda: make(connection=replace(CONNECTION, sasl_mechanism="PLAIN")),
            r"^connection: clients log in with PLAIN",
        ),
    ],
)
def test_misuse(make_it: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_it()


def test_topics_that_others_have_for_themselves_and_copies_of_own_topics_are_left_out() -> None:
    made = spec(names=Naming.PREFIXED, topics=["*"], known_as="second")
    left_out = [re.compile(each) for each in config("mirror", made)["topics.exclude"].split(",")]

    def mirrored(topic: str) -> bool:
        return not any(each.fullmatch(topic) for each in left_out)

    own = ["__consumer_offsets", "_kafka-platform-ledger", "_kafka-platform-runs", "mm2-offset-syncs.second.internal"]
    own += ["connect-configs", "connect-offsets", "connect-offsets-shop", "connect-status", "mirror-positions"]
    copies = ["second.orders", "third.second.orders", "third.second.first.orders"]
    assert not [each for each in own + copies if mirrored(each)]
    others = [
        "orders",
        "connect-offsetting",
        "connect-shop",
        "third.orders",
        "seconds.orders",
        "orders.second",
        "second",
    ]
    assert [each for each in others if mirrored(each)] == others
