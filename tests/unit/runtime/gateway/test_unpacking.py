"""Batches that unpack to far more than they are cannot fill the gateway's memory, whoever reads them and however."""

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from kafka_platform_runtime.gateway.settings import Limits

from tests.unit.runtime.gateway.conftest import BINARY, RED, Kafka, Program, StartGateway
from tests.unit.runtime.gateway.consumers_harness import Consumer, Pod, eventually
from tests.unit.runtime.gateway.test_reads import Stream

POD_BYTES = 256 * 2**20
LIMITS = Limits(memory_bytes=POD_BYTES)
BOMB_BYTES = 200 * 2**20
SMALLER_BOMB_BYTES = LIMITS.batch_bytes - 2**18
"""One that is let through."""
COUNT = 60
"""Records of 900 kB: twice of what all may unpack to."""
MOST_MEGABYTES = POD_BYTES / 2**20
READ_SECONDS = 400.0
LATE = 5
"""Reads of four seconds each that may find nothing yet."""
CODECS = ("gzip", "lz4", "snappy", "zstd")
SOME = ("gzip", "zstd", pytest.param("lz4", marks=pytest.mark.long), pytest.param("snappy", marks=pytest.mark.long))
"""For what takes most of a processor's minute with each."""


def write(kafka: Kafka, topic: str, codec: str, *sizes: int) -> None:
    """Write values of so many zeros natively, each in a batch of its own."""
    producer = Producer(
        {
            **kafka.client(),
            "compression.type": codec,
            "message.max.bytes": 1_000_000_000,
            "batch.num.messages": 1,
            "linger.ms": 0,
        }
    )
    fates: list[Any] = []
    for size in sizes:
        producer.produce(topic, b"0" * size, partition=0, on_delivery=lambda *fate: fates.append(fate[0]))
        assert producer.flush(60) == 0
        assert fates.pop() is None, "the broker refused it"


class Sampler(threading.Thread):
    """Looks at the memory of a process all the time: its own, without pages that are there once and mapped many times."""

    def __init__(self, program: Program) -> None:
        super().__init__(daemon=True)
        self._status = Path(f"/proc/{program.process.pid}/status")
        self.ended = threading.Event()
        self.peak = 0.0

    def run(self) -> None:
        """Look until told to end."""
        while not self.ended.wait(0.005):
            with contextlib.suppress(OSError):
                kilobytes = sum(map(int, re.findall(r"Rss(?:Anon|File):\s+(\d+)", self._status.read_text())))
                self.peak = max(self.peak, kilobytes / 1024)


@pytest.fixture
def gateway(start_gateway: StartGateway) -> Iterator[Program]:
    program = start_gateway({"limits": {"memoryBytes": POD_BYTES, "bytes": 24 * 2**20, "consumers": 32}})
    sampler = Sampler(program)
    sampler.start()
    yield program
    sampler.ended.set()
    sampler.join()
    print(f"peak {sampler.peak:.0f} MB")
    assert program.process.poll() is None
    assert sampler.peak < MOST_MEGABYTES
    program.stop()


def records(gateway: Program, topic: str, offset: int, **more: int) -> tuple[int, Any]:
    query = "&".join(f"{name}={value}" for name, value in {"offset": offset, "timeout": 2000, **more}.items())
    reply = gateway.ask("GET", f"/topics/{topic}/partitions/0/records?{query}", user=RED, headers={"accept": BINARY})
    return reply.status, reply.json()


@pytest.fixture(scope="module", params=CODECS)
def bombed(request: pytest.FixtureRequest, kafka: Kafka) -> str:
    """A topic with a small record, one that is huge, and another small one."""
    topic = kafka.make_topic(f"red-bomb-{request.param}", max_message_bytes=str(20 * 2**20))
    write(kafka, topic, request.param, 10, BOMB_BYTES, 20)
    return topic


