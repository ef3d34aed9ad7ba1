"""Kafka to a web service, which refuses some records and is away for a while, by a connector that is killed."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.connector_process import (
    HEADER,
    Arrived,
    LocalConnector,
    eventually,
    headers_of,
    make_topics,
    read,
    write,
)
from tests.dashboards import asked
from tests.kafka_process import LocalKafka
from tests.ports import free_ports
from tests.rules import add_rules

RECORDS = 3000
KEYS = 40
BAD = {7, 8, 1500, 2999}
NO_JSON = 20
SECONDS_OF_A_REQUEST = 0.02
"""So that a kill meets a connector at work."""
LOGIN = {"username": "writer", "password": "secret-of-the-test"}


class Service:
    """A web service that takes arrays of objects, and answers 422 to one that has a `bad` one."""

    def __init__(self) -> None:
        (self.port,) = free_ports(1)
        self.got: list[tuple[str, int]] = []
        self.logins: set[str] = set()
        self.busy = 0
        """How many of the next requests are answered 503."""
        self.refuses = True
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    super().handle()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.logins.add(self.headers.get("Authorization", ""))
                status = service.answer(json.loads(body))
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, items: list[dict[str, Any]] | dict[str, Any]) -> int:
        listed = items if isinstance(items, list) else [items]
        if self.busy:
            self.busy -= 1
            return 503
        if self.refuses and any(each["bad"] for each in listed):
            return 422
        self.got += [(each["key"], each["n"]) for each in listed]
        time.sleep(SECONDS_OF_A_REQUEST)
        return 200


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    made.start()
    yield made
    made.stop()


def record(number: int) -> tuple[str, bytes]:
    key = f"k{number % KEYS}"
    if number == NO_JSON:
        return key, b"{no json"
    return key, json.dumps({"key": key, "n": number, "bad": number in BAD}).encode()


def connector_file(service: Service, topic: str, **settings: Any) -> dict[str, Any]:
    return {
        "name": "web",
        "kind": "http",
        "topics": [topic],
        "group": topic,
        "deadLetters": f"{topic}-dead",
        "batch": {"records": 50, "wait": 0.1},
        "settings": {"url": f"http://127.0.0.1:{service.port}/in", "timeout": 5} | settings,
    }


def test_nothing_is_lost_when_it_is_killed_and_the_service_is_away(
    quick_kafka: LocalKafka,
    service: Service,
    tmp_path: Path,
) -> None:
    make_topics(quick_kafka, "orders", "orders-dead")
    file = connector_file(service, "orders")
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file, secrets=LOGIN) as connector:

        def more(portion: int) -> None:
            before = len(service.got)
            write(quick_kafka, "orders", map(record, range(portion * RECORDS // 4, (portion + 1) * RECORDS // 4)))
            eventually(
                lambda: len(service.got) > before + 100, lambda: f"records of portion {portion}\n{connector.log}"
            )

        more(0)
        connector.again()
        more(1)
        service.stop()
        connector.again()
        eventually(lambda: "trying again: no answer" in connector.log, "a connector that finds no service")
        time.sleep(0.5)
        service.start()
        service.busy = 3
        more(2)
        connector.again()
        more(3)
        eventually(
            lambda: len({number for _, number in service.got}) == RECORDS - len(BAD) - 1,
            lambda: f"{sorted(set(range(RECORDS)) - {n for _, n in service.got})[:20]}\n{connector.log}",
        )
        arrived = Arrived(numbers=service.got)
        assert arrived.distinct == set(range(RECORDS)) - BAD - {NO_JSON}
        assert arrived.disorder == []
        assert arrived.twice <= 4 * 300  # what was delivered while a commit was under way
        eventually(lambda: connector.metric("kafka_connector_last_success_timestamp_seconds"), "a success")
        connector.wait_ready()
        assert connector.terminate() == 0
    dead = read(quick_kafka, "orders-dead")
    where = {(headers_of(each)[f"{HEADER}partition"], headers_of(each)[f"{HEADER}offset"]) for each in dead}
    assert len(where) == len(BAD) + 1
    assert {(each.value() or b"") for each in dead} == {record(number)[1] for number in {*BAD, NO_JSON}}
    reasons = {headers_of(each)[f"{HEADER}exception.message"] for each in dead}
    assert "422 {}" in reasons
    assert any(reason.startswith("its value is not JSON: ") for reason in reasons)
    assert {headers_of(each)["origin"] for each in dead} == {"test"}
    assert service.logins == {"Basic d3JpdGVyOnNlY3JldC1vZi10aGUtdGVzdA=="}
    assert LOGIN["password"] not in connector.log


def test_what_has_been_delivered_is_not_delivered_again_after_an_orderly_end(
    quick_kafka: LocalKafka,
    service: Service,
    tmp_path: Path,
) -> None:
    make_topics(quick_kafka, "calm", "calm-dead")
    good = [number for number in range(400) if number not in {*BAD, NO_JSON}]
    write(quick_kafka, "calm", map(record, good))
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=connector_file(service, "calm")) as connector:
        eventually(lambda: len(service.got) > 100, "the first records")
        assert connector.terminate() == 0
        connector.start()
        eventually(lambda: len(service.got) >= len(good), lambda: f"the rest: {len(service.got)}\n{connector.log}")
        assert connector.terminate() == 0
    assert sorted(number for _, number in service.got) == good


def test_it_ends_at_once_while_the_service_is_away_and_is_not_ready(
    quick_kafka: LocalKafka,
    service: Service,
    tmp_path: Path,
) -> None:
    make_topics(quick_kafka, "away", "away-dead")
    service.stop()
    write(quick_kafka, "away", [record(1)])
    file = connector_file(service, "away") | {"unreadyAfter": 1}
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file) as connector:
        eventually(
            lambda: connector.get("/readyz")[0] == 503 and "no answer" in connector.get("/readyz")[1], "a reason"
        )
        assert connector.get("/healthz") == (200, "ok\n")
        assert connector.metric("kafka_connector_failing_seconds") > 1
        assert connector.terminate() == 0


def test_without_a_dead_letter_topic_it_stops_in_front_of_a_refused_record(
    quick_kafka: LocalKafka,
    service: Service,
    tmp_path: Path,
) -> None:
    make_topics(quick_kafka, "strict", partitions=1)
    write(quick_kafka, "strict", map(record, range(6, 10)))
    file = connector_file(service, "strict") | {"deadLetters": None}
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file) as connector:
        eventually(lambda: "a record was refused, and there is no dead-letter topic: 422" in connector.log, "a reason")
        assert connector.terminate() == 0
        del service.got[:]
        service.refuses = False
        connector.start()
        eventually(lambda: {number for _, number in service.got} >= {7, 8}, "the records once they are accepted")


def test_it_shows_what_the_dashboard_and_the_alerts_ask_for(
    quick_kafka: LocalKafka, service: Service, tmp_path: Path
) -> None:
    make_topics(quick_kafka, "shown", "shown-dead")
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=connector_file(service, "shown")) as connector:
        connector.wait_ready()
        page = connector.get("/metrics")[1]
    names = {line.partition("{")[0] for line in page.splitlines() if not line.startswith("#")}
    assert asked("kafka_connector_") <= names


def test_a_connector_that_may_not_use_its_group_is_not_ready_until_it_may(
    quick_kafka: LocalKafka, service: Service, tmp_path: Path
) -> None:
    make_topics(quick_kafka, "guarded", "guarded-dead")
    write(quick_kafka, "guarded", map(record, range(30, 40)))
    admin = AdminClient(quick_kafka.client())
    credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    change = UserScramCredentialUpsertion("guarded", credential, b"its-password")
    admin.alter_user_scram_credentials([change])["guarded"].result(120)

    def rule(kind: ResourceType, name: str, operation: AclOperation) -> AclBinding:
        literal, allow = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
        return AclBinding(kind, name, literal, "User:guarded", "*", operation, allow)

    reads = rule(ResourceType.TOPIC, "guarded", AclOperation.READ)
    add_rules(admin, reads, rule(ResourceType.TOPIC, "guarded-dead", AclOperation.WRITE))
    file = connector_file(service, "guarded") | {"unreadyAfter": 0.5}
    login: dict[str, Any] = {"user": "guarded", "password": "its-password"}
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file, secrets=LOGIN, **login) as connector:
        eventually(
            lambda: connector.get("/readyz") == (503, "Kafka: its Kafka user has no right to use the group\n"),
            lambda: f"not ready because of the group\n{connector.get('/readyz')}\n{connector.log}",
        )
        assert service.got == []
        add_rules(admin, rule(ResourceType.GROUP, "guarded", AclOperation.READ))
        eventually(lambda: len(service.got) == 10, lambda: f"all records\n{connector.log}")
        eventually(lambda: connector.get("/readyz") == (200, "ok\n"), "ready")
