"""The stack file of a real Kafka that others have filled: what it declares is what is there, to the letter."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka.protocol.admin import AlterClientQuotasRequest, CreateAclsRequest
from kafka_platform.entities.declarations import declarations
from kafka_platform_runtime.kafka_python import admin_client, ask
from kafka_platform_runtime.provisioner.cluster import Cluster
from kafka_platform_runtime.provisioner.inventory import inventory
from kafka_platform_runtime.provisioner.quotas import QuotaChange, QuotaClient

from infra.__main__ import main
from infra.capabilities import CAPABILITIES
from infra.capabilities.capability import Stack
from infra.settings.model import Settings
from infra.settings.parsing import read_stack
from tests.kafka_process import ADMIN_PASSWORD, LocalKafka, local_kafka
from tests.provisioning import Bench, bench
from tests.rules import add_rules
from tests.tiers import IS_LONG

__all__ = ["bench", "local_kafka"]

TOPICS = 1_000 if IS_LONG else 20
PASSWORD = "what-they-have-used-for-years"
OF_THE_PLATFORM = "_kafka-platform"
AWKWARD: Mapping[str, Mapping[str, str]] = {
    "_schemas": {"cleanup.policy": "compact"},
    "_confluent-metrics": {"retention.ms": "259200000", "retention.bytes": "1073741825"},
    "orders.v1-value": {"retention.ms": "9223372036854775807", "max.message.bytes": "10485880"},
    "with_both.kinds-of_names": {"cleanup.policy": "delete,compact", "segment.bytes": "52428800"},
    "compacted": {"cleanup.policy": "compact", "retention.ms": "1000", "min.compaction.lag.ms": "60000"},
    "forever": {"retention.ms": "-1", "retention.bytes": "-1", "min.insync.replicas": "1"},
    "on": {"retention.ms": "90061001"},
    "1e3": {},
    "0x1F": {"cleanup.policy": "compact,delete"},
}
KEYS = {"retention.ms": "retention", "max.message.bytes": "maxMessageSize"}
ALLOW, DENY = AclPermissionType.ALLOW, AclPermissionType.DENY
LITERAL, PREFIXED = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED
TOPIC, GROUP, TRANSACTION = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID


def rule(
    user: str,
    resource: ResourceType,
    name: str,
    operation: AclOperation,
    *,
    pattern: ResourcePatternType = LITERAL,
    permission: AclPermissionType = ALLOW,
    host: str = "*",
) -> AclBinding:
    return AclBinding(resource, name, pattern, f"User:{user}", host, operation, permission)


def create(bench: Bench, *topics: NewTopic) -> None:
    """Makes topics, and waits until the broker tells of them."""
    for start in range(0, len(topics), 100):
        for done in bench.admin.create_topics(list(topics[start : start + 100])).values():
            done.result(60)
    names = {each.topic for each in topics}
    with Cluster(bench.connection) as cluster:
        cluster.wait_for(lambda seen: names <= seen.topics.keys(), "topics", timeout=120)


def fill(bench: Bench) -> None:
    """As a team fills a Kafka with its own tools over the years."""
    topics = {f"team-{each % 7}.topic-{each}": {"retention.ms": str(3_600_000 * (each + 1))} for each in range(TOPICS)}
    made = {**topics, **AWKWARD}.items()
    create(bench, *(NewTopic(name, 1 + len(name) % 3, 1, config=dict(config)) for name, config in made))
    for name, kind in (
        ("billing", ScramMechanism.SCRAM_SHA_512),
        ("svc@corp", ScramMechanism.SCRAM_SHA_512),
        ("old", ScramMechanism.SCRAM_SHA_256),
    ):
        given = UserScramCredentialUpsertion(name, ScramCredentialInfo(kind, 4096), PASSWORD.encode())
        bench.admin.alter_user_scram_credentials([given])[name].result()
    of_a_token(bench, "billing")
    certificate = 'CN=erp,OU=a \\"b\\": {c},O=#d'
    add_rules(
        bench.admin,
        *(
            rule("billing", TOPIC, "team-", each, pattern=PREFIXED)
            for each in (AclOperation.READ, AclOperation.DESCRIBE)
        ),
        rule("billing", TOPIC, "team-3.secret", AclOperation.READ, permission=DENY),
        rule("billing", TOPIC, "team-3.", AclOperation.WRITE, pattern=PREFIXED, permission=DENY, host="10.0.0.9"),
        *(rule("billing", GROUP, "billing", each) for each in (AclOperation.READ, AclOperation.DESCRIBE)),
        rule("billing", TOPIC, "orders.v1-value", AclOperation.WRITE, host="10.0.0.7"),
        rule("svc@corp", TOPIC, "orders.v1-value", AclOperation.ALL),
        rule("svc@corp", TOPIC, "*", AclOperation.DESCRIBE_CONFIGS),
        rule("svc@corp", TRANSACTION, "pay", AclOperation.WRITE, pattern=PREFIXED),
        rule("svc@corp", GROUP, "a group with blanks", AclOperation.READ),
        rule("svc@corp", TOPIC, "orders*", AclOperation.READ),
        rule("svc@corp", ResourceType.BROKER, "kafka-cluster", AclOperation.CREATE),
        rule(certificate, TOPIC, "compacted", AclOperation.READ),
        rule("*", TOPIC, "open", AclOperation.READ),
        rule("admin", TOPIC, "open", AclOperation.READ),
    )
    with QuotaClient(bench.connection) as client:
        client.change(
            [
                QuotaChange(user="billing", set={"producer_byte_rate": 1_000_001.0, "consumer_byte_rate": 2_097_152.0}),
                QuotaChange(user="old", set={"request_percentage": 12.5, "controller_mutation_rate": 3.0}),
            ]
        )
        of_a_client(client, "svc@corp", "nightly")


def of_a_token(bench: Bench, user: str) -> None:
    """A rule on delegation tokens, of a kind for which the library has no name."""
    creation = CreateAclsRequest.AclCreation(
        resource_type=6,
        resource_name="a-token",
        resource_pattern_type=3,
        principal=f"User:{user}",
        host="*",
        operation=8,
        permission_type=3,
    )
    client = admin_client(bench.connection)
    [done] = ask(client, CreateAclsRequest(creations=[creation]), 30).results
    client.close()
    assert not done.error_code


def of_a_client(client: QuotaClient, user: str, name: str) -> None:
    """A limit of one of a user's clients, which cannot be declared."""
    entry = AlterClientQuotasRequest.EntryData
    of = [entry.EntityData(entity_type=kind, entity_name=each) for kind, each in (("user", user), ("client-id", name))]
    limit = entry.OpData(key="producer_byte_rate", value=5000.0, remove=False)
    [done] = client._send(
        AlterClientQuotasRequest(entries=[entry(entity=of, ops=[limit])], validate_only=False)
    ).entries
    assert not done.error_code


