"""When certificates end, as the exporter sees it: against a real Kafka, and against servers that mean no good."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from kafka_platform.kube.certificates import SERVED
from kafka_platform_runtime.connection import ClientCertificate, Connection, SecurityProtocol
from kafka_platform_runtime.exporter import certificates as module
from kafka_platform_runtime.exporter.certificates import Address, Certificates, What, addresses, presented
from kafka_platform_runtime.exporter.look import Snapshot
from kafka_platform_runtime.exporter.page import CERTIFICATE_METRIC, Page
from kafka_platform_runtime.exporter.settings import Settings
from kafka_platform_runtime.failures import Refused
from kafka_platform_runtime.x509 import end_of
from prometheus_client.metrics_core import Metric

from tests.harness import eventually
from tests.kafka_process import needed_jars
from tests.logins import Authority
from tests.unit.runtime.exporter.test_exporter import USER, Program, allow
from tests.unit.runtime.gateway.conftest import Kafka

DAY = 86_400
LOOPBACK = "IP:127.0.0.1"


@contextmanager
def served(certificate: Path, key: Path, *, clients: Path | None = None) -> Iterator[Address]:
    """A TLS server on loopback; with `clients` it asks for certificates of that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
        context.maximum_version = ssl.TLSVersion.TLSv1_2

    def greet(plain: socket.socket) -> None:
        with context.wrap_socket(plain, server_side=True) as secured:
            secured.recv(1)

    with answering(greet) as address:
        yield address


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[Address]:
    """A server on loopback that treats each connection like this."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    plain, _ = listening.accept()
                except OSError:
                    return
                with plain, suppress(OSError):
                    answer(plain)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[:2]
        listening.shutdown(socket.SHUT_RDWR)


def plaintext(servers: str = "b:9092") -> Connection:
    return Connection(bootstrap_servers=servers)


def secured(servers: str, **more: Path | ClientCertificate) -> Connection:
    return Connection(bootstrap_servers=servers, security_protocol=SecurityProtocol.SSL, **more)  # type: ignore[arg-type]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize("days", [5, 300, -1])
def test_a_server_shows_when_its_certificate_ends_whoever_signed_it(authority: Authority, days: int) -> None:
    with served(*authority.issue("server", "/CN=server", LOOPBACK, days=days)) as server:
        [own] = presented(server)
        [seen] = Certificates([server]).look(plaintext(), [])
    assert end_of(own) == pytest.approx(time.time() + days * DAY, abs=3600)
    assert (seen.what, seen.server, seen.ends) == (What.SERVER, f"127.0.0.1:{server[1]}", end_of(own))


def test_of_a_chain_the_earliest_end_counts(authority: Authority) -> None:
    """The authority of the tests ends after 30 days."""
    certificate, key = authority.issue("server", "/CN=server", LOOPBACK, days=300)
    certificate.write_text(certificate.read_text() + authority.ca_file.read_text())
    with served(certificate, key) as server:
        [seen] = Certificates([server]).look(plaintext(), [])
        assert len(presented(server)) == 2
    assert seen.ends < time.time() + 31 * DAY


def test_a_server_that_asks_for_a_certificate_is_shown_the_exporters(authority: Authority) -> None:
    own = ClientCertificate(**dict(zip(("certificate", "key"), authority.issue("own", "/CN=own", days=9), strict=True)))
    with served(*authority.issue("b", "/CN=b", LOOPBACK, days=5), clients=authority.ca_file) as (host, port):
        found = Certificates().look(secured(f"{host}:{port}", certificate=own, ca_file=authority.ca_file), [])
    days = {each.what: round((each.ends - time.time()) / DAY) for each in found}
    assert days == {What.BROKER: 5, What.AUTHORITY: 30, What.LOGIN: 9}


def test_of_a_bundle_the_authority_in_use_counts_and_not_one_that_was(tmp_path: Path) -> None:
    folders = [tmp_path / each for each in ("former", "next")]
    for each in folders:
        each.mkdir()
    former, following = map(Authority, folders)
    bundle = tmp_path / "bundle.crt"
    bundle.write_text(former.ca_file.read_text() + following.ca_file.read_text())
    with served(*following.issue("b", "/CN=b", LOOPBACK, days=5)) as (host, port):
        found = Certificates().look(secured(f"{host}:{port}", ca_file=bundle), [])
    assert [each.what for each in found] == [What.BROKER, What.AUTHORITY]


def test_without_tls_only_other_servers_are_looked_at(authority: Authority) -> None:
    with served(*authority.issue("server", "/CN=server", LOOPBACK)) as server:
        looker = Certificates([server])
        assert [each.what for each in looker.look(plaintext("127.0.0.1:1"), [("127.0.0.1", 1)])] == [What.SERVER]
    assert looker.failures == 0


def test_what_is_known_stays_while_a_server_is_away_and_goes_with_a_broker(authority: Authority) -> None:
    looker = Certificates()
    with served(*authority.issue("b", "/CN=b", LOOPBACK, days=5)) as broker:
        before = looker.look(secured("127.0.0.1:1"), [broker])
    assert len(before) == 1
    # Nothing is known of the brokers just now; then there is another one.
    assert looker.look(secured("127.0.0.1:1"), []) == before
    assert looker.failures == 1
    assert looker.look(secured("127.0.0.1:1"), [("127.0.0.1", 1)]) == []


def drips(plain: socket.socket) -> None:
    for each in b"\x16\x03\x03\x40\x00" * 4:
        plain.sendall(bytes([each]))
        time.sleep(0.2)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda plain: None, id="closes"),
        pytest.param(lambda plain: plain.sendall(b"HTTP/1.1 400 no\r\n\r\n" * 100), id="speaks no TLS"),
        pytest.param(lambda plain: time.sleep(3), id="is silent"),
        pytest.param(drips, id="drips"),
    ],
)
def test_a_server_that_does_not_answer_holds_up_nothing(
    answer: Callable[[socket.socket], None], authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HANDSHAKE_SECONDS", 0.5)
    with answering(answer) as bad, served(*authority.issue("s", "/CN=s", LOOPBACK)) as good:
        looker = Certificates([bad, good])
        assert [each.server for each in looker.look(plaintext(), [])] == [f"127.0.0.1:{good[1]}"]
    assert looker.failures == 1


def test_silent_servers_do_not_keep_others_from_their_turn(authority: Authority) -> None:
    with served(*authority.issue("s", "/CN=s", LOOPBACK)) as good:
        looker = Certificates([*(("127.0.0.1", port) for port in range(1, 12)), good])
        looks = [looker.look(plaintext(), []) for _ in range(4)]
    assert [len(each) for each in looks] == [0, 0, 0, 1]


def test_of_many_brokers_some_are_asked_in_each_look(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Address] = []
    with served(*authority.issue("s", "/CN=s", LOOPBACK)) as good:
        chain = presented(good)

    def present(server: Address, own: ClientCertificate | None) -> object:
        asked.append(server)
        return chain

    monkeypatch.setattr(module, "presented", present)
    brokers = [(f"broker-{number}", 9092) for number in range(2 * module.MOST_HANDSHAKES)]
    looker = Certificates()
    for looks in (1, 2, 3):
        found = looker.look(secured("b:1"), brokers)
        assert len(asked) == looks * module.MOST_HANDSHAKES
    assert len(found) == len(brokers) == len(set(asked))


@pytest.mark.parametrize("host", ["", "x" * 300, "a..b", "é" * 80, 'q"uote\n', "-" * 64])
@pytest.mark.parametrize("port", [0, 99_999, -5])
def test_hostile_addresses_of_brokers_end_nothing(host: str, port: int) -> None:
    assert Certificates().look(secured("b:9092"), [(host, port)]) == []


def test_files_that_are_none_end_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "broken.crt"
    broken.write_text("no certificate")
    login = ClientCertificate(certificate=broken, key=tmp_path / "absent.key")
    looker = Certificates()
    assert looker.look(secured("127.0.0.1:1", ca_file=broken, certificate=login), []) == []
    assert looker.failures == 2


def test_a_hostile_host_stays_one_label() -> None:
    page = Page()
    page.certificates = [module.Certificate(what=What.SERVER, server='a"} 1\nkafka_brokers 99:1', ends=7)]
    page.failed("no broker answers", 0.1, {})
    assert b"\nkafka_brokers" not in page.text
    assert b"expiration_timestamp_seconds{" in page.text


def test_whoever_finds_it_ready_reads_the_result_that_made_it_ready() -> None:
    told: list[str | None] = []

    class Watched(Page):
        def collect(self) -> Iterator[Metric]:
            """As a scrape sees it that comes while the text is made."""
            told.append(self.trouble if hasattr(self, "trouble") else None)
            yield from super().collect()

    page = Watched()
    page.seen(Snapshot(brokers=3), 0.1, {})
    assert told[-1] == "has not looked yet"
    assert page.trouble is None
    assert b"\nkafka_brokers 3.0" in page.text


def test_both_halves_call_the_metric_the_same() -> None:
    assert CERTIFICATE_METRIC == SERVED


@pytest.mark.parametrize("text", ["registry", "registry:0", "registry:70000", "a:1;b:2", ":443"])
def test_a_wrong_server_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        Settings.from_environment({"EXPORTER_TLS_SERVERS": f"a:1,{text}"})
    assert refused.value.faults == (
        f"EXPORTER_TLS_SERVERS: 'a:1,{text}' is not a list of servers: write host:port, several with commas",
    )


def test_addresses_are_read() -> None:
    assert addresses("a:1, b.c:9092,[::1]:443") == [("a", 1), ("b.c", 9092), ("::1", 443)]


def test_a_real_kafkas_certificate_about_to_end_ended_and_renewed(tmp_path: Path) -> None:
    """One that has ended keeps the exporter from asking anything; it still shows why."""
    authority = Authority(tmp_path)
    keystore = tmp_path / "keystore.pem"

    def deliver(days: int) -> None:
        certificate, key = authority.issue("broker", "/CN=broker", LOOPBACK, days=days)
        keystore.write_text(key.read_text() + certificate.read_text())

    deliver(days=5)
    with Kafka(jars=needed_jars(), heap="256m", ca_file=authority.ca_file, keystore_file=keystore) as kafka:
        kafka.make_user(USER)
        allow(kafka)

        def restart(days: int) -> None:
            kafka.stop_node(0)
            deliver(days)
            kafka.start_node(0)

        with Program(kafka) as program:
            assert program.metrics()["kafka_brokers"] == 1
            assert days_left(program, What.BROKER) == 5
            assert days_left(program, What.AUTHORITY) == 30
            restart(days=-1)
            eventually("the end is seen", lambda: days_left(program, What.BROKER) == -1, 120)
            eventually("nothing else is known", lambda: program.get("/readyz")[0] == 503, 60)
            with Program(kafka) as another:
                eventually("one that starts sees it too", lambda: days_left(another, What.BROKER) == -1, 60)
            restart(days=60)
            eventually("the new one is seen", lambda: days_left(program, What.BROKER) == 60, 120)
            assert program.metrics()["kafka_brokers"] == 1
        log = kafka.members[0].log.read_text()
    complaints = [line for line in log.splitlines() if "handshake" in line.lower() and "WARN" in line]
    assert not complaints, complaints[:3]


def days_left(program: Program, what: What) -> int | None:
    """Whole days, rounded, of the certificate of that kind; None if there is none."""
    for line in program.get("/metrics")[1].splitlines():
        if line.startswith(f"{SERVED}{{") and f'what="{what}"' in line:
            return round((float(line.rpartition(" ")[2]) - time.time()) / DAY)
    return None
