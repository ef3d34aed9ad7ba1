"""Connectors check the certificates of real servers, and show their own where these ask for one."""

import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.connectors.kinds.table import made
from kafka_platform_runtime.connectors.records import Record, Target
from kafka_platform_runtime.connectors.settings import Connector, Secrets
from kafka_platform_runtime.failures import Refused, Transient

from tests.authority import Authority
from tests.cassandra_process import CENTRE, Cassandra, needed_cassandra
from tests.connector_process import eventually
from tests.debian import environment, needed
from tests.mqtt_process import Broker
from tests.ports import free_ports

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl: install it")
RECORD = Record(topic="t", partition=0, offset=0, timestamp=0, key=b"a", value=b"1")
Settings = dict[str, Any]


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority of the servers and of their clients."""
    authority = Authority(tmp_path_factory.mktemp("trusted"))
    for name in ("server", "client"):
        authority.sign(name, authority.folder / f"{name}.pem", authority.folder / f"{name}-key.pem")
    return authority


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another one."""
    return Authority(tmp_path_factory.mktemp("stranger"))


def mqtt(trusted: Authority, folder: Path) -> Iterator[tuple[str, Settings]]:
    own = trusted.folder
    tls = [f"cafile {trusted.certificate}", f"certfile {own}/server.pem", f"keyfile {own}/server-key.pem"]
    broker = Broker(needed("mosquitto", "mosquitto"), folder / "broker", listener=[*tls, "require_certificate true"])
    broker.start()
    yield "mqtt", {"host": "127.0.0.1", "port": broker.port, "tls": True, "topic": "x"}
    broker.stop()


def redis(trusted: Authority, folder: Path) -> Iterator[tuple[str, Settings]]:
    program = needed("redis-server", "redis-server", "redis-tools")
    (port,) = free_ports(1)
    own = trusted.folder
    command = [str(program), "--port", "0", "--bind", "127.0.0.1", "--tls-port", str(port), "--save", ""]
    command += ["--tls-cert-file", f"{own}/server.pem", "--tls-key-file", f"{own}/server-key.pem"]
    command += ["--tls-ca-cert-file", str(trusted.certificate), "--tls-auth-clients", "yes", "--dir", str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment(program))
    yield "redis", {"host": "127.0.0.1", "port": port, "tls": True}
    process.kill()
    process.wait()


def cassandra(trusted: Authority, folder: Path) -> Iterator[tuple[str, Settings]]:
    own, files = trusted.folder, {}
    files["keystore"] = (own / "server-key.pem").read_text() + (own / "server.pem").read_text()
    files["truststore"] = trusted.certificate.read_text()
    for name, text in files.items():
        (folder / name).write_text(text)
    more = ["client_encryption_options:", "  enabled: true", "  optional: false", "  require_client_auth: true"]
    more += ["  ssl_context_factory:", "    class_name: org.apache.cassandra.security.PEMBasedSslContextFactory"]
    more += [f"  {name}: {folder / name}" for name in files]
    admin = ssl.create_default_context(cafile=str(trusted.certificate))
    admin.load_cert_chain(own / "client.pem", own / "client-key.pem")
    server = Cassandra(needed_cassandra(), folder / "cassandra", more, admin)
    server.start()
    server.ask("CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
    server.ask("CREATE TABLE shop.rows (id text PRIMARY KEY, a text)")
    place: Settings = {"hosts": ["127.0.0.1"], "port": server.port, "tls": True, "datacenter": CENTRE}
    yield "cassandra", place | {"keyspace": "shop", "table": "rows", "columns": {"id": "key", "a": "value"}}
    server.kill()


class _Accepting(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _Quiet(HTTPServer):
    def handle_error(self, *_: object) -> None:
        """A refused client is what is tested."""


def http(trusted: Authority, _: Path) -> Iterator[tuple[str, Settings]]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(trusted.certificate))
    context.load_cert_chain(trusted.folder / "server.pem", trusted.folder / "server-key.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server = _Quiet(("127.0.0.1", 0), _Accepting)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield "http", {"url": f"https://127.0.0.1:{server.server_port}/", "timeout": 5}
    server.shutdown()
    server.server_close()
    thread.join()


def target_of(kind: str, settings: Settings, folder: Path, files: dict[str, Path]) -> Target:
    folder.mkdir()
    for name, file in files.items():
        shutil.copy(file, folder / name)
    connector = Connector(
        name="c", kind=kind, topics=["t"], group="g", settings=msgspec.Raw(msgspec.json.encode(settings))
    )
    found = made(connector, Secrets(folder), Connection(bootstrap_servers="127.0.0.1:1")).target
    assert found is not None
    return found


def trouble_of(target: Target) -> str:
    """Why it cannot deliver a record; empty if it can."""
    try:
        target.open()
        return target.deliver([RECORD]).trouble
    except Transient as failure:
        return str(failure)
    finally:
        target.close()


@pytest.mark.parametrize("server", [mqtt, redis, http, cassandra])
def test_both_sides_check_the_certificate_of_the_other(
    server: Callable[[Authority, Path], Iterator[tuple[str, Settings]]],
    trusted: Authority,
    stranger: Authority,
    tmp_path: Path,
) -> None:
    own = {"tls.crt": trusted.folder / "client.pem", "tls.key": trusted.folder / "client-key.pem"}
    running = server(trusted, tmp_path)
    kind, settings = next(running)
    try:
        attempts = iter(range(1000))

        def trouble(files: dict[str, Path]) -> str:
            return trouble_of(target_of(kind, settings, tmp_path / f"secret-{next(attempts)}", files))

        eventually(lambda: trouble({"ca.crt": trusted.certificate, **own}) == "", "a delivery")
        assert "certificate verify failed" in trouble({"ca.crt": stranger.certificate, **own})
        assert "certificate verify failed" in trouble(own)
        assert trouble({"ca.crt": trusted.certificate}) != ""
        if kind == "cassandra":  # whose certificates may have a name instead of addresses
            for name, told in (("elsewhere.example.com", "certificate verify failed"), ("127.0.0.1", "")):
                settings["serverName"] = name
                assert told in (found := trouble({"ca.crt": trusted.certificate, **own}))
                assert bool(found) == bool(told)
    finally:
        assert list(running) == []


@pytest.mark.parametrize("kind", ["mqtt", "redis"])
def test_a_key_without_its_certificate_is_told_at_once(kind: str, trusted: Authority, tmp_path: Path) -> None:
    settings = {"host": "127.0.0.1", "port": 1, "tls": True} | ({"topic": "x"} if kind == "mqtt" else {})
    with pytest.raises(Refused, match=r"has tls\.key and no tls\.crt"):
        target_of(kind, settings, tmp_path / "secret", {"tls.key": trusted.folder / "client-key.pem"})
