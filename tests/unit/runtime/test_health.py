import threading
import urllib.error
import urllib.request
from collections.abc import Sequence

import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import BrokerMetadata, ClusterMetadata, TopicMetadata
from confluent_kafka.admin._metadata import PartitionMetadata
from kafka_platform_runtime import health
from kafka_platform_runtime.failures import Refused
from kafka_platform_runtime.health import Answer, Check, judge, serve

READY = Answer(ready=True, reason="fine")
NOT_READY = Answer(ready=False, reason="behind")


def cluster(brokers: Sequence[int], **topics: Sequence[tuple[list[int], list[int]]]) -> ClusterMetadata:
    metadata = ClusterMetadata()
    metadata.brokers = {number: BrokerMetadata() for number in brokers}
    for name, partitions in topics.items():
        metadata.topics[name] = TopicMetadata()
        for number, (replicas, isrs) in enumerate(partitions):
            partition = PartitionMetadata()
            partition.replicas, partition.isrs = replicas, isrs
            metadata.topics[name].partitions[number] = partition
    return metadata


def test_a_broker_that_is_in_sync_everywhere_is_ready() -> None:
    answer = judge(1, cluster([0, 1, 2], a=[([0, 1], [1, 0]), ([2, 0], [2])]))
    assert answer == Answer(ready=True, reason="broker 1 is registered and in sync for 1 partitions")


def test_a_broker_without_partitions_is_ready() -> None:
    assert judge(0, cluster([0])).ready


def test_a_broker_that_is_not_registered_is_not_ready() -> None:
    answer = judge(1, cluster([0, 2]))
    assert not answer.ready
    assert answer.reason.startswith("broker 1 is not registered")


def test_a_broker_that_is_behind_names_the_partitions() -> None:
    behind = ([0, 1], [0])
    answer = judge(1, cluster([0, 1], a=[behind] * 4, b=[([1], [1])]))
    assert answer.reason == "broker 1 is not in sync for 4 of 5 partitions: a-0, a-1, a-2 and 1 more"


def test_a_topic_that_is_being_deleted_does_not_count() -> None:
    metadata = cluster([0, 1], a=[([0, 1], [])])
    metadata.topics["a"].error = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)
    assert judge(1, metadata).ready


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.worked = 0.0


def test_an_answer_is_shared_for_two_seconds() -> None:
    clock = Clock()
    answers = iter([READY, NOT_READY])
    check = Check(lambda: next(answers), 2.0, lambda: clock.now, lambda: clock.worked)
    assert check.answer() is READY
    clock.now += 1.9
    assert check.answer() is READY
    clock.now += 0.2
    assert check.answer() is NOT_READY


def test_a_check_that_costs_much_is_made_less_often() -> None:
    clock = Clock()
    asked: list[float] = []

    def ask() -> Answer:
        asked.append(clock.now)
        clock.worked += 0.5
        return READY

    check = Check(ask, 2.0, lambda: clock.now, lambda: clock.worked)
    for _ in range(21):
        check.answer()
        clock.now += 1.0
    assert asked == [100.0, 110.0, 120.0]


@pytest.fixture
def checks_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is good for as long as it is told to be, whatever the check cost.

    The cost is the processor time of the process, and other threads of the tests' process use some too.
    """
    monkeypatch.setattr(health, "COST_FACTOR", 0)


@pytest.mark.usefixtures("checks_cost_nothing")
def test_it_serves_both_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [READY]
    monkeypatch.setattr(health, "ask", lambda *_: given[0])
    server = serve(
        {"NODE_ID": "0", "HEALTH_PORT": "0", "KAFKA_BOOTSTRAP_SERVERS": "localhost:9091", "CHECK_SECONDS": "0"}
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        with urllib.request.urlopen(f"{address}/readyz") as response:
            assert (response.status, response.read()) == (200, b"fine\n")
        with urllib.request.urlopen(f"{address}/livez") as response:
            assert response.status == 200
        given[0] = NOT_READY
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{address}/readyz")
        assert (refused.value.code, refused.value.read()) == (503, b"behind\n")
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{address}/")
    finally:
        server.shutdown()
        server.server_close()


def test_a_check_that_hangs_fails_the_liveness_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "HUNG_SECONDS", 0)
    asked, over = threading.Event(), threading.Event()

    def hang(*_: object) -> Answer:
        asked.set()
        over.wait()
        return READY

    monkeypatch.setattr(health, "ask", hang)
    server = serve({"NODE_ID": "0", "HEALTH_PORT": "0", "KAFKA_BOOTSTRAP_SERVERS": "localhost:9091"})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        threading.Thread(target=server.check.answer, daemon=True).start()
        assert asked.wait(60)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{address}/livez")
        assert refused.value.code == 503
        assert refused.value.read().startswith(b"a check hangs: no answer for")
        over.set()
        with urllib.request.urlopen(f"{address}/readyz") as response:
            assert response.status == 200
        with urllib.request.urlopen(f"{address}/livez") as response:
            assert response.status == 200
    finally:
        over.set()
        server.shutdown()
        server.server_close()


@pytest.mark.usefixtures("checks_cost_nothing")
def test_a_check_that_fails_unexpectedly_is_not_ready_and_the_next_one_is_a_new_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[Exception] = [RuntimeError("the password of admin")]

    def ask(*_: object) -> Answer:
        if given:
            raise given.pop()
        return READY

    monkeypatch.setattr(health, "ask", ask)
    server = serve(
        {"NODE_ID": "0", "HEALTH_PORT": "0", "KAFKA_BOOTSTRAP_SERVERS": "localhost:9091", "CHECK_SECONDS": "0"}
    )
    try:
        answer = server.check.answer()
        assert not answer.ready
        assert answer.reason.startswith("broker 0 cannot be checked: RuntimeError at test_health.py")
        assert server.check.answer() == READY
    finally:
        server.server_close()


def test_missing_variables_are_told() -> None:
    with pytest.raises(Refused) as refused:
        serve({"HEALTH_PORT": "x"})
    assert refused.value.faults == ("NODE_ID: '' is not a number", "HEALTH_PORT: 'x' is not a number")


def test_a_missing_password_file_is_not_ready_with_the_reason() -> None:
    server = serve({"NODE_ID": "0", "HEALTH_PORT": "0", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL"})
    try:
        answer = server.check.answer()
    finally:
        server.server_close()
    assert not answer.ready
    assert "KAFKA_BOOTSTRAP_SERVERS: is not set" in answer.reason
