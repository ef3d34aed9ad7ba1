"""A broker's certificate is renewed while the broker runs: against a real Kafka with one keystore for all listeners."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.exporter.certificates import presented
from kafka_platform_runtime.renewal import Renewal
from kafka_platform_runtime.x509 import end_of

from tests.harness import eventually
from tests.kafka_process import LocalKafka, Node, needed_jars
from tests.logins import Authority

DAY = 86_400


class OneKeystore(LocalKafka):
    """As the embedded engine configures its brokers."""

    def _rendered(self, node: Node) -> dict[str, str]:
        return {
            name.replace("listener.name.internal.ssl.keystore.", "ssl.keystore."): value
            for name, value in super()._rendered(node).items()
        }


class Broker:
    """A broker with a certificate in two files: its keystore, and what its Secret has."""

    def __init__(self, kafka: OneKeystore, authority: Authority, keystore: Path, secret: Path) -> None:
        self.kafka, self._authority, self._keystore, self.secret = kafka, authority, keystore, secret
        self.server = ("127.0.0.1", kafka.members[0].client_port)
        self.connection = Connection.from_environment(kafka.environment())

    def deliver(self, days: int, *, usable: bool = True) -> None:
        deliver(self._authority, self._keystore, self.secret, days, usable=usable)

    def days(self) -> int:
        return round((end_of(presented(self.server)[0]) - time.time()) / DAY)


def deliver(authority: Authority, keystore: Path, secret: Path, days: int, *, usable: bool = True) -> None:
    certificate, key = authority.issue("broker", "/CN=broker", "IP:127.0.0.1", days=days)
    made = keystore.with_suffix(".next")
    made.write_text(certificate.read_text() + (key.read_text() if usable else ""))
    made.rename(keystore)
    secret.write_bytes(certificate.read_bytes())


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    folder = tmp_path_factory.mktemp("renewal")
    authority, keystore, secret = Authority(folder), folder / "keystore.pem", folder / "tls.crt"
    deliver(authority, keystore, secret, 5)
    with OneKeystore(jars=needed_jars(), heap="256m", ca_file=authority.ca_file, keystore_file=keystore) as kafka:
        yield Broker(kafka, authority, keystore, secret)


def test_a_renewed_certificate_is_presented_without_a_restart(broker: Broker) -> None:
    renewal, process = Renewal(0, broker.secret, broker.server), broker.kafka.members[0].pid
    broker.deliver(60)
    assert renewal.once(broker.connection)
    eventually("it is presented", lambda: broker.days() == 60, 30)
    # Each of the broker's network threads takes it up by itself.
    eventually("it is told no more", lambda: not renewal.once(broker.connection), 30)
    assert broker.kafka.members[0].pid == process


def test_one_that_kafka_cannot_use_leaves_the_former_one_in_use(broker: Broker) -> None:
    renewal = Renewal(0, broker.secret, broker.server)
    broker.deliver(60)
    renewal.once(broker.connection)
    eventually("a good one is presented", lambda: broker.days() == 60, 30)
    eventually("all of the broker presents it", lambda: not renewal.once(broker.connection), 30)
    broker.deliver(90, usable=False)
    assert renewal.once(broker.connection)
    assert broker.days() == 60
    broker.deliver(90)
    assert renewal.once(broker.connection)
    eventually("it is presented once its key is there", lambda: broker.days() == 90, 30)


@pytest.mark.parametrize("text", [None, "", "no certificate"])
def test_a_secret_without_a_certificate_changes_nothing(broker: Broker, tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "tls.crt"
    if text is not None:
        file.write_text(text)
    assert not Renewal(0, file, broker.server).once(broker.connection)


def test_checks_look_at_it_once_in_a_while(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Connection] = []
    renewal = Renewal(0, broker.secret, broker.server)
    monkeypatch.setattr(renewal, "once", looked.append)
    for _ in range(3):
        renewal.when_due(broker.connection)
    assert len(looked) == 1
    monkeypatch.setattr("kafka_platform_runtime.renewal.time.monotonic", lambda: 1e12)
    renewal.when_due(broker.connection)
    assert len(looked) == 2


def test_a_broker_that_does_not_answer_changes_nothing(broker: Broker) -> None:
    assert not Renewal(0, broker.secret, ("127.0.0.1", 1)).once(broker.connection)
