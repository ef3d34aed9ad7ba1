"""Every task and thread of the gateway, killed one by one: those that serve everybody take the program with them."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_ports
from tests.unit.runtime.gateway.conftest import RED, Kafka, Program, authorization

SECONDS = 240.0
SETTINGS = {"limits": {"timeoutSeconds": 5}}
"""Callers get so long to end with the program, and five seconds more: streams that nobody ends any more take all of it."""
TASKS = {
    "maintenance": "The gateway's maintenance",
    "look at Kafka": "The look at Kafka",
    "end of streams": None,
    "sweep of streams": "The sweep of streams",
    "upkeep of consumers": "The upkeep of consumers",
}
"""Tasks that serve everybody, and the loop that is said to hang."""
THREADS = ("metrics", "scram_0", "questions_0", "reader_0", "consumer_0")
"""The same for threads; of a pool the first. (Those of `closing` begin with the first client that is closed.)"""
ERRANDS = {"feed", "reader leaves"}
"""Tasks of one caller."""
UNNAMED = {"run.<locals>.wrapper", "OneWrite.run_asgi", "RequestResponseCycle.run_asgi"}
"""Tasks of uvicorn: the program itself, and one for each request."""


@pytest.fixture(scope="module", autouse=True)
def topic(kafka: Kafka) -> str:
    return kafka.make_topic("red-killed")


class Killed(Program):
    """A gateway whose tasks and threads can be killed."""

    def __init__(self, kafka: Kafka, folder: Path) -> None:
        [self.control] = free_ports(1)
        super().__init__(
            kafka,
            folder,
            SETTINGS,
            module=["tests.unit.runtime.killing", str(self.control), "kafka_platform_runtime.gateway"],
        )

    def order(self, *words: str) -> Any:
        with socket.create_connection(("127.0.0.1", self.control), 10) as connection:
            connection.sendall(f"{' '.join(words)}\n".encode())
            return json.loads(connection.makefile().read())


@contextmanager
def at_work(kafka: Kafka, folder: Path) -> Iterator[tuple[Killed, http.client.HTTPResponse]]:
    """A gateway that writes, streams and has a consumer instance, and the answer of the stream."""
    gateway = Killed(kafka, folder)
    try:
        gateway.wait()
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=SECONDS)
        connection.request("GET", "/topics/red-killed/stream", headers={"authorization": authorization(RED)})
        stream = connection.getresponse()
        assert stream.status == 200
        assert gateway.ask("POST", "/consumers/red-group", {"format": "json"}, user=RED).status == 200
        assert gateway.ask("POST", "/topics/red-killed", {"records": [{"value": 1}]}, user=RED).status == 200
        assert gateway.ask("GET", "/healthz", user=None).status == 200
        yield gateway, stream
        connection.close()
    finally:
        gateway.kill()


def test_every_task_and_thread_has_a_name_and_is_known_here(kafka: Kafka, tmp_path: Path) -> None:
    with at_work(kafka, tmp_path) as (gateway, _):
        found = gateway.order("list")
        assert set(found["tasks"]) - UNNAMED == {*TASKS, *ERRANDS}
        # How many threads a pool has by now depends on how quick its first ones were.
        pools = {name.rpartition("_")[0] or name for name in found["threads"]}
        assert pools - {"MainThread", "closing"} == {name.rpartition("_")[0] or name for name in THREADS}


@pytest.mark.parametrize("way", ["cancel", "raise"])
@pytest.mark.parametrize("task", TASKS)
def test_the_program_ends_with_a_task_that_serves_everybody(kafka: Kafka, tmp_path: Path, task: str, way: str) -> None:
    with at_work(kafka, tmp_path) as (gateway, _):
        gateway.order(way, task)
        assert gateway.process.wait(SECONDS) == 4
        why = "was cancelled" if way == "cancel" else "RuntimeError"
        assert f"The program cannot continue: {task} has ended: {why}" in gateway.log.read_text()


@pytest.mark.parametrize("thread", THREADS)
def test_the_program_ends_with_a_thread(kafka: Kafka, tmp_path: Path, thread: str) -> None:
    with at_work(kafka, tmp_path) as (gateway, _):
        gateway.order("thread", thread)
        assert gateway.process.wait(SECONDS) == 4
        assert "The program cannot continue" in gateway.log.read_text()


@pytest.mark.parametrize("task", [task for task, heart in TASKS.items() if heart])
def test_a_task_that_hangs_fails_the_liveness_probe(kafka: Kafka, tmp_path: Path, task: str) -> None:
    with at_work(kafka, tmp_path) as (gateway, _):
        gateway.order("hang", task, ":", str(TASKS[task]))
        until = time.monotonic() + SECONDS
        while (reply := gateway.ask("GET", "/healthz", user=None)).status == 200:
            assert time.monotonic() < until
            time.sleep(0.2)
        assert reply.body.decode().startswith(f"{TASKS[task]} hangs")
        assert gateway.ask("GET", "/readyz", user=None).status == 503
        assert gateway.beside("/healthz")[0] == 503


def test_the_end_of_a_feed_ends_its_streams_and_nothing_else(kafka: Kafka, tmp_path: Path) -> None:
    with at_work(kafka, tmp_path) as (gateway, stream):
        gateway.order("cancel", "feed")
        assert b"event: error" in stream.read()
        assert gateway.ask("GET", "/healthz", user=None).status == 200
        assert gateway.ask("POST", "/topics/red-killed", {"records": [{"value": 1}]}, user=RED).status == 200