def test_a_read_says_where_the_huge_record_is_and_others_can_be_read(gateway: Program, bombed: str) -> None:
    status, found = records(gateway, bombed, 0)
    assert status == 200
    assert [each["offset"] for each in found] == [0]
    status, found = records(gateway, bombed, 1)
    assert (status, found["error_code"]) == (413, 41302)
    assert "from offset 2 on" in found["message"]
    status, found = records(gateway, bombed, 2)
    assert status == 200
    assert [each["offset"] for each in found] == [2]


def test_a_stream_ends_there_and_says_so(gateway: Program, bombed: str) -> None:
    with Stream(gateway, bombed, "?from=earliest") as stream:
        events = list(stream.events())
    assert json.loads(events[-1]["data"])["error_code"] == 41302
    assert any('"offset":0' in event.get("data", "") for event in events)


@pytest.mark.parametrize("codec", SOME)
def test_many_readers_of_huge_records_at_once(kafka: Kafka, gateway: Program, codec: str) -> None:
    topic = kafka.make_topic(f"red-bombs-{codec}", max_message_bytes=str(20 * 2**20))
    write(kafka, topic, codec, *[SMALLER_BOMB_BYTES] * 4)
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda number: records(gateway, topic, number % 4, max_bytes=1)[0], range(64)))
    assert set(statuses) <= {200, 413, 429, 503, 504}


@pytest.mark.parametrize("codec", SOME)
def test_a_fetch_that_unpacks_to_more_than_there_is_room_for_is_read_to_its_end(
    kafka: Kafka, gateway: Program, codec: str
) -> None:
    """Of one fetch (128 KiB of batches that are nothing but zeros) more than the room for all is asked for."""
    topic = kafka.make_topic(f"red-packed-{codec}")
    write(kafka, topic, codec, *[900_000] * COUNT)
    for query in ("?from=earliest", f"?group=red-{codec}&from=earliest"):
        with Stream(gateway, topic, query) as stream:
            seen: list[int] = []
            for event in stream.events():
                seen += map(int, re.findall(r'"offset":(\d+)', event.get("data", "")))
                if len(seen) >= COUNT:
                    break
        assert seen == list(range(COUNT))
    offset = 0
    while offset < COUNT:
        status, found = records(gateway, topic, offset)
        assert status in {200, 503}, found
        if status == 200:
            assert [each["offset"] for each in found] == list(range(offset, offset + len(found)))
            offset += len(found)


def instance(gateway: Program, topic: str, name: str = "one", reset: str = "earliest") -> Consumer:
    """A consumer instance that reads the topic in a group of the topic's own."""
    pod, group = Pod(name="gateway", program=gateway), f"red-{topic}"
    body = {"name": name, "format": "binary", "auto.offset.reset": reset}
    # On a busy machine Kafka may be late.
    eventually(lambda: pod.call("POST", f"/consumers/{group}", body).status == 200)
    return Consumer(pod=pod, group=group, name=name).assign(topic, 0)


def read(consumer: Consumer, **more: int) -> tuple[int, Any]:
    """What an instance says of what is behind its position. On a busy machine the first answers may have no records yet."""
    query = "&".join(f"{name}={value}" for name, value in {"timeout": 4000, **more}.items())
    for _ in range(LATE):
        answer = consumer.call("GET", f"/records?{query}", accept=BINARY)
        if (answer.status, answer.body) != (200, []):
            break
    return answer.status, answer.body


def until_late(read: Callable[[], tuple[int, Any]]) -> Iterator[Any]:
    """What is read, again and again, also where the gateway has no room at the moment; the caller stops it in time."""
    until = time.monotonic() + READ_SECONDS
    while time.monotonic() < until:
        status, found = read()
        assert status in {200, 429, 503}, found
        if status == 200:
            yield found
        else:
            time.sleep(0.1)
    raise AssertionError(f"not all was read within {READ_SECONDS:g} s")


