"""Gateways beside each other, and a client of consumer instances that speaks HTTP to them."""

import contextlib
import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.ports import free_ports
from tests.unit.runtime.gateway.conftest import JSON, RED, V2, Program, StartGateway, authorization


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Status, headers and body; the body is parsed if it is JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> int:
        """The dialect's error code."""
        code: int = self.body["error_code"]
        return code


@dataclass(kw_only=True)
class Pod:
    """One gateway process."""

    name: str
    program: Program
    tls: ssl.SSLContext | None = None

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        return self.program.port

    @property
    def log(self) -> str:
        """What it has printed."""
        return self.program.log.read_text()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str | None = RED,
        content_type: str = V2,
        accept: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 60,
    ) -> Answer:
        """Send a request and wait for its answer."""
        sent = dict(headers or {})
        if user is not None:
            sent["authorization"] = authorization(user)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if data is not None:
            sent["content-type"] = content_type
        if accept is not None:
            sent["accept"] = accept
        connection = (
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
            if self.tls is None
            else http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.tls)
        )
        with contextlib.closing(connection):
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            content = response.read()
        parsed: Any = content
        if content and "json" in (response.getheader("content-type") or ""):
            parsed = json.loads(content)
        lower = {name.lower(): value for name, value in response.getheaders()}
        return Answer(status=response.status, headers=lower, body=parsed)

    def write(self, topic: str, values: list[Any], *, user: str = RED, partition: int | None = None) -> None:
        """Write JSON values."""
        path = f"/topics/{topic}" if partition is None else f"/topics/{topic}/partitions/{partition}"
        answer = self.call(
            "POST", path, {"records": [{"value": each} for each in values]}, user=user, content_type=JSON
        )
        assert answer.status == 200, answer


@dataclass(kw_only=True)
class Consumer:
    """An instance and the pod that requests on it are sent to."""

    pod: Pod
    group: str
    name: str
    user: str = RED

    @classmethod
    def make(cls, pod: Pod, group: str, name: str | None = None, *, user: str = RED, **options: Any) -> "Consumer":
        """Make an instance; names of options have underscores for dots."""
        body = {"format": "json", "auto.offset.reset": "earliest"}
        body.update({key.replace("_", "."): value for key, value in options.items()})
        if name is not None:
            body["name"] = name
        answer = pod.call("POST", f"/consumers/{group}", body, user=user)
        assert answer.status == 200, answer
        return cls(pod=pod, group=group, name=answer.body["instance_id"], user=user)

    def at(self, pod: Pod) -> "Consumer":
        """The same instance, asked for at another pod."""
        return Consumer(pod=pod, group=self.group, name=self.name, user=self.user)

    def call(self, method: str, path: str = "", body: Any = None, **more: Any) -> Answer:
        """Send a request on the instance."""
        more.setdefault("user", self.user)
        return self.pod.call(method, f"/consumers/{self.group}/instances/{self.name}{path}", body, **more)

    def done(self, method: str, path: str = "", body: Any = None) -> None:
        """Send a request that is answered with 204."""
        answer = self.call(method, path, body)
        assert answer.status == 204, answer
        assert answer.body == b""

    def subscribe(self, *topics: str) -> "Consumer":
        """Subscribe to topics."""
        self.done("POST", "/subscription", {"topics": list(topics)})
        return self

    def assign(self, topic: str, *partitions: int) -> "Consumer":
        """Assign partitions."""
        self.done("POST", "/assignments", {"partitions": [{"topic": topic, "partition": each} for each in partitions]})
        return self

    def read(self, timeout: int = 3000, **query: int) -> list[dict[str, Any]]:
        """Read once."""
        more = "".join(f"&{name}={value}" for name, value in query.items())
        answer = self.call("GET", f"/records?timeout={timeout}{more}")
        assert answer.status == 200, answer
        records: list[dict[str, Any]] = answer.body
        return records

    def read_until(self, count: int, seconds: float = 120) -> list[dict[str, Any]]:
        """Read until there are so many records."""
        found: list[dict[str, Any]] = []
        until = time.monotonic() + seconds
        while len(found) < count:
            assert time.monotonic() < until, f"{len(found)} of {count} records after {seconds} s"
            found += self.read(500)
        return found

    def partitions(self) -> list[int]:
        """The partitions that the instance has at the moment."""
        answer = self.call("GET", "/assignments")
        assert answer.status == 200, answer
        return [each["partition"] for each in answer.body["partitions"]]

    def committed(self) -> dict[int, int]:
        """Committed offsets of the partitions that it has."""
        answer = self.call("GET", "/offsets")
        assert answer.status == 200, answer
        return {each["partition"]: each["offset"] for each in answer.body["offsets"]}


def eventually(condition: Callable[[], bool], seconds: float = 240) -> None:
    """Wait until it is so."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not so after {seconds} s"
        time.sleep(0.1)


def first_group(program: Program) -> None:
    """Have Kafka make the topic of the groups' offsets, which a busy machine does not do within a request."""
    body = {"name": "first"}
    eventually(lambda: program.ask("POST", "/consumers/red.first", body, user=RED).status == 200)
    program.ask("DELETE", "/consumers/red.first/instances/first", user=RED)


def start_pods(
    start: StartGateway,
    *names: str,
    also_known: str = "",
    tls: ssl.SSLContext | None = None,
    tls_files: Mapping[str, str] | None = None,
    **settings: Any,
) -> list[Pod]:
    """Pods of one gateway that know each other.

    Args:
        start: the fixture `start_gateway`.
        names: of the pods.
        also_known: more entries of `peers`, each with a comma before it.
        tls: how the client verifies them; `tls_files` are their settings.
        tls_files: certificate and key.
        settings: further ones.
    """
    if tls_files is not None:
        settings["tls"] = tls_files
    ports = free_ports(len(names))
    peers = ",".join(f"{name}=127.0.0.1:{port}" for name, port in zip(names, ports, strict=True)) + also_known
    return [
        Pod(name=name, program=start({"port": port, "peers": peers, **settings}, pod=name), tls=tls)
        for name, port in zip(names, ports, strict=True)
    ]
