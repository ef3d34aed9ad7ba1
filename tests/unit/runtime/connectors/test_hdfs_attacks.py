"""A namenode that sends the connector astray: what it does not do, and what it does not tell."""

import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka_platform_runtime.connectors.kinds.hdfs_sink import Settings, is_named, target
from kafka_platform_runtime.connectors.records import Record
from kafka_platform_runtime.connectors.settings import Connector, Secrets
from kafka_platform_runtime.failures import Refused, Transient

TOKEN = "KAAFYWxpY2UFYWxpY2UAigFe"
STANDBY = b'{"RemoteException": {"exception": "StandbyException", "message": "not active"}}'


class Server:
    """Answers by what it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Mapping[str, str], bytes]] = []
        self.location = ""
        self.answer: tuple[int, Mapping[str, str], bytes] | None = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                server.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                status, headers, content = server.answered(self.path)
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_DELETE = do_PUT  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answered(self, path: str) -> tuple[int, Mapping[str, str], bytes]:
        if self.answer is not None:
            return self.answer
        if "op=CREATE&" in path:
            return 307, {"location": self.location}, b""
        return (201, {}, b"") if path.startswith("/data") else (200, {}, b'{"boolean": true}')

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def namenode() -> Iterator[Server]:
    made = Server()
    yield made
    made.end()


@pytest.fixture
def other() -> Iterator[Server]:
    made = Server()
    yield made
    made.end()


RECORD = Record(topic="t", partition=0, offset=0, timestamp=0, key=None, value=b"1")


def sink(folder: Path, *servers: Server, secrets: Mapping[str, str] | None = None, **settings: Any) -> Any:
    for name, text in (secrets or {}).items():
        (folder / name).write_text(text)
    given = {"urls": [f"http://{each.place}" for each in servers], "path": "/lake", "timeout": 5} | settings
    connector = Connector(name="c", kind="hdfs", topics=["t"], group="g")
    return target(msgspec.convert(given, Settings), Secrets(folder), connector)


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]:9864/x",
        "http://{other}@169.254.169.254/x",
        "http://connect@{other}/data",
        "https://{other}/data",
        "ftp://{other}/data",
        "file:///etc/passwd",
        "//{other}/data",
        "/data",
        "http://{other}.evil.example/data",
        "http://{other}0/data",
        "http://:80:80/",
        "http://x:99999/",
        "",
    ],
)
def test_content_goes_to_no_place_that_was_not_declared(
    namenode: Server, other: Server, tmp_path: Path, location: str
) -> None:
    namenode.location = location.replace("{other}", other.place)
    outcome = sink(tmp_path, namenode, user="connect", datanodes=[other.place]).deliver([RECORD])
    assert outcome.left == [RECORD]
    assert "redirects to" in outcome.trouble
    assert other.asked == []


def test_a_login_stays_with_the_namenode_and_content_goes_to_the_datanode(
    namenode: Server, other: Server, tmp_path: Path
) -> None:
    namenode.location = f"http://{other.place}/data?op=CREATE"
    login = {"username": "connect", "password": "word"}
    made = sink(tmp_path, namenode, secrets=login, datanodes=[other.place])
    assert made.deliver([RECORD]).left == ()
    ((_, _, headers, body),) = other.asked
    assert "authorization" not in headers
    assert len(body) > 0
    assert all("authorization" in each[2] for each in namenode.asked)


def test_a_gateway_that_redirects_to_itself_gets_the_login_again(namenode: Server, tmp_path: Path) -> None:
    namenode.location = f"http://{namenode.place}/data?_=AAAA"
    assert sink(tmp_path, namenode, secrets={"token": "bearer"}).deliver([RECORD]).left == ()
    assert {each[2].get("authorization") for each in namenode.asked} == {"Bearer bearer"}


@pytest.mark.parametrize("location", ["http://evil.example/?delegation={token}", "http://{token}:{token}/", "x{token}"])
def test_a_token_is_in_no_message(namenode: Server, tmp_path: Path, location: str) -> None:
    namenode.location = location.replace("{token}", TOKEN.lower())
    made = sink(tmp_path, namenode, secrets={"delegation-token": TOKEN})
    outcome = made.deliver([RECORD])
    assert f"delegation={TOKEN}" in namenode.asked[0][1]
    assert "?" not in outcome.trouble
    assert TOKEN not in outcome.trouble


def test_a_token_that_was_renewed_is_used_at_once(namenode: Server, tmp_path: Path) -> None:
    namenode.location = f"http://{namenode.place}/data"
    made = sink(tmp_path, namenode, secrets={"delegation-token": TOKEN})
    assert made.deliver([RECORD]).left == ()
    (tmp_path / "delegation-token").write_text("renewed")
    assert made.deliver([RECORD]).left == ()
    assert "delegation=renewed" in namenode.asked[-1][1]


def test_a_standby_is_left_for_the_active_one(namenode: Server, other: Server, tmp_path: Path) -> None:
    namenode.answer = (403, {}, STANDBY)
    other.location = f"http://{other.place}/data"
    made = sink(tmp_path, namenode, other, user="connect")
    assert made.deliver([RECORD]).left == ()
    assert made.deliver([RECORD]).left == ()
    assert len(namenode.asked) == 1
    other.answer = (403, {}, STANDBY)
    assert "StandbyException: not active" in made.deliver([RECORD]).trouble


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((401, {"www-authenticate": "Negotiate"}, b""), "401: it wants Kerberos, which this connector does not speak"),
        ((200, {}, b"{}"), "redirects nowhere"),
        ((500, {}, b"\x00<html>\x1b[31m" + b"x" * 5000), "500"),
        ((307, {"location": "http://169.254.169.254/"}, b""), "which is not among datanodes"),
    ],
)
def test_strange_answers_are_told_in_one_line(
    namenode: Server, tmp_path: Path, answer: tuple[int, Mapping[str, str], bytes], told: str
) -> None:
    namenode.answer = answer
    outcome = sink(tmp_path, namenode, user="connect").deliver([RECORD])
    assert outcome.left == [RECORD]
    assert told in outcome.trouble
    assert outcome.trouble.isprintable()
    assert len(outcome.trouble) < 700


def test_a_listing_of_nonsense_stops_nothing(namenode: Server, tmp_path: Path) -> None:
    made = sink(tmp_path, namenode, user="connect")
    for body in (b"[]", b"{", b'{"FileStatuses": {"FileStatus": [1, {"pathSuffix": 1}, {"pathSuffix": "c./../x"}]}}'):
        namenode.answer = (200, {}, body)
        made.open()
    assert not [each for each in namenode.asked if each[0] == "DELETE"]
    namenode.answer = (403, {}, b"")
    with pytest.raises(Transient, match="403"):
        made.open()


@pytest.mark.parametrize(
    ("secrets", "settings", "told"),
    [
        ({"keytab": "x"}, {}, "has files of Kerberos, which this connector does not speak"),
        ({"krb5.conf": "x"}, {}, "has files of Kerberos, which this connector does not speak"),
        ({"username": "a"}, {}, "has username and no password: add it"),
        ({"username": "a", "password": "b", "token": "c"}, {}, "has password and token: remove one of them"),
        ({"delegation-token": "a", "token": "c"}, {}, "has token and delegation-token: remove one of them"),
        ({"delegation-token": "a"}, {"user": "connect"}, "the Secret has delegation-token, which says who it is"),
    ],
)
def test_logins_that_do_not_fit_are_refused(
    namenode: Server, tmp_path: Path, secrets: Mapping[str, str], settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(Refused, match=told):
        sink(tmp_path, namenode, secrets=secrets, **settings)


@pytest.mark.parametrize(
    ("entry", "host", "port", "is_it"),
    [
        ("data-1.hdfs:9864", "data-1.hdfs", 9864, True),
        ("data-1.hdfs:9864", "data-1.hdfs", 9865, False),
        ("*.hdfs.svc:9864", "data-1.hdfs.svc", 9864, True),
        ("*.hdfs.svc:9864", "a.b.hdfs.svc", 9864, True),
        ("*.hdfs.svc:9864", "hdfs.svc", 9864, False),
        ("*.hdfs.svc:9864", "xhdfs.svc", 9864, False),
        ("*.hdfs.svc:9864", ".hdfs.svc", 9864, False),
        ("[fd00::1]:9864", "fd00::1", 9864, True),
    ],
)
def test_which_places_an_entry_names(entry: str, host: str, port: int, is_it: bool) -> None:
    assert is_named(entry, host, port) is is_it