def test_an_instance_says_where_the_huge_record_is_and_goes_on_behind_it(gateway: Program, bombed: str) -> None:
    consumer = instance(gateway, bombed)
    seen = read(consumer)
    assert seen[0] == 200
    assert [each["offset"] for each in seen[1]] == [0]
    for _ in range(3):
        status, found = read(consumer)
        assert (status, found["error_code"]) == (413, 41302), found
        assert "from offset 2 on" in found["message"]
    consumer.done("POST", "/positions", {"offsets": [{"topic": bombed, "partition": 0, "offset": 2}]})
    status, found = read(consumer)
    assert (status, [each["offset"] for each in found]) == (200, [2]), found


@pytest.mark.parametrize("codec", SOME)
def test_a_huge_record_at_the_end_of_a_topic_costs_an_instance_none_of_the_others(
    kafka: Kafka, gateway: Program, codec: str
) -> None:
    """Also where a place that is not there means the end: the client must not be led to one."""
    topic = kafka.make_topic(f"red-last-{codec}", max_message_bytes=str(20 * 2**20))
    write(kafka, topic, codec, 10, BOMB_BYTES)
    consumer = instance(gateway, topic, reset="latest")
    consumer.done("POST", "/positions/beginning", {"partitions": [{"topic": topic, "partition": 0}]})
    status, found = read(consumer)
    assert (status, [each["offset"] for each in found]) == (200, [0]), found
    for more in range(3):
        write(kafka, topic, codec, 20)  # while the client looks for what is behind it
        status, found = read(consumer)
        assert status == 413, (more, found)
    consumer.done("POST", "/positions", {"offsets": [{"topic": topic, "partition": 0, "offset": 2}]})
    seen: list[int] = []
    for _ in range(10):
        status, found = read(consumer)
        assert status == 200, found
        seen += [each["offset"] for each in found]
        if len(seen) == 3:
            break
    assert seen == [2, 3, 4]


@pytest.mark.parametrize("codec", SOME)
def test_many_instances_of_huge_records_at_once(kafka: Kafka, gateway: Program, codec: str) -> None:
    topic = kafka.make_topic(f"red-instances-{codec}", max_message_bytes=str(20 * 2**20))
    write(kafka, topic, codec, *[SMALLER_BOMB_BYTES] * 4)

    def offsets(number: int) -> list[int]:
        consumer = instance(gateway, topic, f"i{number}")
        seen: list[int] = []
        for found in until_late(lambda: read(consumer)):
            seen += [each["offset"] for each in found]
            if len(seen) == 4:
                break
        return seen

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(offsets, range(16))) == [[0, 1, 2, 3]] * 16


def test_what_instances_took_and_did_not_hand_out_is_not_kept(kafka: Kafka, gateway: Program) -> None:
    topic = kafka.make_topic("red-instances-mixed", max_message_bytes=str(20 * 2**20))
    write(kafka, topic, "zstd", 10, *[SMALLER_BOMB_BYTES] * 5)

    def first(number: int) -> Consumer:
        consumer = instance(gateway, topic, f"i{number}")
        found = next(filter(None, until_late(lambda: read(consumer, max_bytes=20))))
        assert [each["offset"] for each in found] == [0]
        return consumer

    with ThreadPoolExecutor(16) as pool:
        consumers = list(pool.map(first, range(16)))
    status, found = read(consumers[0], max_bytes=20)
    assert status == 422, found  # the next record is larger, and still there
    assert "offset 1" in found["message"]


def test_many_instances_of_records_that_are_as_they_are(kafka: Kafka, gateway: Program) -> None:
    topic = kafka.make_topic("red-instances-plain")
    write(kafka, topic, "none", *[900_000] * 40)

    def count_of(number: int) -> int:
        consumer = instance(gateway, topic, f"i{number}")
        count = 0
        for found in until_late(lambda: read(consumer)):
            count += len(found)
            if count == 40:
                break
        return count

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(count_of, range(16))) == [40] * 16