def what_is_there(bench: Bench) -> dict[str, Any]:
    """Everything in Kafka but the platform's own notes."""
    with Cluster(bench.connection) as cluster:
        found = inventory(cluster)
    own = ("__consumer_offsets", OF_THE_PLATFORM)
    found["topics"] = {name: each for name, each in found["topics"].items() if not name.startswith(own)}
    return found


@pytest.fixture
def properties(local_kafka: LocalKafka, tmp_path: Path) -> Path:
    file = tmp_path / "admin.properties"
    file.write_text(
        f"bootstrap.servers={local_kafka.bootstrap_servers}\nsecurity.protocol=SASL_PLAINTEXT\n"
        "sasl.mechanism=SCRAM-SHA-512\nsasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule "
        f'required username="admin" password="{ADMIN_PASSWORD}";\n'
    )
    return file


def declared_by(settings: Settings) -> dict[str, str]:
    """What the provisioner would read."""
    stack = Stack(settings, CAPABILITIES)
    return declarations(stack.topics, stack.users, None)


def test_an_adopted_kafka_stays_as_it_is(
    bench: Bench, properties: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(bench)
    out = tmp_path / "Pulumi.taken.yaml"
    before = what_is_there(bench)
    assert main(["adopt", "--properties", str(properties), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    text = out.read_text(encoding="utf-8")
    assert ADMIN_PASSWORD not in printed + "".join(each.read_text() for each in tmp_path.glob("*.yaml"))
    assert main(["check", str(out)]) == 0, capsys.readouterr().out

    settings = read_stack(out)
    bench.files = {key: json.loads(each) for key, each in declared_by(settings).items()}
    bench.apply()
    after = what_is_there(bench)
    assert {key: after[key] for key in after if after[key] != before[key]} == {}, "nothing has changed"
    assert bench.can_log_in("billing", PASSWORD)
    assert bench.apply() == f"done: nothing to change, {len(bench.files):,} declarations in place"

    assert settings.topics.keys() == before["topics"].keys()
    assert_everything_is_declared_or_noted(settings, before, text)


def assert_everything_is_declared_or_noted(settings: Settings, there: dict[str, Any], text: str) -> None:
    notes = [line for line in text.splitlines() if line.startswith("# - ")]
    for name, topic in there["topics"].items():
        if name not in settings.topics:
            continue
        declared = settings.topics[name]
        assert declared.partitions == topic["partitions"]
        for setting, value in topic["config"].items():
            if declared.kafka_config().get(setting) != value:
                named = (setting, KEYS.get(setting, setting))
                assert any(f"topic {name}: {each}: " in note for note in notes for each in named), (name, setting)
    declared_rules = {
        (user, acl.resource.value.upper(), acl.name, operation.value)
        for user, each in settings.users.items()
        for acl in each.all_acls()
        for operation in acl.operations
    }
    for each in there["acls"]:
        name = each["name"] + ("*" if each["pattern"] == "PREFIXED" else "")
        resource = each["resource"].replace("TRANSACTIONAL_ID", "TRANSACTIONALID")
        key = (each["principal"].removeprefix("User:"), resource, name, each["operation"])
        is_plain = each["permission"] == "ALLOW" and each["host"] == "*" and each["name"] != "orders*"
        shown = f"{each['permission']} {each['operation']} on {each['resource']} {name} for {each['principal']}"
        if is_plain and key in declared_rules:
            declared_rules.remove(key)
        else:
            assert any(shown in note for note in notes), shown
    assert any("UNKNOWN a-token for User:billing: is of a kind that cannot be declared" in note for note in notes)
    assert not declared_rules, "nothing is declared that is not there"
    limits = "producer_byte_rate 5,000 of client-id nightly and user svc@corp: cannot be declared"
    assert any(limits in note for note in notes)


def test_a_changed_kafka_is_not_set_back(bench: Bench, properties: Path, tmp_path: Path) -> None:
    create(bench, NewTopic("orders", 1, 1, config={"retention.ms": "1000"}))
    out = tmp_path / "Pulumi.taken.yaml"
    assert main(["adopt", "--properties", str(properties), "--out", str(out)]) == 0
    bench.alter("orders", "retention.ms", "5000")
    bench.files = {key: json.loads(each) for key, each in declared_by(read_stack(out)).items()}
    code, message = bench.run()
    assert code != 0
    assert "topic.orders: exists already and was not made from here: retention.ms would change from 5000" in message
    assert bench.configs("orders")["retention.ms"] == "5000"


def test_a_wrong_password_is_said_in_one_line(
    properties: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    properties.write_text(properties.read_text().replace(ADMIN_PASSWORD, "hunter2-hunter2"))
    assert main(["adopt", "--properties", str(properties), "--out", str(tmp_path / "Pulumi.x.yaml")]) == 1
    shown = capsys.readouterr()
    assert "Authentication failed" in shown.err
    assert len(shown.err.splitlines()) == 1
    assert "hunter2" not in shown.err + shown.out
    assert not list(tmp_path.glob("Pulumi.*"))
