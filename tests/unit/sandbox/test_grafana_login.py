"""The proxy by which a browser without a password sees Grafana."""

import http.server
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests.grafana import dashboards, logged_in

LOGIN = "Basic YWRtaW46c2VjcmV0"


class Grafana(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = b'[{"uid": "kafka-1", "title": "Kafka"}]'
        self.send_response(200 if self.headers["authorization"] == LOGIN and self.path.startswith("/api") else 403)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Grafana) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_requests_are_logged_in_and_refusals_reach_the_browser(address: str) -> None:
    with logged_in(address, "admin", "secret") as proxy:
        assert dashboards(proxy) == {"kafka-1": "Kafka"}
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{proxy}/elsewhere")
        assert refused.value.code == 403
