"""What watching costs: brokers with the JMX agent next to brokers without, and the exporter at 1,000 topics and 100 groups."""

import contextlib
import resource
import statistics
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kafka_platform.cluster import metrics
from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.exporter.cluster import Cluster
from kafka_platform_runtime.exporter.look import Looker
from kafka_platform_runtime.exporter.page import Page
from kafka_platform_runtime.exporter.settings import Settings

from tests.bench.measure import ending_properly, processor_seconds, report, resident_megabytes
from tests.kafka_process import KAFKA_JVM, LocalKafka, find_jars, java, needed_agent
from tests.ports import free_ports

TOPICS, PARTITIONS, GROUPS = 1_000, 3, 100
RECORDS, RECORD_BYTES, RUNS = 1_000_000, 100, 5
WARM_UPS, ROUNDS = 4, 12
"""Rounds of the two brokers: Java compiles for the first ones, which are twice as slow."""
SCRAPES = 50
SCRAPE_SECONDS = 5.0
"""Prometheus' operator reads every 30 s: a run of some seconds has to see some of it."""
LEAST_RATIO = 0.98


@dataclass(frozen=True, kw_only=True)
class Scrape:
    """What reading a port once brings."""

    series: int
    kilobytes: float
    seconds: float


def scrape(port: int) -> Scrape:
    """Read a broker's metrics."""
    begun = time.monotonic()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        body = answer.read()
    series = sum(1 for line in body.splitlines() if line and line[:1] != b"#")
    return Scrape(series=series, kilobytes=len(body) / 1024, seconds=time.monotonic() - begun)


@contextlib.contextmanager
def scraping(port: int | None) -> Iterator[None]:
    """Somebody reads the metrics meanwhile."""
    stop = threading.Event()

    def again() -> None:
        while port is not None and not stop.wait(SCRAPE_SECONDS):
            scrape(port)

    thread = threading.Thread(target=again)
    thread.start()
    yield
    stop.set()
    thread.join()


def produced(kafka: LocalKafka, jars: Path) -> tuple[float, float]:
    """Records a second that one producer gets acknowledged, and the broker's processor seconds for a million."""
    config = kafka.root / "client.properties"
    login = 'org.apache.kafka.common.security.scram.ScramLoginModule required username="{}" password="{}";'
    client = kafka.client()
    config.write_text(
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\n"
        f"sasl.jaas.config={login.format(client['sasl.username'], client['sasl.password'])}\n"
    )
    before = processor_seconds(kafka.members[0].pid)
    command = [java() or "java", "-Xmx512m", "-cp", f"{jars}/*", "org.apache.kafka.tools.ProducerPerformance"]
    command += ["--topic", "bench", "--num-records", str(RECORDS), "--record-size", str(RECORD_BYTES)]
    command += ["--throughput", "-1", "--bootstrap-server", kafka.bootstrap_servers, "--command-config", str(config)]
    command += ["--command-property", "acks=all", "linger.ms=5"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rate = float(done.stdout.rpartition(" records/sec")[0].rpartition(" ")[2])
    return rate, (processor_seconds(kafka.members[0].pid) - before) * 1_000_000 / RECORDS


def brokers(jars: Path) -> dict[str, Any]:
    """Two single brokers on this machine, one with the agent: throughput in turn, memory, start, and what a scrape takes."""
    [port] = free_ports(1)
    agent = f"-javaagent:{needed_agent()}={port}:{Path(metrics.__file__).with_name(metrics.RULES_FILE)}"
    started: dict[bool, float] = {}
    rates: dict[bool, list[float]] = {True: [], False: []}
    costs: dict[bool, list[float]] = {True: [], False: []}
    with contextlib.ExitStack() as stack:
        sides: dict[bool, LocalKafka] = {}
        for watched in (False, True):
            begun = time.monotonic()
            options = (*KAFKA_JVM, agent) if watched else KAFKA_JVM
            sides[watched] = stack.enter_context(LocalKafka(jars=jars, heap="512m", jvm_options=options))
            started[watched] = time.monotonic() - begun
            admin = AdminClient(sides[watched].client())
            admin.create_topics([NewTopic("bench", 12, 1)])["bench"].result(60)
        for number in range(WARM_UPS + ROUNDS):
            # Whoever comes second finds the machine as the first one left it: they take turns in that too.
            for watched in (True, False) if number % 2 else (False, True):
                with scraping(port if watched else None):
                    rate, cost = produced(sides[watched], jars)
                if number >= WARM_UPS:
                    rates[watched].append(rate)
                    costs[watched].append(cost)
        before = processor_seconds(sides[True].members[0].pid)
        found = [scrape(port) for _ in range(SCRAPES)][-1]
        a_scrape = (processor_seconds(sides[True].members[0].pid) - before) / SCRAPES
        memory = {watched: resident_megabytes(kafka.members[0].pid) for watched, kafka in sides.items()}
    with_agent, without = (statistics.median(rates[each]) for each in (True, False))
    ratios = [fast / slow for fast, slow in zip(rates[True], rates[False], strict=True)]
    return {
        "records_per_second": round(with_agent),
        "records_per_second_without": round(without),
        "throughput_ratio": round(statistics.median(ratios), 3),
        "throughput_ratios": [round(each, 2) for each in sorted(ratios)],
        "scrape_processor_seconds": round(a_scrape, 4),
        "processor_ratio": round(statistics.median(costs[True]) / statistics.median(costs[False]), 3),
        "start_seconds": round(started[True], 1),
        "start_seconds_without": round(started[False], 1),
        "memory_mb": round(memory[True]),
        "memory_mb_without": round(memory[False]),
        "series": found.series,
        "scrape_kb": round(found.kilobytes),
        "scrape_seconds": round(found.seconds, 3),
    }


def coordinated(kafka: LocalKafka) -> None:
    """Waits for the topic of offsets, which the first question about a group makes: it takes minutes once there are 1,000 others."""
    consumer = Consumer({**kafka.client(), "group.id": "first"})
    end = time.monotonic() + 120
    while True:
        try:
            consumer.committed([TopicPartition("none", 0)], timeout=30)
        except KafkaException:
            if time.monotonic() > end:
                raise
            time.sleep(1)
        else:
            consumer.close()
            return


def fill(kafka: LocalKafka) -> None:
    """1,000 topics, a record in each partition of the first ones, and 100 groups that have read some."""
    coordinated(kafka)
    admin = AdminClient(kafka.client())
    names = [f"topic-{number}" for number in range(TOPICS)]
    for at in range(0, TOPICS, 200):
        for future in admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names[at : at + 200]]).values():
            future.result(120)
    # The controller has them at once; the broker needs a while for the folders of 3,000 partitions.
    end = time.monotonic() + 180
    while len(admin.list_topics(timeout=30).topics) < TOPICS:
        if time.monotonic() > end:
            raise SystemExit("the broker does not have all topics")
        time.sleep(0.5)
    producer = Producer(kafka.client())
    for number in range(GROUPS * 3):
        for partition in range(PARTITIONS):
            producer.produce(names[number], b"x" * 100, partition=partition)
    if producer.flush(120):
        raise SystemExit("records were not acknowledged")
    for number in range(GROUPS):
        read = [TopicPartition(names[3 * number + each], part, 0) for each in range(3) for part in range(PARTITIONS)]
        asked = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(f"group-{number}", read)])
        for done in asked.values():
            done.result(60)


