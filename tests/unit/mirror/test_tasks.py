"""Mirrors that could be left without tasks, or never come to an end: real Kafkas, a real Kafka Connect, real MirrorMaker."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from kafka_platform import Topic
from kafka_platform.mirror.spec import Naming
from kafka_platform_runtime.connect_applier.client import Connect
from kafka_platform_runtime.connect_restarter.__main__ import Looking
from kafka_platform_runtime.connect_restarter.page import Page
from kafka_platform_runtime.connect_restarter.restarts import Restarts

from tests.connect_process import LocalConnect
from tests.harness import eventually
from tests.kafka_process import LocalKafka, needed_jars
from tests.slow_answers import DESCRIBE_TOPIC_PARTITIONS, METADATA, SlowKafka
from tests.unit.mirror.test_failover import PARTITIONS, TOPIC, Mirror, declare, mirror_of, numbers_in

pytestmark = pytest.mark.long
LATE_SECONDS = 25.0
"""Of each answer about topics. Three of them are more than a minute, and none alone is given up after half a minute."""
LOADED = "loading initial set of topic-partitions took"
REFRESHED = "refreshing topics took"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def write(kafka: LocalKafka, number: int, topic: str = TOPIC) -> None:
    producer = Producer(kafka.client())
    producer.produce(topic, str(number).encode())
    assert producer.flush(60) == 0


def tasks(connect: LocalConnect) -> Any:
    return connect.ask(connect.members[0], "/connectors/mirror/status")[1]


def test_a_source_that_is_slow_while_the_mirror_starts_costs_it_no_tasks(stack: ExitStack, tmp_path: Path) -> None:
    jars = needed_jars()
    source = stack.enter_context(SlowKafka(jars=jars, heap="512m"))
    here = stack.enter_context(LocalKafka(jars=jars, heap="512m"))
    spec = mirror_of(source, "first")
    declare(source, tmp_path, spec, {TOPIC: Topic(partitions=PARTITIONS)})
    mirror = Mirror.started(spec, here, stack)
    write(source, 1)
    eventually("it mirrors", lambda: numbers_in(here) == {1}, 120)

    [worker] = mirror.connect.members
    worker.kill()
    source.held = {METADATA: LATE_SECONDS, DESCRIBE_TOPIC_PARTITIONS: LATE_SECONDS}
    mirror.connect.start(worker)
    # Answered at last, or given up: MirrorMaker looks again then.
    eventually("it has asked its source", lambda: worker.log.count(LOADED) == 2, 400)
    source.held = {}
    write(source, 2)
    eventually("it mirrors what is new", lambda: numbers_in(here) == {1, 2}, 120)
    assert "timed out running task: loading" not in worker.log, tasks(mirror.connect)


def test_a_mirror_without_tasks_is_seen_and_looks_again_when_it_was_paused(stack: ExitStack, tmp_path: Path) -> None:
    jars = needed_jars()
    source = stack.enter_context(SlowKafka(jars=jars, heap="512m"))
    here = stack.enter_context(LocalKafka(jars=jars, heap="512m"))
    spec = mirror_of(source, "first")
    declare(source, tmp_path, spec, {TOPIC: Topic(partitions=PARTITIONS)})
    mirror = Mirror.started(spec, here, stack)
    [worker] = mirror.connect.members
    api = Connect(f"http://127.0.0.1:{worker.port}")
    page = Page()
    looking = Looking(api, Restarts(), page)

    def idle() -> bool:
        looking.once()
        return b'connect_restarter_idle{connector="mirror"} 1.0' in page.text

    assert not idle()
    config = api.config("mirror")
    assert config is not None
    source.held = {METADATA: 4, DESCRIBE_TOPIC_PARTITIONS: 4}
    # So that the source is too slow for it, as with ours after ten minutes.
    api.put("mirror", config | {"admin.timeout.ms": "1000"})
    eventually("it has asked its source", lambda: worker.log.count(LOADED) == 2, 240)
    source.held = {}
    looked = worker.log.count(REFRESHED)
    eventually("it has looked for new topics three times", lambda: worker.log.count(REFRESHED) >= looked + 3, 120)
    assert idle(), tasks(mirror.connect)
    assert "kafka_mirror_fetches_total{" not in mirror.connect.metrics(worker)

    api.turn("mirror", "paused")
    eventually("it is paused", lambda: (found := api.status("mirror")) is not None and found.state == "PAUSED")
    api.turn("mirror", "running")
    eventually(
        "it has tasks again", lambda: (found := api.status("mirror")) is not None and found.is_as("running"), 120
    )
    assert not idle()
    write(source, 1)
    eventually("it mirrors", lambda: numbers_in(here) == {1}, 120)


def test_two_mirrors_of_everything_copy_no_copies(stack: ExitStack, tmp_path: Path) -> None:
    jars = needed_jars()
    kafkas = {name: stack.enter_context(LocalKafka(jars=jars, heap="512m")) for name in ("first", "second")}
    others = {"first": "second", "second": "first"}
    specs = {
        here: replace(mirror_of(kafkas[there], there), topics=["*"], groups=[], names=Naming.PREFIXED, known_as=here)
        for here, there in others.items()
    }
    for here, there in others.items():
        declare(
            kafkas[there],
            tmp_path / there,
            specs[here],
            {TOPIC: Topic(partitions=1), f"{there}s-own": Topic(partitions=1)},
        )
    mirrors = {here: Mirror.started(specs[here], kafkas[here], stack) for here in others}
    for number, kafka in enumerate(kafkas.values()):
        write(kafka, number)

    def topics(name: str) -> set[str]:
        known = AdminClient(kafkas[name].client()).list_topics(timeout=30).topics
        own = ("__", "connect-", "mm2-", "_kafka-platform")
        return {each for each in known if not each.startswith(own)}

    expected = {
        here: {TOPIC, f"{here}s-own", f"{there}.{TOPIC}", f"{there}.{there}s-own"} for here, there in others.items()
    }

    def looked() -> dict[str, int]:
        return {here: mirror.connect.members[0].log.count(REFRESHED) for here, mirror in mirrors.items()}

    eventually("the copies are there", lambda: all(topics(here) >= expected[here] for here in others), 240)
    before = looked()
    eventually(
        "both have looked for new topics three times since",
        lambda: all(count >= before[here] + 3 for here, count in looked().items()),
        240,
    )
    assert {here: topics(here) for here in others} == expected
