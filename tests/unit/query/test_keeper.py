"""The program beside Trino: files made of Secrets, and what it shows."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.query_keeper.__main__ import once
from kafka_platform_runtime.query_keeper.catalogs import filled
from kafka_platform_runtime.query_keeper.engine import NAMES, Engine
from kafka_platform_runtime.query_keeper.files import Files
from kafka_platform_runtime.query_keeper.page import Page
from kafka_platform_runtime.query_keeper.settings import Settings

from tests.dashboards import asked

USERS = {"ann": "user-0", "x.*|ann": "user-1"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name in ("run", "passwords", "tls"):
        (tmp_path / name).mkdir()
    for user, file in USERS.items():
        (tmp_path / "passwords" / file).write_text(f"password of {user}")
    (tmp_path / "tls" / "tls.key").write_text("key")
    (tmp_path / "tls" / "tls.crt").write_text("certificate\n")
    (tmp_path / "users.json").write_text(json.dumps(USERS))
    return Settings.from_environment(
        {
            "QUERY_CERTIFICATE": str(tmp_path / "tls"),
            "QUERY_FOLDER": str(tmp_path / "run"),
            "QUERY_PASSWORDS": str(tmp_path / "passwords"),
            "QUERY_PORT": "9404",
            "QUERY_URL": "http://127.0.0.1:1",
            "QUERY_USERS": str(tmp_path / "users.json"),
        }
    )


def test_hashes_are_of_the_passwords_and_no_password_is_among_them(settings: Settings) -> None:
    assert Files(settings).keep() == ["password.db", "server.pem"]
    file = settings.folder / "password.db"
    assert file.stat().st_mode & 0o777 == 0o600
    lines = file.read_text().splitlines()
    assert "password of" not in file.read_text()
    for line, (user, _) in zip(lines, sorted(USERS.items()), strict=True):
        name, rounds, salt, digest = line.rsplit(":", 3)
        assert name == user
        known = hashlib.pbkdf2_hmac("sha1", f"password of {user}".encode(), bytes.fromhex(salt), int(rounds), 32)
        assert digest == known.hex()
    assert (settings.folder / "server.pem").read_text() == "key\ncertificate\n"


def test_a_file_is_made_anew_only_when_its_secret_changes(settings: Settings) -> None:
    files = Files(settings)
    files.keep()
    assert files.keep() == []
    (settings.passwords / "user-0").write_text("another")
    assert files.keep() == ["password.db"]
    assert settings.certificate is not None
    (settings.certificate / "tls.crt").write_text("renewed")
    assert files.keep() == ["server.pem"]


def test_what_is_missing_is_named_and_nothing_is_written(settings: Settings) -> None:
    (settings.passwords / "user-1").unlink()
    with pytest.raises(Transient, match="user-1: No such file"):
        Files(settings).keep()
    assert list(settings.folder.iterdir()) == []
    with pytest.raises(Refused, match="user-1: No such file"):
        once(settings, seconds=0)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "QUERY_FOLDER: missing"),
        ({"QUERY_PORT": "x"}, "QUERY_PORT: 'x' is not a port"),
        ({"QUERY_PORT": "1", "QUERY_USERS": "/nowhere"}, "QUERY_USERS: FileNotFoundError in /nowhere"),
    ],
)
def test_wrong_settings_are_refused(variables: dict[str, str], message: str) -> None:
    given = dict.fromkeys(("QUERY_FOLDER", "QUERY_PASSWORDS", "QUERY_URL", "QUERY_USERS"), "/x") if variables else {}
    with pytest.raises(Refused, match=message):
        Settings.from_environment(given | variables)


class Trino(BaseHTTPRequestHandler):
    """Answers like Trino."""

    starting = False
    metrics = ""

    def do_GET(self) -> None:
        text = json.dumps({"starting": self.starting}) if self.path == "/v1/info" else self.metrics
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def trino() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Trino)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_it_is_ready_once_trino_is(trino: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trino, "starting", True)
    with pytest.raises(Transient, match="Trino is starting"):
        Engine(trino).ready()
    monkeypatch.setattr(Trino, "starting", False)
    Engine(trino).ready()
    with pytest.raises(Transient, match="Trino does not answer"):
        Engine("http://127.0.0.1:1").ready()


def test_what_it_shows_is_what_alerts_and_panels_ask_for(trino: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"{name} {number}" for number, name in enumerate(NAMES)]
    monkeypatch.setattr(
        Trino, "metrics", "\n".join(["# TYPE x gauge", "strange 1", "broken", *lines, f"{next(iter(NAMES))} NaN"])
    )
    page = Page(2)
    assert page.trouble == "Trino has not been looked at yet"
    page.looked(Engine(trino).values())
    assert page.trouble is None
    text = page.text.decode()
    assert "query_engine_up 1\n" in text
    assert 'query_engine_failures_total{kind="user"} 3.0\n' in text
    assert "strange" not in text
    shown = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")}
    assert asked("query_engine_") <= shown
    page.failed("Trino does not answer")
    assert "query_engine_queries_running" not in page.text.decode()


def test_a_registry_that_is_half_declared_is_refused(settings: Settings, tmp_path: Path) -> None:
    given = {"QUERY_FOLDER": "/x", "QUERY_PASSWORDS": "/x", "QUERY_PORT": "1", "QUERY_URL": "http://t"}
    given |= {"QUERY_USERS": str(tmp_path / "users.json"), "RELAY_URL": "http://registry"}
    with pytest.raises(Refused, match="RELAY_PORT: '' is not a port"):
        Settings.from_environment(given)


@pytest.fixture
def catalogs(settings: Settings, tmp_path: Path) -> Settings:
    for name in ("catalogs", "secrets", "secrets/shop", "secrets/lake-store"):
        (tmp_path / name).mkdir()
    (tmp_path / "catalogs" / "shop.properties").write_text("a=1\nconnection-password=${SECRET:shop/password}\n")
    (tmp_path / "catalogs" / "kafka.properties").write_text("b=2\n")
    (tmp_path / "secrets" / "shop" / "password").write_text("p\u00e4ss\\word=#!\n")
    (tmp_path / "secrets" / "shop" / "ca.crt").write_text("authority\n")
    return replace(settings, catalogs=tmp_path / "catalogs", secrets=tmp_path / "secrets")


def test_catalogs_get_their_logins(catalogs: Settings) -> None:
    once(catalogs)
    made = catalogs.folder / "catalog" / "shop.properties"
    assert made.read_text() == "a=1\nconnection-password=p\\u00e4ss\\\\word=#!\n"
    assert made.stat().st_mode & 0o777 == 0o600
    assert (catalogs.folder / "catalog" / "kafka.properties").read_text() == "b=2\n"
    assert (catalogs.folder / "shop.crt").read_text() == "authority\n"
    # The container may be run again in the same pod.
    once(catalogs)


@pytest.mark.parametrize(
    ("password", "message"),
    [
        (None, "the Secret of shop has no key password: add it"),
        ("", "the Secret of shop has in password line breaks, blanks around it, or nothing"),
        ("a\nconnection-url=b", "the Secret of shop has in password line breaks"),
        ("${ENV:SHARED_SECRET}", "the Secret of shop has ${ in password"),
        ("${SECRET:lake/password}", "the Secret of shop has ${ in password"),
    ],
)
def test_a_value_that_would_be_read_as_something_else_is_refused(password: str | None, message: str) -> None:
    secrets = {"shop": {} if password is None else {"password": password}, "lake": {"password": "of the lake"}}
    with pytest.raises(Refused, match=re.escape(message)) as refused:
        filled("x=${SECRET:shop/password}\n", secrets)
    assert "of the lake" not in str(refused.value)
    assert not password or password not in str(refused.value)
