"""What a change of declared connectors means."""

from dataclasses import replace
from typing import Any

import pytest
from kafka_platform import (
    Connector,
    ConnectorState,
    IcebergCatalog,
    IcebergSink,
    IcebergStore,
    JdbcSink,
    KafkaConnection,
    MongodbSource,
    PostgresSource,
)
from kafka_platform.connect import operated
from kafka_platform.connect.applying import data_of
from kafka_platform.connect.objects import ConnectSettings
from kafka_platform.connect.spec import ConnectSpec

from infra.review.changes import Change, Operation, Preview
from infra.review.connectors import connector_findings
from infra.review.findings import Finding, Section
from infra.review.objects import findings

CONNECTION = KafkaConnection(
    cluster="events", namespace="streaming", bootstrap_servers="b:9092", security_protocol="PLAINTEXT"
)
SHOP = PostgresSource(host="db.shop", database="shop", secret="shop-db", tables=["public.orders"])
SOURCE = Connector(postgres=SHOP)
SINK = Connector(jdbc=JdbcSink(url="jdbc:postgresql://dw/w", secret="dw"), reads=["orders"])

LAKE = IcebergSink(
    catalog=IcebergCatalog(url="https://catalog.example.com"),
    warehouse="s3://lake/w",
    s3=IcebergStore(endpoint="https://s3.example.com"),
    table="shop.orders",
)


DOCUMENTS = MongodbSource(hosts=["m1", "m2"], secret="m", collections=["shop.carts"])


def documents(**changes: Any) -> dict[str, Any]:
    return data(docs=Connector(mongodb=replace(DOCUMENTS, **changes)))


def lake(**changes: Any) -> dict[str, Any]:
    return data(lake=Connector(iceberg=replace(LAKE, **changes), reads=["orders"]))


def data(removed: tuple[str, ...] = (), **connectors: Connector) -> dict[str, Any]:
    settings = ConnectSettings(
        name="connect",
        namespace="streaming",
        connection=CONNECTION,
        image="",
        runtime_image="",
        connectors=connectors,
        spec=ConnectSpec(removed_connectors=removed),
    )
    found: dict[str, Any] = data_of(settings.applying)
    return found


def source(**changes: Any) -> dict[str, Any]:
    return data(shop=Connector(postgres=replace(SHOP, **changes)))


@pytest.mark.parametrize(
    ("old", "new", "section", "text", "look"),
    [
        ({}, data(shop=SOURCE), Section.OTHER, "new: reads `public.orders` of `db.shop/shop`", False),
        ({}, data(dw=SINK), Section.ACCESS, "data of `orders` now also goes to `jdbc:postgresql://dw/w`", True),
        (
            {},
            lake(),
            Section.ACCESS,
            "data of `orders` now also goes to `s3://lake/w https://s3.example.com https://catalog.example.com`",
            True,
        ),
        (
            lake(),
            lake(s3=IcebergStore(endpoint="https://elsewhere.example.com")),
            Section.ACCESS,
            "data of `orders` now also goes to `s3://lake/w https://elsewhere.example.com https://catalog.example.com`",
            True,
        ),
        (
            lake(),
            lake(table="shop.{table}"),
            Section.DATA,
            "appends to `shop.*` from now on: rows that are in `shop.orders` stay there",
            True,
        ),
        (
            {},
            documents(),
            Section.OTHER,
            "new: reads `shop.carts` of `mongodb://m1:27017,m2:27017/`",
            False,
        ),
        (
            documents(),
            documents(collections=["shop.carts", "shop.people"]),
            Section.DATA,
            "also reads `shop.people`: only changes from now on, unless a signal asks for a snapshot",
            True,
        ),
        (
            documents(),
            documents(hosts=["m2", "m3"]),
            Section.OTHER,
            "reads from `mongodb://m2:27017,m3:27017/` instead of `mongodb://m1:27017,m2:27017/`",
            False,
        ),
        (
            documents(),
            documents(hosts=["elsewhere"]),
            Section.DATA,
            "does not go on where it was (`mongodb.connection.string`): it starts with a snapshot, or misses changes until then",
            True,
        ),
        (data(shop=SOURCE), {}, Section.DATA, "no longer declared: it keeps running with its last configuration", True),
        (
            data(shop=SOURCE),
            data(("shop",)),
            Section.DATA,
            "deleted: its replication slot `shop` in `db.shop` stays and keeps the database's log: drop it after the last record",
            True,
        ),
        (
            data(dw=SINK),
            data(("dw",)),
            Section.DATA,
            "deleted: what was written since it last committed does not reach the other system",
            True,
        ),
        (
            source(),
            source(tables=["public.orders", "public.items"]),
            Section.DATA,
            "also reads `public.items`: only changes from now on, unless a signal asks for a snapshot",
            True,
        ),
        (
            source(tables=["public.orders", "public.items"]),
            source(),
            Section.DATA,
            "no longer reads `public.items`: its changes are missing from the topic from now on",
            True,
        ),
        (
            source(publication="shop"),
            source(publication="shop", slot="other"),
            Section.DATA,
            "does not go on where it was (`slot.name`): it starts with a snapshot, or misses changes until then",
            True,
        ),
        (source(), source(heartbeat="1m"), Section.OTHER, "settings change: `heartbeat.interval.ms`", False),
        (
            data(dw=SINK),
            data(dw=replace(SINK, reads=["orders", "items"])),
            Section.ACCESS,
            "data of `items` now also goes to `jdbc:postgresql://dw/w`",
            True,
        ),
        (
            data(dw=replace(SINK, reads=["orders", "items"])),
            data(dw=SINK),
            Section.DATA,
            "no longer writes the records of `items`",
            True,
        ),
        (
            data(dw=SINK),
            data(dw=replace(SINK, jdbc=JdbcSink(url="jdbc:postgresql://elsewhere/w", secret="dw"))),
            Section.ACCESS,
            "data of `orders` now also goes to `jdbc:postgresql://elsewhere/w`",
            True,
        ),
        (
            data(dw=SINK),
            data(dw=replace(SINK, state=ConnectorState.PAUSED)),
            Section.DATA,
            "is paused: its records wait",
            True,
        ),
    ],
)
def test_what_a_change_means(old: dict[str, Any], new: dict[str, Any], section: Section, text: str, look: bool) -> None:
    [finding] = connector_findings(old, new)
    assert (finding.section, finding.text, finding.look) == (section, text, look)


