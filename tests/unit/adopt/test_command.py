"""`python -m infra adopt` without a Kafka: what it reads, what it refuses, and what it leaves out."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.__main__ import main
from infra.adopt.access import AdoptError, access_of
from infra.settings.parsing import read_stack
from infra.settings.stackfile import read

PLAIN = "bootstrap.servers=kafka.example.com:9092\n"
LOGIN = "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-256\nsasl.username=root\nsasl.password=hunter2\n"


@pytest.fixture
def properties(tmp_path: Path) -> Path:
    file = tmp_path / "admin.properties"
    file.write_text(PLAIN + LOGIN)
    return file


def inventory(folder: Path, **more: Any) -> Path:
    file = folder / "inventory.json"
    found = {"version": 1, "brokers": 3, "topics": {}, "passwords": {}, "acls": [], "quotas": [], "unread": []}
    file.write_text(json.dumps(found | more))
    return file


def topic(partitions: int = 1, **config: str) -> dict[str, Any]:
    return {"partitions": partitions, "replicas": 3, "config": config}


def adopted(properties: Path, name: str = "taken", **found: Any) -> str:
    """What is written of a Kafka with these."""
    out = properties.parent / f"Pulumi.{name}.yaml"
    known = inventory(properties.parent, **found)
    assert main(["adopt", "--properties", str(properties), "--inventory", str(known), "--out", str(out)]) == 0
    read_stack(out)
    return out.read_text(encoding="utf-8")


def notes(text: str) -> list[str]:
    return [line.removeprefix("# - ") for line in text.splitlines() if line.startswith("# - ")]


@pytest.mark.parametrize(
    ("text", "username", "password"),
    [
        (LOGIN, "root", "hunter2"),
        (LOGIN.replace("sasl.mechanism=", "sasl.mechanisms="), "root", "hunter2"),
        (
            "security.protocol=sasl_ssl\nsasl.mechanism=PLAIN\nsasl.jaas.config=org.apache.kafka.common.security.plain"
            '.PlainLoginModule required username="a b" password="x\\\\"y=z";\n',
            "a b",
            'x"y=z',
        ),
    ],
)
def test_the_login_of_a_client(tmp_path: Path, text: str, username: str, password: str) -> None:
    file = tmp_path / "p"
    file.write_text(PLAIN + text)
    found = access_of(file, None)
    assert (found.username, found.password, found.servers) == (username, password, "kafka.example.com:9092")
    assert password not in repr(found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no bootstrap.servers: add them, or write --bootstrap"),
        (
            PLAIN + "security.protocol=TLS",
            "security.protocol: 'TLS' is not known: use one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL",
        ),
        (
            PLAIN + LOGIN.replace("SCRAM-SHA-256", "AWS_MSK_IAM"),
            "sasl.mechanism: 'AWS_MSK_IAM' is not known here: log in by one of SCRAM-SHA-512, SCRAM-SHA-256, PLAIN, or with a client's certificate",
        ),
        (
            PLAIN + LOGIN.replace("sasl.password=hunter2", ""),
            "sasl.password: missing: write it, or a sasl.jaas.config that has it",
        ),
        (
            PLAIN + "security.protocol=SSL\nssl.truststore.location=/x.jks",
            "ssl.truststore.location: is no PEM: write the authority's PEM as ssl.ca.location",
        ),
        (
            PLAIN + "security.protocol=SSL\nssl.keystore.location=/x.jks",
            "write a client's certificate as ssl.certificate.location and ssl.key.location (PEM)",
        ),
    ],
)
def test_properties_that_are_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "p"
    file.write_text(text)
    with pytest.raises(AdoptError) as refused:
        access_of(file, None)
    assert str(refused.value).endswith(message)
    assert "hunter2" not in str(refused.value)


def test_the_way_in_is_in_the_stack_file_without_the_login(properties: Path) -> None:
    properties.write_text(properties.read_text() + "ssl.ca.location=/ca.pem\n")
    text = adopted(properties)
    assert "hunter2" not in text
    assert "root" not in text
    assert yaml.safe_load(text)["config"]["kafka-platform:platform"]["kafka"] == {
        "engine": "external",
        "bootstrapServers": "kafka.example.com:9092",
        "securityProtocol": "SASL_SSL",
        "saslMechanism": "SCRAM-SHA-256",
        "caSecret": "kafka-ca",
        "adminSecret": "kafka-admin",
    }


def test_nothing_is_overwritten(properties: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = adopted(properties)
    out = properties.parent / "Pulumi.taken.yaml"
    known = inventory(properties.parent, topics={"new": topic()})
    assert main(["adopt", "--properties", str(properties), "--inventory", str(known), "--out", str(out)]) == 1
    assert capsys.readouterr().err.endswith("is there already: nothing is overwritten, name another file\n")
    assert out.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "prod.yaml"], "'prod.yaml' is not the name of a stack file: write --out stacks/Pulumi.<stack>.yaml"),
        (["--out", "Pulumi.x.yaml", "--tenant", "A B"], "--tenant: 'A B' is not a Kubernetes name"),
        (["--out", "Pulumi.x.yaml", "--inventory", "none.json"], "none.json cannot be read"),
        (["--out", "Pulumi.x.yaml", "--inventory", "admin.properties"], "the inventory cannot be read"),
    ],
)
def test_a_misuse_is_answered_in_one_line(
    properties: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(properties.parent)
    assert main(["adopt", "--properties", str(properties), *arguments]) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith(message)
    assert len(shown.err.splitlines()) == 1
    assert not list(properties.parent.glob("Pulumi.*"))


def test_more_topics_than_a_stack_file_has_room_for_are_in_files_beside_it(properties: Path) -> None:
    topics = {f"topic-{each:04}": topic(6, **{"retention.ms": "86400000"}) for each in range(2_600)}
    text = adopted(properties, topics=topics)
    assert "topicFiles: [taken-topics.yaml, taken-topics-2.yaml]" in text
    settings = read_stack(properties.parent / "Pulumi.taken.yaml")
    assert settings.topics.keys() == topics.keys()
    assert read(properties.parent / "Pulumi.taken.yaml")


def test_what_check_would_refuse_is_noted_and_left_out(properties: Path) -> None:
    found = {
        "wide": topic(20_000),
        "all-in-sync": topic(1, **{"min.insync.replicas": "3"}),
        "odd": topic(1, **{"retention.ms": "-5", "max.message.bytes": "2147483648", "confluent.tier.enable": "true"}),
        "long": topic(1, **{"retention.ms": str(2**62)}),
        "x" * 249: topic(),
    }
    text = adopted(properties, topics=found)
    settings = read_stack(properties.parent / "Pulumi.taken.yaml")
    assert sorted(settings.topics) == ["all-in-sync", "long", "odd"]
    assert settings.topics["odd"].config == {"confluent.tier.enable": "true"}
    said = notes(text)
    assert any(each.startswith("topic wide: ") and "20000" in each for each in said)
    assert any(each.startswith(f"topic {'x' * 249}: ") for each in said)
    assert any(each.startswith("topic all-in-sync: replicas: 3, all of which must be in sync") for each in said)
    assert any(each.startswith("topic long: retention: ") for each in said)
    assert any(each.startswith("topic odd: retention.ms: '-5' cannot be declared") for each in said)
    assert any(each.startswith("topic odd: maxMessageSize: ") for each in said)
    assert len(said) == 6


def test_names_of_others_stay_in_their_line(properties: Path) -> None:
    acl = {
        "principal": "User:CN=a\nconfig: {}",
        "host": "*",
        "resource": "TOPIC",
        "name": "a\n# b\x1b[31m",
        "pattern": "LITERAL",
        "operation": "READ",
        "permission": "DENY",
    }
    text = adopted(properties, acls=[acl])
    [note] = notes(text)
    assert note == (
        "ACL: DENY READ on TOPIC a # b\\x1b[31m for User:CN=a config: {}: rules that deny are never declared, and never removed"
    )
    assert text.count("config:\n") == 1


def test_what_kafka_does_not_tell_is_said(properties: Path) -> None:
    text = adopted(properties, unread=["SCRAM credentials: user 'root' may not do this"])
    assert notes(text) == ["not told by Kafka: SCRAM credentials: user 'root' may not do this"]


def test_a_user_without_a_password_logs_in_with_what_it_has(properties: Path) -> None:
    rule = {"host": "*", "resource": "TOPIC", "name": "orders", "pattern": "LITERAL", "permission": "ALLOW"}
    acls = [rule | {"principal": f"User:{name}", "operation": "READ"} for name in ("billing", "CN=erp")]
    adopted(properties, acls=acls, passwords={"billing": ["SCRAM-SHA-256"]})
    users = read_stack(properties.parent / "Pulumi.taken.yaml").users
    assert {name: (user.auth.value, user.adopt) for name, user in users.items()} == {
        "billing": ("scram", True),
        "CN=erp": ("custom", True),
    }
