"""`python -m infra adopt --strimzi`: what Strimzi's operators manage stays theirs, and everything that is not declared is told."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.__main__ import main
from infra.adopt.access import AdoptError
from infra.adopt.inventory import Acl
from infra.adopt.operated import Operated, operated_in
from infra.settings.parsing import read_stack
from tests.unit.adopt.test_command import LOGIN, PLAIN, inventory, notes, topic

NAMESPACE = "kafka"


def custom(kind: str, name: str, cluster: str | None = "events", /, **more: Any) -> dict[str, Any]:
    """A custom resource as kubectl prints it; `annotations` and `namespace` are metadata, the rest is its spec."""
    metadata = {"name": name, "namespace": more.pop("namespace", NAMESPACE), "annotations": more.pop("annotations", {})}
    if cluster is not None:
        metadata["labels"] = {"strimzi.io/cluster": cluster}
    return {"apiVersion": "kafka.strimzi.io/v1", "kind": kind, "metadata": metadata, "spec": more}


def kafka(name: str = "events", **operators: Any) -> dict[str, Any]:
    known = operators or {"topicOperator": {}, "userOperator": {}}
    return custom("Kafka", name, None, entityOperator=known)


def listed(*objects: dict[str, Any]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


TLS, SCRAM = {"authentication": {"type": "tls"}}, {"authentication": {"type": "scram-sha-512"}}
TWO_CLUSTERS = [
    kafka(),
    kafka("other"),
    custom("KafkaTopic", "orders"),
    custom("KafkaTopic", "upper-7d1c", topicName="Upper_Case"),
    custom("KafkaTopic", "free", annotations={"strimzi.io/managed": "false"}),
    custom("KafkaTopic", "not-yet"),
    custom("KafkaTopic", "payments", "other"),
    custom("KafkaTopic", "lost", None),
    custom("KafkaUser", "api", **SCRAM),
    custom("KafkaUser", "edge", **TLS),
    custom("KafkaUser", "there", "other", **SCRAM),
    custom("KafkaUser", "idle"),
]


def test_the_objects_of_one_cluster_are_told_from_those_of_others() -> None:
    found = operated_in(listed(*TWO_CLUSTERS), "events")
    assert found == Operated(
        cluster="events",
        topics={"not-yet": "not-yet", "orders": "orders", "Upper_Case": "upper-7d1c"},
        users={"api": "api", "CN=edge": "edge", "idle": "idle"},
        notes=["KafkaTopic free: is not managed (strimzi.io/managed is false): what is in Kafka is declared here"],
    )
    assert operated_in(listed(*TWO_CLUSTERS), "other").topics == {"payments": "payments"}


def test_an_operator_that_is_not_there_or_looks_elsewhere_manages_nothing() -> None:
    objects = [custom("KafkaTopic", "orders"), custom("KafkaUser", "api", **SCRAM)]
    none = operated_in(listed(custom("Kafka", "events", None), *objects))
    assert (none.topics, none.users) == ({}, {})
    assert none.notes == [
        "KafkaTopic orders: nobody carries it out, as the Kafka has no topicOperator: what is in Kafka is declared here",
        "KafkaUser api: nobody carries it out, as the Kafka has no userOperator: what is in Kafka is declared here",
    ]
    elsewhere = kafka(topicOperator={"watchedNamespace": "teams"}, userOperator={})
    found = operated_in(listed(elsewhere, *objects, custom("KafkaTopic", "theirs", namespace="teams")))
    assert (found.topics, found.users) == ({"theirs": "theirs"}, {"api": "api"})
    assert found.notes == [
        "KafkaTopic orders: nobody carries it out, as the topicOperator watches the namespace teams: what is in Kafka is declared here"
    ]


@pytest.mark.parametrize(
    ("text", "cluster", "message"),
    [
        ("no resources found", None, "the custom resources cannot be read"),
        ("[]", None, "the custom resources cannot be read"),
        ('{"items": [{"kind": "Kafka"}]}', None, "the custom resources cannot be read"),
        (listed(custom("KafkaTopic", "a")), None, "no Kafka is among the custom resources: give what `kubectl get"),
        (listed(*TWO_CLUSTERS), None, "are of several Kafkas: name one of events, other as --cluster"),
        (listed(kafka()), "evnets", "--cluster: 'evnets' is not among the custom resources: name one of events"),
        (
            listed(kafka(), kafka() | {"metadata": {"name": "events", "namespace": "two"}}),
            None,
            "there are Kafkas called events in several namespaces",
        ),
    ],
)
def test_it_is_clear_which_kafka_is_meant(text: str, cluster: str | None, message: str) -> None:
    with pytest.raises(AdoptError) as caught:
        operated_in(text, cluster)
    assert message in str(caught.value)


def rule(principal: str, permission: str = "ALLOW", host: str = "*") -> dict[str, str]:
    made = Acl(
        principal=f"User:{principal}",
        host=host,
        resource="TOPIC",
        name="orders",
        pattern="LITERAL",
        operation="READ",
        permission=permission,
    )
    return vars(made)


def test_what_operators_manage_is_not_declared_and_all_of_it_is_told(tmp_path: Path) -> None:
    properties, objects, out = tmp_path / "p", tmp_path / "objects.json", tmp_path / "Pulumi.taken.yaml"
    properties.write_text(PLAIN + LOGIN)
    objects.write_text(listed(*TWO_CLUSTERS))
    known = inventory(
        tmp_path,
        topics={each: topic() for each in ("orders", "Upper_Case", "free", "lost", "strimzi.cruisecontrol.metrics")},
        passwords={"api": ["SCRAM-SHA-512"], "by-hand": ["SCRAM-SHA-512"]},
        # A rule that denies, and one of a host: no stack file could say these.
        acls=[rule("api"), rule("CN=edge", "DENY"), rule("CN=edge", host="10.0.0.1"), rule("by-hand")],
        quotas=[{"of": {"user": "CN=edge"}, "limits": {"producer_byte_rate": 1e6}}],
    )
    command = ["adopt", "--properties", str(properties), "--inventory", str(known), "--out", str(out)]
    assert main([*command, "--strimzi", str(objects), "--cluster", "events"]) == 0
    settings = read_stack(out)
    assert set(settings.topics) == {"free", "lost"}
    assert set(settings.users) == {"by-hand"}
    told = notes(out.read_text(encoding="utf-8"))
    assert set(told) == {
        "KafkaTopic free: is not managed (strimzi.io/managed is false): what is in Kafka is declared here",
        "topic strimzi.cruisecontrol.metrics: is Cruise Control's own",
        "topic Upper_Case: Strimzi manages it, by the KafkaTopic upper-7d1c",
        "topic not-yet: Strimzi manages it, by the KafkaTopic not-yet, and has not made it",
        "topic orders: Strimzi manages it, by the KafkaTopic orders",
        "user CN=edge: Strimzi manages it, by the KafkaUser edge, with 2 ACLs",
        "user api: Strimzi manages it, by the KafkaUser api, with 1 ACL",
        "user idle: Strimzi manages it, by the KafkaUser idle, and Kafka told nothing of it",
    }


def test_a_cluster_without_custom_resources_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p").write_text(PLAIN)
    out = tmp_path / "Pulumi.taken.yaml"
    command = ["adopt", "--properties", str(tmp_path / "p"), "--out", str(out), "--cluster", "events"]
    assert main(command) == 1
    assert "--cluster: chooses among custom resources: give --strimzi too" in capsys.readouterr().err
    assert not out.exists()
