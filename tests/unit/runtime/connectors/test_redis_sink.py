"""Kafka to a real Redis, by a connector that is killed while the server restarts."""

import json
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.connector_process import HEADER, Arrived, LocalConnector, eventually, headers_of, make_topics, read, write
from tests.debian import environment, needed
from tests.kafka_process import LocalKafka
from tests.ports import free_ports

RECORDS = 3000
KEYS = 30
PASSWORD = "of-the-test"


class Server:
    """Redis, which writes each command to its file before it answers."""

    def __init__(self, program: Path, folder: Path) -> None:
        (self.port,) = free_ports(1)
        self._program = program
        self._folder = folder
        folder.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        self.client = redis.Redis(port=self.port, password=PASSWORD)

    def start(self) -> None:
        command = [str(self._program), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        command += ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--requirepass", PASSWORD]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment(self._program))
        eventually(self._answers, "a server")

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(needed("redis-server", "redis-server", "redis-tools"), tmp_path / "redis")
    made.start()
    yield made
    made.kill()


def file_of(topic: str, server: Server, **settings: Any) -> dict[str, Any]:
    return {
        "name": topic,
        "kind": "redis",
        "topics": [topic],
        "group": topic,
        "deadLetters": f"{topic}-dead",
        "batch": {"records": 100, "wait": 0.05},
        "settings": {"host": "127.0.0.1", "port": server.port} | settings,
    }


def record(number: int) -> tuple[str, bytes]:
    return f"k{number % KEYS}", json.dumps({"n": number}).encode()


def test_nothing_is_lost_when_both_are_killed(quick_kafka: LocalKafka, server: Server, tmp_path: Path) -> None:
    make_topics(quick_kafka, "events", "events-dead")
    file = file_of("events", server, form="stream")
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file, secrets={"password": PASSWORD}) as connector:
        step = RECORDS // 3

        def has_more(than: Any) -> bool:
            found: Any = server.client.xlen("events")
            return bool(found > than or found >= RECORDS - step)

        for part in range(2):
            write(quick_kafka, "events", map(record, range(part * step, (part + 1) * step)))
            eventually(partial(has_more, server.client.xlen("events")), lambda: connector.log)
            connector.again()
        server.kill()
        write(quick_kafka, "events", map(record, range(2 * step, RECORDS)))
        eventually(lambda: "trying again" in connector.log, "a connector without a server")
        time.sleep(0.5)
        server.start()

        def arrived() -> Arrived:
            found: Any = server.client.xrange("events")
            entries = [fields for _, fields in found]
            return Arrived(numbers=[(each[b"key"].decode(), json.loads(each[b"value"])["n"]) for each in entries])

        eventually(lambda: len(arrived().distinct) == RECORDS, lambda: f"{len(arrived().distinct)}\n{connector.log}")
        assert arrived().distinct == set(range(RECORDS))
        assert arrived().disorder == []
        assert arrived().twice <= 3 * 300
        assert connector.terminate() == 0
    assert read(quick_kafka, "events-dead") == []


def test_the_newest_value_of_a_key_is_there_and_a_record_without_a_key_is_refused(
    quick_kafka: LocalKafka, server: Server, tmp_path: Path
) -> None:
    make_topics(quick_kafka, "state", "state-dead", partitions=1)
    write(quick_kafka, "state", [("a", b"1"), ("b", b"1"), (None, b"lost"), ("a", b"2"), ("b", None)])
    file = file_of("state", server, prefix="shop:")
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file, secrets={"password": PASSWORD}) as connector:
        (dead,) = eventually(lambda: read(quick_kafka, "state-dead"), lambda: connector.log)
        eventually(lambda: server.client.get("shop:a") == b"2", lambda: connector.log)
        assert server.client.keys("*") == [b"shop:a"]
    assert headers_of(dead)[f"{HEADER}offset"] == "2"
    assert headers_of(dead)[f"{HEADER}exception.message"] == "it has no key, of which it would be the value"
