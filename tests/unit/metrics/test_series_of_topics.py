"""What a topic costs Prometheus: series of real brokers and of the real exporter."""

import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from kafka_platform import KafkaConnection
from kafka_platform.cluster import metrics
from kafka_platform.kafka.protocols import Engine
from kafka_platform.monitoring.objects import monitors, pod_monitor
from kafka_platform.monitoring.spec import MonitoredSpec
from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.exporter.cluster import Cluster
from kafka_platform_runtime.exporter.look import Looker
from kafka_platform_runtime.exporter.page import Page
from kafka_platform_runtime.exporter.settings import Settings

from tests.kafka_process import QUICK, LocalKafka, needed_agent, needed_jars
from tests.ports import free_ports

BROKERS = 3
MOST = 10
"""Series that a topic may cost by default."""
Series = tuple[str, dict[str, str]]
"""The name and the labels."""


@dataclass(kw_only=True)
class Watched(LocalKafka):
    """Nodes that expose their metrics."""

    agents: list[int] = field(default_factory=lambda: free_ports(BROKERS))
    """Ports of the agents."""

    def start_node(self, number: int) -> None:
        """With an agent of its own."""
        rules = Path(metrics.__file__).with_name(metrics.RULES_FILE)
        self.jvm_options = (*QUICK, f"-javaagent:{needed_agent()}={self.agents[number]}:{rules}")
        super().start_node(number)

    def shown(self) -> list[Series]:
        """What all brokers show."""
        pages = (urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) for port in self.agents)
        return [each for page in pages for each in series_of(page.read().decode())]


def series_of(text: str) -> list[Series]:
    lines = [line.rpartition(" ")[0] for line in text.splitlines() if line and not line.startswith("#")]
    return [(each.partition("{")[0], dict(re.findall(r'(\w+)="([^"]*)"', each))) for each in lines]


@pytest.fixture(scope="module")
def kafka() -> Iterator[Watched]:
    """Three brokers, each with the lead of partitions of the topic `t`, which is written and read."""
    with Watched(jars=needed_jars(), nodes=BROKERS, heap="256m") as cluster:
        login: dict[str, Any] = cluster.client()
        admin = AdminClient(login)
        for future in admin.create_topics([NewTopic("t", 2 * BROKERS, BROKERS)]).values():
            future.result()
        producer = Producer(login)
        for number in range(60):
            producer.produce("t", b"x", partition=number % (2 * BROKERS))
        assert producer.flush(60) == 0
        consumer = Consumer({**login, "group.id": "g", "auto.offset.reset": "earliest"})
        consumer.subscribe(["t"])
        read = 0
        while read < 60:
            read += len(consumer.consume(60, 1))
        consumer.close()
        yield cluster


def test_a_topic_is_ten_series_at_most_on_any_number_of_brokers(kafka: Watched) -> None:
    """Six of the exporter; the brokers' own, two for each that leads partitions, are not stored."""
    page, looker = Page(), Looker(Settings())
    cluster = Cluster(Connection.from_environment(kafka.environment()))
    page.seen(looker.look(cluster), 0.1, looker.errors)
    cluster.close()
    of_exporter = [each for each in series_of(page.text.decode()) if of_topic(each)]
    assert len(of_exporter) == 6
    shown = kafka.shown()
    assert len([each for each in shown if of_topic(each)]) == 2 * BROKERS
    stored = [each for each in shown if is_stored(*each)]
    assert len([each for each in stored if of_topic(each)]) + len(of_exporter) <= MOST
    assert not [each for each in stored if of_topic(each)]
    # What brokers count of all topics together stays.
    whole = [labels for name, labels in stored if name == "kafka_server_brokertopicmetrics_bytesinpersec_total"]
    assert whole == [{}] * BROKERS


def of_topic(series: Series) -> bool:
    """Pairs of a group and the topic are counted by the groups."""
    return series[1].get("topic") == "t" and "consumergroup" not in series[1]


def is_stored(name: str, labels: dict[str, str]) -> bool:
    """Whether Prometheus keeps a series of a broker, by what the stack tells it."""
    spec = MonitoredSpec(engine=Engine.EMBEDDED, nodes=True, exporter=True)
    connection = KafkaConnection(
        cluster="kafka", namespace="n", bootstrap_servers="b:9092", security_protocol="PLAINTEXT"
    )
    monitor = pod_monitor(monitors("kafka", spec, connection, [])["nodes"], {})
    [dropped] = monitor["spec"]["podMetricsEndpoints"][0]["metricRelabelings"]
    values = ";".join((labels | {"__name__": name}).get(each, "") for each in dropped["sourceLabels"])
    return re.fullmatch(dropped["regex"], values) is None
