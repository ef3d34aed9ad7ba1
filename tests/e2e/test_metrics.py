"""Metrics as `pulumi up` deploys them: those of embedded brokers, and the exporter's while a group lags."""

import re
import time
from typing import Any

import pytest

from tests.e2e.conftest import MakeStack
from tests.harness import Stack, client_pod, eventually, get, in_pod, kubectl, scrape

NAMESPACE = "e2e-metrics"
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {
        "engine": "embedded",
        "nodes": 3,
        "storage": "1Gi",
        "resources": {"memory": "768Mi"},
        "deletion": "allow",
        "metrics": "jmx",
    },
    "topics": {"orders": {"partitions": 3, "deletion": "allow"}},
    "tenants": {"shop": {"users": {"app": {"reads": ["orders"], "writes": ["orders"], "groups": ["shop*"]}}}},
    "exporter": {"interval": "5s"},
}
WRITTEN, READ = 300, 120
MOVE = f"""
import sys
from confluent_kafka import Consumer, Producer, TopicPartition
sys.path.append("/programs")
from ledger import connection
login = connection()
producer = Producer(login)
for number in range({WRITTEN}):
    producer.produce("orders", b"x" * 100, partition=number % 3)
assert producer.flush(60) == 0
consumer = Consumer({{**login, "group.id": "shop", "auto.offset.reset": "earliest", "enable.auto.commit": False}})
read = 0
for partition in range(3):
    consumer.assign([TopicPartition("orders", partition, 0)])
    mine = 0
    while mine < {READ // 3}:
        mine += len(consumer.consume({READ // 3} - mine, 5))
    consumer.commit(offsets=[TopicPartition("orders", partition, mine)], asynchronous=False)
    read += mine
consumer.close()
print(read)
"""


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    stack = make_stack("metrics", PLATFORM)
    stack.up()
    client_pod(NAMESPACE, "client", "app", programs=["ledger.py"])
    return stack


def scraped(host: str) -> dict[str, float]:
    """Every series at port 9404."""
    return scrape(NAMESPACE, "client", f"http://{host}:9404/metrics")


def brokers() -> list[dict[str, float]]:
    return [scraped(f"kafka-{node}.kafka-nodes.{NAMESPACE}.svc") for node in range(3)]


def total(found: list[dict[str, float]], series: str) -> float:
    return sum(each.get(series, 0) for each in found)


def test_brokers_show_what_is_written_while_the_official_image_stays_as_it_is(stack: Stack) -> None:
    image = get("statefulset", "kafka", NAMESPACE)["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image.startswith("docker.io/apache/kafka:")
    bytes_in = 'kafka_server_brokertopicmetrics_bytesinpersec_total{topic="orders"}'
    before = total(brokers(), bytes_in)
    assert in_pod(NAMESPACE, "client", "python3", "-c", MOVE).split()[-1] == str(READ)
    found = brokers()
    assert total(found, bytes_in) - before > WRITTEN * 100
    assert total(found, "kafka_controller_kafkacontroller_activecontrollercount") == 1
    assert total(found, "kafka_server_replicamanager_underreplicatedpartitions") == 0
    assert all(each['jvm_memory_used_bytes{area="heap"}'] > 0 for each in found)
    assert all(len(each) < 700 for each in found)


def test_the_exporter_tells_how_far_a_group_is_behind(stack: Stack) -> None:
    url = stack.outputs()["exporter"]["metricsUrl"]
    assert url == f"http://kafka-exporter.{NAMESPACE}.svc:9404/metrics"
    host = url.split("/")[2].partition(":")[0]
    lag = 'kafka_consumergroup_lag{consumergroup="shop",topic="orders"}'
    eventually("the lag is told", lambda: scraped(host).get(lag) == WRITTEN - READ, 60)
    first = scraped(host)
    assert first["kafka_brokers"] == 3
    assert first['kafka_topic_records_total{topic="orders"}'] == WRITTEN
    assert first['kafka_topic_size_bytes{topic="orders"}'] > 3 * WRITTEN * 10
    assert first['kafka_consumergroup_state{consumergroup="shop",state="Empty"}'] == 1
    assert first['kafka_consumergroup_members{consumergroup="shop"}'] == 0
    assert {value for series, value in first.items() if series.startswith("kafka_exporter_errors_total")} == {0}
    assert first['kafka_provisioner_last_run_failed{resources="kafka"}'] == 0
    assert first['kafka_provisioner_last_run_changes{change="created",resources="kafka"}'] > 2
    assert time.time() - first['kafka_provisioner_last_run_timestamp_seconds{resources="kafka"}'] < 3_600
    seconds = 'kafka_consumergroup_lag_seconds{consumergroup="shop",topic="orders"}'
    eventually("the group gets later", lambda: scraped(host)[seconds] > first[seconds] + 10, 60)


def test_the_logs_say_nothing_of_passwords_or_records(stack: Stack) -> None:
    log = kubectl("-n", NAMESPACE, "logs", "deployment/kafka-exporter")
    assert not re.search(r"password|Traceback", log), log
