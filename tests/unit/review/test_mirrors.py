"""What a change of a mirror means, whoever runs it."""

from dataclasses import replace
from typing import Any

import pytest
from kafka_platform import (
    ConnectorState,
    KafkaConnection,
    MirrorSource,
    Naming,
    ReplicationSpec,
    replication_connectors,
)
from kafka_platform.connect.applying import data_of
from kafka_platform.connect.objects import ConnectSettings
from kafka_platform.mirror.operated import mirror_maker
from kafka_platform.mirror.settings import MirrorSettings

from infra.review.changes import Change, Operation, Preview
from infra.review.connectors import connector_findings
from infra.review.findings import Finding, Section
from infra.review.objects import findings

CONNECTION = KafkaConnection(
    cluster="events", namespace="streaming", bootstrap_servers="b:9092", security_protocol="PLAINTEXT"
)
MIRROR = ReplicationSpec(
    origin=MirrorSource(name="first", bootstrap_servers="first:9092", username="mirror", secret="login"),
    topics=["orders", "shop-*"],
    groups=["pay.*"],
)


def spec(**changes: Any) -> ReplicationSpec:
    return replace(MIRROR, **changes)


def of_connect(old: ReplicationSpec | None, new: ReplicationSpec | None) -> list[Finding]:
    def data(made: ReplicationSpec | None) -> dict[str, Any]:
        connectors = {} if made is None else replication_connectors(made)
        settings = ConnectSettings(
            name="connect",
            namespace="streaming",
            connection=CONNECTION,
            image="",
            runtime_image="",
            connectors=connectors,
        )
        found: dict[str, Any] = data_of(settings.applying)
        return found

    return list(connector_findings(data(old), data(new)))


def of_strimzi(old: ReplicationSpec | None, new: ReplicationSpec | None) -> list[Finding]:
    def inputs(made: ReplicationSpec | None) -> dict[str, Any] | None:
        if made is None:
            return None
        settings = MirrorSettings(name="mirror", namespace="streaming", connection=CONNECTION, image="", spec=made)
        return mirror_maker(settings)

    operation = Operation.CREATE if old is None else Operation.DELETE if new is None else Operation.UPDATE
    urn = (
        "urn:pulumi:prod::p::kafka-platform:index:Replication$kubernetes:kafka.strimzi.io/v1:KafkaMirrorMaker2::mirror"
    )
    change = Change(operation=operation, urn=urn, before=inputs(old), after=inputs(new))
    return list(findings(Preview(changes=(change,)).changes))


@pytest.mark.parametrize(
    ("old", "new", "section", "text", "look"),
    [
        (None, MIRROR, Section.ACCESS, "new: brings topics `orders`, `shop-*` from `first:9092`", True),
        (MIRROR, spec(topics=["orders", "shop-*", "stock"]), Section.ACCESS, "also brings topics `stock`", True),
        (MIRROR, spec(topics=["shop-*"]), Section.DATA, "no longer brings topics `orders`", True),
        (MIRROR, spec(groups=["pay.*", "fraud"]), Section.ACCESS, "also brings the offsets of groups `fraud`", True),
        (
            MIRROR,
            spec(names=Naming.PREFIXED),
            Section.DATA,
            "topics or their source are called otherwise: everything is mirrored again, and offsets of groups are not those before",
            True,
        ),
        (
            MIRROR,
            spec(origin=replace(MIRROR.origin, bootstrap_servers="other:9092")),
            Section.DATA,
            "reads from `other:9092` instead of `first:9092`: if that is another Kafka, records are missing or twice",
            True,
        ),
    ],
)
def test_what_a_change_means(
    old: ReplicationSpec | None, new: ReplicationSpec, section: Section, text: str, look: bool
) -> None:
    for found in (of_connect(old, new), of_strimzi(old, new)):
        assert (section, text, look) in [(each.section, each.text, each.look) for each in found]


def test_a_stopped_mirror_needs_a_second_look() -> None:
    stopped = spec(state=ConnectorState.STOPPED)
    assert "is stopped: its records wait" in [each.text for each in of_connect(MIRROR, stopped) if each.look]
    assert "is stopped: what is written at its source waits there" in [
        each.text for each in of_strimzi(MIRROR, stopped) if each.look
    ]


def test_a_removed_mirror_says_what_is_missing_from_then_on() -> None:
    [found] = [each for each in of_strimzi(MIRROR, None) if each.section is Section.DATA]
    assert found.text == "deleted: what is written at `first:9092` from now on is not here"
