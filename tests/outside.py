"""Callers and Kafka clients from outside the cluster: to the address of a load balancer, under host names that no DNS has."""

import base64
import contextlib
import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sandbox import choice
from sandbox.choice import Mode
from sandbox.instance import state_folder
from tests.harness import CLIENTS, ROOT, eventually, get, kubectl
from tests.logins import Authority
from tests.sandbox_cache import newest_layer

JSON = "application/vnd.kafka.json.v2+json"
RECORDS = 5
"""Records of a request."""
PAUSE_SECONDS = 0.02
"""After each request, and before one is repeated."""


def needed_edge(*parts: str) -> None:
    """Skips the test unless the sandbox can have these parts of the edge, and brings them up."""
    if choice.choose(state_folder()) is not Mode.PACKAGES:
        pytest.skip("the edge is part of the sandbox made from packages")
    missing = [part for part in parts if newest_layer(f"edge-{part}") is None]
    if missing:
        pytest.skip(f"not compiled: {', '.join(missing)}: `make edge` does so, once")
    done = subprocess.run([sys.executable, "-m", "sandbox", "edge", *parts], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def balancer(name: str, namespace: str) -> str:
    """The address of a Service of the type LoadBalancer."""
    path = "jsonpath={.status.loadBalancer.ingress[0].ip}"

    def found() -> str:
        return kubectl("-n", namespace, "get", "service", name, "-o", path)

    eventually(f"an address of {name}", lambda: bool(found()))
    return found()


def login(namespace: str, user: str, key: str) -> str:
    """What a user finds in its Secret."""
    return base64.b64decode(get("secret", f"{user}-kafka", namespace)["data"][key]).decode()


def native_client(
    folder: Path, namespace: str, addresses: Mapping[str, str], authority: Authority, *arguments: str, **settings: Any
) -> "subprocess.Popen[str]":
    """`outside_kafka.py`, as the user `app`, which knows these names by a mount namespace of its own."""
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{to} {name}\n" for name, to in addresses.items()))
    known = {
        "bootstrap.servers": login(namespace, "app", "external-bootstrap-servers"),
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": login(namespace, "app", "username"),
        "sasl.password": login(namespace, "app", "password"),
        "ssl.ca.location": str(authority.ca_file),
    }
    program = f'mount --bind {hosts} /etc/hosts && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", program, "sh", sys.executable, str(CLIENTS / "outside_kafka.py")]
    started = subprocess.Popen(
        [*command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert started.stdin is not None
    started.stdin.write(json.dumps({**known, **settings}) + "\n")
    started.stdin.flush()
    return started


class _Connection(http.client.HTTPSConnection):
    """To an address instead of the one that DNS has for the host; the certificate has to be the host's."""

    def __init__(self, way: "Way") -> None:
        self._way = way
        self._trust = ssl.create_default_context(cafile=str(way.authority))
        super().__init__(way.host, timeout=way.seconds, context=self._trust)

    def connect(self) -> None:
        plain = socket.create_connection((self._way.address, 443), timeout=self._way.seconds)
        self.sock = self._trust.wrap_socket(plain, server_hostname=self._way.host)


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way to a gateway."""

    host: str
    address: str
    """Of the load balancer."""
    authority: Path
    """The root that callers trust, and nothing else."""
    login: str
    """User and password, with a colon."""
    seconds: float = 15
    """How long a caller waits for a sign of life."""

    @property
    def headers(self) -> dict[str, str]:
        """What goes with every request."""
        return {"authorization": f"Basic {base64.b64encode(self.login.encode()).decode()}", "accept": JSON}

    def opened(self) -> http.client.HTTPSConnection:
        """A connection."""
        return _Connection(self)

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        """Status and content of an answer. Raises `OSError`, also if the certificate is not trusted."""
        with contextlib.closing(self.opened()) as connection:
            connection.request(method, path, body, {**self.headers, "content-type": JSON})
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, json.loads(text) if text.startswith(("{", "[")) else text

    def is_open(self) -> bool:
        """Whether callers get through."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.ask("GET", "/topics")[0] == http.client.OK
        return False

    def certificate(self) -> bytes | None:
        """The certificate that proves the host now; None if nothing answers."""
        with contextlib.suppress(OSError), contextlib.closing(self.opened()) as connection:
            connection.connect()
            found: bytes | None = connection.sock.getpeercert(binary_form=True)
            return found
        return None

    def in_the_clear(self) -> tuple[int, str, str | None]:
        """Status, text and place of redirection of what port 80 answers to a login."""
        with contextlib.closing(http.client.HTTPConnection(self.address, 80, timeout=self.seconds)) as connection:
            connection.request("GET", "/topics", headers={**self.headers, "host": self.host})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers["location"]


@dataclass(kw_only=True)
class Flow:
    """Numbered records that are written and read at the same time, by one connection each, until told to stop."""

    way: Way
    topic: str
    acknowledged: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Partition and offset of each number."""
    read: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """Where each number was read, as often as it was."""
    repeated: Counter[str] = field(default_factory=Counter)
    """Why writers repeated requests."""
    interrupted: Counter[str] = field(default_factory=Counter)
    """Why readers opened the stream again."""
    _done: threading.Event = field(default_factory=threading.Event)
    _read: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._writer = threading.Thread(target=self.write)

    def write(self) -> None:
        """Writes, and repeats what was not acknowledged."""
        number = 0
        connection = self.way.opened()
        while not self._done.is_set():
            records = [{"key": str(each), "value": each} for each in range(number, number + RECORDS)]
            try:
                headers = {**self.way.headers, "content-type": JSON}
                connection.request("POST", f"/topics/{self.topic}", json.dumps({"records": records}), headers)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != http.client.OK:
                    raise http.client.HTTPException(str(answer.status))
                offsets = json.loads(text)["offsets"]
                if any("offset" not in each for each in offsets):
                    raise http.client.HTTPException(f"record {offsets}")
            except (OSError, http.client.HTTPException) as error:
                self.repeated[_named(error)] += 1
                connection.close()
                time.sleep(PAUSE_SECONDS)
                continue
            for record, place in zip(records, offsets, strict=True):
                self.acknowledged[int(str(record["key"]))] = (place["partition"], place["offset"])
            number += RECORDS
            time.sleep(PAUSE_SECONDS)
        connection.close()

    def follow(self) -> None:
        """Reads the topic's stream, and resumes it where it was."""
        last: str | None = None
        while not self._read.is_set():
            resumed = {} if last is None else {"last-event-id": last}
            connection = self.way.opened()
            try:
                path = f"/topics/{self.topic}/stream?from=earliest"
                connection.request("GET", path, headers={**self.way.headers, **resumed, "accept": "text/event-stream"})
                answer = connection.getresponse()
                if answer.status != http.client.OK:
                    raise http.client.HTTPException(str(answer.status))
                event: dict[str, str] = {}
                while not self._read.is_set():
                    line = answer.readline()
                    if not line:
                        raise http.client.HTTPException("ended")
                    name, _, value = line.decode().rstrip("\n").partition(": ")
                    if name:
                        event[name] = value
                        continue
                    if "data" in event and "event" not in event:
                        record = json.loads(event["data"])
                        place = (record["partition"], record["offset"])
                        self.read.setdefault(record["value"], []).append(place)
                        last = event["id"]
                    elif "event" in event:
                        self.interrupted[event["event"]] += 1
                    event = {}
            except (OSError, http.client.HTTPException) as error:
                self.interrupted[_named(error)] += 1
                time.sleep(PAUSE_SECONDS)
            finally:
                connection.close()

    @contextlib.contextmanager
    def running(self) -> Iterator["Flow"]:
        """Both run while the context is open."""
        reader = threading.Thread(target=self.follow)
        for each in (self._writer, reader):
            each.start()
        try:
            yield self
        finally:
            self._read.set()
            self.stop_writing()
            reader.join()

    def stop_writing(self) -> None:
        """Nothing is written from now on; what was on its way has been answered."""
        self._done.set()
        self._writer.join()

    @property
    def missing(self) -> set[int]:
        """What was acknowledged and has not been read."""
        return self.acknowledged.keys() - self.read.keys()

    @property
    def told(self) -> str:
        """The counts, in words."""
        return (
            f"{len(self.acknowledged)} written, {len(self.read)} read, {len(self.missing)} missing; "
            f"repeated {dict(self.repeated)}, streams opened again {dict(self.interrupted)}"
        )


def _named(error: Exception) -> str:
    return str(error) if type(error) is http.client.HTTPException else type(error).__name__