def exporter(jars: Path) -> dict[str, float]:
    """Looks at 1,000 topics with three partitions each, and 100 groups that read three topics each."""
    [port] = free_ports(1)
    agent = f"-javaagent:{needed_agent()}={port}:{Path(metrics.__file__).with_name(metrics.RULES_FILE)}"
    with LocalKafka(jars=jars, heap="1g", jvm_options=(*KAFKA_JVM, agent)) as kafka:
        empty = scrape(port).series
        fill(kafka)
        connection = Connection.from_environment(kafka.environment())
        cluster, looker, page = Cluster(connection), Looker(Settings()), Page()
        begins = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        seconds, used, asked = [], [], []
        for _ in range(RUNS + 1):
            at, own, broker = time.monotonic(), time.process_time(), processor_seconds(kafka.members[0].pid)
            snapshot = looker.look(cluster)
            page.seen(snapshot, time.monotonic() - at, looker.errors)
            seconds.append(time.monotonic() - at)
            used.append(time.process_time() - own)
            asked.append(processor_seconds(kafka.members[0].pid) - broker)
        cluster.close()
        text = page.text
        full = scrape(port)
        if len(snapshot.topics) < TOPICS or len(snapshot.lags) != 3 * GROUPS or looker.errors:
            raise SystemExit(f"{len(snapshot.topics)} topics, {len(snapshot.lags)} lags, {looker.errors}")
    return {
        "look_seconds": round(statistics.median(seconds[1:]), 3),
        "look_processor_seconds": round(statistics.median(used[1:]), 3),
        "look_broker_processor_seconds": round(statistics.median(asked[1:]), 3),
        "exporter_memory_more_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - begins),
        "exporter_series": sum(1 for line in text.splitlines() if line and line[:1] != b"#"),
        "exporter_scrape_kb": round(len(text) / 1024),
        "exporter_series_per_topic": sum(1 for line in text.splitlines() if b'topic="topic-999"' in line),
        "broker_series_per_topic": round((full.series - empty) / (3 * GROUPS), 2),
        "broker_scrape_seconds": round(full.seconds, 3),
    }


def main() -> None:
    jars = find_jars()
    if jars is None:
        raise SystemExit("no Kafka jars: `make up` fetches them")
    with ending_properly():
        found: dict[str, Any] = brokers(jars)
        print(found, flush=True)
        found |= exporter(jars)
        found["least_ratio"] = LEAST_RATIO
    report(**found)


if __name__ == "__main__":
    main()
