"""A web service that is asked, to Kafka, by a connector that is killed."""

import json
import threading
import urllib.parse
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.connector_process import Arrived, LocalConnector, eventually, make_topics, read
from tests.kafka_process import LocalKafka

ITEMS = 1000
PAGE = 40


class Service:
    """Items by pages after a cursor, and a document with an ETag."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.unchanged = 0
        self.version = 1
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.asked.append(self.path)
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                if self.path.startswith("/pages"):
                    after = int(query.get("after", ["0"])[0])
                    items = [{"id": n, "k": {"name": f"k{n % 7}"}} for n in range(after + 1, ITEMS + 1)][:PAGE]
                    self.reply(200, {"data": {"items": items}})
                elif self.headers.get("If-None-Match") == f'"{service.version}"':
                    service.unchanged += 1
                    self.reply(304, None)
                else:
                    self.reply(200, {"version": service.version})

            def reply(self, status: int, content: Any) -> None:
                body = b"" if content is None else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("ETag", f'"{service.version}"')
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.server.shutdown()
    made.server.server_close()


def file_of(topic: str, **settings: Any) -> dict[str, Any]:
    return {"name": topic, "kind": "http-source", "topics": [topic], "group": topic, "settings": settings}


def test_every_item_arrives_when_it_is_killed_and_goes_on_where_it_was(
    quick_kafka: LocalKafka, service: Service, tmp_path: Path
) -> None:
    make_topics(quick_kafka, "items", partitions=1)
    cursor = {"parameter": "after", "item": "id"}
    url = service.url("/pages?sort=id")
    file = file_of("items", url=url, interval=0.1, items="data.items", key="k.name", cursor=cursor)
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file) as connector:

        def has_asked(times: int) -> bool:
            return len(service.asked) >= times

        for pages in (3, 8):
            eventually(partial(has_asked, pages), lambda: connector.log)
            connector.again()

        def arrived() -> Arrived:
            found = read(quick_kafka, "items")
            return Arrived(numbers=[((e.key() or b"").decode(), json.loads(e.value() or b"")["id"]) for e in found])

        eventually(lambda: len(arrived().distinct) == ITEMS, lambda: f"{len(arrived().distinct)}\n{connector.log}")
        assert arrived().distinct == set(range(1, ITEMS + 1))
        assert arrived().disorder == []
        assert arrived().twice <= 2 * PAGE
        assert connector.terminate() == 0
        del service.asked[:]
        connector.start()
        eventually(lambda: service.asked, "a question")
        assert service.asked[0] == f"/pages?sort=id&after={ITEMS}"


def test_a_document_is_written_when_its_etag_changes(quick_kafka: LocalKafka, service: Service, tmp_path: Path) -> None:
    make_topics(quick_kafka, "document", partitions=1)
    file = file_of("document", url=service.url("/document"), interval=0.05)
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file) as connector:
        eventually(lambda: service.unchanged >= 2, lambda: connector.log)
        connector.again()
        eventually(lambda: service.unchanged >= 4, lambda: connector.log)
        service.version = 2
        eventually(lambda: len(read(quick_kafka, "document")) == 2, lambda: connector.log)
        assert connector.terminate() == 0
    assert [json.loads(each.value() or b"") for each in read(quick_kafka, "document")] == [
        {"version": 1},
        {"version": 2},
    ]
