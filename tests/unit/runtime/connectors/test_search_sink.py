"""Kafka to a real OpenSearch, by a connector that is killed, as the server is."""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.connector_process import HEADER, LocalConnector, eventually, headers_of, make_topics, read, write
from tests.kafka_process import LocalKafka
from tests.maven_libraries import needed_libraries
from tests.ports import free_ports
from tests.sandbox_cache import cache

RECORDS = 3000
BAD = {5, 1200, 2999}
RECIPE = Path(__file__).parents[3] / "opensearch"
VERSION = "2.19.6"
LIBRARIES = cache() / f"opensearch-{VERSION}" / "libs"


class Server:
    """A node without plugins but HTTP."""

    def __init__(self, folder: Path) -> None:
        self.port, self._transport = free_ports(2)
        self._folder = folder
        (folder / "config").mkdir(parents=True)
        self._process: subprocess.Popen[bytes] | None = None
        classpath = f"{LIBRARIES}/*"
        subprocess.run(["javac", "-cp", classpath, "-d", folder, RECIPE / "TestNode.java"], check=True)

    def start(self) -> None:
        command = ["java", "-Xms256m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        command += [
            f"-Dlog4j2.configurationFile={RECIPE / 'log4j2.properties'}",
            "-cp",
            f"{self._folder}:{LIBRARIES}/*",
        ]
        command += ["TestNode", str(self._folder), str(self.port), str(self._transport)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        eventually(lambda: self.ask("GET", "/"), lambda: (self._folder / "log").read_text()[-2000:])

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def ask(self, method: str, path: str, content: Any = None) -> Any:
        """The answer; None if there is none."""
        body = None if content is None else json.dumps(content).encode()
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read())
        except (OSError, urllib.error.HTTPError):
            return None

    def count(self) -> int:
        self.ask("POST", "/orders/_refresh")
        found = self.ask("GET", "/orders/_count")
        return 0 if found is None else int(found["count"])


def needed_node() -> None:
    """OpenSearch in the user's cache (45 MB); the test is skipped, with the reason, where it cannot be had."""
    if shutil.which("javac") is None:
        pytest.skip("no compiler of Java for OpenSearch's node: install a JDK, such as openjdk-17-jdk-headless")
    needed_libraries("OpenSearch", VERSION, RECIPE)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    needed_node()
    made = Server(tmp_path / "opensearch")
    made.start()
    yield made
    made.kill()


def record(number: int) -> tuple[str, bytes]:
    amount: Any = "much" if number in BAD else number
    return f"k{number % 20}", json.dumps({"n": number, "amount": amount}).encode()


def test_nothing_is_lost_when_both_are_killed_and_only_what_is_refused_is_a_dead_letter(
    quick_kafka: LocalKafka, server: Server, tmp_path: Path
) -> None:
    make_topics(quick_kafka, "orders", "orders-dead")
    server.ask("PUT", "/orders", {"mappings": {"properties": {"amount": {"type": "long"}}}})
    file = {
        "name": "search",
        "kind": "opensearch",
        "topics": ["orders"],
        "group": "search",
        "deadLetters": "orders-dead",
        "batch": {"records": 200, "wait": 0.1},
        "settings": {"url": f"http://127.0.0.1:{server.port}"},
    }
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file) as connector:
        write(quick_kafka, "orders", map(record, range(1000)))
        eventually(lambda: server.count() > 0, lambda: connector.log)
        connector.again()
        write(quick_kafka, "orders", map(record, range(1000, 2000)))
        eventually(lambda: server.count() > 1000, lambda: connector.log)
        server.kill()
        write(quick_kafka, "orders", map(record, range(2000, RECORDS)))
        connector.again()
        eventually(lambda: "trying again: no answer" in connector.log, lambda: connector.log)
        time.sleep(0.5)
        server.start()
        expected = RECORDS - len(BAD)
        eventually(lambda: server.count() >= expected, lambda: f"{server.count()}\n{connector.log}")
        eventually(lambda: len(read(quick_kafka, "orders-dead")) >= len(BAD), lambda: connector.log)
        assert server.count() == expected
    dead = read(quick_kafka, "orders-dead")
    assert {json.loads(each.value() or b"")["n"] for each in dead} == BAD
    assert all("mapper_parsing_exception" in headers_of(each)[f"{HEADER}exception.message"] for each in dead)
