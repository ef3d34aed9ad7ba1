"""A real registry on a real Kafka: who may do what, and what stays when it is killed."""

import gzip
import json
from pathlib import Path

import pytest
from kafka_platform.registry.objects import API
from kafka_platform.registry.spec import REGISTRAR

from tests.dashboards import asked
from tests.harness import eventually
from tests.kafka_process import LocalKafka
from tests.registry_process import USERS, LocalRegistry


def record(*fields: tuple[str, str], **defaults: str) -> dict[str, str]:
    """A registration of an Avro schema with text fields."""
    named = [{"name": name, "type": kind} for name, kind in fields]
    named += [{"name": name, "type": "string", "default": default} for name, default in defaults.items()]
    return {"schema": json.dumps({"type": "record", "name": "Order", "fields": named})}


ORDER = record(("id", "string"))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{API}/subjects"),
        ("GET", f"{API}/schemas/ids/1"),
        ("POST", f"{API}/subjects/x-value/versions"),
        ("PUT", f"{API}/config"),
        ("DELETE", f"{API}/subjects/x-value"),
        ("GET", "/apis/registry/v3/search/artifacts"),
        ("POST", "/apis/registry/v3/groups/default/artifacts"),
        ("GET", "/apis/registry/v2/search/artifacts"),
        ("GET", "/apis/registry/v3/admin/export"),
        ("GET", "/apis/registry/v3/admin/config/properties"),
    ],
)
@pytest.mark.parametrize("login", [None, "reader:wrong", "nobody:nobody-password", "registrar:"])
def test_nobody_reads_or_writes_without_a_login(
    registry: LocalRegistry, method: str, path: str, login: str | None
) -> None:
    assert registry.ask(method, path, login, ORDER if method != "GET" else None)[0] == 401


def test_a_reader_reads_and_registers_nothing(registry: LocalRegistry) -> None:
    assert registry.admin("POST", "/subjects/read-value/versions", ORDER)[0] == 200
    assert registry.get(f"{API}/subjects/read-value/versions/latest", "reader")[0] == 200
    assert registry.ask("POST", f"{API}/subjects/read-value/versions", "reader", record(b=""))[0] == 403
    assert registry.ask("POST", f"{API}/subjects/own-value/versions", "reader", ORDER)[0] == 403
    assert registry.ask("DELETE", f"{API}/subjects/read-value", "reader")[0] == 403
    assert registry.ask("PUT", f"{API}/config", "reader", {"compatibility": "NONE"})[0] == 403


def test_a_developer_changes_only_what_it_has_registered(registry: LocalRegistry) -> None:
    assert registry.admin("POST", "/subjects/of-the-registrar-value/versions", ORDER)[0] == 200
    assert registry.ask("POST", f"{API}/subjects/of-the-api-value/versions", "orders-api", ORDER)[0] == 200
    for owner, other, subject in (
        (REGISTRAR, "orders-api", "of-the-registrar-value"),
        ("orders-api", "shop.web", "of-the-api-value"),
    ):
        shown = registry.ask("GET", f"/apis/registry/v3/groups/default/artifacts/{subject}", REGISTRAR)[1]
        assert shown["owner"] == owner
        answer = registry.ask("POST", f"{API}/subjects/{subject}/versions", other, record(b=""))
        assert answer[0] == 403, f"{answer}\n{registry.log[-3000:]}"
        assert registry.ask("DELETE", f"{API}/subjects/{subject}", other)[0] == 403
        assert registry.ask("PUT", f"{API}/config/{subject}", other, {"compatibility": "NONE"})[0] == 403
    assert registry.ask("PUT", f"{API}/config", "orders-api", {"compatibility": "NONE"})[0] == 403


def test_it_shows_metrics_and_no_password(registry: LocalRegistry) -> None:
    status, metrics = registry.get("/metrics", port=registry.management_port)
    assert status == 200
    assert asked("rest_")
    assert {each for each in asked("rest_") if f"\n{each}{{" not in metrics} == set()
    assert "password-of-the-registry" not in registry.log + metrics
    assert "registrar-password" not in registry.log + metrics


def test_what_it_acknowledged_is_there_after_it_is_killed_and_in_a_second_one(
    registry: LocalRegistry, kafka: LocalKafka, registry_files: Path
) -> None:
    status, answer = registry.admin("POST", "/subjects/kept-value/versions", ORDER)
    assert status == 200
    with LocalRegistry(
        files=registry_files, kafka=kafka, user="schema-registry", password="password-of-the-registry", users=USERS
    ) as second:
        registry.kill()
        assert second.admin("GET", "/subjects/kept-value/versions/1")[1]["id"] == answer["id"]
        assert second.admin("POST", "/subjects/kept-value/versions", record(("id", "string"), b=""))[0] == 200
    registry.start()
    assert registry.admin("GET", "/subjects/kept-value/versions")[1] == [1, 2]


@pytest.mark.parametrize(
    "body",
    [
        b"{" * 500_000,
        b'{"schema": "' + b"x" * 4_000_000 + b'"}',
        json.dumps({"schema": "[" * 100_000}).encode(),
        json.dumps({"schemaType": "JSON", "schema": '{"$ref": "http://169.254.169.254/latest"}'}).encode(),
        b"\xff\xfe\x00",
        b"null",
        gzip.compress(b"0" * 1_000_000),
    ],
    ids=["nested", "large", "deep-schema", "remote-ref", "no-text", "null", "packed"],
)
def test_hostile_requests_of_a_developer_leave_it_at_work(registry: LocalRegistry, body: bytes) -> None:
    registry.ask("POST", f"{API}/subjects/hostile-value/versions", "orders-api", body)
    eventually("it answers a reader", lambda: registry.get(f"{API}/subjects", "reader")[0] == 200)
    assert registry.process is not None
    assert registry.process.poll() is None
