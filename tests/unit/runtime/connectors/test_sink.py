"""The loop of a sink: what a group does to it while its target does not answer."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.connectors.meter import Meter
from kafka_platform_runtime.connectors.records import Outcome, Record
from kafka_platform_runtime.connectors.settings import Batch, Connector
from kafka_platform_runtime.connectors.sink import Sink

from tests.connector_process import eventually, make_topics, write
from tests.kafka_process import LocalKafka


class Target:
    """Takes everything, unless told not to."""

    def __init__(self) -> None:
        self.works = True
        self.tried = 0
        self.records: list[Record] = []

    def open(self) -> None:
        pass

    def deliver(self, records: Sequence[Record]) -> Outcome:
        self.tried += 1
        if not self.works:
            return Outcome(left=records, trouble="it is told not to")
        self.records += records
        return Outcome()

    def close(self) -> None:
        pass


@contextmanager
def running(kafka: LocalKafka, topic: str) -> Iterator[tuple[Sink, Target]]:
    target, stop = Target(), threading.Event()
    connector = Connector(name=topic, kind="http", topics=[topic], group=topic, batch=Batch(wait=0.05))
    connection = Connection.from_environment(kafka.environment())
    sink = Sink(connector, connection, target, Meter(connector), stop)
    thread = threading.Thread(target=sink.run, daemon=True)
    thread.start()
    try:
        yield sink, target
    finally:
        stop.set()
        thread.join(60)


def test_a_partition_that_was_elsewhere_while_the_target_did_not_answer_is_read_when_it_comes_back(
    quick_kafka: LocalKafka,
) -> None:
    make_topics(quick_kafka, "there-and-back", partitions=2)
    with running(quick_kafka, "there-and-back") as (sink, target):
        eventually(lambda: len(sink._owned) == 2, "both partitions")
        target.works = False
        write(quick_kafka, "there-and-back", [("before", b"1")])
        eventually(lambda: target.tried > 1, "attempts")
        with running(quick_kafka, "there-and-back") as (other, _):
            eventually(lambda: len(other._owned) == 1, "a partition for each")
            target.works = True
            eventually(lambda: not sink._paused & sink._owned, "a sink that reads on")
        eventually(lambda: len(sink._owned) == 2, "both partitions again")
        write(quick_kafka, "there-and-back", [(f"k{n}", b"2") for n in range(100)])
        eventually(
            lambda: {each.partition for each in target.records if each.value == b"2"} == {0, 1},
            lambda: f"{len(target.records)} records of {sink._owned}",
            30,
        )
