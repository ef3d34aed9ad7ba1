"""What changes of light connectors mean, with the files as they are rendered."""

from dataclasses import replace
from typing import Any

import pytest
from kafka_platform import S3, CassandraSink, HdfsSink, HttpSink, KafkaConnection, LightConnectorSpec, Mqtt
from kafka_platform.light.objects import LightSettings, config_map

from tests.unit.review.objects import change, said

CONNECTION = KafkaConnection(
    cluster="events", namespace="streaming", bootstrap_servers="b:9092", security_protocol="PLAINTEXT"
)
SINK = LightConnectorSpec(http=HttpSink(url="https://api.example.com/in"), reads=["orders", "items"])
SOURCE = LightConnectorSpec(mqtt=Mqtt(host="mq.example.com", filters=["plants/#"], writes="plants"))
BUCKET = LightConnectorSpec(s3=S3(bucket="lake", secret="s"), reads=["orders"])

LAKE = HdfsSink(urls=["https://nn-1", "https://nn-2"], path="/lake", user="connect", datanodes=["a:9865"])
FILES = LightConnectorSpec(hdfs=LAKE, reads=["orders"])

ROWS = CassandraSink(hosts=["a", "b"], datacenter="dc1", keyspace="shop", table="orders", columns={"id": "key"})


def rendered(spec: LightConnectorSpec) -> dict[str, Any]:
    settings = LightSettings(
        connector="move", namespace="streaming", connection=CONNECTION, image="", spec=spec, secret=None
    )
    found: dict[str, Any] = config_map(settings)
    return found


@pytest.mark.parametrize(
    ("old", "new", "section", "line"),
    [
        (
            None,
            SINK,
            "Access",
            "! connector `move`: data of `orders`, `items` now also goes to `https://api.example.com/in`",
        ),
        (
            SINK,
            replace(SINK, http=HttpSink(url="https://other.example.com/in")),
            "Access",
            "! connector `move`: data of `orders`, `items` now also goes to `https://other.example.com/in`",
        ),
        (
            replace(SINK, reads=["orders"]),
            SINK,
            "Access",
            "! connector `move`: data of `items` now also goes to `https://api.example.com/in`",
        ),
        (
            SINK,
            replace(SINK, reads=["orders"]),
            "Data at risk",
            "! connector `move`: no longer delivers the records of `items`",
        ),
        (
            None,
            FILES,
            "Access",
            "! connector `move`: data of `orders` now also goes to `https://nn-1, https://nn-2 /lake`",
        ),
        (
            FILES,
            replace(FILES, hdfs=replace(LAKE, datanodes=["a:9865", "*.example.com:9865"])),
            "Access",
            "! connector `move`: data of `orders` may now also go to `*.example.com:9865`",
        ),
        (
            LightConnectorSpec(cassandra=ROWS, reads=["orders"]),
            LightConnectorSpec(cassandra=replace(ROWS, table="other"), reads=["orders"]),
            "Access",
            "! connector `move`: data of `orders` now also goes to `a, b shop.other`",
        ),
        (
            LightConnectorSpec(cassandra=ROWS, reads=["orders"]),
            LightConnectorSpec(cassandra=replace(ROWS, nodes=["10.1.0.0/16"]), reads=["orders"]),
            "Access",
            "! connector `move`: data of `orders` may now also go to `10.1.0.0/16`",
        ),
        (
            SINK,
            None,
            "Data at risk",
            "! connector `move`: removed: no longer moves `orders`, `items` to `https://api.example.com/in`",
        ),
        (
            SOURCE,
            None,
            "Data at risk",
            "! connector `move`: removed: no longer moves `mq.example.com:8883` to `plants`",
        ),
        (
            SOURCE,
            replace(SOURCE, mqtt=Mqtt(host="mq2.example.com", filters=["plants/#"], writes="plants")),
            "Data at risk",
            "! connector `move`: other data from now on: moves `mq2.example.com:8883` to `plants`, before: moves "
            "`mq.example.com:8883` to `plants`",
        ),
        (
            BUCKET,
            replace(BUCKET, s3=S3(bucket="other", secret="s")),
            "Access",
            "! connector `move`: data of `orders` now also goes to `https://s3.us-east-1.amazonaws.com/other/`",
        ),
        (
            SOURCE,
            replace(SOURCE, mqtt=Mqtt(host="mq.example.com", topic="out"), reads=["plants"]),
            "Access",
            "! connector `move`: data of `plants` now also goes to `mq.example.com:8883`",
        ),
        (SINK, replace(SINK, batch=7), "Other", "connector `move`: settings change: `batch`, `inFlight`"),
    ],
)
def test_it_is_said(old: LightConnectorSpec | None, new: LightConnectorSpec | None, section: str, line: str) -> None:
    sides = [None if each is None else rendered(each) for each in (old, new)]
    found = said(change("ConfigMap", sides[0], sides[1]))
    assert line in next(lines for title, lines in found.items() if title.startswith(section)), found


def test_nothing_is_said_of_what_stays() -> None:
    found = said(change("ConfigMap", rendered(SINK), {**rendered(SINK), "metadata": {"name": "other"}}))
    assert "move" not in str(found)


@pytest.mark.parametrize("content", ["", "[", "[1]", '{"topics": 3}', "null"])
def test_a_file_of_somebody_else_is_no_connector(content: str) -> None:
    found = said(change("ConfigMap", None, {"metadata": {"name": "x"}, "data": {"connector.json": content}}))
    assert "connector" not in str(found)
