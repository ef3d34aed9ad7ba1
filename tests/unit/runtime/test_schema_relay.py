"""The relay of schemas: what the programs of a pod learn of a registry, and what not."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from kafka_platform_runtime.failures import Refused
from kafka_platform_runtime.schema_relay.server import Registry, serve
from kafka_platform_runtime.schema_relay.settings import RelaySettings
from kafka_platform_runtime.supervision import WATCH

from tests.ports import free_ports


class Upstream(BaseHTTPRequestHandler):
    """Answers like a registry, and notes what it was asked and by whom."""

    asked: list[tuple[str, str]]
    status = 200
    body = b'{"schema": "\\"string\\"", "id": 7}'

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Authorization", "")))
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RelaySettings]:
    monkeypatch.setattr(Upstream, "asked", [], raising=False)
    server = HTTPServer(("127.0.0.1", 0), Upstream)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    (tmp_path / "username").write_text("query-engine")
    (tmp_path / "password").write_text("secret\n")
    url = f"http://127.0.0.1:{server.server_port}/apis/ccompat/v7"
    yield RelaySettings(url=url, port=free_ports(1)[0], subjects=["orders-value"], login=tmp_path)
    server.shutdown()
    thread.join()
    server.server_close()


def test_schemas_are_had_by_a_login_that_nobody_sees(registry: RelaySettings) -> None:
    ask = Registry(registry)
    assert ask.answer("/subjects") == (200, ["orders-value"])
    assert Upstream.asked == []
    paths = ("/schemas/ids/7", "/subjects/orders-value/versions/latest", "/subjects/shop%2F..%2Fa/versions/2")
    for path in paths:
        assert ask.answer(path) == (200, {"schema": '"string"', "id": 7})
    login = "Basic cXVlcnktZW5naW5lOnNlY3JldA=="
    assert Upstream.asked == [(f"/apis/ccompat/v7{path}", login) for path in paths]


def test_a_changed_login_works_at_once(registry: RelaySettings) -> None:
    ask = Registry(registry)
    ask.answer("/schemas/ids/7")
    assert registry.login is not None
    (registry.login / "password").write_text("another")
    ask.answer("/schemas/ids/7")
    first, second = (login for _, login in Upstream.asked)
    assert first != second


@pytest.mark.parametrize(
    "path",
    [
        "/config",
        "/subjects/orders-value",
        "/subjects/orders-value/versions",
        "/subjects/a/b/versions/1",
        "/schemas/ids/7/../../../../admin",
        "/schemas/ids/x",
        "/mode",
        "/",
    ],
)
def test_nothing_else_of_the_registry_is_learned(registry: RelaySettings, path: str) -> None:
    status, _ = Registry(registry).answer(path)
    assert (status, Upstream.asked) == (404, [])


def test_a_registry_that_fails_is_no_schema_that_is_missing(
    registry: RelaySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Upstream, "status", 401)
    monkeypatch.setattr(Upstream, "body", b"go away")
    assert Registry(registry).answer("/schemas/ids/7")[0] == 401
    assert Registry(replace(registry, url="http://127.0.0.1:1")).answer("/schemas/ids/7")[0] == 503
    assert registry.login is not None
    assert Registry(replace(registry, login=registry.login / "nowhere")).answer("/schemas/ids/7")[0] == 503


def test_it_answers_inside_the_pod_and_changes_nothing(registry: RelaySettings) -> None:
    WATCH.begin(lambda: None)
    server = serve(registry)
    address = f"http://127.0.0.1:{registry.port}"
    try:
        assert server.server_address[0] == "127.0.0.1"
        with urllib.request.urlopen(f"{address}/schemas/ids/7?fetchMaxId=false&subject=orders-value") as answer:
            assert json.load(answer)["id"] == 7
        for method, status in (("POST", "422"), ("PUT", "501"), ("DELETE", "501")):
            request = urllib.request.Request(f"{address}/subjects/orders-value/versions", b"{}", method=method)
            with pytest.raises(urllib.error.HTTPError, match=status):
                urllib.request.urlopen(request)
        long = urllib.request.Request(f"{address}/subjects/a/versions", b" " * (512 * 1024 + 1), method="POST")
        with pytest.raises(urllib.error.HTTPError, match="413"):
            urllib.request.urlopen(long)
    finally:
        WATCH.ending()
        server.shutdown()
        server.server_close()
    assert [path for path, _ in Upstream.asked] == ["/apis/ccompat/v7/schemas/ids/7"]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "RELAY_PORT: '' is not a port"),
        ({"RELAY_PORT": "70000"}, "RELAY_PORT: '70000' is not a port"),
        ({"RELAY_PORT": "8085", "RELAY_SUBJECTS": "/nowhere"}, "RELAY_SUBJECTS: FileNotFoundError in /nowhere"),
    ],
)
def test_wrong_settings_are_refused(variables: dict[str, str], message: str) -> None:
    with pytest.raises(Refused, match=message):
        RelaySettings.from_environment({"RELAY_URL": "http://registry"} | variables)


def test_without_a_registry_there_is_no_relay() -> None:
    assert RelaySettings.from_environment({}) is None


def schema(*fields: str, doc: str = "") -> str:
    record = {"type": "record", "name": "shop.Order", "fields": [{"name": each, "type": "string"} for each in fields]}
    return json.dumps(record | ({"doc": doc} if doc else {}))


VERSIONS = {"1": (11, schema("id")), "2": (12, schema("id", "name", doc="both")), "3": (13, schema("name"))}


@pytest.fixture
def versions(registry: RelaySettings, monkeypatch: pytest.MonkeyPatch) -> RelaySettings:
    def answer(self: Upstream) -> None:
        self.asked.append((self.path, ""))
        last = self.path.rpartition("/")[2]
        known = [int(each) for each in VERSIONS] if last == "versions" else None
        found = VERSIONS.get(last)
        body = known if found is None else {"id": found[0], "schema": found[1], "version": int(last)}
        self.send_response(200 if "orders-value" in self.path else 404)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    monkeypatch.setattr(Upstream, "do_GET", answer)
    return registry


def test_who_would_register_a_schema_gets_its_number_if_it_is_there(versions: RelaySettings) -> None:
    ask = Registry(versions)
    other = {"namespace": "shop", "name": "Order", "type": "record", "fields": [
        {"type": "string", "name": "id", "default": "x"}, {"name": "name", "type": "string"}]}  # fmt: skip
    for text in (schema("id", "name"), json.dumps(other)):
        body = json.dumps({"schema": text}).encode()
        assert ask.registered("/subjects/orders-value/versions", body) == (200, {"id": 12})


@pytest.mark.parametrize(
    ("path", "text", "status"),
    [
        ("/subjects/orders-value/versions", schema("id", "other"), 404),
        ("/subjects/payments-value/versions", schema("id"), 404),
        ("/subjects/orders-value", schema("id"), 404),
        ("/config", schema("id"), 404),
        ("/subjects/orders-value/versions", "{", 422),
        ("/subjects/orders-value/versions", '{"type": "shop.Missing"}', 422),
    ],
)
def test_nothing_is_registered(versions: RelaySettings, path: str, text: str, status: int) -> None:
    found, _ = Registry(versions).registered(path, json.dumps({"schema": text}).encode())
    assert found == status
