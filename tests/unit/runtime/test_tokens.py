"""Tokens from an endpoint that is hostile, broken or slow."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from kafka_platform_runtime import tokens
from kafka_platform_runtime.failures import Rejected, Transient
from kafka_platform_runtime.tokens import LONGEST_SECONDS, OAuth, Tokens


class Endpoint(ThreadingHTTPServer):
    """Answers every request alike, and remembers the requests."""

    daemon_threads = True
    raw = b""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def tokens(self) -> Tokens:
        return Tokens(OAuth(token_url=f"http://127.0.0.1:{self.server_port}/token"), "client", "very-secret")

    def answers(self, body: str | bytes, head: str = "HTTP/1.1 200 OK") -> None:
        content = body.encode() if isinstance(body, str) else body
        self.raw = f"{head}\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


class Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def _answer(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"]))
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.wfile.write(self.server.raw)

    do_GET = do_POST = _answer  # noqa: N815 - the base class' names

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_secret_follows_no_redirect(endpoint: Endpoint, status: int) -> None:
    there = f"http://127.0.0.1:{endpoint.server_port}/elsewhere"
    endpoint.answers("", f"HTTP/1.1 {status} Elsewhere\r\nLocation: {there}")
    with pytest.raises(Rejected, match=f"redirects to another one: HTTP {status}: write that one's URL"):
        endpoint.tokens.token()
    assert [path for path, _ in endpoint.asked] == ["/token"]


@pytest.mark.parametrize(
    ("body", "head"),
    [
        ("[" * 100_000, "HTTP/1.1 200 OK"),
        (b"\xff\xfe", "HTTP/1.1 200 OK"),
        ("9" * 10_000, "HTTP/1.1 200 OK"),
        ('{"access_token": "' + "x" * 2_000_000, "HTTP/1.1 200 OK"),
        ("", "nothing of HTTP"),
        ("", "HTTP/1.1 200 OK" + "\r\nX: x" * 200),
        ("", "HTTP/1.1 200 " + "x" * 100_000),
    ],
    ids=["deep", "no text", "long number", "huge", "no HTTP", "many headers", "long line"],
)
def test_an_answer_that_is_none_may_be_tried_again_and_tells_no_secret(
    endpoint: Endpoint, body: str | bytes, head: str
) -> None:
    endpoint.answers(body, head)
    with pytest.raises(Transient, match="does not answer: ") as raised:
        endpoint.tokens.token()
    assert "very-secret" not in str(raised.value)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize("token", ["a\r\nX-Admin: 1", "a\x01auth=other", "a b", "ä", "", 7, None, ["a"]])
def test_a_token_that_would_be_more_than_a_token_is_refused(endpoint: Endpoint, token: object) -> None:
    endpoint.answers(json.dumps({"access_token": token}))
    with pytest.raises(Rejected, match="without an access_token"):
        endpoint.tokens.token()


@pytest.mark.parametrize("lifetime", ["1e999", "9" * 400, "1e300"])
def test_no_token_is_kept_for_ever(endpoint: Endpoint, lifetime: str) -> None:
    endpoint.answers(f'{{"access_token": "t", "expires_in": {lifetime}}}')
    assert endpoint.tokens._fetch() == ("t", LONGEST_SECONDS)


def test_an_answer_that_does_not_end_is_given_up(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint.answers('{"access_token": "t"}')
    monkeypatch.setattr(tokens, "ANSWER_SECONDS", -1.0)
    with pytest.raises(TimeoutError, match="does not end"):
        tokens._read(_Dripping())  # type: ignore[arg-type]


class _Dripping:
    def read1(self, most: int) -> bytes:
        return b"x"


def test_those_who_waited_for_a_failure_do_not_ask_again(endpoint: Endpoint) -> None:
    endpoint.answers("", "HTTP/1.1 503 Busy")
    own = endpoint.tokens
    for _ in range(5):
        with pytest.raises(Transient, match="HTTP 503"):
            own.token()
    assert len(endpoint.asked) == 1