def test_nothing_is_said_of_what_is_as_it_was() -> None:
    assert list(connector_findings(source(), source())) == []
    assert list(connector_findings({"connector.x": "{"}, {"connector.x": "[]", "removed": "{"})) == []


def custom_resource(connector: Connector | None) -> dict[str, Any] | None:
    """The object of one that Strimzi runs."""
    if connector is None:
        return None
    settings = ConnectSettings(
        name="connect",
        namespace="streaming",
        connection=CONNECTION,
        image="",
        runtime_image="",
        connectors={"it": connector},
    )
    return operated.kafka_connector(settings, "it", connector)


def said(operation: Operation, old: Connector | None, new: Connector | None, *, retained: bool = True) -> list[Finding]:
    urn = "urn:pulumi:prod::p::kafka-platform:index:KafkaConnect$kubernetes:kafka.strimzi.io/v1:KafkaConnector::connect-connector-it"
    change = Change(
        operation=operation,
        urn=urn,
        before=custom_resource(old),
        after=custom_resource(new),
        retained=retained,
        retained_after=retained,
    )
    return list(findings(Preview(changes=(change,)).changes))


@pytest.mark.parametrize(
    ("operation", "old", "new", "section", "text"),
    [
        (Operation.CREATE, None, SOURCE, Section.OTHER, "new: reads `public.orders` of `db.shop/shop`"),
        (Operation.CREATE, None, SINK, Section.ACCESS, "data of `orders` now also goes to `jdbc:postgresql://dw/w`"),
        (
            Operation.UPDATE,
            SOURCE,
            Connector(postgres=replace(SHOP, slot="other", publication="it")),
            Section.DATA,
            "does not go on where it was (`slot.name`): it starts with a snapshot, or misses changes until then",
        ),
        (
            Operation.UPDATE,
            SINK,
            replace(SINK, state=ConnectorState.STOPPED),
            Section.DATA,
            "is stopped: its records wait",
        ),
        (Operation.UPDATE, SINK, replace(SINK, tasks=3), Section.OTHER, "settings change: `tasks.max`"),
        (
            Operation.DELETE,
            SOURCE,
            None,
            Section.DATA,
            "no longer declared: it keeps running with its last configuration",
        ),
    ],
)
def test_the_same_is_said_of_one_that_strimzi_runs(
    operation: Operation, old: Connector | None, new: Connector | None, section: Section, text: str
) -> None:
    [finding] = said(operation, old, new)
    assert (finding.what, finding.subject, finding.section, finding.text) == ("connector", "it", section, text)


def test_one_of_strimzis_that_really_goes_is_data_at_risk() -> None:
    [finding] = said(Operation.DELETE, SOURCE, None, retained=False)
    assert finding.section is Section.DATA
    assert finding.look
    assert finding.text.startswith("deleted: its replication slot `it` in `db.shop` stays")
