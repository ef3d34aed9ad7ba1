import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from kafka_platform_runtime import health, names
from kafka_platform_runtime.connection import Complaints, Connection
from kafka_platform_runtime.failures import Transient
from kafka_platform_runtime.names import unresolved
from kafka_platform_runtime.probe.native import Native
from kafka_platform_runtime.provisioner.cluster import Cluster

NOWHERE = "kafka.nowhere.invalid"


@pytest.fixture(autouse=True)
def own_lookups(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lookup outlives its question: one of another test must not answer this one's."""
    monkeypatch.setattr(names, "_UNDER_WAY", {})


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """No DNS server answers; the names that were asked for."""
    asked: list[str] = []
    over = threading.Event()

    def look_up(name: str, *_: Any) -> list[Any]:
        asked.append(name)
        over.wait(60)
        raise OSError("the test is over")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield asked
    over.set()


@pytest.mark.parametrize(
    "servers", ["localhost:9092", "127.0.0.1:9092", "[::1]:9092", f"{NOWHERE}:9092,localhost:9092"]
)
def test_a_server_that_can_be_found_is_no_fault_of_dns(servers: str) -> None:
    assert unresolved(servers) is None


def test_a_name_that_is_nowhere_is_named_with_the_reason() -> None:
    found = unresolved(f"{NOWHERE}:9092,b.{NOWHERE}:9092")
    assert found is not None
    assert [each.partition(" nowhere")[0].split(": ")[0] for each in found.split("; ")] == [
        f"cannot resolve {NOWHERE}",
        f"cannot resolve b.{NOWHERE}",
    ]


def test_a_resolver_that_does_not_answer_is_asked_once_however_often_somebody_wants_to_know(silent: list[str]) -> None:
    wanted = f"cannot resolve {NOWHERE}: no DNS server answers"
    assert [unresolved(f"{NOWHERE}:9092", 0.01) for _ in range(20)] == [wanted] * 20
    assert silent == [NOWHERE]


class TestAWorkersCheck:
    @pytest.fixture
    def message(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        file = tmp_path / "termination-log"
        file.touch()
        monkeypatch.setattr(names, "MESSAGE", file)
        monkeypatch.setattr(names, "START_SECONDS", 0.5)
        return file

    def test_a_name_that_is_found_is_not_worth_a_word(self, message: Path) -> None:
        names.main("localhost:9092")
        assert message.read_text() == ""

    def test_one_that_is_not_is_told_with_the_pod_and_in_the_log(
        self, message: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        names.main(f"{NOWHERE}:9092")
        assert message.read_text().startswith(f"cannot resolve {NOWHERE}: ")
        assert capsys.readouterr().out.strip() == message.read_text()

    def test_it_waits_for_a_name_that_comes(self, message: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        answers: list[OSError | list[Any]] = [OSError("not yet"), OSError("not yet"), []]

        def look_up(*_: Any) -> list[Any]:
            found = answers.pop(0)
            if isinstance(found, OSError):
                raise found
            return found

        monkeypatch.setattr(names, "START_SECONDS", 60.0)
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        names.main(f"{NOWHERE}:9092")
        assert (message.read_text(), answers) == ("", [])

    def test_a_resolver_that_does_not_answer_does_not_keep_the_pod(self, message: Path, silent: list[str]) -> None:
        names.main(f"{NOWHERE}:9092")
        assert message.read_text() == f"cannot resolve {NOWHERE}: no DNS server answers"
        assert silent == [NOWHERE]


def test_an_address_needs_no_resolver(silent: list[str]) -> None:
    assert unresolved("10.0.0.1:9092,[fd00::1]:9092", 0.01) is None
    assert silent == []


class TestWhoSaysSo:
    """Every program that logs in to Kafka, with a name that cannot be resolved."""

    connection = Connection(bootstrap_servers=f"{NOWHERE}:9092")
    said = f"cannot resolve {NOWHERE}: "

    def test_the_provisioner(self) -> None:
        with pytest.raises(Transient, match=self.said), Cluster(self.connection) as cluster:
            cluster.metadata(1)

    def test_the_probe(self) -> None:
        with pytest.raises(Transient, match=f"Kafka does not answer: {self.said}"):
            Native(self.connection, "latency-probe", lambda _: None).partitions()

    def test_the_readiness_of_a_broker(self) -> None:
        answer = health.ask(self.connection, 0, 1)
        assert answer.reason.startswith(f"broker 0 does not answer: {self.said}")

    def test_the_client_itself(self) -> None:
        """Of a broker that the first one names, for instance."""
        complaints = Complaints()
        client = AdminClient(self.connection.confluent(complaints))
        with pytest.raises(KafkaException):
            client.list_topics(timeout=2)
        client.poll(0)
        assert (complaints.reason() or "").startswith(self.said)
